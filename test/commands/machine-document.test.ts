import {Ajv2020} from 'ajv/dist/2020.js'
import {parse} from 'yaml'
import {describe, expect, it, vi} from 'vitest'
import {parseMachine} from '../../src/commands/machine-document.js'
import {SERVICE_KEYS} from '../../src/commands/machine-keys.js'
import {machineSchema} from '../../src/commands/machine-schema.js'
import {NOTIFY_SETTING_NAMES} from '../../src/commands/notify-settings.js'
import type {Setting} from '../../src/commands/setting-list.js'
import {SETTING_NAMES} from '../../src/commands/setting-list.js'
import {ServiceError} from '../../src/errors.js'

const validate = new Ajv2020({strict: true, allErrors: true}).compile(machineSchema())
const head = (services: string) => `schemaVersion: 1\nservices:\n${services}`

/** All that is wrong with a document. */
async function problems(text: string): Promise<string[]> {
  try {
    await parseMachine(text, 'f.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    expect(error).toMatchObject({code: 'usage', exitStatus: 2})
    return [error.message, ...error.evidence]
  }
}

const WHOLE = head(`
  - profile: work
    scope: user
    account: ann
    home: /srv/hermes
    state: stopped
    command: /opt/hermes/bin/hermes
    linger: off
    restart-delay: 500ms
    heartbeat: on
    watchdog: 5
    notify: [{fromEnv: TOLD}, 'exec:/bin/true']
    notify-on: down
    ping: {fromFile: /etc/ping}
    env:
      PORT: 0x10
      DEBUG: true
      TOKEN: {fromCredential: token}
      EMPTY: ''
`)

describe('the document of a machine', () => {
  it('says what is declared, in the words that were typed', async () => {
    const [service] = await parseMachine(WHOLE, 'f.yaml')
    expect(service).toMatchObject({
      where: 'f.yaml:4:5: services[0]',
      identity: {profile: 'work', scope: 'user', account: 'ann', home: '/srv/hermes'},
      state: 'stopped',
    })
    expect([...(service?.settings ?? [])].map(([name, {text}]) => [name, text])).toEqual([
      ['command', '/opt/hermes/bin/hermes'],
      ['linger', 'off'],
      ['restart-delay', '500ms'],
      ['heartbeat', 'on'],
      ['watchdog', '5'],
    ])
    expect([...(service?.told ?? [])].map(([name, values]) => [name, values.map(({value}) => value)])).toEqual([
      ['notify', [{kind: 'fromEnv', name: 'TOLD'}, {text: 'exec:/bin/true'}]],
      ['notify-on', [{text: 'down'}]],
      ['ping', [{kind: 'fromFile', name: '/etc/ping'}]],
    ])
    expect([...(service?.env ?? [])].map(([name, {value}]) => [name, value])).toEqual([
      ['PORT', {text: '0x10'}],
      ['DEBUG', {text: 'true'}],
      ['TOKEN', {kind: 'fromCredential', name: 'token'}],
      ['EMPTY', {text: ''}],
    ])
    expect(validate(parse(WHOLE)), JSON.stringify(validate.errors)).toBe(true)
  })

  it('is JSON as well, and what YAML 1.1 makes of on and off is understood', async () => {
    const text = JSON.stringify({schemaVersion: 1, ok: true, services: [{heartbeat: false, linger: true}]})
    const [service] = await parseMachine(text, '-')
    expect([...(service?.settings ?? [])].map(([name, value]) => [name, value.text])).toEqual([
      ['linger', 'on'],
      ['heartbeat', 'off'],
    ])
    expect(service?.state).toBe('running')
  })

  it('may have aliases', async () => {
    const services = await parseMachine(head('  - &a {profile: a, env: &e {A: b}}\n  - {profile: c, env: *e}\n'), 'f.yaml')
    expect([...(services[1]?.env ?? [])].map(([name, {value}]) => [name, value])).toEqual([['A', {text: 'b'}]])
  })

  it.each<[string, string, boolean]>([
    ['services: []', 'f.yaml:1:1: schemaVersion must be 1', false],
    ['schemaVersion: 2\nservices: []', 'f.yaml:1:16: schemaVersion must be 1', false],
    ['schemaVersion: 1', 'f.yaml:1:1: services must be a list', false],
    ['schemaVersion: 1\nservices: {}', 'f.yaml:2:11: services must be a list', false],
    ['- a', 'f.yaml:1:1: the document must be a mapping', false],
    ['', 'f.yaml:1:1: the document must be a mapping', false],
    [`${head('  - {}')}\nservice: []`, 'f.yaml:4:1: the document: unknown key "service" (did you mean services?)', false],
    [head('  - profile: a\n    watchdgo: 5'), 'f.yaml:4:5: services[0]: unknown key "watchdgo" (did you mean watchdog?)', false],
    [head('  - a'), 'f.yaml:3:5: services[0] must be a mapping', false],
    [head('  - watchdog: 0'), 'f.yaml:3:15: watchdog "0": must be a number of ticks from 1 to 100, or off', true],
    [head('  - restart-delay: soon'), 'f.yaml:3:20: restart-delay "soon": must be a time', true],
    [head('  - heartbeat: maybe'), 'f.yaml:3:16: heartbeat "maybe": must be one of: on, off', false],
    [head('  - heartbeat: [on]'), 'f.yaml:3:16: heartbeat must be a text', false],
    [head('  - watchdog:'), 'f.yaml:3:14: watchdog has no value: it must be a text', false],
    [head('  - state: runing'), 'f.yaml:3:12: state "runing": must be one of: running, stopped (did you mean running?)', false],
    [head('  - scope: machine'), 'f.yaml:3:12: scope "machine": must be one of: user, system', false],
    [head('  - home: here'), 'f.yaml:3:11: home must be an absolute path, not "here"', false],
    [head('  - profile: A b'), 'f.yaml:3:14: "A b" is not a profile name', false],
    [head("  - account: ''"), 'f.yaml:3:14: account must not be empty', false],
    [head('  - env: {2A: x}'), 'f.yaml:3:15: env: "2A": not the name of a variable', false],
    [head('  - env: {HERMES_HOME: x}'), 'f.yaml:3:24: env: "HERMES_HOME": the service sets this variable itself', true],
    [
      head('  - env: {A: {fromEnv: B, fromFile: /c}}'),
      'f.yaml:3:14: env.A must be a mapping with exactly one of: fromEnv, fromFile',
      false,
    ],
    [head('  - env: {A: {}}'), 'f.yaml:3:14: env.A must be a mapping with exactly one of', false],
    [head('  - env: {A: {fromVault: B}}'), 'f.yaml:3:15: env.A: unknown key "fromVault"', false],
    [head('  - env: {A: {fromFile: b}}'), 'f.yaml:3:25: env.A.fromFile must be an absolute path', false],
    [head('  - env: {A: {fromCredential: a/b}}'), 'f.yaml:3:31: env.A.fromCredential must be the name of a credential', true],
    [head('  - env: {A: [b]}'), 'f.yaml:3:14: env.A must be a text, or a mapping with one of: fromEnv', false],
    [head('  - notify: nobody-knows'), 'f.yaml:3:13: notify: the target', true],
    [head('  - notify-on: {fromEnv: A}'), 'f.yaml:3:16: notify-on must be a text', false],
    [head('  - profile: a\n    profile: b'), 'f.yaml:4:5: Map keys must be unique', true],
    [head('  - profile: "a'), 'Missing closing "quote', false],
  ])('is refused with the place: %s', async (text, message, isOfSchema) => {
    expect((await problems(text))[0]).toContain(message)
    let value: unknown
    try {
      value = parse(text, {uniqueKeys: false})
    } catch {
      return
    }
    // What its own words cannot say, its schema has not to say either; what it can, both do.
    expect(validate(value)).toBe(isOfSchema)
  })

  it('is refused with all that is wrong at once, and no value of a variable or target is said', async () => {
    const text = head(`  - env: {A: "sword\\u0001fish"}\n    notify: https://user:swordfish@\n    watchdog: no\n    x: 1\n`)
    const found = await problems(text)
    expect(found).toHaveLength(4)
    expect(found.join('\n')).not.toContain('fish')
  })

  it('is refused at once where brackets never close, for which the parser takes minutes', async () => {
    expect(await problems(`a:\n${'{'.repeat(8192)}`)).toEqual(['f.yaml:2: brackets are nested more than 100 deep here'])
  })

  it('does not grow by aliases within aliases', async () => {
    const lines = ['a0: &a0 [x, x]', ...Array.from({length: 40}, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}, *a${index}]`)]
    expect((await problems(lines.join('\n')))[0]).toContain('unknown key "a0"')
  })
})

describe('a setting', () => {
  it('is in the document and in its schema by its own name, and by no other that is there', () => {
    expect(SERVICE_KEYS).toEqual(expect.arrayContaining([...SETTING_NAMES, ...NOTIFY_SETTING_NAMES]))
    expect(new Set(SERVICE_KEYS).size).toBe(SERVICE_KEYS.length)
    const schema = machineSchema() as {properties: {services: {items: {properties: object}}}}
    expect(Object.keys(schema.properties.services.items.properties).sort()).toEqual([...SERVICE_KEYS].sort())
  })

  it('that is new in the list is in the schema, in apply and in export by itself', async () => {
    const toy: Setting = {
      description: 'a toy',
      defaultText: 'none',
      parse: (text, name) => {
        if (text !== 'ball') throw new ServiceError(`${name} ${text}: it is no toy`, {code: 'usage', exitStatus: 2})
        return {}
      },
      unset: {},
      show: () => 'ball',
    }
    vi.resetModules()
    vi.doMock('../../src/commands/setting-list.js', async (original) => {
      const real = await original<typeof import('../../src/commands/setting-list.js')>()
      const settingOf = (name: string) => (name === 'toy' ? toy : real.settingOf(name))
      return {...real, SETTING_NAMES: [...real.SETTING_NAMES, 'toy'], settingOf}
    })
    const [{machineSchema: schemaOf}, {parseMachine: parseWith}, {exportMachine}] = await Promise.all([
      import('../../src/commands/machine-schema.js'),
      import('../../src/commands/machine-document.js'),
      import('../../src/commands/machine-export.js'),
    ])
    vi.doUnmock('../../src/commands/setting-list.js')
    const {SETTINGS} = await import('../fakes/settings.js')
    const {NO_NOTIFY} = await import('../../src/notify/notify-file.js')
    expect(schemaOf()).toMatchObject({properties: {services: {items: {properties: {toy: {description: 'A toy.'}}}}}})
    const [service] = await parseWith(head('  - toy: ball'), 'f.yaml')
    expect(service?.settings.get('toy' as never)).toMatchObject({text: 'ball'})
    await expect(parseWith(head('  - toy: doll'), 'f.yaml')).rejects.toThrow('f.yaml:3:10: toy doll: it is no toy')
    const installed = {profile: 'a', home: undefined, scope: 'user', account: 'b', state: undefined, notify: NO_NOTIFY}
    const {document} = exportMachine([{...installed, settings: SETTINGS, environment: new Map()}])
    expect(document.services).toMatchObject([{toy: 'ball'}])
    vi.resetModules()
  })
})
