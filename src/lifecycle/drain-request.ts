import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import {hasEnded, isThere, readProcess, startedAt} from '../gateway/process.js'
import {isObject, readJson} from '../gateway/records.js'
import type {Doors, Host} from '../host/host.js'
import {bootId} from '../service/desired-state.js'
import {runPlace} from '../service/run-record.js'

const PRINCIPAL = 'hermes-svc'

export const drainRequestFile = (home: string): string => path.join(home, HomeFile.drainRequest)

/** As upstream writes it: of this boot, so that it means nothing after another one. `requester` is ours, and upstream's reader takes no notice of it. */
export function drainRequest({host}: {readonly host: Host}): string {
  return JSON.stringify({
    action: 'drain',
    // Python before 3.11 does not read a trailing "Z".
    requested_at: new Date(host.nowMs()).toISOString().replace('Z', '+00:00'),
    principal: PRINCIPAL,
    epoch: host.platform === 'linux' ? (bootId(host)?.replace(' ', ':') ?? '') : '',
    suppress_notification: false,
    requester: {pid: host.pid, start_time: readProcess(host, host.pid)?.startTime, ...runPlace(host)},
  })
}

/**
 * The pid of the hermes-svc that asked the gateway of a home to take no more, and was killed before it let it go on; undefined if it lives, if somebody
 * else asked, or if that cannot be told. Never throws.
 */
export function lostRequester({host, userHost}: Doors, home: string): number | undefined {
  const reading = readJson(userHost, drainRequestFile(home), (value) =>
    isObject(value) && value.principal === PRINCIPAL && isObject(value.requester) ? value.requester : undefined,
  )
  if (reading.kind !== 'present') return undefined
  const {pid, start_time: startTime, boot, namespace} = reading.value
  const here = runPlace(host)
  if (typeof pid !== 'number' || pid <= 0 || boot !== here.boot || namespace !== here.namespace) return undefined
  const process = readProcess(host, pid)
  if (!process) return isThere(host, pid) ? undefined : pid
  return hasEnded(process) || (typeof startTime === 'number' && !startedAt(process, startTime)) ? pid : undefined
}
