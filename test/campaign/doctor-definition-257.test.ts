import {doctorDefinitionSuite} from '../support/doctor-definition-suite.js'

await doctorDefinitionSuite('257')
