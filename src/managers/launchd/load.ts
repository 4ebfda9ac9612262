import {waitUntil} from '../../host/wait-until.js'
import type {Host, RunResult} from '../../host/host.js'
import type {Progress, Step} from '../../plan/plan.js'
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
  if (isDisabled) await mustChange(launchctl, ['enable', target], `launchd could not enable ${job.label}`)
  try {
    await bootstrap(host, launchctl, domain, job, progress)
  } finally {
    if (isDisabled) await launchctl.change(['disable', target])
  }
}

async function bootstrap(host: Host, launchctl: Launchctl, domain: Domain, job: Job, progress: Progress): Promise<void> {
  const failed = {...job, sessionType: domain.sessionType, isDisabled: false}
  let result!: RunResult
  const onWait = () => progress(`launchd is not ready to load ${job.label} yet; trying again`)
  const isDone = await waitUntil(host, {limitMs: LOAD_LIMIT_MS, everyMs: TRY_AGAIN_MS, onWait}, async () => {
    result = await launchctl.change(['bootstrap', domain.target, job.plist])
    if (answerOf(result) === 'done' || isLoaded(launchctl, domain, job)) return true
    // What has a known cause is not cured by waiting.
    if (answerOf(result) !== 'busy' || causesOf(host, failed).length > 0) throw loadFailed(host, result, failed)
    return false
  })
  if (!isDone) throw loadFailed(host, result, failed)
  await seeItLoaded(host, launchctl, domain, failed, result)
}

async function seeItLoaded(host: Host, launchctl: Launchctl, domain: Domain, job: FailedLoad, result: RunResult): Promise<void> {
  const isSeen = await waitUntil(host, {limitMs: APPEAR_LIMIT_MS, everyMs: LOOK_EVERY_MS}, () => isLoaded(launchctl, domain, job))
  if (!isSeen) throw loadFailed(host, result, job)
}

/**
 * Unloads a job (bootout) and waits until launchd does not know it any more: bootout itself ends at once. Does nothing to one that is not
 * loaded, and says false. Throws exit 1 if it stays.
 */
export async function unload(host: Host, launchctl: Launchctl, domain: Domain, job: Job, progress: Progress): Promise<boolean> {
  const before = launchctl.print(domain.target, job.label)
  if (typeof before === 'string') return false
  const result = await launchctl.change(['bootout', `${domain.target}/${job.label}`])
  const answer = answerOf(result)
  if (answer === 'denied' || answer === 'unknown') throw changeFailed(result, `launchd could not unload ${job.label}`)
  const limitMs = (before.exitTimeoutSec ?? 0) * 1000 + UNLOAD_MARGIN_MS
  const onWait = () => progress(`waiting until launchd has forgotten ${job.label}`)
  const isGone = await waitUntil(host, {limitMs, everyMs: LOOK_EVERY_MS, onWait}, () => !isLoaded(launchctl, domain, job))
  if (!isGone) throw changeFailed(result, `launchd still knows ${job.label} ${limitMs / 1000} s after hermes-svc unloaded it`)
  return true
}

/** A step that unloads a job. */
export function unloadStep(why: string, host: Host, launchctl: Launchctl, domain: Domain, job: Job): Step {
  const ask = (progress: Progress) => unload(host, launchctl, domain, job, progress)
  return {kind: 'ask-manager', request: 'unload', why, name: job.label, domain: domain.target, ask}
}

/** A step that has a job loaded by the property list that is on disk now. */
export function reloadStep(why: string, host: Host, launchctl: Launchctl, domain: Domain, job: Job): Step {
  const ask = async (progress: Progress): Promise<boolean> => {
    await unload(host, launchctl, domain, job, progress)
    await load(host, launchctl, domain, job, progress)
    return true
  }
  return {kind: 'ask-manager', request: 'load', why, name: job.label, domain: domain.target, ask}
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
  const onWait = () => progress(`waiting for ${job.label} to end`)
  const isEnded = await waitUntil(host, {limitMs, everyMs: LOOK_EVERY_MS, onWait}, () => {
    const shown = launchctl.print(domain.target, job.label)
    return typeof shown === 'string' || shown.pid !== pid
  })
  return isEnded ?? false
}

/** Makes a change that has to succeed. Throws exit 1 with what launchd said. */
async function mustChange(launchctl: Launchctl, words: readonly string[], what: string, timeoutMs?: number): Promise<void> {
  const result = await launchctl.change(words, timeoutMs)
  if (result.code !== 0) throw changeFailed(result, what)
}

function isLoaded(launchctl: Launchctl, domain: Domain, {label}: Pick<Job, 'label'>): boolean {
  return typeof launchctl.print(domain.target, label) !== 'string'
}
