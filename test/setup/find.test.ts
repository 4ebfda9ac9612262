import {describe, expect, it} from 'vitest'
import {loadChecks} from '../../src/doctor/checks/index.js'
import type {Account} from '../../src/host/host.js'
import {findMachine, findOwner, findService, ownerOf} from '../../src/setup/find.js'
import {type FakeFile, FakeHost, type FakeMachine, USER} from '../fakes/fake-host.js'
import {LaunchdTarget} from '../fakes/launchd-scene.js'
import {foreign, installed} from '../fakes/scene.js'

const ROOT: Account = {uid: 0, gid: 0, name: 'root', home: '/root'}
const ANN: Account = {uid: 1001, gid: 1001, name: 'ann', home: '/home/ann'}
const BOTH = ['user', 'system'] as const
const unit = (account: string, home: string) =>
  `[Service]\nUser=${account}\nEnvironment="HERMES_HOME=${home}"\nExecStart=/usr/bin/hermes gateway run\n`

function machine(files: Readonly<Record<string, FakeFile | string>> = {}, more: Omit<FakeMachine, 'files'> = {}): FakeHost {
  const passwd = 'root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\n'
  return new FakeHost({
    ...{accounts: [ROOT, USER, ANN], ...more},
    files: {'/run/systemd/system': {folder: true}, '/etc/passwd': passwd, ...files},
  })
}
const home = (account: Account, place = `${account.home}/.hermes`) => ({
  [place]: {folder: true, mode: 0o700, uid: account.uid, gid: account.gid} as const,
})

describe('the machine', () => {
  it('of a plain user has that user alone', async () => {
    expect(await findMachine(machine(home(ANN)), {})).toEqual({
      ...{scopes: BOTH, isRoot: false, user: 'user', accounts: [], account: 'user', isOnlyAccount: false},
    })
  })

  it('of root has the accounts with the home of a gateway, and the only one of them is meant', async () => {
    const one = await findMachine(machine(home(ANN), {account: ROOT}), {})
    expect(one).toMatchObject({isRoot: true, accounts: ['ann'], account: 'ann'})
    const two = await findMachine(machine({...home(ANN), ...home(USER)}, {account: ROOT}), {})
    expect(two).toMatchObject({accounts: ['user', 'ann'], account: undefined})
  })

  it('of root has the account of the service that is installed before that of sudo', async () => {
    const sudo = {account: ROOT, env: {SUDO_USER: 'user'}}
    expect((await findMachine(machine(home(ANN), sudo), {})).account).toBe('user')
    const files = {'/etc/systemd/system/hermes-gateway.service': unit('ann', '/home/ann/.hermes')}
    expect((await findMachine(machine(files, sudo), {})).account).toBe('ann')
  })

  it('in a container has one scope, and the owner of the home as the only account', async () => {
    const files = {'/proc/1/comm': 's6-svscan\n', '/run/s6/basedir': {folder: true} as const, ...home(ANN, '/opt/data')}
    const container = new FakeHost({account: ROOT, accounts: [ROOT, ANN], env: {HERMES_HOME: '/opt/data'}, files})
    expect(await findMachine(container, {})).toMatchObject({scopes: ['system'], account: 'ann', isOnlyAccount: true})
  })
})

describe('the profiles', () => {
  const work = home(USER, '/home/user/.hermes/profiles/work')
  const all = {...home(USER), '/home/user/.hermes/profiles': {folder: true} as const, ...work}

  it('are all those below the root, with where each has a service', async () => {
    const files = {...all, '/etc/systemd/system/hermes-gateway-work.service': unit('user', '/home/user/.hermes/profiles/work')}
    expect(await findOwner(machine(files), USER, {}, BOTH)).toEqual({
      account: 'user',
      profile: 'default',
      isOnlyProfile: false,
      profiles: [
        {name: 'default', home: '/home/user/.hermes', refused: undefined, installedIn: []},
        {name: 'work', home: '/home/user/.hermes/profiles/work', refused: undefined, installedIn: ['system']},
      ],
    })
  })

  it("are not those of somebody else's service of the same name", async () => {
    const files = {...all, '/etc/systemd/system/hermes-gateway.service': unit('ann', '/home/ann/.hermes')}
    expect((await findOwner(machine(files), USER, {}, BOTH)).profiles[0]?.installedIn).toEqual([])
  })

  it('are refused where there is no home, and where another gateway serves them', async () => {
    expect((await findOwner(machine(), USER, {}, BOTH)).profiles[0]?.refused).toMatch(/does not exist/)
    const state = {text: JSON.stringify({served_profiles: ['work']}), uid: 1000}
    expect(
      (await findOwner(machine({...all, '/home/user/.hermes/gateway_state.json': state}), USER, {}, BOTH)).profiles[1]?.refused,
    ).toMatch(/profile default/)
  })

  it('are one if --home names it, and its parent has more', async () => {
    const named = await findOwner(machine(all), USER, {home: '/home/user/.hermes/profiles/work'}, BOTH)
    expect(named).toMatchObject({profile: 'work', isOnlyProfile: true, profiles: [{name: 'default'}, {name: 'work'}]})
    const variable = machine(all, {env: {HERMES_HOME: '/home/user/.hermes/profiles/work'}})
    expect(await findOwner(variable, USER, {}, BOTH)).toMatchObject({profile: 'work', isOnlyProfile: false})
  })

  it('are those of the account that is named, which must exist', async () => {
    expect((await findOwner(machine(home(ANN), {account: ROOT}), ANN, {}, BOTH)).profiles[0]?.home).toBe('/home/ann/.hermes')
    expect(() => ownerOf(machine(), 'nobody-here')).toThrow('there is no such user')
    expect(ownerOf(machine(), undefined)).toEqual(USER)
  })
})

describe('the service', () => {
  it('that is installed has its settings, its gateway and no findings', async () => {
    const {target} = await installed()
    expect(await findService(target, await loadChecks(['not-enabled', 'linger']))).toMatchObject({
      ...{name: 'hermes-gateway.service', manager: 'systemd (user)', installed: 'own', isMeantStopped: false, keptCommand: undefined},
      ...{startsAtBoot: true, canLinger: true, gateways: [{argv: ['/usr/bin/hermes']}], findings: [], repairs: []},
      settings: {linger: true},
    })
  })

  it('has findings, of which those can be repaired for which a plan can be made', async () => {
    const systemd = await installed()
    systemd.shown.UnitFileState = 'disabled'
    systemd.host.removeFile('/home/user/.hermes/.hermes-svc.json')
    const {findings, repairs} = await findService(systemd.target, await loadChecks(['not-enabled', 'desired-state']))
    // What should be so nobody has recorded: that is for the user to say.
    expect(findings.map(({id}) => id)).toContain('desired-state')
    expect(repairs).toEqual(findings.map(({id}) => id).filter((id) => id !== 'desired-state'))
  })

  it("of another tool keeps that tool's command", async () => {
    const {target} = foreign()
    expect(await findService(target, [])).toMatchObject({
      installed: 'foreign',
      keptCommand: expect.stringContaining('hermes gateway run') as string,
    })
  })

  it('that is ours and was rewritten by another tool has no command to keep, since install renders it anew', async () => {
    const {target, host} = await LaunchdTarget.installed()
    const plist = '/home/user/Library/LaunchAgents/ai.hermes.gateway.plist'
    host.writeAtomic(plist, host.readText(plist)?.replace(/<!--[^]*?-->\n?/g, '') ?? '', 0o644)
    const found = await findService(target, [])
    expect([found.installed, found.keptCommand]).toEqual(['foreign', undefined])
  })
})
