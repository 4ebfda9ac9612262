import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {describeOnSystemd, hermesSvc} from '../support/machines.js'
import {bringAbout, installGateway, situations} from '../support/restart-situations.js'
import {seeStop} from '../support/state-suites.js'

/** A stop sends no SIGUSR1, and goes by one verdict `wedged` whatever it rests on: each way of its own to end is here once. */
const SAME_STOP = new Set([
  ...['healthy 0.10', 'healthy 0.21', 'dying during drain', 'deaf to SIGUSR1', 'loop spinning 0.16', 'loop blocked 0.21'],
  // What is wedged is killed at once, as what is stopped by SIGSTOP; lifecycle.test.ts stops a healthy one, in a campaign one of each version.
  ...['loop blocked 0.16', 'loop blocked, with a heartbeat file and no socket', 'healthy 0.16', 'pid file missing'],
  // By systemd's own stop, whatever the files of the gateway say; and what has failed is down already, for whichever reason.
  ...[
    'lock on an unlinked file',
    'start-limit-hit',
    'failed for good (exit 78)',
    'children left behind',
    'cannot tell',
    'slow drain (4 s)',
  ],
  // Below, with all of a user's.
  'stopped by SIGSTOP',
])
const stopped = situations.filter(({name}) => !SAME_STOP.has(name))

await describeOnSystemd('hermes-svc stop', (machine) => {
  let user: Account

  beforeAll(async () => {
    user = await machine().addUser('alice')
  })

  it.concurrent.each(stopped.map((situation, index) => ({...situation, profile: `state-${index}`})))(
    'stop of a gateway ($name) leaves no process of the home, the unit inactive, and nothing that brings it back',
    ({profile, ...situation}) => seeStop(machine(), user, profile, situation),
  )

  it('a stop goes on without the command when that is interrupted, and says so', async () => {
    const given = await installGateway(machine(), user, 'interrupted', {deaf: ['SIGTERM'], planned_stop_watcher: false})
    const command = ['/opt/hermes-svc/node', '/opt/hermes-svc/package/bin/hermes-svc.cjs', 'stop', '-p', given.profile]

    const {code, stderr} = await machine().exec(['timeout', '--preserve-status', '--signal=INT', '2', ...command], {user})

    expect([code, stderr]).toEqual([130, expect.stringMatching(/cancelled: stop hermes-gateway-interrupted\.service had already begun/)])
    expect(await given.status()).toMatchObject({desired: 'stopped', enabled: false})
    expect((await given.status()).actual).toBe('stopping')
    expect((await hermesSvc(machine(), ['stop', '-p', given.profile, '--force'], {user})).code).toBe(0)
  })

  it('stop --all stops the services of all profiles', async () => {
    const bob = await machine().addUser('bob')
    const [healthy, frozen] = ['healthy 0.16', 'stopped by SIGSTOP'].map((name) => situations.find((situation) => situation.name === name))
    if (!healthy || !frozen) throw new Error('no such situation')
    const all = [await bringAbout(machine(), bob, 'one', healthy), await bringAbout(machine(), bob, 'two', frozen)]

    const result = await hermesSvc(machine(), ['stop', '--all'], {user: bob})

    expect(result.code, result.stderr).toBe(0)
    for (const given of all) expect(await given.status()).toMatchObject({actual: 'stopped', desired: 'stopped'})
  })
})
