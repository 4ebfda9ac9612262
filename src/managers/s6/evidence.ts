import path from 'node:path'
import {type Account, type AccountHost, type Host, HostError} from '../../host/host.js'
import {readIfAllowed, statIfAllowed} from '../../host/tolerant-read.js'
import {HELPER_NAME} from '../../service/service-helper.js'
import type {DefinitionEvidence, ManagerObservation, OwnFile, UsedProgram} from '../manager.js'
import {parseEnvironment} from './environment-file.js'
import {doorTo, type S6} from './ownership.js'
import {containerVariable, type SlotPaths, slotPaths} from './paths.js'

const HELPERS = ['start.sh', HELPER_NAME]

/** s6-overlay sends all processes SIGTERM when its container is stopped, sleeps this many ms, and sends SIGKILL (s6-linux-init-shutdownd). */
const KILL_GRACE_VARIABLE = 'S6_KILL_GRACETIME'
const DEFAULT_KILL_GRACE_MS = 3000
const LONGEST_KILL_GRACE_MS = 300_000

/** How long the end of a container with s6-overlay leaves a gateway; undefined where that cannot be told. `host`: this process's own. */
function containerStop(host: Host): DefinitionEvidence['shutdown'] {
  if (statIfAllowed(host, '/run/s6/basedir') === undefined) return undefined
  try {
    const text = containerVariable(host, KILL_GRACE_VARIABLE)?.trim() ?? ''
    const given = /^\d{1,9}$/.test(text) ? Number(text) : undefined
    return {
      limitMs: Math.min(given ?? DEFAULT_KILL_GRACE_MS, LONGEST_KILL_GRACE_MS),
      evidence: `${KILL_GRACE_VARIABLE} is ${given ?? `not set, so it is ${DEFAULT_KILL_GRACE_MS}`} (ms between SIGTERM and SIGKILL to all)`,
      cure: [
        `docker run --env ${KILL_GRACE_VARIABLE}=60000 --stop-timeout 90 …   # or ENV in the image; every stop of the container then takes that long`,
      ],
    }
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** See Definition.evidence. */
export function evidence(s6: S6, observation: ManagerObservation): DefinitionEvidence {
  const shutdown = observation.installed === 'no' ? undefined : containerStop(s6.host)
  const {service} = observation
  return {...slotEvidence(doorTo(s6, service), slotPaths(s6.scan, service), observation), ...(shutdown ? {shutdown} : {})}
}

/** What a slot says of its gateway's life. Of another tool's script no more is known than what s6 itself does. */
function slotEvidence(host: AccountHost, paths: SlotPaths, {installed, settings, environment}: ManagerObservation): DefinitionEvidence {
  const isOwn = installed === 'own'
  const limit = Number(readIfAllowed(host, path.join(paths.slot, 'timeout-kill'))?.trim() ?? '0')
  const gateway = isOwn ? settings?.command[0] : undefined
  const helpers = isOwn ? HELPERS.map((name): UsedProgram => ({path: path.join(paths.helpers, name), role: 'helper'})) : []
  return {
    restartRisk: isOwn
      ? {kind: 'sound', arithmetic: 'there is no start limit, and each failure makes the next start wait longer'}
      : {
          kind: 'storms',
          arithmetic: 's6-supervise starts the gateway again one second after each end, up to 3600 times an hour, without end',
        },
    startFailure: undefined,
    // 0, or no file: s6 waits for ever (timeout-kill, s6-supervise).
    stopTimeoutMs: installed === 'no' || Number.isNaN(limit) ? undefined : limit === 0 ? Infinity : limit,
    programs: [...(gateway === undefined ? [] : [{path: gateway, role: 'gateway'} as const]), ...helpers],
    commandLine: isOwn ? (settings?.command ?? []).join(' ') : '',
    command: isOwn ? (settings?.command ?? []) : [],
    requiredFolder: isOwn ? settings?.home : undefined,
    searchPath: environment.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length),
  }
}

/** What a slot of ours sets for the gateway, `NAME=value` each. */
export function slotVariables(host: AccountHost, paths: SlotPaths): string[] {
  const start = readIfAllowed(host, path.join(paths.helpers, 'start.sh')) ?? ''
  return [...parseEnvironment(start)].map(([name, value]) => `${name}=${value}`)
}

/** What lies in the home is its owner's, all else is root's. */
export function slotFiles(paths: SlotPaths, owner: Account): OwnFile[] {
  return [
    {path: paths.run, role: 'definition'},
    ...['finish', 'log/run', 'timeout-kill'].map((name): OwnFile => ({path: path.join(paths.slot, name), role: 'policy'})),
    {path: paths.settings, role: 'settings', owner},
    {path: paths.environmentFile, role: 'secrets', owner},
    ...HELPERS.map((name): OwnFile => ({path: path.join(paths.helpers, name), role: 'helper'})),
  ]
}
