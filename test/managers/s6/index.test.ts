import {describe, expect, it} from 'vitest'
import type {ManagerObservation} from '../../../src/managers/manager.js'
import type {Step} from '../../../src/plan/plan.js'
import {formatSettings} from '../../../src/service/settings.js'
import {type FakeFile, FakeHost, type FakeMachine} from '../../fakes/fake-host.js'
import {processFiles} from '../../fakes/fake-process.js'
import {s6Manager} from '../../fakes/managers.js'
import {HERMES, lookCommand, MEMORY, ROOT, S6_SERVICE, S6_SETTINGS, s6Files, SLOT} from '../../fakes/s6.js'

const OWN = '#!/bin/sh\n# Written by hermes-svc, anew at every boot.\n'
const UP = 'true true 167 -1 -1 12'
const DOWN = 'false false -1 0 0 12'

function machine(files: Record<string, FakeFile | string> = {}, more: FakeMachine = {}): FakeHost {
  return new FakeHost({account: ROOT, accounts: [HERMES], ...more, files: {...s6Files(), ...files}})
}

function observe(answer: string, files: Record<string, FakeFile | string> = {[`${SLOT}/run`]: OWN}): ManagerObservation {
  const host = machine(files)
  host.expect(lookCommand([S6_SERVICE], [answer]))
  const [seen] = s6Manager(host).observer.observe([S6_SERVICE])
  expect(host.changes).toEqual([])
  return seen as ManagerObservation
}

const memory = (entries: Record<string, string>) => ({
  [`${SLOT}/run`]: OWN,
  ...Object.fromEntries(Object.entries(entries).map(([name, text]) => [`${MEMORY}/${name}`, text])),
})

describe('observing a slot', () => {
  it.each<[string, string, Record<string, string>, Partial<ManagerObservation>]>([
    ['a gateway that runs', UP, {started: '123\n'}, {activity: 'running', mainPid: 167, startedAtMs: 1230}],
    ['a first start', UP, {started: '\n'}, {activity: 'starting', startedAtMs: undefined}],
    ['a start that waits', UP, {started: '\n', failures: '2\n'}, {activity: 'waiting', failuresInARow: 2}],
    ['a gateway that is to stop', 'true false 167 -1 -1 1', {started: '9\n'}, {activity: 'stopping'}],
    ["s6's own pause", 'false true -1 1 0 0', {}, {activity: 'waiting', lastExit: {how: 'exited', status: 1}}],
    ['a gateway that is down', DOWN, {}, {activity: 'stopped', lastExit: {how: 'exited', status: 0}}],
    ['one that was given up', 'false false -1 78 0 1', {failed: '78\n'}, {activity: 'failed'}],
    ['one that was given up and then stopped', 'false false -1 78 0 1', {}, {activity: 'stopped'}],
    ['a slot without a supervisor', 'none', {}, {activity: 'stopped', needsReload: true, mainPid: undefined}],
  ])('%s', (_, answer, entries, expected) => {
    expect(observe(answer, memory(entries))).toMatchObject({installed: 'own', enabled: true, ...expected})
  })

  it("takes what another tool's script had started for a gateway, and our own scripts for a start", () => {
    const slotWith = (argv: readonly string[]) => observe(UP, {[`${SLOT}/run`]: OWN, ...processFiles({pid: 167, argv})}).activity
    expect(slotWith(['/usr/bin/python3', '-m', 'hermes_cli.main', 'gateway', 'run'])).toBe('running')
    expect([slotWith(['/bin/sh', './run']), slotWith(['/bin/sh', `${SLOT}/helpers/start.sh`])]).toEqual(['starting', 'starting'])
  })

  it("tells another tool's slot, which has no memory of ours", () => {
    const foreign = {[`${SLOT}/run`]: '#!/command/with-contenv sh\nexec hermes gateway run --replace\n'}
    expect(observe(UP, foreign)).toMatchObject({installed: 'foreign', activity: 'running', settings: undefined, home: undefined})
    expect(observe('false false -1 78 0 1', foreign).activity).toBe('failed')
  })

  it('knows a slot that is not there, and still what was chosen for it', () => {
    const seen = observe('none', {
      '/opt/data/.hermes-svc/settings.json': {text: formatSettings({...S6_SETTINGS, account: 'root', home: '/'}), uid: 10_000},
    })
    expect(seen).toMatchObject({installed: 'no', enabled: undefined, needsReload: false})
    // Whoever owns the home gains nothing by what stands there.
    expect(seen.settings).toMatchObject({account: 'hermes', home: '/opt/data'})
  })

  it('is not enabled with a down file', () => {
    expect(observe(DOWN, {[`${SLOT}/run`]: OWN, [`${SLOT}/down`]: ''}).enabled).toBe(false)
  })

  it('shows why the last boot had it so', () => {
    expect(observe(DOWN, {[`${SLOT}/run`]: OWN, [`${SLOT}/boot-reason`]: 'it was stopped\n'}).bootReason).toBe('it was stopped')
  })

  it('tells a gateway that the boot kept down from one that somebody stopped, and whether one has run in this container', () => {
    const seen = observe(DOWN, {[`${SLOT}/run`]: OWN, [`${SLOT}/boot-finding`]: ''})
    expect([seen.isKeptDown, seen.hasRun]).toEqual([true, false])
    const other = observe(DOWN, {[`${SLOT}/run`]: OWN, [`${MEMORY}/started`]: ''})
    expect([other.isKeptDown, other.hasRun]).toEqual([undefined, true])
  })

  it('asks once for many, and not at all for none', () => {
    const services = ['b', 'a'].map((name) => ({...S6_SERVICE, name: `gateway-${name}`, profile: {...S6_SERVICE.profile, name}}))
    const host = machine()
    host.expect(lookCommand(services, [UP, DOWN]))
    expect(
      s6Manager(host)
        .observer.observe(services)
        .map(({mainPid}) => mainPid),
    ).toEqual([167, undefined])
    expect(s6Manager(machine()).observer.observe([])).toEqual([])
  })

  it.each([
    ['may not be looked at', 'hidden', 'no-access'],
    ['speaks to people', 'up (pid 3) 4 seconds', 'manager-not-understood'],
  ])('cannot tell where s6 %s', (_, answer, code) => {
    expect(() => observe(answer)).toThrow(expect.objectContaining({code, exitStatus: 4}) as Error)
  })

  it('cannot tell where the programs of s6 are missing', () => {
    const host = machine()
    host.drop('/command/s6-svstat')
    expect(() => s6Manager(host).observer.observe([S6_SERVICE])).toThrow(expect.objectContaining({exitStatus: 4}) as Error)
  })
})

describe('the account of a service', () => {
  const account = (host: FakeHost) => s6Manager(host).placement.defaultAccount('default')?.name

  it("is that of whoever asks, unless that is root, then the slot's or the home's", () => {
    expect(account(machine({}, {account: HERMES}))).toBe('hermes')
    expect(account(machine())).toBe('hermes')
    expect(account(machine({[`${SLOT}/settings.json`]: formatSettings({...S6_SETTINGS, account: 'other'})}))).toBe('hermes')
  })

  it("is not taken from a home that is root's own", () => {
    expect(account(machine({'/opt/data': {folder: true, uid: 0}}))).toBeUndefined()
  })
})

describe('the place of the slots', () => {
  const givenAway = (files: Record<string, FakeFile | string>) => s6Manager(machine(files)).placement.givenAway()
  const scan = {'/run/service': {folder: true, uid: HERMES.uid}} as const

  it('is given away where it is not root’s, and no matter where its supervisor has no other rights', () => {
    expect(givenAway({})).toBeUndefined()
    expect(givenAway({...scan, '/proc/1': {folder: true, uid: 0}})).toEqual({place: '/run/service', to: HERMES, isOwn: false})
    const own = processFiles({pid: 1, uid: HERMES.uid, argv: ['s6-svscan', '/run/service']})
    expect(givenAway({...scan, ...own, '/proc/1/comm': 's6-svscan\n'})).toMatchObject({isOwn: true})
    expect(givenAway({...scan, ...own, '/proc/1/comm': 'init\n'})).toMatchObject({isOwn: false})
  })
})

describe('the name of a slot', () => {
  const named = (profile: {name: string; home: string; root: string}, files = {}) =>
    s6Manager(machine(files)).placement.serviceFor(profile, HERMES).name

  it("is upstream's", () => {
    expect(named({name: 'default', home: '/opt/data', root: '/opt/data'})).toBe('gateway-default')
    expect(named({name: 'work', home: '/opt/data/profiles/work', root: '/opt/data'})).toBe('gateway-work')
  })

  it("is another one for another root home than the container's", () => {
    expect(named({name: 'default', home: '/srv/x', root: '/srv/x'})).toMatch(/^gateway-[0-9a-f]{8}$/)
  })
})

describe('steps', () => {
  const describeStep = (step: Step) => ('path' in step ? `${step.kind} ${step.path}` : step.why)

  it('of a new slot are done beside it, and end with it in its place', async () => {
    const host = machine({'/run/s6/container_environment/PATH': '/opt/hermes/bin:/usr/bin'})
    const manager = s6Manager(host)
    const files = await manager.definition.render(S6_SERVICE, S6_SETTINGS, new Map([['TOKEN', 'secret']]))
    const writes = files.map(
      (file): Step => ({kind: 'write-file', why: `write ${file.path}`, path: file.path, text: file.text, mode: file.mode}),
    )
    const staged = manager.installer.staged(S6_SERVICE, [...manager.installer.folderSteps(S6_SERVICE), ...writes]).map(describeStep)
    expect(staged.filter((line) => line.includes('/run/service/gateway-default/'))).toEqual([])
    expect(staged.slice(0, 3)).toEqual([
      'make-folder /opt/data/.hermes-svc',
      'write-file /opt/data/.hermes-svc/settings.json',
      'write-file /opt/data/.hermes-svc/gateway.env',
    ])
    expect(staged.at(-3)).toBe('write-file /run/service/.gateway-default.hermes-svc/down')
    expect(staged.at(-1)).toBe('move the new slot to /run/service/gateway-default')
  })

  it('of a slot that is there are done in place', () => {
    const steps: Step[] = [{kind: 'write-file', why: '', path: `${SLOT}/run`, text: '', mode: 0o755}]
    expect(s6Manager(machine({[`${SLOT}/run`]: OWN})).installer.staged(S6_SERVICE, steps)).toEqual(steps)
  })

  describe('of a slot of its user, in a folder of root’s,', () => {
    const theirs = (more: FakeFile): FakeFile => ({uid: HERMES.uid, gid: HERMES.gid, ...more})
    const kept: Record<string, FakeFile> = {}
    for (const folder of [`${SLOT}/supervise`, `${SLOT}/log/supervise`])
      Object.assign(kept, {
        [`${folder}/control`]: theirs({kind: 'other'}),
        [`${folder}/status`]: {text: ''},
        [`${folder}/lock`]: {text: ''},
      })
    const scripts = {[`${SLOT}/run`]: OWN, [`${SLOT}/finish`]: OWN, [`${SLOT}/log/run`]: OWN}
    /** What the steps of an install of such a slot begin with. */
    const begin = (changed: Record<string, FakeFile | string>) => {
      const host = machine({
        '/run/service': {folder: true, mode: 0o755},
        [SLOT]: theirs({folder: true}),
        ...scripts,
        ...kept,
        ...changed,
      })
      const steps: Step[] = [{kind: 'write-file', why: '', path: `${SLOT}/run`, text: '', mode: 0o755}]
      const [first] = s6Manager(host).installer.staged(S6_SERVICE, steps)
      if (first?.kind !== 'act') throw new Error('nothing comes before what is written')
      return {host, done: first.act(() => undefined)}
    }
    const owners = (host: FakeHost) => host.changes.flatMap((change) => (change.kind === 'setOwner' ? [change.path] : []))

    it('take it back first', async () => {
      const {host, done} = begin({})
      await done
      expect(owners(host)).toContain(SLOT)
    })

    it.each(['run', 'finish', 'log/run'])(
      'are refused before anything is changed where the user owns %s, and may have written it',
      async (script) => {
        const {host, done} = begin({[`${SLOT}/${script}`]: theirs({text: OWN})})
        await expect(done).rejects.toMatchObject({
          code: 'slot-tampered',
          message: expect.stringContaining(`${SLOT}/${script} does not belong to root`) as string,
        })
        expect(host.changes).toEqual([])
      },
    )

    it.each(['supervise', 'log/supervise'])('are refused where something else than s6 has changed what is in %s', async (folder) => {
      const {done} = begin({[`${SLOT}/${folder}/status`]: theirs({kind: 'other'})})
      await expect(done).rejects.toMatchObject({
        code: 'slot-tampered',
        message: expect.stringContaining('something other than s6 has changed') as string,
      })
    })
  })

  it('leave the slot’s own files to whoever rules them', () => {
    const files = {[`${SLOT}/run`]: OWN}
    expect(s6Manager(machine(files, {account: HERMES})).control.disable(S6_SERVICE)).toEqual([])
    expect(s6Manager(machine(files)).control.disable(S6_SERVICE)).toMatchObject([{argv: ['touch', '--', `${SLOT}/down`]}])
  })

  it("take away what is ours, and of another tool's nothing", () => {
    const own = machine({[`${SLOT}/run`]: OWN, '/opt/data/.hermes-svc/settings.json': {text: formatSettings(S6_SETTINGS), uid: 10_000}})
    own.expect(lookCommand([S6_SERVICE], [UP]))
    const manager = s6Manager(own)
    const [seen] = manager.observer.observe([S6_SERVICE])
    expect(manager.installer.removeSteps(seen as ManagerObservation).map(describeStep)).toEqual([
      'end the supervision of gateway-default, and remove its slot',
      'remove-file /opt/data/.hermes-svc/settings.json',
      'remove-folder /opt/data/.hermes-svc',
    ])
    const foreign = machine({[`${SLOT}/run`]: '#!/bin/sh\nexec true\n'})
    foreign.expect(lookCommand([S6_SERVICE], [UP]))
    const [others] = s6Manager(foreign).observer.observe([S6_SERVICE])
    expect(s6Manager(foreign).installer.removeSteps(others as ManagerObservation)).toEqual([])
  })
})

describe('the command of a person', () => {
  it('is one that s6 has', () => {
    const manager = s6Manager(new FakeHost({account: ROOT, files: {...s6Files(), '/command/s6-svc': {mode: 0o755}}}))
    expect(manager.byHand('reload', 'gateway-work')).toBe('s6-svscanctl -a /run/service')
    expect(manager.byHand('status', 'gateway-work')).toBe('/command/s6-svstat /run/service/gateway-work')
    expect(manager.byHand('disable', 'gateway-work')).toBe(
      'touch /run/service/gateway-work/down && /command/s6-svc -d /run/service/gateway-work',
    )
    expect(manager.byHand('unmask', 'gateway-work')).toBe('rm -f /run/service/gateway-work/down')
  })
})
