import type {Scope, Service} from '../../../src/service/service.js'
import {describe, expect, it} from 'vitest'
import {definitionPaths} from '../../../src/managers/launchd/paths.js'
import {definition} from '../../../src/managers/launchd/render.js'
import {domainOf} from '../../../src/managers/launchd/domain.js'
import {launchdOf, type Whereabouts} from '../../../src/managers/launchd/whereabouts.js'
import {DEFINITION_VARIABLE, parsePlist} from '../../../src/managers/launchd/plist.js'
import type {DefinitionFile} from '../../../src/managers/manager.js'
import type {ServiceSettings} from '../../../src/service/settings.js'
import type {Resources} from '../../../src/service/resources.js'
import {type FakeFile, FakeHost, USER} from '../../fakes/fake-host.js'
import {AGENT, LABEL, LAUNCHD_SERVICE, STATE, SUPPORT} from '../../fakes/fake-launchd.js'
import {packageFiles} from '../../fakes/package-files.js'
import {serviceOf, SETTINGS} from '../../fakes/settings.js'

interface Wish {
  readonly scope?: Scope
  readonly service?: Service
  readonly settings?: Partial<ServiceSettings>
  readonly environment?: Record<string, string>
  readonly files?: Record<string, FakeFile>
}

async function render({scope = 'user', service = LAUNCHD_SERVICE, settings = {}, environment = {}, files = {}}: Wish = {}) {
  const host = new FakeHost({files: {...packageFiles(), ...files}})
  const all = {...SETTINGS, scope, profile: service.profile.name, home: service.profile.home, ...settings}
  const domain = domainOf(scope === 'system' ? 'system' : 'gui', service.account)
  const rendered = await definition({
    ...launchdOf(host, scope, service.account),
    where: {domain: () => domain} as unknown as Whereabouts,
  }).render(service, all, new Map(Object.entries(environment)))
  expect(host.changes).toEqual([])
  return new Map(rendered.map((file): [string, DefinitionFile] => [file.path, file]))
}

const plistOf = async (wish?: Wish, path = AGENT) => parsePlist((await render(wish)).get(path)?.text ?? '') as Record<string, unknown>

describe('the files of a definition', () => {
  it('are the property list, the launcher, the helpers and the settings', async () => {
    const files = [...(await render()).values()]
    expect(files.map(({path, mode}) => `${path} ${mode.toString(8)}`).sort()).toEqual(
      [
        `${AGENT} 644`,
        `${SUPPORT}/hermes-gateway-launcher 755`,
        `${SUPPORT}/start-gateway.sh 755`,
        `${SUPPORT}/service-helper.sh 755`,
        `${SUPPORT}/settings.json 644`,
      ].sort(),
    )
  })

  it('are the same each time, so that a second install changes nothing', async () => {
    expect(await render({environment: {A: '1'}})).toEqual(await render({environment: {A: '1'}}))
  })

  it('need the gateway to be started anew only where it has read them', async () => {
    const needs = [...(await render({environment: {A: '1'}})).values()].filter(({needsRestart}) => needsRestart)
    expect(needs.map(({path}) => path).sort()).toEqual([AGENT, `${SUPPORT}/gateway.env`, `${SUPPORT}/start-gateway.sh`].sort())
  })

  it('have secrets in one of them alone', async () => {
    const files = [...(await render({environment: {TOKEN: 'hunter2'}})).values()].filter(({text}) => text.includes('hunter2'))
    expect(files.map(({path, mode, secret}) => ({path, mode, secret}))).toEqual([
      {path: `${SUPPORT}/gateway.env`, mode: 0o600, secret: true},
    ])
  })

  it('lie with the machine in system scope', () => {
    expect(definitionPaths('system', {...serviceOf('work'), name: 'ai.hermes.gateway-work'})).toMatchObject({
      plist: '/Library/LaunchDaemons/ai.hermes.gateway-work.plist',
      supportFolder: '/Library/Application Support/hermes-svc/ai.hermes.gateway-work',
      log: '/Library/Logs/hermes-svc/ai.hermes.gateway-work.log',
    })
  })
})

describe('the property list', () => {
  it('has the launcher run in the session of its domain, and launchd keep it alive', async () => {
    const log = `/home/user/Library/Logs/hermes-svc/${LABEL}.log`
    expect(await plistOf()).toEqual({
      Label: LABEL,
      ProgramArguments: [`${SUPPORT}/hermes-gateway-launcher`, STATE],
      WorkingDirectory: SUPPORT,
      EnvironmentVariables: {
        HOME: '/home/user',
        USER: 'user',
        LOGNAME: 'user',
        PATH: expect.stringContaining('/usr/bin') as string,
        HERMES_HOME: '/home/user/.hermes',
        HERMES_SUPERVISED_CHILD: '1',
        [DEFINITION_VARIABLE]: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      },
      LimitLoadToSessionType: 'Aqua',
      RunAtLoad: true,
      KeepAlive: {SuccessfulExit: false},
      ThrottleInterval: 1,
      ExitTimeOut: 80,
      ProcessType: 'Interactive',
      Umask: 0o077,
      SoftResourceLimits: {NumberOfFiles: 8192},
      StandardOutPath: log,
      StandardErrorPath: log,
    })
  })

  it('gives a stop the time that the gateway may drain, and more', async () => {
    expect((await plistOf({settings: {drainSec: 900}})).ExitTimeOut).toBe(980)
  })

  it('names the account of a daemon, and no session', async () => {
    const daemon = await plistOf({scope: 'system'}, `/Library/LaunchDaemons/${LABEL}.plist`)
    expect(daemon.UserName).toBe('user')
    expect(daemon).not.toHaveProperty('LimitLoadToSessionType')
  })

  it('has the gateway stand back for the CPU, and refuses what launchd cannot do', async () => {
    expect(await plistOf({settings: {resources: {nice: 5}}})).toMatchObject({Nice: 5})
    expect(await plistOf()).not.toHaveProperty('Nice')
    const refused = (scope: Scope, resources: Resources) => {
      const launchd = {...launchdOf(new FakeHost({files: packageFiles()}), scope, USER), where: {} as unknown as Whereabouts}
      return definition(launchd).refusedResources?.(resources)
    }
    expect(refused('user', {memoryMax: '1G'})).toMatch(/^--memory-max: launchd cannot limit memory/)
    expect(refused('system', {memoryHigh: '1G'})).toMatch(/^--memory-high: /)
    expect(refused('user', {cpuWeight: 50})).toMatch(/^--cpu-weight: .* Use --nice/)
    expect(refused('user', {nice: -1})).toMatch(/^--nice: .* --scope system$/)
    expect([refused('system', {nice: -1}), refused('user', {nice: 19})]).toEqual([undefined, undefined])
  })

  it('keeps the machine awake only where somebody chose it, until the process that becomes the gateway has ended', async () => {
    const start = async (wish?: Wish) => (await render(wish)).get(`${SUPPORT}/start-gateway.sh`)
    expect((await start())?.text).not.toContain('caffeinate')
    const awake = await start({settings: {resources: {keepAwake: true}}})
    expect(awake?.text).toMatch(/\n\(\/usr\/bin\/caffeinate -i -w "\$\$" <\/dev\/null >\/dev\/null 2>&1 &\)\nexec '/)
  })

  it('carries a home that XML gives a meaning', async () => {
    const home = `/home/user/<a> & "b"`
    const service = {...LAUNCHD_SERVICE, profile: {...LAUNCHD_SERVICE.profile, home}}
    expect((await plistOf({service})).EnvironmentVariables).toMatchObject({HERMES_HOME: home})
  })

  it('refuses a value that no XML carries, and names it', async () => {
    const service = {...LAUNCHD_SERVICE, account: {...USER, name: 'us\u0007er'}}
    await expect(render({service})).rejects.toMatchObject({exitStatus: 2, message: expect.stringContaining('USER') as string})
  })

  it("refuses a variable that is the shell's own", async () => {
    await expect(render({environment: {SECONDS: 'a[$(id)]'}})).rejects.toMatchObject({exitStatus: 2})
  })

  it('is marked where somebody edited it by hand', async () => {
    const edited = `${(await render()).get(AGENT)?.text}<!-- mine -->\n`
    const files = await render({files: {[AGENT]: {text: edited}}})
    expect([...files.values()].filter((file) => file.edited).map(({path}) => path)).toEqual([AGENT])
  })
})

describe('what starts the gateway', () => {
  const commandOf = async (wish?: Wish) => (await render(wish)).get(`${SUPPORT}/start-gateway.sh`)?.text.trim().split('\n').at(-1)

  it('runs its command, with the profile where it is not the default one', async () => {
    expect(await commandOf()).toBe(`exec '/usr/bin/hermes' 'gateway' 'run' '--profile=default'`)
    const {profile} = serviceOf('work')
    const folder = '/home/user/Library/Application Support/hermes-svc/ai.hermes.gateway-work'
    const files = await render({service: {...LAUNCHD_SERVICE, profile, name: 'ai.hermes.gateway-work'}})
    expect(files.get(`${folder}/start-gateway.sh`)?.text).toContain(`exec '/usr/bin/hermes' '--profile' 'work' 'gateway' 'run'`)
  })

  it('takes every word of the command as it is', async () => {
    expect(await commandOf({settings: {command: [`/opt/it's`, '$(x)']}})).toBe(
      `exec '/opt/it'\\''s' '$(x)' 'gateway' 'run' '--profile=default'`,
    )
  })
})
