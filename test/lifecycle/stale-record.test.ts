import {describe, expect, it} from 'vitest'
import {clearDeadRecord} from '../../src/lifecycle/stale-record.js'
import {type FakeProcess, ONE_MOUNT} from '../fakes/fake-process.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'

const PID = 77
const START_TIME = 7

/** What is said of a record beside a process (or none), and whether the record is gone; both must agree. */
async function clear(
  record: string | undefined,
  process?: Partial<FakeProcess>,
  prepare: (machine: FakeSystemd) => void = () => undefined,
): Promise<string | undefined> {
  const machine = new FakeSystemd()
  const {host, home} = machine
  machine.goesDown()
  if (process) machine.putProcess({pid: PID, startTime: START_TIME, open: {}, env: {HERMES_HOME: home}, ...process}, 'running')
  for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) host.drop(`${home}/${name}`)
  host.put('/proc/self/mountinfo', ONE_MOUNT)
  host.put('/proc/locks', '')
  if (record !== undefined) host.put(`${home}/gateway.pid`, record)
  prepare(machine)
  const said = await clearDeadRecord({host, userHost: host.as(host.account)}, home)
  expect(host.lstat(`${home}/gateway.pid`) === undefined).toBe(said === undefined || said.startsWith('gateway.pid was cleared: '))
  return said
}

const RECORD = JSON.stringify({pid: PID, kind: 'hermes-gateway', argv: ['hermes', 'gateway', 'run'], start_time: START_TIME})
const withLock = ({host, home}: FakeSystemd): void => host.put(`${home}/gateway.lock`, '')
describe('before a start of `run`, gateway.pid', () => {
  it.each<[string, string, Partial<FakeProcess> | undefined]>([
    ['process 77 is gone', RECORD, undefined],
    ['process 77 is a zombie', RECORD, {state: 'Z'}],
    ['process 77 started later than the record says', RECORD, {startTime: START_TIME + 1}],
    ['process 77 is not a gateway', RECORD, {argv: ['/usr/bin/python3', 'other.py']}],
    ["process 77 is another home's gateway", RECORD, {env: {HERMES_HOME: '/srv/other'}}],
    ['process 77 is gone', String(PID), undefined],
  ])('is cleared: %s', async (why, record, process) => {
    expect(await clear(record, process)).toBe(`gateway.pid was cleared: ${why}`)
  })

  it('is cleared if it is damaged only beside a lock that nobody holds', async () => {
    expect(await clear('{"pid', undefined, withLock)).toBe('gateway.pid was cleared: it names no process, and gateway.lock is free')
    expect(await clear('{"pid')).toContain('gateway.pid stays as it is: ')
  })

  it('stays while a gateway of the home lives, or somebody holds the lock', async () => {
    expect(await clear(RECORD, {})).toContain('stays as it is: pid 77 is a gateway of this home')
    const open = {3: {path: '/home/user/.hermes/gateway.lock', isLocked: true}}
    expect(await clear(RECORD, {open, argv: ['anything']}, withLock)).toContain('stays as it is: gateway.lock is held by pid 77')
  })

  it('stays where it is a folder, and is no matter where there is none', async () => {
    expect(await clear(undefined, undefined, ({host, home}) => host.put(`${home}/gateway.pid`, {folder: true}))).toContain(
      'stays as it is: ',
    )
    expect(await clear(undefined)).toBeUndefined()
  })
})
