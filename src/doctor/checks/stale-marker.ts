import path from 'node:path'
import {GatewayLimit, HomeFile, StateWord} from '../../gateway/contract.js'
import {hasEnded, readProcess, startedAt} from '../../gateway/process.js'
import {type FileReading, isObject, readJson} from '../../gateway/records.js'
import {stateOf} from '../../gateway/observation.js'
import {lostRequester} from '../../lifecycle/drain-request.js'
import type {Target} from '../../observe/where.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'
import {isOnItsWay, SETTLED_MS} from '../situation.js'
import {inWords} from '../../text/layout.js'
import {momentMs} from '../../gateway/python-values.js'

/** A marker of upstream's, and how long it is heeded. */
interface MarkerKind {
  readonly kind: 'takeover' | 'planned-stop' | 'drain-request'
  readonly file: string
  readonly ttlMs: number
  readonly why: string
}

/** A marker that was left behind. */
interface Stale {
  readonly marker: MarkerKind
  readonly reason: string
  /** A gateway that heeds it is not in the midst of anything. */
  readonly isLost?: true
}

const MARKERS: readonly MarkerKind[] = [
  {
    kind: 'takeover',
    file: HomeFile.takeover,
    ttlMs: GatewayLimit.markerSec * 1000,
    why: 'The file says that a new gateway is replacing another one, but the new gateway died before it had finished.',
  },
  {
    kind: 'planned-stop',
    file: HomeFile.plannedStop,
    ttlMs: GatewayLimit.markerSec * 1000,
    why: 'The file says that a stop is planned. If a later gateway gets the same pid and crashes, the crash can pass for a planned stop.',
  },
  {
    kind: 'drain-request',
    file: HomeFile.drainRequest,
    ttlMs: GatewayLimit.drainRequestSec * 1000,
    why: 'The file asks the gateway to finish its work and to accept no more. The request has expired, but tools still show it.',
  },
]

export const definition: CheckDefinition<readonly Stale[]> = {
  id: 'stale-marker',
  title: 'a marker file that a takeover, a stop or a drain left behind',
  why: 'The file announces a change that will not happen any more.',
  seeByHand: [
    ['ls -la ~/.hermes/', `the marker files .gateway-*.json and ${HomeFile.drainRequest}, and their age`],
    [`cat ~/.hermes/${HomeFile.plannedStop}`, '"target_pid": the process that this marker is for'],
  ],
  whatTheFixDoes: 'The fix removes the marker files that have expired or whose process is gone.',
  ifItComesBack:
    'The gateway, or the program that stops or replaces it, is killed half-way: "hermes-svc history" shows each exit of the gateway.',
  needsService: false,
  needsManager: true,
  look: (scene) => {
    const isDraining = stateOf(scene.seen.gateway.state)?.gatewayState === StateWord.draining
    const stale = MARKERS.map((marker) => judgeMarker(scene, marker)).filter((one) => one !== undefined)
    return isDraining ? stale.filter(({isLost}) => isLost) : stale
  },
  diagnose: (scene, stale) => {
    if (isOnItsWay(scene)) return []
    return stale.map(
      ({marker, reason, isLost}): Found => ({
        kind: marker.kind,
        severity: isLost ? 'error' : 'warning',
        what: `${marker.file} was left behind`,
        why: isLost ? 'The file asks the gateway to accept no more work, and it does not until the file is gone.' : marker.why,
        evidence: [reason],
      }),
    )
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene, stale) => ({
      title: `remove the marker files that were left behind in ${scene.target.service.profile.home}`,
      steps: stale.map(({marker}) => ({
        kind: 'remove-file',
        why: `remove ${marker.file}`,
        path: path.join(scene.target.service.profile.home, marker.file),
        forGood: true,
        as: scene.target.service.account,
        onlyIf: {when: 'no newer marker has replaced it', holds: () => judgeMarker(scene, marker) !== undefined},
      })),
      outcome: `no stale marker file is left in ${scene.target.service.profile.home}`,
    }),
  },
}

interface Marker {
  readonly targetPid: number | undefined
  readonly targetStartTime: number | undefined
  readonly writtenMs: number | undefined
}

/** Why a marker is stale; undefined if there is none, or if it may still be heeded. Throws HostError where it cannot be read. */
function judgeMarker({target, seen}: Scene, marker: MarkerKind): Stale | undefined {
  const {host, userHost, service} = target
  const file = path.join(service.profile.home, marker.file)
  const stat = userHost.lstat(file)
  if (!stat) return undefined
  const nowMs = userHost.nowMs()
  if (Math.abs(nowMs - stat.modifiedMs) < SETTLED_MS) return undefined
  const lost = marker.kind === 'drain-request' ? lostRequester(target, service.profile.home) : undefined
  if (lost !== undefined) return {marker, reason: `hermes-svc (pid ${lost}) wrote it, and is gone`, isLost: true}
  const {targetPid, targetStartTime, writtenMs} = valueOf(readMarker(userHost, file))
  const ageMs = nowMs - (writtenMs ?? stat.modifiedMs)
  if (ageMs > marker.ttlMs) return {marker, reason: `it is ${inWords(ageMs)} old, but is valid for ${inWords(marker.ttlMs)} only`}
  // Of another container's process nothing is seen here; its marker is heeded for no longer than any other.
  if (targetPid === undefined || seen.gateway.isPartial) return undefined
  const process = readProcess(host, targetPid)
  const isGone = !process || hasEnded(process) || (targetStartTime !== undefined && !startedAt(process, targetStartTime))
  return isGone ? {marker, reason: `it is meant for pid ${targetPid}, which is gone`} : undefined
}

function readMarker(host: Target['userHost'], file: string): FileReading<Marker> {
  return readJson(host, file, (value) => {
    if (!isObject(value)) return undefined
    const {target_pid: pid, target_start_time: startTime, written_at: written} = value
    return {
      targetPid: typeof pid === 'number' ? pid : undefined,
      targetStartTime: typeof startTime === 'number' ? startTime : undefined,
      writtenMs: typeof written === 'string' || typeof written === 'number' ? momentMs(written) : undefined,
    }
  })
}

/** Of a damaged one only the file's own time counts. */
function valueOf(reading: FileReading<Marker>): Marker {
  if (reading.kind === 'present') return reading.value
  return {targetPid: undefined, targetStartTime: undefined, writtenMs: undefined}
}

export const check = defineCheck(definition)
