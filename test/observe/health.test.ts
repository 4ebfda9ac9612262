import {spawn, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {createNodeHost} from '../../src/host/node-host.js'
import {observeHealth} from '../../src/observe/health.js'
import {describeUnless} from '../support/describe-unless.js'
import {waitFor} from '../support/hermes-svc.js'

const PYTHON = '/usr/bin/python3'
const PACKAGE_ROOT = path.join(import.meta.dirname, '../..')
const STAND_IN = path.join(PACKAGE_ROOT, 'src/smoke/stand-in/hermes')
/** Starts the gateway, and reaps it only when a line comes: until then one that has ended is a zombie. */
const PARENT = `
import subprocess, sys
gateway = subprocess.Popen(sys.argv[1:])
sys.stdin.readline()
gateway.kill()
gateway.wait()
`

const reason =
  process.platform !== 'linux' ? 'there is no /proc' : spawnSync(PYTHON, ['--version']).error ? `${PYTHON} is missing` : undefined

describeUnless(reason, 'the health of a real process', () => {
  let home: string
  let end: () => Promise<void>

  beforeEach(async () => {
    home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-health-')))
    const parent = spawn(PYTHON, ['-c', PARENT, PYTHON, STAND_IN, 'gateway', 'run'], {
      env: {PATH: '/usr/bin:/bin', HOME: home, HERMES_HOME: home},
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const ended = new Promise((resolve) => parent.on('exit', resolve))
    end = async () => {
      if (!parent.stdin.writableEnded) parent.stdin.end('\n')
      await ended
    }
    await waitFor(() => read().gateway_state === 'running', 'a gateway that runs')
  })
  afterEach(async () => {
    await end()
    fs.rmSync(home, {recursive: true})
  })

  const read = () => {
    const file = path.join(home, 'gateway_state.json')
    return (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {}) as {pid: number; gateway_state?: string}
  }
  /** State of the gateway's process, the letter of proc(5); undefined if there is none. */
  const processState = () => {
    const file = `/proc/${read().pid}/stat`
    return fs.existsSync(file) ? /\) (\S)/.exec(fs.readFileSync(file, 'utf8'))?.[1] : undefined
  }
  const look = async () => {
    const {payload, verdict} = await observeHealth(createNodeHost(PACKAGE_ROOT), {home})
    return {alive: payload.alive, reason: payload.details.reason, verdict}
  }

  it('is alive while it runs, down while it is stopped, and alive again', async () => {
    expect(await look()).toEqual({alive: true, reason: undefined, verdict: 'alive'})
    process.kill(read().pid, 'SIGSTOP')
    await waitFor(() => processState() === 'T', 'its stop')
    expect(await look()).toEqual({alive: false, reason: 'gateway_not_running', verdict: 'wedged'})
    process.kill(read().pid, 'SIGCONT')
    await waitFor(() => processState() !== 'T', 'its end of the stop')
    expect(await look()).toEqual({alive: true, reason: undefined, verdict: 'alive'})
  })

  it('is down while it is a zombie, and told by its file once nothing shows that it ran here', async () => {
    process.kill(read().pid, 'SIGKILL')
    await waitFor(() => processState() === 'Z', 'its end')
    expect(await look()).toEqual({alive: false, reason: 'gateway_not_running', verdict: 'dead'})
    await end()
    expect(await look()).toEqual({alive: true, reason: 'cross_container_freshness', verdict: 'dead'})
  })

  it('leaves every file as it is', async () => {
    const files = () =>
      fs.readdirSync(home, {recursive: true, encoding: 'utf8'}).map((name) => {
        const {mtimeNs, ctimeNs, ino} = fs.statSync(path.join(home, name), {bigint: true})
        return {name, mtimeNs, ctimeNs, ino}
      })
    // Held, so that nobody else writes either.
    process.kill(read().pid, 'SIGSTOP')
    await waitFor(() => processState() === 'T', 'its stop')
    const before = files()
    await look()
    expect(files()).toEqual(before)
  })
})

describe('observeHealth', () => {
  it('needs no home to be there', async () => {
    const {payload, meantToRun} = await observeHealth(createNodeHost(PACKAGE_ROOT), {home: '/nonexistent/home'})
    expect([payload.alive, payload.details.reason, meantToRun]).toEqual([null, 'gateway_not_configured', undefined])
  })
})
