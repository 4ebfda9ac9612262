import {beforeAll} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {describeDefinitions} from '../support/doctor-definition-suite.js'
import {DoctorRows} from '../support/doctor-row.js'
import {describeOnSystemd} from '../support/machines.js'

await describeOnSystemd(
  'systemd of Debian 13',
  (machine) => {
    let [ann, bob]: Account[] = []
    beforeAll(async () => {
      ann = await machine().addUser('ann')
      bob = await machine().addUser('bob')
    })
    describeDefinitions(machine, '257', DoctorRows.onSystemd(machine), () => [ann as Account, bob as Account])
  },
  {versions: ['257']},
)
