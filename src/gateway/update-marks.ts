import path from 'node:path'
import {CheckoutFile, GatewayLimit, HomeFile} from './contract.js'
import {hasEnded, readProcess} from './process.js'
import type {Doors} from '../host/host.js'
import {readIfAllowed, realPathIfAllowed, statIfAllowed} from '../host/tolerant-read.js'

/** What an update of the gateway has left in its checkout for now. */
export interface UnderUpdate {
  /** `works`: it is at it; `cut-off`: it was ended before its packages were all there. */
  readonly kind: 'works' | 'cut-off'
  /** The mark that says so. */
  readonly mark: string
  readonly pid: number | undefined
  /** The checkout; undefined where only the home is known. */
  readonly checkout: string | undefined
}

const MARK_BYTES = 4096

/**
 * Looks whether upstream's own update is half-way with the program that a service runs. `root`: the root home; `home`: the profile's; `command`: what is
 * run, as far as known. Undefined where nothing tells of one. Never throws.
 */
export function updateUnderWay(
  doors: Doors,
  {root, home}: {readonly root: string; readonly home: string},
  command: readonly string[],
): UnderUpdate | undefined {
  const {host, userHost} = doors
  for (const folder of new Set([home, root])) {
    const mark = path.join(folder, HomeFile.updateLock)
    const text = markText(doors, mark)
    const [pid = NaN, startedSec = NaN] = text?.split('\n').map((word) => (word.trim() === '' ? NaN : Number(word))) ?? []
    const ageSec = host.nowMs() / 1000 - startedSec
    if (isLiving(doors, pid) && ageSec < GatewayLimit.updateLockSec) return {kind: 'works', mark, pid, checkout: undefined}
  }
  for (const checkout of checkoutsOf(doors, root, command)) {
    const mark = path.join(checkout, CheckoutFile.halfInstalled)
    const text = markText(doors, mark)
    // Elsewhere upstream takes no notice of it either.
    if (text === undefined || statIfAllowed(userHost, path.join(checkout, CheckoutFile.project)) === undefined) continue
    const pid = Number(/^pid=(\d{1,10})$/m.exec(text)?.[1] ?? NaN)
    const works = isLiving(doors, pid)
    return {kind: works ? 'works' : 'cut-off', mark, pid: works ? pid : undefined, checkout}
  }
  return undefined
}

/** Where its checkout may be: below the root home, or where its program lies in a virtual environment of it. */
function checkoutsOf({userHost}: Doors, root: string, [program]: readonly string[]): Set<string> {
  const usual = path.join(root, CheckoutFile.usual)
  if (program === undefined || !path.isAbsolute(program)) return new Set([usual])
  const places = [program, realPathIfAllowed(userHost, program)]
  const above = places.flatMap((place) => [path.dirname(path.dirname(place)), path.dirname(path.dirname(path.dirname(place)))])
  return new Set([usual, ...above])
}

function markText({userHost}: Doors, mark: string): string | undefined {
  const stat = statIfAllowed(userHost, mark)
  return stat?.kind === 'file' && stat.size <= MARK_BYTES ? readIfAllowed(userHost, mark) : undefined
}

function isLiving({host}: Doors, pid: number): boolean {
  const process = Number.isSafeInteger(pid) && pid > 0 ? readProcess(host, pid) : undefined
  return process !== undefined && !hasEnded(process)
}
