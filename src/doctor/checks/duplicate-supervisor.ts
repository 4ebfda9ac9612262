import type {GatewayDefinition} from '../../managers/manager.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {oncePerLook} from '../once-per-look.js'
import {reinstall} from '../reinstall.js'
import type {Scene} from '../scene.js'
import {findGatewayCommand} from '../../service/gateway-command.js'
import {LEGACY_NAME} from '../../service/naming.js'
import {shellQuote} from '../../text/shell-quote.js'

interface Rival extends GatewayDefinition {
  /** A gateway runs under it now. */
  readonly isActive: boolean
}

interface Evidence {
  readonly rivals: readonly Rival[]
  readonly commandLine: string
}

const definitionsOf = oncePerLook(({target: {manager, service}}): GatewayDefinition[] => manager.rivals.definitions(service.account))

/** Two services that both want to run the gateway of a home. */
export const definition: CheckDefinition<Evidence> = {
  id: 'duplicate-supervisor',
  title: 'two services for the same home, or a service that kills other gateways',
  why: 'Whenever one of them starts, it kills or blocks the gateway of the other, again and again.',
  seeByHand: {
    systemd: [
      ['systemctl --user list-unit-files "hermes*"', 'services of this user'],
      ['systemctl list-unit-files "hermes*"', 'services of the machine'],
      ['systemctl --user cat hermes-gateway', '--replace in ExecStart= kills other gateways'],
    ],
    launchd: [
      ['ls ~/Library/LaunchAgents /Library/LaunchAgents /Library/LaunchDaemons', 'jobs named hermes'],
      ['launchctl list', 'jobs of this user that are loaded'],
    ],
    s6: [
      ['ls /run/service', 'services named gateway'],
      ['cat /run/service/gateway-default/run', '--replace in the command kills other gateways'],
    ],
  },
  whatTheFixDoes:
    'The fix stops and disables hermes.service, the name that old versions of the gateway used, and removes "--replace" from the command. If you have two services of your own, disable one of them yourself.',
  ifItComesBack:
    'Another tool installs its own service, such as "hermes gateway install" or a configuration manager. Let only one of them manage the gateway.',
  needsService: true,
  needsManager: true,
  look: (scene) => {
    const {service, manager} = scene.target
    const rivals = definitionsOf(scene, String(service.account.uid)).filter(
      ({name, scope, home}) => home === service.profile.home && (name !== service.name || scope !== manager.scope),
    )
    return {
      rivals: rivals
        .map((rival) => ({...rival, isActive: manager.rivals.isRunning?.(rival, scene.processes) ?? false}))
        .filter((rival) => rival.isEnabled || rival.isActive),
      commandLine: manager.definition.evidence(scene.seen.manager).commandLine,
    }
  },
  diagnose: (scene, {rivals, commandLine}) => {
    const found = rivals.map((rival) => foundRival(scene, rival))
    if (/ --replace( |$)/.test(commandLine) && scene.seen.manager.broken === undefined) found.push(foundReplace(scene, commandLine))
    return found
  },
  fix: {
    isSafe: false,
    interrupts: true,
    plan: async (scene, {rivals}, found, options) => {
      const {manager, service, host} = scene.target
      const legacy = rivals.filter((rival) => rival.name === LEGACY_NAME && found.some(({kind}) => kind === 'legacy'))
      const steps = legacy.flatMap((rival) => manager.rivals.end?.(rival) ?? [])
      if (!found.some(({kind}) => kind === 'replace'))
        return {title: `stop and disable ${LEGACY_NAME}`, steps, outcome: `${service.name} is the only service of this home`}
      const {argv} = findGatewayCommand(host, service.profile.root, service.account)
      const plan = await reinstall(scene, options, {command: argv.map(shellQuote).join(' ')})
      return {...plan, steps: [...steps, ...plan.steps]}
    },
  },
}

function foundRival(scene: Scene, rival: Rival): Found {
  const {manager, service} = scene.target
  const state = [...(rival.isEnabled ? ['starts at boot'] : []), ...(rival.isActive ? ['runs a gateway now'] : [])].join(' and ')
  const isLegacy = rival.name === LEGACY_NAME && rival.scope === manager.scope
  const own = manager.byHand('disable', service.name)
  return {
    kind: isLegacy ? 'legacy' : rival.name === service.name ? 'other-scope' : 'other-service',
    severity: 'error',
    what: `${rival.name} (${rival.scope} scope) uses the same home as ${service.name}: it ${state}`,
    evidence: [rival.path, `home: ${rival.home}`, `it runs: ${rival.command.join(' ')}`],
    ...(isLegacy
      ? {}
      : {
          isFixable: false,
          cure: [`${manager.byHand('disable', rival.name, rival.scope)}   # or keep this service, and type: ${own}`],
        }),
    explains: ['orphan-gateway', 'crash-loop', 'desired-state'],
  }
}

function foundReplace({seen}: Scene, commandLine: string): Found {
  return {
    kind: 'replace',
    severity: 'warning',
    what: `${seen.manager.service.name} starts its gateway with --replace`,
    why: 'At each start it kills any other gateway, even that of another profile with the same token. The two then kill each other in turn.',
    evidence: [`it runs: ${commandLine}`],
  }
}

export const check = defineCheck(definition)
