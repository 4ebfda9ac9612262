import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig, StandInEvent} from '../../src/smoke/stand-in/config.js'
import {type CommandResult, hermesSvc, waitFor} from './hermes-svc.js'

/** What `status --json` says, as far as it is looked at. */
export interface Report {
  readonly actual: string
  readonly verdict: {readonly state: string; readonly pid: number | null; readonly evidence: readonly string[]}
  readonly failuresInARow: number
}

/** A state that a gateway may be in when a person types `restart`. */
export interface Situation {
  readonly name: string
  /** How the gateway behaves before the restart. */
  readonly before: StandInConfig
  /** sh program that is the gateway's command, in place of the stand-in itself; `$STAND_IN`: that one. */
  readonly wrapper?: string
  /** What is done to the gateway once it is installed. */
  readonly harm?: (given: Installed) => Promise<unknown>
  /** What status says just before the restart; `not-up`: anything but running. */
  readonly actual: string
  readonly flags?: readonly string[]
  /**
   * How the former process must have ended, by the stand-in's own record: the restart that it was asked for, or a status. undefined: it had
   * no chance to write one, or was gone before.
   */
  readonly ended?: number | 'restart' | undefined
  /** What makes the gateway, without any service, end as it does here; undefined: there is none that could be ended. */
  readonly endsBy?: 'USR1' | 'TERM' | 'KILL'
  /** What is promised of the time: that of the gateway itself and hardly more, or ten seconds in all. */
  readonly limit?: 'healthy' | 'frozen'
  /** What differs on macOS, which shows no event loops; null: there is no such state. */
  readonly mac?: Partial<Pick<Situation, 'actual' | 'flags'>> | null
}

/** What is said to a manager in its own words: sh programs of the service's user. */
export interface ManagerWords {
  unitOf(profile: string): string
  /** Stops it, and waits until it is down. */
  stop(unit: string): string
  start(unit: string): string
  /** Prints the pids of the gateway and of what it has started. */
  members(unit: string): string
  /** Prints `inactive` if it is down. */
  state(unit: string): string
  /** What the stand-in has to be told there. */
  readonly standIn: StandInConfig
}

export const SYSTEMD: ManagerWords = {
  unitOf: (profile) => `hermes-gateway-${profile}.service`,
  stop: (unit) => `systemctl --user stop ${unit}`,
  start: (unit) => `systemctl --user start --no-block ${unit}`,
  members: (unit) => `cat "/sys/fs/cgroup$(systemctl --user show -P ControlGroup ${unit})/cgroup.procs"`,
  state: (unit) => `systemctl --user is-active ${unit}`,
  standIn: {},
}

const PRINT = (unit: string) => `launchctl print "gui/$(id -u)/${unit}"`

export const LAUNCHD: ManagerWords = {
  unitOf: (profile) => `ai.hermes.gateway-${profile}`,
  stop: (unit) => `launchctl bootout "gui/$(id -u)/${unit}"; while ${PRINT(unit)}; do sleep 0.1; done >/dev/null 2>&1`,
  start: (unit) => `launchctl bootstrap "gui/$(id -u)" ~/Library/LaunchAgents/${unit}.plist`,
  // Without the launcher, which stays.
  members: (unit) =>
    `leader=$(${PRINT(unit)} | sed -n 's/^\tpid = //p'); ps -A -o pid= -o pgid= | awk -v leader="$leader" '$2 == leader && $1 != leader {print $1}'`,
  state: (unit) => `${PRINT(unit)} >/dev/null 2>&1 || echo inactive`,
  standIn: {platform: 'darwin'},
}

/** The states that there are on macOS, as they look there. */
export function onMac(all: readonly Situation[]): Situation[] {
  return all.flatMap(({mac, ...situation}) => (mac === null ? [] : [{...situation, ...mac}]))
}

/** An installed service of a user inside a machine. */
export interface Installed {
  readonly words: ManagerWords
  readonly profile: string
  readonly home: string
  readonly unit: string
  /** The gateway's, just after the installation. */
  readonly pid: number
  /** sh program as the service's user; its stdout. */
  readonly sh: (script: string) => Promise<string>
  readonly status: () => Promise<Report>
  readonly configure: (config: StandInConfig) => Promise<void>
  readonly restart: (...flags: readonly string[]) => Promise<CommandResult>
  readonly start: () => Promise<CommandResult>
  /** By hermes-svc, which is to start it again: that it shall run goes with it. */
  readonly isStopped: boolean
}

export const HEALTHY: StandInConfig = {version: '0.16'}
/** Long enough that waiting it out would end a test. */
const FOR_EVER_MS = 3_600_000
/** Of drain_ms, for a gateway that works on something. */
const WORK_MS = 4000

/** Starts a gateway of the home that no service knows of. */
export async function startByHand({home, profile, sh}: Installed): Promise<void> {
  await sh(`HERMES_HOME=${home} setsid /usr/bin/python3 ${home}/bin/hermes --profile ${profile} gateway run >/dev/null 2>&1 </dev/null &`)
}

const signal =
  (name: 'STOP' | 'KILL') =>
  ({sh, pid}: Installed) =>
    sh(`kill -s ${name} ${pid}`)

/**
 * A start limit, as a user's own drop-in may set one, that systemd runs into: nothing else can make it give up with Restart=always. Soon, since each
 * daemon-reload of a test beside this one has systemd count anew.
 */
async function hitStartLimit({unit, pid, sh}: Installed): Promise<void> {
  const file = `~/.config/systemd/user/${unit}.d/50-limit.conf`
  await sh(
    `printf '[Unit]\\nStartLimitIntervalSec=1h\\nStartLimitBurst=1\\n[Service]\\nRestartSec=100ms\\n' >${file}; systemctl --user daemon-reload; kill -s KILL ${pid}`,
  )
}

/** Two gateways on one home: that of the service finds the lock in the hands of the other one, again and again. */
async function startRival(given: Installed): Promise<void> {
  await given.sh(given.words.stop(given.unit))
  await startByHand(given)
  await waitFor(async () => (await given.status()).verdict.state === 'alive', 'the gateway outside the service')
  await given.sh(given.words.start(given.unit))
  await waitFor(async () => (await given.status()).failuresInARow > 1, 'the service to fail beside the other gateway')
}

const SHORT = ['--answer-timeout', '1s', '--term-timeout', '1s']
const FAILS: StandInConfig = {exit_on_start: {code: 1}}

/** Every state but a missing unit, which ends with what is left to do. */
export const situations: readonly Situation[] = [
  {name: 'healthy 0.10', before: {version: '0.10'}, actual: 'running', ended: 'restart', endsBy: 'USR1', limit: 'healthy'},
  {name: 'healthy 0.16', before: HEALTHY, actual: 'running', ended: 'restart', endsBy: 'USR1', limit: 'healthy'},
  {name: 'healthy 0.21', before: {version: '0.21'}, actual: 'running', ended: 'restart', endsBy: 'USR1', limit: 'healthy'},
  {
    name: `slow drain (${WORK_MS / 1000} s)`,
    before: {drain_ms: WORK_MS, active_work: 2},
    actual: 'running',
    flags: ['--answer-timeout', '1s'],
    ended: 'restart',
    endsBy: 'USR1',
    limit: 'healthy',
  },
  {
    name: 'draining already',
    before: {drain_ms: WORK_MS, active_work: 2},
    harm: async ({sh, pid, status}) => {
      await sh(`kill -s USR1 ${pid}`)
      await waitFor(async () => (await status()).actual === 'draining', 'the drain')
    },
    actual: 'draining',
    ended: 'restart',
    endsBy: 'USR1',
  },
  {
    name: 'dying during drain',
    before: {drain_ms: WORK_MS, die_during_drain: {after_ms: 500, code: 1}},
    actual: 'running',
    ended: 1,
    endsBy: 'USR1',
  },
  {name: 'busy, --force', before: {drain_ms: FOR_EVER_MS, active_work: 1}, actual: 'running', flags: ['--force'], ended: 0, endsBy: 'TERM'},
  {
    name: 'deaf to SIGUSR1',
    before: {deaf: ['SIGUSR1']},
    actual: 'running',
    flags: ['--answer-timeout', '1s'],
    ended: 0,
    endsBy: 'TERM',
  },
  {
    name: 'deaf to SIGTERM too',
    before: {deaf: ['SIGUSR1', 'SIGTERM'], planned_stop_watcher: false},
    actual: 'running',
    flags: SHORT,
    endsBy: 'KILL',
  },
  {name: 'stopped by SIGSTOP', before: HEALTHY, harm: signal('STOP'), actual: 'wedged', endsBy: 'KILL', limit: 'frozen'},
  {
    name: 'loop blocked 0.16',
    before: {freeze_after_ms: 300, freeze: 'block'},
    actual: 'wedged',
    endsBy: 'KILL',
    limit: 'frozen',
    mac: {actual: 'running', flags: SHORT},
  },
  {
    name: 'loop spinning 0.16',
    before: {freeze_after_ms: 300, freeze: 'spin'},
    actual: 'wedged',
    endsBy: 'KILL',
    limit: 'frozen',
    mac: {actual: 'running', flags: SHORT},
  },
  {
    name: 'loop blocked 0.21',
    before: {version: '0.21', freeze_after_ms: 300, freeze: 'block'},
    actual: 'wedged',
    endsBy: 'KILL',
    limit: 'frozen',
    mac: {actual: 'unknown', flags: SHORT},
  },
  {
    // Its heartbeat is fresh all the same: it is 30 s old at most while this is looked at.
    name: 'loop blocked, with a heartbeat file and no socket',
    before: {version: '0.21', control_socket: false, loop_tick_socket: false, freeze_after_ms: 300, freeze: 'block'},
    actual: 'wedged',
    endsBy: 'KILL',
    limit: 'frozen',
    mac: {actual: 'running', flags: SHORT},
  },
  {
    // A gateway that has not said yet that it runs may load something on its loop's thread: nobody can tell whether it works.
    name: 'cannot tell',
    before: {freeze_after_ms: 300, freeze: 'block'},
    harm: async ({home, sh}) => {
      await waitFor(async () => (await sh(`cat ${home}/stand-in.starts`)).includes('"freeze"'), 'the freeze')
      await sh(`sed -i 's/"gateway_state": *"running"/"gateway_state":"starting"/' ${home}/gateway_state.json`)
    },
    actual: 'unknown',
    flags: SHORT,
    endsBy: 'KILL',
    mac: null,
  },
  {
    name: 'children left behind',
    before: {fork_children: 2, children_deaf: true},
    actual: 'running',
    ended: 'restart',
    endsBy: 'USR1',
  },
  {
    name: 'crash-looping',
    before: {sequence: [{}, {...FAILS, repeat: 1000}]},
    harm: signal('KILL'),
    actual: 'crash-looping',
  },
  {
    name: 'start-limit-hit',
    before: {sequence: [{}, {...FAILS, repeat: 1000}]},
    harm: hitStartLimit,
    actual: 'failed',
    mac: null,
  },
  {
    name: 'failed for good (exit 78)',
    before: {sequence: [{}, {exit_on_start: {code: 78}}]},
    harm: signal('KILL'),
    actual: 'failed',
  },
  {
    name: 'zombie',
    before: HEALTHY,
    // The service's main process is another one, which never reaps the gateway.
    wrapper: 'case "$*" in *"gateway run"*) "$STAND_IN" "$@" & exec sleep infinity ;; esac; exec "$STAND_IN" "$@"',
    harm: signal('KILL'),
    actual: 'not-up',
  },
  {
    // Its main process is a shell, which SIGUSR1 would kill.
    name: 'behind a wrapper',
    before: HEALTHY,
    wrapper: '"$STAND_IN" "$@"; exit $?',
    actual: 'running',
    ended: 'restart',
    endsBy: 'USR1',
  },
  {
    name: 'pid file missing',
    before: {unlink_after_start: ['gateway.pid']},
    actual: 'running',
    ended: 'restart',
    endsBy: 'USR1',
    limit: 'healthy',
  },
  {
    name: 'lock on an unlinked file',
    before: {unlink_after_start: ['gateway.lock']},
    actual: 'running',
    ended: 'restart',
    endsBy: 'USR1',
    limit: 'healthy',
  },
  {name: 'two gateways on one home', before: HEALTHY, harm: startRival, actual: 'orphaned', flags: ['--force'], endsBy: 'TERM'},
]

/** Installs a service whose gateway is healthy or as told, and waits until it runs. */
export async function installGateway(
  machine: Machine,
  user: Account,
  profile: string,
  config: StandInConfig,
  wrapper?: string,
  words: ManagerWords = SYSTEMD,
): Promise<Installed> {
  const home = `${user.home}/.hermes/profiles/${profile}`
  const sh = async (script: string) => (await machine.exec(['sh', '-c', script], {user})).stdout
  const run = (command: string, ...args: readonly string[]) => hermesSvc(machine, [command, '-p', profile, ...args], {user})
  const configure = (standIn: StandInConfig) =>
    machine.writeText(`${home}/stand-in.json`, JSON.stringify({...words.standIn, ...standIn}), {user})
  // What is there was left by an attempt of the same test that failed.
  if ((await sh(`test -e ${home} && echo there`)) !== '') {
    await run('stop', '--force')
    const removed = await run('uninstall', '--yes')
    if (removed.code !== 0) throw new Error(`${profile} of a former attempt: ${removed.stderr}`)
    await sh(`rm -rf ${home}`)
  }
  await sh(`mkdir -p ${home}/bin ${home}/real && cp ${MACHINE_PACKAGE}/dist/stand-in/hermes ${home}/${wrapper ? 'real' : 'bin'}/hermes`)
  if (wrapper) {
    await machine.writeText(`${home}/bin/hermes`, `#!/bin/sh\nSTAND_IN=${home}/real/hermes\n${wrapper}\n`, {user, mode: 0o755})
  }
  await configure(config)
  // Without a tick, which is a fifth of an install and has no part in what is seen here: lifecycle.test.ts restarts what has one.
  const installed = await run('install', '--command', `${home}/bin/hermes`, '--restart-delay-max', '1s', '--heartbeat', 'off')
  if (installed.code !== 0) throw new Error(`${profile}: ${installed.stderr}`)
  const status = async () => (await run('status', '--json', '--wedge-window', '1s')).json<Report>()
  // By what it noted itself: a status for each would be a third of what an install costs.
  const events = (await sh(`cat ${home}/stand-in.starts`)).split('\n').slice(0, -1)
  const running = events.map((line) => JSON.parse(line) as StandInEvent).findLast(({event}) => event === 'running')
  const unit = words.unitOf(profile)
  return {
    ...{words, profile, home, unit, pid: running?.pid ?? 0, sh, status, configure, isStopped: false},
    restart: (...flags) => run('restart', ...flags),
    start: () => run('start'),
  }
}

/** A service that a row is done with, for the next one: its gateway has been started anew, healthy or as told. An installation costs four times as much. */
export async function startAnew(used: Installed, config: StandInConfig): Promise<Installed> {
  const {words, unit, home, sh, configure, start, isStopped} = used
  if (!isStopped) await sh(words.stop(unit))
  await configure(config)
  await sh(`rm -f ${home}/stand-in.count ${home}/stand-in.starts`)
  if (isStopped) {
    const {code, stderr} = await start()
    if (code !== 0) throw new Error(`${unit}: ${stderr}`)
  } else {
    await sh(words.start(unit))
  }
  return {...used, isStopped: false, pid: await comesUp(used, 0)}
}

/** The pid of the gateway that says that it runs, once it is another one than `formerPid`; by what it noted itself. */
export function comesUp({home, sh}: Pick<Installed, 'home' | 'sh'>, formerPid: number): Promise<number> {
  return waitFor(async () => {
    const events = (await sh(`cat ${home}/stand-in.starts 2>/dev/null`)).split('\n').slice(0, -1)
    return events.map((line) => JSON.parse(line) as StandInEvent).findLast(({event, pid}) => event === 'running' && pid !== formerPid)?.pid
  }, `another gateway in ${home} than ${formerPid}`)
}

/** Brings a service, a new one unless one is given, into a situation; from its next start on the gateway is healthy. */
export async function bringAbout(
  machine: Machine,
  user: Account,
  profile: string,
  situation: Situation,
  words: ManagerWords = SYSTEMD,
  used?: Installed,
): Promise<Installed> {
  const {name, before, wrapper, harm, actual} = situation
  const given = used ? await startAnew(used, before) : await installGateway(machine, user, profile, before, wrapper, words)
  await harm?.(given)
  await waitFor(async () => {
    const now = (await given.status()).actual
    return actual === 'not-up' ? now !== 'running' : now === actual
  }, `a gateway that is ${name}`)
  await given.configure(HEALTHY)
  return given
}
