import {type JournalEntry, recentEntries} from '../../plan/journal.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'

/** What is longer ago is history. */
const WITHIN_MS = 24 * 3_600_000
/** This often within that time, and it is no accident any more. */
const OFTEN = 3
const SHOWN = 5

/** The watchdog leaves a line in the home's journal each time that it has the gateway restarted. */
export const definition: CheckDefinition<readonly JournalEntry[]> = {
  id: 'watchdog',
  title: 'a gateway that the watchdog had to kill because it answered nothing',
  why: 'Something blocks its event loop again and again; each time its chats wait until the watchdog is sure of it.',
  needsService: true,
  needsManager: false,
  look: ({target: {userHost, service}}) =>
    recentEntries(userHost, service.profile.home).filter(({command, service: of}) => command === 'watchdog' && of === service.name),
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
        what: `the watchdog had to restart the gateway ${recent.length === 1 ? 'once' : `${recent.length} times`} in the last 24 hours`,
        evidence: recent.slice(-SHOWN).map(({time, outcome, steps}) => `${time} (${outcome}): ${steps[0]?.target ?? 'no step'}`),
        cure: [commandLine(scene, "logs --since '1 day ago'")],
      },
    ]
  },
}

export const check = defineCheck(definition)
