import {describe, expect, it} from 'vitest'
import {proveAll} from '../../src/lifecycle/prove.js'
import {assess} from '../../src/lifecycle/status.js'
import type {Target} from '../../src/lifecycle/target.js'
import {SystemdManager} from '../../src/managers/systemd/manager.js'
import {type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'
import {type FakeProcess, processFiles} from '../fakes/fake-process.js'
import {serviceOf} from '../fakes/settings.js'
import {showCommand} from '../fakes/systemctl.js'

const UNITS = '/home/user/.config/systemd/user'

/** A machine on which each of these profiles has a service that is running, and its gateway is like that; the others have no service. */
function machineWith(gateways: Readonly<Record<string, Partial<FakeProcess>>>, others: readonly string[] = []) {
  const names = Object.keys(gateways)
  const files: Record<string, FakeFile | string> = {'/run/user/1000/bus': {kind: 'socket', uid: 1000, gid: 1000}, '/proc/locks': ''}
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
  const manager = new SystemdManager(host, 'user', USER)
  const targets = [...names, ...others].map((name): Target => {
    return {host, userHost: host, manager, service: serviceOf(name), homeFlag: 'home'}
  })
  return {host, targets}
}

describe('proveAll', () => {
  it('proves the event loops of all gateways, by one call of the manager, and keeps the order', async () => {
    const {host, targets} = machineWith({good: {}, frozen: {state: 'T'}, blocked: {waitsIn: 'hrtimer_nanosleep'}}, ['none'])
    const seen = await proveAll(targets, 1000)
    expect(seen.map((one) => [one.manager.service.profile.name, assess(one).actual])).toEqual([
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
    const seen = await proveAll(targets, 1000)
    expect(seen.map(({verdict}) => verdict.state)).toEqual(['alive', 'alive', 'alive'])
  })

  it('asks no manager where no service is', async () => {
    const {targets} = machineWith({}, ['none'])
    expect((await proveAll(targets, 1000)).map((one) => assess(one).actual)).toEqual(['not-installed'])
  })
})
