import {HomeFile, StateWord} from '../../gateway/contract.js'
import {stateOf} from '../../gateway/observation.js'
import {howToBegin} from '../../lifecycle/first-contact.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import {recordedState} from '../../service/desired-state.js'

/** Somebody asks about a profile that has no service. */
export const definition: CheckDefinition<undefined> = {
  id: 'not-installed',
  title: 'a profile without a service',
  why: 'Nothing starts its gateway after a crash, a logout or a reboot.',
  seeByHand: {
    systemd: [['systemctl --user cat hermes-gateway', '"No files found": there is no unit of that name']],
    launchd: [['ls ~/Library/LaunchAgents/ai.hermes.gateway.plist', '"No such file": there is no property list of that name']],
    s6: [['ls /run/service', 'there is no folder gateway-default']],
  },
  whatTheFixDoes:
    'Type "hermes-svc setup", which asks you a few questions, or "hermes-svc install". Without a service manager, "hermes-svc run" keeps the gateway alive.',
  ifItComesBack:
    'Another tool removes the service, or you named a different profile or home than the one that is installed. "hermes-svc list" shows all profiles and their services.',
  needsService: false,
  needsManager: true,
  look: () => undefined,
  diagnose: (scene) => {
    const {seen, target, isNamed} = scene
    const {installed, broken} = seen.manager
    if (!isNamed || installed !== 'no' || broken !== undefined) return []
    const {gatewayState, says} = stateOf(seen.gateway.state) ?? {}
    // Whatever has started it, such as a container's runtime, may keep it alive too.
    const lives = seen.manager.isForeground === true && seen.verdict.state === 'alive'
    const isCutOff = !lives && says !== undefined && gatewayState !== StateWord.stopped
    const isMeant = !lives && recordedState(seen.desired) === 'running'
    return [
      {
        kind: isMeant ? 'missing' : isCutOff ? 'without-service' : 'none',
        severity: isMeant || isCutOff ? 'warning' : 'info',
        what: target.manager.installer
          ? `no service is installed for profile ${target.service.profile.name} (${target.manager.title})`
          : `nothing here keeps the gateway of profile ${target.service.profile.name} alive: neither a service manager nor hermes-svc run`,
        evidence: [
          ...(isMeant ? ['the desired state of the gateway is running'] : []),
          ...(isCutOff ? [`a gateway ran here and was not stopped cleanly: ${HomeFile.state} says ${says}`] : []),
        ],
        cure: howToBegin(target),
      },
    ]
  },
}

export const check = defineCheck(definition)
