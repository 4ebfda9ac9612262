import type {PlatformState} from '../../gateway/records.js'
import {stateOf} from '../../gateway/verdict.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {redact} from '../redact.js'
import type {Scene} from '../scene.js'
import {gatewayAgeMs, inWords, momentMs} from '../situation.js'

interface Evidence {
  /** How long the gateway has been there, by a clock that does not jump: nothing of its can have lasted longer. */
  readonly ageMs: number | undefined
}

/** A platform that reconnects is nothing unusual for that long. */
const LONG_MS = 900_000

/** No command of ours mends an account, a token or a network; a restart may get a connection that hangs going again. */
export const definition: CheckDefinition<Evidence> = {
  id: 'platforms',
  title: 'a gateway that lives, and a chat platform of it that does not',
  why: 'Messages on this platform are neither read nor answered, while everything else looks well.',
  needsService: false,
  needsManager: false,
  look: (scene) => ({ageMs: gatewayAgeMs(scene)}),
  diagnose: (scene, {ageMs}) => {
    const {verdict, gateway} = scene.seen
    const state = stateOf(gateway.state)
    if (verdict.state !== 'alive' || verdict.pid === undefined || state?.process?.pid !== verdict.pid) return []
    const own = state.platforms.filter(({writerPid}) => writerPid === undefined || writerPid === verdict.pid)
    return own.flatMap((platform) => about(scene, platform, ageMs))
  },
}

function about(scene: Scene, platform: PlatformState, ageMs: number | undefined): Found[] {
  const {name, state, needsAttention, retryingSince, updatedAt} = platform
  const shown = JSON.stringify(name)
  const logs = commandLine(scene, 'logs')
  const sinceMs = (time: string | number | undefined) => {
    const ms = momentMs(time)
    return ms === undefined ? undefined : Math.min(scene.nowMs - ms, ageMs ?? 0)
  }
  const found = (kind: string, what: string, cure: readonly string[]): Found[] => [
    {kind, severity: 'warning', what, evidence: evidenceOf(scene, platform), cure, isFixable: false},
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

function evidenceOf({target}: Scene, {name, state, errorCode, errorMessage}: PlatformState): string[] {
  const code = errorCode === undefined ? '' : ` (${errorCode})`
  const message = errorMessage === undefined ? '' : `: ${errorMessage.replace(/\s+/g, ' ').slice(0, 300)}`
  return [redact(`${name} is ${state ?? 'in no known state'}${code}${message}`, [target.service.account])]
}

export const check = defineCheck(definition)
