import {UpstreamCommand} from '../gateway/contract.js'
import path from 'node:path'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {type Account, type AccountHost, type Door, type Host, HostError} from '../host/host.js'
import {splitCommandLine} from './command-line.js'
import {otherWriterOf, TEMPORARY_FOLDERS} from './home-check.js'
import {TRY_TIMEOUT_MS, tryGateway} from './gateway-try.js'
import {refusedPath, refusedText, shown} from './text-check.js'

/** A larger program is no script; reading a whole interpreter would take long. */
const LONGEST_SCRIPT_BYTES = 1_048_576

/** For whoever has no gateway yet. */
export const INSTALL_HERMES = 'install Hermes Agent (https://github.com/NousResearch/hermes-agent)'

/** The gateway's program with its leading arguments, and how it was found. `gateway run` and the profile come after. */
export interface GatewayCommand {
  readonly argv: readonly string[]
  readonly source: string
}

/** The gateways that a service could run, the one that it would run by itself first, and all places that were looked at. */
export interface GatewaySearch {
  readonly found: readonly GatewayCommand[]
  readonly lookedAt: readonly string[]
}

/**
 * Looks for gateways: a launcher or virtual environment under the root home (a checkout is `<root>/hermes-agent`), and `hermes` on the
 * user's PATH, or on `servicePath`, that of the service itself. Two names of one program are one gateway.
 */
export function searchGateways(host: Host, root: string, account: Account, servicePath = ''): GatewaySearch {
  const asUser = host.as(account)
  const bases = [path.join(root, 'hermes-agent'), root]
  const launchers = bases.flatMap((base) =>
    ['.hermes/bin/hermes', 'bin/hermes', 'venv/bin/hermes', '.venv/bin/hermes'].map((file) => path.join(base, file)),
  )
  const pythons = bases.flatMap((base) => ['venv/bin/python', '.venv/bin/python'].map((file) => path.join(base, file)))
  const ownPath = host.account.uid === account.uid ? (host.env.PATH ?? '') : ''
  const searched = `${path.join(account.home, '.local/bin')}:${servicePath}:${ownPath}:/usr/local/bin:/usr/bin`
  const found: GatewayCommand[] = launchers
    .filter((file) => asUser.isExecutable(file))
    .map((file) => ({argv: [file], source: 'the launcher in the home'}))
  // An environment with a launcher is that launcher's.
  const python = found.length > 0 ? undefined : pythons.find((file) => asUser.isExecutable(file))
  if (python) found.push({argv: [python, '-m', 'hermes_cli.main'], source: 'the virtual environment in the home'})
  const onPath = asUser.which('hermes', searched)
  if (onPath) found.push({argv: [onPath], source: 'hermes on PATH'})
  const folders = searched.split(':').filter(Boolean)
  return {found: withoutTwins(asUser, found), lookedAt: [...launchers, ...pythons, ...folders.map((folder) => path.join(folder, 'hermes'))]}
}

function withoutTwins(asUser: Door, found: readonly GatewayCommand[]): GatewayCommand[] {
  if (found.length < 2) return [...found]
  const programs = found.map(({argv: [program = '']}) => asUser.realPath(program) ?? program)
  return found.filter((_, index) => programs.indexOf(programs[index] ?? '') === index)
}

/** The gateway that a service runs by itself: the first that is found. Throws a ServiceError that lists where was looked. */
export function findGatewayCommand(host: Host, root: string, account: Account, servicePath = ''): GatewayCommand {
  const {found, lookedAt} = searchGateways(host, root, account, servicePath)
  if (found[0]) return found[0]
  throw new ServiceError(`No gateway was found for ${account.name}: there is no executable under ${root} and no hermes on PATH`, {
    code: 'gateway-not-found',
    exitStatus: ExitStatus.failed,
    next: [
      `${INSTALL_HERMES}, then: hermes ${UpstreamCommand.setup}`,
      `hermes ${UpstreamCommand.chats}   # connects the gateway to a chat`,
      'hermes-svc install --command /path/to/hermes   # if hermes is somewhere else',
    ],
    evidence: lookedAt.map((file) => `looked for ${file}`),
  })
}

/**
 * Reads `--command`: the path of a program, or a command line with quotes and backslashes as in a shell but nothing expanded.
 * A value that as a whole names a file is that file, so a path with spaces needs no quotes. Throws a usage error.
 */
export function parseCommandFlag(host: Host, value: string): string[] {
  const refuse = (why: string) => usageError(`--command ${shown(value)}: ${why}`)
  const [program, ...args] = commandWords(host, value, refuse)
  if (!program) throw refuse('it is empty')
  if (program.includes('/') && !path.isAbsolute(program)) {
    throw refuse('the program needs an absolute path, because a service does not start in your current folder')
  }
  const found = path.isAbsolute(program) ? program : host.which(program)
  if (!found) throw refuse(`${program} is not on PATH`)
  const argv = [found, ...args]
  const refused = refusedCommand(argv)
  if (refused) throw refuse(refused)
  return argv
}

function commandWords(host: Host, value: string, refuse: (why: string) => ServiceError): readonly string[] {
  for (const whole of [value, value.trim()]) {
    if (path.isAbsolute(whole) && lookAt(host, whole)?.kind === 'file') return [whole]
  }
  const line = splitCommandLine(value)
  if ('refused' in line) throw refuse(line.refused)
  return line.words
}

/**
 * Proves a command before anything is written: it lasts, nobody else can replace it, the service's user can execute it, its interpreter
 * is there, and `--version` answers in the environment that the service will have, but for its home. Throws a ServiceError that names the path.
 */
export async function proveGatewayCommand(
  host: Host,
  argv: readonly string[],
  account: Account,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const program = argv[0] ?? ''
  const fail = (why: string, evidence: readonly string[] = []) =>
    new ServiceError(`The gateway's command cannot be used: ${why}`, {
      code: 'gateway-command',
      exitStatus: ExitStatus.failed,
      next: ['hermes-svc install --command /path/to/hermes'],
      evidence,
    })
  const refused = refusedCommand(argv)
  if (refused) throw fail(refused)
  const asUser = host.as(account)
  const missing = notAProgram(asUser, program)
  if (missing) throw fail(missing)
  const places = [path.normalize(program), asUser.realPath(program) ?? program]
  if (TEMPORARY_FOLDERS.some((folder) => places.some((place) => place.startsWith(`${folder}/`)))) {
    throw fail(`${program} is in a temporary folder, which the next reboot empties`)
  }
  // Who can turn a link elsewhere can replace the program too.
  const writer = places.map((place) => otherWriterOf(asUser, place, account)).find((found) => found !== undefined)
  if (writer) throw fail(writer)
  const failed = await failsToStart(asUser, argv, environment)
  if (failed) throw fail(failed.why, failed.evidence)
}

/** Why a gateway's program does not start; `isTime`: it gave no answer, which a machine that is busy may be the reason of. */
export interface StartFault {
  readonly why: string
  readonly evidence: readonly string[]
  readonly isTime: boolean
}

/**
 * Sees whether a gateway's program starts at all: it is there, its user may execute it, and `--version` answers in the environment that the service has, but
 * for its home. Undefined if it does. `asUser`: the account's own door.
 */
export async function failsToStart(
  asUser: AccountHost,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<StartFault | undefined> {
  const [program = ''] = argv
  const failed = (why: string, evidence: readonly string[] = [], isTime = false): StartFault => ({why, evidence, isTime})
  const missing = notAProgram(asUser, program)
  if (missing) return failed(missing)
  const interpreter = missingInterpreter(asUser, program, environment.PATH ?? '')
  if (interpreter) {
    return failed(
      `${program} needs the interpreter ${JSON.stringify(interpreter)}, which does not exist or which ${asUser.account.name} cannot see`,
    )
  }
  const result = await tryGateway(asUser, argv, environment)
  if (result.code === 0) return undefined
  const lines = `${result.stdout}\n${result.stderr}`
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-10)
  const module = /No module named '?([\w.]+)'?/.exec(result.stderr)
  if (module) return failed(`${program} runs, but the Python module ${module[1]} is missing from its environment`, lines)
  const said = [...argv, '--version'].join(' ')
  if (result.failure === 'TIMEOUT') return failed(`${said} did not answer within ${TRY_TIMEOUT_MS / 1000} s`, lines, true)
  return failed(`${said} ended with ${result.failure ?? result.signal ?? `exit status ${result.code}`}`, lines)
}

function notAProgram(asUser: AccountHost, program: string): string | undefined {
  const stat = lookAt(asUser, program)
  const {name} = asUser.account
  if (!stat) return `${program} does not exist, or ${name} cannot see it`
  if (stat.kind !== 'file') return `${program} is a ${stat.kind}, not a program`
  if (!asUser.isExecutable(program)) return `${name} is not allowed to execute ${program} (mode ${stat.mode.toString(8)})`
  return undefined
}

/** Why a command cannot be carried through a definition exactly; undefined if it can. Arguments may hold any character of Unicode. */
function refusedCommand(argv: readonly string[]): string | undefined {
  const [program = '', ...args] = argv
  const path = refusedPath(program)
  if (path) return `${shown(program)} ${path}`
  return args.map((word) => [word, refusedText(word)] as const).flatMap(([word, why]) => (why ? [`${shown(word)} ${why}`] : []))[0]
}

function lookAt(host: Door, file: string) {
  try {
    return host.stat(file)
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** The interpreter that a script's first line names (execve(2)) if it cannot be found; undefined for binaries and whole scripts. */
export function missingInterpreter(host: Door, program: string, searchPath: string): string | undefined {
  let firstLine: string | undefined
  try {
    if ((host.stat(program)?.size ?? 0) > LONGEST_SCRIPT_BYTES) return undefined
    firstLine = host.readText(program)?.slice(0, 4096).split('\n')[0]
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
  // Blanks and tabs alone part the words: the carriage return of a file from Windows belongs to the last one.
  const words = /^#![ \t]*([^]*)$/.exec(firstLine ?? '')?.[1]?.split(/[ \t]+/)
  const interpreter = words?.[0]
  if (!interpreter) return undefined
  if (!lookAt(host, path.resolve('/', interpreter))) return interpreter
  const named =
    path.basename(interpreter) === 'env' ? words.slice(1).find((word) => !word.startsWith('-') && !word.includes('=')) : undefined
  return named && !host.which(named, searchPath) ? named : undefined
}
