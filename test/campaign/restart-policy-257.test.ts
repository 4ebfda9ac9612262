import {describeOnSystemd} from '../support/machines.js'
import {restartPolicySuite} from '../support/restart-policy-suite.js'

await describeOnSystemd('the restart policy', restartPolicySuite, {versions: ['257']})
