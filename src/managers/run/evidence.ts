import {stopTimeoutSec} from '../../gateway/drain.js'
import type {DefinitionEvidence, ManagerObservation} from '../manager.js'

/** See Definition.evidence: what `hermes-svc run` was told, and what it does. */
export function evidence({settings}: ManagerObservation): DefinitionEvidence {
  const command = settings?.command ?? []
  const [program] = command
  return {
    restartRisk: {kind: 'sound', arithmetic: 'there is no start limit, and each failure makes the next start wait longer'},
    startFailure: undefined,
    stopTimeoutMs: settings && stopTimeoutSec(settings) * 1000,
    programs: program === undefined ? [] : [{path: program, role: 'gateway'}],
    commandLine: command.join(' '),
    command,
    requiredFolder: settings?.home,
    searchPath: undefined,
  }
}
