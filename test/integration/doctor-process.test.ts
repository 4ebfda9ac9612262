import {beforeAll, expect, it} from 'vitest'
import {doctor, type DoctorRow, seeRow} from '../support/doctor-row.js'
import {describeOnSystemd, testHost, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'
import {UserPool} from '../support/user-pool.js'

/** What has just happened is no finding yet. */
const settle = () => testHost.sleep(3500)

/** The stand-in behaves like this from a restart on. */
const restartedWith =
  (standIn: Parameters<TestService['configure']>[0]): DoctorRow['break'] =>
  async (service) => {
    await service.configure(standIn)
    await service.must('restart')
    await settle()
  }
const restartAsBefore: DoctorRow['cureByHand'] = async (service) => {
  await service.configure({})
  await service.must('restart')
}

/**
 * A process that does not reap its child, which gateway.pid then names. `$1`: the home. `$2`: a Python statement that it runs before it
 * waits for ever.
 */
const ZOMBIE = `setsid python3 -c '
import json, os, signal, sys, time
pid = os.fork()
pid or os._exit(0)
time.sleep(0.2)
start = int(open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[19])
open(sys.argv[1] + "/gateway.pid", "w").write(json.dumps({"pid": pid, "kind": "hermes-gateway", "start_time": start}))
exec(sys.argv[2])
time.sleep(600)' "$1" "$2" >/dev/null 2>&1 &`
const REAP_WHEN_ASKED = 'signal.signal(signal.SIGCHLD, lambda *_: os.waitpid(pid, os.WNOHANG))'

/** A gateway that somebody starts from a shell. `$1`: the home. */
const BY_HAND = 'cd /; HERMES_HOME="$1" setsid ~/.hermes/bin/hermes gateway run >/dev/null 2>&1 &'

/** Moves a process into the service's control group. `$1`: its pid. `$2`: the group. */
const JOIN_GROUP = 'mkdir -p "/sys/fs/cgroup$2" && echo "$1" >"/sys/fs/cgroup$2/cgroup.procs"'
const groupOf = ({user, unit}: TestService) => `/user.slice/user-${user.uid}.slice/user@${user.uid}.service/app.slice/${unit}`
const sleeper = async (service: TestService) =>
  (await service.sh('setsid sleep 987 >/dev/null 2>&1 & echo $!', [], {user: service.user})).trim()

const rows: DoctorRow[] = [
  {
    id: 'zombie-pid',
    kind: 'recorded',
    severity: 'error',
    how: 'the gateway is killed for good, and gateway.pid names a zombie whose parent reaps nothing',
    what: /gateway\.pid names a zombie: pid \d+ has ended, and its parent does not reap it/,
    break: async (service) => {
      const folder = `/run/user/${service.user.uid}/systemd/user.control/${service.unit}.d`
      await service.sh(`mkdir -p "$1" && printf '[Service]\\nRestart=no\\n' >"$1/99-no-restart.conf"`, [folder], service.actor)
      await service.systemctl('daemon-reload')
      await service.systemctl('kill', '--signal=SIGKILL', service.unit)
      await service.sh(ZOMBIE, [service.home, 'pass'], {user: service.user})
      await settle()
      await service.sh('rm -r "$1"', [folder], service.actor)
      await service.systemctl('daemon-reload')
    },
  },
  {
    id: 'zombie-pid',
    kind: 'recorded',
    severity: 'warning',
    how: 'gateway.pid names a zombie whose parent reaps when it is asked',
    what: /gateway\.pid names a zombie/,
    break: async (service) => {
      await service.must('stop')
      await service.sh(ZOMBIE, [service.home, REAP_WHEN_ASKED], {user: service.user})
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
    what: /12 children of the gateway \(pid \d+\) have ended, and it does not reap them/,
    break: restartedWith({zombie_children: 12}),
    fix: null,
    cureByHand: restartAsBefore,
  },
  {
    id: 'missing-heartbeat',
    kind: 'wedged',
    severity: 'error',
    how: 'an event loop that is blocked',
    what: /the gateway \(pid \d+\) is wedged: its event loop does nothing any more/,
    break: async (service) => {
      await service.configure({freeze_after_ms: 500})
      await service.must('restart')
      await waitFor(async () => (await service.events()).at(-1)?.event === 'freeze', 'a frozen gateway')
      await service.configure({})
    },
  },
  {
    id: 'missing-heartbeat',
    kind: 'wedged',
    severity: 'error',
    how: '`kill -STOP`',
    what: /the gateway \(pid \d+\) is stopped by a signal: it answers nothing/,
    scope: 'system',
    break: async (service) => {
      await service.systemctl('kill', '--signal=SIGSTOP', service.unit)
    },
  },
  {
    id: 'orphan-gateway',
    kind: 'alone',
    severity: 'error',
    how: 'a gateway from a shell instead of the service, which should run',
    what: /the gateway of this home \(pid \d+\) runs outside its service/,
    break: async (service) => {
      await service.systemctl('stop', service.unit)
      await service.sh(BY_HAND, [service.home], {user: service.user})
      await settle()
    },
  },
  {
    id: 'orphan-gateway',
    kind: 'alone',
    severity: 'error',
    how: 'a gateway from a shell, of a service that should be stopped',
    what: /runs outside its service/,
    break: async (service) => {
      await service.must('stop')
      await service.sh(BY_HAND, [service.home], {user: service.user})
      await settle()
    },
    ends: 'stopped',
  },
  {
    id: 'orphan-gateway',
    kind: 'second',
    severity: 'error',
    how: "a second gateway beside the service's own, which lost its files",
    what: /a second gateway of this home \(pid \d+\) runs outside the service/,
    break: async (service) => {
      await service.sh('rm "$1/gateway.pid" "$1/gateway.lock"', [service.home])
      await service.sh(BY_HAND, [service.home], {user: service.user})
      await settle()
    },
    // The one that is left has lost its lock for good.
    cureByHand: async (service) => {
      await service.must('restart')
    },
  },
  {
    id: 'leftover-processes',
    kind: 'down',
    severity: 'warning',
    how: "a process in the stopped service's control group",
    what: /1 process of a former gateway is left while the service is down/,
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
    what: /1 process of a former gateway is left beside the one that runs/,
    break: async (service) => {
      const pid = await sleeper(service)
      await service.must('restart')
      await service.sh(JOIN_GROUP, [pid, groupOf(service)])
      await settle()
    },
  },
  {
    id: 'platforms',
    kind: 'fatal',
    severity: 'warning',
    how: 'a platform that has given up',
    what: /the platform "telegram" has given up/,
    break: restartedWith({state_fields: {platforms: {telegram: {state: 'fatal', error_code: 'bad_token', error_message: 'unauthorized'}}}}),
    fix: null,
    // What nobody writes anew stays as it was.
    cureByHand: restartedWith({state_fields: {platforms: {telegram: {state: 'connected'}}}}),
  },
  {
    id: 'crash-loop',
    kind: 'failing',
    severity: 'error',
    how: 'a gateway that ends with 1 four times in a row',
    what: /the gateway fails again and again: [4-9] failures in a row/,
    break: async (service) => {
      await service.configure({exit_on_start: {code: 1}})
      await service.systemctl('kill', '--signal=SIGKILL', service.unit)
      await waitFor(async () => (await service.status()).failuresInARow >= 4, 'four failures', 60_000)
      await service.configure({})
    },
  },
  {
    id: 'fatal-config',
    kind: 'exit-78',
    severity: 'error',
    how: 'a gateway that ends with 78',
    what: /the gateway ended with 78: its configuration is at fault/,
    break: async (service) => {
      await service.configure({exit_on_start: {code: 78, exit_reason: 'no platforms'}})
      expect((await service.run('restart')).code).toBe(1)
      // Not mended yet.
      expect((await service.run('fix:fatal-config', ['--yes'])).code).toBe(1)
      await service.configure({})
    },
  },
]

await describeOnSystemd('doctor on processes', (machine) => {
  const users = new UserPool()
  beforeAll(() => users.fill(machine(), ['ann', 'bob', 'cid']))

  it.concurrent.each(rows)('$id ($kind): $how', (row) => users.with((user) => seeRow(machine(), user, row)))

  it.concurrent('orphan-gateway ends one that has no service at all', () =>
    users.with(async (user) => {
      const service = await TestService.make(machine(), user)
      await service.sh(BY_HAND, [service.home], {user})
      await settle()
      const {findings, exit} = await doctor(service)
      expect(findings).toMatchObject([{id: 'orphan-gateway', kind: 'alone', severity: 'warning', isSafe: false}])
      expect(exit).toBe(1)
      expect(await service.run('fix:orphan-gateway', ['--yes'])).toMatchObject({code: 0})
      expect(await doctor(service)).toMatchObject({exit: 0, findings: [{id: 'not-installed', severity: 'info'}]})
    }))
})
