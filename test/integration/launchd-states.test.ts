import {beforeAll, describe, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LAUNCHD, onMac, situations} from '../support/restart-situations.js'
import {seeRestart, seeStop} from '../support/state-suites.js'

// The states of restart-states and stop-states. What those suites see beside them (progress, Ctrl-C, --timeout, what is left to try) is
// said before any manager is asked.

/** A stop is the launcher's business alone in these; the others are as for a restart. */
const STOPPED = ['healthy 0.16', 'busy, --force', 'deaf to SIGTERM too', 'stopped by SIGSTOP', 'children left behind', 'crash-looping']

describeOnLaunchd('a gateway in every state, under launchd', (there) => {
  let user: Account
  beforeAll(async () => {
    user = await there().addUser('alice')
  })
  const states = onMac(situations).map((situation, index) => ({...situation, index}))

  describe.concurrent('restart ends with a running gateway under a new pid', () => {
    it.each(states)('$name', ({index, ...situation}) => seeRestart(there().machine, user, `state-${index}`, situation, LAUNCHD))
  })

  describe.concurrent('stop leaves no process of the home, no job, and nothing that brings it back', () => {
    it.each(states.filter(({name}) => STOPPED.includes(name)))('$name', ({index, ...situation}) =>
      seeStop(there().machine, user, `stopped-${index}`, situation, LAUNCHD),
    )
  })
})
