import {type CheckDefinition, defineCheck} from '../../../doctor/check.js'
import type {Found} from '../../../doctor/finding.js'
import {reinstall} from '../../../doctor/reinstall.js'
import type {Scene} from '../../../doctor/scene.js'

/** Of the programs that the definition names those that are not there. */
type Evidence = readonly string[]

/** launchd has given a job up: its program was not there when it was to be started. How it gets out by itself is not documented. */
export const definition: CheckDefinition<Evidence> = {
  id: 'penalty-box',
  title: 'a job that launchd put into its penalty box because the program was missing',
  why: 'launchd no longer starts the job, although the job is loaded and launchd says that a start is scheduled.',
  seeByHand: [
    ['launchctl print gui/$(id -u)/ai.hermes.gateway', '"penalty box" in the line "properties"'],
    ['ls -l ~/Library/Application\\ Support/hermes-svc/ai.hermes.gateway', 'the launcher and the service helper: is one missing?'],
  ],
  whatTheFixDoes:
    'The fix writes the missing program again, unloads the job and loads it. If another tool installed the service, put the missing file back yourself.',
  ifItComesBack:
    'Something deletes the program: a clean-up tool, or a folder on a disk that is not there at login. "hermes-svc doctor" names the missing file.',
  needsService: true,
  needsManager: true,
  managers: ['launchd'],
  look: ({target: {manager, host}, seen}) =>
    manager.definition
      .evidence(seen.manager)
      .programs.map((program) => program.path)
      .filter((program) => host.stat(program)?.kind !== 'file'),
  diagnose: (scene, missing) => {
    const {manager} = scene.seen
    if (!manager.directives.properties?.split(' | ').includes('penalty box')) return []
    const found: Found = {
      kind: 'boxed',
      severity: 'error',
      what: `launchd has given up on ${manager.service.name}: the job is in the penalty box`,
      evidence: [
        `launchctl shows the state ${manager.directives.state} and the last exit code ${manager.directives['last exit code'] ?? '(none)'}`,
        ...missing.map((program) => `${program} is gone`),
      ],
      explains: [
        'helper-missing',
        'definition-broken',
        'definition-drift',
        'crash-loop',
        'fatal-config',
        'desired-state',
        'stale-state',
        'stale-marker',
        'missing-heartbeat',
        'start-limit',
        'log-path',
      ],
    }
    return [{...found, ...(manager.installed === 'own' ? {} : othersCure(scene, missing))}]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    // A start loads a job anew that is in the penalty box.
    plan: (scene, _missing, _found, options) => reinstall(scene, options),
  },
}

function othersCure({target: {manager, service}}: Scene, missing: Evidence): Partial<Found> {
  const cure = [...missing.map((program) => `ls -l '${program}'   # put this file back`), manager.byHand('disable', service.name)]
  return {isFixable: false, cure}
}

export const check = defineCheck(definition)
