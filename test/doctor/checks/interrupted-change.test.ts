import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/interrupted-change.js'
import {DROP_IN, examined, fix, foreign, installed, kinds, SUPPORT, UNIT, wants} from '../../fakes/scene.js'
import {FakeSystemd} from '../../fakes/fake-systemd.js'

const HOME = '/home/user/.hermes'
const TEMPORARY = `${HOME}/..hermes-svc.json.hermes-svc-tmp`

describe('interrupted-change', () => {
  it('says nothing of a whole service, of a foreign one, or where there is nothing', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
    expect(await kinds(foreign(), check)).toEqual([])
    expect(await kinds(new FakeSystemd(), check)).toEqual([])
  })

  it('finds temporary files and takes just those away, unasked if need be', async () => {
    const machine = await installed()
    machine.host.put(TEMPORARY, '')
    machine.host.put(`${SUPPORT}/.settings.json.hermes-svc-tmp`, '')
    machine.host.put(`${HOME}/.mine.tmp`, '')
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'temporary-files', severity: 'warning', isSafe: true}])
    const before = Object.keys(machine.host.texts()).length
    await fix(machine, check)
    expect(Object.keys(machine.host.texts())).toHaveLength(before - 2)
  })

  it('says nothing while another command is at work on the home, and is not kept from it by the one that it runs in', async () => {
    const machine = await installed()
    machine.host.put(TEMPORARY, '')
    const opens = (pid: number, fdinfo: string) => {
      machine.host.put(`/proc/${pid}/fd/17`, {link: HOME})
      machine.host.put(`/proc/${pid}/fdinfo/17`, `pos:\t0\nflags:\t0100000\n${fdinfo}`)
    }
    const LOCKED = 'lock:\t1: FLOCK  ADVISORY  WRITE 0 08:01:1 0 EOF\n'
    opens(600, '')
    opens(machine.host.pid, LOCKED)
    expect(await kinds(machine, check)).toEqual(['temporary-files warning'])
    opens(600, LOCKED)
    expect(await kinds(machine, check)).toEqual([])
  })

  it('says of settings that only a newer version understands which one that is', async () => {
    const machine = await installed()
    machine.host.put(`${SUPPORT}/settings.json`, '{"schemaVersion": 2, "writtenBy": "3.0.0"}')
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'settings-lost'}])
    expect(findings[0]?.what).toMatch(/the settings that \S+ was installed with were written by hermes-svc 3\.0\.0, which is newer$/)
    expect(findings[0]?.cure[0]).toMatch(/^npm install -g hermes-svc@3\.0\.0 /)
    machine.host.put(`${SUPPORT}/settings.json`, '{"schemaVersion": 2, "writtenBy": "; rm -rf ~"}')
    expect((await examined(machine, check)).findings[0]?.what).toMatch(/the settings that .* was installed with are damaged$/)
  })

  it('finds a restart that is due, and settings that are lost', async () => {
    const machine = await installed()
    machine.host.put(`${SUPPORT}/restart-due`, '')
    expect(await kinds(machine, check)).toEqual(['restart-due warning'])
    machine.host.put(`${SUPPORT}/settings.json`, '{')
    expect(await kinds(machine, check)).toEqual(['settings-lost warning'])
  })

  it('completes an uninstall that has taken the definition away already', async () => {
    const machine = await installed()
    for (const file of [UNIT, DROP_IN]) machine.host.drop(file)
    machine.goesDown()
    Object.assign(machine.shown, {LoadState: 'not-found', FragmentPath: '', UnitFileState: ''})
    expect((await examined(machine, check)).findings).toMatchObject([
      {kind: 'half-uninstalled', isSafe: false, explains: ['not-installed', 'desired-state']},
    ])
    await fix(machine, check)
    expect(Object.keys(machine.host.texts()).filter((file) => file.includes('hermes-svc') && !file.includes('node_modules'))).toEqual([])
  })

  it('completes an install that never came to the unit', async () => {
    const machine = await installed()
    machine.host.drop(UNIT)
    machine.goesDown()
    Object.assign(machine.shown, {LoadState: 'not-found', FragmentPath: '', UnitFileState: ''})
    expect(await kinds(machine, check)).toEqual(['half-installed warning'])
    await fix(machine, check)
    expect(machine.host.texts()).toHaveProperty([UNIT])
    expect(machine.shown.ActiveState).toBe('active')
  })

  it('finds a record without a service, but not where a unit in the other scope has that home', async () => {
    const machine = new FakeSystemd()
    wants(machine, 'running')
    expect(await kinds(machine, check)).toEqual(['half-uninstalled warning'])
    const unit = '[Service]\nUser=user\nExecStart=/usr/bin/hermes gateway run\n'
    machine.host.put('/etc/systemd/system/hermes-gateway.service', unit)
    expect(await kinds(machine, check)).toEqual([])
  })
})
