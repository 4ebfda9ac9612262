import {beforeAll, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type DoctorRow, seeRow} from '../support/doctor-row.js'
import {describeOnSystemd} from '../support/machines.js'

const rows: DoctorRow[] = [
  {
    id: 'not-enabled',
    kind: 'disabled',
    severity: 'warning',
    how: '`systemctl disable` under a running service',
    what: /should be running, and is not started at boot/,
    break: async (service) => {
      await service.systemctl('disable', service.unit)
    },
  },
]

await describeOnSystemd('doctor on what keeps a service up over a reboot', (machine) => {
  let ann: Account
  beforeAll(async () => {
    ann = await machine().addUser('ann')
  })

  it.each(rows)('$id ($kind): $how', (row) => seeRow(machine(), ann, row))
})
