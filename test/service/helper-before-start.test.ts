import {execFileSync, spawnSync} from 'node:child_process'
import {existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {DEFAULT_RESTART_POLICY, delayMs, type RestartPolicy, UNCOUNTED_MS} from '../../src/service/restart-policy.js'
import {shellQuote} from '../../src/service/shell-quote.js'
import {describeUnless} from '../support/describe-unless.js'
import {
  cleanUp,
  HANGS_MS,
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
const mkfifo = (path: string) => execFileSync('mkfifo', [path])

for (const [shellName, shell] of Object.entries(SHELLS)) {
  const reason = lacks(shell[0] ?? '', PYTHON)

  describeUnless(reason, `before-start.sh and the pid record, under ${shellName}`, () => {
    /** Runs it with a record; returns what it said. Whether the record was cleared agrees with that, or the test fails. */
    const judge = async (content: Json | string | number, prepare?: (made: HelperService) => unknown): Promise<string> => {
      const made = await helperService()
      put(made.home, 'gateway.pid', content)
      await prepare?.(made)
      const {code, stderr} = runHelper(shell, made, 'before-start.sh')
      expect(code).toBe(0)
      expect(hasRecord(made)).toBe(!stderr.includes('gateway.pid was cleared'))
      return stderr.trim()
    }

    it('says nothing and starts if there is none', async () => {
      expect(runHelper(shell, await helperService(), 'before-start.sh')).toEqual({code: 0, stderr: ''})
    })

    it.each([
      ['a JSON record', record(NO_PROCESS, {start_time: 1})],
      ['a record without a start time', record(NO_PROCESS, {start_time: null})],
      ['a bare number', NO_PROCESS],
      ['a bare number with a newline', `${NO_PROCESS}\n`],
      ['a pretty printed record', JSON.stringify(record(NO_PROCESS), null, 2)],
    ])('clears %s of a process that is gone', async (_, content) => {
      expect(await judge(content)).toBe(`hermes-svc: gateway.pid was cleared: process ${NO_PROCESS} is gone`)
    })

    it('clears the record of a zombie', async () => {
      const zombie = await startZombie()
      expect(readFileSync(`/proc/${zombie}/stat`, 'utf8')).toContain(') Z ')
      expect(await judge(record(zombie, {start_time: startTime(zombie)}))).toContain(`cleared: process ${zombie} is a zombie`)
      expect(await judge(zombie)).toContain(`cleared: process ${zombie} is a zombie`)
    })

    it('clears the record of a process whose number was given to another one', async () => {
      const made = await helperService()
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid) - 1}))
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain(`cleared: process ${pid} is a later one`)
      expect(hasRecord(made)).toBe(false)
    })

    it.each([
      ['with its start time', true, {}],
      ['without a start time', false, {}],
      ['with a home in the record that has an escape', true, {hermes_home: '/h\\"'}],
    ])('leaves the record of a live gateway of this home, %s', async (_, withStartTime, more) => {
      const made = await helperService()
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: withStartTime ? startTime(pid) : null, ...more}))
      putLock(made)
      const {code, stderr} = runHelper(shell, made, 'before-start.sh')
      expect(code).toBe(0)
      expect(stderr).toContain(`stays as it is: process ${pid} may be a gateway of this home`)
      expect(hasRecord(made)).toBe(true)
    })

    it('leaves the record of a gateway that is stopped with SIGSTOP', async () => {
      const made = await helperService()
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid)}))
      process.kill(pid, 'SIGSTOP')
      expect(runHelper(shell, made, 'before-start.sh').code).toBe(0)
      expect(hasRecord(made)).toBe(true)
    })

    it('clears the record of a live process that is no gateway, though its start time agrees', async () => {
      const pid = await startAnything()
      expect(await judge(record(pid, {start_time: startTime(pid)}))).toContain(`cleared: process ${pid} is no gateway`)
    })

    it('reads past a command name with parentheses, spaces and a newline', async () => {
      const program = join(temporaryFolder(), 'x) Z 1\n(y')
      symlinkSync(PYTHON, program)
      const pid = await startAnything(program)
      expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('x) Z 1\n(y\n')
      expect(await judge(record(pid, {start_time: startTime(pid)}))).toContain(`process ${pid} is no gateway`)
      expect(await judge(record(pid, {start_time: 1}))).toContain(`process ${pid} is a later one`)
    })

    it.each<[string, (made: HelperService) => string, string[], Json]>([
      ['its environment names another home', (made) => made.folder, [], {}],
      ['the record names another home', (made) => made.home, [], {hermes_home: '/another/home'}],
      ['its command line names another profile', (made) => made.home, ['-p', 'ops'], {}],
    ])("clears the record of another home's gateway: %s", async (_, environmentHome, flags, more) => {
      const made = await helperService()
      const pid = await startGateway(made, {HERMES_HOME: environmentHome(made)}, flags)
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid), ...more}))
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain(`cleared: process ${pid} is another home's gateway`)
      expect(hasRecord(made)).toBe(false)
    })

    it.each<[string, (made: HelperService) => string, string[], boolean]>([
      ['its own home and its flag', (made) => made.home, ['--profile', 'ops'], true],
      ['the root and its flag', (made) => join(made.home, '../..'), ['-p=ops'], true],
      ['the root, where the sticky profile decides', (made) => join(made.home, '../..'), [], true],
      ['its own home and the flag of another', (made) => made.home, ['--profile=ops-2'], false],
      ['the root and the default profile', (made) => join(made.home, '../..'), ['-p', 'default'], false],
      ['another root and its flag', (made) => made.folder, ['-p', 'ops'], false],
    ])("knows the gateway of a named profile's home by %s", async (_, environmentHome, flags, isOwn) => {
      const made = await helperService({homeName: 'root/profiles/ops'})
      const pid = await startGateway(made, {HERMES_HOME: environmentHome(made)}, flags)
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid)}))
      runHelper(shell, made, 'before-start.sh')
      expect(hasRecord(made)).toBe(isOwn)
    })

    it('takes two paths of one folder for one home', async () => {
      const made = await helperService()
      const link = join(made.folder, 'link')
      symlinkSync(made.home, link)
      const pid = await startGateway(made, {HERMES_HOME: link})
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid), hermes_home: link}))
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain('may be a gateway of this home')
    })

    it('leaves everything while gateway.lock is held, though the recorded process is gone and nobody hears it', async () => {
      const made = await helperService()
      put(made.home, 'gateway.pid', record(NO_PROCESS))
      put(made.home, 'gateway.lock', record(NO_PROCESS))
      const lock = JSON.stringify(join(made.home, 'gateway.lock'))
      const holder = `f=open(${lock},'r+')\nfcntl.flock(f,fcntl.LOCK_EX)\nprint(1,flush=True)\nsys.stdin.read()\nsys.exit()`
      const {child} = await startPython(holder)
      expect(runHelper(shell, made, 'before-start.sh')).toEqual({
        code: 0,
        stderr: 'hermes-svc: gateway.pid stays as it is: gateway.lock is held, so a gateway of this home runs\n',
      })
      const command = [...shell, join(made.folder, 'before-start.sh'), made.state].map(shellQuote).join(' ')
      expect(spawnSync('sh', ['-c', `${command} 2>&-`], {timeout: HANGS_MS}).status).toBe(0)
      expect(hasRecord(made)).toBe(true)
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.stdin?.end()
      await ended
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain('was cleared')
      expect(read(made.home, 'gateway.lock')).toBe(JSON.stringify(record(NO_PROCESS)))
    })

    it.each([
      ['empty', ''],
      ['half-written', '{"pid": 12, "kin'],
      ['not JSON', 'x'.repeat(2000)],
      ['without a pid', '{"kind":"hermes-gateway"}'],
      ['with text for a pid', '{"pid":"1"}'],
      ['with pid 0', '{"pid":0}'],
      ['with a negative pid', '-1'],
      ['binary', '\0\u0001\u00ff{"\\'],
    ])('clears a record that is %s if gateway.lock proves that nobody runs, and leaves it otherwise', async (_, content) => {
      expect(await judge(content, putLock)).toBe('hermes-svc: gateway.pid was cleared: it names no process, and gateway.lock is free')
      expect(await judge(content)).toBe('hermes-svc: gateway.pid stays as it is: it names no process')
    })

    it.each<[string, (path: string) => unknown]>([
      ['a folder', (path) => mkdirSync(path)],
      ['a FIFO', mkfifo],
      ['a link to nothing', (path) => symlinkSync('/nowhere/at/all', path)],
      ['a link to /dev/zero', (path) => symlinkSync('/dev/zero', path)],
      ['a file of over 64 KiB', (path) => writeFileSync(path, `{"pid":${NO_PROCESS},"x":"${'x'.repeat(65_536)}"}`)],
    ])('leaves %s in place of the record, and ends', async (_, make) => {
      const made = await helperService()
      make(join(made.home, 'gateway.pid'))
      putLock(made)
      const said = 'hermes-svc: gateway.pid cannot be read and stays as it is\n'
      expect(runHelper(shell, made, 'before-start.sh')).toEqual({code: 0, stderr: said})
      expect(lstatSync(join(made.home, 'gateway.pid'))).toBeDefined()
    })

    it.each<[string, (path: string) => unknown]>([
      ['a folder', (path) => mkdirSync(path)],
      ['a FIFO', mkfifo],
    ])('leaves the record if gateway.lock is %s', async (_, make) => {
      const said = await judge(record(NO_PROCESS), (made) => make(join(made.home, 'gateway.lock')))
      expect(said).toBe('hermes-svc: gateway.pid stays as it is: it cannot be told who holds gateway.lock')
    })

    it('leaves a record that changed while it was judged', async () => {
      const made = await helperService({tools: {ls: `printf '{"pid": 12}' >"$(dirname "$2")/gateway.pid"; exec /bin/ls "$@"`}})
      put(made.home, 'gateway.pid', record(NO_PROCESS))
      putLock(made)
      expect(runHelper(shell, made, 'before-start.sh')).toEqual({code: 0, stderr: ''})
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
      const made = await helperService({policy, tools: {sleep: 'echo "$*" >"$(dirname "$0")/slept"'}})
      prepare(made)
      expect(runHelper(shell, made, 'before-start.sh', {}, state).code).toBe(0)
      return read(made.root, 'slept')
    }

    it('does not wait without a failure', async () => {
      expect(await waits(() => undefined)).toBeUndefined()
      expect(await waits(failed(0))).toBeUndefined()
    })

    it('waits as long as the policy says for any number of failures', async () => {
      for (const change of [{}, {firstMs: 7, capMs: 500}, {firstMs: 2 ** 30, capMs: 2 ** 30}]) {
        const policy = {...DEFAULT_RESTART_POLICY, ...change}
        for (const failures of [1, 2, 7, 8, 9, 33, 64, 200, 1_000_000, 999_999_999_999_999]) {
          expect(await waits(failed(failures), policy)).toBe((delayMs(policy, failures) / 1000).toFixed(3))
        }
      }
    })

    it.each(['', 'x', '-1', '08', '1e3', '1000000000000000', ' 3'])('waits a fixed time if the count reads %o', async (count) => {
      expect(await waits(failed(count))).toBe((UNCOUNTED_MS / 1000).toFixed(3))
    })

    it('waits a fixed time, at most the cap, if the state folder is gone or takes nothing', async () => {
      expect(await waits(() => undefined, {}, '/nowhere/at/all')).toBe('5.000')
      expect(await waits(() => undefined, {capMs: 1000}, '/nowhere/at/all')).toBe('1.000')
      expect(await waits((made) => mkdirSync(join(made.state, 'started')))).toBe('5.000')
    })

    it('takes the state folder from RUNTIME_DIRECTORY, and of several the first', async () => {
      const made = await helperService()
      const env = {PATH: '/usr/bin:/bin', RUNTIME_DIRECTORY: `${made.state}:/nowhere`}
      const {status} = spawnSync(shell[0] ?? '', [...shell.slice(1), join(made.folder, 'before-start.sh')], {env, timeout: HANGS_MS})
      expect(status).toBe(0)
      expect(read(made.state, 'started')).toMatch(/^\d+$/)
    })

    it('writes the tick at which it lets the gateway start, after the wait', async () => {
      const made = await helperService({policy: {firstMs: 40, capMs: 40}})
      failed(1)(made)
      const before = nowTicks()
      expect(runHelper(shell, made, 'before-start.sh').code).toBe(0)
      expect(Number(read(made.state, 'started'))).toBeGreaterThanOrEqual(before + 4)
      expect(Number(read(made.state, 'started'))).toBeLessThanOrEqual(nowTicks())
    })

    it('forgets a stop that is long over', async () => {
      const made = await helperService()
      put(made.state, 'stopping', 1)
      runHelper(shell, made, 'before-start.sh')
      expect(read(made.state, 'stopping')).toBeUndefined()
    })

    it('ends cleanly on SIGTERM during the wait, ends the sleep, and forgets the failures', async () => {
      const made = await helperService({policy: LONG, tools: {sleep: 'echo $$; exec /bin/sleep "$@"'}})
      failed(3)(made)
      const {child, stderr} = await start([...shell, join(made.folder, 'before-start.sh'), made.state])
      const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({code, signal})))
      child.kill('SIGTERM')
      // The sleep holds the same pipes: they close only when both have ended.
      expect(await ended).toEqual({code: 0, signal: null})
      expect(stderr()).toBe('hermes-svc: the start was called off\n')
      expect([read(made.state, 'failures'), read(made.state, 'started')]).toEqual(['0', ''])
    })

    it('replaces a link in the state folder instead of writing through it', async () => {
      const made = await helperService()
      put(made.home, 'precious', 'kept')
      symlinkSync(join(made.home, 'precious'), join(made.state, 'started'))
      runHelper(shell, made, 'before-start.sh')
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
    const made = await helperService()
    execFileSync('chown', ['-R', '65534:65534', made.root])
    const pid = await startAnything()
    const asNobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups dash'
    const run = `mount -t proc -o hidepid=${hidepid} proc /proc; ${asNobody} ${made.folder}/before-start.sh ${made.state} 2>&1`
    put(made.home, 'gateway.pid', record(pid))
    expect(inNamespace(run)).toContain(`process ${pid} may be a gateway of this home`)
    putLock(made)
    expect(inNamespace(run)).toContain(`process ${pid} is another user's, and gateway.lock is free`)
    expect(hasRecord(made)).toBe(false)
  })

  const AS_NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups '
  // Nobody may not see which files the holder has open.
  it.each([['root', 'dash'], ...Object.values(SHELLS).map((shell) => ['nobody', shell.join(' ')])])(
    'is not misled by a lock on a file of another file system with the same inode number, as %s under %s',
    async (user, shell) => {
      const made = await helperService()
      execFileSync('chown', ['-R', '65534:65534', made.root])
      const other = join(made.folder, 'other')
      mkdirSync(other)
      const holder = `import fcntl,sys\nf=open('${other}/gateway.lock','w')\nfcntl.flock(f,fcntl.LOCK_EX)\nprint(1,flush=True)\nsys.stdin.read()`
      put(made.folder, 'lock.py', holder)
      const output = inNamespace(`
      for folder in ${made.home} ${other}; do mount -t tmpfs -o uid=65534 tmpfs "$folder"; : >"$folder/gateway.lock"; done
      mkfifo ${made.state}/end ${made.state}/up
      ${PYTHON} ${made.folder}/lock.py <${made.state}/end >${made.state}/up & exec 3>${made.state}/end
      read line <${made.state}/up
      grep -c ":$(ls -i ${made.home}/gateway.lock | cut -d' ' -f1) " /proc/locks
      echo ${NO_PROCESS} >${made.home}/gateway.pid
      ${user === 'root' ? '' : AS_NOBODY}${shell} ${made.folder}/before-start.sh ${made.state} 2>&1
      exec 3>&-; wait`)
      expect(output).toBe(`1\nhermes-svc: gateway.pid was cleared: process ${NO_PROCESS} is gone\n`)
    },
  )

  it('knows the lock of a process whose open files it may not see, on overlayfs too', async () => {
    const made = await helperService()
    const holder = `import fcntl,sys\nf=open('${made.home}/gateway.lock','w')\nfcntl.flock(f,fcntl.LOCK_EX)\nprint(1,flush=True)\nsys.stdin.read()`
    put(made.folder, 'lock.py', holder)
    const output = inNamespace(`
      mount -t tmpfs tmpfs ${made.home}
      mkdir ${made.home}/lower ${made.home}/upper ${made.home}/work
      mount -t overlay -o lowerdir=${made.home}/lower,upperdir=${made.home}/upper,workdir=${made.home}/work overlay ${made.home}
      : >${made.home}/gateway.lock
      chown -R 65534:65534 ${made.home} ${made.state} ${made.folder} ${made.root}
      mkfifo ${made.state}/end ${made.state}/up
      ${PYTHON} ${made.folder}/lock.py <${made.state}/end >${made.state}/up & exec 3>${made.state}/end
      read line <${made.state}/up
      echo ${NO_PROCESS} >${made.home}/gateway.pid
      ${AS_NOBODY}dash ${made.folder}/before-start.sh ${made.state} 2>&1
      exec 3>&-; wait`)
    expect(output).toBe('hermes-svc: gateway.pid stays as it is: gateway.lock is held, so a gateway of this home runs\n')
  })
})
