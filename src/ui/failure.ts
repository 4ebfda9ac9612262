import {ExitStatus, ServiceError} from '../errors.js'
import {adviceFor} from '../host/advice.js'
import {HostError} from '../host/host.js'
import {typedWithSudo} from '../host/sudo-path.js'
import {type StandardStream, writeText} from '../host/stdio.js'
import {writable} from '../text/visible.js'

/** What a command tells about why it failed. In a JSON document it is the member `error`. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly next: readonly string[]
  readonly evidence: readonly string[]
}

/** Version of the shape of every JSON document that a command prints. */
export const SCHEMA_VERSION = 1

/**
 * Tells why a command failed and returns the exit status for it. With `json` it prints `{schemaVersion, ok: false, error}` to stdout,
 * else text to stderr. A stack trace is shown only for what nobody foresaw.
 */
export function reportFailure(error: unknown, json: boolean): ExitStatus {
  const {failure, exitStatus} = failureOf(error)
  try {
    if (json) writeJson({ok: false, error: failure})
    else writeFailure(failure)
  } catch {
    // What cannot be written to (a full disk) cannot be told there either; the exit status says it.
  }
  return exitStatus
}

/** Tells on stderr why one of several pieces of work failed, and returns what a JSON document says of it. */
export function reportInPassing(error: unknown): {failure: Failure; exitStatus: ExitStatus} {
  const failed = failureOf(error)
  writeFailure(failed.failure)
  return failed
}

/** Prints one JSON document, on one line, to stdout, with `schemaVersion` first. False if nobody reads any more. */
export function writeJson(document: object): boolean {
  return writeDocument('stdout', JSON.stringify({schemaVersion: SCHEMA_VERSION, ...document}))
}

/** Writes a line for people to stdout or stderr; what is not printable in it is escaped. False if nobody reads any more. */
export function writeLine(stream: StandardStream, line: string): boolean {
  return writeText(stream, `${writable(line)}\n`)
}

/** Writes what a program reads, and has its own escapes: JSON, metrics, commands to a CI server. False if nobody reads any more. */
export function writeDocument(stream: StandardStream, document: string): boolean {
  return writeText(stream, `${document}\n`)
}

function failureOf(error: unknown): {failure: Failure; exitStatus: ExitStatus} {
  if (error instanceof ServiceError) {
    const {code, message, next, evidence, exitStatus} = error
    return {failure: {code, message, next: typed(next), evidence}, exitStatus}
  }
  if (error instanceof HostError) {
    return {
      failure: {code: 'system-call', message: error.message, next: typed(adviceFor(error)), evidence: []},
      exitStatus: ExitStatus.failed,
    }
  }
  // Thrown by @inquirer/prompts on Ctrl-C, on a closed stdin and when it is told to; told by name, since the library is loaded only for a prompt.
  if (error instanceof Error && ['ExitPromptError', 'AbortPromptError'].includes(error.name)) return failureOf(cancelledError())
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const stack = error instanceof Error && error.stack ? error.stack.split('\n').filter((line) => /^\s+at /.test(line)) : []
  return {
    failure: {
      code: 'bug',
      message: `${message} (this is a bug in hermes-svc)`,
      next: ['report this bug, with these lines and the command that you typed'],
      evidence: stack.map((line) => line.trim()),
    },
    exitStatus: ExitStatus.failed,
  }
}

const typed = (lines: readonly string[]) => lines.map((line) => typedWithSudo(line))

/** The failure of a command that the user stopped. */
export function cancelledError(): ServiceError {
  return new ServiceError('cancelled', {code: 'cancelled', exitStatus: ExitStatus.cancelled})
}

function writeFailure({message, next, evidence}: Failure): void {
  const lines = [`hermes-svc: ${message}`, ...evidence.map((line) => `    ${line}`)]
  next.forEach((line, index) => lines.push(`${index === 0 ? 'Next: ' : '      '}${line}`))
  writeText('stderr', lines.map((line) => `${writable(line)}\n`).join(''))
}
