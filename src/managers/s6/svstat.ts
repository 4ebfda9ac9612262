import {ExitStatus, ServiceError} from '../../errors.js'
import type {Account} from '../../host/host.js'
import type {LastExit} from '../manager.js'
import type {S6} from './ownership.js'
import {S6_ENVIRONMENT, slotProgram} from './programs.js'

const READ_TIMEOUT_MS = 20_000

/** What s6 says of one slot; undefined members: it does not say. */
export interface SlotState {
  readonly up: boolean
  readonly wantedUp: boolean
  readonly pid: number | undefined
  /** Seconds since it went up or down. */
  readonly forSec: number
  readonly lastExit: LastExit | undefined
  /** Ends since it was last started by hand, 100 at most (max-death-tally, s6-supervise). */
  readonly deaths: number
}

/** `none`: no supervisor has it. `hidden`: this user may not look. */
export type SlotReading = SlotState | 'none' | 'hidden'

/** What s6 says of slots that are all looked at with the same ids, undefined for this process's own. Throws exit 4 for an answer that is none. */
export function lookAt({host}: Pick<S6, 'host'>, slots: readonly string[], as: Account | undefined): SlotReading[] {
  const result = (as ? host.as(as) : host).read(slotProgram(host, 'look', ...slots), {env: S6_ENVIRONMENT, timeoutMs: READ_TIMEOUT_MS})
  const readings = result.code === 0 ? parsed(result.stdout) : []
  if (readings.length === slots.length) return readings
  throw cannotTell(`s6 answered for ${readings.length} slots instead of ${slots.length}: ${result.failure ?? result.stderr.trim()}`)
}

function parsed(output: string): SlotReading[] {
  try {
    return parseLook(output)
  } catch (error) {
    if (error instanceof RangeError) throw cannotTell(error.message)
    throw error
  }
}

/** What s6 says of a slot cannot be told: exit 4. */
export function cannotTell(
  message: string,
  code = 'manager-not-understood',
  next: readonly string[] = ['hermes-svc doctor'],
): ServiceError {
  return new ServiceError(message, {code, exitStatus: ExitStatus.cannotTell, next})
}

/**
 * Parses what LOOK (programs.ts) prints: the fields up, wantedup, pid, exitcode, signum and updownfor of `s6-svstat -o` on one line, then
 * the lines of `s6-svdt -S`, the last end last. Throws a RangeError for a line of another form.
 */
export function parseLook(output: string): SlotReading[] {
  return output
    .split('--\n')
    .slice(0, -1)
    .map((block) => {
      const [first = '', ...tally] = block.split('\n').filter((line) => line !== '')
      if (first === 'none' || first === 'hidden') return first
      const fields = first.split(' ')
      const [up, wantedUp] = [fields[0], fields[1]]
      const [pid, exitCode, signal, forSec] = fields.slice(2).map(Number)
      if (!isFlag(up) || !isFlag(wantedUp) || pid === undefined || exitCode === undefined || signal === undefined || forSec === undefined) {
        throw new RangeError(`s6-svstat answered ${JSON.stringify(first)}`)
      }
      const now: LastExit | undefined =
        signal > 0 ? {how: 'killed', status: signal} : exitCode >= 0 ? {how: 'exited', status: exitCode} : undefined
      const ends = tally.filter((line) => line.startsWith('@'))
      return {
        up: up === 'true',
        wantedUp: wantedUp === 'true',
        pid: pid > 0 ? pid : undefined,
        forSec,
        // While it is up s6-svstat says nothing of how it last ended.
        lastExit: now ?? parseEnd(ends.at(-1)),
        deaths: ends.length,
      }
    })
}

const isFlag = (word: string | undefined): boolean => word === 'true' || word === 'false'

function parseEnd(line: string | undefined): LastExit | undefined {
  const [, how, status] = /^@[0-9a-f]+ (exitcode|signal) (\d+)$/.exec(line ?? '') ?? []
  return how === undefined ? undefined : {how: how === 'signal' ? 'killed' : 'exited', status: Number(status)}
}
