import {HomeFile, StateWord} from '../../gateway/contract.js'
import {stateOf} from '../../gateway/observation.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'

/** Somebody asks about a profile that has no service. */
export const definition: CheckDefinition<undefined> = {
  id: 'not-installed',
  title: 'a profile that was asked for and has no service',
  why: 'Nothing starts its gateway after a crash, a logout or a reboot.',
  needsService: false,
  needsManager: true,
  look: () => undefined,
  diagnose: (scene) => {
    const {seen, target, isNamed} = scene
    const {installed, broken} = seen.manager
    if (!isNamed || installed !== 'no' || broken !== undefined) return []
    const {gatewayState, says} = stateOf(seen.gateway.state) ?? {}
    const isCutOff = says !== undefined && gatewayState !== StateWord.stopped
    const isMeant = seen.desired.kind === 'recorded' && seen.desired.record.desiredState === 'running'
    return [
      {
        kind: isMeant ? 'missing' : isCutOff ? 'without-service' : 'none',
        severity: isMeant || isCutOff ? 'warning' : 'info',
        what: `no service is installed for profile ${target.service.profile.name} (${target.manager.title})`,
        evidence: [
          ...(isMeant ? ['it is recorded that its gateway should be running'] : []),
          ...(isCutOff ? [`a gateway has run here, and was not stopped in good order: ${HomeFile.state} says ${says}`] : []),
        ],
        cure: [commandLine(scene, 'install')],
      },
    ]
  },
}

export const check = defineCheck(definition)
