import {HomeFile, StateWord} from '../../gateway/contract.js'
import {stateOf} from '../../gateway/observation.js'
import {howToBegin} from '../../lifecycle/first-contact.js'
import {type CheckDefinition, defineCheck} from '../check.js'

/** Somebody asks about a profile that has no service. */
export const definition: CheckDefinition<undefined> = {
  id: 'not-installed',
  title: 'a profile without a service',
  why: 'Nothing starts its gateway after a crash, a logout or a reboot.',
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
    const isMeant = !lives && seen.desired.kind === 'recorded' && seen.desired.record.desiredState === 'running'
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
