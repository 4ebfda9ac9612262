import {execFileSync} from 'node:child_process'
import {describe, expect, it} from 'vitest'
import {descends, parseProcesses, readMemory, readProcesses} from '../../../src/managers/launchd/observe.js'
import {FakeHost} from '../../fakes/fake-host.js'
import {describeUnless} from '../../support/describe-unless.js'
import {HOST, lacks} from '../../support/helper-scripts.js'

describe('the process table', () => {
  it('is read row by row, ages of any length', () => {
    const rows = parseProcesses('    1     0 Ss   10-01:02:03\n  501     1 S+      01:05\n  502   501 Z    01:00:00\nodd\n')
    expect(Object.fromEntries(rows)).toEqual({
      1: {parentPid: 0, hasEnded: false, ageMs: 867_723_000},
      501: {parentPid: 1, hasEnded: false, ageMs: 65_000},
      502: {parentPid: 501, hasEnded: true, ageMs: 3_600_000},
    })
  })

  it('tells who started whom', () => {
    const rows = parseProcesses('10 1 S 00:01\n11 10 S 00:01\n12 11 S 00:01\n13 1 S 00:01\n')
    expect([10, 11, 12, 13, 99].map((pid) => descends(rows, pid, 10))).toEqual([true, true, true, false, false])
  })

  it('that goes in circles ends', () => {
    expect(descends(parseProcesses('10 11 S 00:01\n11 10 S 00:01\n'), 10, 5)).toBe(false)
  })
})

describeUnless(lacks('ps'), 'the process table of this machine', () => {
  it('has this very process, and who started it', () => {
    const rows = readProcesses({...HOST, read: HOST.read.bind(HOST)})
    expect(rows.get(process.pid)).toMatchObject({parentPid: process.ppid, hasEnded: false})
    expect(execFileSync('ps', ['-o', 'ppid=', '-p', String(process.pid)], {encoding: 'utf8'}).trim()).toBe(String(process.ppid))
  })
})

describe('what the launcher remembers', () => {
  const memory = (files: Record<string, string>) =>
    readMemory(new FakeHost({files: Object.fromEntries(Object.entries(files).map(([name, text]) => [`/state/${name}`, text]))}), '/state')

  it('is nothing where it never ran', () => {
    expect(memory({})).toEqual({gatewayPid: undefined, ended: undefined, restarts: 0, failures: 0, isStopping: false})
  })

  it('is read from its files, each for itself', () => {
    expect(memory({gateway: '501 1234\n', ended: 'exited 75\n', restarts: '3\n', failures: '2\n', stop: ''})).toEqual({
      gatewayPid: 501,
      ended: {how: 'exited', status: 75},
      restarts: 3,
      failures: 2,
      isStopping: true,
    })
  })

  it('is nothing where a file is damaged', () => {
    expect(memory({gateway: 'x', ended: 'dumped core', restarts: '-1', failures: '1e'})).toEqual(memory({}))
  })
})
