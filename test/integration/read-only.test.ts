import type {Scope} from '../../src/service/service.js'
import fs from 'node:fs'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {isCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {changes, straceArgv} from '../support/strace.js'
import {TestService} from '../support/test-service.js'

const STRACE = '/usr/bin/strace'
const TRACE = '/tmp/trace'
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

/** What is looked at in system scope too. */
const IN_SYSTEM_SCOPE = ['healthy-010', 'healthy-016', 'killed']

describeUnless(fs.existsSync(STRACE) ? undefined : 'needs strace: apt-get install -y strace', 'reading', () => {
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

if (fs.existsSync(STRACE)) {
  const watcher = `${import.meta.dirname}/../support/watch-folder.py`
  await describeOnSystemd(
    'reading, traced',
    (machine) => {
      describe.each<Scope>(['user', 'system'])('in %s scope', (scope) => {
        let user: Account
        let cache: string
        // Whose ids read is another path; what is read is the same.
        const tried = situations.filter(({name}) => isCampaign || scope === 'user' || IN_SYSTEM_SCOPE.includes(name))
        const services = new Map<string, TestService>()

        beforeAll(async () => {
          user = await machine().addUser(scope === 'user' ? 'alice' : 'alan', {linger: scope === 'user'})
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

        /** Runs a command under strace; what it changed outside the code cache. */
        const traced = async (argv: readonly string[]) => {
          const {actor} = serviceOf('healthy-016')
          const command = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...argv]
          const result = await machine().exec([...straceArgv(TRACE), ...command], {...actor, timeoutMs: 90_000})
          const trace = (await machine().readText(TRACE)) ?? ''
          await machine().exec(['rm', TRACE])
          // It was seen at work.
          expect(trace, result.stderr).toContain(`${MACHINE_PACKAGE}/bin/hermes-svc.cjs`)
          return {result, changed: changes(trace, cache)}
        }

        const listing = async () => {
          const home = `${user.home}/.hermes`
          // cron: touched by a thread of the gateway itself, each minute.
          const program = `find "$1" -path '*/cron' -prune -o -printf '%p %y %m %U:%G %s %i %T@ %C@ %A@ %l\\n' | sort`
          return (await serviceOf('healthy-016').sh(program, [home])).split('\n')
        }

        const commands = [
          ...[...tried.map(({name}) => name), 'never-installed'].map((name) => [`status of ${name}`, 'status', name] as const),
          ['list', 'list', 'healthy-016'] as const,
        ]
        /** The same about all profiles. */
        const withoutProfile = ([command = '', , , ...rest]: readonly string[]) => [command, ...rest]
        const argvOf = (command: 'status' | 'list', name: string) =>
          command === 'status' ? serviceOf(name).argv(command, STATUS_FLAGS) : withoutProfile(serviceOf(name).argv(command, ['--json']))

        it.each(commands)('opens nothing for writing, locks nothing and signals nothing: %s', async (_, command, name) => {
          const {result, changed} = await traced(argvOf(command, name))
          expect(changed).toEqual([])
          const told = JSON.parse(result.stdout) as {actual?: string; services?: unknown[]}
          if (command === 'list') expect(told.services).toHaveLength(services.size + 1)
          else expect(told.actual).toBe(situations.find((situation) => situation.name === name)?.actual ?? 'not-installed')
        })

        const looked = isCampaign || scope === 'user' ? ['healthy-016', 'blocked-021', 'killed', 'never-installed'] : ['healthy-016']

        it.each(looked)('the same holds for doctor: %s', async (name) => {
          const {result, changed} = await traced(serviceOf(name).argv('doctor', ['--json', '--wedge-window', '1s']))
          expect(changed).toEqual([])
          expect(JSON.parse(result.stdout)).toMatchObject({services: [{profile: serviceOf(name).profile}], fixes: []})
        })

        it.each(looked)('the same holds for health: %s', async (name) => {
          const {result, changed} = await traced(serviceOf(name).argv('health', ['--wedge-window', '1s']))
          expect(changed).toEqual([])
          expect(JSON.parse(result.stdout)).toHaveProperty(
            'alive',
            name === 'healthy-016' ? true : name === 'never-installed' ? null : false,
          )
        })

        it('writes nothing but the code cache when it runs for the first time', async () => {
          await machine().exec(['rm', '-r', cache])
          for (const [, command, name] of [commands[0], commands.at(-1)].filter((one) => one !== undefined)) {
            expect((await traced(argvOf(command, name))).changed).toEqual([])
          }
          expect((await machine().exec(['find', cache, '-type', 'f'])).stdout).not.toBe('')
        })

        it('leaves every file of the homes as it was, and nobody who watches them sees a change', async () => {
          // Reads everything once, which takes the access times past the others.
          await serviceOf('healthy-016').sh('find "$1" -type f -exec cat {} + >/dev/null; ls -lR "$1" >/dev/null', [`${user.home}/.hermes`])
          const before = await listing()
          const all = commands.map(([, command, name]) =>
            argvOf(command, name)
              .map((word) => `'${word}'`)
              .join(' '),
          )
          const program = all.map((argv) => `'${MACHINE_NODE}' '${MACHINE_PACKAGE}/bin/hermes-svc.cjs' ${argv}`).join('\n')
          const argv = ['python3', WATCHER, `${user.home}/.hermes`, 'sh', '-c', `${program}\ntrue`]
          const {stdout, stderr, code} = await machine().exec(argv, {...serviceOf('healthy-016').actor, timeoutMs: 90_000})
          expect(code, stderr).toBe(0)
          expect(stdout.split('\n').filter((line) => line !== '' && !line.includes('/cron'))).toEqual([])
          expect(await listing()).toEqual(before)
        })

        it('would be seen to change something if it did, as stop does', async () => {
          const {changed} = await traced(serviceOf('healthy-010').argv('stop'))
          expect(changed.join('\n')).toMatch(/flock\(.*LOCK_EX/)
          expect(changed.join('\n')).toMatch(/rename.*\.hermes-svc\.json/)
        })
      })
    },
    {binds: [{source: watcher, target: WATCHER}]},
  )
}
