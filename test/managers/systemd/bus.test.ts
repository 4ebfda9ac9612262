import {describe, expect, it} from 'vitest'
import type {RunResult} from '../../../src/host/host.js'
import {
  isLingering,
  lingerFile,
  lookFailed,
  managerEnvironment,
  noUserManager,
  userManagerAnswers,
} from '../../../src/managers/systemd/bus.js'
import {runtimeFolder} from '../../../src/managers/systemd/paths.js'
import {type FakeFile, FakeHost, USER} from '../../fakes/fake-host.js'

describe('managerEnvironment', () => {
  it("names the folder and the bus of the account's own session", () => {
    expect(managerEnvironment('user', USER)).toMatchObject({
      HOME: '/home/user',
      USER: 'user',
      LOGNAME: 'user',
      XDG_RUNTIME_DIR: '/run/user/1000',
      DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/user/1000/bus',
    })
  })

  it('names no session for the manager of the machine', () => {
    expect(Object.keys(managerEnvironment('system', USER)).sort()).toEqual(['LC_ALL', 'PATH', 'SYSTEMD_COLORS', 'SYSTEMD_PAGER'])
  })

  it('asks for output that can be parsed, of programs found whatever PATH says', () => {
    for (const scope of ['user', 'system'] as const) {
      expect(managerEnvironment(scope, USER)).toMatchObject({
        LC_ALL: 'C.UTF-8',
        SYSTEMD_COLORS: '0',
        SYSTEMD_PAGER: '',
        PATH: expect.stringContaining('/usr/bin') as string,
      })
    }
  })
})

describe('runtimeFolder', () => {
  it("is the machine's or the account's", () => {
    expect(runtimeFolder('system', USER)).toBe('/run')
    expect(runtimeFolder('user', USER)).toBe('/run/user/1000')
  })
})

describe('userManagerAnswers', () => {
  const answers = (files: Record<string, FakeFile>) => userManagerAnswers(new FakeHost({files}), USER)

  it('is true with the bus, or with the private socket alone', () => {
    expect(answers({'/run/user/1000/bus': {kind: 'socket'}})).toBe(true)
    expect(answers({'/run/user/1000/systemd/private': {kind: 'socket'}})).toBe(true)
  })

  it('is false in a folder that logind has not mounted yet, or not any more', () => {
    expect(answers({'/run/user/1000': {folder: true, mode: 0o700, uid: 0, gid: 0}})).toBe(false)
  })

  it('is false without a session, and with files that are no sockets', () => {
    expect(answers({})).toBe(false)
    expect(answers({'/run/user/1000': {folder: true}})).toBe(false)
    expect(answers({'/run/user/1000/bus': {text: ''}})).toBe(false)
  })
})

describe('isLingering', () => {
  it("is told by logind's own record of the account", () => {
    const host = new FakeHost({files: {'/var/lib/systemd/linger/user': ''}})
    expect(isLingering(host, USER)).toBe(true)
    expect(isLingering(host, {...USER, name: 'ann'})).toBe(false)
  })
})

describe('noUserManager', () => {
  it('cannot tell, and names what starts it', () => {
    expect(noUserManager(new FakeHost(), USER)).toMatchObject({
      code: 'no-user-manager',
      exitStatus: 4,
      next: ['sudo loginctl enable-linger user'],
    })
    // Lingering that is on need not be turned on.
    const lingers = new FakeHost({files: {'/var/lib/systemd/linger/user': ''}})
    expect(noUserManager(lingers, USER).next).toEqual(['sudo systemctl restart user@1000.service'])
  })
})

describe('lookFailed', () => {
  const failed = (more: Partial<RunResult>) =>
    lookFailed({argv: ['systemctl', 'show'], code: 1, signal: null, stdout: '', stderr: '', ...more})

  it.each<[string, Partial<RunResult>, string, string]>([
    [
      'a bus that is not there',
      {stderr: 'Failed to connect to bus: No such file or directory\n'},
      'manager-unreachable',
      'Failed to connect to bus: No such file or directory',
    ],
    [
      'a machine without systemd',
      {stderr: "System has not been booted with systemd as init system (PID 1). Can't operate."},
      'manager-unreachable',
      'has not been booted',
    ],
    ['a refusal', {stderr: 'Failed to get properties: Access denied'}, 'manager-unreachable', 'Access denied'],
    ['no answer', {code: null, failure: 'TIMEOUT'}, 'manager-unreachable', 'no answer in time'],
    ['a missing systemctl', {code: null, failure: 'ENOENT'}, 'manager-unreachable', 'the program is missing'],
    ['a killed systemctl', {code: null, signal: 'SIGKILL'}, 'manager-unreachable', 'SIGKILL'],
    ['another error', {stderr: 'Unit name is not valid.\n'}, 'manager-refused', 'Unit name is not valid.'],
    ['an error without words', {code: 7}, 'manager-refused', 'exit status 7'],
  ])('cannot tell, and says what was run and why it failed: %s', (_, result, code, why) => {
    const error = failed(result)
    expect(error).toMatchObject({code, exitStatus: 4})
    expect(failed({argv: ['systemctl', 'show', '--property=Id,LoadState', '--', 'x'], ...result}).message).toMatch(
      /^systemctl show --property=… -- x: /,
    )
    expect(error.message).toContain('systemctl show: ')
    expect(error.message).toContain(why)
  })
})

describe('lingerFile', () => {
  it.each([
    ['user', 'user'],
    ['jörg', 'j\\303\\266rg'],
    ['CORP\\alice', 'CORP\\\\alice'],
    ["o'hara", "o\\'hara"],
  ])('of %s is named as logind names it', (name, file) => {
    const account = {...USER, name}
    expect(lingerFile(account)).toBe(`/var/lib/systemd/linger/${file}`)
    expect(isLingering(new FakeHost({files: {[`/var/lib/systemd/linger/${file}`]: ''}}), account)).toBe(true)
  })
})
