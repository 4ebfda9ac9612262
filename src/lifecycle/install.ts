import {installerOf} from '../managers/installing.js'
import {ownerDoor} from '../host/account-door.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {HostError} from '../host/host.js'
import {isAsWanted} from '../managers/definition-file.js'
import {hasOwnText} from '../managers/manager.js'
import {askUnseen, type Observation, observeWith, requireVisible} from '../observe/look.js'
import {servedBy} from '../observe/served.js'
import {requireSameHome, type Target} from '../observe/where.js'
import {inPhase, type Plan, type Step} from '../plan/plan.js'
import {isStoppedUntilBoot} from '../service/desired-state.js'
import {proveGatewayCommand} from '../service/gateway-command.js'
import {upstreamCommand} from '../service/upstream-command.js'
import {UpstreamCommand} from '../gateway/contract.js'
import {ownCommand} from './own-command.js'
import {requireUsableHome} from '../service/home-check.js'
import {commandEnvironment, requireGoodOutlook, startWarnings} from './before-restart.js'
import {restartBudgetMs} from './budget.js'
import {type DefinitionRequest, doorOf, isOfAnotherTool, type Rendered, renderService} from './definition.js'
import {isFirstHomeOf, makeFirstHome} from './first-home.js'
import {decide, type Decision, type InstallFacts, type InstallManner} from './install-decide.js'
import {installSteps} from './install-render.js'
import {notifySteps} from './notify-change.js'
import {Phase} from './phase.js'
import {requireNoOrphan, requireUsableDefinition} from './start.js'
import {waitUntilUp} from './wait.js'

/** How long a gateway may take to come up. */
const START_TIMEOUT_MS = 90_000

/** What `install` was told. */
export interface InstallRequest extends DefinitionRequest, InstallManner {
  /** Undefined: as long as it may take. */
  readonly timeoutMs: number | undefined
  /** Restart a gateway that works onto what it cannot load, too; default: as `force`. */
  readonly evenBroken?: boolean | undefined
  /** What to type to have that; default: the same command with --force. */
  readonly anyway?: string | undefined
}

/** An installation as it would be, weighed by what is there; nothing is proved. */
export interface Weighed {
  readonly rendered: Rendered
  readonly facts: InstallFacts
  readonly decision: Decision
  readonly isAdopted: boolean
  readonly steps: readonly Step[]
}

/** Weighs an installation. Reads only, and runs nothing of the gateway's. Throws as `planInstall`, but for what that proves. */
export async function weighInstall(target: Target, request: InstallRequest): Promise<Weighed> {
  const {service, host} = target
  const isHomeNew = isFirstHomeOf(target)
  if (!isHomeNew) requireUsableHome(host, service.profile, service.account, target.homeFlag)
  requireNotServed(target)
  requireOnlyOneScope(target)
  const whileDown = observeWhileDown(target, request)
  const rendered = await renderService(target, request, {seen: whileDown, force: request.force})
  const {seen} = rendered
  // One of ours that the manager refuses is replaced whole; whether that cures it is seen when it starts.
  const isReplaced = request.force && hasOwnText(seen.manager) && seen.manager.broken !== 'masked'
  if (!isReplaced) requireUsableDefinition(target, seen)
  requireSameHome(target, seen.manager)
  const facts = factsOf(target, rendered, whileDown !== undefined)
  const decision = decide(facts, request)
  const steps = [
    ...inPhase(Phase.prepare, [...(isHomeNew ? [makeFirstHome(target)] : []), ...notifySteps(target, request.notify)]),
    ...installSteps(target, rendered, facts, decision),
  ]
  return {rendered, facts, decision, isAdopted: isOfAnotherTool(target, seen), steps}
}

/**
 * Plans an installation. Nothing is written before the home is found usable and the command proved. Any failure leaves the machine as it
 * was, with the previous definition running again. A new service is started, one that was stopped by intent stays stopped.
 */
export async function planInstall(target: Target, request: InstallRequest): Promise<Plan> {
  const {manager, service, host} = target
  const {rendered, decision, isAdopted, steps} = await weighInstall(target, request)
  const {seen, settings, environment} = rendered
  if (!isAdopted || settings.commandIsGiven) {
    await proveGatewayCommand(host, settings.command, service.account, commandEnvironment(target, settings, environment))
  }

  const {desired, restart, start, staysDown, isPutOff, kept} = decision
  if (start || restart) requireVisible(target, await askUnseen(target, seen))
  if (start) requireNoOrphan(target, seen)
  const {evenBroken = request.force, anyway = 'run the same command with --force'} = request
  const warnings = restart
    ? await requireGoodOutlook(target, seen, {evenBroken, anyway, isProved: true})
    : start
      ? await startWarnings(target, seen)
      : []
  const what = `${service.name} is ${isAdopted ? 'adopted' : 'installed'}`
  const adoption = isAdopted ? '; hermes-svc keeps its unit and adds its own restart policy' : ''
  const isUp = desired === 'running' && !staysDown
  const state = isUp ? ' and running' : seen.manager.installed === 'no' ? ' and stopped' : ' and stopped as before'
  return {
    title: `install ${service.name} (${manager.title})`,
    steps,
    ...(start || restart
      ? {
          verifyPhase: Phase.up,
          verify: async (progress) => {
            const timeoutMs = request.timeoutMs ?? (restart ? await restartBudgetMs(target) : START_TIMEOUT_MS)
            const deadlineMs = request.timeoutMs === undefined ? Infinity : target.host.monotonicMs() + timeoutMs
            await waitUntilUp(target, {before: seen, previousPid: restart ? seen.verdict.pid : undefined, timeoutMs, deadlineMs, progress})
          },
        }
      : {}),
    warnings,
    runs: isUp,
    undone: afterUndo(target, seen.manager.installed !== 'no', settings.command),
    outcome:
      (steps.length === 0 ? `${service.name} is already up to date; nothing was changed` : what + state + adoption) +
      (isPutOff ? '; the changes take effect at the next restart' : '') +
      kept.map((file) => `; kept ${file.path}, which was edited by hand (--force replaces it)`).join(''),
  }
}

/** What stands after an installation that failed, and what to do about what the gateway said: where its service went, no command of ours tells of it. */
function afterUndo(target: Target, wasInstalled: boolean, command: readonly string[]): NonNullable<Plan['undone']> {
  const {host, service} = target
  const typed = (words: string) => upstreamCommand(host, service.profile, service.account, words, command)
  return {
    what: wasInstalled ? 'the service is as it was before' : 'nothing is left of the installation',
    next: [
      `${typed(UpstreamCommand.run)}   # shows in this terminal why the gateway does not run`,
      `${typed(UpstreamCommand.chats)}   # if its setup is the reason`,
      `${ownCommand(target, 'install')}   # after you have fixed it`,
    ],
  }
}

/** What it is decided by. Reads only. */
function factsOf(target: Target, {seen, files, heartbeat}: Rendered, isManagerDown: boolean): InstallFacts {
  const {manager, service, host} = target
  const due = manager.placement.placesOf(service).restartDue
  return {
    seen,
    isOthers: isOfAnotherTool(target, seen),
    differing: files.filter((file) => !isAsWanted(doorOf(target, file), file)),
    tickFiles: heartbeat.files,
    leftovers: installerOf(manager).leftovers(service, [...files.map((file) => file.path), due]),
    secrets: manager.definition.ownFiles(service).flatMap(({role, path}) => (role === 'secrets' ? [path] : [])),
    isDue: ownerDoor(host, manager.placement.owner(service)).lstat(due) !== undefined,
    isStoppedUntilBoot: isStoppedUntilBoot(host, seen.desired),
    isManagerDown,
  }
}

/** The service as it is on disk, if its manager is down and the installation will bring it up. */
function observeWhileDown(target: Target, request: DefinitionRequest): Observation | undefined {
  const seen = target.manager.observer.whileDown?.(target.service)
  return seen && (request.linger ?? seen.settings?.linger) ? observeWith(target, seen) : undefined
}

/** A profile that another gateway serves has no files and no process of its own. */
function requireNotServed(target: Target): void {
  const server = servedBy(target)
  if (server === undefined) return
  const {name} = target.service.profile
  throw usageError(`--profile ${name}: the gateway of profile ${server} serves this profile, which needs no service of its own`)
}

/** Two services on one home fight over it. */
function requireOnlyOneScope(target: Target): void {
  const {manager, service} = target
  const other = manager.inScope(manager.scope === 'user' ? 'system' : 'user', service.account)
  if (other.scope === manager.scope) return
  try {
    const same = other.placement.serviceFor(service.profile, service.account)
    if (!other.observer.isOnDisk(same)) return
    const owner = other.placement.defaultAccount(service.profile.name)
    if (owner && owner.uid !== service.account.uid) return
    throw new ServiceError(`${same.name} is already installed in ${other.title}. Two services cannot use one home`, {
      code: 'duplicate-service',
      exitStatus: ExitStatus.failed,
      next: [`hermes-svc uninstall --scope ${other.scope}${other.scope === 'system' ? '   # with sudo' : ''}`],
    })
  } catch (error) {
    // What cannot be looked at cannot be refused for.
    if (error instanceof HostError || (error instanceof ServiceError && error.code === 'no-access')) return
    throw error
  }
}
