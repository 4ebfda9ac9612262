import type {Scope, Service} from '../../../src/service/service.js'
import {describe, expect, it} from 'vitest'
import type {DefinitionFile} from '../../../src/managers/manager.js'
import {definitionPaths, runtimeFolderOf} from '../../../src/managers/systemd/paths.js'
import {isEdited, isOwn} from '../../../src/managers/systemd/unit-file.js'
import {managerEnvironment} from '../../../src/managers/systemd/bus.js'
import {definition} from '../../../src/managers/systemd/render.js'
import {systemdOf} from '../../../src/managers/systemd/systemctl.js'
import {wantedDirectives} from '../../../src/managers/systemd/directives.js'
import {parseSettings, type ServiceSettings} from '../../../src/service/settings.js'
import {upstreamUnit} from '../../fakes/captures.js'
import {type FakeFile, FakeHost} from '../../fakes/fake-host.js'
import {packageFiles} from '../../fakes/package-files.js'
import {SERVICE, serviceOf, SETTINGS} from '../../fakes/settings.js'

const UNITS = '/home/user/.config/systemd/user'
const SUPPORT = '/home/user/.config/hermes-svc/hermes-gateway'
const UNIT = `${UNITS}/hermes-gateway.service`
const DROP_IN = `${UNIT}.d/10-hermes-svc.conf`

interface Wish {
  readonly scope?: Scope
  readonly service?: Service
  readonly settings?: Partial<ServiceSettings>
  readonly environment?: Record<string, string>
  readonly withUnit?: boolean
  readonly systemdVersion?: number
  readonly files?: Record<string, FakeFile>
}

/** Renders a definition; its files by path. */
async function render(wish: Wish = {}): Promise<Map<string, DefinitionFile>> {
  const {scope = 'user', service = SERVICE, settings = {}, environment = {}, withUnit = true, systemdVersion = 252, files = {}} = wish
  const {account} = service
  const version = {argv: ['systemctl', '--version'], via: 'read', env: managerEnvironment(scope, account), times: Infinity} as const
  const others = withUnit ? {} : {[definitionPaths(scope, service).unit]: {text: '[Service]\nExecStart=/opt/hermes gateway run\n'}}
  const host = new FakeHost({
    files: {...packageFiles(), ...others, ...files},
    commands: [{...version, stdout: `systemd ${systemdVersion} (${systemdVersion})\n`}],
  })
  const all = {...SETTINGS, scope, profile: service.profile.name, home: service.profile.home, ...settings}
  const rendered = await definition(systemdOf(host, scope, account)).render(service, all, new Map(Object.entries(environment)))
  expect(host.changes).toEqual([])
  return new Map(rendered.map((file) => [file.path, file]))
}

/** Settings of a unit file in their order, comments left out: section.NAME=VALUE. */
function lines(text: string | undefined): string[] {
  let section = ''
  const found: string[] = []
  for (const line of (text ?? '').split('\n')) {
    if (/^\[.*]$/.test(line)) section = line.slice(1, -1)
    else if (line !== '' && !line.startsWith('#')) found.push(`${section}.${line}`)
  }
  return found
}

const textOf = async (path: string, wish?: Wish) => (await render(wish)).get(path)?.text ?? ''

describe('the files of a definition', () => {
  it('are the unit, the drop-in, the settings and the helper, readable by everyone', async () => {
    const files = [...(await render()).values()]
    expect(files.map(({path, mode}) => `${path} ${mode.toString(8)}`).sort()).toEqual(
      [`${UNIT} 644`, `${DROP_IN} 644`, `${SUPPORT}/settings.json 644`, `${SUPPORT}/service-helper.sh 755`].sort(),
    )
    expect(files.filter(({secret}) => secret)).toEqual([])
  })

  it('are the same each time, so that a second install changes nothing', async () => {
    expect(await render({environment: {A: '1'}})).toEqual(await render({environment: {A: '1'}}))
  })

  it('lie with the machine in system scope', () => {
    expect(definitionPaths('system', serviceOf('work'))).toMatchObject({
      unit: '/etc/systemd/system/hermes-gateway-work.service',
      dropIn: '/etc/systemd/system/hermes-gateway-work.service.d/10-hermes-svc.conf',
      settings: '/etc/hermes-svc/hermes-gateway-work/settings.json',
    })
  })

  it('hold the settings for later commands', async () => {
    expect(parseSettings(await textOf(`${SUPPORT}/settings.json`))).toEqual(SETTINGS)
  })

  it('say which of them need the gateway to be started anew', async () => {
    const needs = [...(await render({environment: {A: '1'}})).values()].filter(({needsRestart}) => needsRestart)
    expect(needs.map(({path}) => path).sort()).toEqual([UNIT, DROP_IN, `${SUPPORT}/gateway.env`].sort())
  })
})

describe('the values of the environment', () => {
  const SECRET = 'hunter2 "$%\n'

  it('are in one file alone, which only its owner can read and which is never shown', async () => {
    const files = [...(await render({environment: {TOKEN: SECRET}})).values()]
    const holding = files.filter(({text}) => text.includes('hunter2'))
    expect(holding.map(({path, mode, secret}) => ({path, mode, secret}))).toEqual([
      {path: `${SUPPORT}/gateway.env`, mode: 0o600, secret: true},
    ])
    expect(lines(files.find(({path}) => path === DROP_IN)?.text)).toContain(`Service.EnvironmentFile=-${SUPPORT}/gateway.env`)
  })

  it('need no file where there are none', async () => {
    expect(await textOf(DROP_IN)).not.toContain('EnvironmentFile')
  })
})

describe('the unit', () => {
  it('runs the command of the default profile as a user service', async () => {
    const unit = lines(await textOf(UNIT))
    expect(unit).toContain('Service.ExecStart=:"/usr/bin/hermes" "gateway" "run" "--profile=default"')
    expect(unit).toContain('Service.WorkingDirectory=-/home/user/.hermes')
    expect(unit).toContain('Service.Environment="HERMES_HOME=/home/user/.hermes"')
    expect(unit).toContain('Service.Environment="HERMES_SUPERVISED_CHILD=1"')
    expect(unit).toContain('Install.WantedBy=default.target')
    expect(unit.filter((line) => /\.(User|Group)=|"HOME=/.test(line))).toEqual([])
  })

  it('names the profile where it is another one', async () => {
    const unit = lines(await textOf(`${UNITS}/hermes-gateway-work.service`, {service: serviceOf('work')}))
    expect(unit).toContain('Service.ExecStart=:"/usr/bin/hermes" "--profile" "work" "gateway" "run"')
    expect(unit).toContain('Service.Environment="HERMES_HOME=/home/user/.hermes/profiles/work"')
  })

  it("names user, group and home of the service's account in system scope, and waits for its user manager", async () => {
    const unit = lines(await textOf('/etc/systemd/system/hermes-gateway.service', {scope: 'system'}))
    expect(unit).toEqual(expect.arrayContaining(['Service.User=user', 'Service.Group=1000', 'Service.Environment="HOME=/home/user"']))
    expect(unit).toContain('Unit.After=network-online.target user@1000.service')
    expect(unit).toContain('Install.WantedBy=multi-user.target')
  })

  it('starts a program whose path systemd would not take by one that it takes', async () => {
    const unit = lines(await textOf(UNIT, {settings: {command: [`/opt/it's/hermes`, '-m']}}))
    expect(unit).toContain(`Service.ExecStart=:"/usr/bin/nice" "-n" "0" "/opt/it's/hermes" "-m" "gateway" "run" "--profile=default"`)
  })
})

describe('the drop-in', () => {
  it.each([252, 257])('gives each directive that is owned a value that is wanted, on systemd %d', async (systemdVersion) => {
    const settings = {...SETTINGS, drainSec: 0.5, policy: {...SETTINGS.policy, restartDelayMs: 250, capMs: 90_500}}
    const set = new Map(
      lines(await textOf(DROP_IN, {settings, systemdVersion})).map((line) => [
        line.replace(/^\w+\.|=.*$/g, ''),
        line.replace(/^[^=]*=/, ''),
      ]),
    )
    const missing: string[] = []
    for (const {name, accepts} of Object.values(wantedDirectives(settings))) {
      const value = set.get(name)
      if (value === undefined) missing.push(name)
      // systemd prints a bare number of a time as seconds.
      else expect(accepts(/Sec$/.test(name) && /^[1-9]\d*$/.test(value) ? `${value}s` : value), `${name}=${value}`).toBe(true)
    }
    expect(missing).toEqual(systemdVersion < 254 ? ['RestartSteps'] : [])
  })

  it('says what the service may take only where somebody chose it, and goes on after a child that the kernel killed', async () => {
    const taken = (text: string) => lines(text).filter((line) => /\.(Memory|Nice|CPU|OOM)/.test(line))
    expect(taken(await textOf(DROP_IN))).toEqual(['Service.OOMPolicy=continue'])
    const resources = {memoryHigh: '80%', memoryMax: '1.5G', nice: 5, cpuWeight: 50}
    expect(taken(await textOf(DROP_IN, {settings: {resources}}))).toEqual([
      ...['Service.OOMPolicy=continue', 'Service.MemoryHigh=80%', 'Service.MemoryMax=1.5G', 'Service.Nice=5', 'Service.CPUWeight=50'],
    ])
  })

  it('keeps the machine awake only where somebody chose it, beside the gateway and not around it, and starts it anew for that', async () => {
    expect(await textOf(DROP_IN)).not.toContain('ExecStartPost')
    const tools = ['systemd-run', 'systemd-inhibit', 'sleep'].map((tool) => [`/usr/bin/${tool}`, {text: '', mode: 0o755}] as const)
    const wish = {settings: {resources: {keepAwake: true}}, files: Object.fromEntries(tools)} as const
    const [line = ''] = lines(await textOf(DROP_IN, wish)).filter((one) => one.startsWith('Service.ExecStartPost='))
    expect(line).toMatch(/^Service\.ExecStartPost=-:\/bin\/sh -c .* "\/usr\/bin\/systemd-run" "hermes-svc-awake-hermes-gateway" "--user" /)
    expect(line).toContain('"hermes-gateway.service" "/usr/bin/systemd-inhibit" "/usr/bin/sleep"')
    const ofMachine = definitionPaths('system', SERVICE).dropIn
    expect(await textOf(ofMachine, {...wish, scope: 'system'})).toMatch(/^ExecStartPost=-\+:\/bin\/sh /m)
  })

  it("goes before others for the CPU in system scope alone: a user's manager has no right to", () => {
    const refused = (scope: Scope, nice: number) =>
      definition(systemdOf(new FakeHost({files: packageFiles()}), scope, SERVICE.account)).refusedResources?.({nice, memoryMax: '1G'})
    expect(refused('user', -1)).toMatch(/^--nice: .* --scope system$/)
    expect([refused('user', 1), refused('system', -20)]).toEqual([undefined, undefined])
  })

  it('calls the helper by its absolute path, and says there what it goes by', async () => {
    const set = lines(await textOf(DROP_IN, {settings: {policy: {...SETTINGS.policy, firstMs: 250}}}))
    const [helper, places] = [`"${SUPPORT}/service-helper.sh"`, '"home=/home/user/.hermes" "state=%t/hermes-svc-hermes-gateway"']
    expect(set).toContainEqual(
      expect.stringContaining(`${helper} "/usr/bin/sleep" "before-start" ${places} "first-ms=250" "cap-ms=120000"`),
    )
    expect(set).toContain(`Service.ExecStop=-:/bin/sh ${helper} "before-stop" ${places}`)
    expect(set).toContain(
      `Service.ExecStopPost=-:/bin/sh ${helper} "after-exit" ${places} "first-ms=250" "cap-ms=120000" "forget-ms=300000" "planned-ms=30000"`,
    )
  })

  it('remembers failures in a folder that no other service has', async () => {
    expect(runtimeFolderOf('system', serviceOf('work'))).toBe('/run/hermes-svc-hermes-gateway-work')
    expect(lines(await textOf(DROP_IN))).toContain('Service.RuntimeDirectory=hermes-svc-hermes-gateway')
  })

  it('holds a command that was given, since upstream rewrites the unit with one of its own', async () => {
    const settings = {commandIsGiven: true, command: ['/opt/wrap', '--', '/usr/bin/hermes']}
    const files = await render({settings})
    const given = ['Service.ExecStart=', 'Service.ExecStart=:"/opt/wrap" "--" "/usr/bin/hermes" "gateway" "run" "--profile=default"']
    expect(lines(files.get(DROP_IN)?.text).filter((line) => line.startsWith('Service.ExecStart='))).toEqual(given)
    // The unit says so by itself, until somebody rewrites it: then the drop-in is what makes the command another one.
    expect(files.get(DROP_IN)?.needsRestart).toBe(true)
    const [unit, dropIn] = [files.get(UNIT)?.text ?? '', (await textOf(DROP_IN)).replace(/^ExecStart=.*\n/gm, '')]
    expect((await render({settings, files: {[UNIT]: {text: unit}, [DROP_IN]: {text: dropIn}}})).get(DROP_IN)?.needsRestart).toBe(false)
    const rewritten = {[UNIT]: {text: upstreamUnit()}, [DROP_IN]: {text: dropIn}}
    expect((await render({settings, withUnit: false, files: rewritten})).get(DROP_IN)?.needsRestart).toBe(true)
  })

  it("waits for the home's file system in system scope, where systemd knows how to mount it", async () => {
    const dropIn = '/etc/systemd/system/hermes-gateway.service.d/10-hermes-svc.conf'
    const mounts = async (wish: Wish) =>
      lines(await textOf(dropIn, {scope: 'system', ...wish})).filter((line) => line.includes('MountsFor'))
    expect(await mounts({})).toEqual(['Unit.RequiresMountsFor="/home/user/.hermes"'])
    expect(await mounts({withUnit: false})).toEqual(['Unit.RequiresMountsFor="/home/user/.hermes"'])
    expect(await mounts({settings: {home: '/srv/50% "of" it'}})).toEqual([`Unit.RequiresMountsFor='/srv/50%% "of" it'`])
    expect(await mounts({settings: {home: `/srv/"it's"`}})).toEqual([])
    expect(await textOf(DROP_IN)).not.toContain('RequiresMountsFor')
  })

  it('reloads by SIGUSR1, whatever the unit does', async () => {
    const reload = lines(await textOf(DROP_IN)).filter((line) => line.startsWith('Service.ExecReload'))
    expect(reload[0]).toBe('Service.ExecReload=')
    expect(reload[1]).toMatch(/-s USR1/)
  })
})

describe('the definition of a unit that another tool wrote', () => {
  it('leaves the unit and its command alone', async () => {
    const files = await render({withUnit: false, settings: {createdDefinition: false}})
    expect([...files.keys()]).not.toContain(UNIT)
    expect(files.get(DROP_IN)?.text).not.toMatch(/^ExecStart=/m)
    expect(files.get(DROP_IN)?.needsRestart).toBe(false)
  })

  it('replaces the command by one that was given', async () => {
    const dropIn = (await render({withUnit: false, settings: {commandIsGiven: true, command: ['/opt/a b/hermes']}})).get(DROP_IN)
    expect(lines(dropIn?.text).filter((line) => line.startsWith('Service.ExecStart='))).toEqual([
      'Service.ExecStart=',
      'Service.ExecStart=:"/opt/a b/hermes" "gateway" "run" "--profile=default"',
    ])
    expect(dropIn?.needsRestart).toBe(true)
  })
})

describe('the profile that a definition names', () => {
  it('stands in the drop-in too, which upstream does not rewrite', async () => {
    const wanted = 'ExecStart=:"/usr/bin/hermes" "gateway" "run" "--profile=default"'
    const dropIn = await textOf(DROP_IN)
    expect(dropIn.split('\n').filter((line) => line.startsWith('ExecStart='))).toEqual(['ExecStart=', wanted])
    // Upstream has made the unit its own since.
    expect(await textOf(DROP_IN, {withUnit: false})).toContain(`ExecStart=\n${wanted}\n`)
  })

  it('needs a restart only where the command was another one', async () => {
    const text = await textOf(DROP_IN)
    const isRestartNeeded = async (installed: string) => (await render({files: {[DROP_IN]: {text: installed}}})).get(DROP_IN)?.needsRestart
    expect(await isRestartNeeded(text.replace('TimeoutStopSec=', 'TimeoutStopSec=1'))).toBe(false)
    expect(await isRestartNeeded(text.replace(' "--profile=default"', ''))).toBe(true)
    // Set as a process is made; the others are the control group's.
    expect(await isRestartNeeded(text.replace('OOMPolicy=', 'Nice=5\nOOMPolicy='))).toBe(true)
    expect(await isRestartNeeded(text.replace('OOMPolicy=', 'MemoryMax=1G\nCPUWeight=5\nOOMPolicy='))).toBe(false)
  })
})

describe('an edit by hand', () => {
  it('is told from what was written', async () => {
    for (const file of (await render()).values()) {
      if (file.path !== UNIT && file.path !== DROP_IN) continue
      expect(isOwn(file.text)).toBe(true)
      expect(isEdited(file.text)).toBe(false)
      expect(isEdited(file.text.replace('Restart=always', 'Restart=no').replace('Type=simple', 'Type=notify'))).toBe(true)
      expect(isEdited(`${file.text}# mine\n`)).toBe(true)
    }
  })

  it('is told also if it repeats the line with the checksum', async () => {
    const text = await textOf(UNIT)
    const checksum = text.split('\n')[1] ?? ''
    expect(checksum).toContain('Checksum')
    expect(isEdited(`${text}${checksum}\n`)).toBe(true)
    expect(isEdited(text.replace(`${checksum}\n`, ''))).toBe(true)
    // Another version has other words there.
    expect(isEdited(text.replace(/^(# Checksum: \S+) .*$/m, '$1 (other words)'))).toBe(false)
  })

  it('makes nothing ours that another tool wrote', () => {
    expect(isOwn(upstreamUnit())).toBe(false)
    expect(isEdited(upstreamUnit())).toBe(false)
  })

  it('is marked on the file that would replace it', async () => {
    const unit = `${await textOf(UNIT)}# mine\n`
    const files = await render({files: {[UNIT]: {text: unit}}})
    expect([...files.values()].filter(({edited}) => edited).map(({path}) => path)).toEqual([UNIT])
  })
})
