import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {describeOnSystemd, hermesSvc} from '../support/machines.js'
import {bringAbout, type Installed, type Situation, situations} from '../support/restart-situations.js'
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
/** What a later state would see, or another program than the stand-in itself: these have a service of their own. */
const isAlone = ({name, wrapper}: Situation) => wrapper !== undefined || name === 'start-limit-hit'

await describeOnSystemd('hermes-svc stop', (machine) => {
  let user: Account
  /** What is left by the rows of each half, and by those after them. */
  const used: Record<'one' | 'other', Installed | undefined> = {one: undefined, other: undefined}
  type Half = keyof typeof used

  beforeAll(async () => {
    user = await machine().addUser('alice')
  })

  // A service that was stopped is started again for the next state: an installation costs twice as much.
  describe.concurrent.each<Half>(['one', 'other'])('%s half of the states', (half) => {
    describe.sequential('one after the other', () => {
      const rows = stopped.filter((_, index) => index % 2 === (half === 'one' ? 0 : 1))
      it.each(rows.map((situation, index) => ({...situation, index})))(
        'stop of a gateway ($name) leaves no process of the home, the unit inactive, and nothing that brings it back',
        async ({index, ...situation}) => {
          if (isAlone(situation)) {
            await seeStop(machine(), user, `${half}-${index}`, situation)
            return
          }
          const mine = used[half]
          used[half] = undefined
          used[half] = await seeStop(machine(), user, `${half}-half`, situation, undefined, mine)
        },
      )
    })
  })

  /** A service in that state: one that a row before has left, or a new one. */
  const inState = (half: Half, situation: Situation) => {
    const mine = used[half]
    used[half] = undefined
    return bringAbout(machine(), user, half, situation, undefined, mine)
  }
  const named = (name: string) => {
    const situation = situations.find((one) => one.name === name)
    if (!situation) throw new Error(`no such situation: ${name}`)
    return situation
  }

  it('a stop goes on without the command when that is interrupted, and says so', async () => {
    const given = await inState('one', named('deaf to SIGTERM too'))
    const command = ['/opt/hermes-svc/node', '/opt/hermes-svc/package/bin/hermes-svc.cjs', 'stop', '-p', given.profile]

    const {code, stderr} = await machine().exec(['timeout', '--preserve-status', '--signal=INT', '2', ...command], {user})

    const message = new RegExp(`cancelled: stop ${given.unit.replace('.', '\\.')} had already begun`)
    expect([code, stderr]).toEqual([130, expect.stringMatching(message)])
    expect(await given.status()).toMatchObject({actual: 'stopping', desired: 'stopped', enabled: false})
    expect((await hermesSvc(machine(), ['stop', '-p', given.profile, '--force'], {user})).code).toBe(0)
    used.one = {...given, isStopped: true}
  })

  it('stop --all stops the services of all profiles', async () => {
    const all = [await inState('one', named('healthy 0.16')), await inState('other', named('stopped by SIGSTOP'))]

    const result = await hermesSvc(machine(), ['stop', '--all'], {user})

    expect(result.code, result.stderr).toBe(0)
    for (const given of all) expect(await given.status()).toMatchObject({actual: 'stopped', desired: 'stopped'})
  })
})
