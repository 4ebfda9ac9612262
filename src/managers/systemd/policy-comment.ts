import {delayMs, type RestartPolicy} from '../../service/restart-policy.js'
import {restartPauseMs, START_LIMIT, startsWithin} from './start-limit.js'

const LINE_LENGTH = 120

/** The arithmetic of a policy in plain sentences, as lines of at most 120 characters for the comments of a definition. */
export function describePolicy(policy: RestartPolicy): string[] {
  const pauseMs = restartPauseMs(policy)
  const atCap = Math.ceil(Math.log2(policy.capMs / policy.firstMs)) + 1
  const shown = Math.min(atCap - 1, 8)
  const first = Array.from({length: shown}, (_, index) => formatSec(delayMs(policy, index + 1)))
  const growth = [...first, ...(shown < atCap - 1 ? ['…'] : [])].join(', ')
  let untilCapMs = 0
  for (let failures = 1; failures < atCap; failures++) untilCapMs += delayMs(policy, failures) + pauseMs
  const perHour = Math.floor(3_600_000 / (policy.capMs + pauseMs))
  const cap = `${formatSec(policy.capMs)} s`
  const sentences = [
    `systemd restarts the gateway ${formatSec(pauseMs)} s after every end (RestartSec). A planned restart does not wait longer.`,
    growth === ''
      ? `After a failure, the start itself waits (ExecStartPre): ${cap} each time.`
      : `After failures in a row, the start itself waits (ExecStartPre): ${growth} s, and ${cap} from failure ${atCap} on.`,
    `The wait is longest after ${formatSec(untilCapMs)} s in all: from then on there are at most ${perHour} starts an hour, and the gateway is back at most ${cap} after the cause is gone. A stop, or ${formatSec(policy.forgetAfterMs)} s of running, resets the count of failures.`,
    describeLimit(policy),
  ]
  return inLines(sentences.join(' '))
}

/** Why the start limit of a unit cannot leave a gateway dead, in one sentence. */
function describeLimit(policy: RestartPolicy): string {
  const {intervalSec, burst} = START_LIMIT
  const pauseMs = restartPauseMs(policy)
  const starts = startsWithin(intervalSec * 1000, () => pauseMs, burst)
  return (
    `systemd counts every start, also planned restarts and starts by hand. RestartSec=${formatSec(pauseMs)}s leads to at most ${starts} starts in ` +
    `StartLimitIntervalSec=${intervalSec}s, and StartLimitBurst=${burst} allows that, so this unit never reaches the limit by itself.`
  )
}

/** The same as lines for the comment of a unit that has the limit alone. */
export function limitComment(policy: RestartPolicy): string[] {
  return inLines(describeLimit(policy))
}

function inLines(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
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
