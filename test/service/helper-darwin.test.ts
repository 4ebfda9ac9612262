import {existsSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {describeUnless} from '../support/describe-unless.js'
import {
  askedUnder,
  cleanUp,
  helperService,
  type HelperService,
  type Json,
  lacks,
  NO_PROCESS,
  put,
  PYTHON,
  record,
  runHelper,
  SHELLS,
  startAnything,
  startGateway,
  startPython,
  startZombie,
} from '../support/helper-scripts.js'

// The helpers as they are on macOS: they know processes by ps and locks by lsof, which are here as well.

afterEach(cleanUp)

const hasRecord = (made: HelperService) => existsSync(join(made.home, 'gateway.pid'))
/** Epoch centiseconds, as gateways on macOS record their start. */
const nowTicks = () => Math.round(Date.now() / 10)
const darwin = (tools: Record<string, string> = {}) => helperService({platform: 'darwin', tools})

for (const [shellName, shell] of Object.entries(SHELLS)) {
  describeUnless(lacks(shell[0] ?? '', PYTHON, 'ps', 'lsof'), `the helpers of macOS, under ${shellName}`, () => {
    const {itOfAll} = askedUnder(shellName)
    const judge = async (content: Json | number, prepare?: (made: HelperService) => unknown): Promise<string> => {
      const made = darwin()
      put(made.home, 'gateway.pid', content)
      await prepare?.(made)
      const {code, stderr} = runHelper(shell, made, 'before-start')
      expect(code).toBe(0)
      expect(hasRecord(made)).toBe(!stderr.includes('gateway.pid was cleared'))
      return stderr.trim()
    }

    itOfAll('clears the record of a process that is gone, that is a zombie, and that is no gateway', async () => {
      expect(await judge(record(NO_PROCESS))).toContain(`process ${NO_PROCESS} is gone`)
      const zombie = await startZombie()
      expect(await judge(record(zombie))).toContain(`process ${zombie} is a zombie`)
      const other = await startAnything()
      expect(await judge(record(other, {start_time: nowTicks()}))).toContain(`process ${other} is not a gateway`)
    })

    itOfAll('leaves the record of a live gateway, whatever start it names: ps tells that only to the second', async () => {
      const made = darwin()
      const pid = await startGateway(made, {})
      for (const startTime of [nowTicks(), null]) {
        put(made.home, 'gateway.pid', record(pid, {start_time: startTime}))
        expect(runHelper(shell, made, 'before-start').stderr).toContain(`process ${pid} may be a gateway of this home`)
        expect(hasRecord(made)).toBe(true)
      }
    })

    it('leaves the record while somebody has gateway.lock open, and only then', async () => {
      const made = darwin()
      const lock = join(made.home, 'gateway.lock')
      writeFileSync(lock, '')
      put(made.home, 'gateway.pid', record(NO_PROCESS))
      const {child} = await startPython(`f=open(${JSON.stringify(lock)})\nprint(1, flush=True)`)
      expect(runHelper(shell, made, 'before-start').stderr).toContain('gateway.lock is held')
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
      expect(runHelper(shell, made, 'before-start').stderr).toContain('gateway.pid was cleared')
    })

    it.each([
      ['fails', 'echo "lsof: no permission" >&2; exit 1'],
      ['says something else', 'echo hello'],
    ])('leaves the record if lsof %s', async (_, body) => {
      const made = darwin({lsof: body})
      writeFileSync(join(made.home, 'gateway.lock'), '')
      put(made.home, 'gateway.pid', record(NO_PROCESS))
      expect(runHelper(shell, made, 'before-start').stderr).toContain('hermes-svc cannot tell who holds gateway.lock')
    })

    it.each([
      ['just before', -40, 'a planned restart'],
      ['in an earlier run', -100_000, 'failure 1 in a row'],
    ])('takes exit 75 of a gateway that started %s for what it is', async (_, ticks, said) => {
      const made = darwin()
      put(made.state, 'started', Math.floor(Date.now() / 1000) * 100)
      put(made.home, 'gateway_state.json', {pid: 1, start_time: nowTicks() + ticks, gateway_state: 'stopped', restart_requested: true})
      const env = {EXIT_CODE: 'exited', EXIT_STATUS: '75', SERVICE_RESULT: 'success'}
      expect(runHelper(shell, made, 'after-exit', env).stderr).toContain(said)
    })
  })
}
