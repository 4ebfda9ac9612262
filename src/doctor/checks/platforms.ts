import type {PlatformState} from '../../gateway/records.js'
import {stateOf} from '../../gateway/observation.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {knownSecrets} from '../known-secrets.js'
import {redact} from '../redact.js'
import type {Scene} from '../scene.js'
import {gatewayAgeMs, inWords, momentMs} from '../situation.js'

interface Evidence {
  /** How long the gateway has been there, by a clock that does not jump: nothing of its can have lasted longer. */
  readonly ageMs: number | undefined
  /** Values that must not be shown, wherever a platform says them. */
  readonly secrets: readonly string[]
}

/** Characters of a name or a state that are shown. */
const LONGEST_WORD = 80
/** Platforms that are looked at; upstream knows some dozens. */
const MOST = 200
/** A platform that reconnects is nothing unusual for that long. */
const LONG_MS = 900_000

/** No command of ours mends an account, a token or a network; a restart may get a connection that hangs going again. */
export const definition: CheckDefinition<Evidence> = {
  id: 'platforms',
  title: 'a gateway that lives, and a chat platform of it that does not',
  why: 'Messages on this platform are neither read nor answered, while everything else looks well.',
  needsService: false,
  needsManager: false,
  look: (scene) => ({ageMs: gatewayAgeMs(scene), secrets: ownPlatforms(scene).some(isIll) ? knownSecrets(scene.target) : []}),
  diagnose: (scene, evidence) => ownPlatforms(scene).flatMap((platform) => about(scene, platform, evidence)),
}

/** What the living gateway itself says of its platforms. */
function ownPlatforms({seen: {verdict, gateway}}: Scene): readonly PlatformState[] {
  const state = stateOf(gateway.state)
  if (verdict.state !== 'alive' || verdict.pid === undefined || state?.process?.pid !== verdict.pid) return []
  return state.platforms.filter(({writerPid}) => writerPid === undefined || writerPid === verdict.pid).slice(0, MOST)
}

const isIll = ({state, needsAttention, retryingSince}: PlatformState) => state === 'fatal' || needsAttention || retryingSince !== undefined

function about(scene: Scene, platform: PlatformState, {ageMs, secrets}: Evidence): Found[] {
  const {state, needsAttention, retryingSince, updatedAt} = platform
  const name = clipped(platform.name)
  const shown = JSON.stringify(name)
  const logs = commandLine(scene, 'logs')
  const sinceMs = (time: string | number | undefined) => {
    const ms = momentMs(time)
    return ms === undefined ? undefined : Math.min(scene.nowMs - ms, ageMs ?? 0)
  }
  const found = (kind: string, what: string, cure: readonly string[]): Found[] => [
    {kind, severity: 'warning', what, evidence: evidenceOf(scene, {...platform, name}, secrets), cure, isFixable: false},
  ]
  if (state === 'fatal') return found('fatal', `the platform ${shown} has given up`, [logs])
  const attentionMs = needsAttention ? sinceMs(updatedAt) : undefined
  if (attentionMs !== undefined && attentionMs > LONG_MS) {
    return found('needs-attention', `the platform ${shown} has needed attention for ${inWords(attentionMs)}`, [logs])
  }
  const retryingMs = sinceMs(retryingSince)
  if (retryingMs === undefined || retryingMs <= LONG_MS) return []
  return found('retrying', `the platform ${shown} has been trying to connect for ${inWords(retryingMs)}`, [
    logs,
    commandLine(scene, 'restart'),
  ])
}

function evidenceOf({target}: Scene, {name, state, errorCode, errorMessage}: PlatformState, values: readonly string[]): string[] {
  const code = errorCode === undefined ? '' : ` (${clipped(errorCode)})`
  const redacted = (text: string) => redact(text, {accounts: [target.service.account], values})
  // Before it is cut, so that no half of a secret is left.
  const message = errorMessage === undefined ? '' : `: ${redacted(errorMessage.replace(/\s+/g, ' ')).slice(0, 300)}`
  return [redacted(`${name} is ${state === undefined ? 'in no known state' : clipped(state)}${code}`) + message]
}

/** A word of the gateway's; a longer one is none. */
function clipped(word: string): string {
  return word.length > LONGEST_WORD ? `${word.slice(0, LONGEST_WORD)}…` : word
}

export const check = defineCheck(definition)
