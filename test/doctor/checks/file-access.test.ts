import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/file-access.js'
import type {Scene} from '../../../src/doctor/scene.js'
import type {Profile} from '../../../src/service/profile.js'
import {type FakeFile, FakeHost, USER} from '../../fakes/fake-host.js'
import {examined, fix, installed, kinds, sceneOf} from '../../fakes/scene.js'

const HOME = '/home/user/.hermes'
const ENV = '/home/user/.config/hermes-svc/hermes-gateway/gateway.env'
const ROOT = {uid: 0, gid: 0, name: 'root', home: '/root'}

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

  it('finds a record that its own account cannot read, and gives that right back', async () => {
    const machine = await installed()
    machine.host.put(`${HOME}/.hermes-svc.json`, {text: machine.host.texts()[`${HOME}/.hermes-svc.json`] ?? '', mode: 0o000})
    expect((await examined(machine, check)).findings).toMatchObject([
      {kind: 'record-closed', severity: 'warning', explains: ['desired-state']},
    ])
    await fix(machine, check)
    expect(machine.host.lstat(`${HOME}/.hermes-svc.json`)?.mode).toBe(0o600)
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

  it('names a link to what is somebody else’s, and never follows it', async () => {
    const machine = await installed({'/etc/shadow': {text: '', mode: 0o600}})
    machine.host.put(`${HOME}/gateway.lock`, {link: '/etc/shadow', uid: 0, gid: 0})
    const {findings, plan} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'link-out', isFixable: false}])
    expect(findings[0]?.evidence).toEqual([`${HOME}/gateway.lock leads to /etc/shadow, which belongs to root`])
    expect(plan).toBeUndefined()
  })

  it('judges nothing of what lies behind a folder that is a link', async () => {
    const machine = await installed({'/var/logs-of-root/gateway.log': {text: '', uid: 0, gid: 0}})
    machine.host.drop(`${HOME}/logs`)
    machine.host.put(`${HOME}/logs`, {link: '/var/logs-of-root'})
    expect(await kinds(machine, check)).toEqual(['link-out warning'])
  })

  it('says nothing of a link to what is the account’s own, to a device, or to nothing', async () => {
    const machine = await installed({
      '/data/logs/agent.log': {text: '', uid: 1000, gid: 1000},
      '/dev/null': {kind: 'other', uid: 0, gid: 0},
    })
    machine.host.put('/data/logs', {folder: true, uid: 1000, gid: 1000})
    machine.host.drop(`${HOME}/logs`)
    machine.host.put(`${HOME}/logs`, {link: '/data/logs'})
    machine.host.put(`${HOME}/gateway.lock`, {link: '/dev/null'})
    machine.host.put(`${HOME}/gateway.pid`, {link: '/nowhere'})
    expect(await kinds(machine, check)).toEqual([])
  })

  it('judges nothing in a home that is a link to what is somebody else’s, however it is named', async () => {
    const machine = await installed({'/etc/gateway.pid': {text: '', uid: 0, gid: 0}})
    machine.host.drop(HOME)
    machine.host.put(HOME, {link: '/etc'})
    const {service} = machine.target
    const target = {...machine.target, service: {...service, profile: {...service.profile, home: '/etc', named: HOME}}}
    const {findings, plan} = await check.examine({...(await sceneOf(machine.target)), target})
    expect(findings).toMatchObject([{kind: 'link-out', evidence: [`${HOME} leads to /etc, which belongs to root`]}])
    expect(plan).toBeUndefined()
  })

  describe('as root', () => {
    const asRoot = (files: Record<string, FakeFile>) =>
      new FakeHost({account: ROOT, accounts: [USER], files: {[HOME]: {folder: true}, '/etc/group': {text: 'user:x:1000:\n'}, ...files}})
    const sceneAs = async (host: FakeHost, profile: Partial<Profile> = {}): Promise<Scene> => {
      const machine = await installed()
      const {service} = machine.target
      const target = {...machine.target, host, userHost: host.as(USER), service: {...service, profile: {...service.profile, ...profile}}}
      return {...(await sceneOf(machine.target)), target}
    }

    it('gives back what is root’s, and leaves what a third account has to a person', async () => {
      const host = asRoot({[`${HOME}/gateway.pid`]: {text: '', uid: 0, gid: 0}, [`${HOME}/logs/agent.log`]: {text: '', uid: 7, gid: 7}})
      const {findings, plan} = await check.examine(await sceneAs(host))
      expect(findings).toMatchObject([
        {kind: 'foreign-owner', isFixable: true, evidence: [`${HOME}/gateway.pid belongs to root`]},
        {kind: 'third-owner', isFixable: false, evidence: [`${HOME}/logs/agent.log belongs to uid 7`]},
      ])
      expect((await plan?.({}))?.steps).toEqual([
        {kind: 'set-access', why: `give ${HOME}/gateway.pid to user`, path: `${HOME}/gateway.pid`, owner: USER, as: USER},
      ])
    })

    it('gives by the path as it is named, within a home that root itself has put elsewhere', async () => {
      const home = '/srv/agents/one'
      const host = asRoot({[home]: {folder: true, uid: 1000, gid: 1000}, [`${home}/gateway.pid`]: {text: '', uid: 0, gid: 0}})
      const {plan} = await check.examine(await sceneAs(host, {home}))
      expect((await plan?.({}))?.steps).toMatchObject([{path: `${home}/gateway.pid`, owner: USER, within: home}])
    })

    it('gives nothing where a link of the account’s leads, out of its home directory', async () => {
      const real = '/data/hermes'
      const host = asRoot({[real]: {folder: true, uid: 1000, gid: 1000}, [`${real}/gateway.pid`]: {text: '', uid: 0, gid: 0}})
      host.drop(HOME)
      host.put(HOME, {link: real})
      const {findings} = await check.examine(await sceneAs(host, {home: real, named: HOME}))
      expect(findings).toMatchObject([
        {kind: 'foreign-owner', isFixable: false, cure: [`sudo chown --no-dereference user: ${real}/gateway.pid`]},
      ])
    })
  })

  it('finds values that others can read, and hides them', async () => {
    const machine = await installed()
    machine.host.put(ENV, {text: 'TOKEN="x"\n', mode: 0o640})
    expect(await kinds(machine, check)).toEqual(['secrets-open warning'])
    await fix(machine, check)
    expect(machine.host.lstat(ENV)?.mode).toBe(0o600)
  })
})
