import type {Scope, Service} from '../../src/service/service.js'
import type {Account, RunResult} from '../../src/host/host.js'
import {launchctlEnvironment} from '../../src/managers/launchd/launchctl.js'
import {launchdManager, type WholeManager} from './managers.js'
import {DEFINITION_VARIABLE, member, parsePlist} from '../../src/managers/launchd/plist.js'
import {applyPlan} from '../../src/plan/apply.js'
import type {Step} from '../../src/plan/plan.js'
import {FakeDarwinProcesses} from './fake-darwin.js'
import {type FakeFile, FakeHost, USER} from './fake-host.js'
import {printed, unknownJob} from './launchctl.js'
import {packageFiles} from './package-files.js'
import {SERVICE} from './settings.js'

/** A job that launchd has loaded. */
export interface FakeJob {
  state: string
  pid: number | undefined
  /** The property list that it was loaded from: a later text on disk changes nothing. */
  text: string
  lastExit: string
  properties: string
  exitReason?: string
}

const HOME = '/home/user'
export const LABEL = 'ai.hermes.gateway'
export const AGENT = `${HOME}/Library/LaunchAgents/${LABEL}.plist`
export const SUPPORT = `${HOME}/Library/Application Support/hermes-svc/${LABEL}`
export const STATE = `${SUPPORT}/state`
/** The service of the default profile of `USER`, under launchd. */
export const LAUNCHD_SERVICE: Service = {...SERVICE, name: LABEL}

/**
 * A machine in memory on which launchd runs the services of `USER`: it answers launchctl by what was done to it. A launcher comes up with a
 * gateway when its job is loaded or kicked, and ends as it would when it is told to.
 */
export class FakeLaunchd {
  readonly host: FakeHost
  readonly manager: WholeManager
  /** Domains that are there; others have no session. */
  readonly domains = new Set(['gui/1000', 'user/1000', 'system'])
  readonly jobs = new Map<string, FakeJob>()
  readonly disabled = new Set<string>()
  /** All changes that launchctl was asked for, in their order. */
  readonly changes: string[] = []
  /** How often a look still sees a job that was booted out. */
  teardownLooks = 2
  /** How often a load is answered with 5 before it works. */
  failedLoads = 0
  /** What the next load is answered with, instead of being done. */
  refusesNextLoad: Partial<RunResult> | undefined
  /** Answers that take the place of launchd's own, by verb. */
  readonly answers = new Map<string, Partial<RunResult>>()
  /** A gateway that comes up leaves its records in its home, says that it runs, and has its lock file open. */
  leavesRecords = false
  /** What a job's launcher does when it is told to stop; it ends by default. */
  onTerm: (target: string) => void = (target) => this.ends(target)
  /** What ps and lsof show of those that left records. */
  readonly seen = new FakeDarwinProcesses()
  private readonly leaving = new Map<string, number>()
  private readonly processes = new Map<number, number>()
  private readonly orphans = new Map<number, number>()
  private nextPid = 500

  constructor(files: Readonly<Record<string, FakeFile | string>> = {}, options: {account?: Account; scope?: Scope; asker?: Account} = {}) {
    const account = options.account ?? USER
    this.host = new FakeHost({
      platform: 'darwin',
      account: options.asker ?? account,
      accounts: [account],
      files: {
        [`${HOME}/.hermes`]: {folder: true, mode: 0o700},
        '/bin/launchctl': {text: '', mode: 0o755},
        '/usr/bin/hermes': {text: '#!/bin/sh\n', mode: 0o755},
        '/usr/bin/node': {text: '', mode: 0o755},
        '/usr/bin/lsof': {text: '', mode: 0o755},
        '/bin/ps': {text: '', mode: 0o755},
        ...packageFiles(),
        ...files,
      },
    })
    this.host.read = (argv, given) => this.seen.answer(this.host, argv, given?.env) ?? this.read(argv, given?.env)
    this.host.run = async (argv, given) => {
      await Promise.resolve()
      if (argv[0] !== 'launchctl') return answered(argv)
      requireEnvironment(given?.env)
      return this.change(argv.slice(1), argv)
    }
    this.manager = launchdManager(this.host, options.scope ?? 'user', account)
  }

  /** The service's files as an install writes them, loaded and running or not. */
  put(files: readonly {path: string; text: string; mode: number}[]): void {
    for (const {path, text, mode} of files) this.host.put(path, {text, mode})
    this.host.put(STATE, {folder: true, mode: 0o700})
  }

  /** A job is loaded as the property list says that is on disk now; its launcher has a gateway. */
  load(target: string, plist = AGENT): FakeJob {
    const job: FakeJob = {
      state: 'running',
      pid: undefined,
      text: this.host.texts()[plist] ?? '',
      lastExit: '(never exited)',
      properties: 'keepalive',
    }
    this.jobs.set(target, job)
    this.comesUp(target)
    return job
  }

  /** The job's launcher, with a gateway as its child: pids of both. */
  comesUp(target: string): {launcher: number; gateway: number} {
    const job = this.requireJob(target)
    const [launcher, gateway] = [this.nextPid, this.nextPid + 1]
    this.nextPid += 2
    Object.assign(job, {state: 'running', pid: launcher})
    this.processes.set(launcher, 1)
    this.processes.set(gateway, launcher)
    this.host.put(`${STATE}/gateway`, `${gateway} 1\n`)
    this.host.setAlive(gateway, true)
    if (this.leavesRecords) this.putRecords(gateway, launcher)
    return {launcher, gateway}
  }

  /** The job's launcher ends, and its gateway with it. */
  ends(target: string, status = 0): void {
    const job = this.requireJob(target)
    for (const [pid, parent] of this.processes) {
      if (pid !== job.pid && parent !== job.pid) continue
      this.processes.delete(pid)
      this.host.setAlive(pid, false)
      this.seen.all.delete(pid)
    }
    if (this.leavesRecords) this.host.drop(`${HOME}/.hermes/gateway.pid`)
    Object.assign(job, {state: 'not running', pid: undefined, lastExit: String(status)})
    this.host.drop(`${STATE}/gateway`)
  }

  /** The gateway ends, and its launcher waits before it starts another. */
  gatewayEnds(target: string): void {
    const {pid} = this.requireJob(target)
    for (const [child, parent] of this.processes) {
      if (parent !== pid) continue
      this.processes.delete(child)
      this.host.setAlive(child, false)
      this.seen.all.delete(child)
    }
    this.host.drop(`${STATE}/gateway`)
  }

  /** A process of that group whose parent has ended. */
  addOrphan(pid: number, group: number, startTime: number): void {
    this.processes.set(pid, 1)
    this.orphans.set(pid, group)
    this.host.setAlive(pid, true)
    this.seen.add({pid, parentPid: 1, startTime, argv: ['/usr/bin/left']})
  }

  /** Applies steps as a plan does. */
  async apply(steps: readonly Step[]): Promise<void> {
    const silent = {begin: () => undefined, progress: () => undefined, end: () => undefined, close: () => undefined}
    await applyPlan(this.host, {title: 'x', steps, outcome: 'x'}, silent, () => false)
  }

  private putRecords(pid: number, parentPid: number): void {
    const home = `${HOME}/.hermes`
    const startTime = Math.round(this.host.nowMs() / 10)
    this.seen.add({pid: parentPid, parentPid: 1, startTime, argv: ['/bin/sh', `${SUPPORT}/hermes-gateway-launcher`, STATE]})
    this.seen.add({pid, parentPid, startTime, env: {HERMES_HOME: home}, open: {3: {path: `${home}/gateway.lock`, isLocked: true}}})
    const record = {pid, kind: 'hermes-gateway', argv: ['gateway', 'run'], start_time: startTime}
    for (const name of ['gateway.pid', 'gateway.lock']) this.host.put(`${home}/${name}`, JSON.stringify(record))
    this.host.put(`${home}/gateway_state.json`, JSON.stringify({...record, gateway_state: 'running'}))
  }

  private read(argv: readonly string[], env: Readonly<Record<string, string>> | undefined): RunResult {
    requireEnvironment(env)
    if (argv[0] === 'ps' && argv.at(-1) === 'pgid=') {
      const groups = [...this.processes].map(([pid, parent]) => `  ${pid}  ${this.orphans.get(pid) ?? (parent === 1 ? pid : parent)}\n`)
      return answered(argv, {stdout: groups.join('')})
    }
    if (argv[0] === 'ps') {
      const rows = [...this.processes].map(([pid, parent]) => `  ${pid}  ${parent} Ss   01:05\n`)
      return answered(argv, {stdout: rows.join('')})
    }
    if (argv[0] === 'tail') return answered(argv, {stdout: 'a line of the log\n'})
    const [, verb = '', target = ''] = argv
    const given = this.answers.get(verb)
    if (given) return answered(argv, given)
    const [domain] = /^(?:(?:gui|user)\/\d+|system)/.exec(target) ?? ['']
    switch (verb) {
      case 'managername':
        return answered(argv, {stdout: this.domains.has(`gui/${this.host.account.uid}`) ? 'Aqua\n' : 'Background\n'})
      case 'print-disabled':
        return answered(argv, {
          stdout: `disabled services = {\n${[...this.disabled].map((label) => `\t"${label}" => disabled\n`).join('')}}\n`,
        })
      case 'print':
        if (!this.domains.has(domain)) return answered(argv, {code: 112, stderr: `Could not find domain for ${domain}\n`})
        if (target === domain) return answered(argv, {stdout: `${domain} = {\n}\n`})
        return this.look(argv, target)
    }
    throw new Error(`unexpected: ${argv.join(' ')}`)
  }

  private look(argv: readonly string[], target: string): RunResult {
    const left = this.leaving.get(target)
    if (left !== undefined) {
      if (left <= 0) {
        this.jobs.delete(target)
        this.leaving.delete(target)
      } else {
        this.leaving.set(target, left - 1)
      }
    }
    const job = this.jobs.get(target)
    if (!job) return answered(argv, {...unknownJob(target), stdout: ''})
    const definition = member(member(parsePlist(job.text), 'EnvironmentVariables'), DEFINITION_VARIABLE)
    const environment = typeof definition === 'string' ? {[DEFINITION_VARIABLE]: definition} : {}
    const {state, pid, lastExit, properties, exitReason} = job
    const shownPid = pid === undefined ? undefined : String(pid)
    const fields = {state, pid: shownPid, 'last exit code': lastExit, 'last exit reason': exitReason, properties}
    return answered(argv, {stdout: printed(fields, {HERMES_HOME: `${HOME}/.hermes`, ...environment}, target)})
  }

  private change(words: readonly string[], argv: readonly string[]): RunResult {
    this.changes.push(words.join(' '))
    const [verb = ''] = words
    const target = words.at(-1) ?? ''
    const label = target.slice(target.lastIndexOf('/') + 1)
    const given = this.answers.get(verb)
    if (given) return answered(argv, given)
    switch (verb) {
      case 'enable':
        this.disabled.delete(label)
        return answered(argv)
      case 'disable':
        this.disabled.add(label)
        return answered(argv)
      case 'bootstrap':
        return this.bootstrap(words[1] ?? '', target, argv)
      case 'bootout':
        if (!this.jobs.has(target)) return answered(argv, {code: 3, stderr: 'Boot-out failed: 3: No such process\n'})
        this.ends(target)
        this.leaving.set(target, this.teardownLooks)
        return answered(argv)
      case 'kill':
        if (this.jobs.get(target)?.pid === undefined) return answered(argv, {code: 1, stderr: 'No process to signal.\n'})
        this.onTerm(target)
        return answered(argv)
      case 'kickstart':
        if (!this.jobs.has(target)) return answered(argv, {code: 113, stderr: `Could not find service "${label}"\n`})
        if (words.includes('-k')) this.ends(target)
        this.comesUp(target)
        return answered(argv)
    }
    throw new Error(`unexpected: ${argv.join(' ')}`)
  }

  private bootstrap(domain: string, plist: string, argv: readonly string[]): RunResult {
    const label = plist.slice(plist.lastIndexOf('/') + 1).replace(/\.plist$/, '')
    const target = `${domain}/${label}`
    const failed = answered(argv, {code: 5, stderr: 'Bootstrap failed: 5: Input/output error\n'})
    if (this.refusesNextLoad) {
      const refused = answered(argv, this.refusesNextLoad)
      this.refusesNextLoad = undefined
      return refused
    }
    if (this.failedLoads > 0) {
      this.failedLoads--
      return failed
    }
    if (this.jobs.has(target) || this.disabled.has(label) || this.host.texts()[plist] === undefined) return failed
    this.load(target, plist)
    return answered(argv)
  }

  private requireJob(target: string): FakeJob {
    const job = this.jobs.get(target)
    if (!job) throw new Error(`launchd has no ${target}`)
    return job
  }
}

function answered(argv: readonly string[], result: Partial<RunResult> = {}): RunResult {
  return {code: 0, signal: null, stdout: '', stderr: '', ...result, argv}
}

function requireEnvironment(env: Readonly<Record<string, string>> | undefined): void {
  if (JSON.stringify(env) !== JSON.stringify(launchctlEnvironment())) throw new Error(`another environment: ${JSON.stringify(env)}`)
}
