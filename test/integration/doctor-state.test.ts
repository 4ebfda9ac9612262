import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {describeCommands} from '../support/doctor-command-suite.js'
import {describeDefinitions} from '../support/doctor-definition-suite.js'
import {GONE, homeRows, recordOf} from '../support/doctor-home-rows.js'
import {BY_HAND, processRows, ZOMBIE} from '../support/doctor-process-rows.js'
import {doctor, type DoctorRow, DoctorRows, seen, settle} from '../support/doctor-row.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'
import {UserPool} from '../support/user-pool.js'

const desiredState: DoctorRow[] = [
  {
    id: 'desired-state',
    kind: 'down',
    severity: 'error',
    how: 'SIGKILL, and `systemctl stop` before systemd starts it again',
    provedBy: 'test/doctor/checks/desired-state.test.ts',
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
    provedBy: 'test/doctor/checks/desired-state.test.ts',
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
  {
    id: 'not-enabled',
    kind: 'disabled',
    severity: 'warning',
    how: '`systemctl disable` under a running service',
    what: /should be running, but does not start at boot/,
    break: async (service) => {
      await service.systemctl('disable', service.unit)
    },
  },
]

/** Moves a process into the service's control group. `$1`: its pid. `$2`: the group. */
const JOIN_GROUP = 'mkdir -p "/sys/fs/cgroup$2" && echo "$1" >"/sys/fs/cgroup$2/cgroup.procs"'
const groupOf = ({user, unit}: TestService) => `/user.slice/user-${user.uid}.slice/user@${user.uid}.service/app.slice/${unit}`
const sleeper = async (service: TestService) =>
  (await service.sh('setsid sleep 987 >/dev/null 2>&1 & echo $!', [], {user: service.user})).trim()

/** What systemd alone shows: control groups, and what waits in the kernel. */
const systemdProcessRows: DoctorRow[] = [
  {
    id: 'zombie-pid',
    kind: 'recorded',
    severity: 'error',
    how: 'the gateway is killed for good, and gateway.pid names a zombie whose parent reaps nothing',
    provedBy: 'test/doctor/checks/zombie-pid.test.ts',
    what: /gateway\.pid names a zombie: pid \d+ has ended, but its parent has not reaped it/,
    break: async (service) => {
      const folder = `/run/user/${service.user.uid}/systemd/user.control/${service.unit}.d`
      await service.sh(`mkdir -p "$1" && printf '[Service]\\nRestart=no\\n' >"$1/99-no-restart.conf"`, [folder], service.actor)
      await service.systemctl('daemon-reload')
      await service.systemctl('kill', '--signal=SIGKILL', service.unit)
      await service.sh(ZOMBIE, [service.home, 'pass', service.platform], {user: service.user})
      await settle()
      await service.sh('rm -r "$1"', [folder], service.actor)
      await service.systemctl('daemon-reload')
    },
  },
  {
    id: 'missing-heartbeat',
    kind: 'wedged',
    severity: 'error',
    how: 'an event loop that is blocked',
    provedBy: 'test/doctor/checks/missing-heartbeat.test.ts',
    curedAs: 'stale-code',
    what: /the gateway \(pid \d+\) is wedged: its event loop no longer responds/,
    break: async (service) => {
      await service.configure({freeze_after_ms: 500})
      await service.must('restart')
      await waitFor(async () => (await service.events()).at(-1)?.event === 'freeze', 'a frozen gateway')
      await service.configure({})
    },
  },
  {
    id: 'missing-heartbeat',
    kind: 'off',
    severity: 'warning',
    how: 'the timer of the heartbeat is disabled, and does not run',
    // That one is started: doctor-quiet-suite.ts.
    provedBy: 'test/doctor/checks/missing-heartbeat.test.ts',
    curedAs: 'not-enabled',
    what: /does not run: hermes-svc-heartbeat\.timer is not enabled; hermes-svc-heartbeat\.timer is not active$/,
    break: async (service) => {
      await service.systemctl('disable', '--now', 'hermes-svc-heartbeat.timer')
    },
    after: async (service) => {
      const {stdout} = await service.systemctl('is-enabled', 'hermes-svc-heartbeat.timer')
      expect(stdout.trim()).toBe('enabled')
    },
  },
  {
    id: 'leftover-processes',
    kind: 'down',
    severity: 'warning',
    how: "a process in the stopped service's control group",
    provedBy: 'test/doctor/checks/leftover-processes.test.ts',
    what: /1 process of an earlier gateway still runs while the service is down/,
    break: async (service) => {
      await service.must('stop')
      await service.sh(JOIN_GROUP, [await sleeper(service), groupOf(service)])
      await settle()
    },
    ends: 'stopped',
  },
  {
    id: 'leftover-processes',
    kind: 'former',
    severity: 'warning',
    how: "a process in the service's control group that is older than the gateway",
    what: /1 process of an earlier gateway still runs beside the gateway that runs now/,
    break: async (service) => {
      const pid = await sleeper(service)
      await service.must('restart')
      await service.sh(JOIN_GROUP, [pid, groupOf(service)])
      await settle()
    },
  },
]

await describeOnSystemd('doctor on a service', (machine) => {
  const users = new UserPool()
  let [ann, bob]: Account[] = []
  beforeAll(async () => {
    ;[ann, bob] = await users.fill(machine(), inCampaign(['ann', 'bob', 'cid'], ['ann', 'bob']))
  })
  const rows = DoctorRows.onSystemd(machine)
  const see = (row: DoctorRow) => users.with((user) => rows.see(row, user))

  describe('on what is recorded, and on processes', () => {
    it.concurrent.each(seen([...homeRows, ...desiredState, ...processRows, ...systemdProcessRows]))(
      'doctor names $id ($kind) alone, and finds nothing after its cure: $how',
      see,
    )

    // A gateway that has come up meanwhile: stale-state.test.ts. What tells that one lives: "orphan-gateway", above.
    itInCampaign('has the fix of stale-state keep off the files of a gateway that lives', () =>
      users.with(async (user) => {
        const service = await TestService.make(machine(), user)
        await service.must('install')
        await service.sh(GONE, [service.home], {user})
        await settle()
        const before = await service.machine.readText(`${service.home}/gateway.pid`)
        expect((await service.run('fix:stale-state', ['--yes'])).code).toBe(1)
        expect(await service.machine.readText(`${service.home}/gateway.pid`)).toBe(before)
      }),
    )

    // Judged by what is recorded of the boot: desired-state.test.ts.
    itInCampaign('takes one that was stopped until the boot for what was asked, enabled as it is', () =>
      users.with(async (user) => {
        const service = await TestService.make(machine(), user)
        await service.must('install')
        await service.must('stop', ['--until-boot'])
        await settle()
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
      }),
    )

    // As one whose service does not run; that it is found: orphan-gateway.test.ts.
    itInCampaign('orphan-gateway ends one that has no service at all', () =>
      users.with(async (user) => {
        const service = await TestService.make(machine(), user)
        await service.sh(BY_HAND, [service.home], {user})
        await settle()
        const {findings, exit} = await doctor(service)
        expect(findings).toMatchObject([{id: 'orphan-gateway', kind: 'alone', severity: 'warning', isSafe: false}])
        expect(exit).toBe(1)
        expect(await service.run('fix:orphan-gateway', ['--yes'])).toMatchObject({code: 0})
        expect(await doctor(service)).toMatchObject({exit: 0, findings: [{id: 'not-installed', severity: 'info'}]})
      }),
    )
  })

  describeCommands(machine, rows, () => ann as Account)
  describeDefinitions(machine, 'host', rows, () => [ann, bob] as [Account, Account])
})
