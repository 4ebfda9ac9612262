import {DEFAULT_WEDGE_WINDOW_MS} from '../../src/observe/ask-loop.js'
import type {Verdict} from '../../src/observe/judge.js'
import {execFile} from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import {promisify} from 'node:util'
import {build} from 'esbuild'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'
import {askTick} from '../../src/gateway/heartbeat.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {LiveGateways, processState, PYTHON, STAND_IN} from '../support/live-gateway.js'
import {testHost, waitFor} from '../support/machines.js'
import {type Verdicts, verdictsOn} from '../support/verdicts.js'

const WINDOW_MS = 1000
const VERSIONS = ['0.10', '0.16', '0.21'] as const
/** For what is the same whatever a gateway keeps in its home (judge-table.test.ts). */
const OF_ONE = inCampaign<readonly (typeof VERSIONS)[number][]>(VERSIONS, ['0.16'])
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
/** A PID namespace of its own, with all that runs in it for the time of the one program. */
const APART = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
const WITHOUT_SOCKETS: StandInConfig = {version: '0.21', control_socket: false, loop_tick_socket: false, heartbeat_ms: null}

const run = promisify(execFile)
const isRoot = process.geteuid?.() === 0

/**
 * What faketime(1) puts into a program. Without faketime itself, whose semaphores outlive it when it is killed and then block whoever gets
 * its pid.
 */
const FAKETIME = fs
  .readdirSync('/usr/lib')
  .map((folder) => `/usr/lib/${folder}/faketime/libfaketime.so.1`)
  .find((file) => fs.existsSync(file))

/** What goes before a program whose clock is another one. */
const CLOCK = ['env', `LD_PRELOAD=${FAKETIME}`]

function whyNot(needs: {readonly root?: boolean; readonly faketime?: boolean}): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (!fs.existsSync(PYTHON)) return `needs ${PYTHON}: apt-get install -y python3`
  if (needs.root && !isRoot) return 'needs root'
  return needs.faketime && FAKETIME === undefined ? 'needs faketime: apt-get install -y faketime' : undefined
}

const gateways = new LiveGateways()
const servers: net.Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  gateways.end()
})

/** What `status` and what the heartbeat conclude, which must be the same. */
async function verdictOn(home: string, windowMs = WINDOW_MS): Promise<Verdict> {
  const {status, tick} = await verdictsOn(testHost, home, windowMs)
  expect({state: tick.state, pid: tick.pid}).toEqual({state: status.state, pid: status.pid})
  return status
}

const readJson = (file: string) => JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>
const file = (home: string, name: string) => path.join(home, name)

/** Changes fields of gateway_state.json; undefined removes one. */
function changeState(home: string, fields: Record<string, unknown>): void {
  fs.writeFileSync(file(home, 'gateway_state.json'), JSON.stringify({...readJson(file(home, 'gateway_state.json')), ...fields}))
}

describeUnless(whyNot({}), 'the verdict on a process', () => {
  // Side by side: what proves a wedged gateway is mostly waiting for its answers.
  describe.concurrent.each(VERSIONS)('of gateway %s', (version) => {
    const itIsSame = OF_ONE.includes(version) ? it : itInCampaign
    const gateways = new LiveGateways()
    afterAll(() => {
      gateways.end()
    })

    it(`the verdict on a gateway ${version} is alive while it is healthy`, async () => {
      const {home, pid} = await gateways.start({config: {version}})
      const verdict = await verdictOn(home)
      expect(verdict).toMatchObject({state: 'alive', pid})
      const proof =
        version === '0.10'
          ? `pid ${pid} is a gateway of this home (pid, start time and command line agree)`
          : `gateway.lock is held by pid ${pid}`
      expect(verdict.evidence).toContain(proof)
      expect(verdict.evidence[0]).toBe(version === '0.21' ? 'its control socket answers' : 'its event loop waits for events')
    })

    it(`the verdict on a gateway ${version} is wedged while its event loop is blocked`, async () => {
      const {home, pid} = await gateways.start({config: {version, freeze_after_ms: 50, freeze: 'block'}, until: 'freeze'})
      const verdict = await verdictOn(home)
      expect(verdict).toMatchObject({state: 'wedged', pid})
      expect(verdict.evidence[0]).toMatch(
        /^its event loop is blocked \(in \w*nanosleep\w*\): 0 voluntary switches and \d+ ms of CPU in \d+\.\d s$/,
      )
    })

    itIsSame(`the verdict on a gateway ${version} is wedged while its event loop spins`, async () => {
      const {home, pid} = await gateways.start({config: {version, freeze_after_ms: 50, freeze: 'spin'}, until: 'freeze'})
      const verdict = await verdictOn(home)
      expect(verdict).toMatchObject({state: 'wedged', pid})
      expect(verdict.evidence[0]).toMatch(/^its event loop spins without waiting for events: /)
    })

    itIsSame(`the verdict on a gateway ${version} is wedged while it is stopped by SIGSTOP, and alive when it goes on`, async () => {
      const {home, pid} = await gateways.start({config: {version}})
      process.kill(pid, 'SIGSTOP')
      await waitFor(() => processState(pid) === 'T', 'the stop')
      const stopped = await verdictOn(home)
      expect(stopped).toMatchObject({state: 'wedged', pid})
      expect(stopped.evidence[0]).toBe(`pid ${pid} is stopped by a signal (state T) and cannot answer`)
      process.kill(pid, 'SIGCONT')
      expect(await verdictOn(home)).toMatchObject({state: 'alive', pid})
    })

    it(`the verdict on a gateway ${version} is dead when it is killed, whatever its files still say`, async () => {
      const {home, pid} = await gateways.start({config: {version}})
      process.kill(pid, 'SIGKILL')
      await waitFor(() => processState(pid) === undefined, 'the end')
      const verdict = await verdictOn(home)
      expect(verdict).toMatchObject({state: 'dead', pid: undefined})
      expect(verdict.evidence).toEqual(
        expect.arrayContaining([`the recorded pid ${pid} has no process`, 'gateway_state.json says running']),
      )
    })

    itIsSame(`the verdict on a gateway ${version} is dead while it is a zombie that its parent does not reap`, async () => {
      const parent = 'import subprocess, sys, time\nsubprocess.Popen(sys.argv[1:])\ntime.sleep(1000)'
      const {home, pid} = await gateways.start({config: {version}, within: [PYTHON, '-c', parent]})
      process.kill(pid, 'SIGKILL')
      await waitFor(() => processState(pid) === 'Z', 'the zombie')
      expect(readJson(file(home, 'gateway.pid')).pid).toBe(pid)
      const verdict = await verdictOn(home)
      expect(verdict).toMatchObject({state: 'dead', pid: undefined})
      expect(verdict.evidence).toContain(`the recorded pid ${pid} is a zombie: it has ended, but its parent has not reaped it`)
    })

    itIsSame(
      `the verdict on a gateway ${version} is cannot tell while it has not said that it runs and loads something on its main thread`,
      async () => {
        const {home, pid} = await gateways.start({config: {version, freeze_after_ms: 0, freeze: 'block'}, until: 'freeze'})
        changeState(home, {gateway_state: 'starting'})
        const starting = await verdictOn(home)
        expect(starting).toMatchObject({state: 'unknown', pid})
        expect(starting.evidence[0]).toMatch(/^its event loop is blocked .*, but the gateway has not reported yet that it is running$/)
        // The state of its predecessor: it has written none yet.
        changeState(home, {gateway_state: 'running', pid: 1})
        expect(await verdictOn(home)).toMatchObject({state: 'unknown', pid})
      },
    )
  })

  it('the verdict is alive by its command line and home if its pid file holds a bare number', async () => {
    const {home, pid} = await gateways.start({config: {version: '0.10', pid_format: 'integer', record_start_time: false}})
    expect(fs.readFileSync(file(home, 'gateway.pid'), 'utf8')).toBe(String(pid))
    expect(await verdictOn(home)).toMatchObject({state: 'alive', pid})
  })

  it('the verdict is dead if a bare number names another program by now', async () => {
    const home = gateways.makeHome()
    const {pid} = gateways.spawn('sleep', '1000')
    fs.writeFileSync(file(home, 'gateway.pid'), String(pid))
    const verdict = await verdictOn(home)
    expect(verdict).toEqual({state: 'dead', pid: undefined, evidence: [`the recorded pid ${pid} belongs to another program now`]})
  })

  it('the verdict is dead for a home that was copied together with the record of a living gateway', async () => {
    for (const version of VERSIONS) {
      const {home} = await gateways.start({config: {version}})
      const copy = gateways.makeHome()
      for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) {
        if (fs.existsSync(file(home, name))) fs.copyFileSync(file(home, name), file(copy, name))
      }
      expect(await verdictOn(copy)).toMatchObject({state: 'dead', pid: undefined})
      expect(await verdictOn(home)).toMatchObject({state: 'alive'})
    }
  })

  it('the verdict is alive for a home that the gateway knows by a link', async () => {
    for (const version of VERSIONS) {
      const home = gateways.makeHome()
      const link = path.join(path.dirname(home), 'link')
      fs.symlinkSync(home, link)
      const {pid} = await gateways.start({home, config: {version}, env: {HERMES_HOME: `${link}/`}})
      expect(await verdictOn(home)).toMatchObject({state: 'alive', pid})
      gateways.end()
    }
  })

  it('the verdict is alive while the lock is held on a deleted file, which is said', async () => {
    const {home, pid} = await gateways.start({config: {unlink_after_start: ['gateway.lock']}})
    const verdict = await verdictOn(home)
    expect(verdict).toMatchObject({state: 'alive', pid})
    expect(verdict.evidence).toContain(`gateway.lock is held by pid ${pid}, but the locked file has been deleted`)
  })

  it('the verdict is that of the lock on the file that is there, when two gateways hold one', async () => {
    const {home} = await gateways.start({config: {unlink_after_start: ['gateway.pid', 'gateway.lock']}})
    const second = await gateways.start({home})
    const verdict = await verdictOn(home)
    expect(verdict).toMatchObject({state: 'alive', pid: second.pid})
    expect(verdict.evidence).toContain(`gateway.lock is held by pid ${second.pid}`)
  })

  it('the verdict is alive while its pid file is missing, which is said', async () => {
    const {home, pid} = await gateways.start({config: {unlink_after_start: ['gateway.pid']}})
    const verdict = await verdictOn(home)
    expect(verdict).toMatchObject({state: 'alive', pid})
    expect(verdict.evidence).toContain('gateway.pid does not exist')
  })
})

describeUnless(whyNot({}), 'the verdict on files', () => {
  it('the verdict is alive whatever the form of updated_at, and whatever time it tells', async () => {
    const anHour = 3_600_000
    const iso = (ms: number) => new Date(Date.now() + ms).toISOString()
    const python = iso(0).replace('Z', '000+00:00')
    const forms = [iso(0), iso(anHour), iso(-anHour), python, iso(0).replace('Z', ''), Math.floor(Date.now() / 1000), 0, null, 'yesterday']
    for (const version of VERSIONS) {
      const {home, pid} = await gateways.start({config: {version}})
      for (const form of forms) {
        changeState(home, {updated_at: form})
        expect(await verdictOn(home), JSON.stringify(form)).toMatchObject({state: 'alive', pid})
      }
    }
  })

  it('the verdict is alive by the other files while one is half-written, whatever is there of it', async () => {
    for (const version of VERSIONS) {
      const {home, pid} = await gateways.start({config: {version}})
      for (const name of ['gateway.pid', 'gateway_state.json']) {
        const whole = fs.readFileSync(file(home, name))
        for (const text of ['', '{', '{"pid": 4', 'null', '[]', '\0\0\0\0']) {
          fs.writeFileSync(file(home, name), text)
          const verdict = await verdictOn(home)
          expect(verdict, JSON.stringify(text)).toMatchObject({state: 'alive', pid})
          expect(verdict.evidence.join('\n'), JSON.stringify(text)).toContain(`${name} is damaged`)
        }
        fs.writeFileSync(file(home, name), whole)
      }
    }
  })

  it('the verdict is cannot tell while a gateway without a lock has not finished writing its pid file', async () => {
    const {home} = await gateways.start({config: {version: '0.10'}})
    fs.writeFileSync(file(home, 'gateway.pid'), '')
    fs.rmSync(file(home, 'gateway_state.json'))
    expect(await verdictOn(home)).toEqual({state: 'unknown', pid: undefined, evidence: ['gateway.pid is damaged (the file is empty)']})
  })

  it('the verdict is alive while none of its files can be parsed but it holds the lock', async () => {
    const {home, pid} = await gateways.start()
    for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) fs.writeFileSync(file(home, name), '{"pid"')
    expect(await verdictOn(home)).toMatchObject({state: 'alive', pid})
  })

  it('the verdict is dead for an empty home', async () => {
    const verdict = await verdictOn(gateways.makeHome())
    expect(verdict).toEqual({state: 'dead', pid: undefined, evidence: ['this home has no runtime files of a gateway']})
  })
})

describeUnless(whyNot({}), 'the verdict by a heartbeat', () => {
  const beat = (home: string, pid: number, ageSec: number, more: object = {}) => {
    const monotonic = testHost.monotonicMs() / 1000 - ageSec
    const text = JSON.stringify({pid, updated_at: new Date(Date.now() - ageSec * 1000).toISOString(), monotonic, start_time: 0, ...more})
    fs.mkdirSync(file(home, 'state'), {recursive: true})
    fs.writeFileSync(file(home, 'state/gateway.heartbeat'), text)
  }
  const frozen: StandInConfig = {...WITHOUT_SOCKETS, freeze_after_ms: 0, freeze: 'block'}

  it('the verdict is alive if the heartbeat is fresh and of this very pid', async () => {
    const {home, pid} = await gateways.start({config: WITHOUT_SOCKETS})
    beat(home, pid, 5)
    const {status} = await verdictsOn(testHost, home, WINDOW_MS)
    expect(status).toMatchObject({state: 'alive', pid})
    const freshly = expect.stringMatching(/^its heartbeat is ([5-9]|[1-8]\d) s old$/) as string
    expect(status.evidence.slice(0, 2)).toEqual(['its event loop waits for events', freshly])
  })

  it('a heartbeat proves the process and not the loop, however fresh it is', async () => {
    const {home, pid} = await gateways.start({config: frozen, until: 'freeze'})
    beat(home, pid, 1)
    const verdict = await verdictOn(home)
    expect(verdict).toMatchObject({state: 'wedged', pid})
    expect(verdict.evidence.slice(0, 2)).toEqual([
      expect.stringMatching(/^its event loop is blocked/),
      expect.stringMatching(/^its heartbeat is [1-8]?\d s old$/),
    ])
  })

  it('the age of a heartbeat goes by the clock that does not jump', async () => {
    const {home, pid} = await gateways.start({config: WITHOUT_SOCKETS})
    for (const hours of [1, -1]) {
      beat(home, pid, 5, {updated_at: new Date(Date.now() + hours * 3_600_000).toISOString()})
      expect((await verdictsOn(testHost, home, WINDOW_MS)).status.evidence[1]).toMatch(/^its heartbeat is ([5-9]|[1-8]\d) s old$/)
    }
  })

  it('a heartbeat is not that of another pid, however fresh or stale', async () => {
    const {home, pid} = await gateways.start({config: frozen, until: 'freeze'})
    for (const ageSec of [1, 500]) {
      beat(home, 1, ageSec)
      const verdict = await verdictOn(home)
      expect(verdict).toMatchObject({state: 'wedged', pid})
      expect(verdict.evidence[0]).toMatch(/^its event loop is blocked/)
    }
  })

  it('the verdict is wedged if the heartbeat is stale and was to be renewed by the loop', async () => {
    const {home, pid} = await gateways.start({config: frozen, until: 'freeze'})
    beat(home, pid, 91)
    const verdict = await verdictOn(home)
    expect(verdict).toMatchObject({state: 'wedged', pid})
    expect(verdict.evidence[0]).toMatch(/^its heartbeat is (9[1-9]|1\d\d) s old; it should be renewed every 30 s$/)
  })

  it('the verdict is never wedged by a stale heartbeat alone while the main thread waits for events', async () => {
    const {home, pid} = await gateways.start({config: WITHOUT_SOCKETS})
    beat(home, pid, 500)
    const {status, tick} = await verdictsOn(testHost, home, WINDOW_MS)
    expect(status).toMatchObject({state: 'unknown', pid})
    const stale = expect.stringMatching(/^but its heartbeat is 5\d\d s old; it should be renewed every 30 s$/) as string
    expect(status.evidence.slice(0, 2)).toEqual(['its main thread waits for events', stale])
    expect(tick.state).not.toBe('wedged')
  })

  it('the verdict is alive by the tick socket, whatever the age of the heartbeat', async () => {
    const {home, pid} = await gateways.start({config: {version: '0.21', control_socket: false}})
    await waitFor(() => fs.existsSync(file(home, 'state/gateway.heartbeat')), 'a heartbeat')
    beat(home, pid, 500, {loop_tick_socket: true})
    const {status} = await verdictsOn(testHost, home, WINDOW_MS)
    expect(status).toMatchObject({state: 'alive', pid})
    expect(status.evidence[0]).toBe('its event loop answers on the tick socket')
  })

  it('the verdict hears the tick socket each time, also when it answers before it was asked', async () => {
    const {home, pid} = await gateways.start({config: {version: '0.21', control_socket: false}})
    await waitFor(() => fs.existsSync(file(home, 'state/gateway.heartbeat')), 'a heartbeat')
    const answers = new Set<string>()
    for (let asked = 0; asked < inCampaign(500, 100); asked++) answers.add(await askTick(testHost.as(testHost.account), home, pid, 1))
    expect([...answers]).toEqual(['answers'])
  })

  it('the verdict is wedged by a tick socket that stays silent, if the heartbeat is stale', async () => {
    const config: StandInConfig = {version: '0.21', control_socket: false, freeze_after_ms: 300, freeze: 'block'}
    const {home, pid} = await gateways.start({config, until: 'freeze'})
    beat(home, pid, 500, {loop_tick_socket: true})
    const verdict = await verdictOn(home)
    expect(verdict).toMatchObject({state: 'wedged', pid})
    expect(verdict.evidence[0]).toMatch(/^its heartbeat is 5\d\d s old, and its event loop does not answer on the tick socket$/)
  })
})

describeUnless(whyNot({}), 'the verdict by a control socket', () => {
  /** A control socket that gives one answer. */
  const answering = async (home: string, answer: object | string) => {
    const server = net.createServer((connection) => {
      connection.on('error', () => undefined)
      const line = typeof answer === 'string' ? answer : `${JSON.stringify({ok: true, protocol: 1, id: 1, result: answer})}\n`
      connection.once('data', () => connection.end(line))
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(file(home, 'gateway.sock'), resolve))
  }

  it('the verdict is cannot tell if the control socket answers for another pid or another home', async () => {
    const {home, pid} = await gateways.start()
    await answering(home, {pid: pid + 1, hermes_home: home})
    const {status} = await verdictsOn(testHost, home, WINDOW_MS)
    expect(status).toMatchObject({state: 'unknown', pid})
    expect(status.evidence[0]).toBe(`the control socket answers for pid ${pid + 1} of ${home}, which is another gateway`)

    servers.splice(0).forEach((server) => server.close())
    await answering(home, {pid, hermes_home: '/srv/other'})
    expect((await verdictsOn(testHost, home, WINDOW_MS)).status).toMatchObject({state: 'unknown', pid})
  })

  it('the verdict is alive by the loop if the control socket answers nonsense', async () => {
    const {home, pid} = await gateways.start()
    for (const answer of ['', 'hello\n', '{"ok":false}\n', '{"ok":true,"result":{}}\n', 'null\n']) {
      await answering(home, answer)
      const {status} = await verdictsOn(testHost, home, WINDOW_MS)
      expect(status, answer).toMatchObject({state: 'alive', pid})
      expect(status.evidence.slice(0, 2).join('\n'), answer).toMatch(
        /^its event loop waits for events\nits control socket does not answer \(/,
      )
      servers.splice(0).forEach((server) => server.close())
    }
  })

  it('the verdict is alive by the loop if nobody listens on the control socket any more', async () => {
    const {home, pid} = await gateways.start()
    const program = 'import socket, sys\nsocket.socket(socket.AF_UNIX).bind(sys.argv[1])'
    await run(PYTHON, ['-c', program, file(home, 'gateway.sock')])
    expect(await verdictOn(home)).toMatchObject({state: 'alive', pid})
  })

  it('the verdict is alive if the control socket answers although all other files are gone', async () => {
    const {home, pid} = await gateways.start({config: {version: '0.21'}})
    for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) fs.rmSync(file(home, name))
    const verdict = await verdictOn(home)
    expect(verdict).toMatchObject({state: 'alive', pid})
    expect(verdict.evidence[0]).toBe(`pid ${pid} answers on the control socket`)
  })

  it('the verdict is dead if the gateway was killed and left its socket behind', async () => {
    const {home, pid} = await gateways.start({config: {version: '0.21'}})
    process.kill(pid, 'SIGKILL')
    await waitFor(() => processState(pid) === undefined, 'the end')
    expect(fs.existsSync(file(home, 'gateway.sock'))).toBe(true)
    expect(await verdictOn(home)).toMatchObject({state: 'dead', pid: undefined})
  })
})

describe('the verdict from elsewhere', () => {
  let folder: string
  let driver: string

  beforeAll(async () => {
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-')))
    fs.chmodSync(folder, 0o755)
    driver = path.join(folder, 'verdict.cjs')
    const source = path.join(import.meta.dirname, '../support/verdict-driver.ts')
    await build({entryPoints: [source], outfile: driver, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error'})
    fs.chmodSync(driver, 0o644)
  })
  afterAll(() => {
    fs.rmSync(folder, {recursive: true})
  })

  const observer = (home: string, where: 'here' | 'anywhere') => [process.execPath, driver, home, String(WINDOW_MS), where]
  /** The verdict of another process, which the command `within` starts. `here`: where a service of the home has run in the same PID namespace. */
  const verdictsWithin = async (within: readonly string[], home: string, where: 'here' | 'anywhere' = 'anywhere'): Promise<Verdicts> => {
    const [command = '', ...args] = [...within, ...observer(home, where)]
    const {stdout} = await run(command, args, {env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin'}})
    return JSON.parse(stdout) as Verdicts
  }

  describeUnless(whyNot({root: true}), 'in a PID namespace', () => {
    /** The verdict, in a PID namespace where its service has run, on a home whose recorded pid has been given to `successor`. */
    const afterRecycling = async (mode: 'later' | 'same-tick', home: string, successor: readonly string[], otherHome: string | null) => {
      const spec = {mode, home, gateway: GATEWAY, successor, successor_home: otherHome, observer: observer(home, 'here')}
      const program = path.join(import.meta.dirname, '../support/recycled-pid.py')
      const [command = '', ...args] = [...APART, PYTHON, program, JSON.stringify(spec)]
      const {stdout} = await run(command, args)
      return JSON.parse(stdout) as Verdicts
    }
    const homeOf = (config: StandInConfig) => {
      const home = gateways.makeHome()
      fs.writeFileSync(file(home, 'stand-in.json'), JSON.stringify(config))
      return home
    }
    const SLEEP = ['/bin/sleep', '1000']
    const GATEWAY = [PYTHON, STAND_IN, 'gateway', 'run']

    it.each(OF_ONE)('the verdict is dead when the pid of a gateway %s has gone to another process', async (version) => {
      for (const [successor, successorHome] of [
        [SLEEP, null],
        [GATEWAY, homeOf({})],
      ] as const) {
        const {status, tick} = await afterRecycling('later', homeOf({version}), successor, successorHome)
        // The heartbeat asks no manager, and touches neither a dead one nor one of which it cannot tell.
        expect([status.state, tick.state]).toEqual(['dead', 'unknown'])
        expect(status.evidence).toContain('the recorded pid 500 belongs to another process now (its start time differs)')
      }
    })

    it('the verdict is dead when pid and start time have gone to another program', async () => {
      const {status, tick} = await afterRecycling('same-tick', homeOf({}), SLEEP, null)
      expect([status.state, tick.state]).toEqual(['dead', 'dead'])
      expect(status.evidence).toContain('the recorded pid 500 belongs to another program now')
    })

    it('the verdict is dead when pid and start time have gone to the gateway of another home', async () => {
      const {status, tick} = await afterRecycling('same-tick', homeOf({}), GATEWAY, homeOf({version: '0.10'}))
      expect([status.state, tick.state]).toEqual(['dead', 'dead'])
      expect(status.evidence).toContain('the recorded pid 500 is a gateway of another home')
    })

    it.each(['0.16', '0.21'] as const)(
      'the verdict is alive for a gateway %s in an inner PID namespace, where it has another pid',
      async (version) => {
        const {home, child} = await gateways.start({config: {version}, within: APART})
        const inner = fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
        expect(readJson(file(home, 'gateway.pid')).pid).toBe(1)
        const {status} = await verdictsOn(testHost, home, WINDOW_MS)
        expect(status).toMatchObject({state: 'alive', pid: Number(inner)})
        expect(status.evidence).toContain('gateway.pid names another pid, 1')
      },
    )

    it.each(['0.10', '0.16'] as const)(
      'the verdict is cannot tell for a gateway %s outside, which holds a lock that is not shown',
      async (version) => {
        const {home, pid} = await gateways.start({config: {version}})
        const {status, tick, lock} = await verdictsWithin(APART, home)
        expect(lock).toEqual({kind: version === '0.10' ? 'absent' : 'free'})
        expect([status.state, tick.state]).toEqual(['unknown', 'unknown'])
        expect(status.pid).toBeUndefined()
        expect(status.evidence.join('\n')).toContain(
          `the recorded pid ${pid} is a process in another PID namespace, such as a container, that is not visible from here`,
        )
      },
    )

    it('the verdict is alive for a gateway outside that answers on its control socket', async () => {
      const {home, pid} = await gateways.start({config: {version: '0.21'}})
      const {status} = await verdictsWithin(APART, home)
      expect(status.state).toBe('alive')
      expect(status.pid).toBeUndefined()
      expect(status.evidence[0]).toBe(`a gateway whose process cannot be seen from here answers on the control socket (pid ${pid} there)`)
    })

    it.each([...OF_ONE.map((version) => [version, 'dead', 'here'] as const), ['0.16', 'unknown', 'anywhere'] as const])(
      'the verdict on a gateway %s that was killed in a PID namespace is %s where its service has run %s',
      async (version, state, where) => {
        const home = homeOf({version})
        const program = `HERMES_HOME=$1 ${PYTHON} ${STAND_IN} gateway run & until grep -q running "$1/gateway_state.json"; do sleep 0.05; done 2>/dev/null
        kill -9 $!; wait $!; shift; "$@"`
        const {status, tick} = await verdictsWithin([...APART, 'sh', '-c', program, 'sh', home], home, where)
        expect([status.state, tick.state]).toEqual([state, 'unknown'])
      },
    )

    it('the verdict is dead although a file of another file system with the same number is locked', async () => {
      const home = gateways.makeHome()
      fs.mkdirSync(`${home}-2`)
      const program = `set -e
        mount -t tmpfs one "$1"; mount -t tmpfs two "$1-2"; : >"$1/gateway.lock"; : >"$1-2/other"
        [ "$(stat -c %i "$1/gateway.lock")" = "$(stat -c %i "$1-2/other")" ]
        echo 3 >"$1/gateway.pid"
        flock "$1-2/other" sleep 1000 & until grep -q "$(stat -c %i "$1/gateway.lock") 0 EOF" /proc/locks; do sleep 0.05; done
        shift; "$@"`
      const {status} = await verdictsWithin([...APART, 'sh', '-c', program, 'sh', home], home, 'here')
      expect(status).toMatchObject({state: 'dead'})
      expect(status.evidence).toContain('gateway.lock exists, but no process holds it')
    })
  })

  describeUnless(whyNot({root: true}), 'as another user', () => {
    it.each(OF_ONE)(
      'the verdict is cannot tell, and never dead, for a gateway %s of somebody else, whose process /proc does not show, or whose files may not be read',
      async (version) => {
        const {home, pid} = await gateways.start({config: {version}})
        // gateway_state.json is its owner's alone.
        const {status, tick} = await verdictsWithin(NOBODY, home)
        expect([status.state, tick.state]).toEqual(['unknown', 'unknown'])
        expect(status.pid).toBe(pid)

        const hidden = ['unshare', '--mount', 'sh', '-c', 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', 'sh', ...NOBODY]
        const unseen = await verdictsWithin(hidden, home)
        expect([unseen.status.state, unseen.tick.state]).toEqual(['unknown', 'unknown'])
        expect(unseen.status.evidence[0]).toContain(`pid ${pid}`)
        expect(unseen.status.evidence[0]).toContain('this user cannot see')

        fs.chmodSync(home, 0o700)
        const closed = await verdictsWithin(NOBODY, home)
        expect([closed.status.state, closed.tick.state]).toEqual(['unknown', 'unknown'])
        expect(closed.status.evidence).toContain('gateway.pid cannot be read (EACCES)')
      },
    )

    it('the verdict is that of the process for root', async () => {
      const home = gateways.makeHome()
      fs.chownSync(home, 65534, 65534)
      const {pid} = await gateways.start({home, within: NOBODY})
      expect(await verdictOn(home)).toMatchObject({state: 'alive', pid})
      process.kill(pid, 'SIGSTOP')
      await waitFor(() => processState(pid) === 'T', 'the stop')
      expect(await verdictOn(home)).toMatchObject({state: 'wedged', pid})
    })
  })

  describeUnless(whyNot({faketime: true}), 'with a clock that is an hour off', () => {
    const shifts = ['+1h', '-1h'] as const
    /** As when somebody sets the clock, and as in a machine whose clocks all differ. */
    const clocks = shifts.flatMap((shift) => [
      {shift, which: 'the clock that is set', within: [...CLOCK, `FAKETIME=${shift}`, 'FAKETIME_DONT_FAKE_MONOTONIC=1']},
      {shift, which: 'all clocks', within: [...CLOCK, `FAKETIME=${shift}`]},
    ])

    it('the verdict is the same where the clock of ours that is set, or all of them, are off', async () => {
      const everyClock = inCampaign(clocks, clocks.slice(1, 3))
      const withoutControl: StandInConfig = {version: '0.21', control_socket: false}
      const ofAll = [...VERSIONS.map((version) => ({version})), withoutControl, WITHOUT_SOCKETS]
      // By a lock, by a socket that tells of ticks, and by a heartbeat whose age is told.
      for (const config of inCampaign<readonly StandInConfig[]>(ofAll, [{version: '0.16'}, withoutControl, WITHOUT_SOCKETS])) {
        const {home, pid} = await gateways.start({config})
        for (const {within, ...clock} of everyClock) {
          const {status, tick} = await verdictsWithin(within, home)
          expect({...clock, status, tick}).toMatchObject({status: {state: 'alive', pid}, tick: {state: 'alive', pid}})
        }
      }
      const {home, pid} = await gateways.start({config: {freeze_after_ms: 0, freeze: 'block'}, until: 'freeze'})
      for (const {within, ...clock} of everyClock) {
        expect({...clock, ...(await verdictsWithin(within, home))}).toMatchObject({status: {state: 'wedged', pid}})
      }
      process.kill(pid, 'SIGKILL')
      await waitFor(() => processState(pid) === undefined, 'the end')
      for (const {within, ...clock} of everyClock) {
        expect({...clock, ...(await verdictsWithin(within, home))}).toMatchObject({status: {state: 'dead'}})
      }
    })

    it.each(inCampaign(clocks, clocks.slice(1, 3)))(
      'the verdict is the same where $which of the gateway are off by $shift',
      async ({within}) => {
        for (const config of [{version: '0.10'}, {version: '0.16'}, {version: '0.21'}, {version: '0.21', control_socket: false}] as const) {
          const {home, pid} = await gateways.start({config, within})
          // Whoever fakes one clock only has threads that wait for the other one spin, which slows the loop down.
          expect(await verdictOn(home, DEFAULT_WEDGE_WINDOW_MS)).toMatchObject({state: 'alive', pid})
        }
      },
    )
  })
})
