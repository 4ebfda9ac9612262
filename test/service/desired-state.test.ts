import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {desiredStateFile, formatDesired, overwriteDesired, readDesired} from '../../src/service/desired-state.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const reading = (content: string | FakeFile) => readDesired(new FakeHost({files: {[desiredStateFile(HOME)]: content}}), HOME)

describe('the record of the desired state', () => {
  it.each(['running', 'stopped'] as const)('is read back as it was written: %s', (desiredState) => {
    const record = {schemaVersion: 1, desiredState, since: '2026-01-01T00:00:00.000Z', by: 'stop'} as const
    expect(reading(formatDesired(record))).toEqual({kind: 'recorded', record})
  })

  it('is absent until something was asked for', () => {
    expect(readDesired(new FakeHost({files: {[HOME]: {folder: true}}}), HOME)).toEqual({kind: 'absent'})
    expect(readDesired(new FakeHost(), HOME)).toEqual({kind: 'absent'})
  })

  it('that may not be read is not an absent one', () => {
    expect(reading({text: '{"desiredState":"running"}', mode: 0o600, uid: 0})).toEqual({kind: 'unreadable', why: 'EACCES'})
  })

  it('that is damaged is not an absent one, whatever is in the file', () => {
    const damaged = fc.oneof(
      fc.constantFrom('', 'null', '7', '{"desiredState":"paused"}', '{"desiredState":"running"'),
      fc.string(),
      fc.json(),
    )
    fc.assert(
      fc.property(damaged, (text) => {
        expect(reading(text)).toEqual({kind: 'unreadable', why: 'not a record of hermes-svc'})
      }),
    )
  })

  it.each([
    ['{"desiredState":"running","by":{"toString":1}}', 'running'],
    ['{"desiredState":"stopped","since":[],"by":7,"stoppedInBoot":{"toString":null},"schemaVersion":"x"}', 'stopped'],
    ['{"desiredState":"running","since":"","by":"","__proto__":{"stoppedInBoot":"b"}}', 'running'],
  ])('says what was asked for, though all else in it is damaged: %s', (text, desiredState) => {
    const record = {schemaVersion: 1, desiredState, since: 'an unknown time', by: 'an unknown command'}
    expect(reading(text)).toEqual({kind: 'recorded', record})
  })

  it('has short texts only, whatever is in the file', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (since, by, stoppedInBoot) => {
        const found = reading(JSON.stringify({desiredState: 'running', since, by, stoppedInBoot}))
        expect(found.kind).toBe('recorded')
        if (found.kind !== 'recorded') return
        expect([found.record.since, found.record.by].every((text) => typeof text === 'string' && text !== '')).toBe(true)
        expect(['string', 'undefined']).toContain(typeof found.record.stoppedInBoot)
      }),
    )
    const long = 'x'.repeat(5000)
    expect(reading(JSON.stringify({desiredState: 'running', since: long, by: long}))).toMatchObject({record: {by: 'x'.repeat(100)}})
  })

  it('is a file of the home itself', () => {
    expect(desiredStateFile(HOME)).toBe(`${HOME}/.hermes-svc.json`)
  })
})

describe('overwriteDesired', () => {
  const short = {schemaVersion: 1, desiredState: 'stopped', since: 'then', by: 'stop'} as const
  const long = {...short, desiredState: 'running', since: 'a long time ago', by: 'restart'} as const
  const over = (there: string, record: typeof short | typeof long) => {
    const edit = overwriteDesired(Buffer.from(there), record)
    return edit && [edit.offset, edit.bytes.length, JSON.parse(edit.bytes.toString()) as object]
  }

  it('takes exactly the bytes that are there: all of it if that is no longer, else the word alone', () => {
    expect(over(formatDesired(long), short)).toEqual([0, formatDesired(long).length, short])
    expect(over(formatDesired(short), long)).toEqual([0, formatDesired(short).length, {...short, desiredState: 'running'}])
  })

  it.each(['', '{}', '{"desiredState":"paused"}', 'nonsense'])('has nothing to go by in %j', (there) => {
    expect(over(there, short)).toBeUndefined()
  })
})
