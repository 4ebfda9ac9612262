import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {PlatformWord, StateWord} from '../../src/gateway/contract.js'
import {readGatewayState, readProcessRecord} from '../../src/gateway/records.js'
import {FakeHost} from '../fakes/fake-host.js'
import {anyCharacter} from '../support/any-text.js'

const HOME = '/home/user/.hermes'
const hostWith = (text: string) => new FakeHost({files: {[`${HOME}/gateway.pid`]: text, [`${HOME}/gateway_state.json`]: text}})
const record = (text: string) => readProcessRecord(hostWith(text), `${HOME}/gateway.pid`)
const state = (text: string) => readGatewayState(hostWith(text), HOME)

describe('readProcessRecord', () => {
  it('reads what a gateway writes', () => {
    const text =
      '{"pid": 4242, "kind": "hermes-gateway", "argv": ["/h/main.py", "gateway"], "start_time": 8123456, "hermes_home": "/h", "pidns": 1}'
    expect(record(text)).toEqual({kind: 'present', value: {pid: 4242, startTime: 8123456, home: '/h', argv: ['/h/main.py', 'gateway']}})
  })

  it('reads the bare number of the oldest gateways', () => {
    expect(record('4242\n')).toEqual({kind: 'present', value: {pid: 4242, startTime: undefined, home: undefined, argv: []}})
  })

  it('knows no more than the pid if the rest is of another kind', () => {
    expect(record('{"pid": 7, "start_time": null, "hermes_home": "", "argv": "x"}')).toEqual({
      kind: 'present',
      value: {pid: 7, startTime: undefined, home: undefined, argv: []},
    })
  })

  it.each(['0', '-5', '1.5', '4294967296', '{"pid": "7"}', '{"pid": true}', '{}', '[7]', 'null', '"7"'])(
    'makes no process of %s',
    (text) => {
      expect(record(text)).toEqual({kind: 'malformed', why: 'not a record of a gateway'})
    },
  )

  it('tells half a file from an empty one', () => {
    expect(record('{"pid": 42')).toEqual({kind: 'malformed', why: 'not JSON'})
    expect(record(' \n')).toEqual({kind: 'malformed', why: 'the file is empty'})
  })

  it('tells an absent file from one that may not be read', () => {
    const host = new FakeHost({files: {'/srv/gateway.pid': {text: '7', mode: 0o600, uid: 5}}})
    expect(readProcessRecord(host, '/srv/gateway.pid')).toEqual({kind: 'unreadable', why: 'EACCES'})
    expect(readProcessRecord(host, '/srv/none')).toEqual({kind: 'absent'})
  })
})

/** A platform of which nothing is said. */
const SILENT = {
  ...{state: undefined, word: undefined, errorCode: undefined, errorMessage: undefined, needsAttention: false},
  ...{writerPid: undefined, retryingSince: undefined, updatedAt: undefined},
}

describe('readGatewayState', () => {
  it('reads what a gateway writes', () => {
    const text = JSON.stringify({
      pid: 468,
      start_time: 221956,
      gateway_state: 'draining',
      exit_reason: 'x',
      restart_requested: true,
      active_agents: 2,
      updated_at: '2026-11-22T02:46:58.784743+00:00',
      desired_state: 'stopped',
      served_profiles: ['a', 7, 'b'],
      platforms: {
        telegram: {
          state: 'retrying',
          word: 'retrying',
          error_code: 7,
          error_message: 'no',
          needs_attention: 'pair',
          retrying_since: 'then',
          updated_at: 5,
          writer_pid: 468,
        },
        slack: {needs_attention: true},
        matrix: 'connected',
      },
    })
    expect(state(text)).toEqual({
      kind: 'present',
      value: {
        process: {pid: 468, startTime: 221956, home: undefined, argv: []},
        says: 'draining',
        gatewayState: StateWord.draining,
        exitReason: 'x',
        restartRequested: true,
        activeAgents: 2,
        activeWork: [],
        updatedAt: '2026-11-22T02:46:58.784743+00:00',
        desiredState: 'stopped',
        servedProfiles: ['a', 'b'],
        platforms: [
          {
            name: 'telegram',
            state: 'retrying',
            word: PlatformWord.retrying,
            errorCode: '7',
            errorMessage: 'no',
            needsAttention: true,
            writerPid: 468,
            retryingSince: 'then',
            updatedAt: 5,
          },
          {name: 'slack', ...SILENT, needsAttention: true},
        ],
      },
    })
  })

  it('keeps a word that no version of the gateway had so far to be shown, and has no decision go by it', () => {
    expect(state('{"gateway_state": "resting"}')).toMatchObject({value: {says: 'resting', gatewayState: 'unknown'}})
  })

  it('takes an integer for the time, as the commands for s6 write it', () => {
    expect(state('{"updated_at": 1790000000}')).toMatchObject({value: {updatedAt: 1790000000}})
  })

  it('leaves out what is of another kind', () => {
    const text = JSON.stringify({
      ...{pid: 'x', gateway_state: 5, exit_reason: null, restart_requested: 'yes', active_agents: -3},
      ...{updated_at: [], desired_state: 'paused', served_profiles: {}, platforms: [1]},
    })
    expect(state(text)).toEqual({
      kind: 'present',
      value: {
        process: undefined,
        says: undefined,
        gatewayState: undefined,
        exitReason: undefined,
        restartRequested: false,
        activeAgents: 0,
        activeWork: [],
        updatedAt: undefined,
        desiredState: undefined,
        servedProfiles: [],
        platforms: undefined,
      },
    })
  })
})

describe('reading any file', () => {
  const contents = fc.oneof(
    fc.string({unit: anyCharacter}),
    fc.json(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString()),
    fc
      .record(
        {
          pid: fc.anything(),
          start_time: fc.anything(),
          argv: fc.anything(),
          gateway_state: fc.anything(),
          served_profiles: fc.anything(),
          platforms: fc.anything(),
          updated_at: fc.anything(),
        },
        {requiredKeys: []},
      )
      .map((value) => JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? Number(member) : member))),
  )

  it('never throws, and says why there is no value', () => {
    fc.assert(
      fc.property(contents, (text) => {
        for (const reading of [record(text), state(text)]) {
          if (reading.kind !== 'present') expect(reading).toEqual({kind: 'malformed', why: expect.stringMatching(/./) as string})
        }
      }),
    )
  })

  it('takes for a pid what kill(2) would take for that of one process, and nothing else, in a record as in a bare number', () => {
    const pids = fc.oneof(fc.constantFrom(0, -0, -1, 1, 2 ** 31 - 1, 2 ** 31, 1.5, '7', true, null), fc.integer())
    fc.assert(
      fc.property(pids, fc.boolean(), (pid, isBare) => {
        const isOne = typeof pid === 'number' && Number.isInteger(pid) && pid >= 1 && pid <= 2 ** 31 - 1
        const reading = record(JSON.stringify(isBare ? pid : {pid}))
        expect(reading).toMatchObject(isOne ? {kind: 'present', value: {pid}} : {kind: 'malformed'})
      }),
    )
  })
})
