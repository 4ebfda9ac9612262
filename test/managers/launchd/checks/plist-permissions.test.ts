import {describe, expect, it} from 'vitest'
import {check} from '../../../../src/managers/launchd/checks/plist-permissions.js'
import {FakeHost, USER} from '../../../fakes/fake-host.js'
import {AGENT} from '../../../fakes/fake-launchd.js'
import {GUI, LaunchdTarget} from '../../../fakes/launchd-scene.js'
import {runPlan} from '../../../fakes/run-plan.js'

const ROOT = {uid: 0, gid: 0, name: 'root', home: '/root'}

describe('plist-permissions', () => {
  it('says nothing of one that launchd takes, or of none', async () => {
    const machine = await LaunchdTarget.installed()
    expect(await machine.kinds(check)).toEqual([])
    machine.host.drop(AGENT)
    expect(await machine.kinds(check)).toEqual([])
  })

  it('finds one that others can write, and closes it without touching the gateway', async () => {
    const machine = await LaunchdTarget.installed()
    machine.host.put(AGENT, {text: machine.host.texts()[AGENT] ?? '', mode: 0o664})
    expect(await machine.find(check)).toMatchObject([{kind: 'access', severity: 'warning', isSafe: true}])
    const {plan} = await check.examine(await machine.scene())
    expect((await plan?.({}))?.steps).toMatchObject([{kind: 'set-access', path: AGENT, mode: 0o644, as: USER}])
  })

  it('is an error of one that launchd has not loaded', async () => {
    const machine = await LaunchdTarget.installed()
    machine.host.put(AGENT, {text: machine.host.texts()[AGENT] ?? '', mode: 0o666})
    machine.jobs.delete(GUI)
    expect(await machine.kinds(check)).toEqual(['access error'])
  })

  it('as root only gives it away, and sets its mode with the ids of the user whose folder it is in', async () => {
    const machine = await LaunchdTarget.installed()
    machine.host.put(AGENT, {text: machine.host.texts()[AGENT] ?? '', mode: 0o666, uid: 0})
    const scene = await machine.scene()
    const host = new FakeHost({platform: 'darwin', account: ROOT, accounts: [USER], files: {[AGENT]: {text: '', mode: 0o666, uid: 0}}})
    const {plan} = await check.examine({...scene, target: {...scene.target, host}})
    const steps = (await plan?.({}))?.steps ?? []
    expect(steps).toMatchObject([
      {kind: 'set-access', path: AGENT, owner: USER},
      {kind: 'set-access', path: AGENT, mode: 0o644, as: USER},
    ])
    expect(steps[0]).not.toHaveProperty('mode')
    await runPlan(host, {title: '', steps, outcome: ''})
    expect(host.changes.map(({kind, as}) => `${kind} ${as}`)).toEqual(['setOwner root', 'setMode user'])
  })

  it('leaves what is another’s, or a link, to a person', async () => {
    const machine = await LaunchdTarget.installed()
    const text = machine.host.texts()[AGENT] ?? ''
    machine.host.put(AGENT, {text, mode: 0o644, uid: 0})
    expect(await machine.find(check)).toMatchObject([{kind: 'access', isFixable: false, cure: [`sudo chown 1000 '${AGENT}'`]}])
    machine.host.put(AGENT, {text, mode: 0o644, uid: 1001})
    const scene = await machine.scene()
    const host = new FakeHost({platform: 'darwin', account: ROOT, accounts: [USER], files: {[AGENT]: {text: '', uid: 1001}}})
    const {findings} = await check.examine({...scene, target: {...scene.target, host}})
    expect(findings).toMatchObject([{kind: 'access', isFixable: false}])
    machine.host.put('/elsewhere.plist', text)
    machine.host.put(AGENT, {link: '/elsewhere.plist'})
    expect(await machine.find(check)).toMatchObject([{kind: 'no-file', isFixable: false}])
  })
})
