import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LAUNCHD, onMac, situations} from '../support/restart-situations.js'
import {seeRestart, seeStop} from '../support/state-suites.js'

// The states of restart-states. What that suite sees beside them (progress, Ctrl-C, --timeout, what is left to try) is
// said before any manager is asked. In memory: test/managers/launchd/index.test.ts (a launcher that does not end, the gateway behind a wrapper),
// test/doctor/darwin.test.ts (who is left behind), test/lifecycle/launchd.test.ts.

/** What launchd, its launcher, or ps and lsof have a part in; which signal comes next is decided without them. */
const RESTARTED = [
  ...['deaf to SIGTERM too', 'stopped by SIGSTOP', 'loop blocked 0.21', 'children left behind', 'crash-looping'],
  ...['failed for good (exit 78)', 'zombie', 'behind a wrapper', 'lock on an unlinked file', 'two gateways on one home'],
]
const STOPPED = ['deaf to SIGTERM too', 'children left behind', 'crash-looping']

describeOnLaunchd('a gateway in every state, under launchd', (there) => {
  let user: Account
  beforeAll(async () => {
    user = await there().addUser('alice')
  })
  const names = onMac(situations).map(({name}) => name)
  expect(names).toEqual(expect.arrayContaining([...RESTARTED, ...STOPPED]))
  const states = onMac(situations).map((situation, index) => ({...situation, index}))

  it.concurrent.each(states.filter(({name}) => RESTARTED.includes(name)))(
    'restart of a gateway ($name) ends with one that runs under a new pid, and nobody of before is left, under launchd',
    async ({index, ...situation}) => {
      await seeRestart(there().machine, user, `state-${index}`, situation, LAUNCHD)
    },
  )

  it.concurrent.each(states.filter(({name}) => STOPPED.includes(name)))(
    'stop of a gateway ($name) leaves no process of the home, no job, and nothing that brings it back, under launchd',
    async ({index, ...situation}) => {
      await seeStop(there().machine, user, `stopped-${index}`, situation, LAUNCHD)
    },
  )
})
