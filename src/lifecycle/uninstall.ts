import type {Plan, Step} from '../plan/plan.js'
import {desiredStateFile} from '../service/desired-state.js'
import {observe} from './observe.js'
import {requireSameHome, type Target} from './target.js'
import {waitUntilDown} from './wait.js'

/**
 * Plans the removal of a service: stopped, disabled, and nothing of ours left but the home's journal. A definition that another tool wrote
 * stays and goes on running; only our additions to it are taken away.
 */
export function planUninstall(target: Target, options: {timeoutMs: number}): Plan {
  const seen = observe(target)
  requireSameHome(target, seen.manager)
  const {manager, service, userHost} = target
  const isOurs = seen.manager.installed === 'own' || seen.manager.settings?.createdDefinition === true
  const isInstalled = seen.manager.installed !== 'no'
  const files = manager.removeSteps(seen.manager)
  const record = desiredStateFile(service.profile.home)
  const steps: Step[] = []
  if (isOurs && isInstalled) {
    const isDown = seen.manager.activity === 'stopped' || seen.manager.activity === 'failed'
    if (!isDown) {
      steps.push(...manager.stop(service), {
        kind: 'act',
        why: 'wait until the gateway is gone',
        act: async (progress) => {
          await waitUntilDown(target, {timeoutMs: options.timeoutMs, progress})
        },
      })
    }
    if (seen.manager.enabled) steps.push(...manager.disable(service))
  }
  steps.push(...files)
  if (files.some((step) => step.kind === 'remove-file')) steps.push(...manager.reload())
  // A unit that failed stays known to the manager, without its file, until that is forgotten.
  if (isOurs && isInstalled) steps.push(...manager.settle(service))
  steps.push(...manager.afterUninstall(seen.manager))
  if (userHost.lstat(record)) steps.push({kind: 'remove-file', why: 'remove the record of the desired state', path: record, as: service.account})
  return {
    title: `uninstall ${service.name} (${manager.title})`,
    steps,
    outcome:
      steps.length === 0
        ? `${service.name} is not installed; nothing was changed`
        : isOurs
          ? `${service.name} is uninstalled; its home ${service.profile.home} is kept`
          : `Our additions to ${service.name} are taken away; the unit itself is another tool's and stays`,
  }
}
