import {beforeAll, expect, it} from 'vitest'
import {itInCampaign} from '../support/campaign.js'
import {BY_HAND, processRows, ZOMBIE} from '../support/doctor-process-rows.js'
import {doctor, type DoctorRow, DoctorRows, seen, settle} from '../support/doctor-row.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'
import {UserPool} from '../support/user-pool.js'

/** Moves a process into the service's control group. `$1`: its pid. `$2`: the group. */
const JOIN_GROUP = 'mkdir -p "/sys/fs/cgroup$2" && echo "$1" >"/sys/fs/cgroup$2/cgroup.procs"'
const groupOf = ({user, unit}: TestService) => `/user.slice/user-${user.uid}.slice/user@${user.uid}.service/app.slice/${unit}`
const sleeper = async (service: TestService) =>
  (await service.sh('setsid sleep 987 >/dev/null 2>&1 & echo $!', [], {user: service.user})).trim()

/** What systemd alone shows: control groups, and what waits in the kernel. */
const rows: DoctorRow[] = [
  {
    id: 'zombie-pid',
    kind: 'recorded',
    severity: 'error',
    how: 'the gateway is killed for good, and gateway.pid names a zombie whose parent reaps nothing',
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
    id: 'helper-missing',
    kind: 'altered',
    severity: 'warning',
    how: 'an empty unit in the place of the timer, which systemd has read',
    what: /hermes-svc-heartbeat\.timer is empty$/,
    break: async (service) => {
      await service.sh(': >"$1"', [`${service.units}/hermes-svc-heartbeat.timer`], service.actor)
      await service.systemctl('daemon-reload')
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

await describeOnSystemd('doctor on processes', (machine) => {
  const services = DoctorRows.onSystemd(machine)
  const users = new UserPool()
  beforeAll(() => users.fill(machine(), ['ann', 'bob', 'cid']))

  it.concurrent.each(seen([...processRows, ...rows]))('doctor names $id ($kind) alone, and finds nothing after its cure: $how', (row) =>
    users.with((user) => services.see(row, user)),
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
