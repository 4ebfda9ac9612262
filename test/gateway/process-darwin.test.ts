import {execFileSync, spawn} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {ageMs, ancestorsOf, isThere, programName, readProcess, readProcesses, startedAt, whatHolds} from '../../src/gateway/process.js'
import {parsePs, TOOL_ENVIRONMENT} from '../../src/gateway/process-darwin.js'
import {ancestorsIn, childrenOf, readProcessTable} from '../../src/gateway/process-table.js'
import {USER} from '../fakes/fake-host.js'
import {FakeMac} from '../fakes/fake-darwin.js'
import {GATEWAY_ARGV} from '../fakes/fake-process.js'

const HOME = '/home/user/.hermes'
const FOLDER = {[HOME]: {folder: true as const}}
const START = Date.UTC(2026, 10, 22, 8, 39, 25) / 10
const ARGUMENTS = ['pid', 'ppid', 'uid', 'state', 'lstart', 'command'].flatMap((keyword) => ['-o', `${keyword}=`])
const NOW = Date.UTC(2026, 10, 22, 9)

describe('parsePs', () => {
  const rows = parsePs(readFileSync(new URL('../fixtures/darwin/ps.txt', import.meta.url), 'utf8'))

  it('reads the rows of macOS', () => {
    expect(rows.map(({pid, parentPid, uid, state}) => [pid, parentPid, uid, state])).toEqual([
      [1, 0, 0, 'S'],
      [312, 1, 0, 'S'],
      [540, 1, 501, 'S'],
      [4321, 540, 501, 'S'],
      [4400, 4321, 501, 'Z'],
      [4401, 4321, 501, 'T'],
      [4500, 1, -2, 'U'],
      [99999, 1, 501, 'R'],
    ])
    expect(rows[3]).toMatchObject({startTime: START, argv: expect.arrayContaining(['-p', 'work', 'gateway', 'run'])})
    expect(rows[0]?.startTime).toBe(Date.UTC(2026, 10, 1, 7, 3, 59) / 10)
    expect(rows[7]?.argv).toEqual([])
  })

  it('reads nothing from a row that is cut off, and none of two rows for one pid', () => {
    expect(parsePs('  501     1   501 S    Sun Nov 22 08:39\n')).toEqual([])
    const forged = '  501     1   501 S    Sun Nov 22 08:39:25 2026     sh -c x\n'
    expect(parsePs(forged + forged.replace('sh -c x', 'hermes gateway run'))).toEqual([])
  })

  it('reads what the ps of this machine prints for the same columns', async () => {
    const child = spawn('/bin/sleep', ['60'], {stdio: 'ignore'})
    try {
      await new Promise((resolve) => child.once('spawn', resolve))
      const nowMs = Date.now()
      const [row] = parsePs(
        execFileSync('/bin/ps', ['-ww', ...ARGUMENTS, '-p', String(child.pid)], {env: TOOL_ENVIRONMENT, encoding: 'utf8'}),
      )
      expect(row).toMatchObject({pid: child.pid, parentPid: process.pid, uid: process.getuid?.(), argv: ['/bin/sleep', '60']})
      expect(startedAt(row ?? {startTime: 0}, nowMs / 10)).toBe(true)
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('a process on macOS', () => {
  it('is told by ps, its home by its environment', () => {
    const mac = new FakeMac({files: FOLDER}, [
      {pid: 77, state: 'S', parentPid: 5, startTime: START + 42, env: {PATH: '/bin', HERMES_HOME: HOME}},
    ])
    expect(readProcess(mac, 77)).toEqual({
      pid: 77,
      state: 'S',
      parentPid: 5,
      startTime: START,
      startSlack: 200,
      uid: 1000,
      argv: GATEWAY_ARGV,
      home: HOME,
      cgroup: undefined,
    })
    expect(readProcess(mac, 78)).toBeUndefined()
    expect(programName(mac, 77)).toBe('python3')
    expect(programName(mac, 78)).toBeUndefined()
    expect(whatHolds(mac, 77)).toContain('spindump 77')
  })

  it.each<[string, Record<string, string> | undefined, string | undefined, boolean]>([
    ['with blanks', {HERMES_HOME: '/home/user/my home', PATH: '/bin'}, '/home/user/my home', false],
    ['at the end', {PATH: '/bin', HERMES_HOME: HOME}, HOME, false],
    ['of a link', {HERMES_HOME: '/home/user/link'}, HOME, false],
    ['that is not set', {PATH: '/bin'}, undefined, false],
    ['that is blank', {HERMES_HOME: '', PATH: '/bin'}, undefined, false],
    ['in an environment that is not shown', undefined, undefined, true],
    ['that was cut at what looks like a variable', {HERMES_HOME: '/home/user/a b=c'}, undefined, true],
    ['that ps has changed', {HERMES_HOME: '/home/user/M-CM-)'}, undefined, true],
    ['beside one that looks the same', {FOO: 'x HERMES_HOME=/', HERMES_HOME: HOME}, undefined, true],
    ['that is relative', {HERMES_HOME: 'home'}, undefined, true],
  ])('has a home %s', (_, env, home, isThere) => {
    const files = {...FOLDER, '/home/user/my home': {folder: true as const}, '/home/user/link': {link: HOME}}
    const process = readProcess(new FakeMac({files}, [{pid: 77, env}]), 77)
    expect([process?.home, process?.isHomeHidden ?? false]).toEqual([home, isThere])
  })

  it('has a home only as the environment says, not the command line', () => {
    const argv = ['env', 'HERMES_HOME=/', 'hermes', 'gateway', 'run']
    expect(readProcess(new FakeMac({files: FOLDER}, [{pid: 77, argv, env: {HERMES_HOME: HOME}}]), 77)?.home).toBe(HOME)
  })

  it("of another user shows its home to root alone, and no other program's environment is asked for", () => {
    const processes = [
      {pid: 77, uid: 502, env: {HERMES_HOME: HOME}},
      {pid: 78, argv: ['vi', 'hermes']},
    ]
    const mac = new FakeMac({files: FOLDER}, processes)
    expect(readProcesses(mac, [77, 78]).map(({isHomeHidden}) => isHomeHidden)).toEqual([true, true])
    expect(mac.processes.ran).toEqual([`ps -ww ${ARGUMENTS.join(' ')} -p 77,78`])
    const root = new FakeMac({files: FOLDER, account: {...USER, uid: 0, name: 'root'}}, processes)
    expect(readProcess(root, 77)?.home).toBe(HOME)
    expect(root.processes.ran).toHaveLength(2)
  })

  it('is hidden where ps does not show what is there', () => {
    const mac = new FakeMac({pids: [77], foreignPids: [78]})
    expect([77, 78, 79].map((pid) => isThere(mac, pid))).toEqual([true, true, false])
  })

  it('has ancestors and an age', () => {
    const mac = new FakeMac({nowMs: NOW}, [
      {pid: 1, parentPid: 0},
      {pid: 77, parentPid: 1, startTime: NOW / 10 - 500},
      {pid: 78, parentPid: 77, startTime: NOW / 10},
    ])
    expect(ancestorsOf(mac, 78)).toEqual([77, 1])
    expect(ancestorsOf(mac, 79)).toEqual([])
    expect(ageMs(mac, {startTime: NOW / 10 - 500})).toBe(5000)
    const table = readProcessTable(mac)
    expect(ancestorsIn(table, 78)).toEqual([77, 1])
    expect(childrenOf(table, 77).map(({pid}) => pid)).toEqual([78])
  })
})

describe('the process table of macOS', () => {
  it('takes one call for all processes, and one for the homes of gateways', () => {
    const processes = [
      {pid: 1, parentPid: 0, uid: 0, argv: ['/sbin/launchd']},
      {pid: 77, env: {HERMES_HOME: HOME}},
      {pid: 78, state: 'Z', parentPid: 77},
    ]
    const mac = new FakeMac({files: FOLDER}, processes)
    const {entries, gateways} = readProcessTable(mac)
    expect([...entries.keys()]).toEqual([1, 77, 78])
    expect(entries.get(78)).toMatchObject({state: 'Z', parentPid: 77, startSlack: 200})
    expect(gateways).toMatchObject([{pid: 77, home: HOME}])
    expect(mac.processes.ran).toEqual([`ps -A -ww ${ARGUMENTS.join(' ')}`, 'ps -E -ww -o pid= -o command= -p 77'])
  })
})

describe('startedAt', () => {
  it('allows two seconds where a start is told to the second, and nothing else', () => {
    expect([-201, -200, 0, 99, 200, 201].map((off) => startedAt({startTime: START, startSlack: 200}, START + off))).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
    ])
    expect([0, 1].map((off) => startedAt({startTime: START}, START + off))).toEqual([true, false])
  })
})
