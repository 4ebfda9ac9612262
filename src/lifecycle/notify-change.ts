import {ExitStatus, ServiceError, usageError} from '../errors.js'
import type {EventKind} from '../notify/event.js'
import {formatNotify, MOST_TARGETS, notifyFile, type NotifySettings, readNotify, tellsNobody} from '../notify/notify-file.js'
import {doctorNotifyFile, notifyStateFile} from '../notify/notify-state.js'
import {shownTarget} from '../notify/target.js'
import type {Target} from '../observe/where.js'
import {shown} from '../service/text-check.js'
import type {Plan, Step} from '../plan/plan.js'

/** What is asked for about who is told. What is left out stays as it is. */
export interface NotifyRequest {
  /** Targets as they are typed, which parseTarget has found to be some. */
  readonly add?: readonly string[]
  /** Targets to be taken away: as they were typed, as they are shown, or `all`. */
  readonly remove?: readonly string[]
  /** Null: of everything. */
  readonly on?: readonly EventKind[] | null
  readonly reminderMs?: number
  /** Null: none. */
  readonly ping?: string | null
}

const ALL = 'all'

/** What several requests ask for together; of what can be said once, the last counts. Pure. */
export function togetherNotify(parts: readonly NotifyRequest[]): NotifyRequest {
  const lists = {add: parts.flatMap(({add = []}) => add), remove: parts.flatMap(({remove = []}) => remove)}
  const used = Object.entries(lists).filter(([, list]) => list.length > 0)
  return Object.assign({}, ...parts, {add: undefined, remove: undefined}, Object.fromEntries(used)) as NotifyRequest
}

/** Who is told once that is done. Throws a ServiceError for a target that is to be taken away and is none of them, a usage error for too many. Pure. */
export function changedNotify(before: NotifySettings, {add = [], remove = [], on, reminderMs, ping}: NotifyRequest): NotifySettings {
  const isMeant = (target: string, word: string) => word === ALL || word === target || word === shownTarget(target)
  const unknown = remove.find((word) => word !== ALL && !before.targets.some((target) => isMeant(target, word)))
  if (unknown !== undefined) {
    const known = [...new Set(before.targets.map(shownTarget))].map((name) => JSON.stringify(name)).join(', ')
    throw new ServiceError(`${shownWord(unknown)} is not one of the targets: ${known || 'there are none'}`, {
      ...{code: 'not-told', exitStatus: ExitStatus.failed, next: ['hermes-svc notify list']},
    })
  }
  const kept = before.targets.filter((target) => !remove.some((word) => isMeant(target, word)))
  const targets = [...new Set([...kept, ...add])]
  if (targets.length > MOST_TARGETS) throw usageError(`${targets.length} targets are too many: at most ${MOST_TARGETS} are possible`)
  return {
    targets,
    on: on === undefined ? before.on : (on ?? undefined),
    reminderMs: reminderMs ?? before.reminderMs,
    ping: ping === undefined ? before.ping : (ping ?? undefined),
  }
}

/** It may be a secret that was mistyped. */
function shownWord(word: string): string {
  return word.includes(':') ? 'the target that was named' : JSON.stringify(word)
}

/** Who is told of a service's gateway now. Throws a usage error where that cannot be read, since it would be lost. */
export function notifyOf({userHost, service}: Pick<Target, 'userHost' | 'service'>): NotifySettings {
  const {home} = service.profile
  const reading = readNotify(userHost, home)
  if (reading.kind === 'read') return reading.settings
  throw usageError(`hermes-svc cannot read ${notifyFile(home)}, which lists the targets: ${reading.why}`, [
    `rm ${notifyFile(home)}   # begins with an empty list of targets`,
  ])
}

/** The steps that make it so; none if it is. Reads only. Throws usage errors. */
export function notifySteps(target: Target, request: NotifyRequest | undefined): Step[] {
  if (request === undefined || Object.values(request).every((value) => value === undefined)) return []
  const before = notifyOf(target)
  const after = changedNotify(before, request)
  if (formatNotify(after) === formatNotify(before)) return []
  const {account, profile} = target.service
  const path = notifyFile(profile.home)
  if (tellsNobody(after)) return [{kind: 'remove-file', why: 'remove all targets', path, as: account}]
  const text = formatNotify(after)
  return [{kind: 'write-file', why: `record the targets: ${whoIsTold(after)}`, path, text, mode: 0o600, secret: true, as: account}]
}

/** The steps that leave nothing of it in a home. */
export function forgetNotify({userHost, service}: Target): Step[] {
  const {home} = service.profile
  const files = [notifyFile(home), notifyStateFile(home), doctorNotifyFile(home)].filter((file) => userHost.lstat(file) !== undefined)
  return files.map((path) => ({kind: 'remove-file', why: `remove ${path}`, path, as: service.account}))
}

/** The targets as they may be shown. */
export function whoIsTold({targets}: NotifySettings): string {
  return targets.length === 0 ? 'nobody' : targets.map(shownTarget).join(', ')
}

/** Plans a change of who is told, for a home that may have no service. Reads only. Throws usage errors. */
export function planNotify(target: Target, request: NotifyRequest): Plan {
  const {service, userHost, homeFlag} = target
  const {home} = service.profile
  // Where no service is built on it, a home may be anywhere.
  if (userHost.stat(home)?.kind !== 'folder') throw usageError(`${homeFlag} ${shown(home)} does not exist`, ['hermes-svc list'])
  const steps = notifySteps(target, request)
  const after = whoIsTold(changedNotify(notifyOf(target), request))
  return {
    title: `change the targets of ${service.name}`,
    steps,
    outcome:
      steps.length === 0
        ? `nothing was changed; the targets of ${service.name} are: ${after}`
        : `the targets of ${service.name} are now: ${after}`,
  }
}
