import type {Service} from '../service/service.js'
import path from 'node:path'
import {GatewayVariable, HomeFile, type DesiredState, DEFAULT_PROFILE} from '../gateway/contract.js'
import {configSection} from '../gateway/config-file.js'
import {readDrain} from '../gateway/drain.js'
import {readGatewayState} from '../gateway/records.js'
import {type AccountHost, type Doors, type Host, HostError} from '../host/host.js'
import {statIfAllowed} from '../host/tolerant-read.js'
import {type BootSlot, type BuiltSlots, type Container, whyFailed} from '../managers/container.js'
import {performSteps} from '../plan/perform.js'
import {isStoppedUntilBoot, readDesired} from '../service/desired-state.js'
import {findGatewayCommand} from '../service/gateway-command.js'
import {listProfiles, type Profile} from '../service/profile.js'
import {DEFAULT_RESTART_POLICY} from '../service/restart-policy.js'
import {ownVersion} from '../service/own-version.js'
import {DEFAULT_HEARTBEAT, type ServiceSettings} from '../service/settings.js'
import {decideBoot, isDashboardOnly} from './boot-intent.js'
import {type BootedProfile, type BootReport, writeDown} from './boot-report.js'
import {HELD_ELSEWHERE, sweepHomes, type Swept} from './boot-sweep.js'
import {servedBy} from '../observe/served.js'
import type {Target} from '../observe/where.js'

/** Upstream's own script that does the same, which its image runs at every boot. */
const UPSTREAM_SCRIPT = '/etc/cont-init.d/02-reconcile-profiles'

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
    const skipped = 'this container runs only the dashboard; the gateways run in another container'
    return {dryRun, reconciliation: 'instead-of-upstream', skipped, profiles: [], notes: []}
  }
  const profiles = realProfiles(userHost, first.root)
  const services = profiles.map((profile) => manager.placement.serviceFor(profile, account))
  const isUpstreams = services.some((service) => container.isThere(service)) || host.stat(UPSTREAM_SCRIPT) !== undefined
  const reconciliation = isUpstreams ? 'after-upstream' : 'instead-of-upstream'
  // Beside the work on the slots; it is over before anything is started.
  const sweeping = sweepHomes(
    target,
    profiles.map(({home}) => home),
    dryRun,
  ).catch((error: unknown) => new Map(profiles.map(({home}) => [home, {removed: [], kept: whyFailed(error)}])))
  const outcomes = new Map<Service, Outcome>()
  const slots: BootSlot[] = []
  const multiplexed = await isMultiplexed(userHost, container, first.root)
  const recorded = container.chosen(account, services)
  let command: readonly string[] | undefined
  for (const service of services) {
    const {profile} = service
    try {
      const server = servedBy({service, userHost}) ?? (multiplexed && profile.name !== DEFAULT_PROFILE ? DEFAULT_PROFILE : undefined)
      if (server !== undefined) {
        outcomes.set(service, {action: 'served', reason: `the gateway of profile ${server} serves it`, isFinding: false})
        continue
      }
      const desired = readDesired(userHost, profile.home)
      const {wanted, reason, isFinding} = decideBoot({
        ...{desired, state: readGatewayState(userHost, profile.home), unrecorded: options.unrecorded},
        isStoppedUntilBoot: isStoppedUntilBoot(host, desired),
      })
      const chosen = recorded.get(service)
      if (chosen?.failure !== undefined) {
        outcomes.set(service, failure(chosen.failure))
        continue
      }
      if (!chosen?.settings?.commandIsGiven)
        command ??= findGatewayCommand(host, first.root, account, manager.container?.variable('PATH')).argv
      const settings = await settingsFor(target, service, chosen?.settings, command ?? [])
      slots.push({service, settings, environment: chosen?.environment ?? new Map(), wanted, reason, isFinding})
      outcomes.set(service, {action: wanted === 'running' ? 'start' : 'keep-down', reason, isFinding})
    } catch (error) {
      outcomes.set(service, failure(whyFailed(error)))
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
  for (const slot of built.done) if (swept.get(slot.service.profile.home)?.kept === HELD_ELSEWHERE) container.noteContested(slot)
  // Before s6 takes any of them up: fifty gateways that start leave little time to anybody else.
  const noteDown = (some: readonly Service[]) => {
    try {
      writeDown(userHost, first.root, report(some))
    } catch (error) {
      notes.push(`hermes-svc could not write the boot log: ${whyFailed(error)}`)
    }
  }
  noteDown(services)
  const noTick = await tickFrom(host, container, built.done)
  if (noTick !== undefined) notes.push(noTick)
  const late = await takenUp(container, built)
  for (const [slot, why] of late) fail(slot, why)
  if (late.size > 0) noteDown([...late.keys()].map(({service}) => service))
  return report(services)
}

type Outcome = Pick<BootedProfile, 'action' | 'reason' | 'isFinding'>

const failure = (reason: string): Outcome => ({action: 'failed', reason, isFinding: true})

function bootedProfile({profile, name}: Service, outcome: Outcome, swept: Swept | undefined): BootedProfile {
  const {removed = [], kept} = swept ?? {}
  return {profile: profile.name, service: name, home: profile.home, ...outcome, swept: removed, notSwept: kept ?? null}
}

/** The default profile, and those below it that upstream takes for real. */
function realProfiles(host: AccountHost, root: string): Profile[] {
  return listProfiles(host, root).filter(
    ({name, home}) => name === DEFAULT_PROFILE || statIfAllowed(host, path.join(home, HomeFile.profileMark)) !== undefined,
  )
}

async function settingsFor(
  {host, userHost}: Doors,
  {profile, account}: Service,
  recorded: ServiceSettings | undefined,
  command: readonly string[],
): Promise<ServiceSettings> {
  const {drainSec, cronDrainSec} = await readDrain(userHost, profile.home)
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
  const {policy, heartbeat, commandIsGiven, resources} = recorded
  const chosen = {policy, heartbeat, commandIsGiven, ...(resources ? {resources} : {})}
  return {...usual, ...chosen, command: commandIsGiven ? recorded.command : command}
}

/** Has the heartbeat tick what wants it; why it could not. */
async function tickFrom(host: Host, container: Container, slots: readonly BootSlot[]): Promise<string | undefined> {
  const [slot] = slots
  if (!slot) return undefined
  try {
    await performSteps(host, await container.tickSteps(slot), () => undefined)
    return undefined
  } catch (error) {
    return `the heartbeat does not run: ${whyFailed(error)}`
  }
}

/** Has the manager take up what was built; those that it could not, all of them if that failed altogether. */
async function takenUp(container: Container, built: BuiltSlots): Promise<ReadonlyMap<BootSlot, string>> {
  try {
    return await container.takeUp(built)
  } catch (error) {
    return new Map(built.done.map((slot) => [slot, whyFailed(error)]))
  }
}

/** What YAML takes for true, as the gateway's parser has it. */
const YES = ['true', 'yes', 'on']

/** Upstream's rule: the configuration of the root home, or a variable. */
async function isMultiplexed(userHost: AccountHost, container: Container, root: string): Promise<boolean> {
  const variable = container.variable(GatewayVariable.multiplex)?.trim().toLowerCase()
  if (variable !== undefined && ['1', ...YES].includes(variable)) return true
  try {
    const text = userHost.readText(path.join(root, HomeFile.config))
    if (text?.includes('multiplex_profiles') !== true) return false
    return YES.includes(configSection(text, 'gateway').get('multiplex_profiles')?.toLowerCase() ?? '')
  } catch {
    // A configuration that cannot be read is the gateway's to complain about.
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
