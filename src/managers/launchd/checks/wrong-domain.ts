import {type CheckDefinition, commandLine, defineCheck} from '../../../doctor/check.js'
import type {Found} from '../../../doctor/finding.js'
import {reinstall, shouldRun} from '../../../doctor/reinstall.js'
import type {Scene} from '../../../doctor/scene.js'
import {ExitStatus, ServiceError} from '../../../errors.js'
import {waitUntilUp} from '../../../lifecycle/wait.js'
import type {Step} from '../../../plan/plan.js'
import {type Domain, domainsOf, parseDomainKind} from '../domain.js'
import {Launchctl} from '../launchctl.js'
import {unloadStep} from '../load.js'
import type {CheckId} from '../../../doctor/checks/index.js'

interface Evidence {
  readonly isOnDisk: boolean
  /** The domains of the service's scope with what launchd says of the service there; one that cannot be looked at is left out. */
  readonly places: readonly {readonly domain: Domain; readonly isThere: boolean; readonly isLoaded: boolean}[]
  /** Where it was installed; undefined for another tool's. */
  readonly recorded: Domain | undefined
}

const START_MS = 90_000

/** launchd has a place for a user's jobs with a session at the desktop, and another without one. */
export const definition: CheckDefinition<Evidence> = {
  id: 'wrong-domain',
  title: 'a service that is loaded in the wrong launchd domain, in two domains, or whose domain does not exist',
  why: 'launchd does not start the service at the next login, or starts it twice.',
  seeByHand: [
    ['launchctl print gui/$(id -u)/ai.hermes.gateway', 'the service in the session at the desktop'],
    ['launchctl print user/$(id -u)/ai.hermes.gateway', 'the service in the session without a desktop'],
    ['launchctl managername', 'the session that you are in: Aqua is the desktop'],
  ],
  whatTheFixDoes:
    'The fix unloads the service where it does not belong, and restarts it in its own domain. If that domain does not exist now, the fix moves the service to the one that exists.',
  ifItComesBack:
    'Another tool loads the service too, for example over SSH. Load it with "hermes-svc start" only. If the gateway should run without a login at the desktop, install a daemon with "sudo hermes-svc install --run-as USER".',
  needsService: false,
  needsManager: false,
  managers: ['launchd'],
  look: ({target: {manager, host, service}, seen, unreachable}) => {
    const domains = unreachable === undefined && seen.manager.installed !== 'no' ? domainsOf(manager.scope, service.account) : []
    const launchctl = new Launchctl(host)
    const kind = parseDomainKind(seen.manager.settings?.domain)
    return {
      isOnDisk: manager.observer.isOnDisk(service),
      // A daemon has one place only.
      places: (domains.length > 1 ? domains : []).flatMap((domain) => placeOf(launchctl, domain, service.name)),
      recorded: domains.find((domain) => domain.kind === kind),
    }
  },
  diagnose: (scene, evidence) => foundUnreachable(scene, evidence) ?? foundElsewhere(scene, evidence),
  fix: {
    isSafe: false,
    interrupts: true,
    plan: (scene, {places, recorded}, found, options) => {
      const {target, seen} = scene
      if (found.some(({kind}) => kind === 'no-such-session')) return reinstall(scene, options)
      const loaded = places.filter(({isLoaded}) => isLoaded).map(({domain}) => domain)
      const wrong = loaded.filter((domain) => domain.target !== recorded?.target)
      const surplus = recorded === undefined ? loaded.slice(1) : wrong
      return {
        title: `load ${target.service.name} in one launchd domain only`,
        steps: [...surplus.map((domain) => unloadFrom(scene, domain)), ...target.manager.control.restart(target.service)],
        verify: async (progress) => {
          await waitUntilUp(target, {previousPid: seen.verdict.pid, timeoutMs: options.timeoutMs ?? START_MS, progress})
        },
        lasts: true,
        outcome: `${target.service.name} is loaded in ${recorded?.target ?? loaded[0]?.target}`,
      }
    },
  },
}

function placeOf(launchctl: Launchctl, domain: Domain, label: string): Evidence['places'] {
  try {
    const shown = launchctl.print(domain.target, label)
    return [{domain, isThere: shown !== 'no-domain', isLoaded: typeof shown !== 'string'}]
  } catch (error) {
    if (error instanceof ServiceError && error.exitStatus === ExitStatus.cannotTell) return []
    throw error
  }
}

function foundUnreachable({unreachable, isNamed}: Scene, {isOnDisk}: Evidence): Found[] | undefined {
  if (!unreachable) return undefined
  if (!isNamed && !isOnDisk) return []
  const explains: readonly CheckId[] = [
    'not-installed',
    'desired-state',
    'stale-state',
    'missing-heartbeat',
    'helper-missing',
    'orphan-gateway',
  ]
  const isNoSession = unreachable.code === 'no-user-manager'
  return [
    {
      kind: isNoSession ? 'no-session' : 'unreachable',
      severity: !isNoSession ? 'unknown' : isOnDisk ? 'error' : 'warning',
      what: unreachable.message,
      ...(isNoSession ? {why: 'The services of a user run only while that user has a session.'} : {}),
      cure: unreachable.next,
      isFixable: false,
      explains,
    },
  ]
}

function foundElsewhere(scene: Scene, {places, recorded}: Evidence): Found[] {
  const {service} = scene.seen.manager
  const loaded = places.filter(({isLoaded}) => isLoaded).map(({domain}) => domain.target)
  const explains: readonly CheckId[] = [
    'not-loaded',
    'desired-state',
    'definition-drift',
    'stale-state',
    'stale-marker',
    'missing-heartbeat',
    'helper-missing',
  ]
  if (loaded.length > 1) {
    return [
      {
        kind: 'twice',
        severity: 'error',
        what: `${service.name} is loaded twice, in ${loaded.join(' and ')}`,
        why: 'Two gateways in one home get in each other’s way and can damage its database.',
        explains: [...explains, 'orphan-gateway'],
      },
    ]
  }
  const isThere = places.some(({domain, isThere}) => isThere && domain.target === recorded?.target)
  const [where] = loaded
  if (recorded === undefined || where === recorded.target) return []
  if (where !== undefined && isThere) {
    const what = `${service.name} was installed for ${recorded.target}, but is loaded in ${where}`
    return [{kind: 'elsewhere', severity: 'warning', what, explains}]
  }
  const present = places.find((place) => place.isThere)?.domain.target
  if (isThere || where !== undefined || present === undefined || !shouldRun(scene.seen)) return []
  return [
    {
      kind: 'no-such-session',
      severity: 'error',
      what: `${service.name} was installed for ${recorded.target}, which does not exist now; only ${present} does`,
      why: 'The session has ended, and the gateway with it. Both come back only when the user logs in there again.',
      cure: [
        recorded.kind === 'gui'
          ? `log in as ${service.account.name} at the desktop, or:`
          : `log in as ${service.account.name} over SSH, or:`,
        `${commandLine(scene, 'fix wrong-domain')}   # moves it to ${present}`,
      ],
      explains,
    },
  ]
}

function unloadFrom({target: {host, manager, service}}: Scene, domain: Domain): Step {
  const plist = manager.definition.ownFiles(service).find(({role}) => role === 'definition')?.path ?? ''
  const job = {label: service.name, plist, owner: service.account}
  return unloadStep(`unload ${service.name} from ${domain.target}`, host, new Launchctl(host), domain, job)
}

export const check = defineCheck(definition)
