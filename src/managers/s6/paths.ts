import type {TickPlaces} from '../tick-places.js'
import type {Service} from '../../service/service.js'
import {GatewayVariable, HomeFile, DEFAULT_PROFILE} from '../../gateway/contract.js'
import {accountDoor} from '../../host/account-door.js'
import path from 'node:path'
import {readProcess} from '../../gateway/process.js'
import type {Account, Host} from '../../host/host.js'
import {OWN_PREFIX, serviceSuffix} from '../../service/naming.js'
import {type Profile, resolveProfile} from '../../service/profile.js'

/** Where s6-overlay has s6-svscan look for services (its "live" scan directory); rebuilt at every boot. */
const SCAN_DIRECTORY = '/run/service'
/** Upstream's own variable for another one. */
const SCAN_DIRECTORY_VARIABLE = 'S6_PROFILE_GATEWAY_SCANDIR'
/** One file a variable that the container was started with (s6-overlay, "Container environment"). */
const CONTAINER_ENVIRONMENT = '/run/s6/container_environment'
/** What the helpers remember of one boot; a restart of the container empties it. */
const MEMORY_FOLDER = '/run/hermes-svc'

/** True for the name of a gateway's slot. */
export function isGatewaySlot(name: string): boolean {
  return /^gateway-[a-z0-9]/.test(name)
}

/** The slot that ticks all gateways of the container. */
export const HEARTBEAT_SLOT = `${OWN_PREFIX}heartbeat`

export function scanDirectory(host: Host): string {
  const named = host.env[SCAN_DIRECTORY_VARIABLE]?.trim()
  return named && path.isAbsolute(named) ? path.normalize(named).replace(/(.)\/$/, '$1') : SCAN_DIRECTORY
}

/** A variable of the container, whether this process was started with it or not. */
export function containerVariable(host: Host, name: string): string | undefined {
  return host.env[name] ?? host.readText(path.join(CONTAINER_ENVIRONMENT, name))?.replace(/\n$/, '')
}

/**
 * Upstream's name for the slot of a profile. That of another root home than the container's own has its hash, as with every manager, so that it
 * gets nobody else's slot.
 */
export function slotName(host: Host, profile: Profile, account: Account): string {
  const home = containerVariable(host, GatewayVariable.home)?.trim()
  if (!home || resolveProfile(accountDoor(host, account), account.home, {home}).root === profile.root) return `gateway-${profile.name}`
  return `gateway-${serviceSuffix(profile, account.home, (place) => accountDoor(host, account).realPath(place)) || DEFAULT_PROFILE}`
}

/**
 * Where the parts of one service are. The slot holds all that root runs, the helpers included, and is made anew at every boot by the
 * hermes-svc of the image. What the operator chose (settings, environment) is in the home: the volume is all that a new container of a
 * newer image has in common with the one before, and root only reads values from there, never a program.
 */
export interface SlotPaths {
  readonly slot: string
  /** A new slot is built here; s6-svscan ignores names with a leading dot (s6-svscan, "The scan directory"). */
  readonly staging: string
  readonly run: string
  readonly down: string
  readonly helpers: string
  /** Settings for the tick, which must not depend on a file that the gateway's user can change. */
  readonly slotSettings: string
  /** Why the last boot had it started or not. */
  readonly bootReason: string
  /** There if the last boot kept it down although nobody had stopped it. */
  readonly bootFinding: string
  /** There if a gateway elsewhere held the home's lock when the container booted. */
  readonly bootContested: string
  /** What the helpers remember between two starts. */
  readonly memory: string
  readonly memoryParent: string
  /** Folder of settings and environment in the home. */
  readonly support: string
  readonly settings: string
  readonly environmentFile: string
  /** s6-log's folder: upstream's own. */
  readonly logs: string
}

export function slotPaths(scan: string, {name, profile}: Pick<Service, 'name' | 'profile'>): SlotPaths {
  const slot = path.join(scan, name)
  const support = path.join(profile.home, '.hermes-svc')
  return {
    slot,
    staging: stagingOf(scan, name),
    run: path.join(slot, 'run'),
    down: path.join(slot, 'down'),
    helpers: path.join(slot, 'helpers'),
    slotSettings: path.join(slot, 'settings.json'),
    bootReason: path.join(slot, 'boot-reason'),
    bootContested: path.join(slot, 'boot-contested'),
    bootFinding: path.join(slot, 'boot-finding'),
    memory: path.join(MEMORY_FOLDER, name),
    memoryParent: MEMORY_FOLDER,
    support,
    settings: path.join(support, 'settings.json'),
    environmentFile: path.join(support, 'gateway.env'),
    logs: path.join(profile.root, HomeFile.s6Logs, name.slice('gateway-'.length)),
  }
}

export function stagingOf(scan: string, name: string): string {
  return path.join(scan, `.${name}.hermes-svc`)
}

/** Where the tick, whose program is in `folder`, a slot of its own, finds what it needs. */
export function tickPlaces(host: Host, folder: string): TickPlaces {
  return {
    supportFolder: path.dirname(folder),
    isService: isGatewaySlot,
    serviceName: (name) => name,
    runtimeFolder: (name) => path.join(MEMORY_FOLDER, name),
    // s6 has no control groups; what it starts again is the child of the supervisor that has the slot's name as its argument.
    isOwn: (slot, {parentPid}) => {
      const [program, name] = readProcess(host, parentPid)?.argv ?? []
      return path.basename(program ?? '') === 's6-supervise' && name === slot
    },
  }
}
