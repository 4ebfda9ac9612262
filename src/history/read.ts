import path from 'node:path'
import {ServiceError} from '../errors.js'
import {HomeFile} from '../gateway/contract.js'
import {parseExitLine, parseLifecycle} from '../gateway/exit-log.js'
import {readJson} from '../gateway/records.js'
import {type AccountHost, HostError} from '../host/host.js'
import {newestLines, numberedLog} from '../host/log-file.js'
import {whyUnreadable} from '../host/tolerant-read.js'
import type {Target} from '../observe/where.js'
import {journalFile} from '../plan/journal.js'
import {readBoots} from './boots.js'
import type {Fact} from './facts.js'
import {gatewayFacts} from './gateway-facts.js'
import {journalFact} from './journal-facts.js'
import {managerFacts} from './manager-facts.js'
import type {Now} from './timeline.js'

/** Of a log that was not read to the moment from which on it was asked for. */
export interface NotRead {
  /** Its file, or the manager. */
  readonly source: string
  /** `large`: what is older than `beforeMs` was not read, because of its size; else why nothing of it could be. */
  readonly why: string
  readonly beforeMs?: number | undefined
}

/** What the sources say. */
export interface Read {
  readonly facts: readonly Fact[]
  readonly notRead: readonly NotRead[]
  readonly now: Now
}

/** Of each log: some ten thousand lines, and some seconds. */
const MOST_BYTES = 16 * 1024 * 1024
const MOST_MS = 3000
/** Of the manager's own record. */
const MOST_ENTRIES = 5000
const MANAGER_TIMEOUT_MS = 10_000
/** Lines of several writers are not quite in the order of their times. */
const DISORDER_MS = 5 * 60_000
/** The size by which what was not read is told of. */
const LARGE = 'large'

/** Reads what there is about a service from a moment on. Bounded in time and memory, whatever the sources are; writes nothing. */
export function readFacts(target: Target, sinceMs: number): Read {
  const {host, userHost, manager, service} = target
  const {home} = service.profile
  const notRead: NotRead[] = []
  const own = linesOf(userHost, journalFile(home), sinceMs, (line) => journalFact(line, service.name), notRead)
  const noted = linesOf(userHost, path.join(home, HomeFile.exitLog), sinceMs, parseExitLine, notRead)
  const lifecycle = readJson(userHost, path.join(home, HomeFile.lifecycle), parseLifecycle)
  const gateways = gatewayFacts(noted, lifecycle.kind === 'present' ? lifecycle.value : undefined)
  const ofContainer = own.filter((fact) => fact.kind === 'command' && fact.command === CONTAINER_BOOT)
  const boots = readBoots(
    host,
    manager.chronicle,
    ofContainer.map(({atMs}) => ({atMs: atMs - BOOT_TAKES_MS})),
  ).filter(({atMs}) => atMs >= sinceMs)
  const {isUp, starts} = present(target)
  const facts = [...own, ...gateways, ...ofManager(target, sinceMs, notRead), ...boots, ...starts]
  return {facts, notRead, now: {nowMs: host.nowMs(), isUp}}
}

/** What the boot of a container is in the journal. */
const CONTAINER_BOOT = 'boot'
/** It is noted when it is done: after the first starts. */
const BOOT_TAKES_MS = 15_000

/** What the lines of a log tell from a moment on, in their order: several may be of one second. */
function linesOf<T extends {readonly atMs: number}>(
  door: AccountHost,
  file: string,
  sinceMs: number,
  parse: (line: string) => T | undefined,
  notRead: NotRead[],
): T[] {
  const found: T[] = []
  try {
    // What is not there says nothing, and what may not be read is told of.
    if (door.readPart(file, 0, 0) === undefined) return []
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    notRead.push({source: file, why: whyUnreadable(error)})
    return []
  }
  const budget = {left: MOST_BYTES}
  const untilMs = door.monotonicMs() + MOST_MS
  let isLate = false
  for (const line of newestLines(door, numberedLog(file), undefined, budget)) {
    const fact = parse(line)
    if (fact !== undefined && fact.atMs < sinceMs - DISORDER_MS) return found.reverse()
    if (fact !== undefined && fact.atMs >= sinceMs) found.push(fact)
    isLate = door.monotonicMs() > untilMs
    if (isLate) break
  }
  if (isLate || budget.left < 0) notRead.push({source: file, why: LARGE, beforeMs: found.at(-1)?.atMs ?? door.nowMs()})
  return found.reverse()
}

function ofManager({host, manager, service}: Target, sinceMs: number, notRead: NotRead[]): Fact[] {
  const {chronicle} = manager
  if (!chronicle) return []
  const options = {env: chronicle.env, timeoutMs: MANAGER_TIMEOUT_MS}
  const {stdout, code, failure} = host.read(chronicle.command(service, {sinceMs, lines: MOST_ENTRIES}), options)
  const noted = stdout.split('\n').flatMap((line) => chronicle.factOf(line) ?? [])
  if (code !== 0 && noted.length === 0) notRead.push({source: manager.title, why: failure ?? `exit status ${code}`})
  if (noted.length >= MOST_ENTRIES || failure !== undefined) {
    notRead.push({source: manager.title, why: LARGE, beforeMs: noted.at(-1)?.atMs ?? host.nowMs()})
  }
  return managerFacts(noted.reverse())
}

/** Whether its gateway runs now, and since when, as far as its manager answers. */
function present({host, manager, service}: Target): {isUp: boolean | undefined; starts: Fact[]} {
  try {
    const [seen] = manager.observer.observe([service])
    if (!seen) return {isUp: undefined, starts: []}
    const isUp = seen.mainPid !== undefined && (seen.activity === 'running' || seen.activity === 'stopping')
    const atMs = seen.startedAtMs === undefined ? undefined : host.nowMs() - (host.monotonicMs() - seen.startedAtMs)
    return {isUp, starts: isUp && atMs !== undefined ? [{kind: 'start', atMs: Math.round(atMs), witness: 'manager'}] : []}
  } catch (error) {
    // Without its manager there is still what was noted.
    if (error instanceof ServiceError) return {isUp: undefined, starts: []}
    throw error
  }
}
