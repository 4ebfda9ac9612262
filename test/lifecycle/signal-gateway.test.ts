import {describe, expect, it} from 'vitest'
import {signalGateway} from '../../src/lifecycle/signal-gateway.js'
import {FakeHost} from '../fakes/fake-host.js'
import {type FakeProcess, GATEWAY_ARGV, processFiles} from '../fakes/fake-process.js'

const ROOT = '/home/user/.hermes'
const HOME = `${ROOT}/profiles/work`
const OWN: FakeProcess = {pid: 77, startTime: 5, env: {HERMES_HOME: HOME}}

/** Whether SIGTERM goes to pid 77, which was a gateway of the profile `work` with start time 5. */
function isSent(process: FakeProcess): boolean {
  const host = new FakeHost({files: {[HOME]: {folder: true}, '/proc/locks': '', ...processFiles(process)}, pids: [77]})
  const target = {host, userHost: host, service: {profile: {home: HOME}}}
  const answer = signalGateway(target, {pid: 77, startTime: 5}, 'SIGTERM')
  expect(host.changes.some(({kind}) => kind === 'signal')).toBe(answer)
  return answer
}

describe('a signal goes to', () => {
  it.each<[string, Partial<FakeProcess>]>([
    ['a gateway of the home', {}],
    [
      'one that names its profile by a flag, and the root home by HERMES_HOME',
      {argv: [...GATEWAY_ARGV, '-p', 'work'], env: {HERMES_HOME: ROOT}},
    ],
    [
      "whoever holds the home's lock, whatever it calls itself",
      {argv: ['python'], open: {3: {path: `${HOME}/gateway.lock (deleted)`, isLocked: true}}},
    ],
  ])('%s', (_name, process) => {
    expect(isSent({...OWN, ...process})).toBe(true)
  })
})

describe('no signal goes to', () => {
  it.each<[string, Partial<FakeProcess>]>([
    ['a later process of that pid', {startTime: 6}],
    ['a zombie', {state: 'Z'}],
    ['another program', {argv: ['editor']}],
    ['the gateway of another home', {env: {HERMES_HOME: '/srv/other'}}],
    ['the gateway of another profile', {argv: [...GATEWAY_ARGV, '-p', 'play'], env: {HERMES_HOME: ROOT}}],
  ])('%s', (_name, process) => {
    expect(isSent({...OWN, ...process})).toBe(false)
  })
})
