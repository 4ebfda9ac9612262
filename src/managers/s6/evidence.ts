import path from 'node:path'
import {HomeFile} from '../../gateway/contract.js'
import {type Account, type AccountHost, type Host, HostError} from '../../host/host.js'
import {readIfAllowed, statIfAllowed} from '../../host/tolerant-read.js'
import {HELPER_NAME} from '../../service/service-helper.js'
import {parseSettings} from '../../service/settings.js'
import type {DefinitionEvidence, GatewayDefinition, ManagerObservation, OwnFile, UsedProgram} from '../manager.js'
import {parseEnvironment} from './environment-file.js'
import type {SlotsDoor} from './ownership.js'
import {containerVariable, HEARTBEAT_SLOT, type SlotPaths} from './paths.js'

const HELPERS = ['start.sh', HELPER_NAME]

/** s6-overlay sends all processes SIGTERM when its container is stopped, sleeps this many ms, and sends SIGKILL (s6-linux-init-shutdownd). */
const KILL_GRACE_VARIABLE = 'S6_KILL_GRACETIME'
const DEFAULT_KILL_GRACE_MS = 3000
const LONGEST_KILL_GRACE_MS = 300_000

/** How long the end of a container with s6-overlay leaves a gateway; undefined where that cannot be told. `host`: this process's own. */
export function containerStop(host: Host): DefinitionEvidence['shutdown'] {
  if (statIfAllowed(host, '/run/s6/basedir') === undefined) return undefined
  try {
    const text = containerVariable(host, KILL_GRACE_VARIABLE)?.trim() ?? ''
    const given = /^\d{1,9}$/.test(text) ? Number(text) : undefined
    return {
      limitMs: Math.min(given ?? DEFAULT_KILL_GRACE_MS, LONGEST_KILL_GRACE_MS),
      evidence: `${KILL_GRACE_VARIABLE} is ${given ?? `not set, so it is ${DEFAULT_KILL_GRACE_MS}`} (ms between SIGTERM and SIGKILL to all)`,
      cure: [
        `docker run --env ${KILL_GRACE_VARIABLE}=60000 --stop-timeout 90 …   # or ENV in the image; each stop of the container then takes that long`,
      ],
    }
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** What a slot says of its gateway's life. Of another tool's script no more is known than what s6 itself does. */
export function slotEvidence(
  host: AccountHost,
  paths: SlotPaths,
  {installed, settings, environment}: ManagerObservation,
): DefinitionEvidence {
  const isOwn = installed === 'own'
  const limit = Number(readIfAllowed(host, path.join(paths.slot, 'timeout-kill'))?.trim() ?? '0')
  const gateway = isOwn ? settings?.command[0] : undefined
  const helpers = isOwn ? HELPERS.map((name): UsedProgram => ({path: path.join(paths.helpers, name), role: 'helper'})) : []
  return {
    restartRisk: isOwn
      ? {kind: 'sound', arithmetic: 'there is no start limit, and the start waits longer after each failure'}
      : {kind: 'storms', arithmetic: 's6-supervise starts it again a second after each end, up to 3600 times an hour, for ever'},
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

/** The programs of the heartbeat's slot; none if it is not there. */
export function heartbeatPrograms(slots: SlotsDoor, scan: string): UsedProgram[] {
  const slot = path.join(scan, HEARTBEAT_SLOT)
  const node = heartbeatNode(readIfAllowed(slots.of(HEARTBEAT_SLOT), path.join(slot, 'run')) ?? '')
  if (node === undefined) return []
  return [
    {path: node, role: 'node'},
    {path: path.join(slot, 'heartbeat.cjs'), role: 'tick'},
  ]
}

/** The node that the heartbeat's run script names. */
export function heartbeatNode(run: string): string | undefined {
  return /^(?:'[^']*' -s KILL \d+ )?\$as_user '(\/[^']*)' /m.exec(run)?.[1]
}

/** All slots that run a gateway. Those of other tools name no home: it is the profile's below `root`. */
export function slotDefinitions(slots: SlotsDoor, scan: string, root: string): GatewayDefinition[] {
  const names = slots.names().filter((name) => /^gateway-[a-z0-9]/.test(name))
  return names.flatMap((name) => {
    const door = slots.of(name)
    const file = path.join(scan, name, 'run')
    if (readIfAllowed(door, file) === undefined) return []
    const settings = parseSettings(readIfAllowed(door, path.join(scan, name, 'settings.json')))
    const profile = name.slice('gateway-'.length)
    const home = settings?.home ?? (profile === 'default' ? root : path.join(root, HomeFile.profiles, profile))
    const isEnabled = door.lstat(path.join(scan, name, 'down')) === undefined
    return [{name, scope: 'system', path: file, home, isEnabled, command: settings?.command ?? []} satisfies GatewayDefinition]
  })
}
