import {describe, expect, it} from 'vitest'
import {check} from '../../../../src/managers/launchd/checks/log-path.js'
import {AGENT, LABEL} from '../../../fakes/fake-launchd.js'
import {GUI, LaunchdTarget} from '../../../fakes/launchd-scene.js'

const LOG = `/home/user/Library/Logs/hermes-svc/${LABEL}.log`

describe('log-path', () => {
  it('says nothing of a log that can be opened, or is not there yet', async () => {
    const machine = await LaunchdTarget.installed()
    expect(await machine.kinds(check)).toEqual([])
    machine.host.put(LOG, 'a line\n')
    expect(await machine.kinds(check)).toEqual([])
  })

  it.each([
    ['another’s', {text: '', uid: 0}, 'unwritable'],
    ['without the right to write', {text: '', mode: 0o400}, 'unwritable'],
    ['a folder', {folder: true}, 'unwritable'],
  ] as const)('finds one that is %s, and leaves the gateway alone when it takes it away', async (_name, file, kind) => {
    const machine = await LaunchdTarget.installed()
    machine.host.put(LOG, file)
    expect(await machine.find(check)).toMatchObject([{kind, severity: 'warning', isFixable: true, isSafe: false}])
    expect(await machine.fix(check)).toEqual([])
    expect(await machine.kinds(check)).toEqual([])
  })

  it('finds a job that ended with 78 before its program ran, which is no fault of the configuration', async () => {
    const machine = await LaunchdTarget.installed()
    machine.ends(GUI, 78)
    Object.assign(machine.jobs.get(GUI) ?? {}, {state: 'spawn scheduled'})
    const [finding] = await machine.find(check)
    expect(finding).toMatchObject({kind: 'silent-78', severity: 'error', isFixable: false})
    expect(finding?.explains).toContain('fatal-config')
    machine.host.put(LOG, {folder: true})
    expect(await machine.find(check)).toMatchObject([{kind: 'unwritable', severity: 'error'}])
    expect(await machine.fix(check)).toEqual([`kickstart -k ${GUI}`])
    expect(machine.actual).toBe('running')
  })

  it('finds another tool’s log on another disk, and a link to the disk of the system is none', async () => {
    const machine = await LaunchdTarget.installed()
    const plist = (log: string) =>
      `<plist><dict><key>Label</key><string>${LABEL}</string><key>StandardOutPath</key><string>${log}</string></dict></plist>`
    machine.host.put('/Volumes/extern', {folder: true})
    machine.host.put(AGENT, plist('/Volumes/extern/gateway.log'))
    expect(await machine.find(check)).toMatchObject([
      {kind: 'external', isFixable: false, cure: ['hermes gateway uninstall', expect.stringContaining('hermes-svc install') as string]},
    ])
    machine.host.put('/Volumes/system', {link: '/home'})
    machine.host.put(AGENT, plist('/Volumes/system/gateway.log'))
    expect(await machine.kinds(check)).toEqual([])
  })
})
