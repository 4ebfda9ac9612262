import {performSteps} from '../plan/apply.js'
import type {Plan, Step} from '../plan/plan.js'
import {mirrorIntent, recordIntent} from './intent.js'
import {observe} from './observe.js'
import {requireInstalled} from './start.js'
import type {Target} from './target.js'
import {waitUntilDown} from './wait.js'

/**
 * Plans a stop that lasts: intent, the gateway gone and the service inactive, and kept down over a reboot. `untilBoot` leaves it enabled.
 * What was done is not undone if the gateway does not stop in time: the intent stands, and so does the manager's own stop.
 */
export function planStop(target: Target, options: {timeoutMs: number; untilBoot: boolean}): Plan {
  const seen = observe(target)
  requireInstalled(target, seen)
  const {manager, service} = target
  const isDown = seen.manager.activity === 'stopped' && seen.verdict.pid === undefined
  const intent = recordIntent(target, seen, 'stopped', 'stop')
  const disable = seen.manager.enabled && !options.untilBoot ? manager.disable(service) : []
  const stop: Step[] = isDown ? [] : [...manager.stop(service), stopped(target, options.timeoutMs)]
  const steps = [...intent, ...disable, ...stop]
  return {
    title: `stop ${service.name}`,
    steps,
    outcome: steps.length === 0 ? `${service.name} is stopped already; nothing was changed` : `${service.name} is stopped`,
  }
}

function stopped(target: Target, timeoutMs: number): Step {
  return {
    kind: 'act',
    why: 'wait until the gateway is gone',
    act: async (progress) => {
      await waitUntilDown(target, {timeoutMs, progress})
      // Only now may the field be inserted: nobody else writes the file any more.
      await performSteps(target.host, [...target.manager.settle(target.service), mirrorIntent(target, 'stopped', false)], progress)
    },
  }
}
