import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {createInterface} from 'node:readline'
import {parseStat} from '../../src/gateway/process.js'
import {createNodeHost} from '../../src/host/node-host.js'
import {HELPER_NAME, helperText, type HelperVerb, helperWords} from '../../src/service/service-helper.js'
import {it} from 'vitest'
import {isCampaign} from './campaign.js'
import {DEFAULT_RESTART_POLICY, type RestartPolicy} from '../../src/service/restart-policy.js'

/** Runs the helper of a service under real shells, beside real processes. */

export const HOST = createNodeHost(join(import.meta.dirname, '../..'))
export const PYTHON = '/usr/bin/python3'
/** The shells that the helpers must run under: their command lines by name. A bash that is /bin/sh, as on a Mac, keeps to POSIX; one that does not is asked in a campaign. */
export const SHELLS: Readonly<Record<string, readonly string[]>> = {
  dash: ['dash'],
  ...(isCampaign ? {bash: ['bash']} : {}),
  'bash --posix': ['bash', '--posix'],
  'busybox sh': ['busybox', 'sh'],
}
/**
 * What is asked under a shell. Outside of a campaign all is asked under one of them: what the helper judges is the same under each, and the others have what asks
 * the most of a shell.
 */
export function askedUnder(shellName: string) {
  const isAll = isCampaign || shellName === 'dash'
  return {
    /** A test where all is asked. */
    itOfAll: (title: string, body: () => Promise<void>): void => {
      if (isAll) it(title, body)
    },
    /** All rows, or so many, of which the first ask the most. */
    rowsOf: <T>(rows: readonly T[], count = 1): readonly T[] => (isAll ? rows : rows.slice(0, count)),
  }
}
/** Far above the highest number that the kernel gives to a process (proc(5), pid_max: 2^22). */
export const NO_PROCESS = 999_999_999
/** A helper that takes longer than that, in ms, hangs. */
export const HANGS_MS = 20_000

/** Folders of one service, with its helper in `folder`. */
export interface HelperService {
  readonly root: string
  readonly home: string
  readonly state: string
  readonly folder: string
  /** The helper. */
  readonly file: string
  readonly policy: RestartPolicy
}

export type Json = Record<string, unknown>

const cleanups: (() => unknown)[] = []

/** Has something done at the end of the test. */
export function atEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

/** Undoes what the functions below made; for afterEach. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}

/** Why a suite that needs these programs cannot run here; undefined if it can. */
export function lacks(...programs: string[]): string | undefined {
  if (process.platform !== 'linux') return 'the helpers read /proc'
  const absent = programs.filter((program) => (program.startsWith('/') ? !existsSync(program) : !HOST.which(program)))
  return absent.length > 0 ? `not installed: ${absent.join(', ')}` : undefined
}

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'helpers-')))
  cleanups.push(() => rmSync(folder, {recursive: true, force: true}))
  return folder
}

/** The kernel's files that the helper reads. */
const KERNEL_FILES = /\/proc\/self\/cgroup|\/sys\/fs\/cgroup/g

/**
 * Makes a home, a state folder and the helper. `tools` replaces the programs that it calls by scripts in `root`, and `kernel` the files by which the kernel
 * tells of control groups by these below `root`.
 */
export function helperService(
  options: {
    policy?: Partial<RestartPolicy>
    homeName?: string
    tools?: Record<string, string>
    kernel?: Record<string, string>
    platform?: NodeJS.Platform
  } = {},
): HelperService {
  const root = temporaryFolder()
  const folder = join(root, 'helpers')
  const policy = {...DEFAULT_RESTART_POLICY, ...options.policy}
  const file = join(folder, HELPER_NAME)
  const made = {root, home: join(root, options.homeName ?? 'home'), state: join(root, 'state'), folder, file, policy}
  for (const each of [made.home, made.state, made.folder]) mkdirSync(each, {recursive: true})
  const tools = {...options.tools, ...(options.platform === 'darwin' ? {uname: 'echo Darwin'} : {})}
  for (const [name, body] of Object.entries(tools)) {
    writeFileSync(join(root, name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(root, name), 0o755)
  }
  const text = helperText(HOST)
  const ours = text.replace('export PATH="', () => `export PATH="${root}:`)
  if (ours === text) throw new Error('the helper sets no PATH')
  const elsewhere = ours.replaceAll(KERNEL_FILES, (name) => root + name)
  if (elsewhere === ours) throw new Error('the helper reads no file of the kernel')
  for (const [name, content] of Object.entries(options.kernel ?? {})) tellAsKernel(made, name, content)
  writeFileSync(file, options.kernel ? elsewhere : Object.keys(tools).length > 0 ? ours : text)
  return made
}

/** What the helper of a service that was made with `kernel` reads in a file of the kernel. */
export function tellAsKernel(made: HelperService, file: string, content: string): void {
  mkdirSync(dirname(join(made.root, file)), {recursive: true})
  writeFileSync(join(made.root, file), content)
}

export function put(folder: string, name: string, content: Json | string | number): void {
  writeFileSync(join(folder, name), typeof content === 'object' ? JSON.stringify(content) : String(content))
}

/** A file's text without blanks around it; undefined if it is not there. */
export function read(folder: string, name: string): string | undefined {
  return existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trim() : undefined
}

/** The words behind the shell in a call of the helper. */
export function helperCall(made: HelperService, verb: HelperVerb, state = made.state): string[] {
  return [made.file, ...helperWords(verb, {home: made.home, state, policy: made.policy})]
}

export function runHelper(
  shell: readonly string[],
  made: HelperService,
  verb: HelperVerb,
  env: Record<string, string> = {},
  state = made.state,
): {code: number | null; stderr: string} {
  const [program, ...options] = shell
  const result = spawnSync(program ?? '', [...options, ...helperCall(made, verb, state)], {
    env: {PATH: '/usr/bin:/bin', ...env},
    encoding: 'utf8',
    timeout: HANGS_MS,
    killSignal: 'SIGKILL',
  })
  return {code: result.status, stderr: result.stderr}
}

/** Starts a process that lives until the test ends; resolves with its first line of output. */
export async function start(
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<{child: ChildProcess; pid: number; line: string; stderr: () => string}> {
  const child = spawn(argv[0] ?? '', argv.slice(1), {env: {PATH: '/usr/bin:/bin', ...env}, stdio: ['pipe', 'pipe', 'pipe']})
  const ended = new Promise((resolve) => child.once('exit', resolve))
  cleanups.push(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const line = await new Promise<string>((resolve) => createInterface({input: child.stdout}).once('line', resolve))
  return {child, pid: child.pid ?? 0, line, stderr: () => stderr}
}

/** Starts `python3 -c` with code of whose output only the first line counts, and lets it live on. */
export async function startPython(code: string, program = PYTHON): Promise<{child: ChildProcess; pid: number; line: string}> {
  return start([program, '-c', `import fcntl,os,sys,time\n${code}\ntime.sleep(600)`])
}

/** A process that is no gateway. */
export async function startAnything(program?: string): Promise<number> {
  return (await startPython('print(1, flush=True)', program)).pid
}

/** A process that has ended and is not reaped. */
export async function startZombie(): Promise<number> {
  const code = 'p=os.fork()\nif p==0: os._exit(0)\nos.waitid(os.P_PID,p,os.WEXITED|os.WNOWAIT)\nprint(p,flush=True)'
  return Number((await startPython(code)).line)
}

/** A process that looks like a gateway: `python3 <folder>/hermes <args>`. */
export async function startGateway(made: HelperService, env: Record<string, string>, args: readonly string[] = []): Promise<number> {
  writeFileSync(join(made.folder, 'hermes'), 'import time\nprint("up", flush=True)\ntime.sleep(600)\n')
  return (await start([PYTHON, join(made.folder, 'hermes'), ...args, 'gateway', 'run'], env)).pid
}

/** Kills a process that some child of a test started. */
export function killLater(pid: number): void {
  cleanups.push(() => process.kill(pid, 'SIGKILL'))
}

export function startTime(pid: number | string): number {
  const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (!stat) throw new Error(`process ${pid} has no start time`)
  return stat.startTime
}

/** The clock of start times: that of a process of this moment. */
export function nowTicks(): number {
  return parseStat(execFileSync('cat', ['/proc/self/stat'], {encoding: 'utf8'}))?.startTime ?? 0
}

/** A pid record as gateways write it. */
export function record(pid: number, more: Json = {}): Json {
  return {pid, kind: 'hermes-gateway', argv: ['/x/hermes_cli/main.py', 'gateway', 'run'], ...more}
}
