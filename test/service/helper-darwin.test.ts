import {existsSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {describeUnless} from '../support/describe-unless.js'
import {
  cleanUp,
  helperService,
  type HelperService,
  type Json,
  lacks,
  NO_PROCESS,
  put,
  PYTHON,
  read,
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
    const judge = async (content: Json | number, prepare?: (made: HelperService) => unknown): Promise<string> => {
      const made = await darwin()
      put(made.home, 'gateway.pid', content)
      await prepare?.(made)
      const {code, stderr} = runHelper(shell, made, 'before-start.sh')
      expect(code).toBe(0)
      expect(hasRecord(made)).toBe(!stderr.includes('gateway.pid was cleared'))
      return stderr.trim()
    }

    it('clears the record of a process that is gone, that is a zombie, and that is no gateway', async () => {
      expect(await judge(record(NO_PROCESS))).toContain(`process ${NO_PROCESS} is gone`)
      const zombie = await startZombie()
      expect(await judge(record(zombie))).toContain(`process ${zombie} is a zombie`)
      const other = await startAnything()
      expect(await judge(record(other, {start_time: nowTicks()}))).toContain(`process ${other} is no gateway`)
    })

    it('clears the record of a process whose number was given to another one', async () => {
      const made = await darwin()
      const pid = await startGateway(made, {})
      put(made.home, 'gateway.pid', record(pid, {start_time: nowTicks() - 1000}))
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain(`process ${pid} is a later one`)
    })

    it('leaves the record of a live gateway, whose start ps tells only to the second', async () => {
      const made = await darwin()
      const pid = await startGateway(made, {})
      for (const startTime of [nowTicks(), null]) {
        put(made.home, 'gateway.pid', record(pid, {start_time: startTime}))
        expect(runHelper(shell, made, 'before-start.sh').stderr).toContain(`process ${pid} may be a gateway of this home`)
        expect(hasRecord(made)).toBe(true)
      }
    })

    it('clears the record of the gateway of another home or profile', async () => {
      const made = await darwin()
      const pid = await startGateway(made, {}, ['-p', 'work'])
      put(made.home, 'gateway.pid', record(pid))
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain("another home's gateway")
    })

    it('leaves the record while somebody has gateway.lock open, and only then', async () => {
      const made = await darwin()
      const lock = join(made.home, 'gateway.lock')
      writeFileSync(lock, '')
      put(made.home, 'gateway.pid', record(NO_PROCESS))
      const {child} = await startPython(`f=open(${JSON.stringify(lock)})\nprint(1, flush=True)`)
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain('gateway.lock is held')
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain('gateway.pid was cleared')
    })

    it.each([
      ['fails', 'echo "lsof: no permission" >&2; exit 1'],
      ['says something else', 'echo hello'],
    ])('leaves the record if lsof %s', async (_, body) => {
      const made = await darwin({lsof: body})
      writeFileSync(join(made.home, 'gateway.lock'), '')
      put(made.home, 'gateway.pid', record(NO_PROCESS))
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain('it cannot be told who holds gateway.lock')
    })

    it('reads how long a process has run, however long', async () => {
      for (const [elapsed, seconds] of [
        ['00:09', 9],
        ['59:08', 3548],
        ['01:02:03', 3723],
        ['08-09:10:11', 724_211],
      ] as const) {
        const made = await darwin({ps: `case $* in *command=*) echo 'python hermes gateway run' ;; *) echo 'S  1 ${elapsed}' ;; esac`})
        put(made.home, 'gateway.pid', record(4242, {start_time: nowTicks() - seconds * 100}))
        expect(runHelper(shell, made, 'before-start.sh').stderr, elapsed).toContain('may be a gateway')
        put(made.home, 'gateway.pid', record(4242, {start_time: nowTicks() - (seconds + 4) * 100}))
        expect(runHelper(shell, made, 'before-start.sh').stderr, elapsed).toContain('is a later one')
      }
    })

    it('names the start of the gateway in the marker of a stop only as the gateway itself recorded it', async () => {
      const made = await darwin()
      const pid = await startGateway(made, {})
      const marker = () => JSON.parse(read(made.home, '.gateway-planned-stop.json') ?? '') as Json
      runHelper(shell, made, 'before-stop.sh', {MAINPID: String(pid)})
      expect(marker()).toMatchObject({target_pid: pid, target_start_time: null})
      const startTime = nowTicks()
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime}))
      runHelper(shell, made, 'before-stop.sh', {MAINPID: String(pid)})
      expect(marker()).toMatchObject({target_pid: pid, target_start_time: startTime})
    })

    it.each([
      ['just before', -40, 'a planned restart'],
      ['in an earlier run', -100_000, 'failure 1 in a row'],
    ])('takes exit 75 of a gateway that started %s for what it is', async (_, ticks, said) => {
      const made = await darwin()
      put(made.state, 'started', Math.floor(Date.now() / 1000) * 100)
      put(made.home, 'gateway_state.json', {pid: 1, start_time: nowTicks() + ticks, gateway_state: 'stopped', restart_requested: true})
      const env = {EXIT_CODE: 'exited', EXIT_STATUS: '75', SERVICE_RESULT: 'success'}
      expect(runHelper(shell, made, 'after-exit.sh', env).stderr).toContain(said)
    })
  })
}
