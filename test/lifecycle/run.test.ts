import {describe, expect, it} from 'vitest'
import {ServiceError} from '../../src/errors.js'
import {runGateway, type RunRequest} from '../../src/lifecycle/run.js'
import {type FakeFile, FakeHost, type FakeMachine} from '../fakes/fake-host.js'
import {HERMES, ROOT} from '../fakes/s6.js'

const HOME: Record<string, FakeFile | string> = {'/opt/data': {folder: true, uid: HERMES.uid, gid: HERMES.gid}}

/** Why a gateway is not even begun with; nothing may have been changed then. */
async function refusal(request: Partial<RunRequest>, machine: FakeMachine = {}): Promise<ServiceError> {
  const host = new FakeHost({account: HERMES, accounts: [ROOT, HERMES], pid: 7, ...machine, files: {...HOME, ...machine.files}})
  try {
    await runGateway(host, {flags: {home: '/opt/data'}, command: undefined, policy: {}, heartbeat: {}, say: () => undefined, ...request})
  } catch (error) {
    expect(host.changes).toEqual([])
    if (error instanceof ServiceError) return error
    throw error
  }
  throw new Error('it was begun with')
}

describe('run does not begin', () => {
  it('as PID 1, and names what may stand before it', async () => {
    const {code, next} = await refusal({}, {pid: 1})
    expect([code, next.join('\n')]).toEqual(['needs-init', expect.stringContaining('docker run --init')])
  })

  it('without a home', async () => {
    expect(await refusal({flags: {home: '/opt/nothing'}})).toMatchObject({code: 'no-home', exitStatus: 1})
  })

  it('with a first delay that is longer than the last one', async () => {
    expect(await refusal({policy: {firstMs: 2000, capMs: 1000}})).toMatchObject({code: 'usage', exitStatus: 2})
  })

  it('before others for the CPU, which it has no right to', async () => {
    expect(await refusal({resources: {nice: -1}})).toMatchObject({
      code: 'usage',
      exitStatus: 2,
      message: expect.stringMatching(/^--nice: /) as string,
    })
  })

  it('with a watchdog and no heartbeat', async () => {
    expect(await refusal({heartbeat: {watchdogTicks: 2, enabled: false}})).toMatchObject({code: 'usage', exitStatus: 2})
  })

  it("of another user's gateway, unless as root", async () => {
    expect(await refusal({flags: {home: '/opt/data', runAs: 'root'}})).toMatchObject({code: 'usage', exitStatus: 2})
  })

  it('of a profile that another gateway serves', async () => {
    const files = {
      '/opt/data/gateway_state.json': '{"gateway_state":"running","served_profiles":["work"]}',
      '/opt/data/profiles/work': {folder: true} as const,
    }
    const {message} = await refusal({flags: {home: '/opt/data', profile: 'work'}}, {files})
    expect(message).toContain('the gateway of profile default serves profile work')
  })

  it('without a program', async () => {
    const {next} = await refusal({}, {env: {PATH: '/usr/bin'}})
    expect(next).toEqual([
      expect.stringContaining('install Hermes Agent'),
      'hermes gateway setup   # connects the gateway to a chat',
      'hermes-svc run --command /path/to/hermes   # if hermes is somewhere else',
    ])
  })
})
