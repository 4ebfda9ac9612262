import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {parseExitLine, parseLifecycle} from '../../src/gateway/exit-log.js'
import {mergedBoots} from '../../src/history/boots.js'
import {gatewayFacts} from '../../src/history/gateway-facts.js'
import {journalFact} from '../../src/history/journal-facts.js'
import {managerFacts} from '../../src/history/manager-facts.js'
import type {ManagerFact} from '../../src/managers/manager.js'

const TIME = '2026-11-29T17:29:56.569873+00:00'
const AT = Date.parse(TIME)
const SERVICE = 'hermes-gateway.service'

describe("a line of the home's journal", () => {
  const end = {event: 'end', code: 'killed', status: 'KILL', result: '', uptimeMs: 5, reason: 'failure', failures: 1, delayMs: 9}
  const command = {time: TIME, command: 'restart', service: SERVICE, outcome: 'done', tookMs: 500, steps: []}

  it('tells of an end, which the helper notes in whole seconds', () => {
    expect(journalFact(JSON.stringify({time: TIME, ...end}), SERVICE)).toMatchObject({
      kind: 'end',
      witness: 'helper',
      atMs: AT,
      laterMs: 0,
      upMs: 5,
    })
    expect(journalFact(JSON.stringify({time: '2026-11-29T17:29:56Z', ...end}), SERVICE)).toMatchObject({laterMs: 1000})
  })

  it('tells of a command, from when to when, and how many files it changed', () => {
    const steps = ['write-file', 'write-file', 'remove-file', 'run'].map((kind, index) => ({kind, target: 'x', changed: index !== 1}))
    expect(journalFact(JSON.stringify({...command, steps}), SERVICE)).toEqual({
      ...{kind: 'command', atMs: AT, beganMs: AT - 500, command: 'restart', outcome: 'done', files: 2},
    })
  })

  it('tells nothing of a command on the service of another scope, and is taken for its own where it names none', () => {
    expect(journalFact(JSON.stringify({...command, service: 'other'}), SERVICE)).toBeUndefined()
    expect(journalFact(JSON.stringify({...command, service: ''}), SERVICE)).toMatchObject({command: 'restart'})
  })

  it('tells of what a tick saw', () => {
    const line = {time: TIME, event: 'wedged', about: 'gateway', since: '2026-11-29T17:29:00Z'}
    expect(journalFact(JSON.stringify(line), SERVICE)).toEqual({
      ...{kind: 'event', atMs: AT, sinceMs: Date.parse(line.since), event: 'wedged', about: 'gateway'},
    })
  })

  it('is cut where somebody wrote without end', () => {
    const line = JSON.stringify({...command, command: 'x'.repeat(5000), error: 'y'.repeat(5000), outcome: 'failed'})
    expect(JSON.stringify(journalFact(line, SERVICE)).length).toBeLessThan(600)
  })
})

describe("a line of the gateway's own", () => {
  const line = (tag: string, more: object = {}) => parseExitLine(JSON.stringify({ts: TIME, tag, pid: 7, python: '3.11.2', ...more}))

  it('tells of its start, and of how it ends', () => {
    expect(line('gateway.start', {argv: []})).toEqual({kind: 'started', atMs: AT, pid: 7})
    expect(line('asyncio.run.SystemExit', {code: 75, traceback: 'x'})).toEqual({kind: 'ends', atMs: AT, pid: 7, status: 75})
    expect(line('asyncio.run.SystemExit', {code: null})).toMatchObject({status: 0})
    expect(line('asyncio.run.SystemExit', {code: 'an explanation'})).toMatchObject({status: 1})
    expect(line('asyncio.run.exception')).toMatchObject({status: 1})
    expect(line('asyncio.run.KeyboardInterrupt')).toMatchObject({status: 0})
    expect(line('gateway.exit_nonzero')).toMatchObject({status: 1})
    expect(line('gateway.exit_clean')).toMatchObject({status: 0})
  })

  it('tells what the next one found out', () => {
    const found = {kind: 'found-unclean', atMs: AT, wasShortOfMemory: false}
    expect(line('gateway.previous_unclean_exit', {prior_pid: 3})).toEqual(found)
    expect(line('gateway.previous_unclean_exit', {suspected_oom: true})).toEqual({...found, wasShortOfMemory: true})
  })

  it('tells nothing where it is of neither, or of no process, or of no time', () => {
    expect(line('asyncio.run.returned', {success: true})).toBeUndefined()
    expect(line('atexit.hook')).toBeUndefined()
    expect(line('gateway.start', {pid: 'seven'})).toBeUndefined()
    expect(line('gateway.start', {ts: 'now'})).toBeUndefined()
    expect(line('gateway.start', {ts: 5})).toBeUndefined()
  })

  it('is told by the lifecycle file too, of the last one that ended', () => {
    const exited = {phase: 'exited', pid: 7, exit_code: 75, exit_reason: 'graceful_shutdown', exited_at: TIME}
    expect(parseLifecycle(exited)).toEqual({kind: 'ends', atMs: AT, pid: 7, status: 75})
    expect(parseLifecycle({...exited, exit_code: 'x'})).toBeUndefined()
    expect(parseLifecycle({phase: 'running', pid: 7, started_at: TIME})).toBeUndefined()
  })
})

describe('whatever stands in a file of the home', () => {
  it('is read without a failure', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.jsonValue().map((value) => JSON.stringify({ts: value, time: value, tag: value, event: value, pid: value})),
    )
    fc.assert(
      fc.property(texts, (text) => {
        expect(journalFact(text, SERVICE)).toBeUndefined()
        expect(parseExitLine(text)).toBeUndefined()
      }),
    )
    fc.assert(fc.property(fc.jsonValue(), (value) => void expect(parseLifecycle(value)).toBeUndefined()))
  })
})

describe('what gateways have noted of themselves', () => {
  it('has an end once, though it stands in two of their files', () => {
    const last = {kind: 'ends', atMs: AT + 4, pid: 7, status: 75} as const
    const ends = (notes: Parameters<typeof gatewayFacts>[0]) => gatewayFacts(notes, last).filter(({kind}) => kind === 'end')
    expect(ends([{...last, atMs: AT}])).toHaveLength(1)
    expect(ends([{...last, pid: 6, atMs: AT}])).toHaveLength(2)
    expect(ends([{kind: 'started', atMs: AT - 9, pid: 7}])).toEqual([
      {kind: 'end', atMs: AT + 4, witness: 'gateway', pid: 7, how: 'exited', status: '75'},
    ])
  })
})

describe('what a manager has noted', () => {
  const ended = (atMs: number, more: object = {}): ManagerFact => ({kind: 'ended', atMs, how: 'killed', status: 'KILL', ...more})
  const result = (atMs: number, word: string): ManagerFact => ({kind: 'result', atMs, result: word})

  it('is an end with what the manager makes of it', () => {
    expect(managerFacts([{kind: 'started', atMs: 0}, ended(1000), result(1002, 'oom-kill'), result(3000, 'exit-code')])).toEqual([
      {kind: 'start', atMs: 0, witness: 'manager'},
      {kind: 'end', atMs: 1000, witness: 'manager', how: 'killed', status: 'KILL', result: 'oom-kill'},
    ])
  })

  it('is an end for lack of memory where the kernel killed just before, though the manager calls it a signal', () => {
    const oom: ManagerFact = {kind: 'oom-kill', atMs: 800}
    expect(managerFacts([oom, ended(1000), result(1002, 'signal')])).toMatchObject([{kind: 'end', status: 'KILL', result: 'oom-kill'}])
    // A child was killed; the gateway ended otherwise, or long after.
    expect(managerFacts([oom, ended(1000, {status: 'TERM'}), result(1002, 'signal')])).toMatchObject([{result: 'signal'}])
    expect(managerFacts([oom, ended(60_000), result(60_002, 'signal')])).toMatchObject([{result: 'signal'}])
  })

  it('is an end by itself where no process failed, or where none came of a start', () => {
    expect(managerFacts([{kind: 'started', atMs: 0}, {kind: 'stopping', atMs: 500}, result(1000, 'success')])).toEqual([
      {kind: 'start', atMs: 0, witness: 'manager'},
      {kind: 'stopping', atMs: 500},
      {kind: 'end', atMs: 1000, witness: 'manager', how: 'exited', result: 'success'},
    ])
    // Nothing came of what it tells twice, or of nothing.
    expect(managerFacts([ended(0), result(1, 'signal'), result(30_000, 'success')])).toHaveLength(1)
    expect(managerFacts([ended(0), result(20_000, 'exit-code')]).at(-1)).toEqual({
      ...{kind: 'end', atMs: 20_000, witness: 'manager', how: '', result: 'exit-code'},
    })
  })
})

describe('the boots of a machine', () => {
  it('are those of its log, each with the end of the one before it', () => {
    const logged = [
      {atMs: 9_000_000, lastMs: 9_500_000},
      {atMs: 1_000_000, lastMs: 2_000_000},
    ]
    expect(mergedBoots(logged, 8_995_000)).toEqual([
      {kind: 'boot', atMs: 1_000_000, formerEndMs: undefined},
      {kind: 'boot', atMs: 9_000_000, formerEndMs: 2_000_000},
    ])
  })

  it('have the present one among them, though no log tells of it', () => {
    expect(mergedBoots([], 5)).toEqual([{kind: 'boot', atMs: 5}])
    expect(mergedBoots([], undefined)).toEqual([])
    expect(mergedBoots([{atMs: 0}], 500_000).map(({atMs}) => atMs)).toEqual([0, 500_000])
  })
})
