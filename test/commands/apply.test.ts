import fc from 'fast-check'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import Apply from '../../src/commands/apply.js'
import type {BaseCommand} from '../../src/commands/base.js'
import Export from '../../src/commands/export.js'
import {exportMachine} from '../../src/commands/machine-export.js'
import {SETTING_NAMES, settingOf} from '../../src/commands/setting-list.js'
import {type Host, HostError} from '../../src/host/host.js'
import {lightConfig} from '../../src/light-config.js'
import {NO_NOTIFY} from '../../src/notify/notify-file.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'
import {OTHER_VALUES} from '../fakes/setting-values.js'
import {SETTINGS} from '../fakes/settings.js'
import {schemaErrors} from '../support/json-schemas.js'
import {inCampaign} from '../support/campaign.js'

const HOME = '/home/user/.hermes'
const FILE = '/etc/services.yaml'
const DROP_IN = '/home/user/.config/systemd/user/hermes-gateway.service.d/10-hermes-svc.conf'

let stdout = ''
let stderr = ''
beforeEach(() => {
  ;[stdout, stderr] = ['', '']
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((stdout += String(text))))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += String(text))))
})
afterEach(() => void vi.restoreAllMocks())

type AnyCommand = new (argv: string[], config: object) => BaseCommand<never>

/** Runs a command on a fake machine; its exit status, and what it printed. `env`, `stdin`: what it is given. */
async function run(
  machine: FakeSystemd,
  Command: unknown,
  args: readonly string[],
  {env = {}, stdin = ''}: {env?: Record<string, string>; stdin?: string} = {},
): Promise<{code: number; stdout: string; stderr: string}> {
  ;[stdout, stderr] = ['', '']
  const host = Object.assign(Object.create(machine.host) as typeof machine.host, {env, readStdin: () => stdin})
  class OnMachine extends (Command as {new (argv: string[], config: object): {run(): Promise<number>}}) {
    protected createHost(): Host {
      return host
    }
  }
  const {args: own} = Command as {args?: object}
  Object.assign(OnMachine, {id: Command === Apply ? 'apply' : 'export', args: own})
  const code = await new (OnMachine as unknown as AnyCommand)([...args], lightConfig('/package')).run()
  return {code, stdout, stderr}
}

const apply = (machine: FakeSystemd, text: string, args: readonly string[] = [], env: Record<string, string> = {}) => {
  machine.host.put(FILE, text)
  return run(machine, Apply, [FILE, '--timeout', '5s', ...args], {env})
}

interface Row {
  readonly ok: boolean
  readonly acts: readonly string[]
  readonly differing: readonly object[]
  readonly drift: readonly object[]
  readonly changed: boolean
  readonly outcome: string | null
  readonly warnings: readonly string[]
  readonly plans: readonly {steps: readonly object[]}[]
  readonly error: {code: string; message: string} | null
}

/** The same with --json: the document, which is of its schema. */
async function applied(machine: FakeSystemd, text: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const result = await apply(machine, text, ['--json', ...args], env)
  const document = JSON.parse(result.stdout) as {ok: boolean; changed: boolean; services: Row[]}
  expect(schemaErrors('apply', document)).toEqual([])
  return {code: result.code, ...document, first: document.services[0] as Row}
}

const one = (...lines: readonly string[]) =>
  ['schemaVersion: 1', 'services:', '  - profile: default', '    scope: user', ...lines.map((line) => `    ${line}`)].join('\n')

/** All regular files outside of /proc. */
const files = (machine: FakeSystemd) =>
  Object.fromEntries(Object.entries(machine.host.texts()).filter(([file]) => !file.startsWith('/proc/') && file !== FILE))
/** Those of them that are the definition, the tick and who is told. */
const definition = (machine: FakeSystemd) =>
  Object.fromEntries(Object.entries(files(machine)).filter(([file]) => file.includes('/.config/') || file.endsWith('-notify.json')))

describe('apply', () => {
  it('installs what is declared, and has nothing to do the second time', async () => {
    const machine = new FakeSystemd()
    const text = one('watchdog: 5', 'env: {A: b}', 'notify: exec:/bin/true')
    expect(await applied(machine, text)).toMatchObject({
      ...{code: 0, ok: true, changed: true},
      first: {ok: true, acts: ['install'], changed: true, outcome: 'hermes-gateway.service is installed and running'},
    })
    expect(machine.shown).toMatchObject({ActiveState: 'active', UnitFileState: 'enabled'})
    const before = files(machine)
    machine.verbs.length = 0
    const second = await applied(machine, text)
    expect(second).toMatchObject({code: 0, ok: true, changed: false, first: {acts: [], changed: false, outcome: null, differing: []}})
    expect(files(machine)).toEqual(before)
    expect(machine.verbs).toEqual([])
    expect((await apply(machine, text)).stdout).toContain('Services: 1, all match the document; nothing was changed')
  })

  it('changes what differs, restarts for it once, and has what is not declared be the default', async () => {
    const machine = new FakeSystemd()
    await apply(machine, one('watchdog: 5', 'restart-delay-max: 10m', 'env: {A: b, C: d}', 'notify: exec:/bin/true'))
    machine.verbs.length = 0
    const {code, first} = await applied(machine, one('restart-delay: 2s', 'env: {A: x}'))
    expect(code).toBe(0)
    expect(first).toMatchObject({
      acts: ['change', 'restart'],
      differing: [
        {name: 'restart-delay', from: '1s', to: '2s'},
        {name: 'restart-delay-max', from: '10m', to: '2m'},
        {name: 'watchdog', from: '5', to: '3'},
        {name: 'env.A', from: null, to: null},
        {name: 'env.C', from: null, to: null},
        {name: 'notify', from: 'exec true', to: 'nobody'},
      ],
    })
    expect(machine.verbs.filter((verb) => /start/.test(verb))).toEqual(['restart --no-block'])
    expect(files(machine)[`${HOME}/.hermes-svc-notify.json`]).toBeUndefined()
    expect((await applied(machine, one('restart-delay: 2s', 'env: {A: x}'))).changed).toBe(false)
  })

  it('with --dry-run changes nothing, shows the plan, and no value of a variable', async () => {
    const machine = new FakeSystemd()
    const before = files(machine)
    const text = one('env: {TOKEN: swordfish, OTHER: {fromEnv: GIVEN}}', 'notify: https://user:swordfish@example.org/swordfish')
    const dry = await applied(machine, text, ['--dry-run'], {GIVEN: 'swordfish'})
    expect(dry).toMatchObject({code: 0, changed: false, first: {acts: ['install'], changed: false}})
    expect(dry.first.plans[0]?.steps.length).toBeGreaterThan(3)
    expect(stdout + stderr).not.toContain('swordfish')
    const shown = await apply(machine, text, ['--dry-run'], {GIVEN: 'swordfish'})
    expect(shown.stdout).toContain('Would install hermes-gateway.service')
    expect(shown.stdout + shown.stderr).not.toContain('swordfish')
    expect(files(machine)).toEqual(before)
    await apply(machine, text, [], {GIVEN: 'swordfish'})
    expect(stdout + stderr).not.toContain('swordfish')
    expect(JSON.stringify(files(machine))).toContain('swordfish')
  })

  it('stops what is declared to be stopped, installs it so, and starts it again', async () => {
    const machine = new FakeSystemd()
    const stopped = one('state: stopped')
    expect((await applied(machine, stopped)).first).toMatchObject({
      acts: ['install'],
      outcome: 'hermes-gateway.service is installed and stopped',
    })
    expect(machine.shown).toMatchObject({ActiveState: 'inactive'})
    expect(machine.verbs.filter((verb) => /start|enable/.test(verb))).toEqual([])
    expect((await applied(machine, stopped)).first.acts).toEqual([])
    expect((await applied(machine, one())).first).toMatchObject({acts: ['start'], changed: true})
    expect(machine.shown).toMatchObject({ActiveState: 'active', UnitFileState: 'enabled'})
    expect((await applied(machine, one('state: stopped', 'restart-delay: 2s'))).first).toMatchObject({
      acts: ['stop', 'change'],
      outcome: 'hermes-gateway.service is stopped; hermes-gateway.service is installed and stopped as before',
    })
    expect(machine.shown).toMatchObject({ActiveState: 'inactive', UnitFileState: 'disabled'})
    expect((await applied(machine, one('state: stopped', 'restart-delay: 2s'))).first.acts).toEqual([])
  })

  it('keeps what was changed by hand and shows it, and replaces it with --force', async () => {
    const machine = new FakeSystemd()
    await apply(machine, one())
    const ours = machine.host.readText(DROP_IN) ?? ''
    machine.host.put(DROP_IN, `${ours}# by hand\n`)
    const kept = await applied(machine, one())
    expect(kept).toMatchObject({code: 0, changed: false, first: {acts: [], drift: [{kind: 'edited', path: DROP_IN, kept: true}]}})
    expect((await apply(machine, one())).stdout).toContain(`keeps ${DROP_IN}, which was edited by hand (--force replaces it)`)
    expect(machine.host.readText(DROP_IN)).toContain('# by hand')
    const replaced = await applied(machine, one(), ['--force'])
    expect(replaced.first).toMatchObject({changed: true, drift: [{kind: 'edited', path: DROP_IN, kept: false}]})
    expect(machine.host.readText(DROP_IN)).toBe(ours)
  })

  it('uninstalls what is not declared with --prune alone', async () => {
    const machine = new FakeSystemd()
    await apply(machine, one())
    const nothing = 'schemaVersion: 1\nservices: []\n'
    const left = await apply(machine, nothing)
    expect(left).toMatchObject({code: 0, stdout: expect.stringContaining('not in the document, stays as it is')})
    expect(left.stderr).toContain('--prune')
    expect(machine.shown).toMatchObject({ActiveState: 'active'})
    expect((await applied(machine, nothing)).first).toMatchObject({declared: false, acts: [], changed: false})
    expect((await applied(machine, nothing, ['--prune', '--dry-run'])).first).toMatchObject({acts: ['uninstall'], changed: false})
    expect((await applied(machine, nothing, ['--prune'])).first).toMatchObject({acts: ['uninstall'], changed: true})
    expect(definition(machine)).toEqual({})
    expect((await applied(machine, nothing, ['--prune'])).services).toEqual([])
  })

  it('does the others where one fails, prunes nothing then that it may be, and ends with 1', async () => {
    const machine = new FakeSystemd()
    const text = `${one()}\n  - {profile: none, scope: user}\n  - {profile: other, account: nobody-there}\n`
    const result = await applied(machine, text, ['--prune'])
    expect(result).toMatchObject({code: 1, ok: false, changed: true})
    expect(result.services).toMatchObject([
      {ok: true, acts: ['install']},
      {ok: false, acts: [], error: {code: 'usage', message: expect.stringContaining('profiles/none')}},
      {ok: false, service: null, error: {message: `${FILE}:6:5: services[2]: --run-as "nobody-there": there is no such user`}},
    ])
    const pruned = await applied(machine, 'schemaVersion: 1\nservices: [{profile: none, scope: user}]', ['--prune'])
    expect(pruned.services).toMatchObject([{ok: false}, {declared: false, acts: []}])
    expect(machine.shown).toMatchObject({ActiveState: 'active'})
  })

  it('leaves a service as it was where its change fails, and ends with 1', async () => {
    const machine = new FakeSystemd()
    await apply(machine, one())
    const before = definition(machine)
    machine.onStart = () => machine.goesDown('failed', 'failed', 1)
    const result = await applied(machine, one('env: {A: b}'))
    expect(result).toMatchObject({code: 1, ok: false, first: {ok: false, error: {code: 'not-running'}}})
    expect(definition(machine)).toEqual(before)
  })

  /** What somebody else does as soon as a change is done and noted. */
  const afterChange = (machine: FakeSystemd, work: () => void) => {
    const {host} = machine
    const append = host.appendLine.bind(host)
    host.appendLine = (...given) => {
      append(...given)
      work()
    }
  }

  it('ends with 1 where a service is not as it is declared at the end, though all was done', async () => {
    const machine = new FakeSystemd()
    afterChange(machine, () => machine.goesDown())
    const {code, ok, first} = await applied(machine, one())
    expect({code, ok}).toEqual({code: 1, ok: false})
    expect(first.error).toMatchObject({code: 'not-as-declared', message: expect.stringContaining('needs start again') as string})
  })

  it('ends with 1 where a service that --prune uninstalled is there at the end', async () => {
    const machine = new FakeSystemd()
    await apply(machine, one())
    const unit = machine.host.texts()[machine.unit] ?? ''
    afterChange(machine, () => machine.host.put(machine.unit, unit))
    const {code, first} = await applied(machine, 'schemaVersion: 1\nservices: []\n', ['--prune', '--yes'])
    expect(code).toBe(1)
    expect(first.error).toMatchObject({code: 'not-as-declared', message: expect.stringContaining('needs uninstall again') as string})
  })

  it('leaves what is begun as it was where it is cancelled, begins nothing more, and ends with 130', async () => {
    const machine = new FakeSystemd()
    machine.onStart = () => void process.emit('SIGTERM')
    const result = await applied(machine, `${one()}\n  - {profile: other, account: nobody-there}\n`)
    expect(result).toMatchObject({code: 130, ok: false, services: [{ok: false, error: {code: 'cancelled'}}]})
    expect(result.services).toHaveLength(1)
    expect(definition(machine)).toEqual({})
  })

  it('tells the warnings of what it has done', async () => {
    const machine = new FakeSystemd()
    const result = await applied(machine, one())
    expect(result.first).toMatchObject({warnings: []})
    const told = vi.spyOn(machine.host, 'appendLine').mockImplementation((file) => {
      throw new HostError('EROFS', file, 'cannot write')
    })
    expect((await applied(machine, one('watchdog: 5'))).first).toMatchObject({
      ...{ok: true, changed: true},
      warnings: [expect.stringContaining('could not write the journal')],
    })
    told.mockRestore()
  })

  it('takes values from the environment, from files and from credentials, and fails for what is not there', async () => {
    const machine = new FakeSystemd({'/run/secret': 'of a file\n', '/run/creds/token': 'of a credential'})
    const text = one('env:', '  A: {fromEnv: GIVEN}', '  B: {fromFile: /run/secret}', '  C: {fromCredential: token}')
    const env = {GIVEN: 'of the environment', CREDENTIALS_DIRECTORY: '/run/creds'}
    expect(await applied(machine, text, [], env)).toMatchObject({code: 0})
    const kept = machine.target.manager.definition.readEnvironment(machine.target.service)
    expect(Object.fromEntries(kept)).toEqual({A: 'of the environment', B: 'of a file', C: 'of a credential'})
    const failed = await applied(machine, text, [], {CREDENTIALS_DIRECTORY: '/run/creds'})
    expect(failed).toMatchObject({
      ...{code: 1, changed: false},
      first: {error: {code: 'no-value', message: `${FILE}:6:10: env.A: fromEnv GIVEN: GIVEN is not set in your environment`}},
    })
    for (const [kind, name] of [
      ['fromFile', '/run/none'],
      ['fromCredential', 'none'],
    ] as const) {
      const {first} = await applied(machine, one(`env: {A: {${kind}: ${name}}}`))
      const what = kind === 'fromFile' ? 'file' : 'credential'
      const message = expect.stringContaining(`${kind} ${name}: the ${what} does not exist`)
      expect(first.error).toMatchObject({code: 'no-value', message})
    }
  })

  it('reads standard input', async () => {
    const machine = new FakeSystemd()
    expect(await run(machine, Apply, ['-', '--dry-run'], {stdin: one()})).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Would install'),
    })
    expect(await run(machine, Apply, ['-'], {stdin: 'a: 1'})).toMatchObject({code: 2, stderr: expect.stringContaining('stdin:1:1')})
  })

  it.each([
    ['--profile', 'a'],
    ['--home', '/a'],
    ['--scope', 'user'],
    ['--run-as', 'a'],
  ])('is about no one service: %s', async (...flag) => {
    const result = await apply(new FakeSystemd(), one(), flag)
    expect(result).toMatchObject({code: 2, stderr: expect.stringContaining(`${flag[0]} cannot be used with apply`)})
  })

  it('refuses two services of one home', async () => {
    const result = await apply(new FakeSystemd(), `${one()}\n  - {home: ${HOME}, scope: user}\n`)
    expect(result).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${FILE}:5:5: services[1] has the same home as ${FILE}:3:5`),
    })
  })

  it('means ~/.hermes where no home is declared, whatever HERMES_HOME says', async () => {
    const machine = new FakeSystemd({'/srv/other': {folder: true, mode: 0o700}})
    const result = await applied(machine, one(), ['--dry-run'], {HERMES_HOME: '/srv/other'})
    expect(result.first).toMatchObject({home: HOME})
  })
})

/** More values than the one that is known of each. */
const SOME: Readonly<Record<string, readonly string[]>> = {
  command: ['/usr/bin/hermes', "/usr/bin/hermes --flag 'a b'"],
  'restart-delay': ['500ms', '2s'],
  'restart-delay-max': ['90s', '1h'],
  watchdog: ['3', '7'],
}
const setting = (name: string) => {
  const values =
    settingOf(name)?.options ?? [OTHER_VALUES[name] ?? '', ...(SOME[name] ?? [])].filter((value) => value !== '/opt/hermes/bin/hermes')
  return fc.option(fc.constantFrom(...values), {nil: undefined})
}
const secret = fc.string({unit: 'grapheme', maxLength: 12}).filter((text) => !/[\u0000-\u001f\u007f]/.test(text))
const services = fc.record({
  settings: fc.record(Object.fromEntries(SETTING_NAMES.map((name) => [name, setting(name)]))),
  env: fc.dictionary(fc.constantFrom('A', 'TOKEN', 'x_1'), secret, {maxKeys: 3}),
  notify: fc.uniqueArray(fc.constantFrom('exec:/bin/true', 'ntfy://ntfy.sh/topic', 'https://example.org/hook/secret'), {maxLength: 2}),
  on: fc.option(fc.constantFrom('down', 'down,recovered'), {nil: undefined}),
  ping: fc.option(fc.constant('https://hc-ping.com/uuid'), {nil: undefined}),
  state: fc.constantFrom('running', 'stopped'),
})

describe('export', () => {
  it('prints what apply makes the same definition of on an empty machine, with references in the place of secrets', async () => {
    await fc.assert(
      fc.asyncProperty(services, async ({settings, env, notify, on, ping, state}) => {
        const {heartbeat, ...others} = settings as Record<string, string | undefined>
        // What the heartbeat does is nothing that can be chosen without one.
        const isOff = heartbeat === 'off'
        const chosen = isOff ? {...others, heartbeat, watchdog: undefined, 'heartbeat-interval': undefined} : settings
        const service = {
          ...{profile: 'default', scope: 'user', state},
          ...Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined)),
          ...(isOff ? {} : {notify}),
          ...(on === undefined ? {} : {'notify-on': on}),
          ...(ping === undefined ? {} : {ping}),
          env,
        }
        const [one, other] = [new FakeSystemd(), new FakeSystemd()]
        const made = await apply(one, JSON.stringify({schemaVersion: 1, services: [service]}))
        expect(made, made.stderr).toMatchObject({code: 0})
        const printed = await run(one, Export, [])
        expect(printed, printed.stderr).toMatchObject({code: 0})
        for (const value of [...notify, ...(ping === undefined ? [] : [ping])]) expect(printed.stdout).not.toContain(value)
        // What the references of the document name, with the values that the first machine has.
        const given: Record<string, string> = {...env, ...(ping === undefined ? {} : {DEFAULT_HERMES_SVC_PING: ping})}
        for (const [index, target] of notify.entries()) given[`DEFAULT_HERMES_SVC_NOTIFY${index === 0 ? '' : `_${index + 1}`}`] = target
        const again = await run(other, Apply, ['-', '--timeout', '5s'], {stdin: printed.stdout, env: given})
        expect(again, again.stderr).toMatchObject({code: 0})
        expect(definition(other)).toEqual(definition(one))
        expect(other.shown.UnitFileState).toBe(one.shown.UnitFileState)
        const asJson = JSON.parse((await run(one, Export, ['--json'])).stdout) as object
        expect(schemaErrors('machine', asJson)).toEqual([])
        const third = await run(other, Apply, ['-', '--timeout', '5s'], {stdin: JSON.stringify(asJson), env: given})
        expect(third).toMatchObject({code: 0, stdout: expect.stringContaining('nothing was changed')})
      }),
      {numRuns: inCampaign(25, 5)},
    )
  })

  it('never says a value of a variable, however the names meet', () => {
    const values = fc.dictionary(fc.constantFrom('A', 'B', 'WORK_A'), fc.constantFrom('secret-1', 'secret-2'))
    const profiles = fc.uniqueArray(fc.constantFrom('work', 'work-a', 'work_a', '1', 'default'), {minLength: 1, maxLength: 4})
    fc.assert(
      fc.property(profiles, fc.array(values, {minLength: 4, maxLength: 4}), (names, environments) => {
        const all = names.map((profile, index) => ({
          ...{profile, home: undefined, scope: 'user', account: 'user', state: 'running' as const, settings: SETTINGS, notify: NO_NOTIFY},
          environment: new Map(Object.entries(environments[index] ?? {})),
        }))
        const {document, variables} = exportMachine(all)
        expect(JSON.stringify({document, variables})).not.toContain('secret-')
        // Each name stands for one value: what is given by these names is what each service had.
        const meant = new Map<string, string>()
        for (const [index, {environment}] of all.entries()) {
          const {env = {}} = document.services[index] as {env?: Record<string, {fromEnv: string}>}
          expect(Object.keys(env)).toEqual([...environment.keys()])
          for (const [name, {fromEnv}] of Object.entries(env)) {
            expect(fromEnv).toMatch(/^[A-Za-z_]\w*$/)
            expect(meant.get(fromEnv) ?? environment.get(name)).toBe(environment.get(name))
            meant.set(fromEnv, environment.get(name) ?? '')
          }
        }
        expect(variables.map(({name}) => name).sort()).toEqual([...meant.keys()].sort())
      }),
    )
  })

  it('prints a document without services where none is', async () => {
    const {code, stdout} = await run(new FakeSystemd(), Export, [])
    expect({code, last: stdout.trim().split('\n').slice(-2)}).toEqual({code: 0, last: ['schemaVersion: 1', 'services: []']})
  })
})
