import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {fileEntries, type LogEntry, printedEntries, type PrintedLine} from '../../src/observe/log-entry.js'
import {merged, TWIN_MS} from '../../src/observe/log-merge.js'
import {inCampaign} from '../support/campaign.js'

const START = new Date(2026, 10, 29, 14, 0, 0).getTime()
const LATER = START + 24 * 3_600_000

/** One thing that a gateway does, and what comes of it in its logs. */
interface Said {
  readonly kind: 'info' | 'warning' | 'agent' | 'print' | 'manager'
  readonly afterMs: number
  /** How long what is printed is on its way. */
  readonly delayMs: number
  readonly message: string
  readonly trace: boolean
  /** It prints as 0.16 does, without the time. */
  readonly isBare: boolean
}

const said: fc.Arbitrary<Said> = fc.record({
  kind: fc.constantFrom('info', 'warning', 'agent', 'print', 'manager'),
  // Often at the same time as the one before.
  afterMs: fc.oneof(fc.constant(0), fc.integer({min: 0, max: 20}), fc.integer({min: 0, max: 60_000})),
  delayMs: fc.integer({min: 0, max: 300}),
  message: fc.constantFrom('a', 'b', 'it failed: again'),
  trace: fc.boolean(),
  isBare: fc.boolean(),
})

const TRACE = ['Traceback (most recent call last):', '  File "a.py", line 1', 'ValueError: no']

function stamp(ms: number): string {
  const time = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())},${String(time.getMilliseconds()).padStart(3, '0')}`
}

/** The logs that come of it, each newest first, and what should be seen of them, oldest first. */
function logsOf(all: readonly Said[]) {
  const [gateway, errors, printed]: [string[], string[], PrintedLine[]] = [[], [], []]
  const expected: {readonly timeMs: number; readonly text: string}[] = []
  let nowMs = START
  let arrivedMs = START
  const print = (texts: readonly string[], isManagers: boolean) => {
    for (const text of texts) printed.push({timeMs: arrivedMs, text, isManagers, pid: isManagers ? 1 : 77, profile: 'default'})
  }
  for (const {kind, afterMs, delayMs, message, trace, isBare} of all) {
    nowMs += afterMs
    // A pipe keeps its order.
    arrivedMs = Math.max(arrivedMs, nowMs + delayMs)
    const more = trace && kind !== 'print' && kind !== 'manager' ? TRACE : []
    if (kind === 'print' || kind === 'manager') {
      print([message], kind === 'manager')
      expected.push({timeMs: arrivedMs, text: message})
      continue
    }
    const level = kind === 'info' ? 'INFO' : 'WARNING'
    const record = `${level} ${kind === 'agent' ? 'agent.core' : 'gateway.run'}: ${message}`
    const lines = [`${stamp(nowMs)} ${record}`, ...more]
    if (kind !== 'agent') gateway.push(...lines)
    if (kind !== 'info') {
      errors.push(...lines)
      print([isBare ? record : (lines[0] ?? ''), ...more], false)
    }
    expected.push({timeMs: nowMs, text: [record, ...more].join('\n')})
  }
  const options = (origin: 'gateway' | 'errors') => ({origin, profile: 'default', notAfterMs: LATER})
  return {
    streams: () => [
      fileEntries([...gateway].reverse(), options('gateway')),
      fileEntries([...errors].reverse(), options('errors')),
      printedEntries([...printed].reverse()),
    ],
    expected: expected.sort((one, other) => one.timeMs - other.timeMs),
  }
}

const textOf = ({level, logger, message, more}: LogEntry) =>
  [logger === undefined ? message : `${level?.toUpperCase()} ${logger}: ${message}`, ...more].join('\n')
const shape = (entries: readonly {timeMs: number; text: string}[]) => entries.map(({timeMs, text}) => `${timeMs} ${text}`).sort()

describe('the one stream of several logs', () => {
  it('has each thing that was said once, with what belongs to it, and in the order of time', () => {
    fc.assert(
      fc.property(fc.array(said, {maxLength: 40}), (all) => {
        const {streams, expected} = logsOf(all)
        const got = [...merged(streams())].reverse().map((entry) => ({timeMs: entry.timeMs, text: textOf(entry)}))
        expect(shape(got)).toEqual(shape(expected))
        const times = got.map(({timeMs}) => timeMs)
        expect(times).toEqual([...times].sort((one, other) => one - other))
      }),
      {numRuns: inCampaign(500, 50)},
    )
  })

  it('has the newest ones first, and of each log reads no more than is taken', () => {
    const {streams, expected} = logsOf(
      Array.from({length: 2000}, () => ({
        ...{kind: 'warning' as const, afterMs: 1000, delayMs: 5},
        message: 'a',
        trace: true,
        isBare: true,
      })),
    )
    let read = 0
    const counted = streams().map(function* (stream) {
      for (const entry of stream) {
        read += 1
        yield entry
      }
    })
    const newest = merged(counted)
    const got = Array.from({length: 10}, () => newest.next().value as LogEntry)
    expect(got.map(({timeMs}) => timeMs)).toEqual(
      expected
        .slice(-10)
        .reverse()
        .map(({timeMs}) => timeMs),
    )
    expect(read).toBeLessThan(100)
  })

  it('reads no more than it must of a log whose lines all have one time, as those that launchd appends to', () => {
    let read = 0
    function* lines(): Generator<PrintedLine> {
      for (; read < 400_000; read += 1) yield {timeMs: START, text: 'a line of the gateway', isManagers: false, pid: 77, profile: 'default'}
    }
    const newest = merged([printedEntries(lines())])
    expect(Array.from({length: 50}, () => (newest.next().value as LogEntry).message)).toEqual(
      Array.from({length: 50}, () => 'a line of the gateway'),
    )
    expect(read).toBeLessThan(20_000)
  })

  it('shows in parts what it shows as a whole, where it comes in while it is followed', () => {
    fc.assert(
      fc.property(fc.array(said, {maxLength: 30}), fc.integer({min: 20, max: 2000}), (all, stepMs) => {
        const {streams, expected} = logsOf(
          // The same words at the same ms, once with a traceback and once without, could not be told apart while only one of them is there.
          all.map((one) => ({...one, trace: one.message !== 'a', delayMs: Math.min(one.delayMs, 20)})),
        )
        const endMs = Math.max(START, ...expected.map(({timeMs}) => timeMs)) + 2 * TWIN_MS
        const whole = streams().map((stream) => [...stream])
        const shown: LogEntry[] = []
        for (let fromMs = START - 1; fromMs < endMs; fromMs += stepMs) {
          const isNow = ({timeMs}: LogEntry) => timeMs > fromMs && timeMs <= fromMs + stepMs
          const recent = shown.filter(({timeMs}) => timeMs > fromMs - 2 * TWIN_MS).sort((one, other) => other.timeMs - one.timeMs)
          shown.push(
            ...[
              ...merged(
                whole.map((entries) => entries.filter(isNow)[Symbol.iterator]()),
                recent,
              ),
            ].reverse(),
          )
        }
        expect(shape(shown.map((entry) => ({timeMs: entry.timeMs, text: textOf(entry)})))).toEqual(shape(expected))
      }),
      {numRuns: inCampaign(100, 25)},
    )
  })
})

describe('what was printed', () => {
  const entries = (texts: readonly string[], atMs: (index: number) => number = (index) => START + index) => {
    const lines = texts.map((text, index): PrintedLine => ({text, timeMs: atMs(index), isManagers: false, pid: 7, profile: 'default'}))
    return [...merged([printedEntries([...lines].reverse())])].reverse()
  }

  it('stays together where it is one thing, and apart where it is not', () => {
    const got = entries([
      'a banner',
      '  indented',
      'WARNING gateway.run: it failed',
      ...TRACE,
      'printed next',
      ...TRACE,
      '',
      'During handling of the above exception, another exception occurred:',
      '',
      ...TRACE,
      'the end',
    ])
    expect(got.map(({message, more, level}) => [level, message, more.length])).toEqual([
      [undefined, 'a banner', 1],
      ['warning', 'it failed', 3],
      [undefined, 'printed next', 0],
      ['error', TRACE[0], 8],
      [undefined, 'the end', 0],
    ])
  })

  it('is no twin of a record of another time, or with another traceback', () => {
    const file = fileEntries([`${stamp(START)} WARNING gateway.run: it failed`], {origin: 'gateway', profile: 'default', notAfterMs: LATER})
    const late: PrintedLine = {text: 'WARNING gateway.run: it failed', timeMs: START + TWIN_MS + 1, isManagers: false, profile: 'default'}
    expect([...merged([file, printedEntries([late])])]).toHaveLength(2)
  })
})
