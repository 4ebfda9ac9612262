import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {hasEnded, isGatewayCommandLine, isHeld, isThere, parseStat, profileOfCommandLine, readProcess} from '../../src/gateway/process.js'
import {FakeHost} from '../fakes/fake-host.js'
import {GATEWAY_ARGV, processFiles} from '../fakes/fake-process.js'

describe('parseStat', () => {
  it('counts the fields from the last parenthesis, whatever the command name is', () => {
    fc.assert(
      fc.property(
        fc.string({unit: fc.constantFrom('(', ')', ' ', 'S', '1', '\n', 'é', 'x'), maxLength: 15}),
        fc.constantFrom('R', 'S', 'D', 'T', 't', 'Z', 'X', 'I'),
        fc.nat(),
        fc.nat(),
        (comm, state, parentPid, startTime) => {
          const text = `12 (${comm}) ${state} ${parentPid} ${'7 '.repeat(17)}${startTime} 323538944 23139\n`
          expect(parseStat(text)).toEqual({state, parentPid, startTime})
        },
      ),
    )
  })

  it('makes nothing of a text that is cut off', () => {
    for (const text of ['', '12', '12 (hermes', '12 (hermes)', '12 (hermes) S', '12 (hermes) S 1 2 3'])
      expect(parseStat(text), text).toBeUndefined()
    expect(parseStat(undefined)).toBeUndefined()
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseStat(text)))
  })
})

describe('readProcess', () => {
  it('tells what /proc shows of a process', () => {
    const files = processFiles({
      pid: 77,
      state: 'R',
      comm: 'a) S 1 (b',
      parentPid: 5,
      startTime: 1234,
      argv: ['hermes', 'gateway', ''],
      env: {PATH: '/bin', HERMES_HOME: '/home/user/.hermes'},
      cgroup: '/system.slice/a.service',
    })
    expect(readProcess(new FakeHost({files}), 77)).toEqual({
      pid: 77,
      state: 'R',
      parentPid: 5,
      startTime: 1234,
      uid: 1000,
      argv: ['hermes', 'gateway', ''],
      home: '/home/user/.hermes',
      cgroup: '/system.slice/a.service',
    })
  })

  it('is undefined where there is no such process', () => {
    expect(readProcess(new FakeHost(), 77)).toBeUndefined()
  })

  it('is undefined where the process may not be seen', () => {
    const files = {...processFiles({pid: 77, uid: 5}), '/proc/77': {folder: true as const, mode: 0o500, uid: 5}}
    expect(readProcess(new FakeHost({files}), 77)).toBeUndefined()
  })

  it('keeps the last word of a command line that the process has written over, without its NUL', () => {
    const files = {...processFiles({pid: 77}), '/proc/77/cmdline': 'hermes\0gateway'}
    expect(readProcess(new FakeHost({files}), 77)?.argv).toEqual(['hermes', 'gateway'])
  })

  it('has no words for a kernel thread', () => {
    expect(readProcess(new FakeHost({files: processFiles({pid: 77, argv: []})}), 77)?.argv).toEqual([])
  })

  it('has no home if the environment may not be read, or names none', () => {
    const host = new FakeHost({
      files: {
        ...processFiles({pid: 1}),
        ...processFiles({pid: 2, env: {XHERMES_HOME: '/x'}}),
        ...processFiles({pid: 3, env: {HERMES_HOME: ' '}}),
      },
    })
    expect([1, 2, 3].map((pid) => readProcess(host, pid)?.home)).toEqual([undefined, undefined, undefined])
  })

  it('resolves the links of its home', () => {
    const files = {
      ...processFiles({pid: 77, env: {HERMES_HOME: '/home/user/.hermes/'}}),
      '/home/user/.hermes': {link: '/srv/data'},
      '/srv/data': {folder: true as const},
    }
    expect(readProcess(new FakeHost({files}), 77)?.home).toBe('/srv/data')
  })

  it('takes a home that is gone, or relative, as it stands', () => {
    const host = new FakeHost({
      files: {...processFiles({pid: 1, env: {HERMES_HOME: '/gone'}}), ...processFiles({pid: 2, env: {HERMES_HOME: 'here'}})},
    })
    expect([1, 2].map((pid) => readProcess(host, pid)?.home)).toEqual(['/gone', 'here'])
  })

  it("reads systemd's own hierarchy where there are two", () => {
    const files = {...processFiles({pid: 77}), '/proc/77/cgroup': '3:cpu,cpuacct:/other\n1:name=systemd:/user.slice/a.service\n0::/\n'}
    expect(readProcess(new FakeHost({files}), 77)?.cgroup).toBe('/user.slice/a.service')
  })

  it('reads the unified hierarchy where the named one is there and not used', () => {
    const files = {...processFiles({pid: 77}), '/proc/77/cgroup': '1:name=systemd:/\n0::/user.slice/a.service\n'}
    expect(readProcess(new FakeHost({files}), 77)?.cgroup).toBe('/user.slice/a.service')
  })
})

describe('isThere', () => {
  it('is true for a process that is there all the same', () => {
    const host = new FakeHost({foreignPids: [5], pids: [6]})
    expect([5, 6, 7].map((pid) => isThere(host, pid))).toEqual([true, true, false])
  })
})

describe('the state of a process', () => {
  const states = (test: typeof hasEnded) =>
    [...'RSDTtZXI']
      .filter((state) => test({pid: 1, state, parentPid: 1, startTime: 1, uid: 0, argv: [], home: undefined, cgroup: undefined}))
      .join('')

  it('has ended when it is a zombie or dead', () => {
    expect(states(hasEnded)).toBe('ZX')
  })

  it('is held when a signal or a debugger stopped it', () => {
    expect(states(isHeld)).toBe('Tt')
  })
})

describe('isGatewayCommandLine', () => {
  it.each([
    ['a module', GATEWAY_ARGV],
    ['a file of the package', ['/opt/hermes-agent/hermes_cli/main.py', 'gateway', 'run']],
    ['a launcher', ['/home/u/.local/bin/hermes', 'gateway', 'run']],
    [
      'a launcher that passes the module on in a script',
      ['python3', '-I', '-c', "import runpy; runpy.run_module('hermes_cli.main')", 'gateway', 'run'],
    ],
    ['no verb', ['hermes', 'gateway']],
    ['a restart without a supervisor', ['hermes', 'gateway', 'restart']],
    ['a profile flag before', ['hermes', '-p', 'work', 'gateway', 'run']],
    ['a joined profile flag', ['hermes', '--profile=work', 'gateway', 'run']],
    ['a profile flag between', ['hermes', 'gateway', '--profile', 'work', 'run']],
    ['a profile that is called as a verb', ['hermes', '-p', 'status', 'gateway']],
    ['options of the verb', ['hermes', 'gateway', '--verbose', 'run', '--replace']],
    ['a program of its own', ['/usr/bin/hermes-gateway']],
    ['the oldest script', ['python3', '/opt/hermes-agent/gateway/run.py']],
  ])('takes %s', (_, argv) => {
    expect(isGatewayCommandLine(argv)).toBe(true)
  })

  it.each([
    ['nothing', []],
    ['another verb', ['hermes', 'gateway', 'status']],
    ['a profile that is called gateway', ['hermes', '-p', 'gateway', 'chat']],
    ['a chat', ['hermes', 'chat']],
    ['an editor of its files', ['vi', '/home/u/.hermes/gateway.pid', 'gateway', 'run']],
    ['a name that only contains it', ['/usr/bin/hermes-svc', 'gateway', 'run']],
    ['words in another order', ['gateway', 'run', 'hermes']],
    ['a gateway of another program', ['/usr/bin/api', 'gateway', 'run']],
  ])('does not take %s', (_, argv) => {
    expect(isGatewayCommandLine(argv)).toBe(false)
  })
})

describe('profileOfCommandLine', () => {
  it('finds the flag wherever it stands', () => {
    expect(profileOfCommandLine(['hermes', '-p', 'ops', 'gateway', 'run'])).toBe('ops')
    expect(profileOfCommandLine(['hermes', 'gateway', 'run', '--profile', 'ops-2'])).toBe('ops-2')
    expect(profileOfCommandLine(['hermes', '-p=ops', 'gateway'])).toBe('ops')
    expect(profileOfCommandLine(['hermes', '--profile=', 'gateway'])).toBe('')
  })

  it('is undefined without one', () => {
    expect(profileOfCommandLine(['hermes', '-print', '--profiles', 'x'])).toBeUndefined()
  })
})
