import type {RunResult} from '../../src/host/host.js'
import {TOOL_ENVIRONMENT} from '../../src/gateway/process-darwin.js'
import {FakeHost, type FakeMachine} from './fake-host.js'
import {GATEWAY_ARGV, type FakeProcess} from './fake-process.js'

/**
 * Processes of a fake Mac, as its ps(1) and lsof(8) print them, and its sysctl(8). `startTime` is in hundredths of a second since the epoch. An `env` that is
 * undefined is not shown; `open` is seen by the process's own user and by root.
 */
export class FakeDarwinProcesses {
  readonly all = new Map<number, FakeProcess>()
  /** What ran, without the absolute path. */
  readonly ran: string[] = []
  /** kern.bootsessionuuid. */
  bootSession = '6F1C1C5E-5B5B-4E9A-9C36-0B7C3C1B9A11'
  /** In place of what lsof would say. */
  lsof: Partial<RunResult> | undefined

  add(process: FakeProcess): void {
    this.all.set(process.pid, process)
  }

  /** Answers ps and lsof as a process of `host` sees them; undefined for another program. */
  answer(host: FakeHost, argv: readonly string[], env: Readonly<Record<string, string>> | undefined): RunResult | undefined {
    const [program, ...args] = argv
    if (program !== '/bin/ps' && program !== '/usr/sbin/lsof' && program !== '/usr/sbin/sysctl') return undefined
    if (JSON.stringify(env) !== JSON.stringify(TOOL_ENVIRONMENT)) throw new Error(`another environment: ${JSON.stringify(env)}`)
    this.ran.push([program.split('/').at(-1), ...args].join(' '))
    const result = {argv, code: 0, signal: null, stdout: '', stderr: ''}
    if (program === '/usr/sbin/sysctl') return {...result, stdout: `${this.bootSession}\n`}
    if (program === '/usr/sbin/lsof') return {...result, ...(this.lsof ?? this.listOpen(host, args))}
    const stdout = this.list(host, args)
    return {...result, stdout, code: stdout === '' ? 1 : 0}
  }

  private list(host: FakeHost, args: readonly string[]): string {
    const wanted = args.includes('-p') ? args.at(-1)?.split(',').map(Number) : undefined
    const columns = args.filter((_, index) => args[index - 1] === '-o')
    const shown = [...this.all.values()].filter(({pid}) => wanted?.includes(pid) ?? args.includes('-A'))
    return shown.map((process) => `${columns.map((column) => cell(host, process, column, args.includes('-E'))).join(' ')}\n`).join('')
  }

  private listOpen(host: FakeHost, args: readonly string[]): Partial<RunResult> {
    const pids = args.includes('-p') ? args.at(-1)?.split(',').map(Number) : undefined
    const name = pids ? undefined : args.at(-1)
    let stdout = ''
    for (const {pid, uid = 1000, open = {}} of this.all.values()) {
      if (host.account.uid !== 0 && host.account.uid !== uid) continue
      const files = Object.entries(open).filter(([, {path}]) => pids?.includes(pid) ?? path === name)
      if (files.length === 0) continue
      stdout += `p${pid}\nfcwd\nn/\n`
      for (const [fd, {path}] of files)
        stdout += `f${fd}\nl \n${host.stat(path) ? `k1\ni${host.stat(path)?.inode}` : 'k0\ni999999'}\nn${path}\n`
    }
    return {stdout, code: stdout === '' ? 1 : 0}
  }
}

/** A Mac with those processes. */
export class FakeMac extends FakeHost {
  readonly processes = new FakeDarwinProcesses()

  constructor(given: FakeMachine = {}, processes: readonly FakeProcess[] = []) {
    super({platform: 'darwin', pids: processes.map(({pid}) => pid), ...given})
    for (const process of processes) this.processes.add(process)
  }

  override read(...[argv, options]: Parameters<FakeHost['read']>): RunResult {
    return this.processes.answer(this, argv, options?.env) ?? super.read(argv, options)
  }
}

/** One cell, as wide as ps makes it (print.c of adv_cmds: pid 5, uid 5, state 4, lstart 28). */
function cell(host: FakeHost, process: FakeProcess, column: string, withEnvironment: boolean): string {
  const {pid, parentPid = 1, state = 'S', startTime = 5000, uid = 1000, argv = GATEWAY_ARGV, env, comm} = process
  switch (column) {
    case 'pid=':
      return String(pid).padStart(5)
    case 'ppid=':
      return String(parentPid).padStart(5)
    case 'uid=':
      return String(uid).padStart(5)
    case 'state=':
      return `${state}s`.padEnd(4)
    case 'lstart=':
      return started(startTime).padEnd(28)
    case 'comm=':
      return comm ?? argv[0] ?? ''
    case 'command=': {
      if (state === 'Z') return '<defunct>'
      const mayShow = withEnvironment && (host.account.uid === 0 || host.account.uid === uid)
      const variables = mayShow ? Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`) : []
      return [...argv, ...variables].join(' ')
    }
  }
  throw new Error(`ps has no column ${column}`)
}

/** strftime(3) %c in the C locale, in UTC: "Sun Nov 22 08:39:25 2026", without what is less than a second. */
function started(hundredths: number): string {
  const [weekday, day, month, year, time] = new Date(Math.floor(hundredths / 100) * 1000).toUTCString().replace(',', '').split(' ')
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`
}
