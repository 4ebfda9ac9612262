import {describe, expect, it} from 'vitest'
import {ExitStatus, ServiceError} from '../../src/errors.js'
import type {AppliedStep, Step} from '../../src/plan/plan.js'
import {committing, plannedAnew, waitStep} from '../../src/plan/plan.js'
import {performSteps} from '../../src/plan/perform.js'
import {HostError} from '../../src/host/host.js'
import {mirrorBackEdit, mirrorEdit} from '../../src/lifecycle/desired-mirror.js'
import {FakeHost} from '../fakes/fake-host.js'
import {GATEWAY_ARGV, processFiles} from '../fakes/fake-process.js'
import {runPlan} from '../fakes/run-plan.js'

const HOME = '/home/user/.hermes'
const STATE = `${HOME}/gateway_state.json`
const D = '/home/user/d'
const PID = 77

const machine = (files: ConstructorParameters<typeof FakeHost>[0] = {}) =>
  new FakeHost({...files, files: {[D]: {folder: true}, [HOME]: {folder: true}, ...files.files}})
/** A machine with a process, which ends at these signals. */
function withProcess(endsAt: readonly NodeJS.Signals[], startTime = 7) {
  const host = machine({pids: [PID], files: {...processFiles({pid: PID, startTime, argv: GATEWAY_ARGV, env: {HERMES_HOME: HOME}})}})
  const signal = host.signal.bind(host)
  host.signal = (pid, name) => {
    const sent = signal(pid, name)
    if (name !== 0 && endsAt.includes(name)) host.drop(`/proc/${pid}`)
    return sent
  }
  return host
}
const signal = (name: NodeJS.Signals, more: object = {}): Step => ({
  ...({kind: 'signal', why: name, signal: name, process: {pid: PID, startTime: 7}, home: HOME, waitMs: 1000} as const),
  ...more,
})
const mirror = (host: FakeHost): Step => ({
  ...({kind: 'edit-json', why: 'mirror', path: STATE, field: 'desired_state', value: 'stopped'} as const),
  edit: () => mirrorEdit({host, userHost: host}, HOME, 'stopped', false),
  takeBack: (before) => mirrorBackEdit('stopped', before),
})
const fails: Step = {
  kind: 'act',
  why: 'fail',
  act: () => Promise.reject(new ServiceError('it went wrong', {code: 'wrong', exitStatus: ExitStatus.failed})),
}
const signals = (host: FakeHost) => host.changes.flatMap((change) => (change.kind === 'signal' ? [change.signal] : []))
const apply = (host: FakeHost, steps: readonly Step[]) => runPlan(host, {title: 't', steps, outcome: 'o'})

describe('a step that is done once more', () => {
  const JOB = new Set<string>()
  const rows: [string, () => FakeHost, (host: FakeHost) => Step][] = [
    ['make-folder', machine, () => ({kind: 'make-folder', why: '', path: `${D}/a`, mode: 0o700})],
    ['write-file', machine, () => ({kind: 'write-file', why: '', path: `${D}/a`, text: 'a', mode: 0o600})],
    ['remove-file', () => machine({files: {[`${D}/a`]: 'a'}}), () => ({kind: 'remove-file', why: '', path: `${D}/a`})],
    [
      'remove-file (for good)',
      () => machine({files: {[`${D}/a`]: 'a'}}),
      () => ({kind: 'remove-file', why: '', path: `${D}/a`, forGood: true}),
    ],
    ['remove-folder', machine, () => ({kind: 'remove-folder', why: '', path: D})],
    ['empty-folder', () => machine({files: {[`${D}/a`]: 'a'}}), () => ({kind: 'empty-folder', why: '', path: D})],
    [
      'set-access',
      () => machine({files: {[`${D}/a`]: {text: 'a', mode: 0o666}}}),
      () => ({kind: 'set-access', why: '', path: `${D}/a`, mode: 0o600}),
    ],
    ['edit-json', () => machine({files: {[STATE]: '{"desired_state":"running"}'}}), mirror],
    ['edit-json (a member that was missing)', () => machine({files: {[STATE]: '{}'}}), mirror],
    ['signal', () => withProcess(['SIGTERM']), () => signal('SIGTERM')],
    [
      'ask-manager',
      machine,
      () => ({kind: 'ask-manager', why: '', request: 'unload', name: 'job', ask: () => Promise.resolve(JOB.delete('job'))}),
    ],
    [
      'act',
      machine,
      () => ({
        kind: 'act',
        why: '',
        act: () => Promise.resolve(JOB.delete('job') ? {changed: true, what: 'the job'} : {changed: false}),
      }),
    ],
  ]

  it.each(rows)('says that nothing was changed by it: %s', async (_, makeHost, makeStep) => {
    const host = makeHost()
    JOB.add('job')
    expect((await apply(host, [makeStep(host)])).map(({changed}) => changed)).toEqual([true])
    const changes = host.changes.length
    expect((await apply(host, [makeStep(host)])).map(({changed}) => changed)).toEqual([false])
    expect(host.changes.slice(changes)).toEqual([])
  })
})

describe('edit-json', () => {
  it('says that nothing was changed where there is no file, as in a fresh home, and makes none', async () => {
    const host = machine()
    expect(await apply(host, [mirror(host)])).toMatchObject([{changed: false}])
    expect(host.changes).toEqual([])
  })

  it.each(['{"desired_state":"running","pid":5}', '{"pid":5}'])('is taken back if a later step fails: %s', async (before) => {
    const host = machine({files: {[STATE]: before}})
    await expect(apply(host, [mirror(host), fails])).rejects.toMatchObject({leftovers: []})
    expect(JSON.parse(host.texts()[STATE] ?? '')).toEqual(JSON.parse(before))
  })

  it('takes nothing back that it did not write', async () => {
    const host = machine({files: {[STATE]: '{"desired_state":"stopped"}'}})
    await expect(apply(host, [mirror(host), fails])).rejects.toMatchObject({leftovers: []})
    expect(host.changes).toEqual([])
  })
})

describe('signal', () => {
  it('signals a process as long as one before has not ended it, and each time that very process alone', async () => {
    const host = withProcess(['SIGKILL'])
    const applied = await performSteps(host, [signal('SIGUSR1'), signal('SIGTERM'), signal('SIGKILL'), signal('SIGTERM')], () => undefined)
    expect(signals(host)).toEqual(['SIGUSR1', 'SIGTERM', 'SIGKILL'])
    expect(applied.map(({changed, came}) => [changed, came])).toEqual([
      [true, false],
      [true, false],
      [true, true],
      [false, false],
    ])
  })

  it.each([
    ['was started at another time', signal('SIGKILL', {process: {pid: PID, startTime: 8}})],
    ['is the gateway of another home', signal('SIGKILL', {home: '/home/user/other'})],
  ])('never signals what has the pid and %s', async (_, step) => {
    const host = withProcess([])
    expect(await apply(host, [step])).toMatchObject([{changed: false}])
    expect(signals(host)).toEqual([])
  })

  it('announces nothing to a gateway that is gone', async () => {
    const host = machine({files: {[`${D}/memory`]: {folder: true}}})
    await apply(host, [signal('SIGTERM', {isPlannedStop: true, memory: `${D}/memory`})])
    expect(host.changes).toEqual([])
  })

  it('fails for what is there all the same, if nothing comes after it', async () => {
    const survived = (isTimeUp: boolean) => new ServiceError(`time is up: ${isTimeUp}`, {code: 'x', exitStatus: ExitStatus.failed})
    await expect(apply(withProcess([]), [signal('SIGKILL', {survived})])).rejects.toThrow('time is up: false')
    await expect(apply(withProcess([]), [signal('SIGUSR1', {survived, deadlineMs: 0})])).rejects.toThrow('time is up: true')
  })
})

describe('wait-until', () => {
  const limits = {why: 'wait for it', limitMs: 1000, everyMs: 100}
  const late = () => new ServiceError('it did not come', {code: 'x', exitStatus: ExitStatus.failed})

  it('changes nothing, and says whether it has come', async () => {
    const host = machine()
    host.after(500, () => host.put(`${D}/a`, ''))
    const step = waitStep(host, limits, () => host.lstat(`${D}/a`) !== undefined, late)
    expect(await apply(host, [step])).toMatchObject([{changed: false, came: true}])
  })

  it('fails if it does not come in time', async () => {
    const host = machine()
    await expect(apply(host, [waitStep(host, limits, () => false, late)])).rejects.toThrow('it did not come')
  })
})

describe('a folder beside those of other services', () => {
  const beside: Step = {kind: 'make-folder', why: '', path: `${D}/gone/own`, mode: 0o700, besideOthers: true}

  it('is made though another command has just taken its parent away, and both go again if that is undone', async () => {
    const host = machine()
    await apply(host, [beside])
    expect([host.stat(`${D}/gone`)?.mode, host.stat(`${D}/gone/own`)?.mode]).toEqual([0o755, 0o700])
    const other = machine()
    await expect(apply(other, [beside, fails])).rejects.toThrow('it went wrong')
    expect(other.stat(`${D}/gone`)).toBeUndefined()
  })

  it('is the only one whose parent is made', async () => {
    const host = machine()
    await expect(apply(host, [{kind: 'make-folder', why: '', path: `${D}/gone/own`, mode: 0o700}])).rejects.toThrow('ENOENT')
    expect(host.stat(`${D}/gone`)).toBeUndefined()
  })
})

describe('a condition', () => {
  const write = (onlyIf: Step['onlyIf']): Step => ({kind: 'write-file', why: '', path: `${D}/a`, text: '', mode: 0o600, onlyIf})

  it('is asked with what came of the steps before, in the moment in which the step would be done', async () => {
    const host = machine()
    const holds = (before: readonly AppliedStep[]) => before.some(({changed}) => changed)
    const first: Step = {kind: 'make-folder', why: '', path: `${D}/b`, mode: 0o700}
    const second = {...write({when: 'a folder was made', holds})}
    expect((await apply(host, [second])).map(({changed}) => changed)).toEqual([false])
    expect((await apply(host, [first, second])).map(({changed}) => changed)).toEqual([true, true])
  })

  it('holds for all that steps planned anew come to', async () => {
    const host = machine()
    const anew = {...plannedAnew('write', () => [write(undefined)]), onlyIf: {when: 'never', holds: () => false}}
    await apply(host, [anew])
    await performSteps(host, [anew], () => undefined)
    expect(host.changes).toEqual([])
  })
})

describe('a step that may fail', () => {
  it('is passed over with its failure noted, whether a program or a system call failed', async () => {
    const host = machine({commands: [{argv: ['false'], via: 'run', code: 1, stderr: 'refused'}]})
    host.writeAtomic = (path) => {
      throw new HostError('ENOSPC', path, 'cannot write')
    }
    const steps: Step[] = [
      {kind: 'run', why: '', argv: ['false'], env: {}, mayFail: true},
      {kind: 'write-file', why: '', path: `${D}/a`, text: '', mode: 0o600, mayFail: true},
    ]
    expect((await apply(host, steps)).map(({changed, note}) => [changed, note])).toEqual([
      [false, 'false: refused'],
      [false, `cannot write ${D}/a: ENOSPC`],
    ])
  })
})

describe('steps of which the first commits', () => {
  it('are not undone, nor is what was done before them, if one of them fails', async () => {
    const host = machine()
    const write = (name: string): Step => ({kind: 'write-file', why: name, path: `${D}/${name}`, text: '', mode: 0o600})
    await expect(apply(host, [write('a'), ...committing([write('b'), write('c'), fails])])).rejects.toMatchObject({leftovers: []})
    expect(Object.keys(host.texts())).toEqual([`${D}/a`, `${D}/b`, `${D}/c`])
  })
})
