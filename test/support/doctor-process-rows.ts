import {expect} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {doctor, type DoctorRow, settle} from './doctor-row.js'
import {waitFor} from './machines.js'
import type {ServiceOnMachine} from './service-on-machine.js'

// What is wrong with a gateway's processes, and is the same under every manager.

type Row = DoctorRow<ServiceOnMachine>

/** The stand-in behaves like this from a restart on. */
const restartedWith =
  (standIn: StandInConfig): Row['break'] =>
  async (service) => {
    await service.configure(standIn)
    await service.must('restart')
    await settle()
  }
const restartAsBefore: Row['cureByHand'] = async (service) => {
  await service.configure({})
  await service.must('restart')
}

/**
 * A process that does not reap its child, which gateway.pid then names. `$1`: the home. `$2`: a Python statement that it runs before it
 * waits for ever. `$3`: the platform by whose units a start is recorded.
 */
export const ZOMBIE = `setsid python3 -c '
import json, os, signal, sys, time
pid = os.fork()
pid or os._exit(0)
start = round(time.time() * 100)
time.sleep(0.2)
if sys.argv[3] == "linux":
    start = int(open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[19])
open(sys.argv[1] + "/gateway.pid", "w").write(json.dumps({"pid": pid, "kind": "hermes-gateway", "start_time": start}))
exec(sys.argv[2])
time.sleep(600)' "$1" "$2" "$3" >/dev/null 2>&1 &`
const REAP_WHEN_ASKED = 'signal.signal(signal.SIGCHLD, lambda *_: os.waitpid(pid, os.WNOHANG))'

/** A gateway that somebody starts from a shell. `$1`: the home. */
export const BY_HAND = 'cd /; HERMES_HOME="$1" setsid ~/.hermes/bin/hermes gateway run >/dev/null 2>&1 &'

/** Starts one, and waits until it is old enough to be a finding: ps(1) of a Mac tells ages to the second, and on a busy machine the shell takes its time. */
async function startByHand(service: ServiceOnMachine): Promise<void> {
  await service.sh(BY_HAND, [service.home], {user: service.user})
  await settle()
  await waitFor(
    async () => (await doctor(service)).findings.some(({id}) => id === 'orphan-gateway'),
    'a gateway that is not of the service',
  )
}

/**
 * The checkout that a gateway runs, which is at commit `$3` from now on and was at `$2` before. `$1`: the folder whose `bin` has its launcher, as that of a
 * virtual environment.
 */
const MOVE_CHECKOUT = `info="$1/lib/python3.11/site-packages/hermes_agent-0.21.0.dist-info" checkout="$1/hermes-agent"
mkdir -p "$info" "$checkout/.git/logs" "$checkout/hermes_cli"
printf '{"url": "file://%s", "dir_info": {"editable": true}}' "$checkout" >"$info/direct_url.json"
echo '__version__ = "0.21.1"' >"$checkout/hermes_cli/__init__.py"
echo "$3" >"$checkout/.git/HEAD"
printf '%s %s Ann <ann@b.example> %d +0000\\tpull: Fast-forward\\n' "$2" "$3" "$(date +%s)" >"$checkout/.git/logs/HEAD"`
const [OLD_COMMIT, NEW_COMMIT] = ['a'.repeat(40), 'b'.repeat(40)]
const rootOf = ({user}: ServiceOnMachine) => `${user.home}/.hermes`
const moveCheckout = async (service: ServiceOnMachine) => {
  await settle()
  await service.sh(MOVE_CHECKOUT, [rootOf(service), OLD_COMMIT, NEW_COMMIT], {user: service.user})
}
const dropCheckout = async (service: ServiceOnMachine) => {
  await service.sh('rm -r "$1/lib" "$1/hermes-agent"', [rootOf(service)])
}

export const processRows: readonly Row[] = [
  {
    id: 'zombie-pid',
    kind: 'recorded',
    severity: 'warning',
    how: 'gateway.pid names a zombie whose parent reaps when it is asked',
    what: /gateway\.pid names a zombie/,
    break: async (service) => {
      await service.must('stop')
      await service.sh(ZOMBIE, [service.home, REAP_WHEN_ASKED, service.platform], {user: service.user})
      await settle()
    },
    ends: 'stopped',
    after: async (service) => {
      const zombies = await service.sh(`ps -o stat= -U "$1" | grep -c ^Z || true`, [service.user.name])
      expect(zombies.trim()).toBe('0')
      expect(await service.machine.readText(`${service.home}/gateway.pid`)).toBeUndefined()
    },
  },
  {
    id: 'zombie-pid',
    kind: 'children',
    severity: 'warning',
    how: 'a gateway that reaps none of its children',
    provedBy: 'test/doctor/checks/zombie-pid.test.ts',
    what: /12 child processes of the gateway \(pid \d+\) are zombies, and the gateway does not reap them/,
    break: restartedWith({zombie_children: 12}),
    fix: null,
    cureByHand: restartAsBefore,
  },
  {
    id: 'missing-heartbeat',
    kind: 'wedged',
    severity: 'error',
    how: '`kill -STOP`',
    what: /the gateway \(pid \d+\) is stopped by a signal and cannot answer/,
    // That it is cured: journeys.test.ts, as a user; heartbeat.test.ts, as root.
    provedBy: 'test/doctor/checks/missing-heartbeat.test.ts',
    curedAs: 'stale-code',
    scope: 'system',
    break: async (service) => {
      await service.kill('STOP')
    },
  },
  {
    id: 'orphan-gateway',
    kind: 'alone',
    severity: 'error',
    how: 'a gateway from a shell instead of the service, which should run',
    what: /the gateway of this home \(pid \d+\) runs outside its service/,
    break: async (service) => {
      await service.stopByManager()
      await startByHand(service)
    },
  },
  {
    id: 'orphan-gateway',
    kind: 'alone',
    severity: 'error',
    how: 'a gateway from a shell, of a service that should be stopped',
    provedBy: 'test/doctor/checks/orphan-gateway.test.ts',
    what: /runs outside its service/,
    break: async (service) => {
      await service.must('stop')
      await startByHand(service)
    },
    ends: 'stopped',
  },
  {
    id: 'orphan-gateway',
    kind: 'second',
    severity: 'error',
    how: "a second gateway beside the service's own, which lost its files",
    provedBy: 'test/doctor/checks/orphan-gateway.test.ts',
    what: /a second gateway of this home \(pid \d+\) runs outside the service/,
    break: async (service) => {
      await service.sh('rm "$1/gateway.pid" "$1/gateway.lock"', [service.home])
      await startByHand(service)
    },
    // The one that is left has lost its lock for good.
    cureByHand: async (service) => {
      await service.must('restart')
    },
  },
  {
    id: 'platforms',
    kind: 'fatal',
    severity: 'warning',
    how: 'a platform that has given up',
    provedBy: 'test/doctor/checks/platforms.test.ts',
    what: /the gateway has given up on the platform "telegram"/,
    break: restartedWith({state_fields: {platforms: {telegram: {state: 'fatal', error_code: 'bad_token', error_message: 'unauthorized'}}}}),
    fix: null,
    // What nobody writes anew stays as it was.
    cureByHand: restartedWith({state_fields: {platforms: {webhook: {state: 'connected'}}}}),
  },
  {
    id: 'chat-setup',
    kind: 'none-configured',
    severity: 'info',
    how: 'a gateway without any platform',
    provedBy: 'test/doctor/checks/chat-setup.test.ts',
    what: /no chat platform is set up, so nobody can talk to it/,
    break: restartedWith({state_fields: {platforms: {}}}),
    fix: null,
    cureByHand: restartAsBefore,
  },
  {
    id: 'chat-setup',
    kind: 'not-taken-up',
    severity: 'info',
    how: "a bot's token in .env, and a gateway that was started before",
    provedBy: 'test/doctor/checks/chat-setup.test.ts',
    what: /a chat platform is set up, but the gateway does not use it yet/,
    break: async (service) => {
      await restartedWith({state_fields: {platforms: {}}})(service)
      await service.sh('echo TELEGRAM_BOT_TOKEN=123456:abc >"$1/.env"', [service.home], {user: service.user})
    },
    fix: null,
    cureByHand: async (service) => {
      await restartAsBefore?.(service)
      await service.sh('rm "$1/.env"', [service.home])
    },
  },
  {
    id: 'chat-setup',
    kind: 'nobody-allowed',
    severity: 'info',
    how: 'a chat that is connected, and no list of who may talk to it',
    provedBy: 'test/doctor/checks/chat-setup.test.ts',
    what: /nobody is allowed to talk to it yet/,
    break: restartedWith({platforms: {telegram: {state: 'connected'}}}),
    fix: null,
    cureByHand: async (service) => {
      await service.sh('echo TELEGRAM_ALLOWED_USERS=42 >"$1/.env"', [service.home], {user: service.user})
    },
    leaves: 'a list of who may',
  },
  {
    id: 'stale-code',
    kind: 'checkout',
    severity: 'warning',
    how: 'a checkout that is moved on under a gateway that says what it runs, and has a turn in hand',
    what: /the gateway \(pid \d+\) runs aaaaaaaaaa \(version 0\.21\.0\), and .*\/hermes-agent has bbbbbbbbbb \(version 0\.21\.1\)/,
    standIn: {version: '0.21', code_sha: OLD_COMMIT, active_work: 1, work_ends_ms: 20_000},
    break: async (service) => {
      await moveCheckout(service)
      await service.configure({version: '0.21', code_sha: NEW_COMMIT})
      // It has a turn in hand.
      const {pid} = (await service.status()).verdict
      const waited = await service.run('fix:stale-code', ['--yes', '--timeout', '1s'])
      expect([waited.code, waited.stderr]).toEqual([1, expect.stringContaining('was busy all the time: chat. Nothing was changed')])
      expect((await service.status()).verdict.pid).toBe(pid)
    },
    after: dropCheckout,
  },
  {
    id: 'stale-code',
    kind: 'checkout',
    severity: 'warning',
    how: 'a checkout that is moved on under a gateway that neither says what it runs nor what it has in hand',
    provedBy: 'test/doctor/checks/stale-code.test.ts',
    what: /the gateway \(pid \d+\) runs aaaaaaaaaa, and .*\/hermes-agent has bbbbbbbbbb \(version 0\.21\.1\)/,
    break: moveCheckout,
    fix: null,
    cureByHand: async (service) => {
      await service.must('restart')
    },
    after: dropCheckout,
  },
  {
    id: 'crash-loop',
    kind: 'failing',
    severity: 'error',
    how: 'a gateway that ends with 1 four times in a row',
    what: /the gateway fails again and again: [4-9] failures in a row/,
    break: async (service) => {
      await service.configure({exit_on_start: {code: 1}})
      await service.kill('KILL')
      await waitFor(async () => (await service.status()).failuresInARow >= 4, 'four failures')
      await service.configure({})
    },
  },
  {
    id: 'fatal-config',
    kind: 'exit-78',
    severity: 'error',
    how: 'a gateway that ends with 78',
    provedBy: 'test/doctor/checks/failing.test.ts',
    curedAs: 'crash-loop',
    what: /the gateway ended with 78: its configuration is wrong/,
    break: async (service) => {
      await service.configure({exit_on_start: {code: 78, exit_reason: 'no platforms'}})
      expect((await service.run('restart')).code).toBe(1)
      // Not mended yet.
      expect((await service.run('fix:fatal-config', ['--yes'])).code).toBe(1)
      await service.configure({})
    },
  },
]
