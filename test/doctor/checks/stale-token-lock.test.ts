import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/stale-token-lock.js'
import {examine} from '../../../src/doctor/examine.js'
import {addProcess, cure, find, found, sceneOf, serviceMachine} from '../../fakes/fake-scene.js'
import type {FakeProcess} from '../../fakes/fake-process.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const HOME = '/home/user/.hermes'
const FOLDER = '/home/user/.local/state/hermes/gateway-locks'
const FILE = `${FOLDER}/telegram-bot-token-0123456789abcdef.lock`

function lock(machine: FakeSystemd, more: object = {}, file = FILE, ageMs = 10_000): void {
  const record = {pid: 77, start_time: 5, scope: 'telegram-bot-token', hermes_home: HOME, ...more}
  machine.host.put(file, {text: JSON.stringify(record), modifiedMs: machine.host.nowMs() - ageMs})
}

describe('a token lock', () => {
  it.each<[string, Partial<FakeProcess> | undefined, string[]]>([
    ['gone', undefined, ['gone warning: the lock on telegram-bot-token belongs to pid 77, which is gone']],
    [
      'a zombie',
      {startTime: 5, state: 'Z'},
      ['zombie warning: the lock on telegram-bot-token belongs to pid 77, which has ended and is a zombie'],
    ],
    [
      'a later process',
      {startTime: 6},
      ['recycled warning: the lock on telegram-bot-token belongs to pid 77, which is now another process'],
    ],
    [
      'stopped',
      {startTime: 5, state: 'T'},
      ['stopped warning: the lock on telegram-bot-token belongs to pid 77, which is stopped by a signal'],
    ],
    ['alive', {startTime: 5}, []],
  ])('of an owner that is %s', async (_name, process, expected) => {
    const machine = serviceMachine()
    if (process) addProcess(machine, {pid: 77, ...process})
    lock(machine)
    expect(await found(machine, check)).toEqual(expected)
  })

  it('is taken from one that is only stopped if a person says so', async () => {
    const machine = serviceMachine()
    addProcess(machine, {pid: 77, startTime: 5, state: 'T'})
    lock(machine)
    expect(await find(machine, check)).toMatchObject([{isSafe: false, isFixable: true}])
  })

  it('of another home, of a moment ago, or of an owner that may not be seen is none', async () => {
    const machine = serviceMachine()
    lock(machine, {hermes_home: '/srv/other'})
    expect(await found(machine, check)).toEqual([])
    lock(machine, {}, FILE, 1000)
    expect(await found(machine, check)).toEqual([])
    machine.host.drop(FILE)
    machine.host.put(`${FOLDER}/slack.lock`, 'torn {')
    expect(await found(machine, check)).toEqual([])
  })

  it('that says nothing of its home is shown to whoever asks for one service', async () => {
    const machine = serviceMachine()
    lock(machine, {hermes_home: undefined})
    expect(await found(machine, check)).toHaveLength(1)
    lock(machine, {hermes_home: undefined, profile: 'work'})
    expect(await found(machine, check)).toEqual([])
    lock(machine, {hermes_home: undefined, profile: 'default'})
    expect((await examine(await sceneOf(machine, false), [check])).findings).toHaveLength(1)
  })

  it.each([
    ['HERMES_GATEWAY_LOCK_DIR', '/srv/locks', '/srv/locks'],
    ['XDG_STATE_HOME', '/srv/state', '/srv/state/hermes/gateway-locks'],
  ])('is looked for where %s of the unit says', async (name, value, folder) => {
    const machine = serviceMachine()
    machine.shown = {...machine.shown, Environment: `HERMES_HOME=${HOME} ${name}=${value}`}
    lock(machine)
    expect(await found(machine, check)).toEqual([])
    lock(machine, {}, `${folder}/slack.lock`)
    expect(await found(machine, check)).toHaveLength(1)
  })

  it('is removed unless somebody has taken it meanwhile', async () => {
    const machine = serviceMachine()
    lock(machine)
    await cure(machine, check, {}, () => lock(machine, {pid: machine.comesUp()}))
    expect(machine.host.lstat(FILE)).toBeDefined()
    lock(machine)
    await cure(machine, check)
    expect(machine.host.lstat(FILE)).toBeUndefined()
  })
})
