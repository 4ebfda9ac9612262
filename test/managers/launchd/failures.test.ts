import {describe, expect, it} from 'vitest'
import type {RunResult} from '../../../src/host/host.js'
import {answerOf, causesOf, changeFailed, loadFailed, lookFailed, whyNoLog} from '../../../src/managers/launchd/failures.js'
import {type FakeFile, FakeHost, USER} from '../../fakes/fake-host.js'

const PLIST = '/home/user/Library/LaunchAgents/ai.hermes.gateway.plist'
const PROGRAM = '/home/user/launcher'

function answer(code: number | null, stderr = '', more: Partial<RunResult> = {}): RunResult {
  return {argv: ['launchctl', 'x'], code, signal: null, stdout: '', stderr, ...more}
}

describe("launchctl's answers", () => {
  it.each([
    [0, '', 'done'],
    [113, 'Bad request.\nCould not find service "x" in domain for user gui: 501', 'not-loaded'],
    [113, 'Could not find service "x" in domain for uid: 501', 'not-loaded'],
    [3, 'Boot-out failed: 3: No such process', 'not-loaded'],
    [112, 'Could not find domain for user gui: 9999', 'no-domain'],
    [125, 'Domain does not support specified action', 'no-domain'],
    [125, 'Could not kickstart service "x": 125: Domain does not support specified action', 'no-domain'],
    [5, 'Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.', 'busy'],
    [5, '/x.plist: service already bootstrapped', 'busy'],
    [37, 'Bootstrap failed: 37: Operation already in progress', 'busy'],
    [36, 'Boot-out failed: 36: Operation now in progress', 'busy'],
    [124, '', 'busy'],
    [1, 'Not privileged to signal service.', 'denied'],
    [1, 'Could not enable service: 1: Operation not permitted', 'denied'],
    [119, 'Bootstrap failed: 119: Service is disabled', 'refused'],
    [122, 'Bootstrap failed: 122: Path had bad ownership/permissions', 'refused'],
    [134, '', 'refused'],
    [155, '', 'refused'],
    [64, 'Unrecognized target specifier.', 'unknown'],
    [null, '', 'unknown'],
  ])('%s %j is %s', (code, stderr, meaning) => {
    expect(answerOf(answer(code, stderr))).toBe(meaning)
  })

  it('are found on stdout as well', () => {
    expect(answerOf(answer(1, '', {stdout: 'Could not find service "x" in domain for system\n'}))).toBe('not-loaded')
  })

  it('that never came are "cannot tell"', () => {
    expect(lookFailed(answer(null, '', {failure: 'TIMEOUT'}))).toMatchObject({
      exitStatus: 4,
      code: 'manager-unreachable',
      message: 'launchctl x: no answer in time',
    })
    expect(lookFailed(answer(null, '', {signal: 'SIGKILL'})).message).toBe('launchctl x: SIGKILL')
    expect(lookFailed(answer(64, 'what?\n'))).toMatchObject({exitStatus: 4, code: 'manager-refused', message: 'launchctl x: what?'})
  })

  it('to a change that was not made are a failure', () => {
    expect(changeFailed(answer(1, 'Not privileged to signal service.\n'), 'it could not be stopped')).toMatchObject({
      exitStatus: 1,
      code: 'manager-denied',
      message: 'it could not be stopped: launchctl x: Not privileged to signal service.',
    })
  })
})

describe('the causes behind a load that failed', () => {
  const text = (members = '') =>
    `<plist version="1.0"><dict><key>Label</key><string>ai.hermes.gateway</string><key>Program</key><string>${PROGRAM}</string>` +
    `<key>LimitLoadToSessionType</key><string>Aqua</string>${members}</dict></plist>`
  const job = {label: 'ai.hermes.gateway', plist: PLIST, owner: USER, sessionType: 'Aqua', isDisabled: false}
  const good = {[PLIST]: text(), [PROGRAM]: {text: '', mode: 0o755}}
  const codes = (files: Record<string, string | FakeFile>, more = {}) =>
    causesOf(new FakeHost({files}), {...job, ...more}).map(({code}) => code)

  it('are none for a job that should load', () => {
    expect(codes(good)).toEqual([])
  })

  it.each<[string, Record<string, string | FakeFile>]>([
    ['plist-missing', {}],
    ['plist-permissions', {...good, [PLIST]: {text: text(), mode: 0o664}}],
    ['plist-permissions', {...good, [PLIST]: {text: text(), uid: 0}}],
    ['plist-permissions', {...good, [PLIST]: {link: '/elsewhere'}}],
    ['plist-malformed', {...good, [PLIST]: '<plist><dict>'}],
    ['plist-malformed', {...good, [PLIST]: text().replace('ai.hermes.gateway', 'another')}],
    ['wrong-domain', {...good, [PLIST]: text().replace('Aqua', 'Background')}],
    ['program-missing', {[PLIST]: text()}],
    ['program-missing', {...good, [PROGRAM]: {text: '', mode: 0o644}}],
    ['log-path', {...good, [PLIST]: text('<key>StandardOutPath</key><string>/Volumes/Disk/x.log</string>')}],
  ])('tell %s', (code, files) => {
    expect(codes(files)).toContain(code)
  })

  it('tell a job that is disabled, and how it is enabled', () => {
    expect(causesOf(new FakeHost({files: good}), {...job, isDisabled: true})).toEqual([
      {code: 'disabled-override', what: expect.stringContaining('disabled') as string, next: ['hermes-svc start']},
    ])
  })

  it('say nothing of a binary property list, which only launchd reads', () => {
    expect(codes({...good, [PLIST]: 'bplist00'})).toEqual([])
  })

  it('take a job without a session type for one of the desktop', () => {
    const plist = text().replace(/<key>LimitLoad.*?<\/string>/, '')
    expect(codes({...good, [PLIST]: plist})).toEqual([])
    expect(codes({...good, [PLIST]: plist}, {sessionType: 'Background'})).toEqual(['wrong-domain'])
  })

  it('make the message, with what launchd said as evidence', () => {
    const error = loadFailed(new FakeHost({files: {}}), answer(5, 'Bootstrap failed: 5: Input/output error\n'), job)
    expect(error).toMatchObject({exitStatus: 1, code: 'plist-missing', next: ['hermes-svc install']})
    expect(error.message).toBe(`launchd did not load ai.hermes.gateway: ${PLIST} does not exist`)
    expect(error.evidence).toEqual(['launchctl x: Bootstrap failed: 5: Input/output error'])
  })

  it('leave the words of launchd where nothing is known', () => {
    const error = loadFailed(new FakeHost({files: good}), answer(5, 'Bootstrap failed: 5: Input/output error\n'), job)
    expect(error.message).toBe('launchd did not load ai.hermes.gateway: Bootstrap failed: 5: Input/output error')
  })
})

describe('a log', () => {
  it('must lie on the disk of the system, and be a file', () => {
    const host = new FakeHost({files: {'/log': 'x', '/folder': {folder: true}}})
    expect(whyNoLog(host, '/log')).toBeUndefined()
    expect(whyNoLog(host, '/not/there/yet')).toBeUndefined()
    expect(whyNoLog(host, '/folder')).toContain('is a folder')
    expect(whyNoLog(host, '/Volumes/Disk/log')).toContain('is not on the system disk')
  })
})
