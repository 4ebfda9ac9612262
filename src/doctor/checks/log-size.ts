import path from 'node:path'
import {HomeFile} from '../../gateway/contract.js'
import {ExitStatus, ServiceError} from '../../errors.js'
import {openerOf} from '../../gateway/open-files.js'
import {isFull} from '../../host/errno.js'
import {type Account, type AccountHost, type Host, HostError} from '../../host/host.js'
import type {Target} from '../../observe/where.js'
import type {Done, Step} from '../../plan/plan.js'
import {sizeText} from '../../text/size.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'

const MB = 1_000_000
const LARGE_FILE_BYTES = 100 * MB
const LARGE_FOLDER_BYTES = 1000 * MB
const KEPT_BYTES = 10 * MB
/** What a program keeps of its end, the first of these for which there is room: the disk may be full of this very log. */
const KEPT_IF_ROOM = [KEPT_BYTES, MB, 64_000] as const

interface LogFile {
  readonly path: string
  readonly bytes: number
  readonly mode: number
  /** pid of a process that has it open. */
  readonly heldBy: number | undefined
  /** The manager appends to it, and never rotates it. */
  readonly isManagers: boolean
}

/** The logs of a service, in files. */
export interface Logs {
  readonly large: readonly LogFile[]
  readonly totalBytes: number
  /** The largest files, for the reader. */
  readonly largest: readonly {readonly path: string; readonly bytes: number}[]
}

/** Logs that fill the disk. */
export const definition: CheckDefinition<Logs> = {
  id: 'log-size',
  title: 'log files that fill the disk',
  why: 'A full disk stops the gateway and can damage its database.',
  seeByHand: [
    ['ls -lhS ~/.hermes/logs', 'the largest logs first'],
    ['du -sh ~/.hermes/logs', 'all logs together'],
    ['fuser -v ~/.hermes/logs/*', 'the processes that have a log open'],
  ],
  whatTheFixDoes:
    'The fix keeps the last 10 MB of each log over 100 MB and deletes older lines. It copies that end of a log of launchd to a second file, and empties the log. A log that a process has open stays as it is: stop the gateway first. If there are too many small logs, delete some of them yourself.',
  ifItComesBack:
    'Something writes to the log again and again: the last lines show what. Correct that, or set a lower log level in config.yaml.',
  needsService: false,
  needsManager: false,
  look: ({target}) => lookAtLogs(target),
  diagnose: (scene, logs) => {
    const {large, totalBytes, largest} = logs
    if (large.length === 0 && totalBytes <= LARGE_FOLDER_BYTES) return []
    const {home} = scene.target.service.profile
    const held = large.filter(({heldBy}) => heldBy !== undefined)
    const found: Found = {
      kind: large.length > 0 ? 'large-file' : 'large-folder',
      severity: 'warning',
      what:
        large.length > 0
          ? `${large.map((file) => `${file.path} has ${sizeText(file.bytes)}`).join(', ')}`
          : `the logs in ${home}/logs take ${sizeText(totalBytes)} together`,
      evidence: [
        ...largest.map((file) => `${file.path}: ${sizeText(file.bytes)}`),
        ...held.map((file) => `pid ${file.heldBy} has ${file.path} open, so it cannot be shortened now`),
      ],
      ...(large.length > 0 && held.length === 0
        ? {}
        : {
            isFixable: false,
            cure: large.length > 0 ? cureOfLogs(scene, logs) : [`ls -lS ${home}/logs   # remove the files that you do not need`],
          }),
    }
    return [found]
  },
  fix: {
    // Old lines are lost.
    isSafe: false,
    interrupts: false,
    plan: ({target: {service, host, userHost, manager}}, {large}) => ({
      title: `shorten the logs of ${service.name}`,
      steps: large.map(
        (file): Step =>
          file.isManagers
            ? rotateStep(file, manager.placement.owner(service))
            : {
                kind: 'act',
                why: `keep only the last ${sizeText(KEPT_BYTES)} of ${file.path}`,
                act: () => Promise.resolve(shorten(host, userHost, file)),
              },
      ),
      outcome: `the logs of ${service.name} are short; lines that were written meanwhile may be lost`,
    }),
  },
}

/** Finds the logs of a service, those of its manager among them, and who has the large ones open. */
export function lookAtLogs({host, userHost, service, manager}: Target): Logs {
  const folder = path.join(service.profile.home, HomeFile.logFolder)
  const managers = manager.logs?.files?.(service) ?? []
  const files = [...(userHost.list(folder) ?? []).map((name) => path.join(folder, name)), ...managers].flatMap((file) => {
    const stat = userHost.lstat(file)
    return stat?.kind === 'file' ? [{path: file, bytes: stat.size, mode: stat.mode, isManagers: managers.includes(file)}] : []
  })
  const largest = files.toSorted((a, b) => b.bytes - a.bytes).slice(0, 5)
  return {
    large: largest
      .filter(({bytes}) => bytes > LARGE_FILE_BYTES)
      .map((file) => ({...file, heldBy: file.isManagers ? undefined : openerOf({host, userHost}, file.path)})),
    totalBytes: files.reduce((sum, {bytes}) => sum + bytes, 0),
    largest,
  }
}

/** What to type to have large logs shortened: whoever has one open must end first. */
export function cureOfLogs(scene: Pick<Scene, 'target'>, {large}: Logs): string[] {
  const fix = commandLine(scene, 'fix log-size')
  return large.some(({heldBy}) => heldBy !== undefined) ? [commandLine(scene, 'stop'), fix, commandLine(scene, 'start')] : [fix]
}

/**
 * Its last lines are kept beside it, and it is emptied in its place: whoever has it open for appending, as launchd opens logs for its jobs
 * (open(2), O_APPEND), goes on at its new end. It is its owner's, who may write it in a folder of root's too.
 */
function rotateStep({path: file}: LogFile, as: Account | undefined): Step {
  return {
    kind: 'run',
    as,
    why: `keep the last ${sizeText(KEPT_BYTES)} of ${file} as ${file}.1, and empty it`,
    argv: ['sh', '-c', ROTATE, 'rotate', file, ...KEPT_IF_ROOM.map(String)],
    env: {PATH: '/usr/bin:/bin', LC_ALL: 'C'},
    timeoutMs: ROTATE_TIMEOUT_MS,
  }
}

/**
 * sh program. $1: the log. The others: how many bytes to keep, the first for which there is room. The first line may be cut off. It succeeds only if the
 * log is empty in the end.
 */
const ROTATE =
  'umask 077; [ -f "$1" ] && [ ! -L "$1" ] || exit 1; log=$1; shift; for kept; do tail -c "$kept" "$log" | sed 1d >"$log.1" && break; rm -f "$log.1"; done; : >"$log"'
const ROTATE_TIMEOUT_MS = 60_000

/** Its last lines take its place at once. A process that had it open would go on writing to the old one, so there must be none. */
function shorten(host: Host, userHost: AccountHost, {path: file, mode, bytes}: LogFile): Done {
  const pid = openerOf({host, userHost}, file)
  if (pid !== undefined) {
    throw new ServiceError(`pid ${pid} has ${file} open now`, {
      ...{code: 'log-in-use', exitStatus: ExitStatus.failed, next: ['hermes-svc doctor --only log-size']},
    })
  }
  const tail = userHost.readTail(file, KEPT_BYTES)
  if (tail === undefined || bytes <= Buffer.byteLength(tail)) return {changed: false}
  try {
    userHost.writeAtomic(file, tail, mode)
  } catch (error) {
    if (!(error instanceof HostError) || !isFull(error)) throw error
    // It may be this very log that fills the disk: so it is emptied first, and its end is kept in memory meanwhile.
    userHost.writeAtomic(file, '', mode)
    userHost.writeAtomic(file, tail, mode)
  }
  return {changed: true, what: `${file} had ${sizeText(bytes)}`}
}

export const check = defineCheck(definition)
