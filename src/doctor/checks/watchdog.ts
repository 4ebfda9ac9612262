import {type JournalEntry, recentEntries} from '../../plan/journal.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'

/** What is longer ago is history. */
const WITHIN_MS = 24 * 3_600_000
/** This often within that time, and it is no accident any more. */
const OFTEN = 3
const SHOWN = 5

/**
 * The watchdog leaves a line in the home's journal each time that it has the gateway restarted, and so does the helper after an end by the
 * gateway's own watchdog.
 */
export const definition: CheckDefinition<readonly JournalEntry[]> = {
  id: 'watchdog',
  title: 'a gateway that a watchdog had to end because it answered nothing',
  why: 'Something blocks its event loop again and again; each time its chats wait until the watchdog is sure of it.',
  needsService: true,
  needsManager: false,
  look: ({target: {userHost, service}}) =>
    recentEntries(userHost, service.profile.home).filter(
      // The helper that notes the gateway's own watchdog does not know the service's name, and a home has one.
      ({command, service: of}) => command === 'watchdog' && (of === service.name || of === ''),
    ),
  diagnose: (scene, entries) => {
    const recent = entries.filter(({time}) => {
      const agoMs = scene.nowMs - Date.parse(time)
      return agoMs >= 0 && agoMs < WITHIN_MS
    })
    if (recent.length === 0) return []
    return [
      {
        kind: 'restarted',
        severity: recent.length >= OFTEN ? 'warning' : 'info',
        what: `a watchdog had to restart the gateway ${recent.length === 1 ? 'once' : `${recent.length} times`} in the last 24 hours`,
        evidence: recent.slice(-SHOWN).map(({time, outcome, steps}) => `${time} (${outcome}): ${steps[0]?.target ?? 'no step'}`),
        cure: [commandLine(scene, "logs --since '1 day ago'")],
      },
    ]
  },
}

export const check = defineCheck(definition)
