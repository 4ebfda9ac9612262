import {describe, expect, it} from 'vitest'
import type {ManagerObservation} from '../../../src/managers/manager.js'
import {formatSettings} from '../../../src/service/settings.js'
import {type FakeFile, FakeHost} from '../../fakes/fake-host.js'
import {s6Manager, type WholeManager} from '../../fakes/managers.js'
import {HERMES, lookCommand, ROOT, S6_SERVICE, S6_SETTINGS, s6Files, SLOT} from '../../fakes/s6.js'

const OWN: Record<string, string> = {
  [`${SLOT}/run`]: '#!/bin/sh\n# Written by hermes-svc, anew at every boot.\n',
  [`${SLOT}/settings.json`]: formatSettings(S6_SETTINGS),
  [`${SLOT}/timeout-kill`]: '70000\n',
  [`${SLOT}/helpers/start.sh`]: "export PATH='/opt/hermes/bin:/usr/bin'\nexport HERMES_HOME='/opt/data'\n",
}

function managerOf(files: Record<string, FakeFile | string>): {manager: WholeManager; seen: ManagerObservation} {
  const host = new FakeHost({account: ROOT, accounts: [HERMES], files: {...s6Files(), ...files}})
  host.expect(lookCommand([S6_SERVICE], ['true true 167 -1 -1 12']))
  const manager = s6Manager(host)
  return {manager, seen: manager.observer.observe([S6_SERVICE])[0] as ManagerObservation}
}

describe('what a slot says of the life of its gateway', () => {
  it('is all that ours is made of', () => {
    const {manager, seen} = managerOf(OWN)
    expect(seen.environment).toEqual(['PATH=/opt/hermes/bin:/usr/bin', 'HERMES_HOME=/opt/data'])
    expect(manager.definition.evidence(seen)).toMatchObject({
      restartRisk: {kind: 'sound'},
      stopTimeoutMs: 70_000,
      requiredFolder: '/opt/data',
      searchPath: '/opt/hermes/bin:/usr/bin',
      programs: [{path: '/opt/hermes/bin/hermes', role: 'gateway'}, ...Array.from({length: 2}, () => ({role: 'helper'}))],
    })
  })

  it("is little for another tool's, which is started again for ever and never killed", () => {
    const {manager, seen} = managerOf({[`${SLOT}/run`]: '#!/bin/sh\nexec hermes gateway run --replace\n'})
    expect(manager.definition.evidence(seen)).toMatchObject({
      restartRisk: {kind: 'storms'},
      stopTimeoutMs: Infinity,
      programs: [],
      requiredFolder: undefined,
    })
  })
})

describe('the end of a container', () => {
  const GRACE = '/run/s6/container_environment/S6_KILL_GRACETIME'

  it.each<[string, Record<string, string>, number | undefined]>([
    ['s6-overlay’s own limit', {}, 3000],
    ['the one that was set', {[GRACE]: '85000'}, 85_000],
    ['the longest that s6 takes', {[GRACE]: '900000'}, 300_000],
    ['s6-overlay’s own for what is no number', {[GRACE]: '60s'}, 3000],
  ])('has %s', (_, files, limitMs) => {
    const {manager, seen} = managerOf({...OWN, ...files})
    expect(manager.definition.evidence(seen).shutdown?.limitMs).toBe(limitMs)
  })
})

describe('the slots of gateways', () => {
  it('are found whoever made them, and no others', () => {
    const {manager} = managerOf({
      ...OWN,
      '/run/service/gateway-work/run': '#!/bin/sh\n',
      '/run/service/gateway-work/down': '',
      '/run/service/gateway-half/type': 'longrun\n',
      '/run/service/dashboard/run': '#!/bin/sh\n',
    })
    expect(manager.rivals.definitions(HERMES).map(({name, home, isEnabled}) => [name, home, isEnabled])).toEqual([
      ['gateway-default', '/opt/data', true],
      ['gateway-work', '/opt/data/profiles/work', false],
    ])
  })

  it('may lie in another folder, as upstream lets one say', () => {
    const host = new FakeHost({env: {S6_PROFILE_GATEWAY_SCANDIR: '/srv/scan/'}, files: s6Files()})
    expect(s6Manager(host).title).toBe('s6 (/srv/scan)')
    expect(s6Manager(new FakeHost({env: {S6_PROFILE_GATEWAY_SCANDIR: 'scan'}, files: s6Files()})).title).toBe('s6 (/run/service)')
  })
})

describe('the heartbeat of a container', () => {
  const host = () => new FakeHost({account: ROOT, accounts: [HERMES], files: {...s6Files(), ...OWN}})

  it('is one slot for all, as often as the most demanding asks for', async () => {
    const hurried = {...S6_SETTINGS, heartbeat: {...S6_SETTINGS.heartbeat, intervalSec: 20}}
    const machine = host()
    machine.put('/run/service/gateway-work/settings.json', formatSettings({...hurried, profile: 'work'}))
    machine.expect({argv: ['test', '-x', '/usr/bin/node'], times: Infinity})
    const {files, steps} = await s6Manager(machine).tick.heartbeat(S6_SERVICE, S6_SETTINGS)
    expect(files.map(({path}) => path)).toEqual(['heartbeat.cjs', 'type', 'run'].map((name) => `/run/service/hermes-svc-heartbeat/${name}`))
    expect(files.at(-1)?.text).toMatch(/\nexec '\/usr\/bin\/sleep' 20\n$/)
    expect(steps.some((step) => 'path' in step && step.path.startsWith('/run/service/hermes-svc-heartbeat/'))).toBe(false)
  })

  it('does not run if its slot is gone, which is a fault like a slot that is down', async () => {
    const machine = host()
    machine.expect({argv: ['test', '-x', '/usr/bin/node'], times: Infinity})
    const {faults} = await s6Manager(machine).tick.heartbeat(S6_SERVICE, S6_SETTINGS)
    expect(faults).toEqual(['/run/service/hermes-svc-heartbeat is gone'])
  })

  it('goes with the last that wants it', async () => {
    const machine = host()
    machine.put('/run/service/hermes-svc-heartbeat/run', "#!/bin/sh\n$as_user '/usr/bin/node' '/run/service/x' s6\n")
    const manager = s6Manager(machine)
    // Of an earlier version.
    expect(manager.tick.programs(HERMES)).toMatchObject([{path: '/usr/bin/node', role: 'node'}, {role: 'tick'}])
    machine.put(
      '/run/service/hermes-svc-heartbeat/run',
      `#!/bin/sh\n'/usr/bin/timeout' -s KILL 60 $as_user '/opt/node' '/run/service/x' s6\n`,
    )
    expect(manager.tick.programs(HERMES)).toMatchObject([{path: '/opt/node', role: 'node'}, {role: 'tick'}])
    const {files, steps} = await manager.tick.heartbeat(S6_SERVICE, undefined)
    expect([files, steps.map(({why}) => why)]).toEqual([[], ['end the supervision of hermes-svc-heartbeat, and remove its slot']])
  })
})
