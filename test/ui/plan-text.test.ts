import {describe, expect, it} from 'vitest'
import {inPhase, onUndo, plannedAnew, type Plan, type Step} from '../../src/plan/plan.js'
import {fileDiff, planJson, planSummary, planText} from '../../src/ui/plan-text.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'
import {schemaErrors} from '../support/json-schemas.js'

const RUN: Step = {kind: 'run', why: 'start the gateway', argv: ['systemctl', 'start', 'x'], env: {TOKEN: 'hunter2'}}
const write = (path: string, text: string, secret?: boolean): Step => ({
  kind: 'write-file',
  why: `write ${path}`,
  path,
  text,
  mode: 0o600,
  ...(secret === undefined ? {} : {secret}),
})
const ACT: Step = {kind: 'act', why: 'wait', act: () => Promise.resolve({changed: false})}

const plan = (steps: readonly Step[]): Plan => ({title: 'install x', steps, outcome: 'nothing to do'})
const host = (files: Record<string, FakeFile | string> = {}) => new FakeHost({files})

describe('planSummary', () => {
  it('has a line for each phase with how many files it touches, one for each step without, and what is waited for', () => {
    const machine = host({'/etc/old': {text: 'line\n', mode: 0o600, uid: 1000}, '/etc/gone': ''})
    const steps = [
      ...inPhase('Write the unit', [
        write('/etc/new', ''),
        write('/etc/other', ''),
        write('/etc/old', ''),
        {kind: 'remove-file', why: 'remove it', path: '/etc/gone'},
      ]),
      ...inPhase('Start the gateway', [RUN, {kind: 'remove-file', why: 'forget failures', path: '/run/none'}]),
      ACT,
    ]
    expect(planSummary(machine, {...plan(steps), verify: () => Promise.resolve(), verifyPhase: 'Wait until it answers'})).toEqual([
      'Would install x:',
      '  Write the unit (files: 2 new, 1 changed, 1 removed)',
      '  Start the gateway',
      '  Wait',
      '  Wait until it answers',
    ])
  })

  it('says what there is nothing to do about', () => {
    expect(planSummary(host(), plan([]))).toEqual(['nothing to do'])
  })
})

describe('planText', () => {
  it('says what there is nothing to do about', async () => {
    expect(await planText(host(), plan([]))).toEqual(['nothing to do'])
  })

  it('shows each step, the command lines, and what would change in each file', async () => {
    const lines = await planText(
      host({'/etc/a': {text: 'one\ntwo\n', mode: 0o600, uid: 1000}}),
      plan([write('/etc/a', 'one\nthree\n'), RUN, ACT]),
    )
    expect(lines).toEqual([
      'Would install x:',
      '  Write /etc/a',
      '      --- /etc/a\tinstalled',
      '      +++ /etc/a\trendered',
      '      @@ -1,2 +1,2 @@',
      '       one',
      '      -two',
      '      +three',
      '  Start the gateway',
      '      $ systemctl start x',
      '  Wait',
    ])
  })

  it('leaves out what would be done only if something fails', async () => {
    expect(await planText(host(), plan([...onUndo([RUN]), ACT]))).toEqual(['Would install x:', '  Wait'])
  })

  it('shows of each kind what it does, when, and how long it waits', async () => {
    const gateway = {pid: 5, startTime: 7}
    const onlyIf = {when: 'it is still there', holds: () => true}
    const steps: Step[] = [
      {kind: 'signal', why: 'ask it', signal: 'SIGUSR1', process: gateway, waitMs: 630_000, answerMs: 30_000},
      {kind: 'signal', why: 'kill it', signal: 'SIGKILL', process: gateway, waitMs: 5000, onlyIf},
      {kind: 'signal', why: 'tell its parent', signal: 'SIGCHLD', process: gateway, waitMs: 0},
      {kind: 'edit-json', why: 'mirror it', path: '/h/s.json', field: 'desired_state', value: 'running', edit: () => () => undefined},
      {kind: 'ask-manager', why: 'load it', request: 'load', name: 'job', domain: 'gui/501', ask: () => Promise.resolve(true)},
      {kind: 'wait-until', why: 'wait for it', limitMs: 1500, until: () => Promise.resolve(true)},
      {kind: 'wait-until', why: 'wait for its brake', limitMs: undefined, until: () => Promise.resolve(true)},
      {kind: 'empty-folder', why: 'forget', path: '/h/d', names: ['a']},
      {...plannedAnew('restart it', () => [RUN]), onlyIf: {when: 'the gateway is not back by then', holds: () => true}},
    ]
    expect(await planText(host(), plan(steps))).toEqual([
      'Would install x:',
      ...['  Ask it', '      waits at most 630 s for its end, but only 30 s if the gateway does not react'],
      ...['  Kill it', '      only if it is still there', '      waits at most 5 s for its end'],
      '  Tell its parent',
      ...['  Mirror it', '      desired_state: "running"'],
      '  Load it',
      ...['  Wait for it', '      at most 1.5 s'],
      '  Wait for its brake',
      '  Forget',
      ...['  Start the gateway', '      only if the gateway is not back by then', '      $ systemctl start x'],
    ])
    expect(await planJson(host(), plan(steps))).toMatchObject({
      steps: [
        {kind: 'signal', when: null, pid: 5, signal: 'SIGUSR1', waitMs: 630_000, answerMs: 30_000},
        {kind: 'signal', when: 'it is still there', pid: 5, signal: 'SIGKILL', waitMs: 5000, answerMs: null},
        {kind: 'signal', pid: 5, signal: 'SIGCHLD', waitMs: 0},
        {kind: 'edit-json', path: '/h/s.json', field: 'desired_state', value: 'running'},
        {kind: 'ask-manager', request: 'load', name: 'job', domain: 'gui/501'},
        {kind: 'wait-until', limitMs: 1500},
        {kind: 'wait-until', limitMs: null},
        {kind: 'empty-folder', path: '/h/d', names: ['a']},
        {kind: 'run', when: 'the gateway is not back by then', argv: ['systemctl', 'start', 'x']},
      ],
    })
    const document = {schemaVersion: 1, ok: true, service: 's', profile: 'p', dryRun: true, changed: false}
    expect(schemaErrors('change', {...document, plan: await planJson(host(), plan(steps))})).toEqual([])
  })

  it('never shows a secret, neither the old nor the new one', async () => {
    const files = {'/etc/gateway.env': 'A="hunter1"'}
    const steps = [write('/etc/gateway.env', 'A="hunter2"', true), write('/etc/new.env', 'A="hunter2"', true)]
    const lines = await planText(host(files), plan(steps))
    expect(lines.join('\n')).not.toContain('hunter')
    expect(lines.filter((line) => line.includes('values'))).toEqual([
      '      (changes; its values are not shown)',
      '      (new; its values are not shown)',
    ])
    expect(JSON.stringify(await planJson(host(files), plan(steps)))).not.toContain('hunter')
  })

  it('changes nothing', async () => {
    const machine = host()
    await planText(machine, plan([write('/etc/a', 'x'), RUN]))
    await planJson(machine, plan([write('/etc/a', 'x'), RUN]))
    expect(machine.changes).toEqual([])
  })
})

describe('planJson', () => {
  it('shows each step as data, without environments', async () => {
    const steps: Step[] = [write('/etc/a', 'x\n'), RUN, ACT, {kind: 'remove-file', why: 'remove', path: '/etc/b'}, ...onUndo([RUN])]
    expect(await planJson(host(), plan(steps))).toEqual({
      title: 'install x',
      steps: [
        expect.objectContaining({kind: 'write-file', path: '/etc/a', mode: '0600', text: 'x\n', secret: false}),
        {kind: 'run', why: 'start the gateway', when: null, argv: ['systemctl', 'start', 'x']},
        {kind: 'act', why: 'wait', when: null},
        {kind: 'remove-file', why: 'remove', when: null, path: '/etc/b'},
      ],
    })
  })
})

describe('fileDiff', () => {
  const wanted = {path: '/etc/a', text: 'x\n', mode: 0o644}

  it('is empty where nothing would change', async () => {
    expect(await fileDiff(host({'/etc/a': 'x\n'}), wanted)).toEqual([])
    expect(await fileDiff(host({'/etc/a': 'x\n'}), {...wanted, secret: true})).toEqual([])
  })

  it('shows a new file as one that was not there', async () => {
    expect(await fileDiff(host(), wanted)).toEqual(['--- /dev/null\tinstalled', '+++ /etc/a\trendered', '@@ -0,0 +1,1 @@', '+x'])
  })

  it('shows a mode that would change, of a secret file too', async () => {
    const files = {'/etc/a': {text: 'x\n', mode: 0o600, uid: 1000}}
    expect(await fileDiff(host(files), wanted)).toEqual(['(mode 0600 of /etc/a becomes 0644)'])
    expect(await fileDiff(host(files), {...wanted, secret: true})).toHaveLength(1)
  })
})
