import {ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import {isTemporaryPath} from '../../host/host.js'
import {isLockedByAnother} from '../../gateway/lock.js'
import type {GatewayDefinition} from '../../managers/manager.js'
import type {Plan, Step} from '../../plan/plan.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {newerWriter} from '../../service/settings.js'
import {type CheckDefinition, commandLine, defineCheck, type FixOptions} from '../check.js'
import type {Found} from '../finding.js'
import {oncePerLook} from '../once-per-look.js'
import {hasOurPolicy, reinstall} from '../reinstall.js'
import type {Scene} from '../scene.js'
import type {CheckId} from './index.js'

const UNINSTALL_TIMEOUT_MS = 90_000

interface Evidence {
  /** Temporary files of writes that never came to their end. */
  readonly temporaries: readonly string[]
  readonly isRestartDue: boolean
  readonly hasSettings: boolean
  /** The version of hermes-svc whose settings this one cannot read, because they are newer. */
  readonly newerWriter: string | undefined
  readonly hasPolicy: boolean
  /** Another command of ours is at work on this home: what looks half-done is being done. */
  readonly isBusy: boolean
  /** Another definition runs this home, in the other scope for instance. */
  readonly isElsewhere: boolean
}

const definitionsOf = oncePerLook(({target: {manager, service}}): GatewayDefinition[] => manager.rivals.definitions(service.account))

/** What a kill -9, or a machine that went down, left of a command of ours. */
export const definition: CheckDefinition<Evidence> = {
  id: 'interrupted-change',
  title: 'what a command of hermes-svc that was killed has left half-done',
  why: 'The service is neither as it was before that command nor as it should be after it.',
  needsService: false,
  needsManager: true,
  look: (scene) => {
    const {manager, service, host, userHost} = scene.target
    const door = ownerDoor(host, manager.placement.owner(service))
    const {home} = service.profile
    const ours = manager.installer?.leftovers(service, []) ?? []
    const inHome = (userHost.list(home) ?? [])
      .filter(isTemporaryPath)
      .map((name) => path.join(home, name))
      .filter((file) => userHost.lstat(file)?.kind !== 'folder')
    const policy = manager.definition.ownFiles(service).find(({role}) => role === 'policy')?.path ?? ''
    const isAbsent = scene.seen.manager.installed === 'no'
    const evidence = {
      temporaries: [...ours.filter(isTemporaryPath), ...inHome],
      isRestartDue: ours.includes(manager.placement.placesOf(service).restartDue),
      hasSettings: ours.includes(manager.placement.placesOf(service).settings),
      newerWriter:
        hasOurPolicy(scene.seen) && !scene.seen.manager.settings
          ? newerWriter(readIfAllowed(door, manager.placement.placesOf(service).settings))
          : undefined,
      hasPolicy: isAbsent && door.lstat(policy) !== undefined,
    }
    const isElsewhere =
      isAbsent &&
      scene.seen.desired.kind === 'recorded' &&
      definitionsOf(scene, String(service.account.uid)).some((other) => other.home === home)
    const seen = {...evidence, isElsewhere}
    const isSuspicious = evidence.temporaries.length > 0 || evidence.isRestartDue || halfDone(scene, seen) !== undefined
    // The table of locks makes every reader wait for all processors, so it is read only where something depends on it.
    return {...seen, isBusy: isSuspicious && isLockedByAnother(scene.target, home)}
  },
  diagnose: (scene, evidence) => {
    const {temporaries, isRestartDue, isBusy: isAtWork} = evidence
    if (isAtWork || scene.seen.manager.broken !== undefined) return []
    const found: Found[] = []
    const half = halfDone(scene, evidence)
    if (half) found.push(half)
    else if (isRestartDue) {
      found.push({
        kind: 'restart-due',
        severity: 'warning',
        what: `${scene.target.service.name} was changed, and the restart that this needs never came`,
        why: 'The gateway runs on the definition from before.',
        // Where a restart is what has the manager read it, that is the same.
        explains: scene.seen.manager.needsReload ? ['definition-drift'] : [],
      })
    }
    if (temporaries.length > 0) {
      found.push({
        kind: 'temporary-files',
        severity: 'warning',
        what: `a write was cut off: ${temporaries.length === 1 ? temporaries[0] : `${temporaries.length} temporary files are left`}`,
        why: 'What was being written is as it was before, and may not be what was meant.',
        evidence: temporaries,
        isSafe: true,
      })
    }
    return found
  },
  fix: {
    isSafe: false,
    interrupts: true,
    plan: async (scene, {temporaries}, found, options) => {
      const steps = temporaries.map((file) => removal(scene, file))
      const plan = await completion(scene, found, options)
      const outcome = plan?.outcome ?? 'what was left is taken away'
      return {
        title: `finish what was interrupted on ${scene.target.service.name}`,
        ...plan,
        steps: [...steps, ...(plan?.steps ?? [])],
        outcome,
      }
    },
  },
}

function halfDone(scene: Scene, {hasSettings, hasPolicy, newerWriter: newer, isElsewhere}: Omit<Evidence, 'isBusy'>): Found | undefined {
  const {installed, service, settings} = scene.seen.manager
  const explains: readonly CheckId[] = ['not-installed', 'desired-state']
  if (installed === 'no' && (hasSettings || hasPolicy)) {
    const isInstall = isHalfInstalled(scene, hasPolicy)
    return {
      kind: isInstall ? 'half-installed' : 'half-uninstalled',
      severity: 'warning',
      what: `${service.name} has no definition, and our files for it are still there`,
      evidence: [hasPolicy ? 'its drop-in is there, its unit is not' : 'its settings are there, its unit and drop-in are not'],
      cure: [
        commandLine(scene, 'fix interrupted-change'),
        `${commandLine(scene, isInstall ? 'uninstall' : 'install')}   # if that was meant`,
      ],
      explains,
    }
  }
  // Where nothing can be installed, nothing was.
  const isInstallable = scene.target.manager.installer !== undefined
  if (installed === 'no' && isInstallable && scene.seen.desired.kind === 'recorded' && !isElsewhere) {
    return {
      kind: 'half-uninstalled',
      severity: 'warning',
      what: `it is recorded that the gateway of ${service.profile.home} should be ${scene.seen.desired.record.desiredState}, and there is no service`,
      cure: [commandLine(scene, 'fix interrupted-change'), `${commandLine(scene, 'install')}   # if it should have one`],
      explains,
    }
  }
  if (hasOurPolicy(scene.seen) && settings === undefined) {
    const lost = newer !== undefined ? `are of hermes-svc ${newer}, which is newer` : hasSettings ? 'cannot be understood' : 'are gone'
    return {
      kind: 'settings-lost',
      severity: 'warning',
      what: `what was chosen when ${service.name} was installed is lost: its settings ${lost}`,
      why: 'The next install goes by the defaults, and uninstall does not know what to take back.',
      ...(newer === undefined
        ? {}
        : {
            cure: [
              `npm install -g hermes-svc@${newer}   # the version that wrote them, or:`,
              `${commandLine(scene, 'fix interrupted-change')}   # by the defaults`,
            ],
          }),
      explains: ['definition-drift'],
    }
  }
  return undefined
}

/** The drop-in is written before the unit and removed after it; an install records what should be at its end, and uninstall forgets it last. */
function isHalfInstalled(scene: Scene, hasPolicy: boolean): boolean {
  return hasPolicy || scene.seen.desired.kind === 'absent'
}

async function completion(scene: Scene, found: readonly Found[], options: FixOptions): Promise<Plan | undefined> {
  const kinds = found.map(({kind}) => kind)
  if (kinds.includes('half-uninstalled')) {
    const {planUninstall} = await import('../../lifecycle/uninstall.js')
    return planUninstall(scene.target, {timeoutMs: options.timeoutMs ?? UNINSTALL_TIMEOUT_MS})
  }
  return kinds.some((kind) => kind !== 'temporary-files') ? reinstall(scene, options) : undefined
}

function removal({target: {manager, service}}: Scene, file: string): Step {
  const as = file.startsWith(`${service.profile.home}/`) ? service.account : manager.placement.owner(service)
  return {kind: 'remove-file', why: `remove ${file}`, path: file, as}
}

export const check = defineCheck(definition)
