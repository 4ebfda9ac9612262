import type {Host, RunResult} from '../../host/host.js'
import type {Progress} from '../../plan/plan.js'
import type {Domain} from './domain.js'
import {answerOf, causesOf, changeFailed, type FailedLoad, loadFailed} from './failures.js'
import type {Launchctl} from './launchctl.js'

const LOOK_EVERY_MS = 100
/** A load that comes too soon after an unload fails; how soon that is depends on how long the job takes to end. */
const TRY_AGAIN_MS = 500
const LOAD_LIMIT_MS = 30_000
/** How long launchd may go on knowing a job beyond the time that it gives it to end. */
const UNLOAD_MARGIN_MS = 15_000
const APPEAR_LIMIT_MS = 5000

/** A job that is to be loaded or unloaded. */
export type Job = Pick<FailedLoad, 'label' | 'plist' | 'owner'>

/**
 * Loads a job (bootstrap) and sees that launchd has it. One that is disabled could not be loaded: it is enabled for that moment, and
 * disabled again, since whoever disabled it may have meant the next login. Throws exit 1, with the cause where it can be told.
 */
export async function load(host: Host, launchctl: Launchctl, domain: Domain, job: Job, progress: Progress): Promise<void> {
  const isDisabled = launchctl.disabled(domain.target).get(job.label) ?? false
  const target = `${domain.target}/${job.label}`
  if (isDisabled) await mustChange(launchctl, ['enable', target], `${job.label} could not be enabled`)
  try {
    await bootstrap(host, launchctl, domain, job, progress)
  } finally {
    if (isDisabled) await launchctl.change(['disable', target])
  }
}

async function bootstrap(host: Host, launchctl: Launchctl, domain: Domain, job: Job, progress: Progress): Promise<void> {
  const endMs = host.monotonicMs() + LOAD_LIMIT_MS
  const failed = {...job, sessionType: domain.sessionType, isDisabled: false}
  for (;;) {
    const result = await launchctl.change(['bootstrap', domain.target, job.plist])
    if (answerOf(result) === 'done' || isLoaded(launchctl, domain, job)) return await seeItLoaded(host, launchctl, domain, failed, result)
    // What has a known cause is not cured by waiting.
    if (answerOf(result) !== 'busy' || causesOf(host, failed).length > 0 || host.monotonicMs() >= endMs)
      throw loadFailed(host, result, failed)
    progress(`launchd is not ready to load ${job.label}; trying again`)
    await host.sleep(TRY_AGAIN_MS)
  }
}

async function seeItLoaded(host: Host, launchctl: Launchctl, domain: Domain, job: FailedLoad, result: RunResult): Promise<void> {
  const endMs = host.monotonicMs() + APPEAR_LIMIT_MS
  while (!isLoaded(launchctl, domain, job)) {
    if (host.monotonicMs() >= endMs) throw loadFailed(host, result, job)
    await host.sleep(LOOK_EVERY_MS)
  }
}

/**
 * Unloads a job (bootout) and waits until launchd does not know it any more: bootout itself ends at once. Does nothing to one that is not
 * loaded. Throws exit 1 if it stays.
 */
export async function unload(host: Host, launchctl: Launchctl, domain: Domain, job: Job, progress: Progress): Promise<void> {
  const before = launchctl.print(domain.target, job.label)
  if (typeof before === 'string') return
  const result = await launchctl.change(['bootout', `${domain.target}/${job.label}`])
  const answer = answerOf(result)
  if (answer === 'denied' || answer === 'unknown') throw changeFailed(result, `${job.label} could not be unloaded`)
  const limitMs = (before.exitTimeoutSec ?? 0) * 1000 + UNLOAD_MARGIN_MS
  const endMs = host.monotonicMs() + limitMs
  while (isLoaded(launchctl, domain, job)) {
    if (host.monotonicMs() >= endMs)
      throw changeFailed(result, `launchd still knows ${job.label} ${limitMs / 1000} s after it was told to forget it`)
    progress(`waiting until launchd has forgotten ${job.label}`)
    await host.sleep(LOOK_EVERY_MS)
  }
}

/** Waits until launchd has no process of the job any more; false if it still has one after `limitMs`. */
export async function waitUntilEnded(
  host: Host,
  launchctl: Launchctl,
  domain: Domain,
  job: Job,
  pid: number,
  limitMs: number,
  progress: Progress,
): Promise<boolean> {
  const endMs = host.monotonicMs() + limitMs
  for (;;) {
    const shown = launchctl.print(domain.target, job.label)
    if (typeof shown === 'string' || shown.pid !== pid) return true
    if (host.monotonicMs() >= endMs) return false
    progress(`waiting for ${job.label} to end`)
    await host.sleep(LOOK_EVERY_MS)
  }
}

/** Makes a change that has to succeed. Throws exit 1 with what launchd said. */
async function mustChange(launchctl: Launchctl, words: readonly string[], what: string, timeoutMs?: number): Promise<void> {
  const result = await launchctl.change(words, timeoutMs)
  if (result.code !== 0) throw changeFailed(result, what)
}

function isLoaded(launchctl: Launchctl, domain: Domain, {label}: Pick<Job, 'label'>): boolean {
  return typeof launchctl.print(domain.target, label) !== 'string'
}
