import path from 'node:path'
import {decoded, judgeConfigText, MAX_CONFIG_BYTES} from '../gateway/config-check.js'
import {HomeFile} from '../gateway/contract.js'
import {type AccountHost, HostError} from '../host/host.js'
import {listIfAllowed, readIfAllowed} from '../host/tolerant-read.js'

// The last configurations that a gateway has worked with, kept by the tick for `fix config`: whole copies, which hold what is secret of the original too. All
// of it is written and read with the account's ids.

/** How long a gateway must have run, and its config.yaml have been as it is, before that counts as one that works. */
export const PROVEN_AFTER_MS = 300_000
const MOST_COPIES = 3
const COPY = /^config-(\d{14,17})\.yaml$/

/** Our folder in a home. */
const ownFolder = (home: string): string => path.join(home, '.hermes-svc')
export const lastGoodFolder = (home: string): string => path.join(ownFolder(home), 'last-good')
/** Which config.yaml was looked at last, whatever came of it: a tick has one stat to do and this to read. */
const seenFile = (home: string): string => path.join(lastGoodFolder(home), 'seen')

/** A configuration that was kept. */
export interface KeptConfig {
  readonly path: string
  /** When it was kept; ms since the epoch. */
  readonly atMs: number
  readonly text: string
}

/**
 * Keeps config.yaml as it is now, if it can be read, has not been kept yet, and was there all the time that is asked for. `ranMs`: how long the gateway has
 * run. Nothing is done where nothing has changed. Throws HostError.
 */
export async function keepGoodConfig(userHost: AccountHost, home: string, ranMs: number): Promise<void> {
  if (ranMs < PROVEN_AFTER_MS) return
  const file = path.join(home, HomeFile.config)
  const stat = userHost.stat(file)
  const nowMs = userHost.nowMs()
  if (stat?.kind !== 'file' || stat.size === 0 || stat.size > MAX_CONFIG_BYTES || nowMs - stat.modifiedMs < PROVEN_AFTER_MS) return
  const version = `${stat.modifiedMs} ${stat.size}\n`
  if (userHost.readText(seenFile(home)) === version) return
  const part = userHost.readPart(file, 0, MAX_CONFIG_BYTES)
  // Another one by now: the next tick sees it.
  if (!part || part.modifiedMs !== stat.modifiedMs || part.size !== stat.size) return
  const [text, {faults, unsure}] = [decoded(part.bytes), await judgeConfigText(file, part.bytes)]
  const isGood = text !== undefined && faults.length === 0 && unsure.length === 0
  const folder = lastGoodFolder(home)
  for (const one of [ownFolder(home), folder]) if (userHost.lstat(one) === undefined) userHost.makeFolder(one, 0o700)
  if (isGood) {
    const copies = copiesIn(userHost, home)
    const newest = copies[0]
    if (newest === undefined || readIfAllowed(userHost, newest.path) !== text) {
      userHost.writeAtomic(path.join(folder, `config-${stampOf(nowMs)}.yaml`), text, 0o600)
      for (const old of copies.slice(MOST_COPIES - 1)) userHost.removeFile(old.path)
    }
  }
  userHost.writeAtomic(seenFile(home), version, 0o600)
}

/** The newest of the kept ones that can be read still; undefined if there is none. */
export async function lastGoodConfig(userHost: AccountHost, home: string): Promise<KeptConfig | undefined> {
  for (const {path: file, atMs} of copiesIn(userHost, home)) {
    const text = readCopy(userHost, file)
    if (text === undefined || text.trim() === '') continue
    const {faults, unsure} = await judgeConfigText(file, Buffer.from(text))
    if (faults.length === 0 && unsure.length === 0) return {path: file, atMs, text}
  }
  return undefined
}

/** All that was kept of a home, to be taken away; folders last. */
export function lastGoodTraces(
  userHost: AccountHost,
  home: string,
): {readonly files: readonly string[]; readonly folders: readonly string[]} {
  const folder = lastGoodFolder(home)
  const names = listIfAllowed(userHost, folder)
  if (userHost.lstat(folder)?.kind !== 'folder') return {files: [], folders: []}
  const isAlone = listIfAllowed(userHost, ownFolder(home)).every((name) => name === path.basename(folder))
  return {
    files: names.filter((name) => COPY.test(name) || name === path.basename(seenFile(home))).map((name) => path.join(folder, name)),
    folders: [folder, ...(isAlone ? [ownFolder(home)] : [])],
  }
}

function readCopy(userHost: AccountHost, file: string): string | undefined {
  // What a link leads to is not what was kept.
  return userHost.lstat(file)?.kind === 'file' ? readIfAllowed(userHost, file) : undefined
}

/** The newest first. */
function copiesIn(userHost: AccountHost, home: string): {readonly path: string; readonly atMs: number}[] {
  const folder = lastGoodFolder(home)
  let names: readonly string[]
  try {
    names = userHost.lstat(folder)?.kind === 'folder' ? (userHost.list(folder) ?? []) : []
  } catch (error) {
    if (error instanceof HostError) return []
    throw error
  }
  const kept = names.flatMap((name) => {
    const [, stamp] = COPY.exec(name) ?? []
    return stamp === undefined ? [] : [{path: path.join(folder, name), atMs: momentOf(stamp), stamp}]
  })
  return kept.toSorted((a, b) => (a.stamp < b.stamp ? 1 : -1))
}

/** UTC, to the ms, so that names sort as their times. */
export function stampOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\D/g, '')
}

function momentOf(stamp: string): number {
  return Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{0,3}).*$/, '$1-$2-$3T$4:$5:$6.$7Z'))
}
