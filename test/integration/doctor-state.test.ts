import {beforeAll, expect, it} from 'vitest'
import {doctor, type DoctorRow, seeRow} from '../support/doctor-row.js'
import {describeOnSystemd, testHost} from '../support/machines.js'
import {TestService} from '../support/test-service.js'
import {UserPool} from '../support/user-pool.js'

/** What has just happened is no finding yet. */
const settle = () => testHost.sleep(3500)

/** Stops a service for good, then has a shell (`$1`: the home) change its files. */
const stopThen =
  (program: string): DoctorRow['break'] =>
  async (service) => {
    await service.must('stop')
    await service.sh(program, [service.home], {user: service.user})
    await settle()
  }
/** Changes the files of a service that goes on running. */
const whileUp =
  (program: string): DoctorRow['break'] =>
  async (service) => {
    await service.sh(program, [service.home], {user: service.user})
    await settle()
  }
const restartByHand: DoctorRow['cureByHand'] = async (service) => {
  await service.must('restart')
}
const stateOf = async (service: TestService) =>
  JSON.parse((await service.machine.readText(`${service.home}/gateway_state.json`)) ?? '') as Record<string, unknown>
const recordOf = async (service: TestService) =>
  JSON.parse((await service.machine.readText(`${service.home}/.hermes-svc.json`)) ?? '') as Record<string, unknown>

/** Records a process of this machine that has ended. */
const GONE = `sleep 0 & wait $!; printf '{"pid": %d, "kind": "hermes-gateway", "start_time": %d}' $! "$(awk '{print $22}' /proc/self/stat)" >"$1/gateway.pid"`

const staleState: DoctorRow[] = [
  {
    id: 'stale-state',
    kind: 'pid-gone',
    severity: 'warning',
    how: 'gateway.pid of a process that is gone, and a state `running`, as a power cut leaves them',
    what: /gateway\.pid names a process that is gone \(pid \d+\), and gateway_state\.json says running/,
    break: stopThen(`${GONE}; sed -i 's/"gateway_state": *"stopped"/"gateway_state": "running"/' "$1/gateway_state.json"`),
    ends: 'stopped',
    after: async (service) => {
      expect(await service.machine.readText(`${service.home}/gateway.pid`)).toBeUndefined()
      expect(await stateOf(service)).toMatchObject({gateway_state: 'stopped', desired_state: 'stopped'})
    },
  },
  {
    id: 'stale-state',
    kind: 'pid-recycled',
    severity: 'warning',
    how: 'gateway.pid with a number that another process has now',
    what: /gateway\.pid names a number that another process has now \(pid 1\)/,
    break: stopThen(
      `printf '{"pid": 1, "kind": "hermes-gateway", "start_time": %d}' "$(awk '{print $22 + 9}' /proc/1/stat)" >"$1/gateway.pid"`,
    ),
    ends: 'stopped',
  },
  {
    id: 'stale-state',
    kind: 'pid-other-program',
    severity: 'warning',
    how: 'gateway.pid, a bare number, of another program',
    what: /gateway\.pid names another program \(pid 1\)/,
    break: stopThen(`printf 1 >"$1/gateway.pid"`),
    ends: 'stopped',
    scope: 'system',
  },
  {
    id: 'stale-state',
    kind: 'pid-damaged',
    severity: 'warning',
    how: 'gateway.pid cut off in the middle, without a lock beside it',
    what: /gateway\.pid is damaged/,
    break: stopThen(`printf '{"pid": 4' >"$1/gateway.pid"; rm "$1/gateway.lock"`),
    ends: 'stopped',
  },
  {
    id: 'stale-state',
    kind: 'state',
    severity: 'warning',
    how: 'a state `draining` of a gateway that is gone',
    what: /gateway_state\.json says draining, and no gateway runs/,
    break: stopThen(
      `sed -i 's/"gateway_state": *"stopped"/"gateway_state": "draining"/; s/, *"desired_state": *"stopped"//' "$1/gateway_state.json"`,
    ),
    ends: 'stopped',
    after: async (service) => {
      // What was wanted is written down where others look for it.
      expect(await stateOf(service)).toMatchObject({gateway_state: 'stopped', desired_state: 'stopped'})
    },
  },
  {
    id: 'stale-state',
    kind: 'pid-missing',
    severity: 'warning',
    how: 'gateway.pid deleted under a gateway that runs',
    what: /there is no gateway\.pid for the gateway that runs/,
    break: whileUp('rm "$1/gateway.pid"'),
    fix: null,
    cureByHand: restartByHand,
  },
  {
    id: 'stale-state',
    kind: 'pid-other',
    severity: 'warning',
    how: 'gateway.pid overwritten under a gateway that runs',
    what: /gateway\.pid names pid \d+, and the gateway that runs is pid \d+/,
    break: whileUp(GONE),
    fix: null,
    cureByHand: restartByHand,
  },
  {
    id: 'stale-state',
    kind: 'lock-deleted',
    severity: 'warning',
    how: 'gateway.lock deleted under a gateway that holds it',
    what: /gateway\.lock was deleted while the gateway \(pid \d+\) holds it/,
    break: whileUp('rm "$1/gateway.lock"'),
    fix: null,
    cureByHand: restartByHand,
  },
]

const desiredState: DoctorRow[] = [
  {
    id: 'desired-state',
    kind: 'down',
    severity: 'error',
    how: 'SIGKILL, and `systemctl stop` before systemd starts it again',
    what: /it should be running, and is (failed|stopped)/,
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
    what: /it should be running, and was stopped in good order, but not by hermes-svc/,
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
    what: /was stopped in good order, but not by hermes-svc/,
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
    what: /it should be stopped, and is running/,
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
    what: /it should be stopped, and starts at the next boot/,
    break: async (service) => {
      await service.must('stop')
      await service.systemctl('enable', service.unit)
      await settle()
    },
    ends: 'stopped',
  },
  {
    id: 'desired-state',
    kind: 'mirror',
    severity: 'warning',
    how: 'another `desired_state` in gateway_state.json',
    what: /it should be running, and gateway_state\.json says that it should be stopped/,
    standIn: {state_fields: {desired_state: 'running'}},
    break: whileUp(`sed -i 's/"desired_state": *"running"/"desired_state": "stopped"/' "$1/gateway_state.json"`),
    after: async (service) => {
      expect(await stateOf(service)).toMatchObject({gateway_state: 'running', desired_state: 'running'})
    },
  },
  {
    id: 'desired-state',
    kind: 'damaged',
    severity: 'warning',
    how: 'half a record of what was asked for',
    what: /the record of what was asked for is damaged/,
    break: whileUp(`printf '{"schemaVer' >"$1/.hermes-svc.json"`),
    fix: ['--desired', 'running'],
    after: async (service) => {
      expect(await recordOf(service)).toMatchObject({desiredState: 'running'})
    },
  },
  {
    id: 'desired-state',
    kind: 'unrecorded',
    severity: 'warning',
    how: 'the record of what was asked for deleted',
    what: /nobody has recorded whether it should run/,
    break: async (service) => {
      await service.sh('rm "$1/.hermes-svc.json"', [service.home])
      const undecided = await service.run('fix:desired-state', ['--yes'])
      expect([undecided.code, undecided.stderr]).toEqual([2, expect.stringContaining('--desired is needed')])
    },
    fix: ['--desired', 'running'],
  },
]

const markers: DoctorRow[] = [
  {
    id: 'stale-marker',
    kind: 'planned-stop',
    severity: 'warning',
    how: 'a planned-stop marker for a pid that is gone',
    what: /\.gateway-planned-stop\.json was left behind/,
    break: whileUp(
      `printf '{"target_pid": 4000000, "target_start_time": 7, "written_at": "%s"}' "$(date -u +%Y-%m-%dT%H:%M:%S+00:00)" >"$1/.gateway-planned-stop.json"`,
    ),
  },
  {
    id: 'stale-marker',
    kind: 'takeover',
    severity: 'warning',
    how: 'a takeover marker of two minutes ago',
    what: /\.gateway-takeover\.json was left behind/,
    break: whileUp(
      `printf '{"target_pid": 4000000, "written_at": "2026-01-01T00:00:00+00:00"}' >"$1/.gateway-takeover.json"; touch -d '-2 min' "$1/.gateway-takeover.json"`,
    ),
  },
  {
    id: 'stale-marker',
    kind: 'drain-request',
    severity: 'warning',
    how: 'a drain request of two hours ago',
    what: /\.drain_request\.json was left behind/,
    break: whileUp(`echo '{}' >"$1/.drain_request.json"; touch -d '-2 hours' "$1/.drain_request.json"`),
  },
  {
    id: 'stale-token-lock',
    kind: 'gone',
    severity: 'warning',
    how: 'a token lock whose owner is gone',
    what: /the lock on telegram-bot-token is of pid 4000000, which is gone/,
    break: whileUp(
      `mkdir -p ~/.local/state/hermes/gateway-locks; printf '{"pid": 4000000, "start_time": 7, "scope": "telegram-bot-token", "hermes_home": "%s"}' "$1" >~/.local/state/hermes/gateway-locks/telegram-bot-token-0123456789abcdef.lock`,
    ),
  },
  {
    id: 'stale-token-lock',
    kind: 'recycled',
    severity: 'warning',
    how: 'a token lock in the place that the unit names, of a number that another process has now',
    what: /the lock on slack-app-token is of pid 1, which is another process now/,
    install: ['--env', 'HERMES_GATEWAY_LOCK_DIR=/var/tmp/locks'],
    break: whileUp(
      `mkdir /var/tmp/locks; printf '{"pid": 1, "start_time": 999999999, "scope": "slack-app-token", "hermes_home": "%s"}' "$1" >/var/tmp/locks/slack.lock`,
    ),
  },
]

await describeOnSystemd('doctor on what is recorded', (machine) => {
  const users = new UserPool()
  beforeAll(() => users.fill(machine(), ['ann', 'bob', 'cid']))
  const see = (row: DoctorRow) => users.with((user) => seeRow(machine(), user, row))

  it.concurrent.each([...staleState, ...desiredState, ...markers])('$id ($kind): $how', see)

  it.concurrent('has the fix of stale-state keep off the files of a gateway that lives', () =>
    users.with(async (user) => {
      const service = await TestService.make(machine(), user)
      await service.must('install')
      await service.sh(GONE, [service.home], {user})
      await settle()
      const before = await service.machine.readText(`${service.home}/gateway.pid`)
      expect((await service.run('fix:stale-state', ['--yes'])).code).toBe(1)
      expect(await service.machine.readText(`${service.home}/gateway.pid`)).toBe(before)
      await service.must('uninstall')
    }))

  it.concurrent('takes one that was stopped until the boot for what was asked, enabled as it is', () =>
    users.with(async (user) => {
      const service = await TestService.make(machine(), user)
      await service.must('install')
      await service.must('stop', ['--until-boot'])
      await settle()
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      await service.must('uninstall')
    }))
})
