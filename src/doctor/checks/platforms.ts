import {PlatformWord, HomeFile} from '../../gateway/contract.js'
import {clipped, type PlatformSeen} from '../../observe/online.js'
import {inWords} from '../../text/layout.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {knownSecrets} from '../../lifecycle/known-secrets.js'
import {redact} from '../../service/redact.js'
import type {Scene} from '../scene.js'
import {onlineOfScene} from '../situation.js'

interface Evidence {
  /** Those that are not as they should be. */
  readonly failed: readonly PlatformSeen[]
  /** Values that must not be shown, wherever a platform says them. */
  readonly secrets: readonly string[]
}

/** No command of ours mends an account, a token or a network; a restart may get a connection that hangs going again. */
export const definition: CheckDefinition<Evidence> = {
  id: 'platforms',
  title: 'a running gateway with a chat platform that does not work',
  why: 'The gateway neither reads nor answers messages on this platform, although everything else looks healthy.',
  seeByHand: [
    [`cat ~/.hermes/${HomeFile.state}`, '"platforms": the state and the error of each chat platform'],
    [`tail -n 50 ~/.hermes/${HomeFile.log}`, 'what the gateway logged about the platform'],
  ],
  whatTheFixDoes:
    'Read the error in the finding and in the log. Renew a token that was revoked, or repair the network; then type "hermes-svc restart".',
  ifItComesBack:
    'The platform refuses the gateway again. Usual causes are a revoked token, a second program that uses the same token, and a network that blocks the platform: "hermes-svc logs" shows which.',
  needsService: false,
  needsManager: false,
  look: (scene) => {
    const failed = onlineOfScene(scene).platforms.filter(({fault}) => fault !== undefined)
    return {failed, secrets: failed.length > 0 ? knownSecrets(scene.target) : []}
  },
  diagnose: (scene, {failed, secrets}) => failed.map((platform) => about(scene, platform, secrets)),
}

function about(scene: Scene, platform: PlatformSeen, secrets: readonly string[]): Found {
  const {fault, forMs = 0, said} = platform
  const shown = JSON.stringify(clipped(said.name))
  const logs = commandLine(scene, 'logs')
  const whats = {
    fatal: `the gateway has given up on the platform ${shown}`,
    'needs-attention': `the platform ${shown} has needed attention for ${inWords(forMs)}`,
    retrying: `the gateway has been trying to connect to the platform ${shown} for ${inWords(forMs)}`,
  }
  const kind = fault ?? PlatformWord.fatal
  return {
    kind,
    severity: 'warning',
    what: whats[kind],
    evidence: evidenceOf(scene, platform, secrets),
    cure: kind === 'retrying' ? [logs, commandLine(scene, 'restart')] : [logs],
    isFixable: false,
  }
}

function evidenceOf({target}: Scene, {said: {name, state, errorCode, errorMessage}}: PlatformSeen, values: readonly string[]): string[] {
  const code = errorCode === undefined ? '' : ` (${clipped(errorCode)})`
  const redacted = (text: string) => redact(text, {accounts: [target.service.account], values})
  // Before it is cut, so that no half of a secret is left.
  const message = errorMessage === undefined ? '' : `: ${redacted(errorMessage.replace(/\s+/g, ' ')).slice(0, 300)}`
  return [redacted(`${clipped(name)} is ${state === undefined ? 'in an unknown state' : clipped(state)}${code}`) + message]
}

export const check = defineCheck(definition)
