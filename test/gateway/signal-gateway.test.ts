import {describe, expect, it} from 'vitest'
import {signalGateway} from '../../src/gateway/signal-gateway.js'
import type {FakeProcess} from '../fakes/fake-process.js'
import {GATEWAY_ARGV, ONE_MOUNT} from '../fakes/fake-process.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'
import {serviceOf} from '../fakes/settings.js'

const ROOT_HOME = '/home/user/.hermes'
const HOME = `${ROOT_HOME}/profiles/work`
const PID = 77
const START_TIME = 7
const LOCKED = {3: {path: `${HOME}/gateway.lock`, isLocked: true}}

/** Whether a process is signalled as the gateway of profile `work`; `prepare` changes the machine first. */
function isSignalled(process: Partial<FakeProcess>, prepare: (machine: FakeSystemd) => void = () => undefined): boolean {
  const machine = new FakeSystemd({}, serviceOf('work'))
  machine.putProcess({pid: PID, startTime: START_TIME, open: {}, ...process}, 'running')
  prepare(machine)
  const sent = signalGateway(machine.target, {pid: PID, startTime: START_TIME}, 'SIGTERM')
  expect(machine.host.changes.filter(({kind}) => kind === 'signal')).toHaveLength(sent ? 1 : 0)
  return sent
}

describe('a gateway is signalled that', () => {
  it.each<[string, Partial<FakeProcess>]>([
    ['holds the lock of the home, whatever HERMES_HOME it was given', {open: LOCKED, env: {HERMES_HOME: '/srv/other'}}],
    ['holds the lock of the home, and whose environment and command line say nothing', {open: LOCKED, env: undefined, argv: ['python3']}],
    ['holds no lock, and has this home in its environment', {env: {HERMES_HOME: HOME}}],
    [
      'holds no lock, and was given the root home and this profile',
      {env: {HERMES_HOME: ROOT_HOME}, argv: ['hermes', '-p', 'work', 'gateway', 'run']},
    ],
    ['holds no lock and names this profile, and whose environment cannot be read', {argv: ['hermes', '-p', 'work', 'gateway', 'run']}],
  ])('%s', (_, process) => {
    expect(isSignalled(process)).toBe(true)
  })
})

describe('a process is not signalled that', () => {
  it.each<[string, Partial<FakeProcess>, ((machine: FakeSystemd) => void)?]>([
    ['holds no lock, and serves another home', {env: {HERMES_HOME: '/srv/other'}}],
    ['holds no lock, and names another profile', {argv: ['hermes', '-p', 'other', 'gateway', 'run']}],
    ['is another program', {env: {HERMES_HOME: HOME}, argv: ['/opt/another-program']}],
    ['got the pid later', {startTime: START_TIME + 1, open: LOCKED}],
    ['has ended and was not reaped yet', {state: 'Z', open: LOCKED}],
    [
      'looks like the gateway, while another process holds the lock of the home',
      {env: {HERMES_HOME: HOME}},
      ({host}) => {
        host.put('/proc/self/mountinfo', ONE_MOUNT)
        host.put('/proc/locks', `1: FLOCK  ADVISORY  WRITE 78 00:29:${host.stat(`${HOME}/gateway.lock`)?.inode} 0 EOF\n`)
        host.put('/proc/78/stat', `78 (hermes) S 1 ${'0 '.repeat(17)}9 0\n`)
        host.put('/proc/78/cmdline', GATEWAY_ARGV.map((word) => `${word}\0`).join(''))
      },
    ],
  ])('%s', (_, process, prepare) => {
    expect(isSignalled(process, prepare)).toBe(false)
  })
})
