import type {Service} from '../../../src/service/service.js'
import {type ChildProcess, spawn, spawnSync} from 'node:child_process'
import {chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, describe, expect, it} from 'vitest'
import type {Host} from '../../../src/host/host.js'
import {formatEnvironment} from '../../../src/managers/launchd/environment-file.js'
import {definitionPaths} from '../../../src/managers/launchd/paths.js'
import {definition} from '../../../src/managers/launchd/render.js'
import {launchdOf, type Whereabouts} from '../../../src/managers/launchd/whereabouts.js'
import {domainOf} from '../../../src/managers/launchd/domain.js'
import {DEFAULT_RESTART_POLICY} from '../../../src/service/restart-policy.js'
import type {ServiceSettings} from '../../../src/service/settings.js'
import {SETTINGS} from '../../fakes/settings.js'
import {isCampaign} from '../../support/campaign.js'
import {describeUnless} from '../../support/describe-unless.js'
import {atEnd, cleanUp, HOST, lacks, PYTHON, read, SHELLS, temporaryFolder} from '../../support/helper-scripts.js'
import {waitFor} from '../../support/machines.js'

afterEach(cleanUp)

const waitUntil = (ask: () => boolean) => waitFor(ask, 'what the launcher or the gateway should do')

const SIGNALS = ['INT', 'HUP', 'QUIT', 'USR1', 'USR2'] as const

/** What a gateway of these tests does, as the body of a Python program with the folder `log` for what it leaves. */
const GATEWAY_HEAD = [
  'import os, signal, sys, time',
  'log = os.path.dirname(os.path.abspath(__file__))',
  'def say(line):',
  '    with open(log + "/said", "a") as file: file.write(line + "\\n")',
  'def on(name, act): signal.signal(getattr(signal, "SIG" + name), lambda *_: act())',
  'def state(**members):',
  '    import json',
  '    members.setdefault("pid", os.getpid())',
  '    with open(os.environ["HERMES_HOME"] + "/gateway_state.json", "w") as file: json.dump(members, file)',
].join('\n')

interface Launched {
  readonly child: ChildProcess
  readonly folder: string
  readonly state: string
  readonly home: string
  readonly exit: Promise<{code: number | null; signal: string | null}>
  /** Lines that the gateway left. */
  said(): string[]
  stderr(): string
}

/** Renders a service with such a gateway, and starts its launcher under a shell, as launchd would. */
async function launch(
  shell: readonly string[],
  body: string,
  options: {
    platform?: NodeJS.Platform
    environment?: Record<string, string>
    settings?: Partial<ServiceSettings>
    prepare?: (folder: {state: string; home: string}) => void
  } = {},
): Promise<Launched> {
  const root = temporaryFolder()
  const home = join(root, "it's a $home")
  const account = {uid: 1000, gid: 1000, name: 'user', home: join(root, 'account')}
  const service: Service = {profile: {name: 'default', home, root: home}, name: 'ai.hermes.gateway', account}
  const paths = definitionPaths('user', service)
  const {supportFolder: folder, stateFolder: state} = paths
  for (const each of [home, folder, state]) mkdirSync(each, {recursive: true})
  const program = join(root, 'gateway program.py')
  writeFileSync(program, `${GATEWAY_HEAD}\n${body}\n`)
  const settings: ServiceSettings = {
    ...SETTINGS,
    home,
    command: [PYTHON, program],
    policy: {...DEFAULT_RESTART_POLICY, restartDelayMs: 10, firstMs: 20, capMs: 80},
    ...options.settings,
  }
  const environment = new Map(Object.entries(options.environment ?? {}))
  const where = {domain: () => domainOf('gui', account)} as unknown as Whereabouts
  const launchd = {...launchdOf(on(options.platform ?? HOST.platform), 'user', account), files: HOST, where}
  for (const file of await definition(launchd).render(service, settings, environment)) {
    if (!file.path.startsWith(folder)) continue
    // The launcher starts its own next version by the path of this line.
    const [interpreter = '', ...words] = shell
    const line = `#!${[HOST.which(interpreter) ?? interpreter, ...words].join(' ')}\n`
    const text = file.path === paths.launcher ? file.text.replace('#!/bin/sh\n', line) : file.text
    writeFileSync(file.path, options.platform === 'darwin' ? text.replace('export PATH="', `export PATH="${root}:`) : text)
    chmodSync(file.path, file.mode)
  }
  if (options.platform === 'darwin') {
    writeFileSync(join(root, 'uname'), '#!/bin/sh\necho Darwin\n')
    chmodSync(join(root, 'uname'), 0o755)
  }
  options.prepare?.({state, home})
  // With another umask than this process's own, as launchd would give it.
  const child = spawn('/bin/sh', ['-c', 'umask 027; exec "$0" "$1"', paths.launcher, state], {
    cwd: folder,
    env: {PATH: '/usr/bin:/bin', HERMES_HOME: home, HERMES_SVC_DEFINITION: '0123456789abcdef'},
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let stderr = ''
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const exit = new Promise<{code: number | null; signal: string | null}>((resolve) => {
    child.on('exit', (code, signal) => resolve({code, signal}))
  })
  atEnd(async () => {
    killGroup(child.pid)
    await exit
    child.stdout.destroy()
    child.stderr.destroy()
  })
  const said = () => (existsSync(join(root, 'said')) ? readFileSync(join(root, 'said'), 'utf8').split('\n').filter(Boolean) : [])
  return {child, folder, state, home, exit, said, stderr: () => stderr}
}

/** This machine as if it were another platform's. */
function on(platform: NodeJS.Platform): Host {
  return new Proxy(HOST, {get: (target, name) => (name === 'platform' ? platform : Reflect.get(target, name)) as unknown})
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}

const STAYS = 'say("up")\nwhile True: time.sleep(0.05)'
const STOPS = `on("TERM", lambda: (say("TERM"), os._exit(0)))\n${STAYS}`

/** /bin/sh of a Mac is a bash that keeps to POSIX. Under dash it is what the suites with the double of launchd run; under each of them in a campaign. */
const shells = Object.entries(SHELLS).filter(([name]) => isCampaign || name === 'bash --posix')

for (const [name, shell] of shells) {
  describeUnless(lacks(shell[0] ?? '', PYTHON), `the launcher, under ${name}`, () => {
    it('runs the gateway as its child, with its home, its command line and its variables, and tells its pid', async () => {
      const value = ' $(id) `id` \\n "\'é\n\n'
      const launched = await launch(
        shell,
        [
          'import json',
          'say(json.dumps([sys.argv[1:], os.getcwd(), os.environ.get("TOKEN"), os.environ.get("line"), os.environ.get("LC_ALL"), os.umask(0)]))',
          'say(str("HERMES_SVC_DEFINITION" in os.environ or "MAINPID" in os.environ or "_hermes_svc_line" in os.environ))',
          'say(str(os.getpid()))',
          STAYS,
        ].join('\n'),
        {environment: {TOKEN: value, line: 'mine', PATH: '/nowhere'}},
      )
      await waitUntil(() => launched.said().includes('up'))
      const [about, leaks, pid] = launched.said()
      expect(JSON.parse(about ?? '')).toEqual([['gateway', 'run', '--profile=default'], launched.home, value, 'mine', null, 0o27])
      expect(leaks).toBe('False')
      expect(read(launched.state, 'gateway')).toMatch(new RegExp(`^${pid} \\d+$`))
    })

    it('goes on by a helper that took the place of its own, under the same pid', async () => {
      const launched = await launch(shell, 'say("up")\nos._exit(1)')
      await waitUntil(() => launched.said().length >= 1)
      const helper = join(launched.folder, 'service-helper.sh')
      const text = readFileSync(helper, 'utf8').replace('\numask', () => `\nprintf 'new helper %s %s\\n' "$$" "$0" >&2\numask`)
      writeFileSync(`${helper}.new`, text)
      spawnSync('mv', [`${helper}.new`, helper])
      await waitUntil(() => launched.stderr().includes(`new helper ${launched.child.pid} ${launched.folder}/hermes-gateway-launcher\n`))
    })

    it('starts the gateway by itself, after a pause, where the helper is gone', async () => {
      const launched = await launch(shell, STOPS, {prepare: ({state}) => spawnSync('rm', [join(state, '../service-helper.sh')])})
      await waitUntil(() => launched.said().includes('up'))
      process.kill(launched.child.pid ?? 0, 'SIGTERM')
      expect(await launched.exit).toEqual({code: 0, signal: null})
    })

    it.each(SIGNALS)('passes SIG%s on', async (signal) => {
      const launched = await launch(shell, `on("${signal}", lambda: say("${signal}"))\n${STAYS}`)
      await waitUntil(() => launched.said().includes('up'))
      process.kill(launched.child.pid ?? 0, `SIG${signal}`)
      await waitUntil(() => launched.said().includes(signal))
      expect(launched.said()).toEqual(['up', signal])
    })

    it('starts the gateway again after a planned restart at once, however often, and counts no failure', async () => {
      const launched = await launch(
        shell,
        `on("TERM", lambda: os._exit(0))\nstate(gateway_state="running", start_time=None)\nsay("up")\nif len(open(log + "/said").readlines()) < 6: os._exit(75)\n${STAYS}`,
      )
      await waitUntil(() => launched.said().length >= 7)
      expect(read(launched.state, 'failures')).toBe('0')
      expect(read(launched.state, 'restarts')).toBe('5')
      expect(read(launched.state, 'ended')).toBe('exited 75')
      expect(launched.stderr()).toContain('a planned restart, so it starts again at once')
    })

    it('slows a crash loop down to the cap', async () => {
      const launched = await launch(shell, 'say("up")\nos._exit(1)')
      await waitUntil(() => launched.said().length >= 5)
      const waits = [...launched.stderr().matchAll(/the next start waits ([\d.]+) s/g)].map(([, wait]) => Number(wait))
      expect(waits.slice(0, 4)).toEqual([0.02, 0.04, 0.08, 0.08])
    })

    it('counts a gateway that is killed as a failure', async () => {
      const launched = await launch(shell, 'say(str(os.getpid()))\ntime.sleep(600)')
      await waitUntil(() => launched.said().length === 1)
      process.kill(Number(launched.said()[0]), 'SIGKILL')
      await waitUntil(() => launched.said().length === 2)
      expect(read(launched.state, 'ended')).toBe('killed 9')
      expect(read(launched.state, 'failures')).toBe('1')
      expect(launched.stderr()).toContain('gateway was killed by SIGKILL')
    })

    it('ends with 0 after 78, so that it is not started again', async () => {
      const launched = await launch(shell, 'say("up")\nos._exit(78)')
      expect(await launched.exit).toEqual({code: 0, signal: null})
      expect(launched.said()).toEqual(['up'])
      expect(read(launched.state, 'ended')).toBe('exited 78')
    })

    it('tells the gateway that a stop is meant, and ends with 0 if it was asked for', async () => {
      const marker = '.gateway-planned-stop.json'
      const launched = await launch(
        shell,
        `on("TERM", lambda: (say(str(os.path.exists(os.environ["HERMES_HOME"] + "/${marker}"))), os._exit(0)))\n${STAYS}`,
      )
      await waitUntil(() => launched.said().includes('up'))
      writeFileSync(join(launched.state, 'stop'), '')
      process.kill(launched.child.pid ?? 0, 'SIGTERM')
      expect(await launched.exit).toEqual({code: 0, signal: null})
      expect(launched.said()).toEqual(['up', 'True'])
      expect(read(launched.state, 'failures')).toBe('0')
    })

    it('ends with 143 after a SIGTERM that nobody of ours sent, so that launchd starts it again', async () => {
      const launched = await launch(shell, STOPS)
      await waitUntil(() => launched.said().includes('up'))
      process.kill(launched.child.pid ?? 0, 'SIGTERM')
      expect(await launched.exit).toEqual({code: 143, signal: null})
      expect(launched.said()).toEqual(['up', 'TERM'])
    })

    it('ends a delay when it is stopped, and forgets the failures', async () => {
      const launched = await launch(shell, 'say("up")\nos._exit(1)', {
        settings: {policy: {...DEFAULT_RESTART_POLICY, restartDelayMs: 10, firstMs: 600_000, capMs: 600_000}},
      })
      await waitUntil(() => launched.stderr().includes('waits 600 s') && !existsSync(join(launched.state, 'gateway')))
      await waitUntil(() => existsSync(join(launched.state, 'started')))
      process.kill(launched.child.pid ?? 0, 'SIGTERM')
      expect((await launched.exit).code).toBe(143)
      expect(read(launched.state, 'failures')).toBe('0')
      expect(launched.said()).toEqual(['up'])
    })

    it('ends the gateway of a launcher that was killed before it starts one of its own', async () => {
      const launched = await launch(shell, STOPS)
      await waitUntil(() => launched.said().includes('up') && existsSync(join(launched.state, 'gateway')))
      process.kill(launched.child.pid ?? 0, 'SIGKILL')
      await launched.exit
      const pid = Number(read(launched.state, 'gateway')?.split(' ')[0])
      const second = spawn(join(launched.folder, 'hermes-gateway-launcher'), [launched.state], {
        env: {PATH: '/usr/bin:/bin', HERMES_HOME: launched.home},
        stdio: 'ignore',
        detached: true,
      })
      atEnd(() => killGroup(second.pid))
      await waitUntil(() => launched.said().length === 3)
      expect(launched.said()).toEqual(['up', 'TERM', 'up'])
      // In a container nobody may be there to reap it.
      expect(existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ' Z ').toMatch(/ Z /)
      expect(read(launched.state, 'restarts')).toBe('1')
    })

    it('starts nothing while a stop is recorded', async () => {
      const launched = await launch(shell, STAYS, {prepare: ({state}) => writeFileSync(join(state, 'stop'), '')})
      expect(await launched.exit).toEqual({code: 0, signal: null})
      expect(launched.said()).toEqual([])
    })

    it('goes on as a launcher that took its place, under the same pid', async () => {
      const launched = await launch(shell, 'say("up")\nos._exit(1)')
      await waitUntil(() => launched.said().length >= 1)
      const launcher = join(launched.folder, 'hermes-gateway-launcher')
      const text = readFileSync(launcher, 'utf8').replace('\nhelper=', () => `\nprintf 'new %s\\n' "$$" >&2\nhelper=`)
      writeFileSync(`${launcher}.new`, text)
      chmodSync(`${launcher}.new`, 0o755)
      spawnSync('mv', [`${launcher}.new`, launcher])
      await waitUntil(() => launched.stderr().includes(`new ${launched.child.pid}\n`))
    })

    it('clears the record of a dead gateway before each start', async () => {
      const launched = await launch(
        shell,
        'open(os.environ["HERMES_HOME"] + "/gateway.pid", "w").write("999999999")\nsay("up")\nos._exit(1)',
      )
      await waitUntil(() => launched.said().length >= 2 && launched.stderr().includes('gateway.pid was cleared'))
    })

    it('takes a home that is gone for a failure like any other', async () => {
      const launched = await launch(shell, STAYS, {prepare: ({home}) => spawnSync('rmdir', [home])})
      await waitUntil(() => launched.stderr().includes('failure 2 in a row'))
      expect(launched.stderr()).toContain('the home does not exist')
    })
  })
}

describeUnless(lacks(PYTHON, 'ps', 'lsof'), 'the launcher of macOS', () => {
  it('ends the gateway of a launcher that was killed', async () => {
    const launched = await launch(['dash'], `state(gateway_state="running", start_time=None)\n${STOPS}`, {platform: 'darwin'})
    await waitUntil(() => launched.said().includes('up') && existsSync(join(launched.state, 'gateway')))
    process.kill(launched.child.pid ?? 0, 'SIGKILL')
    await launched.exit
    const second = spawn(join(launched.folder, 'hermes-gateway-launcher'), [launched.state], {
      env: {PATH: '/usr/bin:/bin', HERMES_HOME: launched.home},
      stdio: 'ignore',
      detached: true,
    })
    atEnd(() => killGroup(second.pid))
    await waitUntil(() => launched.said().length === 3)
    expect(launched.said()).toEqual(['up', 'TERM', 'up'])
  })
})

describeUnless(lacks('shellcheck'), 'shellcheck', () => {
  it.each(['linux', 'darwin'] as const)('finds nothing in the launcher for %s and in what starts the gateway', async (platform) => {
    const launched = await launch(['dash'], STAYS, {environment: {A: '1'}, platform})
    const files = ['hermes-gateway-launcher', 'start-gateway.sh'].map((name) => join(launched.folder, name))
    const result = spawnSync('shellcheck', ['-s', 'sh', ...files], {encoding: 'utf8'})
    expect(result.stdout).toBe('')
  })
})

describe('the environment file', () => {
  it('has one line a variable, whatever its value', () => {
    expect(
      formatEnvironment(
        new Map([
          ['A', 'a\nb\\'],
          ['B', ''],
        ]),
      ),
    ).toMatch(/^#.*\nA=a\\0012b\\0134\nB=\n$/)
  })
})
