import {execFileSync, spawnSync} from 'node:child_process'
import {existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {DEFAULT_RESTART_POLICY, delayMs, type RestartPolicy, UNCOUNTED_MS} from '../../src/service/restart-policy.js'
import {shellQuote} from '../../src/text/shell-quote.js'
import {describeUnless} from '../support/describe-unless.js'
import {
  askedUnder,
  cleanUp,
  HANGS_MS,
  helperCall,
  helperService,
  type HelperService,
  type Json,
  lacks,
  NO_PROCESS,
  nowTicks,
  put,
  PYTHON,
  read,
  record,
  runHelper,
  SHELLS,
  start,
  startAnything,
  startGateway,
  startPython,
  startTime,
  startZombie,
  temporaryFolder,
} from '../support/helper-scripts.js'

afterEach(cleanUp)

const hasRecord = (made: HelperService) => existsSync(join(made.home, 'gateway.pid'))
const putLock = (made: HelperService) => put(made.home, 'gateway.lock', '{}')
/** As sleep(1) is told them. */
const seconds = (ms: number): string => (ms % 1000 === 0 ? String(ms / 1000) : (ms / 1000).toFixed(3))
const mkfifo = (path: string) => execFileSync('mkfifo', [path])

for (const [shellName, shell] of Object.entries(SHELLS)) {
  const reason = lacks(shell[0] ?? '', PYTHON)
  const {itOfAll, rowsOf} = askedUnder(shellName)

  describeUnless(reason, `before-start.sh and the pid record, under ${shellName}`, () => {
    /** Runs it with a record; returns what it said. Whether the record was cleared agrees with that, or the test fails. */
    const judge = async (content: Json | string | number, prepare?: (made: HelperService) => unknown): Promise<string> => {
      const made = helperService()
      put(made.home, 'gateway.pid', content)
      await prepare?.(made)
      const {code, stderr} = runHelper(shell, made, 'before-start')
      expect(code).toBe(0)
      expect(hasRecord(made)).toBe(!stderr.includes('gateway.pid was cleared'))
      return stderr.trim()
    }

    it('says nothing and starts if there is none', async () => {
      expect(runHelper(shell, helperService(), 'before-start')).toEqual({code: 0, stderr: ''})
    })

    it.each(
      rowsOf([
        ['a JSON record', record(NO_PROCESS, {start_time: 1})],
        ['a record without a start time', record(NO_PROCESS, {start_time: null})],
        ['a bare number', NO_PROCESS],
        ['a bare number with a newline', `${NO_PROCESS}\n`],
        ['a pretty printed record', JSON.stringify(record(NO_PROCESS), null, 2)],
      ]),
    )('clears %s of a process that is gone', async (_, content) => {
      expect(await judge(content)).toBe(`hermes-svc: gateway.pid was cleared: process ${NO_PROCESS} is gone`)
    })

    itOfAll('clears the record of a zombie', async () => {
      const zombie = await startZombie()
      expect(readFileSync(`/proc/${zombie}/stat`, 'utf8')).toContain(') Z ')
      expect(await judge(record(zombie, {start_time: startTime(zombie)}))).toContain(`cleared: process ${zombie} is a zombie`)
      expect(await judge(zombie)).toContain(`cleared: process ${zombie} is a zombie`)
    })

    itOfAll('clears the record of a process whose number was given to another one', async () => {
      const made = helperService()
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid) - 1}))
      expect(runHelper(shell, made, 'before-start').stderr).toContain(`cleared: process ${pid} started later than the record says`)
      expect(hasRecord(made)).toBe(false)
    })

    it.each(
      rowsOf([
        ['with its start time', true, {}],
        ['without a start time', false, {}],
        ['with a home in the record that has an escape', true, {hermes_home: '/h\\"'}],
      ]),
    )('leaves the record of a live gateway of this home, %s', async (_, withStartTime, more) => {
      const made = helperService()
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: withStartTime ? startTime(pid) : null, ...more}))
      const {code, stderr} = runHelper(shell, made, 'before-start')
      expect(code).toBe(0)
      expect(stderr).toContain(`stays as it is: process ${pid} may be a gateway of this home`)
      expect(hasRecord(made)).toBe(true)
    })

    itOfAll('leaves the record of a gateway that is stopped with SIGSTOP', async () => {
      const made = helperService()
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid)}))
      process.kill(pid, 'SIGSTOP')
      expect(runHelper(shell, made, 'before-start').code).toBe(0)
      expect(hasRecord(made)).toBe(true)
    })

    itOfAll('clears the record of a live process that is no gateway, though its start time agrees', async () => {
      const pid = await startAnything()
      expect(await judge(record(pid, {start_time: startTime(pid)}))).toContain(`cleared: process ${pid} is not a gateway`)
    })

    it('reads past a command name with parentheses, spaces and a newline', async () => {
      const program = join(temporaryFolder(), 'x) Z 1\n(y')
      symlinkSync(PYTHON, program)
      const pid = await startAnything(program)
      expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('x) Z 1\n(y\n')
      expect(await judge(record(pid, {start_time: startTime(pid)}))).toContain(`process ${pid} is not a gateway`)
      expect(await judge(record(pid, {start_time: 1}))).toContain(`process ${pid} started later than the record says`)
    })

    itOfAll('clears the record of a living process while gateway.lock is free: a gateway holds it as long as it lives', async () => {
      const made = helperService()
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid)}))
      putLock(made)
      expect(runHelper(shell, made, 'before-start').stderr).toContain('gateway.pid was cleared: gateway.lock is free')
      expect(hasRecord(made)).toBe(false)
    })

    it('leaves everything while gateway.lock is held, though the recorded process is gone and nobody hears it', async () => {
      const made = helperService()
      put(made.home, 'gateway.pid', record(NO_PROCESS))
      put(made.home, 'gateway.lock', record(NO_PROCESS))
      const lock = JSON.stringify(join(made.home, 'gateway.lock'))
      const holder = `f=open(${lock},'r+')\nfcntl.flock(f,fcntl.LOCK_EX)\nprint(1,flush=True)\nsys.stdin.read()\nsys.exit()`
      const {child} = await startPython(holder)
      expect(runHelper(shell, made, 'before-start')).toEqual({
        code: 0,
        stderr: 'hermes-svc: gateway.pid stays as it is: gateway.lock is held, so a gateway of this home runs\n',
      })
      const command = [...shell, ...helperCall(made, 'before-start')].map(shellQuote).join(' ')
      expect(spawnSync('sh', ['-c', `${command} 2>&-`], {timeout: HANGS_MS}).status).toBe(0)
      expect(hasRecord(made)).toBe(true)
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.stdin?.end()
      await ended
      expect(runHelper(shell, made, 'before-start').stderr).toContain('was cleared')
      expect(read(made.home, 'gateway.lock')).toBe(JSON.stringify(record(NO_PROCESS)))
    })

    it.each(
      rowsOf([
        ['binary', '\0\u0001\u00ff{"\\'],
        ['empty', ''],
        ['half-written', '{"pid'],
        ['not JSON', 'x'.repeat(2000)],
        ['without a pid', '{"kind":"hermes-gateway"}'],
        ['with pid 0', '{"pid":0}'],
        ['with a negative pid', '-1'],
      ]),
    )('clears a record that is %s if gateway.lock proves that nobody runs, and leaves it otherwise', async (_, content) => {
      expect(await judge(content, putLock)).toBe('hermes-svc: gateway.pid was cleared: gateway.lock is free')
      expect(await judge(content)).toBe('hermes-svc: gateway.pid stays as it is: it names no process')
    })

    it.each<[string, (path: string) => unknown]>([
      ['a folder', (path) => mkdirSync(path)],
      ['a FIFO', mkfifo],
      ['a link to nothing', (path) => symlinkSync('/nowhere/at/all', path)],
      ['a link to /dev/zero', (path) => symlinkSync('/dev/zero', path)],
    ])('leaves %s in place of the record, and ends', async (_, make) => {
      const made = helperService()
      make(join(made.home, 'gateway.pid'))
      putLock(made)
      const said = 'hermes-svc: gateway.pid stays as it is: it cannot be read\n'
      expect(runHelper(shell, made, 'before-start')).toEqual({code: 0, stderr: said})
      expect(lstatSync(join(made.home, 'gateway.pid'))).toBeDefined()
    })

    it.each<[string, (path: string) => unknown]>([
      ['a folder', (path) => mkdirSync(path)],
      ['a FIFO', mkfifo],
    ])('leaves the record if gateway.lock is %s', async (_, make) => {
      const said = await judge(record(NO_PROCESS), (made) => make(join(made.home, 'gateway.lock')))
      expect(said).toBe('hermes-svc: gateway.pid stays as it is: hermes-svc cannot tell who holds gateway.lock')
    })

    it('leaves a record that changed while it was judged', async () => {
      const made = helperService({tools: {flock: `printf '{"pid": 12}' >"$HOME_FOLDER/gateway.pid"`}})
      put(made.home, 'gateway.pid', record(NO_PROCESS))
      putLock(made)
      expect(runHelper(shell, made, 'before-start', {HOME_FOLDER: made.home})).toEqual({code: 0, stderr: ''})
      expect(read(made.home, 'gateway.pid')).toBe('{"pid": 12}')
    })
  })

  describeUnless(reason, `before-start.sh and the wait, under ${shellName}`, () => {
    const LONG: Partial<RestartPolicy> = {firstMs: 600_000, capMs: 600_000}
    const failed = (count: number | string) => (made: HelperService) => put(made.state, 'failures', `${count}\n`)

    /** Runs it with a `sleep` that writes down how long it was to last; returns that, undefined if it was not called. */
    const waits = async (
      prepare: (made: HelperService) => void,
      policy: Partial<RestartPolicy> = {},
      state?: string,
    ): Promise<string | undefined> => {
      const made = helperService({policy, tools: {sleep: 'echo "$*" >"$(dirname "$0")/slept"'}})
      prepare(made)
      expect(runHelper(shell, made, 'before-start', {}, state).code).toBe(0)
      return read(made.root, 'slept')
    }

    it('does not wait without a failure', async () => {
      expect(await waits(() => undefined)).toBeUndefined()
      expect(await waits(failed(0))).toBeUndefined()
    })

    it('waits as long as the policy says for any number of failures', async () => {
      for (const change of [{}, {firstMs: 7, capMs: 500}, {firstMs: 2 ** 30, capMs: 2 ** 30}]) {
        const policy = {...DEFAULT_RESTART_POLICY, ...change}
        for (const failures of rowsOf([999_999_999_999_999, 9, 1, 2, 7, 8, 33, 64, 200, 1_000_000], 2)) {
          expect(await waits(failed(failures), policy)).toBe(seconds(delayMs(policy, failures)))
        }
      }
    })

    it.each(['', 'x', '-1', '08', '1e3', '1000000000000000', ' 3'])('waits a fixed time if the count reads %o', async (count) => {
      expect(await waits(failed(count))).toBe(seconds(UNCOUNTED_MS))
    })

    it('waits a fixed time, at most the cap, if the state folder is gone or takes nothing', async () => {
      expect(await waits(() => undefined, {}, '/nowhere/at/all')).toBe('5')
      expect(await waits(() => undefined, {capMs: 1000}, '/nowhere/at/all')).toBe('1')
      expect(await waits((made) => mkdirSync(join(made.state, 'started')))).toBe('5')
    })

    it('writes the tick at which it lets the gateway start, after the wait', async () => {
      const made = helperService({policy: {firstMs: 40, capMs: 40}})
      failed(1)(made)
      const before = nowTicks()
      expect(runHelper(shell, made, 'before-start').code).toBe(0)
      expect(Number(read(made.state, 'started'))).toBeGreaterThanOrEqual(before + 4)
      expect(Number(read(made.state, 'started'))).toBeLessThanOrEqual(nowTicks())
    })

    it('forgets a stop that is long over', async () => {
      const made = helperService()
      put(made.state, 'stopping', 1)
      runHelper(shell, made, 'before-start')
      expect(read(made.state, 'stopping')).toBeUndefined()
    })

    it('ends cleanly on SIGTERM during the wait, ends the sleep, and forgets the failures', async () => {
      const made = helperService({policy: LONG, tools: {sleep: 'echo $$; exec /bin/sleep "$@"'}})
      failed(3)(made)
      const {child, stderr} = await start([...shell, ...helperCall(made, 'before-start')])
      const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({code, signal})))
      child.kill('SIGTERM')
      // The sleep holds the same pipes: they close only when both have ended.
      expect(await ended).toEqual({code: 0, signal: null})
      expect(stderr()).toBe('hermes-svc: the start was called off\n')
      expect([read(made.state, 'failures'), read(made.state, 'started')]).toEqual(['0', ''])
    })

    it('replaces a link in the state folder instead of writing through it', async () => {
      const made = helperService()
      put(made.home, 'precious', 'kept')
      symlinkSync(join(made.home, 'precious'), join(made.state, 'started'))
      runHelper(shell, made, 'before-start')
      expect(read(made.home, 'precious')).toBe('kept')
      expect(lstatSync(join(made.state, 'started')).isFile()).toBe(true)
    })
  })
}

const canUnshare = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0
const reason = lacks('dash', PYTHON) ?? (canUnshare ? undefined : 'needs root and a mount namespace')

describeUnless(reason, 'before-start.sh where processes or inode numbers mislead', () => {
  /** Runs a script as root in a mount namespace of its own; returns its output. */
  const inNamespace = (script: string) => execFileSync('unshare', ['-m', 'sh', '-ec', script], {encoding: 'utf8', timeout: HANGS_MS})

  it.each(['noaccess', 'invisible'])('clears a record whose process hidepid=%s hides only if gateway.lock is free', async (hidepid) => {
    const made = helperService()
    execFileSync('chown', ['-R', '65534:65534', made.root])
    const pid = await startAnything()
    const asNobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups dash'
    const run = `mount -t proc -o hidepid=${hidepid} proc /proc; ${asNobody} ${helperCall(made, 'before-start').join(' ')} 2>&1`
    put(made.home, 'gateway.pid', record(pid))
    expect(inNamespace(run)).toContain(`process ${pid} may be a gateway of this home`)
    putLock(made)
    expect(inNamespace(run)).toContain('gateway.pid was cleared: gateway.lock is free')
    expect(hasRecord(made)).toBe(false)
  })
})
