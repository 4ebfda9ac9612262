import {delayMs, type RestartPolicy} from '../../service/restart-policy.js'

/**
 * StartLimitBurst= of a unit. It has no effect while StartLimitIntervalSec= is 0, and stands beside it so that somebody who sets an
 * interval gets a burst that planned restarts do not use up.
 */
export const START_LIMIT_BURST = 100

const LINE_LENGTH = 120

/** The arithmetic of a policy in plain sentences, as lines of at most 120 characters for the comments of a definition. */
export function describePolicy(policy: RestartPolicy): string[] {
  const atCap = Math.ceil(Math.log2(policy.capMs / policy.firstMs)) + 1
  const shown = Math.min(atCap - 1, 8)
  const first = Array.from({length: shown}, (_, index) => formatSec(delayMs(policy, index + 1)))
  const growth = [...first, ...(shown < atCap - 1 ? ['…'] : [])].join(', ')
  let untilCapMs = 0
  for (let failures = 1; failures < atCap; failures++) untilCapMs += delayMs(policy, failures) + policy.restartDelayMs
  const perHour = Math.floor(3_600_000 / (policy.capMs + policy.restartDelayMs))
  const cap = `${formatSec(policy.capMs)} s`
  const sentences = [
    `Every end is followed by a restart ${formatSec(policy.restartDelayMs)} s later (RestartSec); a planned one (exit 75 of a gateway that ran) waits no longer.`,
    growth === ''
      ? `After a failure the start itself waits (ExecStartPre): ${cap} each time.`
      : `After failures in a row the start itself waits (ExecStartPre): ${growth} s, and ${cap} from failure ${atCap} on.`,
    `The cap is reached after ${formatSec(untilCapMs)} s of waiting; from then on that is at most ${perHour} starts an hour, and the gateway is back within ${cap} of the cause being gone. ${formatSec(policy.forgetAfterMs)} s up, or a stop, and the count is forgotten.`,
    'systemd counts planned restarts too, so any limit of its own would sooner or later leave a healthy gateway dead:',
    `StartLimitIntervalSec=0 switches it off, and StartLimitBurst=${START_LIMIT_BURST} counts only where somebody sets an interval again.`,
  ]
  const lines: string[] = []
  for (const word of sentences.join(' ').split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= LINE_LENGTH) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

/** Seconds without needless zeros: 8, 0.4, 0.125. */
function formatSec(ms: number): string {
  return String(Math.round(ms) / 1000)
}
