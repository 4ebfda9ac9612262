import {describe, expect, it} from 'vitest'
import {logTail} from '../../src/lifecycle/log-tail.js'
import {commandLineProfile, observe} from '../../src/observe/look.js'
import {assess} from '../../src/observe/assess.js'
import {servedBy} from '../../src/observe/served.js'
import {restartBudgetMs, stopBudgetMs} from '../../src/lifecycle/budget.js'
import type {RunResult} from '../../src/host/host.js'
import {shortTime} from '../../src/observe/log-text.js'
import {journalCommand} from '../../src/managers/systemd/logs.js'
import {FakeHost, USER} from '../fakes/fake-host.js'
import {FakeSystemd, journalEntry} from '../fakes/fake-systemd.js'
import {SERVICE, serviceOf} from '../fakes/settings.js'

const HOME = '/home/user/.hermes'

describe('observe', () => {
  it('sees a gateway that the service runs', () => {
    const machine = new FakeSystemd()
    machine.addUnit('')
    const pid = machine.comesUp()
    expect(observe(machine.target)).toMatchObject({
      verdict: {state: 'alive', pid},
      supervised: true,
      manager: {mainPid: pid},
      desired: {kind: 'absent'},
    })
  })

  /** A service whose process is a wrapper, and a gateway in that control group. */
  function wrapped(cgroup: string): FakeSystemd {
    const machine = new FakeSystemd()
    machine.addUnit('')
    machine.comesUp('running', {argv: ['wrapper'], open: {}})
    machine.putProcess({pid: 900, startTime: 9, cgroup}, 'running')
    return machine
  }

  it("takes a child of the service's process for supervised, by its control group", () => {
    expect(observe(wrapped('/s/hermes.service/sub').target)).toMatchObject({verdict: {pid: 900}, supervised: true})
  })

  it('does not take a service of a longer name for this one', () => {
    expect(observe(wrapped('/s/hermes.service-2').target)).toMatchObject({verdict: {pid: 900}, supervised: false})
  })

  it('cannot tell whose a gateway is whose control group is not shown', () => {
    const machine = wrapped('/s')
    machine.host.drop('/proc/900/cgroup')
    expect(observe(machine.target)).toMatchObject({verdict: {pid: 900}, supervised: undefined})
  })

  it('sees that a gateway runs outside of a service that is stopped', () => {
    const machine = new FakeSystemd()
    machine.addUnit('')
    machine.putProcess({pid: 900, startTime: 9, cgroup: '/user.slice'}, 'running')
    expect(observe(machine.target).supervised).toBe(false)
    machine.host.drop('/proc/900/cgroup')
    expect(observe(machine.target).supervised).toBe(false)
  })

  it('has nothing to say of supervision where there is no gateway', () => {
    expect(observe(new FakeSystemd().target)).toMatchObject({verdict: {state: 'dead'}, supervised: undefined})
  })

  it('counts failures no more once the gateway has been up for the time after which the next one is the first again', () => {
    const failuresAfter = (ms: number, record?: 'no record') => {
      const machine = new FakeSystemd()
      machine.addUnit('')
      machine.comesUp('running')
      if (record) for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) machine.host.drop(`${HOME}/${name}`)
      machine.host.put('/run/user/1000/hermes-svc-hermes-gateway/failures', '5')
      machine.shown.ExecMainStartTimestampMonotonic = String((machine.host.monotonicMs() - ms) * 1000)
      return observe(machine.target).manager.failuresInARow
    }
    expect([failuresAfter(299_000), failuresAfter(300_000)]).toEqual([5, 0])
    // The helper goes by how long it was up, whatever can be told of it.
    expect([failuresAfter(299_000, 'no record'), failuresAfter(300_000, 'no record')]).toEqual([5, 0])
  })

  describe('a main process that has left no record of a gateway', () => {
    const seenAfter = (ms: number) => {
      const machine = new FakeSystemd()
      machine.addUnit('')
      machine.comesUp('running', {argv: ['wrapper'], open: {}})
      for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) machine.host.drop(`${HOME}/${name}`)
      machine.shown.ExecMainStartTimestampMonotonic = String((machine.host.monotonicMs() - ms) * 1000)
      return observe(machine.target)
    }

    it('is taken for a gateway that starts during the first two minutes', () => {
      const seen = seenAfter(119_000)
      expect(seen.verdict.state).toBe('dead')
      expect(assess(seen)).toEqual({actual: 'starting', exitStatus: 0})
    })

    it('is named as the gateway of another home, if it holds the lock of one', () => {
      const machine = new FakeSystemd()
      machine.addUnit('')
      machine.comesUp('running', {open: {3: {path: `${HOME}/profiles/work/gateway.lock`}}})
      for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) machine.host.drop(`${HOME}/${name}`)
      machine.shown.ExecMainStartTimestampMonotonic = String((machine.host.monotonicMs() - 125_000) * 1000)
      const seen = observe(machine.target)
      expect(seen.verdict.evidence[0]).toMatch(
        /has not written the record of a gateway in this home: it is the gateway of \S+\/profiles\/work$/,
      )
      expect(assess(seen)).toEqual({actual: 'unknown', exitStatus: 4})
    })

    it('is something of which nothing can be told after that, and why is said', () => {
      const seen = seenAfter(125_000)
      expect(seen.verdict).toMatchObject({
        state: 'unknown',
        pid: undefined,
        evidence: [
          `pid ${seen.manager.mainPid}, the main process of the service, has been up for 125 s and has not written the record of a gateway in this home`,
          'this home has no runtime files of a gateway',
        ],
      })
      expect(assess(seen)).toEqual({actual: 'unknown', exitStatus: 4})
    })
  })

  it('takes a gateway that has been starting for five minutes for one that does not come up', () => {
    const seenAfter = (ms: number) => {
      const machine = new FakeSystemd()
      machine.addUnit('')
      machine.comesUp('starting')
      machine.shown.ExecMainStartTimestampMonotonic = String((machine.host.monotonicMs() - ms) * 1000)
      return observe(machine.target)
    }
    expect(assess(seenAfter(299_000))).toEqual({actual: 'starting', exitStatus: 0})
    const late = seenAfter(301_000)
    expect(assess(late)).toEqual({actual: 'starting', exitStatus: 1})
    expect(late.verdict.evidence[0]).toBe('it has been starting for 301 s, longer than any start takes')
  })

  it('names the profile of a gateway by its command line', () => {
    const machine = new FakeSystemd()
    machine.putProcess({pid: 900, startTime: 9, argv: ['hermes', '-p', 'default', 'gateway']}, 'running')
    expect(commandLineProfile(observe(machine.target).gateway, 900)).toBe('default')
    expect(commandLineProfile(observe(machine.target).gateway, 901)).toBeUndefined()
  })
})

describe('servedBy', () => {
  const served = (state: string, profile: string) =>
    servedBy({...new FakeSystemd({[`${HOME}/gateway_state.json`]: state}).target, service: serviceOf(profile)})

  it("is the default profile where its gateway's state lists this one", () => {
    expect(served('{"served_profiles":["a","work"]}', 'work')).toBe('default')
    expect(served('{"served_profiles":["work-2"]}', 'work')).toBeUndefined()
    expect(served('{', 'work')).toBeUndefined()
  })

  it('is nobody for the default profile itself', () => {
    expect(servedBy({...new FakeSystemd({[`${HOME}/gateway_state.json`]: '{"served_profiles":["default"]}'}).target})).toBeUndefined()
  })
})

describe('logTail', () => {
  const withJournal = (stdout: string, files: Record<string, string> = {}) => {
    const machine = new FakeSystemd(files)
    machine.host.read = (argv): RunResult => ({argv, code: 0, signal: null, stdout, stderr: ''})
    return logTail(machine.target, 2)
  }
  const ended = (lines: readonly string[]) => lines.map((line) => line.slice(shortTime(0).length + 1))

  it("is the end of the manager's log", () => {
    expect(ended(withJournal(['c', 'b', 'a'].map((text) => journalEntry(text)).join('')))).toEqual(['b', 'c'])
  })

  it("is read with our own ids, since a service account's is in the journal of the machine, and does not follow it", () => {
    const root = {uid: 0, gid: 0, name: 'root', home: '/root'}
    const argv = journalCommand('user', [SERVICE], {lines: 23, isReversed: true, withManagers: true})
    const host = new FakeHost({account: root, accounts: [USER], commands: [{argv, as: 'root', stdout: journalEntry('a')}]})
    expect(ended(logTail({...new FakeSystemd().target, host, userHost: host.as(USER)}, 3))).toEqual(['a'])
  })

  it("has the end of the gateway's own", () => {
    expect(ended(withJournal('', {[`${HOME}/logs/gateway.log`]: 'x\ny\nz\n'}))).toEqual(['y', 'z'])
  })

  it('is empty where there is none', () => {
    expect(withJournal('')).toEqual([])
  })
})

describe('the time that a change may take', () => {
  it('follows the drain that is configured', async () => {
    const short = new FakeSystemd({[`${HOME}/config.yaml`]: 'agent:\n  restart_drain_timeout: 0\n'})
    const long = new FakeSystemd({[`${HOME}/config.yaml`]: 'agent:\n  restart_drain_timeout: 600\n'})
    expect(await stopBudgetMs(short.target)).toBeGreaterThan(70_000)
    expect((await stopBudgetMs(long.target)) - (await stopBudgetMs(short.target))).toBe(600_000)
    expect(await restartBudgetMs(long.target)).toBeGreaterThan(await stopBudgetMs(long.target))
  })
})
