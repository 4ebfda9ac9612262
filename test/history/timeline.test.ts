import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {CommandFact, EndFact, EventFact, Fact} from '../../src/history/facts.js'
import {type EndEntry, type HistoryEntry, timeline} from '../../src/history/timeline.js'
import {entryWords} from '../../src/history/words.js'
import {inCampaign} from '../support/campaign.js'

const SEC = 1000
const MIN = 60 * SEC
const HOUR = 60 * MIN
/** Any moment. */
const T = Date.UTC(2026, 10, 29)

const helper = (atMs: number, more: Partial<EndFact> = {}): EndFact => ({
  ...{
    kind: 'end',
    witness: 'helper',
    atMs: T + atMs,
    upMs: HOUR,
    how: 'exited',
    status: '1',
    result: '',
    reason: 'failure',
    failures: 1,
    delayMs: 1000,
  },
  ...more,
})
const manager = (atMs: number, more: Partial<EndFact> = {}): EndFact => ({
  kind: 'end',
  witness: 'manager',
  atMs: T + atMs,
  how: 'exited',
  status: '1',
  ...more,
})
const start = (atMs: number, witness: 'manager' | 'gateway' = 'manager'): Fact => ({kind: 'start', atMs: T + atMs, witness})
const command = (name: string, beganMs: number, atMs: number, more: Partial<CommandFact> = {}): CommandFact => ({
  ...{kind: 'command', command: name, beganMs: T + beganMs, atMs: T + atMs, outcome: 'done', files: 0},
  ...more,
})
const event = (word: EventFact['event'], sinceMs: number, atMs: number, about = 'gateway'): EventFact => ({
  ...{kind: 'event', event: word, sinceMs: T + sinceMs, atMs: T + atMs, about},
})

const told = (facts: readonly Fact[], {nowMs = 10 * HOUR, isUp}: {nowMs?: number; isUp?: boolean} = {}) =>
  timeline(facts, {nowMs: T + nowMs, isUp})
const ends = (entries: readonly HistoryEntry[]) => entries.filter((entry): entry is EndEntry => entry.kind === 'end')
/** Each entry as its kind, and when it was in ms. */
const shape = (entries: readonly HistoryEntry[]) => entries.map(({kind, atMs}) => [kind, atMs === -Infinity ? atMs : atMs - T])
const reasons = (facts: readonly Fact[]) => ends(told(facts)).map(({reason}) => reason)

describe('the reason of an end', () => {
  it.each<[string, Partial<EndFact>, EndEntry['reason'], string]>([
    ['a planned restart', {reason: 'planned', status: '75'}, {kind: 'planned-restart'}, 'a planned restart, after 60 min'],
    ['a stop', {reason: 'stop', status: '0'}, {kind: 'stop-asked'}, 'stopped as asked by another tool, after 60 min'],
    [
      'a stop that took too long',
      {reason: 'stop', how: 'killed', status: 'KILL', result: 'timeout'},
      {kind: 'stop-timeout'},
      'asked to stop, did not stop in time, and was killed by another tool, after 60 min',
    ],
    [
      'a fatal configuration',
      {reason: 'config', status: '78'},
      {kind: 'config'},
      'exited with 78: its configuration is wrong, so it does not start again, after 60 min',
    ],
    ['an error', {}, {kind: 'exit', status: 1}, 'exited with 1, after 60 min; failure 1 in a row, the next start waits 1 s'],
    [
      'success that nobody asked for',
      {status: '0'},
      {kind: 'exit', status: 0},
      'exited with 0, although nobody asked it to stop, after 60 min; failure 1 in a row, the next start waits 1 s',
    ],
    [
      'a signal',
      {how: 'killed', status: 'KILL'},
      {kind: 'signal', signal: 'KILL', isDumped: false},
      'killed by SIGKILL, after 60 min; failure 1 in a row, the next start waits 1 s',
    ],
    [
      'a crash',
      {how: 'dumped', status: 'SEGV', failures: 9, delayMs: 120_000},
      {kind: 'signal', signal: 'SEGV', isDumped: true},
      'killed by SIGSEGV, with a core dump, after 60 min; failure 9 in a row, the next start waits 2 min',
    ],
    [
      'a lack of memory',
      {how: 'killed', status: 'KILL', result: 'oom-kill'},
      {kind: 'oom'},
      'killed by the kernel for lack of memory, after 60 min; failure 1 in a row, the next start waits 1 s',
    ],
    [
      "the manager's watchdog",
      {how: 'killed', status: 'ABRT', result: 'watchdog'},
      {kind: 'watchdog', whose: 'manager'},
      'killed by the watchdog of its service manager, after 60 min; failure 1 in a row, the next start waits 1 s',
    ],
    [
      "the gateway's own watchdog",
      {reason: 'loop', status: '75'},
      {kind: 'watchdog', whose: 'gateway'},
      'ended itself, because its event loop did not respond to its own watchdog, after 60 min; failure 1 in a row, the next start waits 1 s',
    ],
    [
      'a start that failed',
      {how: '', status: '', result: 'timeout', upMs: undefined},
      {kind: 'start-failed', result: 'timeout'},
      'could not be started (timeout); failure 1 in a row, the next start waits 1 s',
    ],
    [
      'a start that was called off',
      {how: '', status: '', reason: 'called-off', upMs: undefined, delayMs: 0},
      {kind: 'called-off'},
      'the start was called off by another tool',
    ],
  ])('is told for %s', (_, more, reason, words) => {
    const delay = more.reason && more.reason !== 'failure' && more.reason !== 'loop' ? {delayMs: 0} : {}
    const [end] = ends(told([helper(2 * HOUR, {...delay, ...more})]))
    expect(end?.reason).toEqual(reason)
    expect(end && entryWords(end)).toBe(words)
  })

  it('is the watchdog of hermes-svc where that says so', () => {
    const killed = helper(2 * HOUR, {how: 'killed', status: 'KILL'})
    const watchdog = {kind: 'watchdog', whose: 'hermes-svc'}
    expect(reasons([killed, command('watchdog', 2 * HOUR, 2 * HOUR + 2 * SEC)])).toEqual([watchdog])
    expect(reasons([killed, event('watchdog-restart', 2 * HOUR, 2 * HOUR + SEC)])).toEqual([watchdog])
    // The kernel killed a child in the same run.
    expect(reasons([{...killed, result: 'oom-kill'}, command('watchdog', 2 * HOUR, 2 * HOUR + 2 * SEC)])).toEqual([watchdog])
    expect(reasons([killed, event('watchdog-restart', HOUR, HOUR)])).toEqual([{kind: 'signal', signal: 'KILL', isDumped: false}])
  })

  it('is told by the manager where no helper has noted the end', () => {
    const stopping: Fact = {kind: 'stopping', atMs: T + 2 * HOUR - SEC}
    expect(reasons([start(0), manager(2 * HOUR, {status: '78'})])).toEqual([{kind: 'config'}])
    expect(reasons([start(0), manager(2 * HOUR, {status: '75'})])).toEqual([{kind: 'planned-restart'}])
    expect(reasons([start(2 * HOUR - SEC), manager(2 * HOUR, {status: '75'})])).toEqual([{kind: 'exit', status: 75}])
    expect(reasons([start(0), stopping, manager(2 * HOUR, {status: undefined, result: 'success'})])).toEqual([{kind: 'stop-asked'}])
    expect(reasons([start(0), manager(2 * HOUR, {status: undefined, result: 'success'})])).toEqual([{kind: 'unknown'}])
    expect(reasons([start(0), manager(2 * HOUR, {how: 'killed', status: 'KILL', result: 'oom-kill'})])).toEqual([{kind: 'oom'}])
  })
})

describe('who brought it about', () => {
  it('is the command of ours during which it was', () => {
    const stop = helper(2 * HOUR, {reason: 'stop'})
    const by = (facts: readonly Fact[]) => ends(told(facts))[0]?.by
    expect(by([stop, command('restart', 2 * HOUR - 3 * SEC, 2 * HOUR + 5 * SEC)])).toEqual({who: 'command', command: 'restart'})
    expect(by([stop, command('restart', 2 * HOUR + 3 * SEC, 2 * HOUR + 5 * SEC)])).toEqual({who: 'tool'})
    expect(by([stop, command('status', 2 * HOUR - 3 * SEC, 2 * HOUR + 5 * SEC)])).toEqual({who: 'tool'})
    expect(by([helper(2 * HOUR, {reason: 'planned'})])).toEqual({who: 'gateway'})
    expect(by([helper(2 * HOUR, {result: 'oom-kill'})])).toEqual({who: 'kernel'})
    expect(by([helper(2 * HOUR, {how: 'killed', status: 'KILL'})])).toEqual({who: 'unknown'})
  })

  it('is never a stop for a planned restart, though that stop began in the same second as the end that is known to the second', () => {
    const planned = helper(HOUR, {reason: 'planned', status: '75', laterMs: 999})
    const facts = [start(0), planned, command('stop', HOUR + 900, HOUR + 2 * SEC), command('restart', HOUR + 100, HOUR + 800)]
    expect(ends(told(facts)).map(({by}) => by)).toEqual([{who: 'command', command: 'restart'}])
    expect(ends(told(facts.slice(0, -1))).map(({by}) => by)).toEqual([{who: 'gateway'}])
  })

  it('is told of a start too', () => {
    const starts = (facts: readonly Fact[]) => told(facts).flatMap((entry) => (entry.kind === 'start' ? [entry.by] : []))
    expect(starts([helper(HOUR), helper(3 * HOUR)])).toEqual([{who: 'unknown'}, {who: 'manager'}])
    expect(starts([helper(HOUR, {reason: 'stop'}), helper(3 * HOUR)])[1]).toEqual({who: 'tool'})
    expect(starts([helper(HOUR, {reason: 'stop'}), command('start', 2 * HOUR - SEC, 2 * HOUR + SEC), helper(3 * HOUR)])[1]).toEqual({
      who: 'command',
      command: 'start',
    })
    expect(starts([helper(HOUR), {kind: 'boot', atMs: T + 2 * HOUR - MIN}, helper(3 * HOUR)])[1]).toEqual({who: 'machine'})
  })
})

describe('what several witnesses tell', () => {
  it('is told once, the word of the helper first, with what it leaves out', () => {
    const entries = told([
      start(HOUR),
      start(HOUR + 20 * SEC, 'gateway'),
      {...manager(2 * HOUR - SEC, {how: 'killed', status: 'KILL'}), pid: 7},
      helper(2 * HOUR, {how: 'killed', status: 'KILL', result: 'oom-kill'}),
      start(2 * HOUR + 2 * SEC),
      start(2 * HOUR + 9 * SEC, 'gateway'),
    ])
    // The manager's times are exact.
    expect(shape(entries)).toEqual([
      ['start', HOUR - SEC],
      ['end', 2 * HOUR - SEC],
      ['start', 2 * HOUR + 2 * SEC],
    ])
    expect(ends(entries)[0]?.reason).toEqual({kind: 'oom'})
  })

  it.each([
    ['signal', 'oom-kill'],
    ['oom-kill', 'signal'],
  ])('is one end for lack of memory where the helper says %s and the manager %s', (one, other) => {
    const killed = {how: 'killed', status: 'KILL'} as const
    const entries = told([start(HOUR), helper(2 * HOUR, {...killed, result: one}), manager(2 * HOUR + SEC, {...killed, result: other})])
    expect(ends(entries).map(({reason}) => reason)).toEqual([{kind: 'oom'}])
  })

  it('keeps the order in which the helper noted it, though the manager tells of it later and to the millisecond', () => {
    const noted = {how: 'exited', status: '0', laterMs: SEC} as const
    const success = {how: undefined, status: undefined, result: 'success'}
    const facts = [
      helper(HOUR + 5 * SEC, {...noted, reason: 'planned'}),
      helper(HOUR + 6 * SEC, {...noted, reason: 'stop', upMs: 200}),
      // What the manager makes of an end it says when the helper has done its work.
      manager(HOUR + 6020, success),
      manager(HOUR + 6350, success),
    ]
    expect(reasons(facts).map(({kind}) => kind)).toEqual(['planned-restart', 'stop-asked'])
  })

  it('has the time of its own, though the manager notes it in the second of the next one', () => {
    const noted = {how: 'exited', status: '0', laterMs: SEC} as const
    // Seen on systemd 252, of a user: the helper had noted the first in the 47th second, the manager the same one in the 48th.
    const facts = [
      helper(HOUR + 46 * SEC, {...noted, reason: 'stop', upMs: 980}),
      helper(HOUR + 47 * SEC, {...noted, reason: 'planned', upMs: 1370}),
      helper(HOUR + 48 * SEC, {...noted, reason: 'stop', upMs: 760}),
      ...[46_465, 48_073, 48_892].map((ms) => manager(HOUR + ms, {how: undefined, status: undefined, result: 'success'})),
    ]
    const known = ends(told(facts)).map(({atMs, reason}) => [atMs - T - HOUR, reason.kind])
    expect(known).toEqual([
      [46_465, 'stop-asked'],
      [48_073, 'planned-restart'],
      [48_892, 'stop-asked'],
    ])
  })

  it('is two ends where it differs, however near they are', () => {
    const entries = told([
      helper(2 * HOUR, {upMs: HOUR}),
      manager(2 * HOUR + 2 * SEC, {how: 'killed', status: 'KILL'}),
      start(2 * HOUR + SEC),
    ])
    expect(ends(entries).map(({reason}) => reason.kind)).toEqual(['exit', 'signal'])
  })

  it('is told of each of a hundred quick ends', () => {
    const facts = Array.from({length: 100}, (_, index) => index * 1500).flatMap((ms) => [
      start(ms),
      start(ms + 300, 'gateway'),
      manager(ms + 400),
      helper(ms + 500, {upMs: 500}),
    ])
    const entries = told(facts)
    expect(shape(entries).filter(([kind]) => kind === 'end')).toHaveLength(100)
    expect(shape(entries).filter(([kind]) => kind === 'start')).toHaveLength(100)
    expect(shape(entries).filter(([kind]) => kind === 'gap')).toEqual([])
  })

  it('is what the gateway has noted where nobody else has', () => {
    const own = (atMs: number, status: string): EndFact => ({
      kind: 'end',
      witness: 'gateway',
      atMs: T + atMs,
      pid: 4,
      how: 'exited',
      status,
    })
    const entries = told([start(0, 'gateway'), own(HOUR, '75'), start(HOUR + 2 * SEC, 'gateway'), own(2 * HOUR, '1')])
    expect(ends(entries).map(({reason, upMs}) => [reason.kind, upMs])).toEqual([
      ['planned-restart', HOUR],
      ['exit', HOUR - 2 * SEC],
    ])
  })
})

describe("a second gateway that somebody starts beside the service's", () => {
  it('is not taken for it by what it notes itself', () => {
    const beside: Fact[] = [
      start(2 * HOUR, 'gateway'),
      {kind: 'end', witness: 'gateway', atMs: T + 2 * HOUR + SEC, pid: 9, how: 'exited', status: '1'},
    ]
    expect(shape(told([start(0), ...beside], {isUp: true}))).toEqual([['start', 0]])
    expect(shape(told([helper(3 * HOUR, {upMs: 3 * HOUR}), ...beside]))).toEqual([
      ['start', 0],
      ['end', 3 * HOUR],
    ])
  })
})

describe('what is noted in whole seconds', () => {
  it('has a run begin when its manager saw that, not so much later as its end is known later', () => {
    // Seen on systemd 252, of a user: a restart by another tool, and half a second later one by ours.
    const entries = told([
      helper(HOUR + 7000, {how: 'exited', status: '0', reason: 'stop', upMs: 440, laterMs: SEC}),
      start(HOUR + 8182),
      command('restart', HOUR + 8451, HOUR + 9127),
      helper(HOUR + 8000, {how: 'exited', status: '0', reason: 'planned', upMs: 510, laterMs: SEC}),
      manager(HOUR + 8891, {how: undefined, status: undefined, result: 'success'}),
    ])
    const began = entries.filter(({kind}) => kind === 'start').at(-1)
    expect(began).toMatchObject({atMs: T + HOUR + 8182, by: {who: 'tool'}})
  })

  it('has a run begin when the former one has ended, not before', () => {
    const entries = told([helper(HOUR, {reason: 'planned', upMs: HOUR}), helper(2 * HOUR, {upMs: HOUR + 800}), helper(2 * HOUR, {upMs: 0})])
    expect(entries.map(({kind}) => kind)).toEqual(['start', 'end', 'start', 'end', 'start', 'end'])
  })
})

describe('the start of a run that goes on', () => {
  it('is one, though its manager tells of it twice, and the gateway too', () => {
    expect(shape(told([helper(HOUR), start(HOUR + 2 * SEC), start(HOUR + 2300), start(HOUR + 9 * SEC, 'gateway')], {isUp: true}))).toEqual([
      ['start', 0],
      ['end', HOUR],
      ['start', HOUR + 2 * SEC],
    ])
  })
})

describe("a gateway's own note within the second in which its end was noted", () => {
  it('is of the run that ended', () => {
    expect(shape(told([helper(HOUR, {upMs: 500, laterMs: 1000}), start(HOUR + 40, 'gateway')]))).toEqual([
      ['start', HOUR - 500],
      ['end', HOUR],
    ])
    expect(told([helper(HOUR, {upMs: 500, laterMs: 1000}), start(HOUR + 1040, 'gateway')])).toHaveLength(3)
  })
})

describe('what nobody has noted', () => {
  it('is an end of unknown reason, and a gap from the last sign of life on', () => {
    const facts = [start(0), event('platform-down', HOUR, HOUR, 'telegram'), start(3 * HOUR)]
    const entries = told(facts)
    expect(ends(entries)).toMatchObject([{reason: {kind: 'unknown'}, atMs: T + 3 * HOUR, notBeforeMs: T + HOUR}])
    expect(entries.filter(({kind}) => kind === 'gap')).toEqual([{kind: 'gap', atMs: T + HOUR, untilMs: T + 3 * HOUR}])
  })

  it('is the end of the machine where that was booted in between', () => {
    const boot = (more: object = {}): Fact => ({kind: 'boot', atMs: T + 2 * HOUR, ...more})
    const known = told([start(0), boot({formerEndMs: T + HOUR}), start(2 * HOUR + MIN)])
    expect(ends(known)).toMatchObject([{reason: {kind: 'power-off', isClean: false}, atMs: T + HOUR, upMs: HOUR}])
    expect(known.filter(({kind}) => kind === 'gap')).toEqual([])
    const unknown = told([start(0), boot(), start(2 * HOUR + MIN)])
    expect(ends(unknown)).toMatchObject([{reason: {kind: 'power-off', isClean: false}, notBeforeMs: T}])
    // It went down before the machine was there again, whenever that was.
    expect(unknown.map(({kind}) => kind)).toEqual(['start', 'gap', 'end', 'boot', 'start'])
    expect(unknown.at(-1)).toMatchObject({kind: 'start', by: {who: 'machine'}})
  })

  it('is told by the next gateway, as far as that found out', () => {
    const found = told([start(0), start(2 * HOUR), {kind: 'unclean', atMs: T + 2 * HOUR + 3 * SEC, wasShortOfMemory: true}])
    expect(ends(found)).toMatchObject([{reason: {kind: 'unclean', wasShortOfMemory: true}}])
  })

  it('is how it came to run, or to run no more, where that is seen now', () => {
    expect(told([start(0)], {isUp: false}).map(({kind}) => kind)).toEqual(['start', 'gap', 'end'])
    expect(told([helper(HOUR)], {isUp: true}).map(({kind}) => kind)).toEqual(['start', 'end', 'gap'])
    expect(told([], {isUp: false})).toEqual([])
  })

  it('is when it was started, of an end that does not tell it', () => {
    expect(shape(told([helper(HOUR), helper(3 * HOUR, {upMs: undefined})]))).toEqual([
      ['start', 0],
      ['end', HOUR],
      ['gap', HOUR],
      ['end', 3 * HOUR],
    ])
  })
})

describe('a stop with the machine', () => {
  const stop = helper(HOUR, {reason: 'stop'})
  it('is one that was heard of no more soon after it', () => {
    const boot = (atMs: number, formerEndMs?: number): Fact => ({
      kind: 'boot',
      atMs: T + atMs,
      ...(formerEndMs === undefined ? {} : {formerEndMs: T + formerEndMs}),
    })
    const off = {kind: 'power-off', isClean: true}
    expect(reasons([stop, boot(9 * HOUR, HOUR + 5 * SEC)])).toEqual([off])
    expect(reasons([stop, boot(9 * HOUR, 2 * HOUR)])).toEqual([{kind: 'stop-asked'}])
    expect(reasons([stop, boot(HOUR + MIN)])).toEqual([off])
    expect(reasons([stop, boot(9 * HOUR)])).toEqual([{kind: 'stop-asked'}])
    expect(reasons([stop, boot(HOUR + MIN), command('stop', HOUR - SEC, HOUR + SEC)])).toEqual([{kind: 'stop-asked'}])
    expect(reasons([stop, helper(HOUR + 9 * MIN, {upMs: MIN}), boot(HOUR + 9 * MIN + 30 * SEC)])[0]).toEqual({kind: 'stop-asked'})
  })
})

describe('a phase', () => {
  const phases = (facts: readonly Fact[]) => told(facts).filter((entry) => entry.kind === 'phase')

  it('lasts until it is said to be over, or the gateway ends', () => {
    expect(phases([event('wedged', HOUR, HOUR + MIN), event('recovered', HOUR, 2 * HOUR)])).toMatchObject([
      {atMs: T + HOUR, untilMs: T + 2 * HOUR},
    ])
    expect(phases([event('wedged', HOUR, HOUR + MIN), helper(HOUR + 5 * MIN, {upMs: HOUR})])).toMatchObject([{untilMs: T + HOUR + 5 * MIN}])
    expect(phases([event('wedged', HOUR, HOUR + MIN)])[0]).not.toHaveProperty('untilMs', expect.anything())
  })

  it('of a platform is over with that platform', () => {
    const facts = [
      event('platform-down', HOUR, HOUR, 'telegram'),
      event('recovered', HOUR, 2 * HOUR, 'slack'),
      event('recovered', HOUR, 3 * HOUR, 'telegram'),
    ]
    const [phase] = phases(facts)
    expect(phase).toMatchObject({about: 'telegram', untilMs: T + 3 * HOUR})
    expect(phase && entryWords(phase)).toBe('telegram is down, for 2 h')
  })
})

const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({
    kind: fc.constant('start' as const),
    atMs: fc.integer({min: T, max: T + HOUR}),
    witness: fc.constantFrom('helper' as const, 'manager' as const, 'gateway' as const),
  }),
  fc.record({
    ...{
      kind: fc.constant('end' as const),
      atMs: fc.integer({min: T, max: T + HOUR}),
      witness: fc.constantFrom('helper' as const, 'manager' as const, 'gateway' as const),
    },
    upMs: fc.option(fc.nat(2 * HOUR), {nil: undefined}),
    how: fc.constantFrom('exited' as const, 'killed' as const, '' as const, undefined),
    status: fc.constantFrom('0', '1', '75', '78', 'KILL', '', undefined),
    result: fc.constantFrom('success', 'oom-kill', 'timeout', '', undefined),
    reason: fc.constantFrom('stop' as const, 'planned' as const, 'failure' as const, 'called-off' as const, undefined),
  }),
  fc.record({
    kind: fc.constant('boot' as const),
    atMs: fc.integer({min: T, max: T + HOUR}),
    formerEndMs: fc.option(fc.integer({min: T, max: T + HOUR}), {nil: undefined}),
  }),
  fc.record({kind: fc.constant('stopping' as const), atMs: fc.integer({min: T, max: T + HOUR})}),
  fc.record({kind: fc.constant('unclean' as const), atMs: fc.integer({min: T, max: T + HOUR}), wasShortOfMemory: fc.boolean()}),
)

describe('whatever the sources say', () => {
  it('comes out in order, no two starts without an end between them, and nothing without words', () => {
    fc.assert(
      fc.property(fc.array(anyFact, {maxLength: 60}), fc.option(fc.boolean(), {nil: undefined}), (facts, isUp) => {
        const entries = timeline(facts, {nowMs: T + HOUR, isUp})
        const times = entries.map(({atMs}) => atMs)
        expect(times).toEqual([...times].sort((one, other) => one - other))
        for (const entry of entries) expect(entryWords(entry)).not.toMatch(/undefined|NaN|-\d/)
        for (const end of ends(entries)) expect(end.upMs ?? 0).toBeGreaterThanOrEqual(0)
        for (const entry of entries) if (entry.kind === 'gap') expect(entry.untilMs).toBeGreaterThanOrEqual(entry.atMs)
      }),
      {numRuns: inCampaign(400, 50)},
    )
  })
})
