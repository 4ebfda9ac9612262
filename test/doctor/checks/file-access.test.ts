import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/file-access.js'
import {examined, fix, installed, kinds} from '../../fakes/scene.js'

const HOME = '/home/user/.hermes'
const ENV = '/home/user/.config/hermes-svc/hermes-gateway/gateway.env'

describe('file-access', () => {
  it('says nothing of files as they should be', async () => {
    const machine = await installed({[`${HOME}/logs/gateway.log`]: '', '/etc/group': 'user:x:1000:\n'})
    machine.host.put(ENV, {text: 'A="1"\n', mode: 0o600})
    expect(await kinds(machine, check)).toEqual([])
    machine.host.put(HOME, {folder: true, mode: 0o770})
    expect(await kinds(machine, check)).toEqual([])
  })

  it('finds a home that others can write, and takes just that right away', async () => {
    const machine = await installed()
    machine.host.put(HOME, {folder: true, mode: 0o777})
    expect(await kinds(machine, check)).toEqual(['home-open warning'])
    await fix(machine, check)
    expect(machine.host.lstat(HOME)?.mode).toBe(0o755)
  })

  it("names each file of root's, and the command that gives it back, since a user cannot", async () => {
    const machine = await installed()
    machine.host.put(`${HOME}/gateway.pid`, {text: '', uid: 0, gid: 0})
    machine.host.put(`${HOME}/logs`, {folder: true, uid: 0, gid: 0})
    const {findings, plan} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'foreign-owner', severity: 'warning', isFixable: false}])
    expect(findings[0]?.evidence).toEqual([`${HOME}/gateway.pid belongs to root`, `${HOME}/logs belongs to root`])
    expect(findings[0]?.cure).toEqual([
      `sudo chown --no-dereference user: ${HOME}/gateway.pid`,
      `sudo chown --no-dereference user: ${HOME}/logs`,
    ])
    expect(plan).toBeUndefined()
  })

  it('never follows a link to a file of somebody else', async () => {
    const machine = await installed({'/etc/shadow': {text: '', mode: 0o600}})
    machine.host.put(`${HOME}/gateway.lock`, {link: '/etc/shadow', uid: 0, gid: 0})
    expect(await kinds(machine, check)).toEqual([])
  })

  it('says nothing of what lies behind a folder that is a link', async () => {
    const machine = await installed({'/var/logs-of-root/gateway.log': {text: '', uid: 0, gid: 0}})
    machine.host.drop(`${HOME}/logs`)
    machine.host.put(`${HOME}/logs`, {link: '/var/logs-of-root'})
    expect(await kinds(machine, check)).toEqual([])
  })

  it('finds values that others can read, and hides them', async () => {
    const machine = await installed()
    machine.host.put(ENV, {text: 'TOKEN="x"\n', mode: 0o640})
    expect(await kinds(machine, check)).toEqual(['secrets-open warning'])
    await fix(machine, check)
    expect(machine.host.lstat(ENV)?.mode).toBe(0o600)
  })
})
