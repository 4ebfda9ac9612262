import type {TargetFlags} from '../../src/observe/place.js'
import {describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {requireSameHome, resolveTarget} from '../../src/observe/where.js'
import {type FakeFile, FakeHost, type FakeMachine, USER} from '../fakes/fake-host.js'
import {refusal} from '../support/refusal.js'

const ROOT: Account = {uid: 0, gid: 0, name: 'root', home: '/root'}
const ANN: Account = {uid: 1001, gid: 1001, name: 'ann', home: '/home/ann'}
const SYSTEMD: Record<string, FakeFile> = {'/run/systemd/system': {folder: true}}
const SYSTEM_UNIT = '/etc/systemd/system/hermes-gateway.service'

async function target(flags: TargetFlags, machine: FakeMachine & {purpose?: 'read' | 'change'} = {}) {
  const {purpose = 'change', files, ...rest} = machine
  const host = new FakeHost({accounts: [USER, ANN], ...rest, files: {...SYSTEMD, ...files}})
  const {manager, service, userHost, homeFlag} = await resolveTarget(host, flags, purpose)
  return {
    title: manager.title,
    name: service.name,
    home: service.profile.home,
    account: service.account.name,
    as: userHost.account.name,
    homeFlag,
  }
}

describe('the service that the flags mean', () => {
  it("is the user's own in user scope", async () => {
    expect(await target({})).toEqual({
      ...{title: 'systemd (user)', name: 'hermes-gateway.service', home: '/home/user/.hermes'},
      ...{account: 'user', as: 'user', homeFlag: 'home'},
    })
  })

  it('is the one of the profile or home that is named, and says how for messages', async () => {
    expect(await target({profile: 'work'})).toMatchObject({name: 'hermes-gateway-work.service', homeFlag: '--profile work: home'})
    expect(await target({home: '/opt/data'})).toMatchObject({home: '/opt/data', homeFlag: '--home'})
    expect(await target({}, {env: {HERMES_HOME: '/opt/data'}})).toMatchObject({home: '/opt/data', homeFlag: 'HERMES_HOME'})
  })

  it('is in system scope for root, where the user must be named', async () => {
    expect(await target({runAs: 'ann'}, {account: ROOT})).toMatchObject({
      title: 'systemd (system)',
      home: '/home/ann/.hermes',
      account: 'ann',
      as: 'ann',
    })
    expect(await target({runAs: '1001'}, {account: ROOT})).toMatchObject({account: 'ann'})
    const error = await refusal(() => target({}, {account: ROOT}))
    expect(error).toMatchObject({
      exitStatus: 2,
      message: expect.stringContaining('Root must name the user of the gateway') as string,
    })
  })

  it('runs as whoever called sudo, or whom the installed unit names, in that order backwards', async () => {
    const sudo = {account: ROOT, env: {SUDO_USER: 'user'}}
    expect(await target({}, sudo)).toMatchObject({account: 'user', title: 'systemd (system)'})
    expect(await target({}, {...sudo, files: {[SYSTEM_UNIT]: '[Service]\nUser=ann\n'}})).toMatchObject({account: 'ann'})
    expect(await target({runAs: 'user'}, {...sudo, files: {[SYSTEM_UNIT]: '[Service]\nUser=ann\n'}})).toMatchObject({account: 'user'})
  })

  it("is in the manager of whoever called sudo where user scope is asked for, with that user's ids", async () => {
    expect(await target({scope: 'user'}, {account: ROOT, env: {SUDO_USER: 'user'}})).toMatchObject({
      title: 'systemd (user)',
      account: 'user',
      as: 'user',
    })
    expect(await target({scope: 'user', runAs: 'ann'}, {account: ROOT})).toMatchObject({account: 'ann', as: 'ann'})
  })

  it("is not found by root's own HERMES_HOME where it is somebody else's", async () => {
    expect((await target({runAs: 'ann'}, {account: ROOT, env: {HERMES_HOME: '/root/x'}})).home).toBe('/home/ann/.hermes')
  })

  it('is the one that is installed in the other scope, for those who only ask', async () => {
    const files = {[SYSTEM_UNIT]: '[Service]\nUser=user\n'}
    expect((await target({}, {files, purpose: 'read'})).title).toBe('systemd (system)')
    expect((await target({}, {files, purpose: 'change'})).title).toBe('systemd (user)')
    expect((await target({scope: 'user'}, {files, purpose: 'read'})).title).toBe('systemd (user)')
    const both = {...files, '/home/user/.config/systemd/user/hermes-gateway.service': ''}
    expect((await target({}, {files: both, purpose: 'read'})).title).toBe('systemd (user)')
  })

  it("is never another account's, though that one is installed under the same name", async () => {
    const files = {...SYSTEMD, [SYSTEM_UNIT]: '[Service]\nUser=ann\n'}
    expect(await target({}, {files, purpose: 'read'})).toMatchObject({title: 'systemd (user)', account: 'user'})
    expect(await target({}, {files: {...files, [SYSTEM_UNIT]: '[Service]\n'}, purpose: 'read'})).toMatchObject({title: 'systemd (user)'})
    expect(await target({}, {files: {...files, [SYSTEM_UNIT]: '[Service]\nUser=gone\n'}, purpose: 'read'})).toMatchObject({
      title: 'systemd (user)',
    })
  })

  it("is nobody else's where the user database does not know its user, and not root's", async () => {
    const files = {...SYSTEMD, [SYSTEM_UNIT]: '[Service]\nUser=gone\n'}
    for (const purpose of ['read', 'change'] as const) {
      expect(await refusal(() => target({}, {files, purpose, account: ROOT}))).toMatchObject({code: 'unknown-user', exitStatus: 4})
    }
    expect(await target({runAs: 'user'}, {files, purpose: 'read', account: ROOT})).toMatchObject({account: 'user'})
  })

  it('is found by the home that its unit names, where older gateways gave that the plain name', async () => {
    const unit = '[Service]\nExecStart=/usr/bin/hermes gateway run\nEnvironment="HERMES_HOME=/home/user/agent"\n'
    const files = {...SYSTEMD, '/home/user/.config/systemd/user/hermes-gateway.service': unit, '/home/user/agent': {folder: true} as const}
    const found = {name: 'hermes-gateway.service', home: '/home/user/agent'}
    expect(await target({home: '/home/user/agent'}, {files})).toMatchObject(found)
    expect(await target({}, {files, purpose: 'read'})).toMatchObject(found)
    // The account has a home in the usual place: that is what is asked about.
    const both = {...files, '/home/user/.hermes': {folder: true} as const}
    expect(await target({}, {files: both, purpose: 'read'})).toMatchObject({home: '/home/user/.hermes'})
    expect((await target({home: '/home/user/other'}, {files: {...files, '/home/user/other': {folder: true}}})).name).toMatch(
      /^hermes-gateway-[0-9a-f]{8}\.service$/,
    )
  })

  it("can be asked about in system scope by everybody, and takes root's word for the user", async () => {
    const files = {[SYSTEM_UNIT]: '[Service]\nUser=ann\n'}
    expect(await target({scope: 'system'}, {files, purpose: 'read'})).toMatchObject({account: 'ann', as: 'user'})
    expect(await target({scope: 'system'}, {purpose: 'read'})).toMatchObject({account: 'user'})
  })
})

describe('what the flags may not mean', () => {
  it('is changing the machine without root', async () => {
    expect(await refusal(() => target({scope: 'system', runAs: 'user'}))).toMatchObject({code: 'needs-root', exitStatus: 1})
  })

  it("is another user's service without root", async () => {
    expect(await refusal(() => target({runAs: 'ann'}))).toMatchObject({
      exitStatus: 2,
      message: expect.stringContaining('--run-as ann') as string,
    })
  })

  it('is a user that there is not', async () => {
    expect((await refusal(() => target({runAs: 'nobody-here'}, {account: ROOT}))).message).toBe(
      '--run-as "nobody-here": there is no such user',
    )
    expect((await refusal(() => target({runAs: '4711'}, {account: ROOT}))).message).toContain('there is no such user')
  })

  it('is a scope or a manager that there is not', async () => {
    expect(await refusal(() => target({scope: 'global'}))).toMatchObject({
      exitStatus: 2,
      message: expect.stringContaining('--scope global') as string,
    })
    expect(await refusal(() => target({manager: 'upstart'}))).toMatchObject({
      exitStatus: 2,
      message: expect.stringContaining('--manager upstart') as string,
    })
  })
})

describe('requireSameHome', () => {
  const check = async (home: string | undefined, installed: 'own' | 'no' = 'own', files: Record<string, FakeFile> = {}) => {
    const host = new FakeHost({files: {...SYSTEMD, '/home/user/.hermes': {folder: true}, ...files}})
    const meant = await resolveTarget(host, {}, 'read')
    requireSameHome(meant, {...meant.manager.observer.notInstalled(meant.service), installed, home})
  }

  it('takes the home that is meant, links and all, and a definition that names none', async () => {
    await check('/home/user/.hermes')
    await check('/srv/link', 'own', {'/srv/link': {link: '/home/user/.hermes'}})
    await check(undefined)
    await check('/srv/other', 'no')
  })

  it('refuses the service of another home, and names it', async () => {
    expect(await refusal(() => check('/srv/other'))).toMatchObject({
      code: 'other-home',
      exitStatus: 1,
      next: ['hermes-svc status --home /srv/other'],
    })
  })
})

describe('the service that the flags mean in a container', () => {
  const HERMES: Account = {uid: 10_000, gid: 10_000, name: 'hermes', home: '/opt/data'}
  const CONTAINER: Record<string, FakeFile | string> = {
    '/proc/1/comm': 's6-svscan\n',
    '/run/s6/basedir': {folder: true},
    '/run/s6/container_environment/HERMES_HOME': '/opt/data',
    '/opt/data': {folder: true, uid: 10_000, gid: 10_000},
  }

  async function inContainer(
    flags: TargetFlags,
    account: Account,
    files: Record<string, FakeFile | string> = {},
    purpose: 'read' | 'change' = 'change',
  ) {
    const host = new FakeHost({account, accounts: [HERMES, ANN], files: {...CONTAINER, ...files}})
    const {service, userHost} = await resolveTarget(host, flags, purpose)
    return {name: service.name, home: service.profile.home, account: service.account.name, as: userHost.account.name}
  }

  it("is the container's own, for root as for its user", async () => {
    const expected = {name: 'gateway-default', home: '/opt/data', account: 'hermes', as: 'hermes'}
    expect(await inContainer({}, ROOT)).toEqual(expected)
    expect(await inContainer({}, HERMES)).toEqual(expected)
    expect(await inContainer({scope: 'user', profile: 'work'}, ROOT)).toMatchObject({name: 'gateway-work', home: '/opt/data/profiles/work'})
  })

  it('is that of whoever owns a home that is named', async () => {
    expect(await inContainer({home: '/srv/ann'}, ROOT, {'/srv/ann': {folder: true, uid: 1001}})).toMatchObject({
      account: 'ann',
      home: '/srv/ann',
    })
  })

  it("needs a name where the home is root's own", async () => {
    const files = {'/opt/data': {folder: true, uid: 0} as const}
    expect(await refusal(() => inContainer({}, ROOT, files))).toMatchObject({
      exitStatus: 2,
      message: expect.stringContaining('--run-as') as string,
    })
    expect((await inContainer({}, ROOT, files, 'read')).account).toBe('root')
    expect((await inContainer({runAs: 'ann'}, ROOT, files)).account).toBe('ann')
  })
})
