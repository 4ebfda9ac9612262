import {shownTarget} from '../notify/target.js'
import {DEFAULT_WATCHDOG_TICKS} from '../service/settings.js'
import {type Answer, type Answers, type ItemId, UNSAID} from './item.js'
import type {SetupFlags} from './questions.js'

/** The flags that say what the answers say: with them the same is done, and nothing is asked. Pure. */
export function withAnswers(flags: SetupFlags, answers: Answers): SetupFlags {
  const text = (id: ItemId): string | undefined => {
    const value = answers[id]?.value
    return typeof value === 'string' && value !== UNSAID ? value : undefined
  }
  const linger = text('linger')
  const fix = answers.fix?.value
  return {
    ...flags,
    manager: flags.manager ?? text('manager'),
    runAs: flags.runAs ?? text('run-as') ?? text('run-as-name'),
    profile: flags.profile ?? text('profile'),
    scope: flags.scope ?? text('scope'),
    command: flags.command ?? text('command'),
    linger: flags.linger ?? (linger === undefined ? undefined : linger === 'boot'),
    heartbeat: flags.heartbeat ?? text('heartbeat'),
    watchdog: flags.watchdog ?? (isDefaultWatchdog(answers.watchdog) ? undefined : text('watchdog')),
    notify: flags.notify ?? (answers.notify?.by === 'flag' ? undefined : listed(text('notify'))),
    fix: Array.isArray(fix) ? (fix as string[]) : flags.fix,
  }
}

const listed = (text: string | undefined): string[] | undefined => (text === undefined ? undefined : [text])

/** Nobody said it, and it is the default: it follows that from then on, too. */
function isDefaultWatchdog(answer: Answer | undefined): boolean {
  return answer?.by === 'default' && answer.value === String(DEFAULT_WATCHDOG_TICKS)
}

/** The answers as the JSON document has them; what was only told is left out, and of who is told there is only what may be shown. */
export function answersJson(answers: Answers): object[] {
  return Object.entries(answers).flatMap(([id, {value, by}]: [string, Answer]) =>
    value === undefined || value === UNSAID ? [] : [{id: id === 'run-as-name' ? 'run-as' : id, value: shownValue(id, value, by), by}],
  )
}

/** What was typed as a target may be a secret; of a flag's the answer has only what may be shown. */
function shownValue(id: string, value: Answer['value'], by: Answer['by']): Answer['value'] {
  return id === 'notify' && by === 'person' && typeof value === 'string' ? shownTarget(value) : value
}
