import path from 'node:path'
import {HomeFile} from '../../gateway/contract.js'
import {ExitStatus, ServiceError} from '../../errors.js'
import {openerOf} from '../../gateway/open-files.js'
import type {Account, AccountHost, Host} from '../../host/host.js'
import type {Done, Step} from '../../plan/plan.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'

const MB = 1_000_000
const LARGE_FILE_BYTES = 100 * MB
const LARGE_FOLDER_BYTES = 1000 * MB
const KEPT_BYTES = 10 * MB

interface LogFile {
  readonly path: string
  readonly bytes: number
  readonly mode: number
  /** pid of a process that has it open. */
  readonly heldBy: number | undefined
  /** The manager appends to it, and never rotates it. */
  readonly isManagers: boolean
}

interface Evidence {
  readonly large: readonly LogFile[]
  readonly totalBytes: number
  /** The largest files, for the reader. */
  readonly largest: readonly {readonly path: string; readonly bytes: number}[]
}

/** Logs that fill the disk. */
export const definition: CheckDefinition<Evidence> = {
  id: 'log-size',
  title: 'log files that fill the disk',
  why: 'A full disk stops the gateway, and can damage its database.',
  needsService: false,
  needsManager: false,
  look: ({target: {host, userHost, service, manager}}) => {
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
  },
  diagnose: (scene, {large, totalBytes, largest}) => {
    if (large.length === 0 && totalBytes <= LARGE_FOLDER_BYTES) return []
    const {home} = scene.target.service.profile
    const held = large.filter(({heldBy}) => heldBy !== undefined)
    const again = [commandLine(scene, 'stop'), commandLine(scene, 'fix log-size'), commandLine(scene, 'start')]
    const found: Found = {
      kind: large.length > 0 ? 'large-file' : 'large-folder',
      severity: 'warning',
      what:
        large.length > 0
          ? `${large.map((file) => `${file.path} has ${megabytes(file.bytes)}`).join(', ')}`
          : `the logs in ${home}/logs have ${megabytes(totalBytes)} together`,
      evidence: [
        ...largest.map((file) => `${file.path}: ${megabytes(file.bytes)}`),
        ...held.map((file) => `${file.path} is open in pid ${file.heldBy}, which would go on writing to what was taken away`),
      ],
      ...(large.length > 0 && held.length === 0
        ? {}
        : {isFixable: false, cure: large.length > 0 ? again : [`ls -lS ${home}/logs   # and remove what you do not need`]}),
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
                why: `keep only the last ${megabytes(KEPT_BYTES)} of ${file.path}`,
                act: () => Promise.resolve(shorten(host, userHost, file)),
              },
      ),
      outcome: `the logs of ${service.name} are short; what a process wrote while that was done may be lost`,
    }),
  },
}

/**
 * Its last lines are kept beside it, and it is emptied in its place: whoever has it open for appending, as launchd opens logs for its jobs
 * (open(2), O_APPEND), goes on at its new end. It is its owner's, who may write it in a folder of root's too.
 */
function rotateStep({path: file}: LogFile, as: Account | undefined): Step {
  return {
    kind: 'run',
    as,
    why: `keep the last ${megabytes(KEPT_BYTES)} of ${file} as ${file}.1, and empty it`,
    argv: ['sh', '-c', ROTATE, 'rotate', file, String(KEPT_BYTES)],
    env: {PATH: '/usr/bin:/bin', LC_ALL: 'C'},
    timeoutMs: ROTATE_TIMEOUT_MS,
  }
}

/** sh program. $1: the log. $2: bytes to keep. The first line may be cut off. */
const ROTATE = 'umask 077; [ -f "$1" ] && [ ! -L "$1" ] && tail -c "$2" "$1" | sed 1d >"$1.1" && : >"$1"'
const ROTATE_TIMEOUT_MS = 60_000

/** Its last lines take its place at once. A process that had it open would go on writing to the old one, so there must be none. */
function shorten(host: Host, userHost: AccountHost, {path: file, mode, bytes}: LogFile): Done {
  const pid = openerOf({host, userHost}, file)
  if (pid !== undefined) {
    throw new ServiceError(`${file} is open in pid ${pid} by now`, {
      ...{code: 'log-in-use', exitStatus: ExitStatus.failed, next: ['hermes-svc doctor --only log-size']},
    })
  }
  const tail = userHost.readTail(file, KEPT_BYTES)
  if (tail === undefined || bytes <= Buffer.byteLength(tail)) return {changed: false}
  userHost.writeAtomic(file, tail, mode)
  return {changed: true, what: `${file} had ${megabytes(bytes)}`}
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MB)} MB`
}

export const check = defineCheck(definition)
