import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/stale-state.js'
import {GATEWAY_ARGV} from '../../fakes/fake-process.js'
import {addProcess, cure, find, found, leave, serviceMachine, sceneOf} from '../../fakes/fake-scene.js'

const HOME = '/home/user/.hermes'
const record = (more: object = {}) => ({pid: 77, kind: 'hermes-gateway', start_time: 5, ...more})
const state = (gatewayState: string, more: object = {}) => ({...record(), gateway_state: gatewayState, ...more})

/** A service that is stopped and should be. */
const stopped = () => serviceMachine({desired: 'stopped', enabled: false})

describe('of a dead gateway', () => {
  it.each([
    ['a pid that has no process', record(), {}, 'pid-gone warning: gateway.pid names a process that is gone (pid 77)'],
    ['a later process', record(), {startTime: 6}, 'pid-recycled warning: gateway.pid names a pid that another process has now (pid 77)'],
    ['another program', record(), {startTime: 5, argv: ['sleep']}, 'pid-other-program warning: gateway.pid names another program (pid 77)'],
    [
      'the gateway of another home',
      record({hermes_home: '/srv/copied'}),
      {startTime: 5, argv: GATEWAY_ARGV},
      'pid-other-home warning: gateway.pid names the gateway of another home (pid 77)',
    ],
  ])('finds %s', async (_name, pidRecord, process, expected) => {
    const machine = stopped()
    if (Object.keys(process).length > 0) addProcess(machine, {pid: 77, ...process, env: {HERMES_HOME: '/srv/other'}})
    leave(machine, 'gateway.pid', pidRecord)
    expect(await found(machine, check)).toEqual([expected])
  })

  it.each(['running', 'starting', 'draining', 'degraded'])('finds a state %s, and sets it right in place', async (claim) => {
    const machine = stopped()
    leave(machine, 'gateway_state.json', state(claim, {platforms: {telegram: {gateway_state: 'running'}}, desired_state: 'stopped'}))
    const before = machine.host.texts()[`${HOME}/gateway_state.json`] ?? ''
    expect(await found(machine, check)).toEqual([`state warning: gateway_state.json says ${claim}, but no gateway runs`])
    await cure(machine, check)
    const after = machine.host.texts()[`${HOME}/gateway_state.json`] ?? ''
    expect(after.length).toBe(before.length)
    expect(JSON.parse(after)).toEqual({...(JSON.parse(before) as object), gateway_state: 'stopped'})
    expect(await found(machine, check)).toEqual([])
  })

  it('finds a damaged gateway.pid without a lock beside it, once nobody can be about to write it', async () => {
    const machine = stopped()
    leave(machine, 'gateway.pid', '{"pid": 7', 1000)
    expect(await found(machine, check)).toEqual([])
    leave(machine, 'gateway.pid', '{"pid": 7')
    expect(await found(machine, check)).toEqual(['pid-damaged warning: gateway.pid is damaged; no gateway runs'])
    await cure(machine, check)
    expect(machine.host.lstat(`${HOME}/gateway.pid`)).toBeUndefined()
  })

  it.each([
    ['a lock file that nobody holds', 'gateway.lock', record()],
    ['a state stopped', 'gateway_state.json', state('stopped')],
    ['a state startup_failed', 'gateway_state.json', state('startup_failed')],
  ])('takes %s for what it is: left behind by every gateway', async (_name, file, value) => {
    const machine = stopped()
    leave(machine, file, value)
    expect(await found(machine, check)).toEqual([])
  })

  it('says nothing of what is a moment old, nor while the service is about to start', async () => {
    const machine = stopped()
    leave(machine, 'gateway.pid', record(), 2000)
    expect(await found(machine, check)).toEqual([])
    leave(machine, 'gateway.pid', record())
    machine.shown = {...machine.shown, ActiveState: 'activating', SubState: 'auto-restart'}
    expect(await found(machine, check)).toEqual([])
    const ended = (machine.host.monotonicMs() - 1000) * 1000
    machine.shown = {...machine.shown, ActiveState: 'inactive', SubState: 'dead', StateChangeTimestampMonotonic: String(ended)}
    expect(await found(machine, check)).toEqual([])
  })

  it('cannot tell of a pid that can only be of another container', async () => {
    const machine = stopped()
    machine.host.put('/proc/self/ns/pid', {link: 'pid:[4026532000]'})
    machine.host.put('/proc/sys/kernel/ns_last_pid', '60\n')
    leave(machine, 'gateway.pid', record())
    const [finding] = await find(machine, check)
    expect(finding).toMatchObject({kind: 'pid-elsewhere', severity: 'unknown', isFixable: false})
  })
})

describe('the intent', () => {
  it('that was recorded is written into a state file without one', async () => {
    const machine = serviceMachine({desired: 'running'})
    leave(machine, 'gateway_state.json', state('running'))
    await cure(machine, check)
    expect(JSON.parse(machine.host.texts()[`${HOME}/gateway_state.json`] ?? '')).toMatchObject({desired_state: 'running'})
  })

  it('that only the claim told of is written down before the claim is taken away', async () => {
    const machine = serviceMachine({desired: null, isOwn: false})
    leave(machine, 'gateway_state.json', state('running'))
    await cure(machine, check)
    expect(JSON.parse(machine.host.texts()[`${HOME}/gateway_state.json`] ?? '')).toMatchObject({
      gateway_state: 'stopped',
      desired_state: 'running',
    })
  })

  it('that the file itself holds stays', async () => {
    const machine = serviceMachine({desired: null, isOwn: false})
    leave(machine, 'gateway_state.json', state('draining', {desired_state: 'stopped'}))
    await cure(machine, check)
    expect(JSON.parse(machine.host.texts()[`${HOME}/gateway_state.json`] ?? '')).toMatchObject({desired_state: 'stopped'})
  })
})

describe('the fix', () => {
  it('leaves everything alone if a gateway has come up meanwhile', async () => {
    const machine = stopped()
    leave(machine, 'gateway.pid', record())
    leave(machine, 'gateway_state.json', state('running'))
    await expect(cure(machine, check, {}, () => machine.comesUp())).rejects.toThrow(/started meanwhile/)
    expect(machine.host.changes.filter(({kind}) => kind === 'removeFile' || kind === 'overwrite')).toEqual([])
  })

  it('removes no other gateway.pid than the one that was judged', async () => {
    const machine = stopped()
    leave(machine, 'gateway.pid', record())
    await cure(machine, check, {}, () => leave(machine, 'gateway.pid', record({pid: 78})))
    expect(machine.host.texts()[`${HOME}/gateway.pid`]).toContain('78')
  })
})

describe('of a gateway that lives', () => {
  const living = () => {
    const machine = serviceMachine()
    const pid = machine.comesUp()
    return {machine, pid}
  }

  it('finds nothing while its files agree', async () => {
    expect(await found(living().machine, check)).toEqual([])
  })

  it.each([
    ['is missing', () => undefined, /^pid-missing warning: the running gateway \(pid \d+\) has no gateway\.pid/],
    ['names another pid', () => record(), /^pid-other warning: gateway\.pid names pid 77, but the running gateway is pid 501/],
  ])('finds that gateway.pid %s, and has no fix for it', async (_name, make, expected) => {
    const {machine} = living()
    machine.host.drop(`${HOME}/gateway.pid`)
    const value = make()
    if (value) leave(machine, 'gateway.pid', value)
    expect(await found(machine, check)).toEqual([expect.stringMatching(expected)])
    expect(await find(machine, check)).toMatchObject([{isFixable: false, cure: ['hermes-svc restart']}])
    expect((await check.examine(await sceneOf(machine))).plan).toBeUndefined()
  })

  it.each([
    ['gateway.pid', '{"pid": 5', 'pid-unusable', /gateway\.pid of the running gateway \(pid 501\) is damaged/],
    ['gateway.pid', '', 'pid-unusable', /is damaged/],
    ['gateway_state.json', '{"pid": 501, "gatew', 'state-damaged', /gateway_state\.json of the running gateway \(pid 501\) is damaged/],
    ['gateway_state.json', '', 'state-damaged', /is damaged/],
    ['gateway_state.json', undefined, 'state-missing', /the running gateway \(pid 501\) has no gateway_state\.json/],
  ])('finds that its %s holds %j, and leaves the restart to the operator', async (name, text, kind, what) => {
    const {machine} = living()
    machine.host.drop(`${HOME}/${name}`)
    if (text !== undefined) machine.host.put(`${HOME}/${name}`, text)
    const findings = await find(machine, check)
    expect(findings).toMatchObject([{kind, severity: 'warning', isFixable: false, cure: ['hermes-svc restart']}])
    expect(findings[0]?.what).toMatch(what)
  })

  it('finds that its lock was deleted', async () => {
    const {machine, pid} = living()
    machine.host.put(`/proc/${pid}/fd/3`, {link: `${HOME}/gateway.lock (deleted)`})
    machine.host.drop(`${HOME}/gateway.lock`)
    expect(await found(machine, check)).toEqual([expect.stringMatching(/^lock-deleted warning/)])
  })

  it('says nothing while it starts or drains', async () => {
    const {machine} = living()
    machine.host.drop(`${HOME}/gateway.pid`)
    machine.host.put(`${HOME}/gateway_state.json`, JSON.stringify({...state('draining'), pid: 501, start_time: 5010}))
    expect(await found(machine, check)).toEqual([])
    machine.host.put(`${HOME}/gateway_state.json`, JSON.stringify({...state('running'), pid: 501, start_time: 5010}))
    machine.shown = {...machine.shown, ExecMainStartTimestampMonotonic: String((machine.host.monotonicMs() - 1000) * 1000)}
    expect(await found(machine, check)).toEqual([])
  })
})
