import {expect} from 'vitest'
import {type DoctorRow, settle} from './doctor-row.js'
import type {ServiceOnMachine} from './service-on-machine.js'

// What is broken in the gateway's home alone, and is the same under every manager.

type Row = DoctorRow<ServiceOnMachine>

/** Stops a service for good, then has a shell (`$1`: the home) change its files. */
const stopThen =
  (program: string): Row['break'] =>
  async (service) => {
    await service.must('stop')
    await service.sh(program, [service.home], {user: service.user})
    await settle()
  }
/** Changes the files of a service that goes on running. */
const whileUp =
  (program: string): Row['break'] =>
  async (service) => {
    await service.sh(program, [service.home], {user: service.user})
    await settle()
  }
const restartByHand: Row['cureByHand'] = async (service) => {
  await service.must('restart')
}
const stateOf = async (service: ServiceOnMachine) =>
  JSON.parse((await service.machine.readText(`${service.home}/gateway_state.json`)) ?? '') as Record<string, unknown>
export const recordOf = async (service: ServiceOnMachine) =>
  JSON.parse((await service.machine.readText(`${service.home}/.hermes-svc.json`)) ?? '') as Record<string, unknown>

/** Records a process of this machine that has ended. */
export const GONE = `sleep 0 & wait $!; printf '{"pid": %d, "kind": "hermes-gateway", "start_time": %d}' $! "$(awk '{print $22}' /proc/self/stat)" >"$1/gateway.pid"`

const staleState: Row[] = [
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
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /gateway\.pid names a pid that another process has now \(pid 1\)/,
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
    provedBy: 'test/doctor/home-replay.test.ts',
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
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /gateway\.pid is damaged/,
    break: stopThen(`printf '{"pid": 4' >"$1/gateway.pid"; rm "$1/gateway.lock"`),
    ends: 'stopped',
  },
  {
    id: 'stale-state',
    kind: 'state',
    severity: 'warning',
    how: 'a state `draining` of a gateway that is gone',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /gateway_state\.json says draining, but no gateway runs/,
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
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /the running gateway \(pid \d+\) has no gateway\.pid/,
    break: whileUp('rm "$1/gateway.pid"'),
    fix: null,
    cureByHand: restartByHand,
  },
  {
    id: 'stale-state',
    kind: 'pid-other',
    severity: 'warning',
    how: 'gateway.pid overwritten under a gateway that runs',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /gateway\.pid names pid \d+, but the running gateway is pid \d+/,
    break: whileUp(GONE),
    fix: null,
    cureByHand: restartByHand,
  },
  {
    id: 'stale-state',
    kind: 'pid-unusable',
    severity: 'warning',
    how: 'gateway.pid emptied under a gateway that runs',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /gateway\.pid of the running gateway \(pid \d+\) is damaged/,
    break: whileUp(': >"$1/gateway.pid"'),
    fix: null,
    cureByHand: restartByHand,
  },
  {
    id: 'stale-state',
    kind: 'state-damaged',
    severity: 'warning',
    how: 'half of gateway_state.json under a gateway that runs',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /gateway_state\.json of the running gateway \(pid \d+\) is damaged/,
    break: whileUp('truncate -s 60 "$1/gateway_state.json"'),
    fix: null,
    cureByHand: restartByHand,
  },
  {
    id: 'stale-state',
    kind: 'state-missing',
    severity: 'warning',
    how: 'gateway_state.json deleted under a gateway that runs',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /the running gateway \(pid \d+\) has no gateway_state\.json/,
    break: whileUp('rm "$1/gateway_state.json"'),
    fix: null,
    cureByHand: restartByHand,
  },
  {
    id: 'stale-state',
    kind: 'lock-deleted',
    severity: 'warning',
    how: 'gateway.lock deleted under a gateway that holds it',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /gateway\.lock was deleted while the gateway \(pid \d+\) holds it/,
    break: whileUp('rm "$1/gateway.lock"'),
    fix: null,
    cureByHand: restartByHand,
  },
]

const desiredState: Row[] = [
  {
    id: 'desired-state',
    kind: 'mirror',
    severity: 'warning',
    how: 'another `desired_state` in gateway_state.json',
    what: /the service should be running, but gateway_state\.json says that it should be stopped/,
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
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /the record of the desired state is damaged/,
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
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /no desired state is recorded/,
    break: async (service) => {
      // Its copy in the state file, which a start may have made, tells of it too.
      await service.sh(`rm "$1/.hermes-svc.json"; sed -i 's/, *"desired_state": *"[a-z]*"//' "$1/gateway_state.json"`, [service.home])
      const undecided = await service.run('fix:desired-state', ['--yes'])
      expect([undecided.code, undecided.stderr]).toEqual([2, expect.stringContaining('--desired is needed')])
    },
    fix: ['--desired', 'running'],
  },
]

const markers: Row[] = [
  {
    id: 'stale-marker',
    kind: 'planned-stop',
    severity: 'warning',
    how: 'a planned-stop marker for a pid that is gone',
    // That one is removed: journeys.test.ts.
    provedBy: 'test/doctor/home-replay.test.ts',
    curedAs: 'stale-token-lock',
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
    provedBy: 'test/doctor/home-replay.test.ts',
    curedAs: 'stale-token-lock',
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
    provedBy: 'test/doctor/home-replay.test.ts',
    curedAs: 'stale-token-lock',
    what: /\.drain_request\.json was left behind/,
    break: whileUp(`echo '{}' >"$1/.drain_request.json"; touch -d '-2 hours' "$1/.drain_request.json"`),
  },
  {
    id: 'stale-token-lock',
    kind: 'gone',
    severity: 'warning',
    how: 'a token lock whose owner is gone',
    what: /the lock on telegram-bot-token belongs to pid 4000000, which is gone/,
    break: whileUp(
      `mkdir -p ~/.local/state/hermes/gateway-locks; printf '{"pid": 4000000, "start_time": 7, "scope": "telegram-bot-token", "hermes_home": "%s"}' "$1" >~/.local/state/hermes/gateway-locks/telegram-bot-token-0123456789abcdef.lock`,
    ),
  },
  {
    id: 'stale-token-lock',
    kind: 'recycled',
    severity: 'warning',
    how: 'a token lock in the place that the unit names, of a number that another process has now',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /the lock on slack-app-token belongs to pid 1, which is now another process/,
    install: ['--env', 'HERMES_GATEWAY_LOCK_DIR=/var/tmp/locks'],
    break: whileUp(
      `mkdir /var/tmp/locks; printf '{"pid": 1, "start_time": 999999999, "scope": "slack-app-token", "hermes_home": "%s"}' "$1" >/var/tmp/locks/slack.lock`,
    ),
  },
]

/** A config.yaml that a gateway has worked with, as a tick keeps it. */
const KEPT_CONFIG = 'model:\n  default: good\n'
const KEEP = `mkdir -p "$1/.hermes-svc/last-good" && printf 'model:\\n  default: good\\n' >"$1/.hermes-svc/last-good/config-20260101000000000.yaml"`

const configuration: Row[] = [
  {
    id: 'config',
    kind: 'unparsable',
    severity: 'error',
    how: 'a config.yaml with a line that fits nothing, and one that worked kept by the tick',
    what: /config\.yaml:3:\d+: /,
    break: async (service) => {
      await service.sh(`${KEEP} && printf 'model:\\n  default: good\\n bad\\n' >"$1/config.yaml"`, [service.home], {user: service.user})
      // What somebody has written is not taken back unasked.
      await service.run('doctor', ['--fix', '--yes'])
      expect(await service.machine.readText(`${service.home}/config.yaml`)).toContain(' bad')
    },
    after: async (service) => {
      expect(await service.machine.readText(`${service.home}/config.yaml`)).toBe(KEPT_CONFIG)
      expect(await service.sh('cat "$1"/config.yaml.broken-*', [service.home])).toBe('model:\n  default: good\n bad\n')
    },
  },
  {
    id: 'config',
    kind: 'wrong-type',
    severity: 'error',
    how: 'a config.yaml that is a list',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /config\.yaml: it is a list, but the gateway needs named settings/,
    break: whileUp(`${KEEP} && printf -- '- a\\n' >"$1/config.yaml"`),
  },
  {
    id: 'config',
    kind: 'unreadable',
    severity: 'error',
    how: 'an .env with mode 000',
    provedBy: 'test/doctor/home-replay.test.ts',
    what: /\.env: \w+ cannot read it \(EACCES\)/,
    break: whileUp('printf "A=1\\n" >"$1/.env" && chmod 0 "$1/.env"'),
    fix: null,
    cureByHand: async (service) => {
      await service.sh('rm -f "$1/.env"', [service.home])
    },
  },
]

export const homeRows: readonly Row[] = [...staleState, ...desiredState, ...markers, ...configuration]
