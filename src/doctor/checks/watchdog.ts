import {HomeFile} from '../../gateway/contract.js'
import {recentEnds, recentEntries} from '../../plan/journal.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'

/** What is longer ago is history. */
const WITHIN_MS = 24 * 3_600_000
/** This often within that time, and it is no accident any more. */
const OFTEN = 3
const SHOWN = 5

/** A restart by a watchdog: when, ISO 8601, and what it was, in words. */
interface Restart {
  readonly time: string
  readonly what: string
}

/**
 * The watchdog leaves a line in the home's journal each time that it has the gateway restarted, and so does the helper after an end by the
 * gateway's own watchdog.
 */
export const definition: CheckDefinition<readonly Restart[]> = {
  id: 'watchdog',
  title: 'a gateway that a watchdog had to restart because it did not respond',
  why: 'Something blocks the event loop of the gateway. Each time, all chats wait until the watchdog restarts the gateway.',
  seeByHand: [
    ["grep -E 'watchdog|loop' ~/.hermes/logs/hermes-svc.jsonl", 'each restart by a watchdog, with its time'],
    [`tail -n 100 ~/.hermes/${HomeFile.log}`, 'what the gateway logged around these times'],
  ],
  whatTheFixDoes: 'The gateway runs again, so you need not do anything now. Read what it did before each restart: "hermes-svc logs".',
  ifItComesBack:
    'The same thing blocks the event loop each time, for example a tool that does not return, a slow disk or a machine without free memory. Compare the times in "hermes-svc history" with the lines in "hermes-svc logs".',
  needsService: true,
  needsManager: false,
  look: ({target: {userHost, service}}) => {
    const {home} = service.profile
    const killed = recentEntries(userHost, home)
      // An older helper, which noted the gateway's own watchdog in this way, did not know the service's name, and a home has one.
      .filter(({command, service: of}) => command === 'watchdog' && (of === service.name || of === ''))
      .map(({time, outcome, steps}) => ({time, what: `(${outcome}): ${steps[0]?.target ?? 'no step'}`}))
    const ended = recentEnds(userHost, home)
      .filter(({reason}) => reason === 'loop')
      .map(({time}) => ({time, what: '(done): the gateway ended itself, because its event loop did not respond to its own watchdog'}))
    return [...killed, ...ended].sort((one, other) => Date.parse(one.time) - Date.parse(other.time))
  },
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
        evidence: recent.slice(-SHOWN).map(({time, what}) => `${time} ${what}`),
        cure: [commandLine(scene, "logs --since '1 day ago'")],
      },
    ]
  },
}

export const check = defineCheck(definition)
