import {describe, expect, it} from 'vitest'
import {changedNotify, forgetNotify, planNotify, togetherNotify} from '../../src/lifecycle/notify-change.js'
import {formatNotify, NO_NOTIFY, notifyFile, readNotify} from '../../src/notify/notify-file.js'
import {doctorNotifyFile, notifyStateFile} from '../../src/notify/notify-state.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'
import {runPlan} from '../fakes/run-plan.js'

const NTFY = 'ntfy://ntfy.sh/secret-topic'
const TELL = 'exec:/bin/tell --password hush'
const told = {...NO_NOTIFY, targets: [NTFY, TELL]}

describe('a change of who is told', () => {
  it('adds each target once, and takes away what is meant by its text, by its name, or by all', () => {
    expect(changedNotify(told, {add: [NTFY, 'exec:/bin/other']}).targets).toEqual([NTFY, TELL, 'exec:/bin/other'])
    expect(changedNotify(told, {remove: [NTFY]}).targets).toEqual([TELL])
    expect(changedNotify(told, {remove: ['exec tell']}).targets).toEqual([NTFY])
    expect(changedNotify(told, {remove: ['all'], add: ['exec:/bin/other']}).targets).toEqual(['exec:/bin/other'])
  })

  it('leaves what is not asked for, and knows nothing from the default', () => {
    const other = {...told, on: ['down' as const], ping: 'https://example.org/x'}
    expect(changedNotify(other, {reminderMs: 5})).toEqual({...other, reminderMs: 5})
    expect(changedNotify(other, {on: null, ping: null})).toEqual({...told, on: undefined, ping: undefined})
  })

  it('refuses what is none of them, without saying what may be a secret that was mistyped', () => {
    expect(() => changedNotify(told, {remove: ['ntfy']})).toThrow('"ntfy" is not one of the targets: "ntfy ntfy.sh", "exec tell"')
    expect(() => changedNotify(told, {remove: ['exec:/bin/tell --password hushh']})).toThrow(
      /^the target that was named is not one of the targets/,
    )
    expect(() => changedNotify(NO_NOTIFY, {remove: ['x']})).toThrow('"x" is not one of the targets: there are none')
    expect(() => changedNotify(told, {add: Array.from({length: 30}, (_, index) => `exec:/bin/${index}`)})).toThrow(
      'at most 20 are possible',
    )
  })

  it('joins requests, the last of what can be said once', () => {
    expect(togetherNotify([{add: ['a'], reminderMs: 1}, {add: ['b'], remove: ['c']}, {reminderMs: 2}])).toEqual({
      ...{add: ['a', 'b'], remove: ['c'], reminderMs: 2},
    })
  })

  it('is written for the owner of the home alone, shown without what is secret, and gone with the last', async () => {
    const machine = new FakeSystemd()
    const {host, target, home} = machine
    const plan = planNotify(target, {add: [NTFY, TELL]})
    expect(plan.steps.map(({why}) => why)).toEqual(['record the targets: ntfy ntfy.sh, exec tell'])
    expect(plan.steps).toMatchObject([{kind: 'write-file', mode: 0o600, secret: true}])
    await runPlan(host, plan)
    expect(readNotify(host, home)).toEqual({kind: 'read', settings: told})
    expect(planNotify(target, {add: [NTFY]}).outcome).toMatch(/^nothing was changed/)
    await runPlan(host, planNotify(target, {remove: ['all']}))
    expect(host.texts()[notifyFile(home)]).toBeUndefined()
  })

  it('is refused where what is there cannot be read, so that it is not lost', () => {
    const {host, target, home} = new FakeSystemd()
    host.put(notifyFile(home), '{')
    expect(() => planNotify(target, {add: [NTFY]})).toThrow('which lists the targets: not a record of hermes-svc')
  })

  it('leaves nothing of it behind when the service goes', () => {
    const {host, target, home} = new FakeSystemd()
    expect(forgetNotify(target)).toEqual([])
    host.put(notifyFile(home), formatNotify(told))
    host.put(notifyStateFile(home), '{}')
    host.put(doctorNotifyFile(home), '{}')
    expect(forgetNotify(target)).toHaveLength(3)
  })
})
