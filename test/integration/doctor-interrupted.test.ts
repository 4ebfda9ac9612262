import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {interruptedRows} from '../support/doctor-interrupted-rows.js'
import {doctor, type DoctorRow, DoctorRows} from '../support/doctor-row.js'
import {describeOnSystemd, hermesSvc} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

const rows: DoctorRow[] = [
  {
    id: 'interrupted-change',
    kind: 'half-installed',
    severity: 'warning',
    how: 'the unit is gone and our drop-in is not',
    what: /has no definition, but other files of hermes-svc for it are still there/,
    break: async (service) => {
      await service.systemctl('stop', service.unit)
      await service.sh('rm "$1"', [service.unitFile])
      await service.systemctl('daemon-reload')
    },
  },
]

await describeOnSystemd('doctor on what was left half-done', (machine) => {
  const services = DoctorRows.onSystemd(machine)
  let ann: Account
  beforeAll(async () => {
    ann = await machine().addUser('ann')
  })

  it.each([...interruptedRows, ...rows])('doctor names $id ($kind) alone, and finds nothing after its cure: $how', (row) =>
    services.see(row, ann),
  )

  it('interrupted-change (half-uninstalled): an uninstall killed near its end is finished', async () => {
    const service = await TestService.make(machine(), ann)
    await service.must('install')
    await service.systemctl('disable', '--now', service.unit)
    await service.sh('rm -r "$1" "$1.d" "$2"/*.sh', [service.unitFile, service.support])
    await service.systemctl('daemon-reload')
    expect((await doctor(service)).findings).toMatchObject([{id: 'interrupted-change', kind: 'half-uninstalled', severity: 'warning'}])
    await service.must('fix:interrupted-change', ['--yes'])
    await service.sh('[ ! -e "$1/.hermes-svc.json" ] && [ ! -e "$2" ]', [service.home, service.support])
    expect((await doctor(service)).findings).toMatchObject([{id: 'not-installed', severity: 'info'}])
  })

  it('not-installed: says so of a profile that is asked for, and nothing with --all', async () => {
    const service = await TestService.make(machine(), ann)
    expect(await doctor(service)).toMatchObject({
      exit: 0,
      findings: [{id: 'not-installed', kind: 'none', severity: 'info', isFixable: false}],
    })
    const all = await hermesSvc(machine(), ['doctor', '--all', '--json', '--scope', 'user'], {user: ann})
    expect(all.json()).toMatchObject({ok: true})
  })
})
