import {spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, expect, it, vi} from 'vitest'
import {describeUnless} from '../support/describe-unless.js'
import {waitFor} from '../support/machines.js'
import {
  type LaunchctlResult,
  type Launchd,
  type LaunchdEvent,
  type LaunchdSwitches,
  noLaunchdDouble,
  startLaunchd,
} from '../fakes/launchd/double.js'

// What the suites with the double of launchd take for a launchd: after a change of the double.

const DOUBLE = path.join(import.meta.dirname, '../fakes/launchd')

type PlistValue = string | number | boolean | readonly PlistValue[] | {readonly [key: string]: PlistValue}

const OWN_UID = process.getuid?.() ?? 501
/** A user with a desktop session. Root stands for nobody's desktop. */
const UID = OWN_UID === 0 ? 501 : OWN_UID
const GUI = `gui/${UID}`
/** Ten seconds of launchd are 200 ms here, the default ExitTimeOut 100 ms. */
const TIME_SCALE = 0.02

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function xml(value: PlistValue): string {
  if (typeof value === 'string') return `<string>${escaped(value)}</string>`
  if (typeof value === 'number') return `<integer>${value}</integer>`
  if (typeof value === 'boolean') return value ? '<true/>' : '<false/>'
  if (Array.isArray(value)) return `<array>${value.map(xml).join('')}</array>`
  const pairs = Object.entries(value as Record<string, PlistValue>)
  return `<dict>${pairs.map(([key, one]) => `<key>${escaped(key)}</key>${xml(one)}`).join('')}</dict>`
}

/** A field of the job itself: one tab deep. */
function field(text: string, name: string): string | undefined {
  return new RegExp(`^\\t${name} = (.*)$`, 'm').exec(text)?.[1]
}

describeUnless(noLaunchdDouble(), 'the launchd double', () => {
  let launchd: Launchd
  let folder: string
  let count = 0
  const undo: Partial<LaunchdSwitches>[] = []

  beforeAll(async () => {
    launchd = await startLaunchd({timeScale: TIME_SCALE, teardownMs: 0})
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'launchd-jobs-')))
    fs.chownSync(folder, UID, process.getgid?.() ?? UID)
    fs.chmodSync(folder, 0o755)
  })

  afterEach(async () => {
    for (const before of undo.splice(0).reverse()) await launchd.config(before)
    await launchd.clear()
  })

  // Hundreds of short processes: a busy machine takes its time.
  vi.setConfig({testTimeout: 60_000})

  afterAll(async () => {
    vi.resetConfig()
    await launchd.stop()
    fs.rmSync(folder, {recursive: true})
  })

  async function ctl(...argv: readonly string[]): Promise<LaunchctlResult> {
    return launchd.launchctl(argv, {uid: UID})
  }

  async function root(...argv: readonly string[]): Promise<LaunchctlResult> {
    return launchd.launchctl(argv, {uid: 0})
  }

  async function switches(change: Partial<LaunchdSwitches>): Promise<void> {
    undo.push(await launchd.config(change))
  }

  interface Plist {
    readonly label: string
    readonly file: string
    readonly target: string
  }

  /** A plist with a label of its own, of a user's agent. */
  function plist(script: string, keys: Readonly<Record<string, PlistValue>> = {}, name = `test.job${(count += 1)}`): Plist {
    const file = path.join(folder, `${name}.plist`)
    const values = {Label: name, ProgramArguments: ['/bin/sh', '-c', script], ...keys}
    fs.writeFileSync(file, `<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">${xml(values)}</plist>\n`, {mode: 0o644})
    fs.chownSync(file, UID, process.getgid?.() ?? UID)
    return {label: name, file, target: `${GUI}/${name}`}
  }

  async function bootstrap({file}: Plist): Promise<LaunchctlResult> {
    return ctl('bootstrap', GUI, file)
  }

  /** Loads a plist that must load. */
  async function load(script: string, keys?: Readonly<Record<string, PlistValue>>): Promise<Plist> {
    const job = plist(script, keys)
    expect(await bootstrap(job)).toMatchObject({code: 0, stdout: '', stderr: ''})
    return job
  }

  function events<Kind extends LaunchdEvent['event']>({label}: Plist, event: Kind): Extract<LaunchdEvent, {event: Kind; label: string}>[] {
    return launchd
      .log()
      .filter(
        (one): one is Extract<LaunchdEvent, {event: Kind; label: string}> => one.event === event && 'label' in one && one.label === label,
      )
  }

  async function happens<Kind extends LaunchdEvent['event']>(job: Plist, event: Kind, times = 1) {
    return waitFor(() => {
      const found = events(job, event)
      return found.length >= times && found
    }, `${event} of ${job.label}`)
  }

  /** The pid of its first process. */
  async function spawned(job: Plist): Promise<number> {
    const [first] = await happens(job, 'spawn')
    return first?.pid ?? 0
  }

  async function shown({target}: Plist): Promise<string> {
    const {code, stdout} = await ctl('print', target)
    expect(code).toBe(0)
    return stdout
  }

  async function isGone({target}: Plist): Promise<void> {
    await waitFor(async () => (await ctl('print', target)).code === 113, `${target} to be gone`)
  }

  async function exists(file: string): Promise<void> {
    await waitFor(() => fs.existsSync(file), file)
  }

  function alive(pid: number): boolean {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }

  it('starts a job with RunAtLoad and shows its pid', async () => {
    const job = await load('exec sleep 100', {RunAtLoad: true})
    const pid = await spawned(job)
    const text = await shown(job)
    expect(field(text, 'state')).toBe('running')
    expect(field(text, 'pid')).toBe(String(pid))
    expect(field(text, 'active count')).toBe('1')
    expect(field(text, 'runs')).toBe('1')
    expect(field(text, 'last exit code')).toBe('(never exited)')
    expect(alive(pid)).toBe(true)
  })

  it('leaves a job that nothing asks for at rest, without a pid', async () => {
    const text = await shown(await load('exec sleep 100'))
    expect(field(text, 'state')).toBe('not running')
    expect(field(text, 'pid')).toBeUndefined()
    expect(field(text, 'active count')).toBe('0')
    expect(field(text, 'runs')).toBe('0')
    expect(field(text, 'last exit code')).toBe('(never exited)')
  })

  it.each(['not running', 'waiting', 'exited'] as const)('calls a job at rest `%s`', async (idleState) => {
    await switches({idleState})
    expect(field(await shown(await load('exec sleep 100')), 'state')).toBe(idleState)
  })

  it.each(['spawning', 'xpcproxy', 'spawn scheduled'] as const)(
    'does not wait for the start, and calls the time before it `%s`',
    async (word) => {
      await switches({spawnDelayMs: 60_000, spawningState: word})
      const text = await shown(await load('exec sleep 100', {RunAtLoad: true}))
      expect(field(text, 'state')).toBe(word)
      expect(field(text, 'pid')).toBeUndefined()
    },
  )

  it.each([1, 0])('restarts under KeepAlive after exit %i, ThrottleInterval after the last start', async (code) => {
    const job = await load(`exit ${code}`, {KeepAlive: true, ThrottleInterval: 25})
    const [first, second] = await happens(job, 'spawn', 2)
    expect((second?.ms ?? 0) - (first?.ms ?? 0)).toBeGreaterThan(0.7 * 25_000 * TIME_SCALE)
    expect(events(job, 'message')[0]?.text).toMatch(/^Service only ran for \d seconds. Pushing respawn out by \d+ seconds.$/)
    const text = await shown(job)
    expect(Number(field(text, 'runs'))).toBeGreaterThan(1)
    expect(field(text, 'last exit code')).toBe(String(code))
  })

  it('does not hold back a job that ran for ThrottleInterval', async () => {
    const job = await load('sleep 0.3; exit 1', {KeepAlive: true})
    await happens(job, 'spawn', 2)
    expect(events(job, 'message')).toEqual([])
  })

  it('takes the ThrottleInterval of the plist, and waits in `spawn scheduled`', async () => {
    const job = await load('exit 75', {KeepAlive: true, ThrottleInterval: 30_000})
    await happens(job, 'exit')
    const text = await shown(job)
    expect(field(text, 'state')).toBe('spawn scheduled')
    expect(field(text, 'pid')).toBeUndefined()
    expect(field(text, 'minimum runtime')).toBe('30000')
    expect(field(text, 'last exit code')).toBe('75: EX_TEMPFAIL')
    expect(field(text, 'properties')).toBe('keepalive | inferred program')
  })

  it.each<[string, Readonly<Record<string, PlistValue>>, boolean]>([
    ['exit 1', {SuccessfulExit: false}, true],
    ['kill -KILL $$', {SuccessfulExit: false}, true],
    ['exit 0', {SuccessfulExit: false}, false],
    ['exit 0', {SuccessfulExit: true}, true],
    ['exit 1', {SuccessfulExit: true}, false],
    ['kill -SEGV $$', {Crashed: true}, true],
    ['kill -TERM $$', {Crashed: true}, false],
    ['exit 1', {Crashed: true}, false],
    ['exit 1', {Crashed: false}, true],
    ['kill -SEGV $$', {Crashed: false}, false],
    ['exit 0', {SuccessfulExit: false, Crashed: false}, true],
    ['exit 1', {NetworkState: true}, false],
  ])('after `%s` under KeepAlive %j restarts: %s', async (script, KeepAlive, restarted) => {
    const job = await load(script, {KeepAlive, RunAtLoad: true})
    await happens(job, 'exit')
    const state = field(await shown(job), 'state')
    if (restarted) await happens(job, 'spawn', 2)
    else expect(state).toBe('not running')
  })

  it('runs a job with SuccessfulExit at load, and shows its semaphore', async () => {
    const job = await load('exec sleep 100', {KeepAlive: {SuccessfulExit: false}})
    await happens(job, 'spawn')
    const text = await shown(job)
    expect(text).toContain('\tsemaphores = {\n\t\tsuccessful exit => 0\n\t}\n')
    expect(field(text, 'properties')).toBe('runatload | inferred program')
  })

  it('starts a job when a path of PathState appears', async () => {
    const file = path.join(folder, 'wanted')
    const job = await load('exec sleep 100', {KeepAlive: {PathState: {[file]: true}}})
    expect(field(await shown(job), 'state')).toBe('not running')
    fs.writeFileSync(file, '')
    await happens(job, 'spawn')
  })

  it('starts a job when a job of OtherJobEnabled is loaded', async () => {
    const other = plist('exec sleep 100')
    const job = await load('exec sleep 100', {KeepAlive: {OtherJobEnabled: {[other.label]: true}}})
    expect(field(await shown(job), 'state')).toBe('not running')
    await bootstrap(other)
    await happens(job, 'spawn')
  })

  it('keeps a job with AfterInitialDemand alive from its first run on', async () => {
    const job = await load('exit 1', {KeepAlive: {AfterInitialDemand: true}})
    expect(field(await shown(job), 'state')).toBe('not running')
    await ctl('kickstart', job.target)
    await happens(job, 'spawn', 2)
  })

  it('runs a job every StartInterval, and shows it', async () => {
    const job = await load('exit 0', {StartInterval: 15})
    const [first] = await happens(job, 'spawn', 2)
    expect((first?.ms ?? 0) - (events(job, 'loaded')[0]?.ms ?? 0)).toBeGreaterThan(0.9 * 15_000 * TIME_SCALE)
    expect(field(await shown(job), 'run interval')).toBe('15 seconds')
  })

  it('counts crashes in a row and, only if asked to, throttles them more and more', async () => {
    const keys = {KeepAlive: true, ThrottleInterval: 15}
    const job = await load('exit 1', keys)
    await happens(job, 'spawn', 3)
    expect(Number(field(await shown(job), 'successive crashes'))).toBeGreaterThan(1)
    expect(field(await shown(job), 'properties')).not.toContain('exponential throttling')
    await switches({successiveCrashLimit: 1})
    const limited = await load('exit 1', keys)
    const [, second, third] = await happens(limited, 'spawn', 3)
    expect((third?.ms ?? 0) - (second?.ms ?? 0)).toBeGreaterThan(1.7 * 15_000 * TIME_SCALE)
    expect(events(limited, 'message').map(({text}) => text)).toContain('service exceeded successive crash limit. launch will be throttled')
    expect(field(await shown(limited), 'properties')).toContain('exponential throttling')
  })

  async function environmentOf(keys: Readonly<Record<string, PlistValue>> = {}): Promise<Readonly<Record<string, string>>> {
    const file = path.join(folder, `env${count}`)
    await load(`env >${file}.part; mv ${file}.part ${file}`, {RunAtLoad: true, ...keys})
    await exists(file)
    const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n')
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  }

  it('gives a job its own variables and no shell environment, and ignores values that are no strings', async () => {
    const found = await environmentOf({EnvironmentVariables: {HERMES_HOME: '/a b', NUMBER: 1}})
    expect(found).toMatchObject({
      PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
      HERMES_HOME: '/a b',
      XPC_SERVICE_NAME: `test.job${count}`,
      SSH_AUTH_SOCK: '/private/tmp/com.apple.launchd.AbCdEf/Listeners',
    })
    for (const name of ['HOME', 'USER', 'LOGNAME', 'SHELL', 'NUMBER']) expect(found).not.toHaveProperty(name)
  })

  it('sets HOME and USER for an agent if asked to', async () => {
    await switches({userEnvironment: true})
    const found = await environmentOf()
    for (const name of ['HOME', 'USER', 'LOGNAME', 'SHELL']) expect(found).toHaveProperty(name)
  })

  it('adds what a test wants to the environment', async () => {
    await switches({extraEnvironment: {PATH: '/usr/bin:/bin:/opt/test'}})
    expect(await environmentOf({EnvironmentVariables: {PATH: '/bin'}})).toMatchObject({PATH: '/usr/bin:/bin:/opt/test'})
  })

  it('starts in the working directory, with the umask and the file limit of the plist', async () => {
    const file = path.join(folder, 'started')
    await load(`{ pwd; umask; ulimit -Sn; } >${file}.part; mv ${file}.part ${file}`, {
      ...{RunAtLoad: true, WorkingDirectory: folder, Umask: 63, SoftResourceLimits: {NumberOfFiles: 300}},
    })
    await exists(file)
    expect(fs.readFileSync(file, 'utf8')).toBe(`${folder}\n0077\n300\n`)
  })

  it('starts in / with umask 022 and 256 files where the plist says nothing', async () => {
    const file = path.join(folder, 'defaults')
    await load(`{ pwd; umask; ulimit -Sn; } >${file}.part; mv ${file}.part ${file}`, {RunAtLoad: true})
    await exists(file)
    expect(fs.readFileSync(file, 'utf8')).toBe('/\n0022\n256\n')
  })

  it('shows the umask in octal, and the kind of process', async () => {
    const text = await shown(await load('exit 0', {Umask: '022', ProcessType: 'Interactive'}))
    expect(field(text, 'umask')).toBe('22')
    expect(field(text, 'spawn type')).toBe('interactive (4)')
  })

  it('runs Program with ProgramArguments as its argv', async () => {
    const file = path.join(folder, 'argv')
    const job = await load('', {Program: '/bin/sh', ProgramArguments: ['named', '-c', `echo "$0" >${file}`, 'zero'], RunAtLoad: true})
    await happens(job, 'exit')
    expect(fs.readFileSync(file, 'utf8')).toBe('zero\n')
    expect(field(await shown(job), 'properties')).not.toContain('inferred program')
  })

  it('appends to the logs and creates their folders', async () => {
    const log = path.join(folder, 'new/folder/job.log')
    const job = await load('echo out; echo err >&2', {RunAtLoad: true, StandardOutPath: log, StandardErrorPath: log})
    await happens(job, 'exit')
    await ctl('kickstart', job.target)
    await happens(job, 'exit', 2)
    expect(fs.readFileSync(log, 'utf8')).toBe('out\nerr\nout\nerr\n')
  })

  it.each([false, true])('ends the process group with the job unless AbandonProcessGroup (%s)', async (abandon) => {
    const file = path.join(folder, `child${count}`)
    const job = await load(`sleep 100 & echo $! >${file}`, {RunAtLoad: true, AbandonProcessGroup: abandon})
    await happens(job, 'exit')
    const pid = Number(fs.readFileSync(file, 'utf8'))
    if (abandon) {
      expect(alive(pid)).toBe(true)
      process.kill(pid)
    }
    await waitFor(() => !alive(pid), 'the end of the child')
  })

  it.each([
    ['SIGTERM', true],
    ['SIGKILL', false],
  ] as const)('sends the rest of the process group %s', async (processGroupSignal, hears) => {
    await switches({processGroupSignal})
    const file = path.join(folder, `member${processGroupSignal}`)
    const member = `trap "touch ${file}.term; exit" TERM; echo $$ >${file}.part; mv ${file}.part ${file}; while :; do sleep 0.05; done`
    const job = await load(`sh -c '${member}' & until [ -e ${file} ]; do :; done`, {RunAtLoad: true})
    await happens(job, 'exit')
    const pid = Number(fs.readFileSync(file, 'utf8'))
    await waitFor(() => !alive(pid), 'the end of the other process')
    expect(fs.existsSync(`${file}.term`)).toBe(hears)
  })

  /** A script with a trap, which touches the file `ready` once that is set, and ends when there is a file `end`. */
  function trapping(action: string, signal: string): {readonly script: string; readonly ready: string; readonly end: string} {
    const ready = path.join(folder, `ready${(count += 1)}`)
    const end = `${ready}.end`
    return {script: `trap ${action} ${signal}; touch ${ready}; until [ -e ${end} ]; do sleep 0.05; done`, ready, end}
  }

  it('boots out with SIGTERM, at once with 0, and the label stays until the process is gone', async () => {
    const {script, ready} = trapping('""', 'TERM')
    const job = await load(script, {RunAtLoad: true, ExitTimeOut: 30_000})
    const pid = await spawned(job)
    await exists(ready)
    expect(await ctl('bootout', job.target)).toMatchObject({code: 0, stdout: '', stderr: ''})
    const text = await shown(job)
    expect(field(text, 'state')).toBe('SIGTERMed')
    expect(field(text, 'pid')).toBe(String(pid))
    expect(await bootstrap(job)).toMatchObject({code: 5})
    process.kill(pid, 'SIGKILL')
    await isGone(job)
    expect(await bootstrap(job)).toMatchObject({code: 0})
  })

  it('kills a process that outlives ExitTimeOut', async () => {
    const {script, ready} = trapping('""', 'TERM')
    const job = await load(script, {RunAtLoad: true, ExitTimeOut: 20})
    const pid = await spawned(job)
    await exists(ready)
    await ctl('bootout', job.target)
    await isGone(job)
    expect(events(job, 'signal').map(({signal}) => signal)).toEqual(['SIGTERM', 'SIGKILL'])
    expect(alive(pid)).toBe(false)
  })

  it.each([5, 20] as const)('shows an ExitTimeOut of %i s where the plist has none', async (defaultExitTimeOutSec) => {
    await switches({defaultExitTimeOutSec})
    expect(field(await shown(await load('exit 0')), 'exit timeout')).toBe(String(defaultExitTimeOutSec))
  })

  it.each([
    [null, '1800'],
    [60, '60'],
  ] as const)("clamps a user's ExitTimeOut to %s", async (exitTimeOutClampSec, seen) => {
    await switches({exitTimeOutClampSec})
    expect(field(await shown(await load('exit 0', {ExitTimeOut: 1800})), 'exit timeout')).toBe(seen)
  })

  it.each([
    [5, 'Input/output error'],
    [37, 'Operation already in progress'],
  ] as const)('keeps the label for a while after a bootout, and refuses a bootstrap with %i', async (code, text) => {
    await switches({teardownMs: 60_000, codes: {tearingDown: code}})
    const job = await load('exit 0')
    expect(await ctl('bootout', job.target)).toMatchObject({code: 0})
    expect(field(await shown(job), 'state')).toBe('not running')
    expect(await bootstrap(job)).toMatchObject({code, stderr: expect.stringContaining(`Bootstrap failed: ${code}: ${text}\n`)})
  })

  it.each([
    [0, ''],
    [36, 'Boot-out failed: 36: Operation now in progress\n'],
  ] as const)('answers a second bootout with %i', async (code, stderr) => {
    await switches({teardownMs: 60_000, codes: {bootoutInProgress: code}})
    const job = await load('exit 0')
    await ctl('bootout', job.target)
    expect(await ctl('bootout', job.target)).toMatchObject({code, stderr})
  })

  it('boots out by plist, and tells a label from a plist that is not loaded', async () => {
    const job = await load('exit 0')
    expect(await ctl('bootout', GUI, job.file)).toMatchObject({code: 0})
    await isGone(job)
    expect(await ctl('bootout', job.target)).toMatchObject({code: 3, stderr: 'Boot-out failed: 3: No such process\n'})
    expect(await ctl('bootout', GUI, job.file)).toMatchObject({code: 5, stderr: 'Boot-out failed: 5: Input/output error\n'})
  })

  it('knows `bootout --wait` only if asked to, and then returns when the label is gone', async () => {
    const job = await load('exec sleep 100', {RunAtLoad: true})
    await happens(job, 'spawn')
    expect(await ctl('bootout', '--wait', job.target)).toMatchObject({code: 64})
    await switches({bootoutWait: true})
    expect(await ctl('bootout', '--wait', job.target)).toMatchObject({code: 0})
    expect(await ctl('print', job.target)).toMatchObject({code: 113})
  })

  it.each(['SIGTERM', 'SIGKILL'] as const)('restarts with kickstart -k by %s, and prints the new pid', async (kickstartSignal) => {
    await switches({kickstartSignal})
    const job = await load('exec sleep 100', {RunAtLoad: true})
    const pid = await spawned(job)
    const {code, stdout} = await ctl('kickstart', '-kp', job.target)
    expect(code).toBe(0)
    expect(stdout).toBe(`${String(events(job, 'spawn')[1]?.pid)}\n`)
    expect(events(job, 'signal')).toMatchObject([{pid, signal: kickstartSignal}])
    expect(field(await shown(job), 'runs')).toBe('2')
  })

  it('prints a sentence with the pid on a terminal', async () => {
    const job = await load('exec sleep 100')
    const program = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'
    const env = {...launchd.env, LAUNCHD_DOUBLE_UID: String(UID)}
    const {status, stdout} = spawnSync('/usr/bin/python3', ['-c', program, 'launchctl', 'kickstart', '-p', job.target], {
      env,
      encoding: 'utf8',
    })
    expect(status).toBe(0)
    expect(stdout.trim()).toBe(`service spawned with pid: ${String(events(job, 'spawn')[0]?.pid)}`)
  })

  it.each([0, 37] as const)('answers a kickstart of a running job with %i and leaves it alone', async (code) => {
    await switches({codes: {kickstartRunning: code}})
    const job = await load('exec sleep 100', {RunAtLoad: true})
    await happens(job, 'spawn')
    expect(await ctl('kickstart', job.target)).toMatchObject({code, stdout: '', stderr: ''})
    expect(events(job, 'spawn')).toHaveLength(1)
  })

  it.each([
    [false, 1_000_000],
    [true, 40],
  ])('makes a kickstart wait for ThrottleInterval: %s', async (kickstartThrottled, ThrottleInterval) => {
    await switches({kickstartThrottled})
    const job = await load('exit 1', {RunAtLoad: true, ThrottleInterval})
    await happens(job, 'exit')
    await ctl('kickstart', job.target)
    const [first, second] = await happens(job, 'spawn', 2)
    if (kickstartThrottled) expect((second?.ms ?? 0) - (first?.ms ?? 0)).toBeGreaterThan(ThrottleInterval * 1000 * TIME_SCALE - 100)
  })

  it('signals a job by name or macOS number', async () => {
    const {script, ready} = trapping('"exit 7"', 'USR1')
    const job = await load(script, {RunAtLoad: true})
    await exists(ready)
    expect(await ctl('kill', '30', job.target)).toMatchObject({code: 0})
    await happens(job, 'exit')
    expect(field(await shown(job), 'last exit code')).toBe('7')
    await ctl('kickstart', job.target)
    await ctl('kill', 'SIGKILL', job.target)
    await happens(job, 'exit', 2)
    const text = await shown(job)
    expect(field(text, 'last terminating signal')).toBe('Killed: 9')
    expect(field(text, 'last exit code')).toBeUndefined()
  })

  it.each([3, 1] as const)('ends a kill without a process with %i', async (code) => {
    await switches({codes: {killNoProcess: code}})
    const job = await load('exit 0')
    expect(await ctl('kill', 'TERM', job.target)).toMatchObject({code, stderr: 'No process to signal.\n'})
  })

  it('keeps the definition that it was loaded with until bootout and bootstrap', async () => {
    const job = await load('exec sleep 100', {RunAtLoad: true, ExitTimeOut: 11})
    await happens(job, 'spawn')
    plist('exec sleep 200', {ExitTimeOut: 22}, job.label)
    expect(await bootstrap(job)).toMatchObject({code: 5})
    await ctl('kickstart', '-k', job.target)
    const kept = await shown(job)
    expect(field(kept, 'exit timeout')).toBe('11')
    expect(kept).toContain('exec sleep 100')
    await ctl('bootout', job.target)
    await isGone(job)
    await bootstrap(job)
    expect(await shown(job)).toContain('exec sleep 200')
  })

  it('keeps the first plist when another one has the same label', async () => {
    const job = await load('exec sleep 100')
    const other = plist('exec sleep 200', {Label: job.label})
    expect(await bootstrap(other)).toMatchObject({code: 5})
    expect(field(await shown(job), 'path')).toBe(job.file)
  })

  it.each([
    [5, 'Input/output error'],
    [119, 'Service is disabled'],
  ] as const)('refuses a disabled label with %i, also after bootout and without its plist, until it is enabled', async (code, text) => {
    await switches({codes: {disabled: code}})
    const job = await load('exit 0')
    expect(await ctl('disable', job.target)).toMatchObject({code: 0, stdout: '', stderr: ''})
    await ctl('bootout', job.target)
    fs.unlinkSync(job.file)
    await isGone(job)
    plist('exit 0', {}, job.label)
    expect(await bootstrap(job)).toMatchObject({code, stderr: expect.stringContaining(`Bootstrap failed: ${code}: ${text}\n`)})
    expect(await root('bootstrap', GUI, job.file)).toMatchObject({
      code,
      stderr: `${job.file}: Service is disabled\nBootstrap failed: ${code}: ${text}\n`,
    })
    expect(await ctl('enable', job.target)).toMatchObject({code: 0, stdout: '', stderr: ''})
    expect(await bootstrap(job)).toMatchObject({code: 0})
    expect((await ctl('print-disabled', GUI)).stdout).toContain(`\t"${job.label}" => enabled\n`)
  })

  it('neither stops a job that is disabled nor tells of it in print, and starts none that is enabled', async () => {
    const job = await load('exec sleep 100', {RunAtLoad: true})
    await happens(job, 'spawn')
    await ctl('disable', job.target)
    const text = await shown(job)
    expect(field(text, 'state')).toBe('running')
    expect(text).not.toContain('disabled')
    const other = await load('exec sleep 100')
    await ctl('enable', other.target)
    expect(field(await shown(other), 'runs')).toBe('0')
  })

  describeUnless(undefined, 'print-disabled', () => {
    let own: Launchd

    beforeAll(async () => {
      own = await startLaunchd()
    })

    afterAll(async () => {
      await own.stop()
    })

    it('may say that there is none, in either way', async () => {
      const empty = 'disabled services = {\n}\n\nlogin item associations = {\n}\n'
      expect((await own.launchctl(['print-disabled', GUI])).stdout).toBe(empty)
      await own.config({emptyDisabled: 'words'})
      expect((await own.launchctl(['print-disabled', GUI])).stdout).toBe('(no disabled services)\n')
    })

    it.each([
      ['words', 'disabled services = {\n\t"a.b" => disabled\n\t"c.d" => enabled\n}\n\nlogin item associations = {\n}\n'],
      ['booleans', 'disabled services = {\n\t"a.b" => true\n\t"c.d" => false\n}\n'],
      ['indented', '\n\tdisabled services = {\n\t\t"a.b" => disabled\n\t\t"c.d" => enabled\n\t}\n\n\tlogin item associations = {\n\t}\n'],
    ] as const)('has the layout `%s`', async (disabledLayout, stdout) => {
      await own.config({disabledLayout})
      await own.launchctl(['disable', `${GUI}/a.b`], {uid: UID})
      await own.launchctl(['enable', `${GUI}/c.d`], {uid: UID})
      expect(await own.launchctl(['print-disabled', GUI])).toMatchObject({code: 0, stdout, stderr: ''})
    })

    it('has one store for a user and another for the system', async () => {
      await own.config({disabledLayout: 'words'})
      await own.launchctl(['disable', `${GUI}/both`], {uid: UID})
      expect((await own.launchctl(['print-disabled', `user/${UID}`])).stdout).toContain('"both" => disabled')
      expect((await own.launchctl(['print-disabled', 'system'])).stdout).not.toContain('both')
    })
  })

  it.each<[string, number, string, Partial<LaunchdSwitches>]>([
    ['already loaded', 5, 'Input/output error', {}],
    ['already loaded', 37, 'Operation already in progress', {codes: {alreadyLoaded: 37}}],
    ['already loaded', 17, 'File exists', {codes: {alreadyLoaded: 17}}],
    ['in flight', 37, 'Operation already in progress', {bootstrapMs: 60_000}],
    ['in flight', 5, 'Input/output error', {bootstrapMs: 60_000, codes: {bootstrapInProgress: 5}}],
  ])('refuses a second bootstrap that is %s with %i', async (_name, code, text, change) => {
    await switches(change)
    const job = await load('exit 0')
    const failed = `Bootstrap failed: ${code}: ${text}\n`
    expect(await bootstrap(job)).toMatchObject({
      code,
      stdout: '',
      stderr: `${failed}Try re-running the command as root for richer errors.\n`,
    })
    expect((await root('bootstrap', GUI, job.file)).stderr).toBe(
      change.bootstrapMs === undefined
        ? `${job.file}: service already bootstrapped\n${failed}`
        : `${job.file}: Operation already in progress\n${failed}`,
    )
  })

  const broken: readonly [string, (job: Plist) => void, Readonly<Record<string, PlistValue>>][] = [
    ['malformed', ({file}) => fs.writeFileSync(file, '<plist><dict><string>a & b</string></dict></plist>'), {}],
    ['malformed', ({file}) => fs.writeFileSync(file, '<plist version="1.0"><array/></plist>'), {}],
    ['missingPlist', ({file}) => fs.unlinkSync(file), {}],
    ['noLabel', () => undefined, {Label: 3}],
    ['noProgram', () => undefined, {ProgramArguments: []}],
    ['noProgram', () => undefined, {ProgramArguments: ['/bin/sh', 1]}],
    ['ownership', ({file}) => fs.chmodSync(file, 0o664), {}],
    ['ownership', ({file}) => fs.chmodSync(file, 0o646), {}],
    ['sessionType', () => undefined, {LimitLoadToSessionType: 'Background'}],
    ['sessionType', () => undefined, {LimitLoadToSessionType: ['Background', 'LoginWindow']}],
  ]
  const codes: Readonly<Record<string, readonly [number, number, string]>> = {
    malformed: [5, 109, 'Invalid property list'],
    missingPlist: [5, 2, 'No such file or directory'],
    noLabel: [5, 110, 'Invalid or missing service identifier'],
    noProgram: [5, 111, 'Invalid or missing Program/ProgramArguments'],
    ownership: [122, 5, 'Path had bad ownership/permissions'],
    sessionType: [134, 5, 'Service cannot load in requested session'],
  }

  it.each(broken)('refuses a plist that is %s with either code, and tells root why', async (cause, spoil, keys) => {
    const job = plist('exit 0', keys)
    spoil(job)
    const [first, second, richer] = codes[cause] ?? [0, 0, '']
    expect((await bootstrap(job)).code).toBe(first)
    await switches({codes: {[cause]: second}})
    expect((await bootstrap(job)).code).toBe(second)
    expect((await root('bootstrap', GUI, job.file)).stderr).toContain(`${job.file}: ${richer}\nBootstrap failed: ${second}: `)
    expect(await ctl('print', job.target)).toMatchObject({code: 113})
  })

  it('refuses a plist that belongs to somebody else', async () => {
    const job = plist('exit 0')
    if (OWN_UID === 0) fs.chownSync(job.file, 12_345, 12_345)
    const domain = OWN_UID === 0 ? GUI : 'system'
    expect(await root('bootstrap', domain, job.file)).toMatchObject({
      code: 122,
      stderr: `${job.file}: Path had bad ownership/permissions\nBootstrap failed: 122: Path had bad ownership/permissions\n`,
    })
  })

  it.each([5, 108] as const)('refuses a plist or a program on an external volume with %i', async (code) => {
    await switches({externalVolumes: [folder], codes: {externalVolume: code}})
    expect((await bootstrap(plist('exit 0'))).code).toBe(code)
    await switches({externalVolumes: ['/bin', '/usr/bin']})
    expect((await bootstrap(plist('exit 0'))).code).toBe(code)
  })

  it('refuses any LimitLoadToSessionType if asked to', async () => {
    const keys = {LimitLoadToSessionType: ['Aqua', 'Background']}
    expect((await bootstrap(plist('exit 0', keys))).code).toBe(0)
    await switches({rejectsSessionTypeKey: true})
    expect((await bootstrap(plist('exit 0', keys))).code).toBe(5)
    expect((await bootstrap(plist('exit 0'))).code).toBe(0)
  })

  it.each([5, 0] as const)(
    'does not know a service that is switched off as a background item, whether bootstrap says so (%i)',
    async (code) => {
      const job = plist('exit 0', {RunAtLoad: true})
      await switches({loginItemsOff: [job.label], codes: {loginItemOff: code}})
      expect((await bootstrap(job)).code).toBe(code)
      expect((await ctl('print', job.target)).code).toBe(113)
    },
  )

  it.each([5, 1] as const)('lets root alone change the system domain, and refuses others with %i', async (code) => {
    await switches({codes: {notPermitted: code}})
    const job = plist('exit 0')
    expect((await ctl('bootstrap', 'system', job.file)).code).toBe(code)
    expect(await ctl('enable', `system/${job.label}`)).toMatchObject({
      code: 1,
      stderr: 'Could not enable service: 1: Operation not permitted\n',
    })
    if (OWN_UID !== 0) return
    fs.chownSync(job.file, 0, 0)
    expect(await root('bootstrap', 'system', job.file)).toMatchObject({code: 0})
    const text = (await ctl('print', `system/${job.label}`)).stdout
    expect(field(text, 'type')).toBe('LaunchDaemon')
    expect(field(text, 'domain')).toBe('system')
    expect(await ctl('kickstart', `system/${job.label}`)).toMatchObject({code: 1})
    expect(await ctl('bootout', `system/${job.label}`)).toMatchObject({code: 1})
    expect(await root('bootout', `system/${job.label}`)).toMatchObject({code: 0})
  })

  it.skipIf(OWN_UID !== 0)('runs a daemon as its UserName, and ends with 78 if there is no such user', async () => {
    const file = path.join(folder, 'user')
    const job = plist(`id -un >${file}.part; mv ${file}.part ${file}`, {RunAtLoad: true, UserName: 'nobody'})
    const stranger = plist('exit 0', {RunAtLoad: true, UserName: 'no-such-user'})
    fs.chmodSync(folder, 0o777)
    for (const one of [job, stranger]) {
      fs.chownSync(one.file, 0, 0)
      expect((await root('bootstrap', 'system', one.file)).code).toBe(0)
    }
    await exists(file)
    expect(fs.readFileSync(file, 'utf8')).toBe('nobody\n')
    expect(field((await ctl('print', `system/${job.label}`)).stdout, 'username')).toBe('nobody')
    await happens(stranger, 'spawn-failed')
    expect(field((await ctl('print', `system/${stranger.label}`)).stdout, 'last exit code')).toBe('78: EX_CONFIG')
  })

  it('lets a user change only domains of their own', async () => {
    const job = await load('exit 0')
    const stranger = async (...argv: readonly string[]) => (await launchd.launchctl(argv, {uid: 9999})).code
    expect(await stranger('bootstrap', GUI, plist('exit 0').file)).toBe(5)
    expect(await stranger('bootout', job.target)).toBe(1)
    expect(await stranger('kickstart', job.target)).toBe(1)
    expect(await stranger('kill', 'TERM', job.target)).toBe(1)
    expect(await stranger('disable', job.target)).toBe(1)
    expect(await stranger('print', job.target)).toBe(0)
  })

  const UNWRITABLE = {RunAtLoad: true, StandardOutPath: '/dev/null/log', StandardErrorPath: '/dev/null/log'}

  it('ends with 78 before the program runs when a log cannot be opened', async () => {
    // So that the box would show.
    await switches({penaltyBoxLeave: 'bootout'})
    const file = path.join(folder, 'never')
    const job = await load(`touch ${file}`, {...UNWRITABLE, KeepAlive: true})
    await happens(job, 'spawn-failed', 2)
    const text = await shown(job)
    expect(field(text, 'last exit code')).toBe('78: EX_CONFIG')
    expect(field(text, 'job state')).toBe('spawn failed')
    expect(field(text, 'properties')).not.toContain('penalty box')
    expect(fs.existsSync(file)).toBe(false)
  })

  it('refuses a log that cannot be opened at bootstrap if asked to', async () => {
    await switches({unopenableLog: 'bootstrap'})
    expect(await bootstrap(plist('exit 0', UNWRITABLE))).toMatchObject({code: 5})
    expect(await bootstrap(plist('exit 0', {StandardOutPath: path.join(folder, 'fine.log')}))).toMatchObject({code: 0})
  })

  it.each(['spawn', 'bootstrap'] as const)('finds a log on an external volume at %s', async (unopenableLog) => {
    const volume = path.join(folder, 'volume')
    await switches({unopenableLog, externalVolumes: [volume]})
    const job = plist('exit 0', {RunAtLoad: true, StandardErrorPath: path.join(volume, 'log')})
    expect((await bootstrap(job)).code).toBe(unopenableLog === 'spawn' ? 0 : 5)
    if (unopenableLog === 'spawn') expect((await happens(job, 'spawn-failed'))[0]?.step).toBe('log')
  })

  it('ends with 78 when there is no working directory', async () => {
    const job = await load('exit 0', {RunAtLoad: true, WorkingDirectory: '/nowhere'})
    await happens(job, 'spawn-failed')
    expect(field(await shown(job), 'last exit code')).toBe('78: EX_CONFIG')
  })

  function install(program: string): void {
    fs.writeFileSync(`${program}.part`, '#!/bin/sh\nexec sleep 100\n', {mode: 0o755})
    fs.renameSync(`${program}.part`, program)
  }

  it('puts a job without its program into the penalty box, until that appears', async () => {
    const program = path.join(folder, 'appears')
    const job = await load('', {ProgramArguments: [program], RunAtLoad: true, KeepAlive: {SuccessfulExit: false}})
    await happens(job, 'spawn-failed')
    const text = await shown(job)
    expect(field(text, 'state')).toBe('spawn scheduled')
    expect(field(text, 'pid')).toBeUndefined()
    expect(field(text, 'runs')).toBe('1')
    expect(field(text, 'last exit code')).toBe('78: EX_CONFIG')
    expect(field(text, 'properties')).toBe('runatload | penalty box | inferred program')
    expect(text).toContain(`\t\t\t\t"Executable" => "${program}"\n`)
    install(program)
    await happens(job, 'spawn')
    expect(field(await shown(job), 'properties')).toBe('runatload | inferred program')
  })

  it.each(['kickstart', 'bootout'] as const)('may leave a job in the penalty box until %s', async (penaltyBoxLeave) => {
    await switches({penaltyBoxLeave})
    const program = path.join(folder, `until-${penaltyBoxLeave}`)
    const job = await load('', {ProgramArguments: [program], KeepAlive: true})
    await happens(job, 'spawn-failed')
    install(program)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(field(await shown(job), 'properties')).toContain('penalty box')
    await ctl('kickstart', job.target)
    expect(events(job, 'spawn')).toHaveLength(penaltyBoxLeave === 'kickstart' ? 1 : 0)
    await ctl('bootout', job.target)
    await isGone(job)
    await bootstrap(job)
    await happens(job, 'spawn', penaltyBoxLeave === 'kickstart' ? 2 : 1)
  })

  it('may try a missing program again and again instead', async () => {
    await switches({missingProgram: 'retry'})
    const job = await load('', {ProgramArguments: [path.join(folder, 'nowhere')], KeepAlive: true})
    await happens(job, 'spawn-failed', 2)
    expect(field(await shown(job), 'properties')).not.toContain('penalty box')
  })

  it.each([false, true])('kills a program that changed since the bootstrap for its signature: %s', async (lwcr) => {
    await switches({lwcr})
    const program = path.join(folder, `signed-${String(lwcr)}`)
    install(program)
    const job = await load('', {ProgramArguments: [program]})
    install(program)
    fs.appendFileSync(program, '# new\n')
    await ctl('kickstart', job.target)
    expect(events(job, 'spawn')).toHaveLength(lwcr ? 0 : 1)
    const text = await shown(job)
    expect(field(text, 'last exit reason')).toBe(lwcr ? 'OS_REASON_CODESIGNING' : undefined)
    if (!lwcr) return
    expect((await ctl('list')).stdout).toContain(`-\t-9\t${job.label}\n`)
    await ctl('bootout', job.target)
    await isGone(job)
    await bootstrap(job)
    await ctl('kickstart', job.target)
    await happens(job, 'spawn')
  })

  it('tells an unknown domain from a gui domain without a desktop session', async () => {
    await switches({guiUids: [], userUids: [UID]})
    const unsupported = 'Domain does not support specified action'
    const job = plist('exit 0')
    expect(await ctl('print', job.target)).toMatchObject({code: 125, stderr: `${unsupported}\n`})
    expect((await bootstrap(job)).stderr).toContain(`Bootstrap failed: 125: ${unsupported}\n`)
    expect(await ctl('kickstart', job.target)).toMatchObject({
      code: 125,
      stderr: `Could not kickstart service "${job.label}": 125: ${unsupported}\n`,
    })
    expect(await ctl('bootout', job.target)).toMatchObject({code: 125, stderr: `Boot-out failed: 125: ${unsupported}\n`})
    for (const argv of [
      ['print', 'gui/9999'],
      ['print', 'gui/9999/x'],
      ['bootstrap', 'gui/9999', job.file],
    ])
      expect(await ctl(...argv)).toMatchObject({code: 112, stderr: 'Could not find domain for user gui: 9999\n'})
    expect(await ctl('print', 'user/9999')).toMatchObject({code: 112, stderr: 'Could not find domain for uid: 9999\n'})
  })

  it('has no desktop session for root', async () => {
    expect(await root('print', 'gui/0')).toMatchObject({code: 125})
    expect(await root('print', 'user/0')).toMatchObject({code: 0})
  })

  it('takes into the user domain only jobs for Background sessions', async () => {
    const domain = `user/${UID}`
    const job = plist('exec sleep 100', {RunAtLoad: true, LimitLoadToSessionType: ['Aqua', 'Background']})
    expect(await ctl('bootstrap', domain, plist('exit 0').file)).toMatchObject({code: 134})
    expect(await ctl('bootstrap', domain, job.file)).toMatchObject({code: 0})
    await happens(job, 'spawn')
    const text = (await ctl('print', `${domain}/${job.label}`)).stdout
    expect(field(text, 'domain')).toBe(domain)
    expect(field(text, 'asid')).toBeUndefined()
    expect(text).not.toContain('inherited environment')
    expect(await ctl('print', job.target)).toMatchObject({code: 113})
  })

  it.each([
    ['system/x', 'system'],
    [`user/${UID}/x`, `uid: ${UID}`],
    [`gui/${UID}/x`, `user gui: ${UID}`],
  ])('names the domain of an unknown service of %s', async (target, name) => {
    const text = `Could not find service "x" in domain for ${name}\n`
    expect(await ctl('print', target)).toMatchObject({code: 113, stdout: '', stderr: `Bad request.\n${text}`})
    expect(await root('kickstart', target)).toMatchObject({code: 113, stderr: text})
    expect(await root('kill', 'TERM', target)).toMatchObject({code: 113, stderr: text})
    await switches({badRequest: false})
    expect(await ctl('print', target)).toMatchObject({code: 113, stderr: text})
  })

  it('may say `Bad request.` before an unknown domain too', async () => {
    await switches({badRequestBeforeDomain: true})
    expect((await ctl('print', 'gui/9999')).stderr).toBe('Bad request.\nCould not find domain for user gui: 9999\n')
  })

  it('may print its messages on stdout', async () => {
    await switches({messageStream: 'stdout'})
    expect(await ctl('bootout', `${GUI}/x`)).toMatchObject({code: 3, stdout: 'Boot-out failed: 3: No such process\n', stderr: ''})
  })

  it('refuses what is no target, no verb and no signal', async () => {
    for (const argv of [
      ['print', 'nonsense/x'],
      ['print', 'gui'],
      ['enable', GUI],
      ['kickstart', GUI],
      ['bootstrap', `${GUI}/x`, '/a'],
    ])
      expect(await ctl(...argv)).toMatchObject({code: 64, stderr: expect.stringMatching(/^Unrecognized target specifier\./)})
    expect(await ctl('conjure')).toMatchObject({code: 1, stderr: expect.stringMatching(/^Unrecognized subcommand: conjure\n/)})
    expect(await ctl('kill', 'SIGNONE', `${GUI}/x`)).toMatchObject({code: 64})
    expect(await ctl('error', '125')).toMatchObject({code: 0, stdout: '125: Domain does not support specified action\n'})
  })

  it('repeats `state` in nested blocks of a job at rest', async () => {
    const text = await shown(await load('exit 0'))
    expect(text).toMatch(/^\tstate = not running$/m)
    expect(text.match(/^\t\tstate = active$/gm)).toHaveLength(2)
    expect(text.startsWith(`${GUI}/test.job${count} = {\n\tactive count = 0\n\tpath = ${folder}/`)).toBe(true)
    expect(text.endsWith('\n\n\tproperties = inferred program\n}\n')).toBe(true)
    expect(text).not.toMatch(/^\t+$/m)
  })

  it('prints arguments with newlines as they are', async () => {
    const text = await shown(await load('true\n\tstate = running\n}'))
    expect(text).toContain('\t\ttrue\n\tstate = running\n}\n\t}\n')
  })

  it.each([true, false])('prints `job state`: %s', async (jobState) => {
    await switches({jobState})
    const job = await load('exit 0', {RunAtLoad: true})
    await happens(job, 'exit')
    expect(field(await shown(job), 'job state')).toBe(jobState ? 'exited' : undefined)
  })

  it('lists decoded statuses, but the raw wait status of a single job', async () => {
    const failed = await load('exit 78', {RunAtLoad: true})
    const killed = await load('kill -KILL $$', {RunAtLoad: true})
    const running = await load('exec sleep 100', {KeepAlive: true, StandardOutPath: '/dev/null'})
    await happens(failed, 'exit')
    await happens(killed, 'exit')
    const pid = await spawned(running)
    const {stdout} = await ctl('list')
    expect(stdout.startsWith('PID\tStatus\tLabel\n')).toBe(true)
    for (const row of [`-\t78\t${failed.label}`, `-\t-9\t${killed.label}`, `${pid}\t0\t${running.label}`])
      expect(stdout).toContain(`${row}\n`)
    expect((await ctl('list', failed.label)).stdout).toContain('\t"LastExitStatus" = 19968;\n')
    expect((await ctl('list', failed.label)).stdout).not.toContain('"PID"')
    expect((await ctl('list', killed.label)).stdout).toContain('\t"LastExitStatus" = 9;\n')
    expect((await ctl('list', running.label)).stdout).toBe(
      '{\n\t"StandardOutPath" = "/dev/null";\n\t"LimitLoadToSessionType" = "Aqua";\n' +
        `\t"Label" = "${running.label}";\n\t"OnDemand" = false;\n\t"LastExitStatus" = 0;\n\t"PID" = ${pid};\n\t"Program" = "/bin/sh";\n` +
        '\t"ProgramArguments" = (\n\t\t"/bin/sh";\n\t\t"-c";\n\t\t"exec sleep 100";\n\t);\n};\n',
    )
    expect(await ctl('list', 'x')).toMatchObject({code: 113, stderr: 'Could not find service "x" in domain for port\n'})
  })

  it('lists only the domain of the session that it is called in', async () => {
    const job = await load('exit 0')
    expect((await ctl('list', job.label)).code).toBe(0)
    await switches({callerSession: 'Background'})
    expect((await ctl('managername')).stdout).toBe('Background\n')
    expect((await ctl('list', job.label)).code).toBe(113)
    expect((await ctl('print', job.target)).code).toBe(0)
  })

  it('names the session by the caller', async () => {
    expect((await ctl('managername')).stdout).toBe('Aqua\n')
    expect((await root('managername')).stdout).toBe('System\n')
    expect((await launchd.launchctl(['managername'], {uid: 9999})).stdout).toBe('Background\n')
    expect((await ctl('manageruid')).stdout).toBe(`${UID}\n`)
  })

  it('takes its own user, or whom it is told, for the caller', async () => {
    expect((await launchd.launchctl(['manageruid'])).stdout).toBe(`${OWN_UID}\n`)
    await switches({callerUid: 777})
    expect((await launchd.launchctl(['manageruid'])).stdout).toBe('777\n')
    expect((await ctl('manageruid')).stdout).toBe(`${UID}\n`)
  })

  it('prints the services of a domain', async () => {
    const job = await load('exit 75', {RunAtLoad: true})
    await happens(job, 'exit')
    const {stdout} = await ctl('print', GUI)
    expect(field(stdout, 'session')).toBe('Aqua')
    expect(stdout).toContain(`\t\t       0     75 \t${job.label}\n`)
  })

  it('refuses everything in a domain that is tearing down, and everything is gone after the logout', async () => {
    const own = await startLaunchd({timeScale: TIME_SCALE, teardownMs: 0})
    const asked = path.join(folder, `asked${(count += 1)}`)
    const {script, ready, end} = trapping(`"touch ${asked}"`, 'TERM')
    const [job, late] = [plist(script, {RunAtLoad: true, ExitTimeOut: 30_000}), plist('exit 0')]
    await own.launchctl(['bootstrap', GUI, job.file], {uid: UID})
    await exists(ready)
    const logout = own.logout(UID)
    await exists(asked)
    const refused = await own.launchctl(['bootstrap', GUI, late.file], {uid: UID})
    expect(refused).toMatchObject({code: 124, stderr: expect.stringContaining('Bootstrap failed: 124: Domain is tearing down\n')})
    fs.writeFileSync(end, '')
    await logout
    expect((await own.launchctl(['print', job.target])).code).toBe(125)
    await own.login(UID)
    expect((await own.launchctl(['print', job.target])).code).toBe(113)
    await own.stop()
  })

  it('loads at login what is neither disabled nor switched off', async () => {
    const agents = path.join(folder, 'agents')
    fs.mkdirSync(agents)
    const [plain, disabled, off] = [plist('exec sleep 100'), plist('exit 0'), plist('exit 0')]
    for (const {file} of [plain, disabled, off]) fs.renameSync(file, path.join(agents, path.basename(file)))
    const own = await startLaunchd({agentFolders: {[UID]: [agents]}, loginItemsOff: [off.label], guiUids: []})
    await own.login(UID)
    const codes = async () => Promise.all([plain, disabled, off].map(async ({target}) => (await own.launchctl(['print', target])).code))
    expect(await codes()).toEqual([0, 0, 113])
    await own.launchctl(['disable', disabled.target], {uid: UID})
    await own.logout(UID)
    await own.login(UID)
    expect(await codes()).toEqual([0, 113, 113])
    await own.stop()
  })

  it('comes up from a reboot with its daemons and the store of disabled services, and nobody logged in', async () => {
    const own = await startLaunchd({sameUser: true, teardownMs: 0, daemonFolders: [path.join(folder, 'daemons')]})
    fs.mkdirSync(path.join(folder, 'daemons'))
    const job = plist('exec sleep 100', {RunAtLoad: true})
    const daemon = path.join(folder, 'daemons', path.basename(job.file))
    fs.copyFileSync(job.file, daemon)
    fs.chownSync(daemon, OWN_UID, process.getgid?.() ?? OWN_UID)
    await own.launchctl(['disable', 'system/other'])
    expect(await own.launchctl(['bootstrap', 'system', daemon])).toMatchObject({code: 0})
    await own.reboot()
    await waitFor(async () => (await own.launchctl(['print', `system/${job.label}`])).stdout.includes('\tstate = running\n'), 'the daemon')
    expect((await own.launchctl(['print-disabled', 'system'])).stdout).toContain('"other" => disabled')
    expect((await own.launchctl(['print', GUI])).code).toBe(112)
    await own.stop()
  })

  it('breaks down as asked: by a signal, without an answer, or with an answer that nobody understands', async () => {
    const none = {stdout: '', stderr: ''}
    await switches({
      faults: [
        {verb: 'print', signal: 'SIGABRT'},
        {verb: 'print', code: 0, stdout: 'gibberish\n', times: 2},
        {verb: 'list', hang: true},
      ],
    })
    expect(await ctl('print', GUI)).toMatchObject({code: null, signal: 'SIGABRT', ...none})
    expect(await ctl('print', GUI)).toMatchObject({code: 0, stdout: 'gibberish\n'})
    expect(await ctl('print', GUI)).toMatchObject({code: 0, stdout: 'gibberish\n'})
    expect((await ctl('print', GUI)).stdout).toContain(`${GUI} = {\n`)
    const env = {...launchd.env, LAUNCHD_DOUBLE_UID: String(UID)}
    expect(spawnSync('launchctl', ['list'], {env, timeout: 1500}).signal).toBe('SIGTERM')
    expect((await ctl('list')).code).toBe(0)
  })

  it('tells of keys of the plist that nobody looks at', async () => {
    const job = await load('exit 0', {KeepAlve: true, Comment: 'x', KeepAlive: {NetworkState: true}})
    expect(events(job, 'ignored-keys')[0]?.keys).toEqual(['KeepAlve', 'KeepAlive.NetworkState'])
  })

  it.each([
    [{nonsense: 1}, 'there is no switch nonsense = 1'],
    [{disabledLayout: 'word'}, "there is no switch disabledLayout = 'word'"],
    [{codes: {disabled: 6}}, 'codes.disabled cannot be 6'],
  ])('refuses the switch %j', async (change, message) => {
    const untyped = change as Partial<LaunchdSwitches>
    await expect(startLaunchd(untyped)).rejects.toThrow(message)
    await expect(launchd.config(untyped)).rejects.toThrow(message)
  })

  it.each(['load', 'unload', 'submit'])('fails the test that uses `%s`', async (verb) => {
    const own = await startLaunchd()
    expect(await own.launchctl([verb, '/x'])).toMatchObject({
      code: 70,
      stderr: expect.stringContaining(`\`${verb}\` must not be used here`),
    })
    await expect(own.stop()).rejects.toThrow(verb)
    expect(fs.existsSync(own.folder)).toBe(false)
  })

  it('keeps two doubles apart', async () => {
    const own = await startLaunchd()
    const job = await load('exit 0')
    expect((await own.launchctl(['print', job.target])).code).toBe(113)
    await own.launchctl(['disable', job.target], {uid: UID})
    expect((await ctl('print-disabled', GUI)).stdout).not.toContain(job.label)
    await own.stop()
  })

  it('finds its double by its place, without an environment', async () => {
    const job = await load('exit 0')
    const program = path.join(launchd.folder, 'bin/launchctl')
    expect(spawnSync(program, ['print', job.target], {env: {}}).status).toBe(0)
  })

  it('forgets all jobs, their processes and what was disabled when it is cleared', async () => {
    const job = await load('exec sleep 100', {KeepAlive: true})
    const pid = await spawned(job)
    await ctl('disable', job.target)
    await launchd.clear()
    expect(alive(pid)).toBe(false)
    expect((await ctl('print', job.target)).code).toBe(113)
    expect((await ctl('print-disabled', GUI)).stdout).not.toContain(job.label)
  })

  it('takes everything with it that its jobs started, also what left their session', async () => {
    const own = await startLaunchd()
    const file = path.join(folder, 'escaped')
    const job = plist(`setsid sh -c 'echo $$ >${file}.part; mv ${file}.part ${file}; exec sleep 100' & exec sleep 100`, {RunAtLoad: true})
    await own.launchctl(['bootstrap', GUI, job.file], {uid: UID})
    await exists(file)
    const pid = Number(fs.readFileSync(file, 'utf8'))
    await own.stop()
    expect(alive(pid)).toBe(false)
  })

  it('ends with its jobs when whoever started it is killed', async () => {
    const state = fs.mkdtempSync(path.join(folder, 'killed-'))
    fs.writeFileSync(path.join(state, 'switches.json'), '{"sameUser": true}')
    const program = `import subprocess, sys
daemon = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(daemon.stdout.readline() and daemon.pid, flush=True)
daemon.wait()`
    const parent = spawn('/usr/bin/python3', ['-c', program, path.join(DOUBLE, 'launchd'), state])
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const job = plist('exec sleep 100', {RunAtLoad: true})
    fs.chownSync(job.file, OWN_UID, process.getgid?.() ?? OWN_UID)
    const env = {...process.env, LAUNCHD_DOUBLE_STATE: state, LAUNCHD_DOUBLE_UID: '0'}
    const launchctl = path.join(DOUBLE, 'launchctl')
    expect(spawnSync(launchctl, ['bootstrap', 'system', job.file], {env}).status).toBe(0)
    const pids = [Number(line.toString())]
    await waitFor(() => {
      const pid = field(spawnSync(launchctl, ['print', `system/${job.label}`], {env, encoding: 'utf8'}).stdout, 'pid')
      if (pid !== undefined) pids.push(Number(pid))
      return pid !== undefined
    }, 'the job')
    expect(pids.map(alive)).toEqual([true, true])
    parent.kill('SIGKILL')
    await waitFor(() => !pids.some(alive) && !fs.existsSync(state), 'their end')
  })
})
