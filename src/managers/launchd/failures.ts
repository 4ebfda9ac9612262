import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {type Account, type FileStat, type Host, type RunResult} from '../../host/host.js'
import {mayOthersWrite} from '../../host/roots-alone.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {isDict, member, parsePlist} from './plist.js'

/** What an answer of launchctl's means. */
export type Answer =
  /** It was done, or is as it should be already. */
  | 'done'
  /** There is no such job in that domain. */
  | 'not-loaded'
  /** There is no such domain, or no session that it needs. */
  | 'no-domain'
  /** Something of the job, or of its domain, is still going on: worth another try. */
  | 'busy'
  | 'denied'
  /** launchd does not take the property list as it is; which of many reasons it has is not said. */
  | 'refused'
  /** No answer, or none that is understood. */
  | 'unknown'

/**
 * Answers by their words, which say more than the numbers: one number stands for several things, and words were seen with others than
 * their own. Whether they come on stdout or stderr differs.
 */
const WORDS: readonly (readonly [RegExp, Answer])[] = [
  [/domain does not support specified action|could not find domain|could not find specified domain/i, 'no-domain'],
  [/could not find service|no such process|could not find specified service/i, 'not-loaded'],
  [/already bootstrapped|operation (?:already|now) in progress|domain is tearing down/i, 'busy'],
  [/not privileged|operation not permitted|permission denied/i, 'denied'],
  [/(?:bootstrap|boot-out) failed: 5\b|input\/output error/i, 'busy'],
]

/** Exit statuses (`launchctl error N`; below 107 they are errno's). */
const CODES: Readonly<Record<number, Answer>> = {
  ...{3: 'not-loaded', 113: 'not-loaded', 112: 'no-domain', 125: 'no-domain', 156: 'no-domain'},
  ...{5: 'busy', 16: 'busy', 17: 'busy', 36: 'busy', 37: 'busy', 124: 'busy'},
  ...{1: 'denied', 13: 'denied', 144: 'denied', 150: 'denied'},
  ...{107: 'refused', 108: 'refused', 109: 'refused', 110: 'refused', 111: 'refused', 114: 'refused', 115: 'refused', 119: 'refused'},
  ...{121: 'refused', 122: 'refused', 123: 'refused', 129: 'refused', 133: 'refused', 134: 'refused', 139: 'refused', 140: 'refused'},
  ...{152: 'refused', 155: 'refused', 157: 'refused', 158: 'refused', 159: 'refused'},
}

/** What launchctl's answer means. Text first, then the number. */
export function answerOf(result: RunResult): Answer {
  if (result.code === 0) return 'done'
  if (result.code === null) return 'unknown'
  const text = wordsOf(result)
  return WORDS.find(([pattern]) => pattern.test(text))?.[1] ?? CODES[result.code] ?? 'unknown'
}

/** What launchctl said, on one line. */
function wordsOf({stdout, stderr}: RunResult): string {
  return `${stderr}\n${stdout}`
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join('; ')
}

/** A look at launchd that failed: exit 4, with what was run and what was answered. */
export function lookFailed(result: RunResult): ServiceError {
  const {argv, failure, signal, code} = result
  const why = failure === 'TIMEOUT' ? 'no answer in time' : failure === 'ENOENT' ? 'the program is missing' : (failure ?? signal)
  return new ServiceError(`${argv.join(' ')}: ${why ?? (wordsOf(result) || `exit status ${code}`)}`, {
    code: why === null || why === undefined ? 'manager-refused' : 'manager-unreachable',
    exitStatus: ExitStatus.cannotTell,
    next: ['hermes-svc doctor   # finds out why it does not answer'],
  })
}

/** A text of launchctl's that is not understood: exit 4. */
export function notUnderstood({argv, stdout}: RunResult): ServiceError {
  return new ServiceError(`hermes-svc does not understand the output of ${argv.join(' ')}`, {
    code: 'manager-not-understood',
    exitStatus: ExitStatus.cannotTell,
    next: ['please report this, with these lines and the output of sw_vers'],
    evidence: stdout.split('\n').slice(0, 10),
  })
}

/** There is no session of the account's that could hold its services: exit 4. */
export function noSession(account: Account): ServiceError {
  return new ServiceError(`launchd has no session of ${account.name}: gui/${account.uid} and user/${account.uid} do not exist`, {
    code: 'no-user-manager',
    exitStatus: ExitStatus.cannotTell,
    next: [
      `log in as ${account.name} once, at the desktop or over SSH`,
      'sudo hermes-svc install --run-as USER   # runs without any login',
    ],
  })
}

/** A change that launchd did not make: exit 1, with what it said. */
export function changeFailed(result: RunResult, what: string): ServiceError {
  const why = result.failure === 'TIMEOUT' ? 'no answer in time' : (result.failure ?? (wordsOf(result) || `exit status ${result.code}`))
  const isDenied = answerOf(result) === 'denied'
  return new ServiceError(`${what}: ${result.argv.join(' ')}: ${why}`, {
    code: isDenied ? 'manager-denied' : 'command-failed',
    exitStatus: ExitStatus.failed,
    next: [isDenied ? 'run the same command as a user with permission, for example with sudo' : 'hermes-svc doctor'],
  })
}

/** What is known of a job that launchd did not load. */
export interface FailedLoad {
  readonly label: string
  readonly plist: string
  /** Whose job it is: the owner that its property list must have. */
  readonly owner: Pick<Account, 'uid' | 'name'>
  /** The session that its domain is, e.g. Aqua; undefined for the system's. */
  readonly sessionType: string | undefined
  readonly isDisabled: boolean
}

/**
 * A load that failed, with the causes that can be told apart: launchd says "5: Input/output error" to most of them. Ordered by how surely
 * each of them alone explains it. Reads only.
 */
export function loadFailed(host: Host, result: RunResult, job: FailedLoad): ServiceError {
  const causes = causesOf(host, job)
  const [first] = causes
  return new ServiceError(`launchd did not load ${job.label}: ${first?.what ?? (wordsOf(result) || `exit status ${result.code}`)}`, {
    code: first?.code ?? 'command-failed',
    exitStatus: ExitStatus.failed,
    evidence: [
      `${result.argv.join(' ')}: ${wordsOf(result) || (result.failure ?? `exit status ${result.code}`)}`,
      ...causes.slice(1).map(({what}) => what),
    ],
    next: first?.next ?? nextToTry(result, job),
  })
}

/** What is left where nothing that can be seen is in the way. */
function nextToTry({argv}: RunResult, {label, sessionType}: FailedLoad): string[] {
  return [
    ...(sessionType === undefined ? [] : [`sudo ${argv.join(' ')}   # launchd tells root the reason`]),
    `log show --last 5m --predicate 'process == "launchd" AND eventMessage CONTAINS "${label}"'`,
    'check System Settings, General, Login Items: hermes-gateway-launcher must be on',
  ]
}

/** What keeps launchd from loading a job. `code`: stable, kebab-case. */
export interface Cause {
  readonly code: string
  readonly what: string
  readonly next: readonly string[]
}

/** Everything that is known to keep launchd from loading that job. Reads only. */
export function causesOf(host: Host, {label, plist, owner, sessionType, isDisabled}: FailedLoad): Cause[] {
  const causes: Cause[] = []
  const stat = host.lstat(plist)
  if (!stat) return [{code: 'plist-missing', what: `${plist} does not exist`, next: ['hermes-svc install']}]
  if (isDisabled)
    causes.push({code: 'disabled-override', what: `launchd has recorded that ${label} is disabled`, next: ['hermes-svc start']})
  const insecure = whyInsecure(plist, stat, owner)
  if (insecure) causes.push({code: 'plist-permissions', ...insecure})
  const text = readIfAllowed(host, plist)
  // What only launchd can read is not judged.
  if (text === undefined || text.startsWith('bplist')) return causes
  const value = parsePlist(text)
  if (!isDict(value)) {
    const next = [`plutil -lint '${plist}'`, 'hermes-svc install --force']
    return [...causes, {code: 'plist-malformed', what: `${plist} is not a property list`, next}]
  }
  const named = member(value, 'Label')
  if (named !== label) {
    const what = `${plist} has the label ${JSON.stringify(named ?? null)}`
    causes.push({code: 'plist-malformed', what, next: ['hermes-svc install --force']})
  }
  const sessions = [member(value, 'LimitLoadToSessionType') ?? 'Aqua'].flat().map(String)
  if (sessionType !== undefined && !sessions.includes(sessionType)) {
    const what = `${plist} is for a session of type ${sessions.join(' or ')}, but this session has the type ${sessionType}`
    causes.push({code: 'wrong-domain', what, next: ['hermes-svc install']})
  }
  const program = member(value, 'Program') ?? [member(value, 'ProgramArguments')].flat()[0]
  if (typeof program === 'string' && program.startsWith('/') && !isExecutable(host, program)) {
    const what = `its program ${program} does not exist or is not executable`
    causes.push({code: 'program-missing', what, next: ['hermes-svc install']})
  }
  const logs = [member(value, 'StandardOutPath'), member(value, 'StandardErrorPath')]
  const noLog = logs.map((log) => (typeof log === 'string' ? whyNoLog(host, log) : undefined)).find((why) => why !== undefined)
  if (noLog !== undefined) causes.push({code: 'log-path', what: noLog, next: ['hermes-svc install']})
  return causes
}

/** launchd takes only what nobody else could have written. */
export function whyInsecure(plist: string, stat: FileStat, owner: FailedLoad['owner']): Omit<Cause, 'code'> | undefined {
  if (stat.kind !== 'file') return {what: `${plist} is a ${stat.kind}, but launchd accepts only a file`, next: ['hermes-svc install']}
  if (stat.uid !== owner.uid)
    return {what: `${plist} belongs to uid ${stat.uid}, not to ${owner.name}`, next: [`sudo chown ${owner.uid} '${plist}'`]}
  if (!mayOthersWrite(stat)) return undefined
  return {what: `other users can write to ${plist} (mode ${stat.mode.toString(8)})`, next: [`chmod 644 '${plist}'`]}
}

/**
 * Why launchd cannot open that log; undefined if nothing is known to be in the way. It makes folders that are missing. `account`: whose
 * process it is, if that is known.
 */
export function whyNoLog(host: Host, log: string, account?: Pick<Account, 'uid' | 'name'>): string | undefined {
  if (isExternal(host, log)) return `its log ${log} is not on the system disk, and launchd cannot open it before its disk is mounted`
  const stat = host.lstat(log)
  if (stat && stat.kind !== 'file' && stat.kind !== 'other') return `its log ${log} is a ${stat.kind}`
  if (stat?.kind !== 'file' || account === undefined || account.uid === 0) return undefined
  if (stat.uid !== account.uid) return `its log ${log} belongs to uid ${stat.uid}, not to ${account.name}`
  return (stat.mode & 0o200) === 0 ? `${account.name} cannot write to its log ${log} (mode ${stat.mode.toString(8)})` : undefined
}

/** The disk that the system was started from has a link below /Volumes, too. */
export function isExternal(host: Host, file: string): boolean {
  const folder = path.dirname(file)
  return `${host.realPath(folder) ?? folder}/`.startsWith('/Volumes/')
}

function isExecutable(host: Host, file: string): boolean {
  const stat = host.stat(file)
  return stat?.kind === 'file' && (stat.mode & 0o111) !== 0
}
