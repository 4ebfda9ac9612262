import path from 'node:path'
import {ServiceError} from '../errors.js'
import {readDrain} from '../gateway/drain.js'
import {readGatewayState} from '../gateway/records.js'
import {type Host, HostError} from '../host/host.js'
import type {BootSlot, Container} from '../managers/container.js'
import type {DesiredState, Manager, Service} from '../managers/manager.js'
import {performSteps} from '../plan/apply.js'
import {appendJournal} from '../plan/journal.js'
import {isStoppedUntilBoot, readDesired} from '../service/desired-state.js'
import {findGatewayCommand} from '../service/gateway-command.js'
import {DEFAULT_PROFILE, listProfiles, type Profile} from '../service/profile.js'
import {DEFAULT_RESTART_POLICY} from '../service/restart-policy.js'
import {ownVersion} from '../service/own-version.js'
import {DEFAULT_HEARTBEAT, type ServiceSettings} from '../service/settings.js'
import {decideBoot, isDashboardOnly} from './boot-intent.js'
import {sweepHomes, type Swept} from './boot-sweep.js'
import {servedBy} from './served.js'
import type {Target} from './target.js'

/** Upstream's own script that does the same, which its image runs at every boot. */
const UPSTREAM_SCRIPT = '/etc/cont-init.d/02-reconcile-profiles'
/** What makes a folder below `profiles` a real profile, for upstream. */
const PROFILE_MARK = 'SOUL.md'
const LONGEST_LOG = 256 * 1024

export const bootLogFile = (root: string): string => path.join(root, 'logs', 'hermes-svc-boot.log')

/** What a boot made of one profile. */
export interface BootedProfile {
  readonly profile: string
  readonly service: string
  readonly home: string
  /** `served`: by another profile's gateway, so it has no slot of ours. `failed`: its slot could not be made. */
  readonly action: 'start' | 'keep-down' | 'served' | 'failed'
  readonly reason: string
  /** It is down although nobody stopped it. */
  readonly isFinding: boolean
  /** Files of the former container that were taken away. */
  readonly swept: readonly string[]
  /** Why they were not; null if nothing speaks against it. */
  readonly notSwept: string | null
}

export interface BootReport {
  readonly dryRun: boolean
  /** Upstream's own reconciliation has run before this one, or this one stands for it. */
  readonly reconciliation: 'after-upstream' | 'instead-of-upstream'
  /** Why nothing was done at all; null if something was. */
  readonly skipped: string | null
  readonly profiles: readonly BootedProfile[]
  /** What went wrong beside the profiles: their gateways run all the same. */
  readonly notes: readonly string[]
}

export interface BootOptions {
  readonly unrecorded: DesiredState
  readonly dryRun: boolean
}

/**
 * Brings the services of a container that boots into line with what the operator wants, and takes away what names processes of the container
 * before. A profile that cannot be helped is reported, and the others start. Throws only where nothing can be done at all.
 */
export async function boot(target: Target, container: Container, options: BootOptions): Promise<BootReport> {
  const {host, userHost, manager} = target
  const {account, profile: first} = target.service
  const {dryRun} = options
  if (isDashboardOnly(commandLines(host))) {
    const skipped = 'this container runs the dashboard alone; the gateways are another container’s'
    return {dryRun, reconciliation: 'instead-of-upstream', skipped, profiles: [], notes: []}
  }
  const profiles = realProfiles(host, first.root)
  const services = profiles.map((profile) => manager.serviceFor(profile, account))
  const isUpstreams = services.some((service) => container.isThere(service)) || host.stat(UPSTREAM_SCRIPT) !== undefined
  const reconciliation = isUpstreams ? 'after-upstream' : 'instead-of-upstream'
  // Beside the work on the slots; it is over before anything is started.
  const sweeping = sweepHomes(
    host,
    account,
    profiles.map(({home}) => home),
    dryRun,
  )
  const outcomes = new Map<Service, Outcome>()
  const slots: BootSlot[] = []
  const multiplexed = await isMultiplexed(userHost, container, first.root)
  const recorded = recordedSettings(manager, services)
  let command: readonly string[] | undefined
  for (const service of services) {
    const {profile} = service
    const server = servedBy({service, userHost: host}) ?? (multiplexed && profile.name !== DEFAULT_PROFILE ? DEFAULT_PROFILE : undefined)
    if (server !== undefined) {
      outcomes.set(service, {action: 'served', reason: `the gateway of profile ${server} serves it`, isFinding: false})
      continue
    }
    try {
      const desired = readDesired(host, profile.home)
      const {wanted, reason, isFinding} = decideBoot({
        ...{desired, state: readGatewayState(host, profile.home), unrecorded: options.unrecorded},
        isStoppedUntilBoot: isStoppedUntilBoot(host, desired),
      })
      const chosen = recorded.get(service)
      if (!chosen?.commandIsGiven) command ??= findGatewayCommand(host, first.root, account, manager.commandPath).argv
      const settings = await settingsFor(host, service, chosen, command ?? [])
      slots.push({service, settings, environment: manager.readEnvironment(service), wanted, reason, isFinding})
      outcomes.set(service, {action: wanted === 'running' ? 'start' : 'keep-down', reason, isFinding})
    } catch (error) {
      if (!(error instanceof ServiceError || error instanceof HostError)) throw error
      outcomes.set(service, failure(error.message))
    }
  }

  const notes: string[] = []
  const built = dryRun ? undefined : await container.build(account, slots)
  const swept = await sweeping
  const fail = (slot: BootSlot, why: string) => outcomes.set(slot.service, failure(why))
  const report = (some: readonly Service[]): BootReport => {
    const booted = some.flatMap((service) => {
      const outcome = outcomes.get(service)
      return outcome ? [bootedProfile(service, outcome, swept.get(service.profile.home))] : []
    })
    return {dryRun, reconciliation, skipped: null, profiles: booted, notes}
  }
  if (!built) return report(services)
  for (const [slot, why] of built.failures) fail(slot, why)
  // Before s6 takes any of them up: fifty gateways that start leave little time to anybody else.
  writeDown(userHost, host, first.root, report(services))
  const noTick = await tickFrom(host, container, built.done)
  if (noTick !== undefined) notes.push(noTick)
  const late = await container.takeUp(built)
  for (const [slot, why] of late) fail(slot, why)
  if (late.size > 0) writeDown(userHost, host, first.root, report([...late.keys()].map(({service}) => service)))
  return report(services)
}

type Outcome = Pick<BootedProfile, 'action' | 'reason' | 'isFinding'>

const failure = (reason: string): Outcome => ({action: 'failed', reason, isFinding: true})

/** One line of the boot log. */
export function bootLine({profile, action, reason, swept, notSwept}: BootedProfile): string {
  const files = swept.length > 0 ? `; removed ${swept.join(', ')}` : ''
  const kept = notSwept === null ? '' : `; its runtime files stay: ${notSwept}`
  return `profile=${profile} action=${action} reason=${JSON.stringify(reason + files + kept)}`
}

function bootedProfile({profile, name}: Service, outcome: Outcome, swept: Swept | undefined): BootedProfile {
  const {removed = [], kept} = swept ?? {}
  return {profile: profile.name, service: name, home: profile.home, ...outcome, swept: removed, notSwept: kept ?? null}
}

/** The default profile, and those below it that upstream takes for real. */
function realProfiles(host: Host, root: string): Profile[] {
  return listProfiles(host, root).filter(({name, home}) => name === DEFAULT_PROFILE || isThere(host, path.join(home, PROFILE_MARK)))
}

/** What the operator chose at the last install, by service. */
function recordedSettings(manager: Manager, services: readonly Service[]): Map<Service, ServiceSettings> {
  const found = new Map<Service, ServiceSettings>()
  for (const service of services) {
    try {
      const {settings} = manager.notInstalled(service)
      if (settings) found.set(service, settings)
    } catch (error) {
      // Settings that may not be read are like none: the profile starts with what is usual.
      if (!(error instanceof ServiceError)) throw error
    }
  }
  return found
}

async function settingsFor(
  host: Host,
  {profile, account}: Service,
  recorded: ServiceSettings | undefined,
  command: readonly string[],
): Promise<ServiceSettings> {
  const {drainSec, cronDrainSec} = await readDrain(host, profile.home)
  const usual: ServiceSettings = {
    schemaVersion: 1,
    scope: 'system',
    profile: profile.name,
    home: profile.home,
    account: account.name,
    command,
    commandIsGiven: false,
    createdDefinition: true,
    linger: true,
    turnedLingerOn: false,
    policy: DEFAULT_RESTART_POLICY,
    drainSec,
    cronDrainSec,
    heartbeat: DEFAULT_HEARTBEAT,
    writtenBy: ownVersion(host),
  }
  if (!recorded) return usual
  const {policy, heartbeat, commandIsGiven} = recorded
  return {...usual, policy, heartbeat, commandIsGiven, command: commandIsGiven ? recorded.command : command}
}

/** Has the heartbeat tick what wants it; why it could not. */
async function tickFrom(host: Host, container: Container, slots: readonly BootSlot[]): Promise<string | undefined> {
  const [slot] = slots
  if (!slot) return undefined
  try {
    await performSteps(host, await container.tickSteps(slot), () => undefined)
    return undefined
  } catch (error) {
    if (!(error instanceof ServiceError || error instanceof HostError)) throw error
    return `there is no heartbeat: ${error.message}`
  }
}

/** Upstream's rule: the configuration of the root home, or a variable. */
async function isMultiplexed(userHost: Host, container: Container, root: string): Promise<boolean> {
  const variable = container.variable('GATEWAY_MULTIPLEX_PROFILES')?.trim().toLowerCase()
  if (variable !== undefined && ['1', 'true', 'yes', 'on'].includes(variable)) return true
  try {
    const text = userHost.readText(path.join(root, 'config.yaml'))
    if (text?.includes('multiplex_profiles') !== true) return false
    const {parse} = await import('yaml')
    const config = parse(text) as {gateway?: {multiplex_profiles?: unknown}} | null
    return config?.gateway?.multiplex_profiles === true
  } catch {
    // A configuration that cannot be read, or is no YAML, is the gateway's to complain about.
    return false
  }
}

/** The command lines of all processes, PID 1 first. */
function commandLines(host: Host): string[][] {
  const pids = (host.list('/proc') ?? []).filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))
  return pids.map((pid) => {
    try {
      return (host.readText(`/proc/${pid}/cmdline`) ?? '').split('\0').filter(Boolean)
    } catch (error) {
      if (error instanceof HostError) return []
      throw error
    }
  })
}

/** Notes the boot in the boot log of the root home, and in the journal of each. A full disk must not cost a boot. */
function writeDown(userHost: Host, host: Host, root: string, report: BootReport): void {
  const time = new Date(host.nowMs()).toISOString()
  const lines = report.profiles.map((profile) => `${time} ${report.reconciliation} ${bootLine(profile)}`)
  try {
    const file = bootLogFile(root)
    userHost.makeFolder(path.dirname(file), 0o755)
    const before = userHost.readText(file) ?? ''
    // Of a long log the newer half stays.
    const kept = before.length > LONGEST_LOG ? before.slice(before.indexOf('\n', before.length - LONGEST_LOG / 2) + 1) : before
    if (kept.length < before.length) userHost.writeAtomic(file, kept, 0o644)
    userHost.appendLine(file, lines.join('\n'), 0o644)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
  for (const {home, service, action, reason} of report.profiles) {
    const outcome = action === 'failed' ? 'failed' : 'done'
    const step = {
      kind: 'act',
      target: action === 'start' ? 'make its slot, and start it' : 'make its slot, and keep it down',
      changed: true,
    }
    const steps = action === 'served' || action === 'failed' ? [] : [step]
    appendJournal(userHost, home, {time, command: 'boot', service, outcome, ...(outcome === 'failed' ? {error: reason} : {}), steps})
  }
}

function isThere(host: Host, file: string): boolean {
  try {
    return host.stat(file) !== undefined
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
}
