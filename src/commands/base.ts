import {argument} from './argument.js'
import {parseDurationMs} from './duration.js'
import {MANAGER_KINDS} from '../managers/index.js'
import {GatewayVariable} from '../gateway/contract.js'
import {Command} from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import type {Interfaces} from '@oclif/core'
import {type ExitStatus, ServiceError, usageError} from '../errors.js'
import {ignoresHangup} from '../host/hangup.js'
import {type TargetFlags, withGivenFlags} from '../observe/place.js'
import type {Host} from '../host/host.js'
import {createNodeHost} from '../host/node-host.js'
import {cancelledError, reportFailure, writeJson, writeLine} from '../ui/failure.js'
import type {ApplyListener} from '../plan/apply.js'
import {paintFor, type Paint} from '../ui/paint.js'
import {during, progressOnStderr, type ProgressPlace, stepReporter} from '../ui/progress.js'
import {didYouMean} from '../text/suggest.js'

/** The same signal twice within this time is one wish. */
const SAME_SIGNAL_MS = 300

/** What a command ends with. */
export interface CommandResult {
  readonly exitStatus: ExitStatus
  /** Body of the JSON document (src/schemas); `ok` is true unless it says otherwise. Undefined if the command has printed its own. */
  readonly json: object | undefined
}

/** Flags of every command. */
const commonFlags = {
  profile: textFlag({char: 'p', description: 'profile of the gateway (default: the profile of the home)', helpValue: '<name>'}),
  home: textFlag({
    description: `home of the gateway: the root home (~/.hermes) or the home of a profile (default: ${GatewayVariable.home}, else ~/.hermes)`,
    helpValue: '<folder>',
  }),
  manager: Flags.string({description: 'service manager (default: the one on this machine)', options: [...MANAGER_KINDS]}),
  scope: Flags.string({
    description: 'scope of the service: one user (user) or the whole machine (system); default: system for root, else user',
    options: ['user', 'system'],
  }),
  'run-as': textFlag({description: 'user of the gateway; as root: whose service is meant, in either scope', helpValue: '<user>'}),
  json: Flags.boolean({description: 'print one JSON document on stdout and everything else on stderr'}),
  verbose: Flags.boolean({description: 'show on stderr each program that hermes-svc runs, how long it took and how it ended'}),
  // What it does is done before any command is loaded: see `run` in src/cli.ts.
  'no-color': Flags.boolean({description: 'print without colors, as with NO_COLOR'}),
}

/** The common flags of a command that has no use for some of them: its help leaves those out, and it says itself why it refuses them. */
export function commonFlagsWithout(...names: (keyof typeof commonFlags)[]): typeof commonFlags {
  return {...commonFlags, ...Object.fromEntries(names.map((name) => [name, {...commonFlags[name], hidden: true}]))}
}

/** The profile as people type it: `status work`. Commands that are about none have no arguments. */
export const profileArgument = {profile: argument({description: 'the profile, same as --profile'})}

/** For commands that can do their work for every profile. */
export const allFlag = {
  all: Flags.boolean({description: 'all profiles below the root home (~/.hermes)', exclusive: ['profile']}),
}

/** For commands that change something. */
export const dryRunFlag = {
  'dry-run': Flags.boolean({description: 'show what would change, with a diff of every file, but change nothing'}),
}

/** For commands that ask before they change something. */
export const yesFlag = {
  yes: Flags.boolean({char: 'y', description: 'answer every question with yes'}),
}

/** For commands whose findings a CI server can show. */
export const annotationsFlag = {
  annotations: Flags.string({
    description: 'also print each problem as an annotation for this CI server, on stderr if --json is used',
    options: ['github'],
  }),
}

const DAY_MS = 24 * 3_600_000

function timeoutMs(text: string, flag: string): number {
  return parseDurationMs(text, {flag, leastMs: 1, mostMs: DAY_MS})
}

/** For commands that wait. The value is in ms. */
export const timeoutFlag = {
  timeout: Flags.custom<number>({
    description:
      'how long to wait for the gateway, for example 90s, 2m or 1h (default for a start: 90s; for a stop: the time that the gateway may take to finish, plus a margin)',
    helpValue: '<time>',
    parse: (text) => Promise.resolve(timeoutMs(text, '--timeout')),
  })(),
}

/** A flag with a time as its value, which is in ms. */
export function durationFlag(flag: string, description: string) {
  return Flags.custom<number>({description, helpValue: '<time>', parse: (text) => Promise.resolve(timeoutMs(text, flag))})()
}

/** For commands that judge whether a gateway still works. The value is in ms. */
export const wedgeWindowFlag = {
  'wedge-window': durationFlag(
    '--wedge-window',
    'how long the event loop may show no sign of work before the gateway counts as wedged (default: 5s)',
  ),
}

/** A flag with a value that must not be empty: an unset shell variable is not a value. */
function textFlag(options: {char?: 'p'; description: string; helpValue: string}) {
  return Flags.string({
    ...options,
    parse: (text, _context, flag) => {
      if (text === '') throw usageError(`--${(flag as {name?: string}).name ?? 'flag'} needs a value, but the value is empty`)
      return Promise.resolve(text)
    },
  })
}

/** True if the arguments ask for JSON, known before they are parsed: a usage error is told as JSON too. */
export function asksForJson(argv: readonly string[]): boolean {
  return hasFlag(argv, '--json')
}

/** True if a flag without a value is among the arguments. */
export function hasFlag(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--')
  return (end === -1 ? argv : argv.slice(0, end)).includes(flag)
}

/** Gives each flag of `bare` that stands without a value the value that is meant. */
export function withBareFlags(argv: readonly string[], bare: Readonly<Record<string, string>>): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length
  return argv.flatMap((word, index) => {
    const name = word.slice(2)
    const meant = word.startsWith('--') && index < end && Object.hasOwn(bare, name) ? bare[name] : undefined
    const next = argv[index + 1]
    return meant !== undefined && (next === undefined || next.startsWith('-')) ? [word, meant] : [word]
  })
}

/** The profile that was named without its flag is as good as one with it. */
export function withProfile<F extends object>(flags: F, named: string | undefined): F {
  const {profile, all} = flags as {profile?: string; all?: boolean}
  if (named === undefined) return flags
  if (named === '') throw usageError('the name of the profile is empty')
  if (all) throw usageError(`type either the profile ${named} or --all, not both`)
  if (profile !== undefined && profile !== named) throw usageError(`type one profile only: ${named} or --profile ${profile}`)
  return {...flags, profile: named}
}

type FlagsOf<T extends typeof Command> = Interfaces.InferredFlags<typeof commonFlags & T['flags']>
type ArgsOf<T extends typeof Command> = Interfaces.InferredArgs<T['args']>

/**
 * A command of hermes-svc. A subclass states its metadata and implements `execute`; parsing, the JSON document, the report of an error
 * and the exit status are here. Of oclif's own life cycle only parsing and help are used, so a command needs no loaded configuration.
 */
export abstract class BaseCommand<T extends typeof Command> extends Command {
  static override baseFlags = commonFlags
  /** Flags whose value may be left out, with the value that is then meant. oclif knows no such flags. */
  static bareFlags: Readonly<Record<string, string>> = {}

  protected flags!: FlagsOf<T>
  protected args!: ArgsOf<T>
  /** All words beside the flags, of a command that takes any number of them (`strict` false). */
  protected words: readonly string[] = []
  private ownHost: Host | undefined
  private canceller: AbortController | undefined
  private readonly listeners = new Map<NodeJS.Signals, (signal: NodeJS.Signals) => void>()

  /** Does the work. A foreseeable failure is a ServiceError. */
  protected abstract execute(): Promise<CommandResult>

  /** Runs the command to its end, errors included, and returns the exit status. Never rejects. */
  override async run(): Promise<ExitStatus> {
    const json = asksForJson(this.argv)
    try {
      await this.parseArguments()
      if (this.flags.verbose) await this.beVerbose()
      const result = await this.execute()
      if (json && result.json) writeJson({ok: true, ...result.json})
      return result.exitStatus
    } catch (error) {
      return reportFailure(this.advised(error), json)
    } finally {
      for (const [signal, listener] of this.listeners) process.off(signal, listener)
    }
  }

  /** The machine. Its package root is oclif's root: the folder of package.json. */
  protected get host(): Host {
    this.ownHost ??= this.createHost()
    return this.ownHost
  }

  protected createHost(): Host {
    return createNodeHost(this.config.root)
  }

  private async beVerbose(): Promise<void> {
    const [{verboseHost}, {redact}] = await Promise.all([import('../host/verbose-host.js'), import('../service/redact.js')])
    this.ownHost = verboseHost(this.host, (line) => {
      // How it ended is our own word, and stands behind a command that may be hidden to its end.
      const end = line.lastIndexOf('  (')
      this.note(redact(line.slice(0, end), {accounts: []}) + line.slice(end))
    })
  }

  /**
   * Aborted by the first SIGINT, SIGTERM or SIGHUP. Who reads this takes it over to end the command in good order, by throwing what
   * `cancelledError` makes; a second signal ends the process at once. Where nobody reads it, a signal does as ever: it kills the process.
   */
  protected get cancelSignal(): AbortSignal {
    if (!this.canceller) {
      this.canceller = new AbortController()
      this.cancelOn(this.canceller, ignoresHangup(this.host) ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP'])
    }
    return this.canceller.signal
  }

  /** Columns that a line of text on stdout may take: those of the terminal; elsewhere there is no limit. */
  protected get textWidth(): number {
    return (this.flags.json ? undefined : this.host.stdoutColumns) ?? Infinity
  }

  /** The colours of what is printed to stdout. */
  protected get paint(): Promise<Paint> {
    return paintFor(this.host.stdoutIsTty, this.host.env)
  }

  /** Where progress is shown. */
  protected get progressPlace(): ProgressPlace {
    return progressOnStderr(this.host, this.flags.verbose)
  }

  /** Shows there what a plan does; with --verbose each of its steps. */
  protected async stepReporter(): Promise<ApplyListener> {
    const paint = await paintFor(this.host.stderrIsTty, this.host.env)
    return stepReporter(this.progressPlace, {paint, eachStep: this.flags.verbose})
  }

  /** Does what may take a while, and says so on stderr if it does. */
  protected during<T>(what: string, work: () => Promise<T>): Promise<T> {
    return during(this.progressPlace, what, work)
  }

  /** Prints a line of the result to stdout; nothing with --json. */
  protected print(line = ''): void {
    if (!this.flags.json) writeLine('stdout', line)
  }

  /** Prints a text of several lines to stdout, and a newline; nothing with --json. */
  protected printText(text: string): void {
    for (const line of text.split('\n')) this.print(line)
  }

  /** Prints a line to stderr: progress, warnings, and all that is not the result. */
  protected note(line: string): void {
    writeLine('stderr', line)
  }

  private async parseArguments(): Promise<void> {
    try {
      const {flags, args, argv} = await this.parse(
        this.ctor,
        withBareFlags(this.argv, (this.ctor as unknown as typeof BaseCommand).bareFlags),
      )
      this.flags = withProfile(flags, (args as {profile?: string}).profile) as FlagsOf<T>
      this.args = args as ArgsOf<T>
      this.words = argv as string[]
    } catch (error) {
      throw this.usageErrorOf(error)
    }
  }

  /** oclif's parse errors as usage errors: what is wrong in one line, with the flag that was probably meant. */
  private usageErrorOf(error: unknown): ServiceError {
    const next = [this.helpCommand]
    const {flags: unknownFlags, message} = error as {flags?: readonly string[]; message: string}
    if (unknownFlags) {
      const known = Object.keys({...this.ctor.baseFlags, ...this.ctor.flags}).map((name) => `--${name}`)
      const told = unknownFlags.map((flag) => flag + didYouMean(flag.replace(/=.*$/s, ''), known))
      return usageError(`unknown flag: ${told.join(', ')}`, next)
    }
    // oclif puts these around the reason.
    const reason = message.replace(/^Parsing --\S+ \n\t/, '').replace(/\nSee more help with --help/g, '')
    // As oclif has it, of a flag: "Expected --scope=usr to be one of: user, system", of an argument: "Expected bsh to be one of: bash, zsh".
    const [, word, options] = /^Expected (?:--[\w-]+=)?(.*) to be one of: (.*)$/.exec(reason) ?? []
    return usageError(word === undefined ? reason : reason + didYouMean(word, options?.split(', ') ?? []), next)
  }

  /** Wrong usage that says nothing of what to type is told with the help of the command. */
  private advised(error: unknown): unknown {
    const isBare = error instanceof ServiceError && error.code === 'usage' && error.next.length === 0
    if (isBare) return usageError(error.message, [this.helpCommand])
    // What could not be parsed names no service.
    if ((this.flags as object | undefined) === undefined) return error
    const {profile, home, manager, scope} = this.flags
    return this.withFlags(error, {profile, home, manager, scope, runAs: this.flags['run-as']})
  }

  /** What is typed next is about the same service: it has the flags that named that. */
  protected withFlags(error: unknown, flags: TargetFlags): unknown {
    if (!(error instanceof ServiceError)) return error
    const {code, exitStatus, evidence, message} = error
    const next = error.next.map((line) => withGivenFlags(line, flags))
    return new ServiceError(message, {code, exitStatus, evidence, next})
  }

  private get helpCommand(): string {
    return `${this.config.bin} ${this.ctor.id.replaceAll(':', ' ')} --help`
  }

  private cancelOn(canceller: AbortController, signals: readonly NodeJS.Signals[]): void {
    let first: {readonly signal: NodeJS.Signals; readonly atMs: number} | undefined
    const listener = (signal: NodeJS.Signals) => {
      const atMs = this.host.monotonicMs()
      // timeout(1) signals a command and then its group, the command once more.
      if (first && first.signal === signal && atMs - first.atMs < SAME_SIGNAL_MS) return
      first ??= {signal, atMs}
      if (canceller.signal.aborted) process.exit(reportFailure(cancelledError(), asksForJson(this.argv)))
      canceller.abort()
    }
    for (const signal of signals) {
      this.listeners.set(signal, listener)
      process.on(signal, listener)
    }
  }
}
