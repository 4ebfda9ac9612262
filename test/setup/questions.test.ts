import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {Finding} from '../../src/doctor/finding.js'
import {withAnswers} from '../../src/setup/answers.js'
import type {Found, ServiceFound} from '../../src/setup/found.js'
import type {Answer, Answers, Item, ItemId} from '../../src/setup/item.js'
import {itemsOf, type SetupFlags} from '../../src/setup/questions.js'
import {SETTINGS} from '../fakes/settings.js'
import {found, INSTALLED, OWNER} from './found.js'

const item = (id: ItemId, from: Found, flags: SetupFlags = {}, answers: Answers = {}) =>
  itemsOf(from, flags, answers).find((one) => one.id === id)
const asked = (from: Found, flags: SetupFlags = {}, answers: Answers = {}) =>
  itemsOf(from, flags, answers).flatMap(({id, kind}) => (kind === 'told' ? [] : [id]))

/** Takes every default; `pick` says what is answered where there is none. */
function answered(from: Found, flags: SetupFlags, answerOf: (one: Item) => Answer['value']): Answers {
  let answers: Answers = {}
  for (;;) {
    const open = itemsOf(from, flags, answers).find(({id}) => !(id in answers))
    if (!open) return answers
    answers = {...answers, [open.id]: {value: open.kind === 'told' ? open.value : answerOf(open), by: 'person'}}
  }
}

describe('what is asked', () => {
  it('of a plain user with one profile is only what nobody can know', () => {
    expect(asked(found())).toEqual(['linger', 'heartbeat', 'watchdog', 'notify'])
  })

  it('is told, as far as it is known', () => {
    const told = itemsOf(found(), {}, {}).flatMap((one) => (one.kind === 'told' ? [`${one.label}: ${one.text}`] : []))
    expect(told).toEqual([
      'Manager: systemd',
      'Runs as: ann',
      'Profile: default, /home/ann/.hermes',
      'Scope: user; for system, type: sudo hermes-svc setup',
      'Service: hermes-gateway.service, systemd (user): not installed yet',
      'Gateway: /home/ann/.hermes/bin/hermes (the launcher in the home)',
    ])
  })

  it('of root is for whom, and whose service it is to be, with the machine’s as the default', () => {
    const root = found({machine: {isRoot: true, user: 'root', account: 'ann', accounts: ['ann', 'bob']}, service: {startsAtBoot: true}})
    expect(asked(root)).toEqual(['run-as', 'scope', 'heartbeat', 'watchdog', 'notify'])
    expect(item('run-as', root)).toMatchObject({default: 'ann', choices: [{value: 'ann'}, {value: 'bob'}, {value: ''}]})
    expect(item('scope', root)).toMatchObject({default: 'system'})
  })

  it('of root has no default where several accounts are as likely', () => {
    const root = found({machine: {isRoot: true, account: undefined, accounts: ['ann', 'bob']}})
    expect(item('run-as', root)).toMatchObject({default: undefined})
  })

  it('is a name, where none of the accounts is meant', () => {
    const root = found({machine: {isRoot: true}})
    expect(asked(root, {}, {'run-as': {value: '', by: 'person'}})).toContain('run-as-name')
    expect(asked(root, {}, {'run-as': {value: 'ann', by: 'person'}})).not.toContain('run-as-name')
    expect(asked(found({machine: {isRoot: true, account: undefined}}))).toEqual([
      'run-as-name',
      'scope',
      'linger',
      'heartbeat',
      'watchdog',
      'notify',
    ])
  })

  it('is not the account in a container, nor the scope where there is one', () => {
    const container = found({machine: {isRoot: true, isOnlyAccount: true, scopes: ['system'], account: 'hermes'}})
    expect(item('run-as', container)).toMatchObject({kind: 'told', value: 'hermes'})
    expect(item('scope', container)).toMatchObject({kind: 'told', value: 'system'})
  })

  it('is the profile where there are several, and one that can carry no service cannot be chosen', () => {
    const [first = OWNER.profiles[0]] = OWNER.profiles
    const profiles = ['default', 'work', 'served'].map((name) => ({...first!, name, refused: name === 'served' ? 'is served' : undefined}))
    expect(item('profile', found({owner: {profiles}}))).toMatchObject({
      ...{kind: 'select', default: 'default'},
      choices: [{value: 'default'}, {value: 'work'}, {value: 'served', refused: 'is served'}],
    })
    const unusable = profiles.map((one) => (one.name === 'default' ? {...one, refused: 'does not exist'} : one))
    expect(item('profile', found({owner: {profiles: unusable}}))).toMatchObject({kind: 'told', value: 'work'})
    expect(item('profile', found({owner: {profiles, profile: 'work', isOnlyProfile: true}}))).toMatchObject({
      kind: 'told',
      value: undefined,
    })
  })

  it('is not the scope of a service that is installed: that is where it is', () => {
    const profiles = OWNER.profiles.map((one) => ({...one, installedIn: ['system'] as const}))
    expect(item('scope', found({machine: {isRoot: true}, owner: {profiles}}))).toMatchObject({kind: 'told', value: 'system'})
  })

  it('is when it runs only where that can be chosen', () => {
    expect(item('linger', found({service: {startsAtBoot: true}}))).toMatchObject({kind: 'told', text: 'at boot', value: undefined})
    expect(item('linger', found({service: {canLinger: false}}))).toMatchObject({kind: 'told', text: 'when ann logs in'})
  })

  it('is the gateway where there is none or more than one, and of several the usual one needs no flag', () => {
    expect(item('command', found({service: {gateways: []}}))).toMatchObject({kind: 'text'})
    const gateways = [
      {argv: ['/a/hermes'], source: 'one'},
      {argv: ['/my python', '-m', 'hermes_cli.main'], source: 'another'},
    ]
    expect(item('command', found({service: {gateways}}))).toMatchObject({
      default: '',
      choices: [{value: ''}, {value: "'/my python' '-m' 'hermes_cli.main'"}],
    })
    expect(item('command', found({service: {gateways, keptCommand: '/mine'}}))).toMatchObject({kind: 'told', text: '/mine, as before'})
  })

  it('is no watchdog without a heartbeat, and no heartbeat where a watchdog is wanted', () => {
    expect(item('watchdog', found(), {}, {heartbeat: {value: 'off', by: 'person'}})).toMatchObject({
      kind: 'told',
      text: 'off, because the heartbeat is off',
      value: undefined,
    })
    expect(item('heartbeat', found(), {watchdog: '3'})).toMatchObject({kind: 'told', value: 'on'})
    expect(item('heartbeat', found(), {watchdog: 'off'})).toMatchObject({kind: 'confirm'})
  })

  it('is who is to be told, unless that was said, somebody is told already, or nothing would tell', () => {
    const secret = 'slack://T1/B1/secret'
    expect(item('notify', found())).toMatchObject({kind: 'secret', default: ''})
    expect(item('notify', found(), {notify: [secret]})).toMatchObject({
      kind: 'told',
      text: 'slack hooks.slack.com',
      value: 'slack hooks.slack.com',
      by: 'flag',
    })
    expect(item('notify', found({service: {told: 'ntfy ntfy.sh'}}))).toMatchObject({
      kind: 'told',
      text: 'ntfy ntfy.sh, as before',
      value: undefined,
    })
    expect(item('notify', found(), {heartbeat: 'off'})).toMatchObject({kind: 'told', text: 'nobody, because the heartbeat is off'})
    expect(withAnswers({}, {notify: {value: secret, by: 'person'}}).notify).toEqual([secret])
    expect(withAnswers({}, {notify: {value: '', by: 'default'}}).notify).toBeUndefined()
    expect(withAnswers({notify: [secret]}, {notify: {value: 'slack hooks.slack.com', by: 'flag'}}).notify).toEqual([secret])
  })

  it('has what was recorded as its defaults', () => {
    const settings = {...SETTINGS, linger: false, heartbeat: {enabled: false, intervalSec: 60, watchdogTicks: 7}}
    const from = found({service: {installed: 'own', settings}})
    expect(item('linger', from)).toMatchObject({default: 'login'})
    expect(item('heartbeat', from)).toMatchObject({default: 'off'})
    expect(item('watchdog', from)).toMatchObject({default: '7', yes: '7'})
  })

  it.each([
    [{installed: 'foreign'} as const, /installed by another tool; hermes-svc keeps it and adds its own restart policy$/],
    [{installed: 'foreign', replacesForeign: true} as const, /installed by another tool; hermes-svc replaces it$/],
    [{installed: 'adopted'} as const, /installed by another tool, with the restart policy of hermes-svc added$/],
    [{installed: 'own', isMeantStopped: true} as const, /installed; it is stopped and stays stopped/],
  ])('says what becomes of a service that is there: %o', (service, text) => {
    expect(item('service', found({service}))).toMatchObject({text: expect.stringMatching(text) as string})
  })
})

describe('repairs', () => {
  const finding = (id: string, isSafe: boolean): Finding => ({
    ...{id, kind: 'some', severity: 'warning', what: `what of ${id}`, why: 'w', evidence: [], cure: []},
    ...{isFixable: true, isSafe, explains: []},
  })
  const from = found({service: {findings: [finding('a', true), finding('b', false), finding('c', true)], repairs: ['a', 'b']}})

  it('are offered where a fix can be made, what is safe as the default', () => {
    expect(item('fix', from)).toMatchObject({choices: [{value: 'a', about: 'what of a'}, {value: 'b'}], default: ['a']})
    expect(item('fix', found())).toBeUndefined()
  })

  it.each([
    [['all'], ['a', 'b']],
    [['safe'], ['a']],
    [['none'], []],
    [['b'], ['b']],
    [['c'], []],
  ])('are what --fix %s says', (fix, value) => {
    expect(item('fix', from, {fix})).toMatchObject({kind: 'told', value})
  })
})

const name = fc.constantFrom('ann', 'bob', 'hermes')
const anyService: fc.Arbitrary<Partial<ServiceFound>> = fc.record({
  installed: fc.constantFrom('no', 'own', 'adopted', 'foreign'),
  startsAtBoot: fc.boolean(),
  canLinger: fc.boolean(),
  keptCommand: fc.option(fc.constant('/mine'), {nil: undefined}),
  gateways: fc
    .uniqueArray(fc.constantFrom('/a/hermes', '/b/hermes', '/c/hermes'))
    .map((files) => files.map((file) => ({argv: [file], source: 's'}))),
  settings: fc.option(
    fc.record({enabled: fc.boolean(), watchdogTicks: fc.option(fc.integer({min: 1, max: 100})), linger: fc.boolean()}).map((one) => ({
      ...SETTINGS,
      linger: one.linger,
      heartbeat: {enabled: one.enabled, intervalSec: 60, watchdogTicks: one.watchdogTicks},
    })),
    {nil: undefined},
  ),
})
const anyFound: fc.Arbitrary<Found> = fc
  .record({
    machine: fc.record({
      isRoot: fc.boolean(),
      account: fc.option(name, {nil: undefined}),
      accounts: fc.uniqueArray(name),
      isOnlyAccount: fc.boolean(),
    }),
    profiles: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('default', 'work', 'play'),
        home: fc.constant('/h'),
        refused: fc.option(fc.constant('no'), {nil: undefined}),
        installedIn: fc.subarray(['user', 'system'] as const),
      }),
      {selector: (one) => one.name, minLength: 1},
    ),
    service: anyService,
  })
  .map(({machine, profiles, service}) => found({machine, owner: {profiles, profile: profiles[0]?.name ?? 'default'}, service}))
const anyFlags: fc.Arbitrary<SetupFlags> = fc.record(
  {
    runAs: name,
    profile: fc.constantFrom('default', 'work'),
    scope: fc.constantFrom('user', 'system'),
    command: fc.constant('/x/hermes'),
    linger: fc.boolean(),
    heartbeat: fc.constantFrom('on', 'off'),
    watchdog: fc.constantFrom('off', '3'),
  },
  {requiredKeys: []},
)
/** An answer that the question takes, chosen by a number. */
const anyAnswer = (one: Item, choice: number): Answer['value'] => {
  if (one.kind === 'confirm') return choice % 2 === 0 ? one.yes : one.no
  if (one.kind === 'text') return 'typed'
  if (one.kind === 'secret') return choice % 2 === 0 ? 'ntfy://ntfy.sh/topic' : ''
  if (one.kind === 'told' || one.kind === 'pick') return []
  const possible = one.choices.filter(({refused}) => refused === undefined)
  return possible[choice % possible.length]?.value
}

describe('whatever is found and said', () => {
  it('nothing is asked twice, nor what a flag says, nor what has one answer; and each default can be chosen', () => {
    fc.assert(
      fc.property(anyFound, anyFlags, (from, flags) => {
        const items = itemsOf(from, flags, {})
        expect(new Set(items.map(({id}) => id)).size).toBe(items.length)
        const said = Object.keys(flags).map((flag) => (flag === 'runAs' ? 'run-as' : flag))
        expect(asked(from, flags).filter((id) => said.includes(id))).toEqual([])
        for (const one of items) {
          if (one.kind !== 'select') continue
          const possible = one.choices.filter(({refused}) => refused === undefined).map(({value}) => value)
          expect(possible.length).toBeGreaterThan(1)
          if (one.default !== undefined) expect(possible).toContain(one.default)
          else expect(one.id).toBe('run-as')
        }
      }),
    )
  })

  it('the flags that the answers stand for say the same, and leave nothing to ask but the usual gateway, and whom nobody named', () => {
    fc.assert(
      fc.property(anyFound, anyFlags, fc.nat(), (from, flags, choice) => {
        const answers = answered(from, flags, (one) => anyAnswer(one, choice))
        const meant = withAnswers(flags, answers)
        expect(asked(from, meant).filter((id) => !((id === 'command' || id === 'notify') && meant[id] === undefined))).toEqual([])
        expect(
          withAnswers(
            meant,
            answered(from, meant, (one) => (one.kind === 'secret' ? one.default : anyAnswer(one, 0))),
          ),
        ).toEqual(meant)
        // A flag is never overruled.
        expect(meant).toMatchObject(flags)
      }),
    )
  })

  it('the defaults for a service that is installed are what it has', () => {
    fc.assert(
      fc.property(anyService, (service) => {
        const from = found({service: {...INSTALLED, ...service}})
        const {settings} = {...INSTALLED, ...service}
        const answers = answered(from, {}, (one) => ('default' in one && one.default !== undefined ? one.default : 'typed'))
        const {linger, heartbeat, watchdog} = withAnswers({}, answers)
        if (!settings) return
        expect(heartbeat).toBe(settings.heartbeat.enabled ? 'on' : 'off')
        expect(watchdog).toBe(settings.heartbeat.enabled ? String(settings.heartbeat.watchdogTicks ?? 'off') : undefined)
        if (linger !== undefined) expect(linger).toBe(settings.linger)
      }),
    )
  })
})
