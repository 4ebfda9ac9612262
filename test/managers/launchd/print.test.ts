import {describe, expect, it} from 'vitest'
import {parseDisabled, parseList, parsePrint} from '../../../src/managers/launchd/print.js'
import {printed} from '../../fakes/launchctl.js'

describe('launchctl print', () => {
  it('is read at its root alone: nested blocks have fields of the same names', () => {
    expect(parsePrint(printed())).toMatchObject({
      target: 'gui/501/ai.hermes.gateway',
      state: 'running',
      pid: 16090,
      path: '/Users/me/Library/LaunchAgents/ai.hermes.gateway.plist',
      lastExit: {how: 'exited', status: 0},
      exitReason: undefined,
      runs: 2,
      exitTimeoutSec: 5,
      throttleSec: 10,
      properties: ['keepalive', 'runatload', 'inferred program'],
    })
    expect(parsePrint(printed())?.environment.get('HERMES_HOME')).toBe('/Users/me/.hermes')
  })

  it.each([
    ['(never exited)', undefined],
    ['0', {how: 'exited', status: 0}],
    ['75: EX_TEMPFAIL', {how: 'exited', status: 75}],
    ['78: EX_CONFIG', {how: 'exited', status: 78}],
    ['a word that nobody knows', undefined],
  ])('knows the last exit code %s', (text, lastExit) => {
    expect(parsePrint(printed({'last exit code': text}))?.lastExit).toEqual(lastExit)
  })

  it.each([
    ['Terminated: 15', 15],
    ['Killed: 9', 9],
    ['Segmentation fault: 11', 11],
  ])('knows the last terminating signal %s', (text, status) => {
    const shown = parsePrint(printed({'last exit code': undefined, 'last terminating signal': text}))
    expect(shown?.lastExit).toEqual({how: 'killed', status})
  })

  it('has no pid for a job that does not run', () => {
    expect(parsePrint(printed({state: 'not running', pid: undefined}))).toMatchObject({state: 'not running', pid: undefined})
  })

  it('shows the penalty box, and why the kernel ended it', () => {
    const shown = parsePrint(
      printed({state: 'spawn scheduled', properties: 'keepalive | penalty box', 'last exit reason': 'OS_REASON_CODESIGNING'}),
    )
    expect(shown?.properties).toContain('penalty box')
    expect(shown?.exitReason).toBe('OS_REASON_CODESIGNING')
  })

  it.each([
    ['nothing', ''],
    ['another text', 'Bad request.\nCould not find service "x" in domain for user gui: 501\n'],
    ['a text that breaks off', printed().split('\n').slice(0, 20).join('\n')],
    ['a state that is not known', printed({state: 'pondering'})],
    ['no state', printed({state: undefined})],
    ['two states, one of an argument with newlines', printed().replace('\t\tgateway\n', '\t\tx\n\t}\n\tstate = not running\n\ty = {\n')],
  ])('is not understood if it is %s', (_, text) => {
    expect(parsePrint(text)).toBeUndefined()
  })
})

describe('launchctl print-disabled', () => {
  const labels = {'ai.hermes.gateway': true, 'com.example.other': false}
  it.each([
    [
      'today',
      'disabled services = {\n\t"ai.hermes.gateway" => disabled\n\t"com.example.other" => enabled\n}\n\nlogin item associations = {\n}\n',
    ],
    [
      'on macOS 26',
      '\n\tdisabled services = {\n\t\t"ai.hermes.gateway" => disabled\n\t\t"com.example.other" => enabled\n\t}\n\n\tlogin item associations = {\n\t}\n',
    ],
    ['on older systems', 'disabled services = {\n\t"ai.hermes.gateway" => true\n\t"com.example.other" => false\n}\n'],
  ])('is read as it is printed %s', (_, text) => {
    expect(Object.fromEntries(parseDisabled(text) ?? [])).toEqual(labels)
  })

  it.each([
    ['an empty list', 'disabled services = {\n}\n'],
    ['no list', '(no disabled services)\n'],
  ])('takes %s for nothing disabled', (_, text) => {
    expect(parseDisabled(text)?.size).toBe(0)
  })

  it.each([
    ['nothing', ''],
    ['another text', 'Could not find domain for user gui: 501\n'],
    ['a word that is not known', 'disabled services = {\n\t"ai.hermes.gateway" => perhaps\n}\n'],
    ['a text that breaks off', 'disabled services = {\n\t"ai.hermes.gateway" => disabled\n'],
  ])('is not understood if it is %s', (_, text) => {
    expect(parseDisabled(text)).toBeUndefined()
  })
})

describe('launchctl list', () => {
  it('is read row by row', () => {
    expect(parseList('PID\tStatus\tLabel\n1234\t0\ta\n-\t78\tb.c\n-\t-9\td e\n')).toEqual([
      {label: 'a', pid: 1234, lastExit: {how: 'exited', status: 0}},
      {label: 'b.c', pid: undefined, lastExit: {how: 'exited', status: 78}},
      {label: 'd e', pid: undefined, lastExit: {how: 'killed', status: 9}},
    ])
  })

  it.each([
    ['nothing', ''],
    ['no table', '{\n\t"Label" = "a";\n};\n'],
    ['a row that is none', 'PID\tStatus\tLabel\nx\t0\ta\n'],
  ])('is not understood if it is %s', (_, text) => {
    expect(parseList(text)).toBeUndefined()
  })
})
