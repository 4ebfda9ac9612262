import type {EventKind, LastingKind} from './event.js'

/** Something that is bad at this moment and may last: one for the gateway at most, one for each platform. */
export interface Condition {
  /** What it is about: `gateway`, or a platform's name. */
  readonly about: string
  readonly kind: LastingKind
  /** Since when, UNIX ms, where that is known; else it is since it was first seen. */
  readonly sinceMs: number | undefined
  /** In words that follow the service's name. */
  readonly what: string
}

/** What is remembered of a condition from tick to tick. */
export interface Remembered {
  readonly sinceMs: number
  /** In how many ticks in a row it was seen, and since then not seen. */
  readonly badTicks: number
  readonly goodTicks: number
  /** The kinds that were told since it began, and when the last time. */
  readonly told: readonly LastingKind[]
  readonly toldMs: number
}

export type NotifyMemory = Readonly<Record<string, Remembered>>

/** What is to be told, before it has its names, lines and key. */
export interface Told {
  readonly kind: EventKind
  readonly about: string
  readonly sinceMs: number
  readonly what: string
  readonly isReminder: boolean
}

/** What a tick saw. What is named in none of the three could not be told, and stays as it was. */
export interface Sight {
  readonly bad: readonly Condition[]
  /** What was seen to be well, by what it is about. */
  readonly well: readonly string[]
  /** What the operator wants so: it is forgotten, and nothing is said. */
  readonly meant: readonly string[] | 'everything'
  /** All that there is, where that is known: what is remembered of anything else is forgotten too. */
  readonly all?: readonly string[] | undefined
}

export interface TransitionOptions {
  readonly nowMs: number
  readonly reminderMs: number
}

/** What a moment can look like: it has to be seen in so many ticks in a row before it is told. The others are what was counted already. */
const TICKS_UNTIL_TOLD: Readonly<Partial<Record<LastingKind, number>>> = {down: 2, wedged: 2}
/** One good tick between two bad ones is no end: a gateway that ends soon after each start is alive now and then. */
const TICKS_UNTIL_OVER = 2

/**
 * From what is remembered and what is so now: what to remember, and what to tell. Each bad state is told once when it begins, and once more where it becomes
 * another kind of bad (down, then crash-looping), never back; its end is told if its beginning was. Pure.
 */
export function transition(
  memory: NotifyMemory,
  {bad, well, meant, all}: Sight,
  {nowMs, reminderMs}: TransitionOptions,
): {memory: NotifyMemory; told: Told[]} {
  const kept: Record<string, Remembered> = {}
  const isMeant = (about: string) => meant === 'everything' || meant.includes(about) || all?.includes(about) === false
  const told: Told[] = []
  for (const condition of bad) {
    const {about, kind, what} = condition
    const before = memory[about]
    const sinceMs = before?.sinceMs ?? Math.min(condition.sinceMs ?? nowMs, nowMs)
    const badTicks = before !== undefined && before.goodTicks === 0 ? before.badTicks + 1 : 1
    const earlier = before?.told ?? []
    const isNew = !earlier.includes(kind) && badTicks >= (TICKS_UNTIL_TOLD[kind] ?? 1)
    // A clock that was set back by hours must not silence it for as long.
    const isDue = earlier.length > 0 && Math.abs(nowMs - (before?.toldMs ?? 0)) >= reminderMs
    if (isNew || isDue) told.push({kind, about, sinceMs, what, isReminder: !isNew})
    const toldMs = isNew || isDue ? nowMs : (before?.toldMs ?? 0)
    kept[about] = {sinceMs, badTicks, goodTicks: 0, told: isNew ? [...earlier, kind] : earlier, toldMs}
  }
  for (const [about, before] of Object.entries(memory)) {
    if (kept[about] !== undefined || isMeant(about)) continue
    const goodTicks = before.goodTicks + 1
    if (!well.includes(about)) kept[about] = before
    else if (goodTicks < TICKS_UNTIL_OVER) kept[about] = {...before, goodTicks}
    else if (before.told.length > 0) told.push({kind: 'recovered', about, sinceMs: before.sinceMs, what: '', isReminder: false})
  }
  return {memory: kept, told}
}
