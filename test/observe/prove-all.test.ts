import {proveAll} from '../../src/observe/look.js'
import {describe, expect, it} from 'vitest'
import {assess} from '../../src/observe/assess.js'
import type {Target} from '../../src/observe/where.js'
import {systemdManager} from '../fakes/managers.js'
import {type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'
import {type FakeProcess, processFiles} from '../fakes/fake-process.js'
import {serviceOf} from '../fakes/settings.js'
import {showCommand} from '../fakes/systemctl.js'

const UNITS = '/home/user/.config/systemd/user'

/** A machine on which each of these profiles has a service that is running, and its gateway is like that; the others have no service. */
function machineWith(gateways: Readonly<Record<string, Partial<FakeProcess>>>, others: readonly string[] = []) {
  const names = Object.keys(gateways)
  const files: Record<string, FakeFile | string> = {
    '/run/systemd/system': {folder: true},
    '/run/user/1000/bus': {kind: 'socket', uid: 1000, gid: 1000},
    '/proc/locks': '',
  }
  const shown: Record<string, string>[] = []
  for (const [index, [name, process]] of Object.entries(gateways).entries()) {
    const {name: unit, profile} = serviceOf(name)
    const pid = 500 + index
    const record = {pid, argv: ['gateway', 'run'], start_time: 5000}
    const open = {3: {path: `${profile.home}/gateway.lock`, isLocked: true}}
    Object.assign(files, processFiles({pid, cgroup: `/s/${unit}`, open, ...process}), {
      [`${UNITS}/${unit}`]: '[Service]\n',
      [`${profile.home}/gateway.lock`]: JSON.stringify(record),
      [`${profile.home}/gateway_state.json`]: JSON.stringify({...record, gateway_state: 'running'}),
      [`${profile.home}/gateway.sock`]: {kind: 'socket'} satisfies FakeFile,
    })
    const state = {LoadState: 'loaded', FragmentPath: `${UNITS}/${unit}`, ActiveState: 'active', SubState: 'running'}
    shown.push({...state, MainPID: String(pid), ControlGroup: `/s/${unit}`})
  }
  const host = new FakeHost({files, commands: names.length > 0 ? [showCommand('user', USER, names.map(serviceOf), shown)] : []})
  const manager = systemdManager(host, 'user', USER)
  const targets = [...names, ...others].map((name): Target => {
    return {host, userHost: host, manager, service: serviceOf(name), homeFlag: 'home'}
  })
  return {host, targets}
}

describe('proveAll', () => {
  it('proves the event loops of all gateways, by one call of the manager, and keeps the order', async () => {
    const {host, targets} = machineWith({good: {}, frozen: {state: 'T'}, blocked: {waitsIn: 'hrtimer_nanosleep'}}, ['none'])
    const found = await proveAll(targets, 1000, false)
    expect(found.map(({seen}) => [seen.manager.service.profile.name, assess(seen).actual])).toEqual([
      ['good', 'running'],
      ['frozen', 'wedged'],
      ['blocked', 'wedged'],
      ['none', 'not-installed'],
    ])
    host.assertAllUsed()
    expect(host.changes).toEqual([])
  })

  it('asks all at once, so that one which does not answer keeps no other waiting', async () => {
    const {host, targets} = machineWith({one: {}, two: {}, three: {}})
    const asked: ((answer: string) => void)[] = []
    host.exchange = () =>
      new Promise((resolve) => {
        asked.push(resolve)
        // Nobody is answered before everybody has been asked.
        if (asked.length === targets.length) for (const answer of asked) answer('{}\n')
      })
    const found = await proveAll(targets, 1000, false)
    expect(found.map(({seen}) => seen.verdict.state)).toEqual(['alive', 'alive', 'alive'])
  })

  it('asks no manager where no service is', async () => {
    const {targets} = machineWith({}, ['none'])
    expect((await proveAll(targets, 1000, true)).map(({seen}) => assess(seen).actual)).toEqual(['not-installed'])
  })

  describe('of a profile that has a service of the machine alone', () => {
    const work = serviceOf('work')
    const UNIT = `/etc/systemd/system/${work.name}`
    const CGROUP = `/system.slice/${work.name}`
    const HOME = work.profile.home

    /** What is found of it beside a service of the user's, where systemd says so of the unit of the machine. */
    const look = async (shown: Readonly<Record<string, string>>, anyScope = true) => {
      const {host, targets} = machineWith({one: {}}, ['work'])
      const record = JSON.stringify({pid: 700, argv: ['gateway', 'run'], start_time: 5000, gateway_state: 'running'})
      const open = {3: {path: `${HOME}/gateway.lock`, isLocked: true}}
      for (const [file, content] of Object.entries(processFiles({pid: 700, cgroup: CGROUP, open}))) host.put(file, content)
      for (const file of [`${HOME}/gateway.lock`, `${HOME}/gateway_state.json`]) host.put(file, record)
      host.put('/root', {folder: true, mode: 0o700, uid: 0})
      host.put(UNIT, '[Service]\nUser=user\n')
      const state = {LoadState: 'loaded', FragmentPath: UNIT, ActiveState: 'active', SubState: 'running', MainPID: '700'}
      if (anyScope) host.expect(showCommand('system', USER, [work], [{...state, ControlGroup: CGROUP, User: 'user', ...shown}]))
      const found = (await proveAll(targets, 1000, anyScope)).map(({target, seen}) => [target.manager.scope, assess(seen).actual])
      host.assertAllUsed()
      expect(found[0]).toEqual(['user', 'running'])
      return found[1]
    }

    it('finds that, in its scope', async () => {
      expect(await look({Environment: `HERMES_HOME=${HOME}`})).toEqual(['system', 'running'])
      expect(await look({User: '1000'})).toEqual(['system', 'running'])
    })

    it.each([
      ['of another home', {Environment: 'HERMES_HOME=/srv/other'}],
      ['of a home that may not be looked at', {Environment: 'HERMES_HOME=/root/other'}],
      ["of another user's", {User: 'ann'}],
      ["of root's", {User: ''}],
    ])('does not take a service %s for it', async (_, shown) => {
      expect(await look(shown)).toEqual(['user', 'orphaned'])
    })

    it('does not look there where only one scope is asked about', async () => {
      expect(await look({}, false)).toEqual(['user', 'orphaned'])
    })
  })
})
