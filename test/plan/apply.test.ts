import {createHash} from 'node:crypto'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ExitStatus, ServiceError} from '../../src/errors.js'
import type {Account} from '../../src/host/host.js'
import {applyPlan, PlanFailed} from '../../src/plan/apply.js'
import {performSteps} from '../../src/plan/perform.js'
import {type AppliedStep, onUndo, type Plan, type RunStep, type Step} from '../../src/plan/plan.js'
import {type FakeCommand, type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'
import {type Faults, faultyHost} from '../fakes/faulty-host.js'

const ROOT: Account = {uid: 0, gid: 0, name: 'root', home: '/root'}
const D = '/home/user/d'

const write = (path: string, text: string, mode = 0o644): Step => ({kind: 'write-file', why: `write ${path}`, path, text, mode})
const remove = (path: string): Step => ({kind: 'remove-file', why: `remove ${path}`, path})
const run = (...argv: string[]): RunStep => ({kind: 'run', why: argv.join(' '), argv, env: {A: '1'}})
const act = (work: (progress: (text: string) => void) => Promise<void> | void): Step => ({
  kind: 'act',
  why: 'act',
  act: async (progress) => {
    await work(progress)
    return {changed: true, what: 'something'}
  },
})
const fails = (): Step =>
  act(() => {
    throw new ServiceError('it went wrong', {code: 'wrong', exitStatus: ExitStatus.failed, evidence: ['a line'], next: ['do this']})
  })

interface Outcome {
  readonly host: FakeHost
  readonly applied: readonly AppliedStep[]
  readonly error: unknown
  readonly told: readonly string[]
}

/** Applies a plan on a machine with a folder of the user. `host` may be made before, `cancelled` asked at any time. */
async function apply(
  plan: Partial<Plan>,
  machine: {
    files?: Record<string, FakeFile | string>
    commands?: readonly FakeCommand[]
    host?: FakeHost
    faults?: Faults
    hear?: (line: string) => void
    cancelled?: () => boolean
  } = {},
): Promise<Outcome> {
  const {files, commands = [], faults, hear = () => undefined, cancelled = () => false} = machine
  const host = machine.host ?? new FakeHost({files: {[D]: {folder: true}, ...files}, commands})
  const told: string[] = []
  const listener = {
    begin: ({why}: {why: string}) => {
      told.push(`begin ${why}`)
      hear(`begin ${why}`)
    },
    progress: (text: string) => told.push(`progress ${text}`),
    end: ({why}: {why: string}, _: number, outcome: string) => told.push(`${outcome} ${why}`),
    close: () => told.push('close'),
  }
  try {
    const applied = await applyPlan(
      faults ? faultyHost(host, faults) : host,
      {title: 't', steps: [], outcome: 'o', ...plan},
      listener,
      cancelled,
    )
    return {host, applied, error: undefined, told}
  } catch (error) {
    return {host, applied: error instanceof PlanFailed ? error.applied : [], error, told}
  }
}

const sha = (text: string) => createHash('sha256').update(text).digest('hex')

describe('setting access', () => {
  const root = () => new FakeHost({account: ROOT, accounts: [USER], files: {[`${D}/log`]: {text: '', uid: 0, gid: 0, mode: 0o666}}})
  const give: Step = {kind: 'set-access', why: 'give', path: `${D}/log`, mode: 0o600, owner: USER}

  it('gives a file to its owner with its mode, and does nothing the second time', async () => {
    const host = root()
    expect((await apply({steps: [give]}, {host})).applied.map(({changed}) => changed)).toEqual([true])
    expect(host.lstat(`${D}/log`)).toMatchObject({uid: USER.uid, gid: USER.gid, mode: 0o600})
    expect((await apply({steps: [give]}, {host})).applied.map(({changed}) => changed)).toEqual([false])
  })

  it('is taken back if a later step fails', async () => {
    const host = root()
    expect((await apply({steps: [give, fails()]}, {host})).error).toMatchObject({code: 'wrong', leftovers: []})
    expect(host.lstat(`${D}/log`)).toMatchObject({uid: 0, gid: 0, mode: 0o666})
  })
})

describe('applying steps', () => {
  it('makes folders, writes files, removes them and runs programs, in their order', async () => {
    const files = {[`${D}/old`]: 'x', [`${D}/empty`]: {folder: true} as const}
    const steps: Step[] = [
      {kind: 'make-folder', why: 'make', path: `${D}/new`, mode: 0o700},
      write(`${D}/new/file`, 'text', 0o600),
      remove(`${D}/old`),
      {kind: 'remove-folder', why: 'remove', path: `${D}/empty`},
      run('true'),
    ]
    const {host, error} = await apply({steps}, {files, commands: [{argv: ['true'], via: 'run', env: {A: '1'}}]})
    expect(error).toBeUndefined()
    expect(host.changes).toMatchObject([
      {kind: 'makeFolder', path: `${D}/new`, mode: 0o700},
      {kind: 'writeAtomic', path: `${D}/new/file`, text: 'text', mode: 0o600},
      {kind: 'removeFile', path: `${D}/old`},
      {kind: 'removeFolder', path: `${D}/empty`},
      {kind: 'run', argv: ['true']},
    ])
  })

  it('tells what each step changed, with hashes of the content before and after', async () => {
    const steps = [write(`${D}/a`, 'new'), write(`${D}/b`, 'b'), remove(`${D}/c`), remove(`${D}/none`)]
    const {applied} = await apply({steps}, {files: {[`${D}/a`]: 'old', [`${D}/c`]: 'c'}})
    expect(applied.map(({changed, before, after}) => ({changed, before, after}))).toEqual([
      {changed: true, before: sha('old'), after: sha('new')},
      {changed: true, before: null, after: sha('b')},
      {changed: true, before: sha('c'), after: null},
      {changed: false, before: undefined, after: undefined},
    ])
  })

  it('does not touch what is already as wanted', async () => {
    const steps: Step[] = [
      write(`${D}/a`, 'a'),
      {kind: 'make-folder', why: 'make', path: D, mode: 0o700},
      {kind: 'remove-folder', why: 'remove', path: D},
    ]
    const {host, applied, told} = await apply({steps}, {files: {[`${D}/a`]: 'a'}})
    expect(host.changes).toEqual([])
    expect(applied.map(({changed}) => changed)).toEqual([false, false, false])
    expect(told.filter((line) => line.startsWith('unchanged'))).toHaveLength(3)
  })

  it('mends a wrong mode of a file whose text is right', async () => {
    const {host} = await apply({steps: [write(`${D}/a`, 'a', 0o600)]}, {files: {[`${D}/a`]: {text: 'a', mode: 0o644}}})
    expect(host.stat(`${D}/a`)?.mode).toBe(0o600)
  })

  it('never writes through a link', async () => {
    const {host, error} = await apply(
      {steps: [write(`${D}/a`, 'a')]},
      {files: {[`${D}/a`]: {link: '/home/user/elsewhere'}, '/home/user/elsewhere': 'x'}},
    )
    expect(error).toMatchObject({code: 'step-failed', message: expect.stringContaining('ELOOP') as string})
    expect(host.texts()['/home/user/elsewhere']).toBe('x')
  })

  it("does each step with its account's ids, and undoes it with them", async () => {
    const host = new FakeHost({
      account: ROOT,
      accounts: [USER],
      files: {[D]: {folder: true}, '/etc': {folder: true}},
      commands: [{argv: ['id'], as: 'user'}],
    })
    await apply({steps: [{...write(`${D}/a`, 'a'), as: USER}, {...run('id'), as: USER}, write('/etc/a', 'a'), fails()]}, {host})
    expect(host.changes.map((change) => `${change.kind} ${change.as}`)).toEqual([
      ...['writeAtomic user', 'run user', 'writeAtomic root'],
      ...['removeFile root', 'removeFile user'],
    ])
  })

  it('gives a program the time that its step allows', async () => {
    const host = new FakeHost()
    const limits: unknown[] = []
    host.run = (argv, options) => {
      limits.push(options)
      return Promise.resolve({argv, code: 0, signal: null, stdout: '', stderr: ''})
    }
    await apply({steps: [{...run('a'), timeoutMs: 7}, run('b')]}, {host})
    expect(limits).toEqual([{env: {A: '1'}, timeoutMs: 7}, {env: {A: '1'}}])
  })

  it('passes over the failure of a step that may fail, and notes it', async () => {
    const {applied, error} = await apply(
      {steps: [{...run('systemctl', 'reset-failed'), mayFail: true}, write(`${D}/a`, '')]},
      {commands: [{argv: ['systemctl', 'reset-failed'], code: 1, stderr: 'not loaded\n'}]},
    )
    expect(error).toBeUndefined()
    expect(applied[0]).toMatchObject({changed: false, note: 'systemctl reset-failed: not loaded'})
  })

  it('tells the listener of every beginning and end', async () => {
    const {told} = await apply({steps: [write(`${D}/a`, ''), act((progress) => progress('half'))], verify: () => Promise.resolve()})
    expect(told).toEqual([
      ...[`begin write ${D}/a`, `done write ${D}/a`],
      ...['begin act', 'progress half', 'done act'],
      ...['begin check that it worked', 'done check that it worked', 'close'],
    ])
  })
})

describe('a file that is written', () => {
  it('has nothing beside it afterwards that a killed write of it has left', async () => {
    const left = {[`${D}/.a.hermes-svc-tmp`]: '', [`${D}/.a.~1f.hermes-svc-tmp`]: 'half', [`${D}/.a.b.hermes-svc-tmp`]: "another's"}
    const {host} = await apply({steps: [write(`${D}/a`, 'new')]}, {files: {...left, [`${D}/.a.~2.hermes-svc-tmp`]: {folder: true}}})
    expect(host.list(D)?.sort()).toEqual(['.a.b.hermes-svc-tmp', '.a.~2.hermes-svc-tmp', 'a'])
  })
})

describe('a step that fails', () => {
  it.each<[string, Partial<FakeCommand>, string]>([
    ['its words', {code: 1, stderr: 'no such unit\n'}, 'systemctl start: no such unit'],
    ['its exit status', {code: 5}, 'systemctl start: exit status 5'],
    ['its signal', {signal: 'SIGKILL'}, 'systemctl start: exit status SIGKILL'],
    ['a time limit', {failure: 'TIMEOUT'}, 'systemctl start: TIMEOUT'],
  ])('is told with %s', async (_, answer, message) => {
    const {error} = await apply({steps: [run('systemctl', 'start')]}, {commands: [{argv: ['systemctl', 'start'], ...answer}]})
    expect(error).toMatchObject({message, code: 'command-failed', exitStatus: 1})
  })

  it('is told by what it was for, and not by its text, where that is a program of several lines', async () => {
    const argv = ['/bin/sh', '-c', '# Removes it.\nrm -rf -- "$1"\n', 'hermes-svc', '/slot']
    const answer = {argv, code: 1, stderr: "rm: cannot remove '/slot': Permission denied\n"}
    const {error} = await apply({steps: [{kind: 'run', why: 'remove the slot', argv, env: {}}]}, {commands: [answer]})
    expect(error).toMatchObject({
      message: "hermes-svc could not remove the slot: rm: cannot remove '/slot': Permission denied",
      code: 'command-failed',
    })
  })

  it('keeps code, evidence and advice of what went wrong', async () => {
    const {error} = await apply({steps: [fails()]})
    expect(error).toBeInstanceOf(PlanFailed)
    expect(error).toMatchObject({message: 'it went wrong', code: 'wrong', evidence: ['a line'], next: ['do this'], leftovers: []})
  })

  it('is foreseeable if a system call failed, and says which step it was', async () => {
    const {error} = await apply({steps: [write('/etc/x', '')]}, {files: {'/etc': {folder: true}}})
    expect(error).toMatchObject({code: 'step-failed', message: 'write /etc/x: cannot write /etc/x: EACCES'})
  })

  it('is shown as the bug that it is if nobody foresaw it, after undoing', async () => {
    const bug = new TypeError('x is not a function')
    const {host, error} = await apply({steps: [write(`${D}/a`, ''), act(() => Promise.reject(bug))]})
    expect(error).toBe(bug)
    expect(host.stat(`${D}/a`)).toBeUndefined()
  })

  it('is the last one that is tried', async () => {
    const {applied, host} = await apply({steps: [write(`${D}/a`, ''), fails(), run('never')]})
    expect(applied).toHaveLength(1)
    expect(host.changes.filter(({kind}) => kind === 'run')).toEqual([])
  })
})

describe('undoing', () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const anySteps = fc.array(
    fc.oneof(
      fc
        .tuple(name, fc.constantFrom('x', 'y'), fc.constantFrom(0o600, 0o644))
        .map(([file, text, mode]): Step => write(`${D}/${file}`, text, mode)),
      name.map((file): Step => remove(`${D}/${file}`)),
      name.map((folder): Step => ({kind: 'make-folder', why: 'make', path: `${D}/f-${folder}`, mode: 0o700})),
      name.map((folder): Step => ({kind: 'remove-folder', why: 'remove', path: `${D}/f-${folder}`})),
      fc.tuple(name, name).map(([folder, file]): Step => write(`${D}/f-${folder}/${file}`, 'in', 0o640)),
      fc
        .tuple(name, fc.constantFrom(0o600, 0o666))
        .map(([file, mode]): Step => ({kind: 'set-access', why: 'set', path: `${D}/${file}`, mode})),
    ),
    {maxLength: 8},
  )
  /** Some files and folders, and how all that steps above can reach looks. */
  const someMachine = () => {
    const files = {[`${D}/a`]: {text: 'x', mode: 0o640}, [`${D}/f-a`]: {folder: true, mode: 0o750} as const, [`${D}/f-b/a`]: 'in'}
    const host = new FakeHost({files: {[D]: {folder: true}, ...files}})
    const names = ['a', 'b', 'c', 'f-a', 'f-b', 'f-c'].flatMap((entry) => [entry, `${entry}/a`, `${entry}/b`, `${entry}/c`])
    const paths = [D, ...names.map((entry) => `${D}/${entry}`)]
    return {host, look: () => paths.map((path) => [path, host.stat(path)?.kind, host.stat(path)?.mode, host.texts()[path]])}
  }

  it('leaves every file, mode and folder as it was, whichever step fails', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        const {host, look} = someMachine()
        const before = look()
        const {error} = await apply({steps: [...steps, fails()]}, {host})
        expect(error).toMatchObject({leftovers: []})
        expect(look()).toEqual(before)
      }),
    )
  })

  it('leaves all as it was also where a step fails half-way, before or after it has taken effect', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, fc.integer({min: 1, max: 8}), fc.boolean(), async (steps, fault, isLate) => {
        const {host, look} = someMachine()
        const before = look()
        let isUndoing = false
        const hear = (line: string) => void (isUndoing ||= line === 'begin undo the changes made so far')
        const hits = (nth: number) => nth === fault && !isUndoing
        const {error} = await apply({steps: [...steps, fails()]}, {host, hear, faults: {hits, isLate}})
        expect(error).toMatchObject({leftovers: []})
        expect(look()).toEqual(before)
      }),
    )
  })

  it('names each file and folder that is not as it was, whatever fails while it undoes', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, fc.infiniteStream(fc.boolean()), fc.boolean(), async (steps, luck, isLate) => {
        const {host, look} = someMachine()
        const before = look()
        const hits = () => luck.next().value === true
        const {error} = await apply({steps: [...steps, fails()]}, {host, faults: {hits, isLate}})
        const {leftovers} = error as PlanFailed
        const changed = look().flatMap((now, index) => (JSON.stringify(now) === JSON.stringify(before[index]) ? [] : [String(now[0])]))
        // A folder that is gone has no files.
        const unnamed = changed.filter(
          (path) => !leftovers.some((line) => line.includes(path) || path.startsWith(line.split(' ')[1] ?? '-')),
        )
        expect(unnamed).toEqual([])
      }),
    )
  })

  it('puts a long log back too', async () => {
    const text = 'a line of a log\n'.repeat(100_000)
    const {host, error} = await apply({steps: [remove(`${D}/log`), fails()]}, {files: {[`${D}/log`]: text}})
    expect(error).toBeInstanceOf(PlanFailed)
    expect(host.readText(`${D}/log`, Infinity)).toBe(text)
  })

  it('goes backwards, with what was registered for it', async () => {
    const commands = ['reload', 'start', 'stop'].map((word): FakeCommand => ({argv: [word], via: 'run', times: Infinity}))
    const {host, told} = await apply(
      {steps: [...onUndo([run('reload'), run('start')]), write(`${D}/a`, ''), ...onUndo([run('stop')]), fails()]},
      {commands},
    )
    expect(host.changes.map((change) => ('argv' in change ? change.argv[0] : change.kind))).toEqual([
      'writeAtomic',
      'stop',
      'removeFile',
      'reload',
      'start',
    ])
    expect(told.filter((line) => line.includes('undoing'))).toEqual(
      ['stop', `remove ${D}/a`, 'reload', 'start'].map((what) => `progress undoing: ${what}`),
    )
  })

  it('runs nothing that was registered if all goes well', async () => {
    const {host, error} = await apply({steps: onUndo([run('never')])})
    expect(error).toBeUndefined()
    expect(host.changes).toEqual([])
  })

  it('goes on where something cannot be undone, and names it', async () => {
    const steps = [write(`${D}/a`, 'new'), ...onUndo([run('start')]), act(() => Promise.resolve()), fails()]
    const {host, error} = await apply({steps}, {files: {[`${D}/a`]: 'old'}, commands: [{argv: ['start'], code: 1, stderr: 'refused'}]})
    expect(error).toMatchObject({
      leftovers: ['start (start: refused)'],
      evidence: ['a line', 'could not be undone: start (start: refused)'],
    })
    expect(host.texts()[`${D}/a`]).toBe('old')
  })

  it('follows a failed outcome too', async () => {
    const {host, error, told} = await apply({
      steps: [write(`${D}/a`, '')],
      verify: () => Promise.reject(new ServiceError('it did not come up', {code: 'not-running', exitStatus: 1})),
    })
    expect(error).toMatchObject({code: 'not-running'})
    expect(told).toContain('failed check that it worked')
    expect(host.stat(`${D}/a`)).toBeUndefined()
  })

  it('does not follow a failed outcome of a plan that lasts, only a failed step', async () => {
    const verify = () => Promise.reject(new ServiceError('it did not stop', {code: 'not-stopped', exitStatus: 1}))
    const late = await apply({steps: [write(`${D}/a`, '')], verify, lasts: true})
    expect(late.error).toMatchObject({code: 'not-stopped', leftovers: []})
    expect(late.host.stat(`${D}/a`)).toBeDefined()
    const early = await apply({steps: [write(`${D}/a`, ''), fails()], verify, lasts: true})
    expect(early.host.stat(`${D}/a`)).toBeUndefined()
  })
})

describe('a step that fails late', () => {
  const late = (step: Step): Step => ({...step, failsLate: true})

  it('ends nothing, is told at the end, and nothing is undone for it', async () => {
    const steps = [late(write('/etc/x', '')), write(`${D}/a`, ''), late(fails())]
    const {host, error, applied} = await apply({steps, outcome: 'it is stopped'}, {files: {'/etc': {folder: true}}})
    expect(error).toMatchObject({
      code: 'step-failed',
      exitStatus: 1,
      leftovers: [],
      message: 'it is stopped, but some steps failed: write /etc/x: cannot write /etc/x: EACCES; it went wrong',
      // What it says depends on who runs this test.
      next: [expect.stringMatching(/sudo|root has no access either/), 'do this'],
    })
    expect(applied.map(({step}) => step.why)).toEqual([`write ${D}/a`])
    expect(host.texts()).toHaveProperty([`${D}/a`])
  })

  it('is undone with the others if one of them fails', async () => {
    const {host, error} = await apply({steps: [late(write(`${D}/a`, 'new')), fails()]}, {files: {[`${D}/a`]: 'old'}})
    expect(error).toMatchObject({message: 'it went wrong', leftovers: []})
    expect(host.texts()[`${D}/a`]).toBe('old')
  })
})

describe('a file on a full disk', () => {
  const whenFull = (content: Buffer) => (content.length >= 3 ? {offset: 0, bytes: Buffer.from('new')} : undefined)
  const step: Step = {kind: 'write-file', why: 'write', path: `${D}/a`, text: 'NEW', mode: 0o644, whenFull}
  const faults: Faults = {hits: (_, what) => what === 'writeAtomic', code: 'ENOSPC'}

  it('is written over its own bytes, if that can be', async () => {
    const {host, applied} = await apply({steps: [step]}, {files: {[`${D}/a`]: 'old'}, faults})
    expect(host.texts()[`${D}/a`]).toBe('new')
    expect(applied).toMatchObject([{changed: true, before: sha('old'), after: sha('new')}])
    expect((await apply({steps: [step]}, {files: {[`${D}/a`]: 'o'}, faults})).error).toMatchObject({
      message: expect.stringContaining('ENOSPC') as string,
    })
    expect((await apply({steps: [step]}, {faults})).error).toMatchObject({message: expect.stringContaining('ENOSPC') as string})
  })

  it('is as it was if a later step fails', async () => {
    const {host, error} = await apply({steps: [step, fails()]}, {files: {[`${D}/a`]: 'old'}, faults})
    expect(error).toMatchObject({leftovers: []})
    expect(host.texts()[`${D}/a`]).toBe('old')
  })
})

describe('an act', () => {
  it('that had nothing to do has changed nothing', async () => {
    const idle: Step = {kind: 'act', why: 'act', act: () => Promise.resolve({changed: false})}
    const {applied, told} = await apply({steps: [idle, act(() => undefined)]})
    expect(applied.map(({changed, note}) => [changed, note])).toEqual([
      [false, undefined],
      [true, 'something'],
    ])
    expect(told).toEqual(['begin act', 'unchanged act', 'begin act', 'done act', 'close'])
  })
})

describe('cancelling', () => {
  const waits = async (progress: (text: string) => void) => {
    for (let waited = 0; waited < 100; waited++) {
      progress(`${waited}`)
      await Promise.resolve()
    }
  }
  const cancelAfter = (asked: number) => {
    let times = 0
    return () => ++times > asked
  }

  it('that ends the program of a step as well is told as that, though it is heard of a moment later', async () => {
    let isHeard = false
    const {host, error} = await apply(
      {
        steps: [
          write(`${D}/a`, ''),
          act(() => {
            setImmediate(() => (isHeard = true))
            throw new ServiceError('systemctl show: SIGINT', {code: 'cannot-tell', exitStatus: ExitStatus.cannotTell})
          }),
        ],
      },
      {
        host: Object.assign(new FakeHost({files: {[D]: {folder: true}}}), {sleep: () => new Promise<void>((done) => setTimeout(done, 1))}),
        cancelled: () => isHeard,
      },
    )
    expect(error).toMatchObject({exitStatus: 130, message: 'cancelled: the changes made so far are undone'})
    expect(host.changes.length).toBeGreaterThan(0)
  })

  it('stops between two steps and undoes the first', async () => {
    const {host, error} = await apply({steps: [write(`${D}/a`, ''), run('never')]}, {cancelled: cancelAfter(1)})
    expect(error).toMatchObject({code: 'cancelled', exitStatus: 130, message: 'cancelled: the changes made so far are undone'})
    expect(host.stat(`${D}/a`)).toBeUndefined()
  })

  it('says so where nothing was done yet', async () => {
    const {error} = await apply({steps: [write(`${D}/a`, '')]}, {cancelled: () => true})
    expect(error).toMatchObject({exitStatus: 130, message: 'cancelled: nothing was changed'})
  })

  it.each<[string, Partial<Plan>]>([
    ['a step that commits has begun', {steps: [write(`${D}/a`, ''), {...act(waits), commits: true}]}],
    ['all of a plan that lasts is done', {steps: [write(`${D}/a`, '')], verify: waits, lasts: true}],
  ])('undoes nothing once %s, and says so', async (_, plan) => {
    const {host, error} = await apply(plan, {cancelled: cancelAfter(5)})
    expect(error).toMatchObject({
      exitStatus: 130,
      message: expect.stringMatching(/^cancelled: .* continues without this command$/) as string,
    })
    expect(host.stat(`${D}/a`)).toBeDefined()
  })

  it.each(['step', 'outcome'])('stops while a %s is waited for', async (where) => {
    let waited = 0
    const wait = async (progress: (text: string) => void) => {
      for (; waited < 100; waited++) {
        progress(`${waited}`)
        await Promise.resolve()
      }
    }
    const plan = where === 'step' ? {steps: [write(`${D}/a`, ''), act(wait)]} : {steps: [write(`${D}/a`, '')], verify: wait}
    const {host, error} = await apply(plan, {cancelled: cancelAfter(5)})
    expect(error).toMatchObject({code: 'cancelled', exitStatus: 130})
    expect(waited).toBeLessThan(10)
    expect(host.stat(`${D}/a`)).toBeUndefined()
  })

  it('does not stop the undoing', async () => {
    const undo = act((progress) => progress('still undoing'))
    const {error, told} = await apply({steps: [...onUndo([undo]), write(`${D}/a`, ''), run('never')]}, {cancelled: cancelAfter(2)})
    expect(error).toMatchObject({exitStatus: 130, leftovers: []})
    expect(told).toContain('progress still undoing')
  })
})

describe('performSteps', () => {
  it('does steps in their order, and undoes none of them', async () => {
    const host = new FakeHost({files: {[D]: {folder: true}}})
    await expect(performSteps(host, [write(`${D}/a`, ''), fails(), write(`${D}/b`, '')], () => undefined)).rejects.toThrow('it went wrong')
    expect(Object.keys(host.texts())).toEqual([`${D}/a`])
  })
})
