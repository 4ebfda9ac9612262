import type {Service} from '../../../src/service/service.js'
import {describe, expect, it} from 'vitest'
import {ServiceError} from '../../../src/errors.js'
import type {Account} from '../../../src/host/host.js'
import type {ManagerObservation} from '../../../src/managers/manager.js'
import {managerEnvironment} from '../../../src/managers/systemd/bus.js'
import {ownedDirectives} from '../../../src/managers/systemd/directives.js'
import {systemdManager} from '../../fakes/managers.js'
import {performSteps} from '../../../src/plan/perform.js'
import type {Step} from '../../../src/plan/plan.js'
import {formatSettings} from '../../../src/service/settings.js'
import {CAPTURED_HOME, capturedShow, upstreamUnit} from '../../fakes/captures.js'
import {type FakeCommand, type FakeFile, FakeHost, type FakeMachine, USER} from '../../fakes/fake-host.js'
import {packageFiles} from '../../fakes/package-files.js'
import {runPlan} from '../../fakes/run-plan.js'
import {SERVICE, serviceOf, SETTINGS} from '../../fakes/settings.js'
import {showCommand} from '../../fakes/systemctl.js'

const ROOT: Account = {uid: 0, gid: 0, name: 'root', home: '/root'}
const BUS: Record<string, FakeFile> = {'/run/user/1000/bus': {kind: 'socket', uid: 1000, gid: 1000}}
const UNITS = '/home/user/.config/systemd/user'
const UNIT = `${UNITS}/hermes-gateway.service`
const DROP_IN = `${UNIT}.d/10-hermes-svc.conf`
const SUPPORT = '/home/user/.config/hermes-svc/hermes-gateway'
const FAILURES = '/run/user/1000/hermes-svc-hermes-gateway/failures'

function thrown(work: () => unknown): ServiceError {
  try {
    work()
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
  throw new Error('it did not throw')
}

/** What the user manager gives its services is asked once at most, for units that name no home. */
const environment = (stdout = ''): FakeCommand => ({
  argv: ['systemctl', '--user', 'show-environment'],
  via: 'read',
  env: managerEnvironment('user', USER),
  stdout,
  times: Infinity,
})

/** What a user manager says of services, seen on a machine with those files. */
function observe(
  shown: readonly Record<string, string>[],
  files: Record<string, FakeFile | string> = {},
  services: readonly Service[] = [SERVICE],
): ManagerObservation[] {
  const host = new FakeHost({files: {...BUS, ...files}, commands: [showCommand('user', USER, services, shown), environment()]})
  const seen = systemdManager(host, 'user', USER).observer.observe(services)
  host.assertAllUsed()
  expect(host.changes).toEqual([])
  return seen
}

const observeOne = (shown: Record<string, string>, files: Record<string, FakeFile | string> = {}) =>
  observe([shown], files)[0] as ManagerObservation

it('a unit that names no home, and does not run, has the home that the manager itself sets', () => {
  const home = (shown: Record<string, string>) => {
    const commands = [showCommand('user', USER, [SERVICE], [shown]), environment('LANG=C\nHERMES_HOME=/home/user/agent\n')]
    return systemdManager(new FakeHost({files: BUS, commands}), 'user', USER).observer.observe([SERVICE])[0]?.home
  }
  expect(home({LoadState: 'loaded'})).toBe('/home/user/agent')
  expect(home({LoadState: 'loaded', Environment: 'HERMES_HOME=/home/user/.hermes'})).toBe('/home/user/.hermes')
  expect(home({LoadState: 'not-found'})).toBeUndefined()
})

describe('observing real situations', () => {
  const hermes: Account = {uid: 1001, gid: 1001, name: 'hermes', home: '/home/hermes'}
  const service: Service = {
    profile: {name: 'default', home: CAPTURED_HOME, root: CAPTURED_HOME},
    name: 'hermes-gateway.service',
    account: hermes,
  }

  function observeCapture(situation: string): ManagerObservation {
    const shown = capturedShow(situation)
    const files = {'/run/user/1001/bus': {kind: 'socket'} as const, [shown.FragmentPath ?? '/x']: upstreamUnit()}
    const host = new FakeHost({account: hermes, files, commands: [showCommand('user', hermes, [service], [shown])]})
    return systemdManager(host, 'user', hermes).observer.observe([service])[0] as ManagerObservation
  }

  it.each<[string, Partial<ManagerObservation>]>([
    ['running', {activity: 'running', mainPid: 468, startedAtMs: 2_219_588.28, lastExit: undefined, restarts: 0}],
    ['frozen-sigstop', {activity: 'running', mainPid: 468, lastExit: undefined}],
    ['after-sigusr1-planned-restart', {activity: 'running', mainPid: 509, restarts: 0}],
    ['after-sigusr1-restarted', {activity: 'running', mainPid: 509, restarts: 0}],
    ['after-sigkill-autorestart-pending', {activity: 'waiting', mainPid: undefined, restarts: 0, lastExit: {how: 'killed', status: 9}}],
    ['after-sigkill-restarted', {activity: 'running', mainPid: 546, restarts: 1}],
    ['after-systemctl-stop', {activity: 'failed', mainPid: undefined, lastExit: {how: 'exited', status: 1}}],
    ['after-hermes-gateway-stop', {activity: 'stopped', mainPid: undefined, lastExit: {how: 'exited', status: 0}}],
  ])('%s', (situation, expected) => {
    expect(observeCapture(situation)).toMatchObject({
      ...expected,
      installed: 'foreign',
      broken: undefined,
      enabled: true,
      home: CAPTURED_HOME,
      accountName: undefined,
      definitionPaths: ['/home/hermes/.config/systemd/user/hermes-gateway.service'],
      needsReload: false,
    })
  })
})

describe('observe', () => {
  it('asks once for any number of services, and keeps their order', () => {
    const services = [serviceOf('b'), SERVICE, serviceOf('a')]
    const seen = observe([{MainPID: '3'}, {MainPID: '1'}, {MainPID: '2'}], {}, services)
    expect(seen.map(({service, mainPid}) => [service.name, mainPid])).toEqual([
      ['hermes-gateway-b.service', 3],
      ['hermes-gateway.service', 1],
      ['hermes-gateway-a.service', 2],
    ])
  })

  it.each([
    ['nothing at all', '', 'answered for 0 units instead of 1'],
    ['words', 'lorem ipsum\n', 'says no LoadState of hermes-gateway.service'],
    ['another property', 'lorem=ipsum\n', 'says no LoadState of'],
    ['half an answer', 'Id=hermes-gateway.service\nLoadState=loaded\n', 'says no ActiveState of'],
    ['a word of its own', 'LoadState=loaded\nActiveState=lorem\n', 'says ActiveState="lorem" of'],
    ['a number that is none', 'LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=\nMainPID=x\n', 'says MainPID="x" of'],
    ['two units', 'LoadState=loaded\n\nLoadState=loaded\n', 'answered for 2 units instead of 1'],
  ])('cannot tell from %s, though systemctl ends with 0: what is missing is not "no"', (_name, stdout, message) => {
    const host = new FakeHost({files: BUS, commands: [{...showCommand('user', USER, [SERVICE], [{}]), stdout}]})
    expect(thrown(() => systemdManager(host, 'user', USER).observer.observe([SERVICE]))).toMatchObject({
      code: 'manager-not-understood',
      exitStatus: 4,
      message: expect.stringContaining(message) as string,
    })
  })

  it('does not ask for nothing', () => {
    expect(systemdManager(new FakeHost(), 'user', USER).observer.observe([])).toEqual([])
  })

  it("asks another user's manager as that user", () => {
    const command = {...showCommand('user', USER, [SERVICE], [{}]), as: 'user'}
    const host = new FakeHost({account: ROOT, accounts: [USER], files: BUS, commands: [command]})
    expect(systemdManager(host, 'user', USER).observer.observe([SERVICE])).toHaveLength(1)
  })

  it("asks the machine's manager without ever asking for a password", () => {
    const host = new FakeHost({commands: [showCommand('system', USER, [SERVICE], [{}])]})
    expect(systemdManager(host, 'system', USER).observer.observe([SERVICE])).toHaveLength(1)
  })

  it('cannot tell without a user manager, and names what starts it', () => {
    const host = new FakeHost({files: {[UNIT]: ''}})
    expect(thrown(() => systemdManager(host, 'user', USER).observer.observe([SERVICE]))).toMatchObject({
      code: 'no-user-manager',
      exitStatus: 4,
    })
  })

  it('knows that what is not on disk does not run, without a user manager too', () => {
    expect(systemdManager(new FakeHost(), 'user', USER).observer.observe([SERVICE])).toMatchObject([{installed: 'no', activity: 'stopped'}])
  })

  it.each<[string, Partial<FakeCommand>]>([
    ['fails', {code: 1, stderr: 'Failed to connect to bus'}],
    ['hangs', {failure: 'TIMEOUT'}],
    ['answers for too few units', {stdout: 'Id=a\n'}],
    ['answers for too many units', {stdout: 'Id=a\n\nId=b\n\nId=c\n'}],
  ])('cannot tell where systemctl %s', (_, answer) => {
    const services = [SERVICE, serviceOf('a')]
    const host = new FakeHost({files: BUS, commands: [{...showCommand('user', USER, services, []), ...answer}]})
    expect(thrown(() => systemdManager(host, 'user', USER).observer.observe(services)).exitStatus).toBe(4)
  })

  it.each([
    ['active', 'running', '0', 'running'],
    ['reloading', 'reload', '0', 'running'],
    ['refreshing', 'refresh', '0', 'running'],
    ['activating', 'start-pre', '0', 'starting'],
    ['activating', 'start', '3', 'starting'],
    ['activating', 'start-pre', '1', 'waiting'],
    ['activating', 'auto-restart', '0', 'waiting'],
    ['activating', 'auto-restart-queued', '4', 'waiting'],
    ['deactivating', 'stop-sigterm', '0', 'stopping'],
    ['deactivating', 'stop-post', '0', 'stopping'],
    ['failed', 'failed', '0', 'failed'],
    ['inactive', 'dead', '0', 'stopped'],
    ['maintenance', 'cleaning', '0', 'stopped'],
  ])('takes %s (%s, restarts: %s) for %s', (ActiveState, SubState, NRestarts, activity) => {
    expect(observeOne({LoadState: 'loaded', ActiveState, SubState, NRestarts}).activity).toBe(activity)
  })

  it('takes a failed service that is being restarted for one that starts', () => {
    expect(observeOne({LoadState: 'loaded', ActiveState: 'failed', SubState: 'failed', Job: '712'}).activity).toBe('starting')
  })

  it('takes a service that runs, and that systemd is about to restart or stop, for one on its way', () => {
    expect(observeOne({LoadState: 'loaded', ActiveState: 'active', SubState: 'running', Job: '4711'}).activity).toBe('starting')
  })

  it.each([
    ['enabled', true],
    ['enabled-runtime', false],
    ['disabled', false],
    ['linked', false],
    ['masked', false],
    ['static', false],
    ['indirect', false],
    ['generated', undefined],
    ['', undefined],
  ])('takes a unit file that is %j for started at boot: %s', (UnitFileState, enabled) => {
    expect(observeOne({UnitFileState}).enabled).toBe(enabled)
  })

  it.each([
    ['1', '75', {how: 'exited', status: 75}],
    ['2', '9', {how: 'killed', status: 9}],
    ['3', '11', {how: 'dumped', status: 11}],
    ['0', '0', undefined],
  ])('reads how the process ended: %s, %s', (ExecMainCode, ExecMainStatus, lastExit) => {
    expect(observeOne({ExecMainCode, ExecMainStatus}).lastExit).toEqual(lastExit)
  })

  it('tells whose definition it is', () => {
    const loaded = {LoadState: 'loaded', FragmentPath: UNIT}
    expect(observeOne({LoadState: 'not-found'}).installed).toBe('no')
    expect(observeOne({LoadState: 'loaded', FragmentPath: ''}).installed).toBe('no')
    expect(observeOne(loaded, {[UNIT]: '# Written by hermes-svc.\n'}).installed).toBe('own')
    expect(observeOne(loaded, {[UNIT]: upstreamUnit()}).installed).toBe('foreign')
    expect(observeOne(loaded, {[UNIT]: upstreamUnit(), [DROP_IN]: ''}).installed).toBe('adopted')
    // Who created it: upstream's gateways rewrite whatever unit is there at each start.
    const created = {[`${SUPPORT}/settings.json`]: formatSettings({...SETTINGS, createdDefinition: true})}
    const rewritten = observeOne(loaded, {...created, [UNIT]: upstreamUnit(), [DROP_IN]: ''})
    expect(rewritten).toMatchObject({installed: 'own', isRewritten: true})
    expect(observeOne(loaded, {...created, [UNIT]: upstreamUnit()})).toMatchObject({installed: 'foreign'})
    expect(observeOne(loaded, {...created, [UNIT]: '# Written by hermes-svc.\n', [DROP_IN]: ''})).not.toHaveProperty('isRewritten')
  })

  it.each(['masked', 'bad-setting', 'error'])('says that a unit is unusable: %s', (LoadState) => {
    expect(observeOne({LoadState}).broken).toBe(LoadState)
  })

  it('says nothing of the sort of a unit that is loaded, or not there', () => {
    for (const LoadState of ['loaded', 'not-found']) expect(observeOne({LoadState}).broken).toBeUndefined()
  })

  it('reads home, account, files and control group', () => {
    const shown = {
      LoadState: 'loaded',
      FragmentPath: UNIT,
      DropInPaths: `${DROP_IN} "/home/user/a b.conf"`,
      Environment: 'PATH=/bin "HERMES_HOME=/home/user/my \\"home\\""',
      User: 'ann',
      ControlGroup: '/a.slice/b.service',
      NeedDaemonReload: 'yes',
      StateChangeTimestampMonotonic: '2000000',
    }
    expect(observeOne(shown)).toMatchObject({
      environment: ['PATH=/bin', 'HERMES_HOME=/home/user/my "home"'],
      changedAtMs: 2000,
      home: '/home/user/my "home"',
      accountName: 'ann',
      definitionPaths: [UNIT, DROP_IN, '/home/user/a b.conf'],
      controlGroup: '/a.slice/b.service',
      needsReload: true,
    })
  })

  const NOON = 'Thu 2026-01-01 12:00:00 UTC'
  const atNoon = {monotonicMs: 5000, wallMs: Date.UTC(2026, 0, 1, 12)}
  it.each([
    ['one that has ended', {start: ['Thu 2026-01-01 11:59:59 UTC', '4000000'], exit: [NOON, '5000000']}, atNoon],
    ['one that runs, by its start', {start: [NOON, '5000000'], exit: ['', '0']}, atNoon],
    ['none since the boot', {start: ['', '0'], exit: ['', '0']}, undefined],
  ])('reads when the account was last ticked: %s', (_, {start, exit}, expected) => {
    const properties = ['ExecMainExitTimestamp', 'ExecMainStartTimestamp'].flatMap((name) => [name, `${name}Monotonic`])
    const argv = ['systemctl', '--user', 'show', `--property=${properties.join(',')}`, '--']
    const stdout = properties.map((name, index) => `${name}=${[...exit, ...start][index]}\n`).join('')
    const env = {...managerEnvironment('user', USER), TZ: 'UTC'}
    const command: FakeCommand = {argv: [...argv, 'hermes-svc-heartbeat.service'], via: 'read', env, stdout}
    const host = new FakeHost({files: BUS, commands: [command]})
    expect(systemdManager(host, 'user', USER).tick.last(SERVICE)).toEqual(expected)
  })

  it.each([
    ['3\n', 3],
    ['0\n', 0],
    ['', 0],
    ['x', 0],
    ['-1', 0],
  ])('reads the failures in a row that the helpers have counted: %j', (text, failures) => {
    expect(observeOne({}, {[FAILURES]: text}).failuresInARow).toBe(failures)
  })

  it('reads the settings that an install recorded, and does without damaged ones', () => {
    expect(observeOne({}, {[`${SUPPORT}/settings.json`]: formatSettings(SETTINGS)}).settings).toEqual(SETTINGS)
    expect(observeOne({}, {[`${SUPPORT}/settings.json`]: '{'}).settings).toBeUndefined()
    expect(observeOne({}).settings).toBeUndefined()
  })
})

describe('defaultAccount', () => {
  const ann: Account = {uid: 1001, gid: 1001, name: 'ann', home: '/home/ann'}
  const account = (unit: string | undefined, profile = 'default') => {
    const files =
      unit === undefined ? {} : {[`/etc/systemd/system/hermes-gateway${profile === 'default' ? '' : `-${profile}`}.service`]: unit}
    return systemdManager(new FakeHost({files, accounts: [ann]}), 'system', USER).placement.defaultAccount(profile)
  }

  it("is the user manager's own", () => {
    expect(systemdManager(new FakeHost(), 'user', USER).placement.defaultAccount('default')).toEqual(USER)
  })

  it('is the one that the installed unit names', () => {
    expect(account('[Service]\nUser=ann\n')).toEqual(ann)
    expect(account('[Service]\n User = user\nUser= ann \n', 'work')).toEqual(ann)
    expect(account('[Service]\nUser=1001\n')).toEqual(ann)
  })

  it('is root for a unit that names none', () => {
    expect(account('[Service]\nExecStart=/bin/true\n')).toMatchObject({uid: 0})
  })

  it('is unknown without a unit, or for an account that is gone', () => {
    expect(account(undefined)).toBeUndefined()
    expect(account('[Service]\nUser=gone\n')).toBeUndefined()
  })
})

describe('serviceFor', () => {
  it('has the names that upstream gives', () => {
    const manager = systemdManager(new FakeHost(), 'user', USER)
    const name = (home: string, profile: string, root: string) => manager.placement.serviceFor({name: profile, home, root}, USER).name
    expect(name('/home/user/.hermes', 'default', '/home/user/.hermes')).toBe('hermes-gateway.service')
    expect(name('/home/user/.hermes/profiles/work', 'work', '/home/user/.hermes')).toBe('hermes-gateway-work.service')
    expect(name('/opt/data', 'default', '/opt/data')).toBe('hermes-gateway-b7dd404e.service')
  })

  describe('where there is no unit of that name', () => {
    const UNITS = '/home/user/.config/systemd/user'
    const unit = (home: string) => `[Service]\nExecStart=/usr/bin/hermes gateway run\nEnvironment=HERMES_HOME=${home}\n`
    const ours = unit('/home/user/.hermes')
    const wants = (name: string) => ({[`${UNITS}/default.target.wants/${name}`]: {link: `../${name}`}})
    const name = (files: NonNullable<ConstructorParameters<typeof FakeHost>[0]>['files']) =>
      systemdManager(new FakeHost({files: {...files}}), 'user', USER).placement.serviceFor(SERVICE.profile, USER).name

    it.each<[string, Parameters<typeof name>[0], string]>([
      ['one of another name runs the home', {[`${UNITS}/my-bot.service`]: ours}, 'my-bot.service'],
      [
        'one of several that do is started at boot',
        {[`${UNITS}/a.service`]: ours, [`${UNITS}/b.service`]: ours, ...wants('b.service')},
        'b.service',
      ],
      ['none of several is', {[`${UNITS}/a.service`]: ours, [`${UNITS}/b.service`]: ours}, 'hermes-gateway.service'],
      ['others run other homes', {[`${UNITS}/my-bot.service`]: unit('/srv/other')}, 'hermes-gateway.service'],
      ['one is a legacy of upstream, which migrates it away', {[`${UNITS}/hermes.service`]: ours}, 'hermes-gateway.service'],
      ['one is in a folder of packages', {'/usr/lib/systemd/user/hermes-x.service': ours}, 'hermes-gateway.service'],
      ['one is an instance of a template', {[`${UNITS}/h@.service`]: ours, ...wants('h@x.service')}, 'hermes-gateway.service'],
      [
        'an install of ours was there, and its unit is gone',
        {[`${UNITS}/my-bot.service`]: ours, '/home/user/.config/hermes-svc/hermes-gateway/settings.json': '{}'},
        'hermes-gateway.service',
      ],
      ['there is one', {[`${UNITS}/my-bot.service`]: ours, [`${UNITS}/hermes-gateway.service`]: unit('/x')}, 'hermes-gateway.service'],
    ])('%s', (_, files, expected) => {
      expect(name(files)).toBe(expected)
    })
  })
})

describe('render', () => {
  const version: FakeCommand = {argv: ['systemctl', '--version'], stdout: 'systemd 257 (257.1-1)\n+PAM\n'}
  const paths = async (files: Record<string, string>, createdDefinition: boolean) => {
    const host = new FakeHost({files: {...packageFiles(), ...files}, commands: [version]})
    return (await systemdManager(host, 'user', USER).definition.render(SERVICE, {...SETTINGS, createdDefinition}, new Map())).map(
      ({path}) => path,
    )
  }

  it("writes the unit where there is none, and over our own, but never over another tool's", async () => {
    expect(await paths({}, true)).toContain(UNIT)
    expect(await paths({[UNIT]: '# Written by hermes-svc.\n'}, true)).toContain(UNIT)
    expect(await paths({[UNIT]: upstreamUnit()}, true)).not.toContain(UNIT)
  })

  it("writes no unit that would hide another tool's in another folder", async () => {
    expect(await paths({}, false)).not.toContain(UNIT)
    expect(await paths({}, false)).toContain(DROP_IN)
  })

  it('asks systemd for its version', async () => {
    const host = new FakeHost({files: packageFiles(), commands: [version]})
    const files = await systemdManager(host, 'user', USER).definition.render(SERVICE, SETTINGS, new Map())
    expect(files.find(({path}) => path === DROP_IN)?.text).toContain('\nRestartSteps=0\n')
  })
})

describe('readEnvironment', () => {
  const read = (file?: FakeFile) =>
    systemdManager(new FakeHost({files: file ? {[`${SUPPORT}/gateway.env`]: file} : {}}), 'user', USER).definition.readEnvironment(SERVICE)

  it('gives the values that an install wrote', () => {
    expect([...read({text: '# x\nA="1 \\"2\\""\n'})]).toEqual([['A', '1 "2"']])
    expect([...read()]).toEqual([])
  })

  it('cannot tell where they may not be read, instead of losing them', () => {
    expect(thrown(() => read({text: 'A="1"\n', mode: 0o600, uid: 0}))).toMatchObject({code: 'no-access', exitStatus: 4})
  })
})

describe('drift', () => {
  const own: Record<string, string> = Object.fromEntries(ownedDirectives().map((name) => [name, '']))
  const good = {
    ...own,
    ...{
      StartLimitIntervalUSec: '10s',
      StartLimitBurst: '200',
      Restart: 'always',
      RestartUSec: '1s',
      RestartForceExitStatus: '75',
      SuccessExitStatus: '75',
    },
    ...{RestartPreventExitStatus: '78', RestartSteps: '0', KillMode: 'mixed', TimeoutStartUSec: '3min', TimeoutStopUSec: '1min 10s'},
    ...{
      RuntimeDirectoryPreserve: 'restart',
      OOMPolicy: 'continue',
      LoadState: 'loaded',
      FragmentPath: UNIT,
      DropInPaths: `${DROP_IN} /home/user/z.conf`,
    },
  }
  const drift = (changed: Record<string, string>, files: Record<string, string> = {}, settings = SETTINGS) => {
    const {RestartSteps, ...older} = {...good, ...changed}
    const host = new FakeHost({
      files: {...BUS, ...files},
      commands: [showCommand('user', USER, [SERVICE], [RestartSteps === 'none' ? older : {...older, RestartSteps}]), environment()],
    })
    const manager = systemdManager(host, 'user', USER)
    return manager.definition.drift(manager.observer.observe([SERVICE])[0] as ManagerObservation, settings)
  }

  it('finds nothing where the merged unit is as wanted', () => {
    expect(drift({})).toEqual([])
  })

  it('names the last file that sets a directive to something else', () => {
    const files = {[UNIT]: 'RestartSec=1\n', [DROP_IN]: 'RestartSec=1s\n', '/home/user/z.conf': '# mine\nRestartSec=9\n'}
    expect(drift({RestartUSec: '9s'}, files)).toEqual([{directive: 'RestartSec', wanted: '1s', merged: '9s', setBy: '/home/user/z.conf'}])
  })

  it('finds a directive that was taken away, set by nobody', () => {
    expect(drift({SuccessExitStatus: ''})).toEqual([{directive: 'SuccessExitStatus', wanted: '75', merged: '', setBy: undefined}])
  })

  it('finds a command that was given and is not run any more, since upstream has rewritten the unit', () => {
    const given = {...SETTINGS, commandIsGiven: true, command: ['/opt/wrap', '--', '/usr/bin/hermes']}
    const files = {[UNIT]: 'ExecStart=/usr/bin/python3 -m hermes_cli.main gateway run\n', [DROP_IN]: 'Restart=always\n'}
    const wanted = '/opt/wrap -- /usr/bin/hermes gateway run --profile=default'
    const merged = '/usr/bin/python3 -m hermes_cli.main gateway run'
    expect(drift({}, files, given)).toEqual([{directive: 'ExecStart', wanted, merged, setBy: UNIT}])
    expect(drift({}, files)).toMatchObject([{directive: 'ExecStart'}])
    expect(drift({}, files, {...SETTINGS, createdDefinition: false})).toEqual([])
    const own = `ExecStart=\nExecStart=:"/opt/wrap" "--" "/usr/bin/hermes" "gateway" "run" "--profile=default"\n`
    expect(drift({}, {...files, [DROP_IN]: own}, given)).toEqual([])
    expect(drift({}, {...files, [DROP_IN]: own, '/home/user/z.conf': 'ExecStart=\nExecStart=/mine gateway run\n'}, given)).toMatchObject([
      {directive: 'ExecStart', setBy: '/home/user/z.conf'},
    ])
  })

  it('does not miss what this systemd does not know', () => {
    expect(drift({RestartSteps: 'none'})).toEqual([])
  })
})

describe('steps that change something', () => {
  const argvOf = (steps: readonly Step[]) =>
    steps.map((step) => (step.kind === 'run' ? step.argv.join(' ') : `${step.kind} ${'path' in step ? step.path : ''}`))

  it("go to the user's own manager with the user's ids and session", () => {
    const manager = systemdManager(new FakeHost(), 'user', USER)
    for (const step of [
      ...manager.installer.reload(),
      ...manager.control.enable(SERVICE),
      ...manager.control.disable(SERVICE),
      ...manager.control.stop(SERVICE),
    ]) {
      expect(step).toMatchObject({as: USER, env: managerEnvironment('user', USER)})
      expect('argv' in step && step.argv.slice(0, 2)).toEqual(['systemctl', '--user'])
    }
  })

  it("go to the machine's manager with our own, without asking for a password", () => {
    const manager = systemdManager(new FakeHost({account: ROOT}), 'system', ROOT)
    for (const step of [...manager.installer.reload(), ...manager.control.enable(SERVICE)]) {
      expect(step.as).toBeUndefined()
      expect(step.argv.slice(0, 2)).toEqual(['systemctl', '--no-ask-password'])
    }
  })

  it.each(['start', 'restart'] as const)('reset the count of failures before a %s, and do not wait for it', (verb) => {
    const steps = systemdManager(new FakeHost(), 'user', USER).control[verb](SERVICE)
    expect(argvOf(steps)).toEqual([
      'systemctl --user reset-failed hermes-gateway.service',
      `remove-file ${FAILURES}`,
      `systemctl --user ${verb} --no-block hermes-gateway.service`,
    ])
    expect(steps[1]).toMatchObject({as: USER})
  })

  it('end a start that failed by force, and wait until the gateway has ended', () => {
    const steps = argvOf(systemdManager(new FakeHost(), 'user', USER).control.abort(SERVICE))
    expect(steps.slice(0, 3)).toEqual([
      'systemctl --user stop --no-block hermes-gateway.service',
      'systemctl --user kill --signal=SIGKILL hermes-gateway.service',
      'systemctl --user stop hermes-gateway.service',
    ])
  })
})

describe('prerequisites', () => {
  const LINGER = '/var/lib/systemd/linger/user'
  const enable = (more: Partial<FakeCommand> = {}): FakeCommand => ({
    argv: ['loginctl', '--no-ask-password', 'enable-linger', 'user'],
    via: 'run',
    ...more,
  })
  const perform = async (machine: FakeMachine, linger = true, prepare: (host: FakeHost) => void = () => undefined) => {
    const host = new FakeHost(machine)
    prepare(host)
    const steps = systemdManager(host, 'user', USER).installer.prerequisites(SERVICE, {...SETTINGS, linger})
    await performSteps(host, steps, () => undefined)
    host.assertAllUsed()
    return steps
  }

  it('are none where lingering is on and the user manager runs', async () => {
    expect(await perform({files: {...BUS, [LINGER]: ''}})).toEqual([])
  })

  it('are none where lingering is not wanted', async () => {
    expect(await perform({files: BUS}, false)).toEqual([])
  })

  it('turn lingering on, to be taken back if a later step fails', async () => {
    const steps = await perform({files: BUS, commands: [enable({effect: (host) => host.put(LINGER, '')})]})
    expect(steps.map(({kind}) => kind)).toEqual(['on-undo', 'act'])
  })

  it.each<[string, Record<string, string>, string[]]>([
    ['nobody else needs it', {}, ['enable-linger', 'disable-linger']],
    [
      'another service of the account has been installed since: it is left to that one',
      {
        '/home/user/.config/systemd/user/hermes-gateway-work.service': '',
        '/home/user/.config/hermes-svc/hermes-gateway-work/settings.json': formatSettings({...SETTINGS, profile: 'work'}),
      },
      ['enable-linger'],
    ],
  ])('take lingering back if a later step fails and %s', async (_, files, verbs) => {
    const off: FakeCommand = {
      argv: ['loginctl', '--no-ask-password', 'disable-linger', 'user'],
      via: 'run',
      times: Infinity,
      effect: (host) => host.drop(LINGER),
    }
    const host = new FakeHost({files: {...BUS, [`${UNIT}`]: ''}, commands: [enable({effect: (machine) => machine.put(LINGER, '')}), off]})
    const steps = systemdManager(host, 'user', USER).installer.prerequisites(SERVICE, SETTINGS)
    const fail: Step = {
      kind: 'act',
      why: 'fail',
      act: () => {
        for (const [file, text] of Object.entries(files)) host.put(file, text)
        return Promise.reject(new ServiceError('no', {code: 'no', exitStatus: 1}))
      },
    }
    await expect(runPlan(host, {title: 't', steps: [...steps, fail], outcome: 'o'})).rejects.toMatchObject({leftovers: []})
    expect(host.changes.flatMap((change) => (change.kind === 'run' ? [change.argv[2]] : []))).toEqual(verbs)
    const heir = host.texts()['/home/user/.config/hermes-svc/hermes-gateway-work/settings.json']
    if (heir !== undefined) expect(JSON.parse(heir)).toMatchObject({turnedLingerOn: true})
  })

  it('fail with the command to type where lingering may not be turned on', async () => {
    const refused = perform({files: BUS, commands: [enable({code: 1, stderr: 'Could not enable linger: Access denied\n'})]})
    await expect(refused).rejects.toMatchObject({
      code: 'linger-refused',
      message: expect.stringContaining('Access denied') as string,
      next: expect.arrayContaining(['sudo loginctl enable-linger user']) as string[],
    })
  })

  it('do not believe in lingering that is not recorded', async () => {
    await expect(perform({files: BUS, commands: [enable()]})).rejects.toMatchObject({code: 'linger-refused'})
  })

  it('wait until the user manager answers', async () => {
    const host = new FakeHost({files: {[LINGER]: ''}})
    host.after(3000, (machine) => machine.put('/run/user/1000/systemd/private', {kind: 'socket', uid: 1000}))
    await performSteps(host, systemdManager(host, 'user', USER).installer.prerequisites(SERVICE, SETTINGS), () => undefined)
    expect(host.stat('/run/user/1000/systemd/private')?.kind).toBe('socket')
  })

  it('give up on a user manager that does not come', async () => {
    await expect(perform({files: {[LINGER]: ''}})).rejects.toMatchObject({code: 'no-user-manager', exitStatus: 4})
  })
})

describe('what an uninstall takes away', () => {
  const steps = (files: Record<string, string>, observation: Partial<ManagerObservation> = {}) => {
    const host = new FakeHost({files: {...BUS, ...files}})
    const manager = systemdManager(host, 'user', USER)
    return manager.installer
      .removeSteps({...manager.observer.notInstalled(SERVICE), installed: 'own', ...observation})
      .map((step) => `${step.kind} ${'path' in step ? step.path : ''}`)
  }
  const installed = {[UNIT]: '', [DROP_IN]: '', [`${SUPPORT}/settings.json`]: '', [`${SUPPORT}/service-helper.sh`]: '', [FAILURES]: ''}

  it('is every file that is there of ours, then their folders if they are empty', () => {
    const found = steps(installed)
    expect(found).toEqual(
      expect.arrayContaining(
        [UNIT, DROP_IN, `${SUPPORT}/settings.json`, `${SUPPORT}/service-helper.sh`].map((file) => `remove-file ${file}`),
      ),
    )
    expect(found).toEqual(
      expect.arrayContaining([`${UNIT}.d`, SUPPORT, '/home/user/.config/hermes-svc', UNITS].map((folder) => `remove-folder ${folder}`)),
    )
    // What is noted there until then, too: it has no names.
    expect(found).toContain(`empty-folder ${FAILURES.slice(0, -'/failures'.length)}`)
    const lastFile = found.findLastIndex((step) => step.startsWith('remove-file'))
    expect(found.findIndex((step) => step.startsWith('remove-folder'))).toBeGreaterThan(lastFile)
  })

  it("leaves another tool's unit, and a user's own drop-in", () => {
    const found = steps({...installed, [`${UNIT}.d/20-mine.conf`]: ''}, {installed: 'adopted'})
    expect(found).not.toContain(`remove-file ${UNIT}`)
    expect(found).not.toContain(`remove-file ${UNIT}.d/20-mine.conf`)
    expect(found).toContain(`remove-file ${DROP_IN}`)
  })

  it('takes the unit away that we created, whoever has rewritten it', () => {
    expect(steps(installed, {installed: 'own', isRewritten: true})).toContain(`remove-file ${UNIT}`)
  })

  it('takes away what a kill -9 left of a half-written unit', () => {
    expect(steps({[`${UNITS}/.hermes-gateway.service.hermes-svc-tmp`]: ''})).toContain(
      `remove-file ${UNITS}/.hermes-gateway.service.hermes-svc-tmp`,
    )
  })

  it('is nothing where nothing is', () => {
    expect(steps({})).toEqual([])
  })

  it('ends lingering that an install turned on, once the last service is gone', () => {
    const after = (turnedLingerOn: boolean, files: Record<string, string>) => {
      const manager = systemdManager(new FakeHost({files}), 'user', USER)
      const steps = manager.installer.afterUninstall({...manager.observer.notInstalled(SERVICE), settings: {...SETTINGS, turnedLingerOn}})
      return steps.filter(({kind}) => kind !== 'on-undo').length
    }
    const lingering = {'/var/lib/systemd/linger/user': '', [UNIT]: ''}
    expect(after(true, lingering)).toBe(1)
    expect(after(false, lingering)).toBe(0)
    expect(after(true, {[UNIT]: ''})).toBe(0)
    expect(after(true, {...lingering, [`${UNITS}/hermes-gateway-work.service`]: ''})).toBe(0)
  })

  describe('of a service whose install turned lingering on, while others of the account remain,', () => {
    const linger = '/var/lib/systemd/linger/user'
    const OTHER = `${UNITS}/hermes-gateway-work.service`
    const OTHER_SETTINGS = '/home/user/.config/hermes-svc/hermes-gateway-work/settings.json'
    const SYSTEM_OTHER = '/etc/systemd/system/hermes-gateway-work.service'
    const SYSTEM_SETTINGS = '/etc/hermes-svc/hermes-gateway-work/settings.json'
    const settings = (of: Partial<typeof SETTINGS> = {}) => formatSettings({...SETTINGS, profile: 'work', ...of})

    const afterwards = (files: Record<string, FakeFile | string>, {turnedLingerOn = true, account = USER} = {}) => {
      const host = new FakeHost({account, accounts: [USER], files: {[linger]: '', [UNIT]: '', ...files}})
      const manager = systemdManager(host, 'user', USER)
      return {
        host,
        steps: manager.installer.afterUninstall({...manager.observer.notInstalled(SERVICE), settings: {...SETTINGS, turnedLingerOn}}),
      }
    }

    it('is to leave it to one of them to end it', async () => {
      const {host, steps} = afterwards({[OTHER]: '', [OTHER_SETTINGS]: settings()})
      expect(steps).toMatchObject([
        {kind: 'write-file', why: 'record that the uninstall of hermes-gateway-work.service ends lingering of user', as: USER},
      ])
      await performSteps(host, steps, () => undefined)
      expect(host.texts()[OTHER_SETTINGS]).toBe(settings({turnedLingerOn: true}))
    })

    it('is to leave it to one that is being installed, and has no unit yet', () => {
      expect(afterwards({[OTHER_SETTINGS]: settings()}).steps).toMatchObject([{kind: 'write-file', path: OTHER_SETTINGS}])
    })

    it('is to leave it to a service of the machine where root does it', () => {
      const files = {[SYSTEM_OTHER]: '[Service]\nUser=user\n', [SYSTEM_SETTINGS]: settings({scope: 'system'})}
      expect(afterwards(files, {account: ROOT}).steps).toMatchObject([{kind: 'write-file', path: SYSTEM_SETTINGS, as: undefined}])
      expect(afterwards(files).steps).toEqual([])
    })

    it.each<[string, Record<string, FakeFile | string>, boolean?]>([
      ['lingering was on before', {[OTHER]: '', [OTHER_SETTINGS]: settings()}, false],
      ['one of them is to end it already', {[OTHER]: '', [OTHER_SETTINGS]: settings({turnedLingerOn: true})}],
      ["they are another tool's", {[OTHER]: ''}],
    ])('is nothing if %s', (_, files, turnedLingerOn = true) => {
      expect(afterwards(files, {turnedLingerOn}).steps).toEqual([])
    })
  })
})
