import type {Scope} from '../../src/service/service.js'
import {fileURLToPath} from 'node:url'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {shellQuote} from '../../src/text/shell-quote.js'
import {inCampaign, isCampaign} from './campaign.js'
import {describeUnless} from './describe-unless.js'
import {waitFor} from './machines.js'
import {changes, straceArgv, whyNoStrace} from './strace.js'
import {readInside} from './read-inside.js'
import {TestService} from './test-service.js'

const WATCHER = '/opt/watch-folder.py'
const STATUS_FLAGS = ['--json', '--wedge-window', '1s']

interface Situation {
  readonly name: string
  readonly standIn: StandInConfig
  /** sh program that is run on the gateway once it says `running`; $1: its pid, $2: its home. */
  readonly harm?: string
  /** What status says. */
  readonly actual: string
}

const situations: readonly Situation[] = [
  {name: 'healthy-010', standIn: {version: '0.10'}, actual: 'running'},
  {name: 'healthy-016', standIn: {version: '0.16'}, actual: 'running'},
  {name: 'healthy-021', standIn: {version: '0.21', heartbeat_ms: 3_600_000}, actual: 'running'},
  {name: 'blocked', standIn: {freeze_after_ms: 200, freeze: 'block'}, actual: 'wedged'},
  {name: 'blocked-021', standIn: {version: '0.21', heartbeat_ms: 3_600_000, freeze_after_ms: 200, freeze: 'block'}, actual: 'wedged'},
  {name: 'stopped-by-signal', standIn: {}, harm: 'kill -STOP "$1"', actual: 'wedged'},
  {name: 'unlinked', standIn: {unlink_after_start: ['gateway.pid', 'gateway.lock']}, actual: 'running'},
  {name: 'damaged', standIn: {}, harm: 'printf "{" >"$2/gateway.pid"; : >"$2/gateway_state.json"', actual: 'running'},
  {name: 'killed', standIn: {sequence: [{}, {exit_on_start: {code: 78, state: null}}]}, harm: 'kill -KILL "$1"', actual: 'failed'},
]

/**
 * What one scope looks at: one that is well, one that does not answer by its socket and is sampled, one whose files are damaged, and one that is not there.
 * The others are read as these are, and judged otherwise. Whose ids read is another path, what is read is the same.
 */
const TRIED: Readonly<Record<Scope, readonly string[]>> = {
  user: ['healthy-016', 'blocked-021', 'damaged'],
  system: ['healthy-016'],
}
/** `list` reads of each what status does, but for samples and what is damaged; doctor reads more. */
const STATUS_OF: Readonly<Record<Scope, readonly string[]>> = {user: ['blocked-021', 'damaged'], system: []}
/** What doctor reads beside what status does it reads of each, and health no more than status. */
const LOOKED = inCampaign(['healthy-016', 'blocked-021', 'killed', 'never-installed'], ['blocked-021'])

const WATCH_FOLDER = fileURLToPath(new URL('watch-folder.py', import.meta.url))
/** What a machine needs for them. */
export const readOnlyBinds = [{source: WATCH_FOLDER, target: WATCHER}]

/** Tests of a suite on a machine, with one of its users who has no service yet. */
export function describeReadOnly(machine: () => Machine, ofWhom: () => Account): void {
  describe('reading', () => {
    it('knows a change from a look, in the lines of a trace', () => {
      const trace = [
        '7 openat(AT_FDCWD, "/home/a/.hermes/gateway.pid", O_RDONLY|O_CLOEXEC) = 3</home/a/.hermes/gateway.pid>',
        '7 openat(AT_FDCWD, "/home/a/.hermes/gateway.pid", O_RDWR) = 3</home/a/.hermes/gateway.pid>',
        '7 openat(AT_FDCWD, "/home/a/.cache/x/f", O_WRONLY|O_CREAT, 0600) = 3</home/a/.cache/x/f>',
        '7 fchmod(3</home/a/.cache/x/f>, 0600) = 0',
        '7 fchmod(3</home/a/.hermes/f>, 0600) = 0',
        '7 flock(3</home/a/.hermes>, LOCK_EX|LOCK_NB <unfinished ...>',
        '7 fcntl(0<socket:[1]>, F_SETFD, FD_CLOEXEC) = 0',
        '7 fcntl(3</home/a/.hermes>, F_SETLK, {l_type=F_RDLCK}) = 0',
        '7 kill(9, 0) = 0',
        '7 kill(9, SIGTERM) = -1 ESRCH (No such process)',
        '7 tgkill(7, 8, SIGRT_1) = 0',
        '7 <... kill resumed>) = 0',
      ]
      expect(changes(trace.join('\n'), '/home/a/.cache/x')).toEqual([1, 4, 5, 7, 9].map((index) => trace[index]))
    })
  })

  describeUnless(whyNoStrace, 'reading, traced', () => {
    describe.each<Scope>(['user', 'system'])('in %s scope', (scope) => {
      let user: Account
      let cache: string
      const tried = situations.filter(({name}) => isCampaign || TRIED[scope].includes(name))
      const services = new Map<string, TestService>()

      beforeAll(async () => {
        user = scope === 'user' ? ofWhom() : await machine().addUser('rob', {linger: false})
        cache = scope === 'user' ? `${user.home}/.cache` : '/var/cache/hermes-svc'
        // So that reading a file leaves its access time alone once that is younger than the file: what changes then was set.
        await machine().exec(['mount', '-o', 'remount,relatime', '/home'])
        for (const {name, standIn, harm, actual} of tried) {
          const service = await TestService.make(machine(), user, {scope, standIn, profile: name})
          await service.must('install', ['--heartbeat', 'off'])
          services.set(name, service)
          const pid = (await service.status()).verdict.pid ?? 0
          if (harm !== undefined) await service.sh(harm, [String(pid), service.home])
          const seen = async () => (await service.run('status', STATUS_FLAGS)).json<{actual: string}>().actual
          await waitFor(async () => (await seen()) === actual, `${name} to be ${actual}`)
        }
        services.set('never-installed', await TestService.make(machine(), user, {scope, profile: 'never-installed'}))
      }, 240_000)

      const serviceOf = (name: string) => {
        const service = services.get(name)
        if (!service) throw new Error(`no service ${name}`)
        return service
      }

      const svc = (argv: readonly string[]) => [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...argv]
      /** The changes that a trace shows outside the code cache. */
      const changesIn = async (file: string) => {
        const trace = (await readInside(machine(), file)) ?? ''
        // It was seen at work.
        expect(trace).toContain(`${MACHINE_PACKAGE}/bin/hermes-svc.cjs`)
        return changes(trace, cache)
      }
      /** Runs a command under strace; what it changed. */
      const traced = async (argv: readonly string[]) => {
        const file = `/tmp/trace-${scope}`
        await machine().exec([...straceArgv(file), ...svc(argv)], {...serviceOf('healthy-016').actor, timeoutMs: 90_000})
        return changesIn(file)
      }

      const listing = async () => {
        const home = `${user.home}/.hermes`
        // cron: touched by a thread of the gateway itself, each minute.
        const program = `find "$1" -path '*/cron' -prune -o -printf '%p %y %m %U:%G %s %i %T@ %C@ %A@ %l\\n' | sort`
        return (await serviceOf('healthy-016').sh(program, [home])).split('\n')
      }

      const statusOf = inCampaign([...tried.map(({name}) => name), 'never-installed'], STATUS_OF[scope])
      const commands = [
        ...statusOf.map((name) => [`status of ${name}`, 'status', name] as const),
        ...(isCampaign || scope === 'user' ? [['list', 'list', 'healthy-016'] as const] : []),
      ]
      /** The same about all profiles. */
      const withoutProfile = ([command = '', , , ...rest]: readonly string[]) => [command, ...rest]
      const argvOf = (command: 'status' | 'list', name: string) =>
        command === 'status' ? serviceOf(name).argv(command, STATUS_FLAGS) : withoutProfile(serviceOf(name).argv(command, ['--json']))

      const [looked, asked] = isCampaign ? [LOOKED, LOOKED] : scope === 'user' ? [LOOKED, ['healthy-016']] : [['healthy-016'], []]
      /** Every command that is tried, by what it is called here. */
      const tries = new Map<string, () => string[]>([
        ...commands.map(([title, command, name]) => [title, () => argvOf(command, name)] as const),
        ...looked.map((name) => [`doctor of ${name}`, () => serviceOf(name).argv('doctor', ['--json', '--wedge-window', '1s'])] as const),
        ...asked.map((name) => [`health of ${name}`, () => serviceOf(name).argv('health', ['--wedge-window', '1s'])] as const),
      ])
      const placeOf = (title: string) => `/tmp/tried-${scope}-${[...tries.keys()].indexOf(title)}`
      /** What who watched the homes meanwhile has seen. */
      let watched = ''
      let [before, after]: [string[], string[]] = [[], []]

      // All under strace, while somebody watches.
      beforeAll(async () => {
        const service = serviceOf('healthy-016')
        // Reads everything once, which takes the access times past the others.
        await service.sh('find "$1" -type f -exec cat {} + >/dev/null; ls -lR "$1" >/dev/null', [`${user.home}/.hermes`])
        before = await listing()
        const program = [...tries].map(
          ([title, argv]) => `${[...straceArgv(placeOf(title)), ...svc(argv())].map(shellQuote).join(' ')} >${placeOf(title)}.json`,
        )
        const argv = ['python3', WATCHER, `${user.home}/.hermes`, 'sh', '-c', `${program.join('\n')}\ntrue`]
        const {stdout, stderr, code} = await machine().exec(argv, {...service.actor, timeoutMs: 180_000})
        expect(code, stderr).toBe(0)
        watched = stdout
        after = await listing()
      }, 240_000)

      const answerOf = async (title: string) => JSON.parse((await readInside(machine(), `${placeOf(title)}.json`)) ?? '') as object

      it.each(commands)('opens nothing for writing, locks nothing and signals nothing: %s', async (title, command, name) => {
        expect(await changesIn(placeOf(title))).toEqual([])
        const told = (await answerOf(title)) as {actual?: string; services?: unknown[]}
        if (command === 'list') expect(told.services).toHaveLength(services.size + 1)
        else expect(told.actual).toBe(situations.find((situation) => situation.name === name)?.actual ?? 'not-installed')
      })

      it.each(looked)('the same holds for doctor: %s', async (name) => {
        expect(await changesIn(placeOf(`doctor of ${name}`))).toEqual([])
        expect(await answerOf(`doctor of ${name}`)).toMatchObject({services: [{profile: serviceOf(name).profile}], fixes: []})
      })

      it.each(asked)('the same holds for health: %s', async (name) => {
        expect(await changesIn(placeOf(`health of ${name}`))).toEqual([])
        expect(await answerOf(`health of ${name}`)).toHaveProperty(
          'alive',
          name === 'healthy-016' ? true : name === 'never-installed' ? null : false,
        )
      })

      it('leaves every file of the homes as it was, and nobody who watches them sees a change', () => {
        expect(watched.split('\n').filter((line) => line !== '' && !line.includes('/cron'))).toEqual([])
        expect(after).toEqual(before)
      })

      it('writes nothing but the code cache when it runs for the first time', async () => {
        await machine().exec(['rm', '-r', cache])
        expect(await traced(argvOf('status', tried[0]?.name ?? ''))).toEqual([])
        expect((await machine().exec(['find', cache, '-type', 'f'])).stdout).not.toBe('')
      })

      if (!isCampaign && scope === 'system') return

      it('would be seen to change something if it did, as stop does', async () => {
        const changed = (await traced(serviceOf('healthy-016').argv('stop'))).join('\n')
        expect(changed).toMatch(/flock\(.*LOCK_EX/)
        expect(changed).toMatch(/rename.*\.hermes-svc\.json/)
      })
    })
  })
}
