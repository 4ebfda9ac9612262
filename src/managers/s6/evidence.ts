import path from 'node:path'
import type {Account, Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {parseSettings} from '../../service/settings.js'
import type {DefinitionEvidence, GatewayDefinition, ManagerObservation, OwnFile, UsedProgram} from '../manager.js'
import {parseEnvironment} from './environment-file.js'
import {HEARTBEAT_SLOT, type SlotPaths} from './places.js'

const HELPERS = ['start.sh', 'before-start.sh', 'before-stop.sh', 'after-exit.sh']

/** What a slot says of its gateway's life. Of another tool's script no more is known than what s6 itself does. */
export function slotEvidence(host: Host, paths: SlotPaths, {installed, settings, environment}: ManagerObservation): DefinitionEvidence {
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
export function slotVariables(host: Host, paths: SlotPaths): string[] {
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
export function heartbeatPrograms(host: Host, scan: string): UsedProgram[] {
  const slot = path.join(scan, HEARTBEAT_SLOT)
  const node = heartbeatNode(readIfAllowed(host, path.join(slot, 'run')) ?? '')
  if (node === undefined) return []
  return [
    {path: node, role: 'node'},
    {path: path.join(slot, 'heartbeat.cjs'), role: 'tick'},
  ]
}

/** The node that the heartbeat's run script names. */
export function heartbeatNode(run: string): string | undefined {
  return /^\$as_user '(\/[^']*)' /m.exec(run)?.[1]
}

/** All slots that run a gateway. Those of other tools name no home: it is the profile's below `root`. */
export function slotDefinitions(host: Host, scan: string, root: string): GatewayDefinition[] {
  const names = (host.list(scan) ?? []).filter((name) => /^gateway-[a-z0-9]/.test(name))
  return names.flatMap((name) => {
    const file = path.join(scan, name, 'run')
    if (readIfAllowed(host, file) === undefined) return []
    const settings = parseSettings(readIfAllowed(host, path.join(scan, name, 'settings.json')))
    const profile = name.slice('gateway-'.length)
    const home = settings?.home ?? (profile === 'default' ? root : path.join(root, 'profiles', profile))
    const isEnabled = host.lstat(path.join(scan, name, 'down')) === undefined
    return [{name, scope: 'system', path: file, home, isEnabled, command: settings?.command ?? []} satisfies GatewayDefinition]
  })
}
