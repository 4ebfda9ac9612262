import {describe, expect, it} from 'vitest'
import {check} from '../../../../src/managers/launchd/checks/code-signature.js'
import {AGENT} from '../../../fakes/fake-launchd.js'
import {GUI, LaunchdTarget} from '../../../fakes/launchd-scene.js'

describe('code-signature', () => {
  it('says nothing of a job whose program is the one that was loaded', async () => {
    expect(await (await LaunchdTarget.installed()).kinds(check)).toEqual([])
  })

  it('finds one whose next start would be killed, and loads it anew, but not unasked', async () => {
    const machine = await LaunchdTarget.installed()
    Object.assign(machine.jobs.get(GUI) ?? {}, {properties: 'keepalive | needs LWCR update'})
    expect(await machine.find(check)).toMatchObject([{kind: 'due', severity: 'warning', isSafe: false}])
    expect(await machine.fix(check)).toEqual([`kill SIGTERM ${GUI}`, `bootout ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
    expect(await machine.kinds(check)).toEqual([])
  })

  it('finds one that was killed for it, which may be loaded anew unasked', async () => {
    const machine = await LaunchdTarget.installed()
    machine.ends(GUI, 9)
    Object.assign(machine.jobs.get(GUI) ?? {}, {state: 'spawn scheduled', exitReason: 'OS_REASON_CODESIGNING'})
    expect(await machine.find(check)).toMatchObject([{kind: 'killed', severity: 'error', isSafe: true}])
    expect(await machine.fix(check)).toEqual([`bootout ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
  })
})
