import type {Scope} from '../../src/service/service.js'
import fs from 'node:fs'
import {beforeAll, expect, it} from 'vitest'
import {checkModules} from '../../src/doctor/checks/index.js'
import type {Account} from '../../src/host/host.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {isCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {HOME_FILES, type HostileHome, hostileHomes, VICTIM} from '../support/hostile-homes.js'
import {describeHostileTerminal, hostileTerminalBinds} from '../support/hostile-terminal-suite.js'
import {describeOnSystemd} from '../support/machines.js'
import {readInside} from '../support/read-inside.js'
import {whyNoStrace} from '../support/strace.js'
import {TestService} from '../support/test-service.js'
import {type Boundary, traceArgv, type Violation, violations} from '../support/trace.js'

const SECRET = 'hunter2-of-root'
const ROOT_SOCKET = '/run/rootonly.sock'
/** No command may take this long, on a machine that does much else too; what it waits for itself is bounded by its flags. */
const LIMIT_MS = 180_000
/** Only the homes whose name has it, for the one who looks at a violation. */
const ONLY = process.env.HERMES_SVC_HOSTILE_HOME ?? ''
/** A file that gets a line of JSON for each run. */
const REPORT = process.env.HERMES_SVC_HOSTILE_REPORT

interface HostileCommand {
  readonly name: string
  readonly argv: readonly string[]
  /** It does not end by itself: after so many seconds it is interrupted. */
  readonly endAfterSec?: number
  readonly withoutProfile?: true
}

const TIMEOUT = ['--timeout', '2s']
const WINDOW = ['--wedge-window', '1s']

/** Each command that is about a home. */
const commands: readonly HostileCommand[] = [
  {name: 'doctor', argv: ['doctor', ...WINDOW]},
  {name: 'doctor --fix', argv: ['doctor', '--fix', ...TIMEOUT, ...WINDOW]},
  {name: 'list', argv: ['list'], withoutProfile: true},
  {name: 'logs', argv: ['logs', '-n', '5']},
  {name: 'logs -f', argv: ['logs', '-f'], endAfterSec: 1},
  {name: 'render', argv: ['render']},
  {name: 'diff', argv: ['diff']},
  {name: 'status', argv: ['status', ...WINDOW]},
  {name: 'doctor --all', argv: ['doctor', '--all', ...WINDOW], withoutProfile: true},
  {name: 'doctor --fix --all', argv: ['doctor', '--fix', '--all', ...TIMEOUT, ...WINDOW], withoutProfile: true},
  {name: 'doctor --report', argv: ['doctor', '--report', '/root/report.json', ...WINDOW]},
  {name: 'heartbeat', argv: ['heartbeat']},
  {name: 'heartbeat --all', argv: ['heartbeat', '--all'], withoutProfile: true},
  {name: 'health', argv: ['health', ...WINDOW]},
  {name: 'health --prometheus', argv: ['health', '--prometheus', ...WINDOW], withoutProfile: true},
  {name: 'start', argv: ['start', ...TIMEOUT]},
  {name: 'stop', argv: ['stop', ...TIMEOUT]},
  {name: 'restart', argv: ['restart', ...TIMEOUT]},
  {name: 'restart --force', argv: ['restart', '--force', ...TIMEOUT]},
  {name: 'install', argv: ['install', ...TIMEOUT]},
  {name: 'install --dry-run', argv: ['install', '--dry-run']},
  {name: 'uninstall', argv: ['uninstall', '--yes', ...TIMEOUT]},
  {name: 'setup', argv: ['setup', '--yes', ...TIMEOUT]},
  {name: 'run', argv: ['run'], endAfterSec: 3},
  ...Object.keys(checkModules).map((id) => ({name: `fix ${id}`, argv: ['fix', id, '--yes', ...TIMEOUT, ...WINDOW]})),
]

/**
 * What `npm test` tries: each home and each command once, the command that does most with what is hostile there. All commands reach a home through the same
 * few readers, and all fixes but three by what other commands do: they start and restart the gateway, signal it, or write the definition again.
 */
const TRIED: Readonly<Record<Scope, Readonly<Record<string, readonly string[]>>>> = {
  system: {
    "~/.hermes is a link to a home of root's": ['doctor --report'],
    'the home is swapped for a FIFO': ['stop'],
    'the logs, the state folder and the locks of tokens are links': ['logs -f'],
    "each file is a link to a file of root's": ['status', 'fix log-size'],
    'each file is a link to what is not there': ['install'],
    'each file is a FIFO': ['run'],
    'each file is a huge file': ['status'],
    'each file is a folder': ['fix config'],
    'the socket floods': ['health'],
  },
  user: {
    'a profile is a link to /root': ['fix file-access', 'setup', 'doctor --fix --all'],
    'the home is swapped for a link': ['start'],
    'the units are swapped for a link': ['install'],
    'all settings are a link': ['install'],
    'each file is a link to a device': ['heartbeat'],
    'each file is a socket': ['restart --force'],
    "each file of the service is a link to a file of root's": ['uninstall'],
    "the socket is one of root's, by its path file": ['health'],
    'the socket drips': ['health'],
    'the units name programs of theirs': ['diff'],
  },
}
/**
 * Another one that is tried does the same to a home: what is about all profiles does what is about one, or the other way round, and what acts reads what
 * reads alone.
 */
const SAME_AT_A_HOME: ReadonlySet<string> = new Set([
  ...['doctor', 'doctor --all', 'doctor --fix', 'heartbeat --all', 'health --prometheus', 'install --dry-run', 'list', 'logs', 'render'],
  ...['restart', ...Object.keys(checkModules).flatMap((id) => (['file-access', 'config', 'log-size'].includes(id) ? [] : [`fix ${id}`]))],
])
const commandsTried = isCampaign ? commands : commands.filter(({name}) => !SAME_AT_A_HOME.has(name))
const homesTried = isCampaign ? hostileHomes : hostileHomes.filter((home) => !home.onlyInCampaign)

type Runs = readonly {readonly home: HostileHome; readonly chosen: readonly HostileCommand[]}[]

/** What one lane tries. A campaign: every command at every home that the scope has, thousands of runs under strace(1), an hour. */
function runsOf(scope: Scope): Runs {
  if (isCampaign) return homesTried.filter((home) => scope === 'user' || !home.onlyUserScope).map((home) => ({home, chosen: commands}))
  const named = <T extends {readonly name: string}>(all: readonly T[], name: string): T => {
    const one = all.find((some) => some.name === name)
    if (!one) throw new Error(`there is no ${name}`)
    return one
  }
  return Object.entries(TRIED[scope]).map(([home, chosen]) => ({
    home: named(homesTried, home),
    chosen: chosen.map((name) => named(commandsTried, name)),
  }))
}

/** A user whose service root looks after, in one scope. */
interface Lane {
  readonly user: Account
  readonly scope: Scope
  readonly service: TestService
}

interface Fault extends Pick<Violation, 'call'> {
  readonly kind: Violation['kind'] | 'never-ends' | 'victim-changed'
  readonly home: string
  readonly command: string
}

const support = (file: string) => `${import.meta.dirname}/../support/${file}`

await describeOnSystemd(
  'root and a hostile account',
  (machine) => {
    const lanes: Lane[] = []

    const root = async (program: string, args: readonly string[] = [], user?: Account) => {
      const result = await machine().exec(['sh', '-c', program, 'sh', ...args], {timeoutMs: 60_000, ...(user ? {user} : {})})
      if (result.code !== 0) throw new Error(`${program}: ${result.failure ?? result.code}\n${result.stdout}\n${result.stderr}`)
      return result.stdout
    }

    beforeAll(async () => {
      const files = HOME_FILES.map((file) => `${VICTIM}/${file}`)
      await root(VICTIMS, [VICTIM, ROOT_SOCKET, ...files])
      for (const [name, scope] of [
        ['alice', 'system'],
        ['bea', 'user'],
      ] as const) {
        const user = await machine().addUser(name)
        const service = await TestService.make(machine(), user, {scope, profile: 'default', standIn: {version: '0.21'}})
        // What ticks, and what is restarted in a home where no gateway stays up, is nothing that is looked at.
        await service.must('install', ['--heartbeat-interval', '90s', '--restart-delay', '1m'])
        await root('mkdir -p ~/.hermes/profiles/work ~/.hermes/logs ~/.hermes/state && touch ~/.hermes/profiles/work/SOUL.md', [], user)
        await root(LEARN, [`${user.home}/node`], user)
        await service.must('start')
        await root(
          'mkdir -p "/srv/saved/$1/etc" && cp -a "$2" "/srv/saved/$1/home" && rm -f "/srv/saved/$1/home/.hermes/gateway_state.json"; cd /etc && cp -a --parents hermes-svc systemd/system "/srv/saved/$1/etc/" 2>/dev/null || :',
          [name, user.home],
        )
        lanes.push({user, scope, service})
      }
    }, 240_000)

    /** What root's own commands must leave as it is, with owner, mode and time of the last change. */
    const victims = async () => (await root(LIST_VICTIMS, [VICTIM])).split('\n')

    const run = async ({user, scope, service}: Lane, home: HostileHome, command: HostileCommand): Promise<Fault[]> => {
      const trace = `/tmp/trace-${user.name}`
      const profile = command.withoutProfile ? [] : ['--profile', home.profile ?? 'default']
      const scoped = scope === 'system' ? ['--run-as', user.name] : ['--scope', 'user', '--run-as', user.name]
      const program = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...command.argv, ...profile, ...scoped]
      const bounded = command.endAfterSec === undefined ? program : ['timeout', '--signal=INT', String(command.endAfterSec), ...program]
      const startMs = performance.now()
      const result = await machine().exec([...traceArgv(trace), ...bounded], {timeoutMs: LIMIT_MS, env: {ROOT_SECRET: SECRET}})
      const boundary: Boundary = {
        uid: user.uid,
        home: user.home,
        theirs: [user.home, `/run/user/${user.uid}`, ...(scope === 'system' ? [service.runtime] : [])],
        ours: [
          /^\/etc\/(systemd\/system|hermes-svc)(\/|$)/,
          /^\/var\/cache\/hermes-svc(\/|$)/,
          /^\/dev\/(null|tty)$/,
          /^\/root\/\.?report\.json(\.|$)/,
          // Folders in one of root's: of locks, and one of each service, for all that is in that is the account's.
          /^\/run\/hermes-svc(-[^/]+)?$/,
        ],
        // The home that a process of the table has as HERMES_HOME is compared with ours; `run` enters it on its way to the gateway.
        seen: [new RegExp(`^${user.home}/\\.hermes(/profiles/work)?$`)],
        sockets: [/^\/run\/(systemd\/(private|journal|userdb)|dbus\/)/, /^\/var\/run\/nscd\//],
        secret: SECRET,
        unasked: [`${user.home}/node`],
      }
      const seen = (await readInside(machine(), trace)) ?? ''
      if (!seen.includes('execve(')) throw new Error(`nothing was traced of ${command.name}: ${result.stderr}`)
      const found = violations(seen, boundary)
      // What `run` starts is the gateway itself, in the environment that was given to it for that: a container's own variables.
      const faults: Pick<Fault, 'kind' | 'call'>[] = found.filter(({kind}) => command.name !== 'run' || kind !== 'secret-handed')
      if (result.failure !== undefined) {
        faults.push({kind: 'never-ends', call: `${result.failure} after ${LIMIT_MS / 1000} s`})
        await machine().exec(['pkill', '-KILL', '-f', `hermes-svc.cjs.*${user.name}`])
      }
      const seconds = Math.round(performance.now() - startMs) / 1000
      if (REPORT !== undefined)
        fs.appendFileSync(
          REPORT,
          `${JSON.stringify({home: home.name, command: command.name, scope, exit: result.code, seconds, faults})}\n`,
        )
      return faults.map((fault) => ({...fault, home: home.name, command: command.name}))
    }

    const assault = async (lane: Lane, home: HostileHome, chosen: readonly HostileCommand[]): Promise<Fault[]> => {
      const {user, service} = lane
      await root(UP, [], user)
      await root(home.make, [], user)
      if (home.swap) await root('setsid python3 /opt/swap.py "$@" >/dev/null 2>&1 & echo $! >~/swap.pid', home.swap, user)
      const faults: Fault[] = []
      const before = await victims()
      for (const command of chosen) faults.push(...(await run(lane, home, command)))
      const after = await victims()
      const changed = [...after.filter((line) => !before.includes(line)), ...before.filter((line) => !after.includes(line))]
      if (changed.length > 0)
        faults.push({
          kind: 'victim-changed',
          call: changed.join(' | '),
          home: home.name,
          command: chosen.map(({name}) => name).join(', '),
        })
      await root(RESET, [user.name, user.home, lane.scope, service.runtime])
      if (lane.scope === 'user') await root(START_OWN, [service.runtime], user)
      return faults
    }

    describeUnless(whyNoStrace, 'as root on a home whose owner is hostile', () => {
      it('never does anything there that the owner could turn against the machine', async () => {
        const attack = async (lane: Lane) => {
          const faults: Fault[] = []
          const tried = runsOf(lane.scope).filter(({home}) => home.name.includes(ONLY))
          for (const {home, chosen} of tried) faults.push(...(await assault(lane, home, chosen)))
          return {faults, tried}
        }
        const all = await Promise.all(lanes.map(attack))
        const faults = all.flatMap((one) => one.faults)
        const names = all.flatMap(({tried}) => tried.flatMap(({home, chosen}) => chosen.map(({name}) => [home.name, name] as const)))
        const [homes, words] = [new Set(names.map(([home]) => home)), new Set(names.map(([, command]) => command))]
        console.log(`${words.size} commands × ${homes.size} hostile homes (${names.length} runs): ${faults.length} violations`)
        if (ONLY === '') expect([homes.size, words.size]).toEqual([homesTried.length, commandsTried.length])
        expect(faults.map(({kind, home, command, call}) => `${kind}: ${command}, where ${home}: ${call}`)).toEqual([])
        for (const {user} of lanes) await root(UP, [], user)
      }, 3_600_000)
    })

    describeHostileTerminal(machine, () => lanes[1]?.service ?? expect.unreachable())
  },
  {
    binds: [...['swap.py', 'sockets.py'].map((file) => ({source: support(file), target: `/opt/${file}`})), ...hostileTerminalBinds],
  },
)

/** sh. $1: folder. $2: socket. Others: files. What is root's, and no one else may look at. */
const VICTIMS = `set -e
victim=$1 socket=$2
shift 2
umask 077
mkdir -p "$victim/logs" "$victim/state" "$victim/units" "$victim/profiles/work" "$victim/systemd/user" "$victim/hermes-svc/hermes-gateway"
chmod 755 "$victim"
for file in "$@"; do mkdir -p "$(dirname "$file")"; printf 'a secret of root' >"$file"; done
python3 /opt/sockets.py record "$socket"
chmod 600 "$socket"
`

/** sh. $1: file. A program that passes for a node. */
const LEARN = `printf '#!/bin/sh\\necho v20.17.0\\n' >"$1"; chmod 755 "$1"`

/** sh. What lies in root's places, without what is hermes-svc's there. */
const LIST_VICTIMS = `find "$1" /etc /root /run/rootonly.sock* \\( -path '/etc/systemd/system*' -o -path '/etc/hermes-svc*' -o -name report.json \\) -prune -o -type d -printf '%p %m %U:%G\\n' -o -printf '%p %y %m %U:%G %s %C@\\n' 2>/dev/null | sort`

/** sh, by the account. The gateway has written what it writes when it comes up. */
const UP = 'until grep -qs running ~/.hermes/gateway_state.json; do sleep 0.1; done'

/**
 * sh. $1: user. $2: home directory. $3: scope. $4: where failures are counted. Makes all as it was, and starts the gateway of a service of the machine. What
 * the account has started is killed but for its user manager: that is dear to start, and reads its units again.
 */
const RESET = `user=$1 home=$2 scope=$3 runtime=$4
[ "$scope" = user ] || systemctl kill -s KILL hermes-gateway.service 2>/dev/null
pkill -KILL -u "$user" --exact 'hermes|python3|sh'
[ "$scope" = user ] || systemctl stop hermes-gateway.service 2>/dev/null
set -e
rm -rf "$home"
cp -a "/srv/saved/$user/home" "$home"
[ "$scope" = system ] || exit 0
rm -rf /etc/hermes-svc /etc/systemd/system/hermes* /etc/systemd/system/*.wants/hermes*
cp -a "/srv/saved/$user/etc/." /etc
systemctl daemon-reload
systemctl reset-failed hermes-gateway.service 2>/dev/null || :
rm -f "$runtime/failures"
systemctl start --no-block hermes-gateway.service
`

/** sh, by the account itself. $1: where failures are counted. Its own manager sees all as it was, and starts what that has. */
const START_OWN = `set -e
systemctl --user stop hermes-gateway.service || :
systemctl --user daemon-reload
systemctl --user reset-failed
rm -f "$1/failures"
systemctl --user start hermes-svc-heartbeat.timer
systemctl --user start --no-block hermes-gateway.service
`
