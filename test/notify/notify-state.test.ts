import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {EMPTY_STATE, type NotifyState, notifyStateFile, readNotifyState, writeNotifyState} from '../../src/notify/notify-state.js'
import {FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'

const STATE: NotifyState = {
  memory: {gateway: {sinceMs: 1, badTicks: 2, goodTicks: 0, told: ['down'], toldMs: 3}},
  gateway: '7:8',
  outbox: {
    waiting: [
      {
        event: {
          ...{id: 'a', kind: 'down', atMs: 1, sinceMs: 1, machine: 'box', service: 's', profile: 'p', what: 'is down', lines: ['x']},
          ...{next: 'hermes-svc doctor', isReminder: false},
        },
        targets: ['key'],
      },
    ],
    faults: {key: {failures: 1, sinceMs: 1, untilMs: 2, why: 'HTTP 500'}},
  },
  pingFault: {failures: 2, sinceMs: 1, untilMs: 2, why: 'HTTP 404'},
}

describe('what the tick remembers', () => {
  it('is read as it was written, in a file that only the owner of the home can read', () => {
    const host = new FakeHost({files: {[HOME]: {folder: true}}})
    writeNotifyState(host, [notifyStateFile(HOME)], STATE)
    expect(readNotifyState(host, [notifyStateFile(HOME)])).toEqual(STATE)
    expect(host.stat(notifyStateFile(HOME))?.mode).toBe(0o600)
  })

  it.each([
    ['that is not there', undefined],
    ['that is no JSON', '{'],
    ['of a later version', '{"schemaVersion": 2}'],
    ['that is none', '[]'],
  ])('is nothing in a file %s', (_, text) => {
    const host = new FakeHost({files: text === undefined ? {} : {[notifyStateFile(HOME)]: text}})
    expect(readNotifyState(host, [notifyStateFile(HOME)])).toEqual(EMPTY_STATE)
  })

  it('is some state whatever is written there, and what is good of it is kept', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify({schemaVersion: 1, ...STATE, memory: {...STATE.memory, other: value}, pingFault: value})
        const host = new FakeHost({files: {[notifyStateFile(HOME)]: text}})
        const read = readNotifyState(host, [notifyStateFile(HOME)])
        expect(read.memory.gateway).toEqual(STATE.memory.gateway)
        expect(read.outbox).toEqual(STATE.outbox)
      }),
    )
  })
})
