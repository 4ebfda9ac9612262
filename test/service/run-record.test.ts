import {describe, expect, it} from 'vitest'
import {formatRun, readRun, type RunRecord, runPlace} from '../../src/service/run-record.js'
import {FakeHost, USER} from '../fakes/fake-host.js'
import type {FakeProcess} from '../fakes/fake-process.js'
import {CONTAINER, RUN as RECORD, runFiles} from '../fakes/foreground.js'

const HOME = '/home/user/.hermes'

function hostWith(record: unknown, process: Partial<FakeProcess> | 'none' = {}): FakeHost {
  return new FakeHost({files: {...CONTAINER, ...runFiles(record, process === 'none' ? undefined : process)}})
}

const read = (host: FakeHost) => readRun({host, userHost: host.as(USER)}, HOME)

describe('the record of a hermes-svc run', () => {
  it('is believed of the very process that left it', () => {
    const host = hostWith(formatRun(RECORD))
    expect(runPlace(host)).toEqual({boot: 'b007 3', namespace: 'pid:[4026532275]'})
    expect(read(host)).toEqual(RECORD)
    expect(read(hostWith(formatRun(RECORD), {uid: 0}))).toEqual(RECORD)
    expect(host.changes).toEqual([])
  })

  it.each<[string, Partial<FakeProcess> | 'none', Partial<RunRecord>]>([
    ['is gone', 'none', {}],
    ['has ended and was not reaped', {state: 'Z'}, {}],
    ['is a later one of the same number', {startTime: 4712}, {}],
    ['is another program', {argv: ['/usr/bin/sleep', '60']}, {}],
    ['is that of a third account', {uid: 1234}, {}],
    ['was one of an earlier boot', {}, {boot: 'b007 2'}],
    ['was one of another container', {}, {namespace: 'pid:[4026532999]'}],
  ])('counts as nothing where that process %s', (_, process, changed) => {
    const host = hostWith({...RECORD, ...changed}, process)
    expect(read(host)).toBeUndefined()
  })

  it.each<[string, unknown]>([
    ['no JSON', 'run\n'],
    ['no object', 7],
    ['of another version', {...RECORD, schemaVersion: 2}],
    ['without settings', {...RECORD, settings: {}}],
    ['with a folder that is none', {...RECORD, memory: 'tmp'}],
    ['with an activity that there is not', {...RECORD, activity: 'asleep'}],
    ['with a pid that is none', {...RECORD, pid: -1}],
    ['longer than any is', `${JSON.stringify(RECORD)}${' '.repeat(64 * 1024)}`],
  ])('counts as nothing if it is %s', (_, record) => {
    expect(read(hostWith(record))).toBeUndefined()
  })

  it('is left without what is damaged in it and not needed', () => {
    const {lastExit, ...rest} = RECORD
    expect(lastExit).toBeDefined()
    const written = JSON.parse(formatRun(RECORD)) as object
    expect(read(hostWith({...written, lastExit: {how: 'left', status: 'x'}, gatewayPid: 'none', startedAtMs: -1}))).toEqual(rest)
  })
})
