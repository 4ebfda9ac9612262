import {beforeAll, expect, it} from 'vitest'
import {GONE, homeRows, recordOf} from '../support/doctor-home-rows.js'
import {doctor, type DoctorRow, DoctorRows, seen, settle} from '../support/doctor-row.js'
import {describeOnSystemd} from '../support/machines.js'
import {TestService} from '../support/test-service.js'
import {UserPool} from '../support/user-pool.js'

const desiredState: DoctorRow[] = [
  {
    id: 'desired-state',
    kind: 'down',
    severity: 'error',
    how: 'SIGKILL, and `systemctl stop` before systemd starts it again',
    what: /the service should be running, but is (failed|stopped)/,
    break: async (service) => {
      const kill = 'kill -s KILL "$1" && XDG_RUNTIME_DIR="$2" systemctl --user stop "$3"'
      await service.sh(kill, [String(await service.mainPid()), `/run/user/${service.user.uid}`, service.unit], service.actor)
      await settle()
    },
  },
  {
    id: 'desired-state',
    kind: 'stopped-elsewhere',
    severity: 'warning',
    how: '`systemctl stop`, cured by starting it',
    what: /the service should be running, but somebody stopped it without hermes-svc/,
    break: async (service) => {
      await service.systemctl('stop', service.unit)
      await settle()
      // It is nothing to be revived unasked.
      await service.run('doctor', ['--fix'])
      expect(await service.status()).toMatchObject({actual: 'stopped'})
    },
    fix: ['--desired', 'running'],
  },
  {
    id: 'desired-state',
    kind: 'stopped-elsewhere',
    severity: 'warning',
    how: '`systemctl disable --now`, taken for what is wanted',
    what: /somebody stopped it without hermes-svc/,
    scope: 'system',
    break: async (service) => {
      await service.systemctl('disable', '--now', service.unit)
      await settle()
    },
    fix: ['--desired', 'stopped'],
    ends: 'stopped',
    after: async (service) => {
      expect(await recordOf(service)).toMatchObject({desiredState: 'stopped'})
    },
  },
  {
    id: 'desired-state',
    kind: 'up',
    severity: 'warning',
    how: '`systemctl start` of one that should be stopped',
    what: /the service should be stopped, but is running/,
    break: async (service) => {
      await service.must('stop')
      await service.systemctl('start', service.unit)
      await service.comesUp()
      await settle()
    },
    ends: 'stopped',
  },
  {
    id: 'desired-state',
    kind: 'enabled',
    severity: 'warning',
    how: '`systemctl enable` of one that should be stopped',
    provedBy: 'test/doctor/checks/desired-state.test.ts',
    what: /the service should be stopped, but starts at the next boot/,
    break: async (service) => {
      await service.must('stop')
      await service.systemctl('enable', service.unit)
      await settle()
    },
    ends: 'stopped',
  },
]

await describeOnSystemd('doctor on what is recorded', (machine) => {
  const users = new UserPool()
  beforeAll(() => users.fill(machine(), ['ann', 'bob', 'cid']))
  const rows = DoctorRows.onSystemd(machine)
  const see = (row: DoctorRow) => users.with((user) => rows.see(row, user))

  it.concurrent.each(seen([...homeRows, ...desiredState]))('doctor names $id ($kind) alone, and finds nothing after its cure: $how', see)

  it.concurrent('has the fix of stale-state keep off the files of a gateway that lives', () =>
    users.with(async (user) => {
      const service = await TestService.make(machine(), user)
      await service.must('install')
      await service.sh(GONE, [service.home], {user})
      await settle()
      const before = await service.machine.readText(`${service.home}/gateway.pid`)
      expect((await service.run('fix:stale-state', ['--yes'])).code).toBe(1)
      expect(await service.machine.readText(`${service.home}/gateway.pid`)).toBe(before)
    }))

  it.concurrent('takes one that was stopped until the boot for what was asked, enabled as it is', () =>
    users.with(async (user) => {
      const service = await TestService.make(machine(), user)
      await service.must('install')
      await service.must('stop', ['--until-boot'])
      await settle()
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
    }))
})
