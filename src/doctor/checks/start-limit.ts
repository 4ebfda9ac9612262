import {planStart} from '../../lifecycle/start.js'
import type {DefinitionEvidence} from '../../managers/manager.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {reinstall, shouldRun} from '../reinstall.js'

const START_TIMEOUT_MS = 90_000

/** A limit of the manager that ends a gateway for good, or no limit and no backoff either. */
export const definition: CheckDefinition<DefinitionEvidence> = {
  id: 'start-limit',
  title: 'restart settings that leave the gateway down for good, or restart it forever without slowing down',
  why: 'After a few quick exits in a row, planned restarts included, the gateway stays down until somebody starts it by hand.',
  seeByHand: {
    systemd: [
      ['systemctl --user show hermes-gateway | grep StartLimit', 'how many starts (Burst) in which time (Interval); 0 is no limit'],
      [
        'systemctl --user show hermes-gateway -p Result,NRestarts,RestartUSec',
        '"start-limit-hit", the restarts, and the delay before each',
      ],
      ['systemctl --user cat hermes-gateway', 'which file sets StartLimit…= and Restart…='],
    ],
    launchd: [
      ['cat ~/Library/LaunchAgents/ai.hermes.gateway.plist', 'KeepAlive without our launcher: launchd restarts without a growing delay'],
    ],
    s6: [['cat /run/service/gateway-default/finish', 'without a delay here, s6 restarts the gateway each second']],
  },
  whatTheFixDoes:
    'The fix adds a restart policy to the definition: the delay grows with each failure, and the service manager never gives up. If a limit has already stopped the service, the fix also starts the gateway.',
  unsafe: 'for a service of another tool, or if the limit that stopped the service is still set',
  ifItComesBack:
    'Another tool writes the definition again, or one of your own files overrides it: "hermes-svc diff" shows which setting differs and in which file. Why the gateway exits so often is a separate question: see "hermes-svc history".',
  needsService: true,
  needsManager: true,
  look: ({target: {manager}, seen}) => manager.definition.evidence(seen.manager),
  diagnose: (scene, {restartRisk, startFailure}) => {
    const {seen} = scene
    const {service, installed, restarts, activity, broken} = seen.manager
    if (broken !== undefined) return []
    if (startFailure?.kind === 'limit' && activity === 'failed' && shouldRun(seen)) {
      const hit: Found = {
        kind: 'hit',
        severity: 'error',
        what: `${service.name} was started too often in a row, so the service manager no longer starts it`,
        why: 'The gateway stays down until somebody starts it by hand. After that, the same can happen again.',
        evidence: [`the service manager says: ${startFailure.text}`, restartRisk.arithmetic, `automatic restarts: ${restarts}`],
        isSafe: restartRisk.kind === 'sound' && seen.desired.kind === 'recorded',
        explains: ['crash-loop', 'desired-state'],
      }
      return [hit]
    }
    if (restartRisk.kind === 'sound') return []
    const isStorm = restartRisk.kind === 'storms'
    const risk: Found = {
      kind: restartRisk.kind,
      severity: 'warning',
      what: isStorm
        ? `${service.name} would restart a broken gateway forever, without slowing down`
        : `${service.name} would stay down after a few quick exits`,
      ...(isStorm
        ? {why: 'If the fault does not go away, the restarts heat the machine and fill the log, and the service never shows as failed.'}
        : {}),
      evidence: [restartRisk.arithmetic],
      // Adding our policy to another tool's definition is for the operator to decide.
      isSafe: installed !== 'foreign',
      // Adopting it records an intent as well.
      explains: installed === 'own' ? [] : ['desired-state'],
      ...(installed === 'foreign' ? {cure: [commandLine(scene, 'install')]} : {}),
    }
    return [risk]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene, {restartRisk}, _found, options) =>
      restartRisk.kind === 'sound'
        ? planStart(scene.target, {timeoutMs: options.timeoutMs ?? START_TIMEOUT_MS})
        : reinstall(scene, options, {keepRunning: true}),
  },
}

export const check = defineCheck(definition)
