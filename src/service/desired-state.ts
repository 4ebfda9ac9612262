import path from 'node:path'
import {desiredStateOf, type DesiredState} from '../gateway/contract.js'
import {isObject} from '../gateway/records.js'
import {parseStat} from '../gateway/process.js'
import {TOOL_ENVIRONMENT} from '../gateway/process-darwin.js'
import {type AccountHost, type Host, HostError, type InPlaceWrite} from '../host/host.js'
import {overAll} from '../host/write-over.js'
import {whyUnreadable} from '../host/tolerant-read.js'

/**
 * The operator's intent for one profile, the truth for every manager: `<home>/.hermes-svc.json`. Written only by start, stop, restart,
 * install and uninstall; never by a signal, a crash, an upgrade or a reboot.
 */
export interface DesiredRecord {
  readonly schemaVersion: 1
  readonly desiredState: DesiredState
  /** ISO 8601, UTC. */
  readonly since: string
  /** The command that recorded it. */
  readonly by: string
  /** The boot during which the operator has it stopped all the same: from the next one on it runs. */
  readonly stoppedInBoot?: string
}

/** Characters of a time or a command in the record. */
const LONGEST_TEXT = 100
/** No record is longer. */
const RECORD_BYTES = 64 * 1024

export const desiredStateFile = (home: string): string => path.join(home, '.hermes-svc.json')

/** What was recorded; "unreadable" covers a damaged file too: an intent that cannot be read is not an intent that is absent. */
export type DesiredReading =
  | {readonly kind: 'recorded'; readonly record: DesiredRecord}
  | {readonly kind: 'absent'}
  | {readonly kind: 'unreadable'; readonly why: string}

/** Reads the record. Never throws. */
export function readDesired(host: AccountHost, home: string): DesiredReading {
  let text: string | undefined
  try {
    text = host.readText(desiredStateFile(home))
  } catch (error) {
    if (error instanceof HostError) return {kind: 'unreadable', why: whyUnreadable(error)}
    throw error
  }
  if (text === undefined) return {kind: 'absent'}
  try {
    const record = parseDesired(JSON.parse(text))
    if (record) return {kind: 'recorded', record}
  } catch {
    // Falls through: not JSON.
  }
  return {kind: 'unreadable', why: 'not a record of hermes-svc'}
}

/** What was recorded, if that can be told. */
export function recordedState(desired: DesiredReading): DesiredState | undefined {
  return desired.kind === 'recorded' ? desired.record.desiredState : undefined
}

/** Who may write to the home can write anything there. What was asked for is all that has to be said; what else is damaged is left out. */
function parseDesired(value: unknown): DesiredRecord | undefined {
  if (!isObject(value)) return undefined
  const {since, by, stoppedInBoot} = value
  const desiredState = desiredStateOf(value.desiredState)
  if (desiredState === undefined) return undefined
  const text = (said: unknown, instead: string) => (typeof said === 'string' && said !== '' ? said.slice(0, LONGEST_TEXT) : instead)
  return {
    schemaVersion: 1,
    desiredState,
    since: text(since, 'an unknown time'),
    by: text(by, 'an unknown command'),
    ...(typeof stoppedInBoot === 'string' ? {stoppedInBoot} : {}),
  }
}

/**
 * What whoever starts a gateway by itself goes by, a boot, `run`, or a container that is killed for a failing probe: our record, beside
 * which a stop in upstream's own field stands (`theirs`), since upstream's stop writes nothing else; that field alone where we have no record.
 * Undefined if neither says. Pure.
 */
export function wishOf(ours: DesiredState | undefined, theirs: DesiredState | undefined): DesiredState | undefined {
  return theirs === 'stopped' ? theirs : (ours ?? theirs)
}

/** True if the operator has it stopped until the next boot, and that has not come yet. */
export function isStoppedUntilBoot(host: Host, desired: DesiredReading): boolean {
  return desired.kind === 'recorded' && desired.record.stoppedInBoot !== undefined && desired.record.stoppedInBoot === bootId(host)
}

/**
 * What tells this boot from any other: on Linux the kernel's (random(4)), and when its PID 1 was started, since in a container a boot is
 * that of the container alone; on macOS the kernel's (sysctl kern.bootsessionuuid; kern.boottime moves with the clock). Undefined where
 * nothing tells.
 */
export function bootId(host: Host): string | undefined {
  if (host.platform === 'darwin') {
    return host.read(['/usr/sbin/sysctl', '-n', 'kern.bootsessionuuid'], {env: TOOL_ENVIRONMENT}).stdout.trim() || undefined
  }
  try {
    const kernel = host.readText('/proc/sys/kernel/random/boot_id')?.trim()
    const init = parseStat(host.readText('/proc/1/stat'))?.startTime
    return kernel ? [kernel, init].filter((part) => part !== undefined).join(' ') : undefined
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

export function formatDesired(record: DesiredRecord): string {
  return `${JSON.stringify(record)}\n`
}

/**
 * How the record is written over the bytes of the one that is there, where the disk has no room for a new one: whole if that is no longer, else at
 * least its word, which has the same length whatever it is. Undefined if what is there is no record. Pure.
 */
export function overwriteDesired(content: Buffer, record: DesiredRecord): InPlaceWrite | undefined {
  const text = formatDesired(record)
  const former = content.toString()
  const word = /"desiredState":"(?:running|stopped)"/
  if (!word.test(former.slice(0, RECORD_BYTES)) || content.length > RECORD_BYTES) return undefined
  return overAll(content, text) ?? {offset: 0, bytes: Buffer.from(former.replace(word, `"desiredState":"${record.desiredState}"`))}
}
