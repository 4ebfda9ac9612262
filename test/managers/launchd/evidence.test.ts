import {describe, expect, it} from 'vitest'
import {restartRisk} from '../../../src/managers/launchd/evidence.js'
import type {ManagerObservation} from '../../../src/managers/manager.js'
import {AGENT, FakeLaunchd, LABEL, LAUNCHD_SERVICE, SUPPORT} from '../../fakes/fake-launchd.js'
import {SETTINGS} from '../../fakes/settings.js'
import {USER} from '../../fakes/fake-host.js'

const GUI = `gui/1000/${LABEL}`
/** As upstream's own installer writes it. */
const UPSTREAM = [
  '<plist version="1.0"><dict><key>Label</key><string>ai.hermes.gateway</string>',
  '<key>ProgramArguments</key><array><string>/opt/hermes</string><string>gateway</string><string>run</string></array>',
  '<key>EnvironmentVariables</key><dict><key>PATH</key><string>/opt:/bin</string><key>HERMES_HOME</key><string>/home/user/other</string></dict>',
  '<key>KeepAlive</key><true/><key>ThrottleInterval</key><integer>10</integer><key>ExitTimeOut</key><integer>25</integer></dict></plist>',
].join('')

function observed(launchd: FakeLaunchd): ManagerObservation {
  const [seen] = launchd.manager.observer.observe([LAUNCHD_SERVICE])
  if (!seen) throw new Error('nothing was observed')
  return seen
}

async function installed(): Promise<FakeLaunchd> {
  const launchd = new FakeLaunchd()
  launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, SETTINGS, new Map()))
  launchd.load(GUI)
  return launchd
}

describe('what comes of a gateway that fails again and again', () => {
  it.each([
    ['nothing keeps alive', {}, 'dies'],
    ['only a success keeps alive', {KeepAlive: '{"SuccessfulExit":true}'}, 'dies'],
    ['everything keeps alive, at the usual pace', {KeepAlive: 'true'}, 'storms'],
    ['a failure keeps alive, at a fast pace', {KeepAlive: '{"SuccessfulExit":false}', ThrottleInterval: '1'}, 'storms'],
    ['everything keeps alive, at a pace that harms nobody', {KeepAlive: 'true', ThrottleInterval: '30'}, 'sound'],
  ])('where %s', (_, directives, kind) => {
    expect(restartRisk(directives).kind).toBe(kind)
  })
})

describe('the evidence of a definition', () => {
  it('of ours names the gateway, our scripts and the time of a stop', async () => {
    const launchd = await installed()
    const evidence = launchd.manager.definition.evidence(observed(launchd))
    expect(evidence).toMatchObject({
      restartRisk: {kind: 'sound'},
      startFailure: undefined,
      stopTimeoutMs: 80_000,
      commandLine: '/usr/bin/hermes gateway run --profile=default',
      requiredFolder: SUPPORT,
      searchPath: expect.stringContaining('/usr/bin') as string,
    })
    expect(evidence.programs).toEqual(
      expect.arrayContaining([
        {path: '/usr/bin/hermes', role: 'gateway'},
        {path: `${SUPPORT}/hermes-gateway-launcher`, role: 'helper'},
        {path: `${SUPPORT}/service-helper.sh`, role: 'helper'},
      ]),
    )
    for (const {path, role} of launchd.manager.definition.ownFiles(LAUNCHD_SERVICE))
      if (role === 'helper') expect(launchd.host.stat(path), path).toBeDefined()
  })

  it("of another tool's names what it runs", () => {
    const launchd = new FakeLaunchd({[AGENT]: UPSTREAM})
    launchd.load(GUI)
    expect(launchd.manager.definition.evidence(observed(launchd))).toMatchObject({
      restartRisk: {kind: 'storms'},
      stopTimeoutMs: 25_000,
      programs: [{path: '/opt/hermes', role: 'gateway'}],
      commandLine: '/opt/hermes gateway run',
      searchPath: '/opt:/bin',
    })
  })

  it('tells a job that launchd has given up', async () => {
    const launchd = await installed()
    launchd.ends(GUI)
    Object.assign(launchd.jobs.get(GUI) ?? {}, {state: 'spawn scheduled', properties: 'keepalive | penalty box'})
    expect(launchd.manager.definition.evidence(observed(launchd)).startFailure).toEqual({kind: 'program', text: 'penalty box'})
  })

  it('tells an edit by hand', async () => {
    const launchd = await installed()
    expect(launchd.manager.definition.editedFiles(LAUNCHD_SERVICE)).toEqual([])
    launchd.host.put(AGENT, `${launchd.host.texts()[AGENT]}<!-- mine -->\n`)
    expect(launchd.manager.definition.editedFiles(LAUNCHD_SERVICE)).toEqual([AGENT])
  })
})

describe('the definitions of gateways of an account', () => {
  it('are ours and those of others, in both scopes', async () => {
    const launchd = await installed()
    launchd.host.put(
      '/Library/LaunchDaemons/x.plist',
      UPSTREAM.replace('</dict></plist>', '<key>UserName</key><string>user</string></dict></plist>'),
    )
    launchd.host.put('/Library/LaunchDaemons/root.plist', UPSTREAM)
    launchd.host.put(
      '/home/user/Library/LaunchAgents/com.example.other.plist',
      UPSTREAM.replace('gateway', 'other').replace('>gateway<', '>x<'),
    )
    launchd.disabled.add('x')
    expect(launchd.manager.rivals.definitions(USER)).toEqual([
      {
        name: LABEL,
        scope: 'user',
        path: AGENT,
        home: SETTINGS.home,
        isEnabled: true,
        command: ['/usr/bin/hermes', 'gateway', 'run', '--profile=default'],
      },
      {
        name: 'x',
        scope: 'system',
        path: '/Library/LaunchDaemons/x.plist',
        home: '/home/user/other',
        isEnabled: false,
        command: ['/opt/hermes', 'gateway', 'run'],
      },
    ])
  })
})

describe('the processes of a service', () => {
  it('are the gateway and what it has started', async () => {
    const launchd = await installed()
    const seen = observed(launchd)
    expect(launchd.manager.observer.processesOf(seen)).toEqual([seen.mainPid])
    expect(launchd.manager.observer.processesOf({...seen, mainPid: undefined})).toEqual([])
    expect(launchd.manager.observer.processesOf({...seen, mainPid: undefined, launcherPid: undefined})).toBeUndefined()
  })

  it('are also what a former gateway has left in the process group of the job', async () => {
    const launchd = await installed()
    const seen = observed(launchd)
    launchd.addOrphan(700, seen.launcherPid ?? 0, 0)
    launchd.addOrphan(701, 1, 0)
    expect(launchd.manager.observer.processesOf(seen)).toEqual([seen.mainPid, 700])
  })
})

describe('a command for a person', () => {
  it('is one of launchctl', () => {
    const {manager} = new FakeLaunchd()
    expect(manager.byHand('status', LABEL)).toBe(`launchctl print ${GUI}`)
    expect(manager.byHand('unmask', LABEL)).toBe(`launchctl enable ${GUI}`)
    expect(manager.byHand('disable', 'x', 'system')).toBe('sudo launchctl bootout system/x; sudo launchctl disable system/x')
    expect(manager.byHand('reload', LABEL)).toBe('hermes-svc restart')
  })
})
