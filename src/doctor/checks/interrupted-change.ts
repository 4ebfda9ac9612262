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

/** What is left of a command of ours after a kill -9 or a crash of the machine. */
export const definition: CheckDefinition<Evidence> = {
  id: 'interrupted-change',
  title: 'a change that hermes-svc did not finish, because its command was killed',
  why: 'The service is half changed: neither as it was before the command nor as it should be after it.',
  seeByHand: {
    systemd: [
      ['tail -n 3 ~/.hermes/logs/hermes-svc.jsonl', 'the last changes that hermes-svc finished'],
      ['ls -la ~/.config/hermes-svc/hermes-gateway ~/.hermes', 'files whose names end in .hermes-svc-tmp, and the file restart-due'],
      ['systemctl --user cat hermes-gateway', 'the unit and its drop-in: both must be there'],
    ],
    launchd: [
      ['tail -n 3 ~/.hermes/logs/hermes-svc.jsonl', 'the last changes that hermes-svc finished'],
      ['ls -la ~/Library/LaunchAgents ~/.hermes', 'files whose names end in .hermes-svc-tmp'],
    ],
    s6: [
      ['tail -n 3 ~/.hermes/logs/hermes-svc.jsonl', 'the last changes that hermes-svc finished'],
      ['ls -la /run/service ~/.hermes ~/.hermes/.hermes-svc', 'files whose names end in .hermes-svc-tmp'],
    ],
  },
  whatTheFixDoes:
    'The fix finishes what the command began: an install, a restart that was due, or an uninstall. It also removes temporary files.',
  unsafe: 'if an install, a restart or an uninstall has to be finished',
  ifItComesBack:
    'Something kills hermes-svc: a script with a time limit, a closed terminal, or too little memory. Give the command more time and look at "hermes-svc history".',
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
        isSafe: false,
        severity: 'warning',
        what: `${scene.target.service.name} was changed, but was not restarted afterwards`,
        why: 'The gateway still runs with the old definition.',
        // Where a restart is what has the manager read it, that is the same.
        explains: scene.seen.manager.needsReload ? ['definition-drift'] : [],
      })
    }
    if (temporaries.length > 0) {
      found.push({
        kind: 'temporary-files',
        severity: 'warning',
        what: `hermes-svc was killed while it wrote a file: ${temporaries.length === 1 ? `${temporaries[0]} is` : `${temporaries.length} temporary files are`} left`,
        why: 'The file that hermes-svc was writing still has its old content.',
        evidence: temporaries,
      })
    }
    return found
  },
  fix: {
    isSafe: true,
    interrupts: true,
    plan: async (scene, {temporaries}, found, options) => {
      const steps = temporaries.map((file) => removal(scene, file))
      const plan = await completion(scene, found, options)
      const outcome = plan?.outcome ?? 'the temporary files are removed'
      return {
        title: `finish the interrupted change of ${scene.target.service.name}`,
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
      isSafe: false,
      severity: 'warning',
      what: `${service.name} has no definition, but other files of hermes-svc for it are still there`,
      evidence: [hasPolicy ? 'its drop-in exists, but its unit does not' : 'its settings exist, but its unit and drop-in do not'],
      cure: [
        commandLine(scene, 'fix interrupted-change'),
        `${commandLine(scene, isInstall ? 'uninstall' : 'install')}   # instead, ${isInstall ? 'removes' : 'installs'} the service`,
      ],
      explains,
    }
  }
  // Where nothing can be installed, nothing was.
  const isInstallable = scene.target.manager.installer !== undefined
  if (installed === 'no' && isInstallable && scene.seen.desired.kind === 'recorded' && !isElsewhere) {
    return {
      kind: 'half-uninstalled',
      isSafe: false,
      severity: 'warning',
      what: `the gateway of ${service.profile.home} should be ${scene.seen.desired.record.desiredState}, but it has no service`,
      cure: [commandLine(scene, 'fix interrupted-change'), `${commandLine(scene, 'install')}   # if it should have a service`],
      explains,
    }
  }
  if (hasOurPolicy(scene.seen) && settings === undefined) {
    const lost = newer !== undefined ? `were written by hermes-svc ${newer}, which is newer` : hasSettings ? 'are damaged' : 'are gone'
    return {
      kind: 'settings-lost',
      isSafe: false,
      severity: 'warning',
      what: `the settings that ${service.name} was installed with ${lost}`,
      why: 'The next install uses the defaults, and uninstall does not know what to remove.',
      ...(newer === undefined
        ? {}
        : {
            cure: [
              `npm install -g hermes-svc@${newer}   # the version that wrote them, or:`,
              `${commandLine(scene, 'fix interrupted-change')}   # use the defaults`,
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
