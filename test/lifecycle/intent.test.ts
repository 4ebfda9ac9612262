import {describe, expect, it} from 'vitest'
import {mirrorIntent, recordIntent} from '../../src/lifecycle/intent.js'
import {observe} from '../../src/observe/look.js'
import {performSteps} from '../../src/plan/perform.js'
import {formatDesired} from '../../src/service/desired-state.js'
import type {FakeFile} from '../fakes/fake-host.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'

const HOME = '/home/user/.hermes'
const RECORD = `${HOME}/.hermes-svc.json`
const STATE = `${HOME}/gateway_state.json`

const record = (desiredState: 'running' | 'stopped') => formatDesired({schemaVersion: 1, desiredState, since: 'then', by: 'start'})

async function intend(files: Record<string, FakeFile | string>, desired: 'running' | 'stopped') {
  const machine = new FakeSystemd(files)
  const steps = recordIntent(machine.target, observe(machine.target), desired, 'stop')
  await performSteps(machine.host, steps, () => undefined)
  return {steps, texts: machine.host.texts()}
}

describe('recordIntent', () => {
  it('writes the wish, since when and by what, and mirrors it for upstream', async () => {
    const {texts} = await intend({[RECORD]: record('running'), [STATE]: '{"gateway_state":"stopped"}'}, 'stopped')
    expect(JSON.parse(texts[RECORD] ?? '')).toEqual({
      schemaVersion: 1,
      desiredState: 'stopped',
      since: '2026-01-01T00:00:00.000Z',
      by: 'stop',
    })
    expect(texts[STATE]).toBe('{"gateway_state":"stopped","desired_state":"stopped"}')
  })

  it('does nothing where the wish is recorded already, and keeps since when', async () => {
    const {steps, texts} = await intend({[RECORD]: record('stopped')}, 'stopped')
    expect(steps).toEqual([])
    expect(texts[RECORD]).toBe(record('stopped'))
  })

  it.each([
    ['that is stale', '{"desired_state":"running","pid":5}', '{"desired_state":"stopped","pid":5}'],
    ['that is missing', '{"gateway_state":"stopped"}', '{"gateway_state":"stopped","desired_state":"stopped"}'],
  ])('makes up for a mirror %s, as a kill between the two writes leaves it, and only once', async (_, before, after) => {
    const first = await intend({[RECORD]: record('stopped'), [STATE]: before}, 'stopped')
    expect(first.texts).toMatchObject({[RECORD]: record('stopped'), [STATE]: after})
    expect((await intend(first.texts, 'stopped')).steps).toEqual([])
  })

  it.each([
    ['a value that is no word of ours', '{"desired_state":"paused"}'],
    ['a state file that is damaged', '{"desired_state":"runn'],
    ['a state file that may not be read', {text: '{"desired_state":"running"}', uid: 0, mode: 0o600}],
  ])('has nothing to make up for with %s', async (_, state) => {
    expect((await intend({[RECORD]: record('stopped'), [STATE]: state}, 'stopped')).steps).toEqual([])
  })

  it('misses no mirror in the state file of a gateway that runs', async () => {
    const machine = new FakeSystemd({[RECORD]: record('running')})
    machine.addUnit('')
    machine.comesUp()
    expect(recordIntent(machine.target, observe(machine.target), 'running', 'start')).toEqual([])
  })

  it('replaces a record that is damaged', async () => {
    const {texts} = await intend({[RECORD]: '{'}, 'running')
    expect(JSON.parse(texts[RECORD] ?? '')).toMatchObject({desiredState: 'running'})
  })

  it('never makes a state file', async () => {
    expect((await intend({}, 'running')).texts[STATE]).toBeUndefined()
  })

  it('inserts nothing in the state file of a gateway that may be running', async () => {
    const machine = new FakeSystemd()
    machine.addUnit('')
    machine.comesUp()
    const before = machine.host.texts()[STATE]
    await performSteps(machine.host, recordIntent(machine.target, observe(machine.target), 'stopped', 'stop'), () => undefined)
    expect(machine.host.texts()[STATE]).toBe(before)
  })

  it('is readable by the owner alone, and written with its ids', () => {
    const machine = new FakeSystemd()
    expect(recordIntent(machine.target, observe(machine.target), 'running', 'start')[0]).toMatchObject({
      mode: 0o600,
      as: machine.target.service.account,
    })
  })
})

describe('mirrorIntent', () => {
  it('overwrites a field that is there also while the gateway runs', async () => {
    const machine = new FakeSystemd({[STATE]: '{"desired_state":"running","pid":5}'})
    await performSteps(machine.host, [mirrorIntent(machine.target, 'stopped', true)], () => undefined)
    expect(machine.host.texts()[STATE]).toBe('{"desired_state":"stopped","pid":5}')
  })
})
