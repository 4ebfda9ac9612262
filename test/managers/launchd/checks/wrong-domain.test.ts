import {describe, expect, it} from 'vitest'
import {check} from '../../../../src/managers/launchd/checks/wrong-domain.js'
import {AGENT, LABEL} from '../../../fakes/fake-launchd.js'
import {GUI, LaunchdTarget} from '../../../fakes/launchd-scene.js'

const USER_TARGET = `user/1000/${LABEL}`

describe('wrong-domain', () => {
  it('says nothing of a service that is where it was installed for', async () => {
    expect(await (await LaunchdTarget.installed()).kinds(check)).toEqual([])
  })

  it('finds one that is elsewhere, and brings it back', async () => {
    const machine = await LaunchdTarget.installed()
    machine.ends(GUI)
    machine.jobs.delete(GUI)
    machine.load(USER_TARGET)
    expect(await machine.kinds(check)).toEqual(['elsewhere warning'])
    expect(await machine.fix(check)).toEqual([`bootout ${USER_TARGET}`, `bootstrap gui/1000 ${AGENT}`])
    expect(await machine.kinds(check)).toEqual([])
  })

  it('finds one that is loaded twice, and unloads the one that is too many', async () => {
    const machine = await LaunchdTarget.installed()
    machine.load(USER_TARGET)
    expect(await machine.kinds(check)).toEqual(['twice error'])
    expect((await machine.fix(check))[0]).toBe(`bootout ${USER_TARGET}`)
    expect([...machine.jobs.keys()]).toEqual([GUI])
  })

  it('names the session that is gone, and says nothing of a service that should be stopped', async () => {
    const machine = await LaunchdTarget.installed()
    machine.ends(GUI)
    machine.jobs.delete(GUI)
    machine.domains.delete('gui/1000')
    expect(await machine.find(check)).toMatchObject([
      {
        kind: 'no-such-session',
        severity: 'error',
        what: `${LABEL} was installed for gui/1000, which does not exist now; only user/1000 does`,
      },
    ])
    const file = '/home/user/.hermes/.hermes-svc.json'
    machine.host.put(file, (machine.host.texts()[file] ?? '').replace('"running"', '"stopped"'))
    expect(await machine.kinds(check)).toEqual([])
  })

  it('says so where there is no session at all, or launchd cannot be asked', async () => {
    const machine = await LaunchdTarget.installed()
    machine.domains.clear()
    expect(await machine.kinds(check)).toEqual(['no-session error'])
    machine.answers.set('print', {code: 1, stderr: 'what nobody knows\n'})
    expect(await machine.kinds(check)).toEqual(['unreachable unknown'])
  })
})
