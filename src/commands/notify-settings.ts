import {Flags} from '@oclif/core'
import {usageError} from '../errors.js'
import {type NotifyRequest, togetherNotify, whoIsTold} from '../lifecycle/notify-change.js'
import {EVENT_KINDS, type EventKind} from '../notify/event.js'
import {DEFAULT_REMINDER_MS, type NotifySettings} from '../notify/notify-file.js'
import {refusedPing, shownPing} from '../notify/ping.js'
import {parseTarget} from '../notify/target.js'
import {inUnits, parseDurationMs} from './duration.js'
import {SETTING_NAMES} from './setting-list.js'

// What can be chosen about who is told: the one list from which the flags of install and setup and the command config come.

/** One such thing, by the name of its flag; see Setting. */
export interface NotifySetting {
  readonly description: string
  readonly helpValue: string
  readonly defaultText: string
  readonly parse: (text: string, name: string) => NotifyRequest
  readonly unset: NotifyRequest
  /** There may be several of it, of which each `parse` adds one. */
  readonly isMany?: true
  /** A value may be a secret: where it is written down a reference may stand for it. */
  readonly mayBeSecret?: true
  /** The values that were chosen, each as it would be typed, secrets and all; none: the default. */
  readonly values: (settings: NotifySettings) => readonly string[]
  /** Its value, without what is secret of it. */
  readonly show: (settings: NotifySettings) => string
}

const LEAST_REMINDER_MS = 300_000
const MOST_REMINDER_MS = 365 * 86_400_000
const EVERYTHING = 'all'

/** A target, whose text may be a secret. Throws a usage error that does not say it. */
export function requireTarget(text: string, name: string): string {
  const parsed = parseTarget(text)
  if ('refused' in parsed) throw usageError(`${name}: the target ${parsed.refused}`)
  return text
}

function parseKinds(text: string, name: string): readonly EventKind[] | null {
  if (text === EVERYTHING) return null
  const words = text.split(',').map((word) => word.trim())
  const unknown = words.find((word) => !EVENT_KINDS.some((kind) => kind === word))
  if (unknown !== undefined)
    throw usageError(`${name} ${JSON.stringify(unknown)}: unknown event; use ${EVERYTHING}, or one or more of ${EVENT_KINDS.join(', ')}`)
  return EVENT_KINDS.filter((kind) => words.includes(kind))
}

function parsePing(text: string, name: string): string {
  const refused = refusedPing(text)
  if (refused !== undefined) throw usageError(`${name}: the address ${refused}`)
  return text
}

export const NOTIFY_SETTINGS = {
  notify: {
    description: 'notify this target when the gateway has a problem, and when it has recovered; can be used more than once',
    helpValue: '<target>',
    defaultText: 'nobody',
    parse: (text, name) => ({add: [requireTarget(text, name)]}),
    unset: {remove: ['all']},
    isMany: true,
    mayBeSecret: true,
    values: ({targets}) => targets,
    show: whoIsTold,
  },
  'notify-on': {
    description: `events to notify about, separated by commas: ${EVENT_KINDS.join(', ')} (default: ${EVERYTHING})`,
    helpValue: '<events>',
    defaultText: EVERYTHING,
    parse: (text, name) => ({on: parseKinds(text, name)}),
    unset: {on: null},
    values: ({on}) => (on ? [on.join(',')] : []),
    show: ({on}) => on?.join(',') ?? EVERYTHING,
  },
  'notify-reminder': {
    description: `how often to send a reminder while a problem lasts (default: ${inUnits(DEFAULT_REMINDER_MS)})`,
    helpValue: '<time>',
    defaultText: inUnits(DEFAULT_REMINDER_MS),
    parse: (text, name) => ({reminderMs: parseDurationMs(text, {flag: name, leastMs: LEAST_REMINDER_MS, mostMs: MOST_REMINDER_MS})}),
    unset: {reminderMs: DEFAULT_REMINDER_MS},
    values: ({reminderMs}) => (reminderMs === DEFAULT_REMINDER_MS ? [] : [inUnits(reminderMs)]),
    show: ({reminderMs}) => inUnits(reminderMs),
  },
  ping: {
    description:
      'fetch this address at each heartbeat while the gateway is alive, so that an outside monitor can report a machine that is off',
    helpValue: '<url>',
    defaultText: 'none',
    parse: (text, name) => ({ping: parsePing(text, name)}),
    unset: {ping: null},
    mayBeSecret: true,
    values: ({ping}) => (ping === undefined ? [] : [ping]),
    show: ({ping}) => (ping === undefined ? 'none' : shownPing(ping)),
  },
} as const satisfies Record<string, NotifySetting>

export type NotifySettingName = keyof typeof NOTIFY_SETTINGS
export const NOTIFY_SETTING_NAMES = Object.keys(NOTIFY_SETTINGS) as readonly NotifySettingName[]

/** The names of all that `config` knows, those of the definition first. */
export const ALL_SETTING_NAMES: readonly string[] = [...SETTING_NAMES, ...NOTIFY_SETTING_NAMES]

/** The setting of a name; undefined if there is none. */
export function notifySettingOf(name: string): NotifySetting | undefined {
  return NOTIFY_SETTING_NAMES.includes(name as NotifySettingName) ? NOTIFY_SETTINGS[name as NotifySettingName] : undefined
}

const flagOf = ({description, helpValue}: NotifySetting) => Flags.string({description, helpValue})

/** Flags that decide who is told. */
export const notifyFlags = {
  notify: Flags.string({
    ...{multiple: true, multipleNonGreedy: true, description: NOTIFY_SETTINGS.notify.description, helpValue: '<target>'},
  }),
  'unset-notify': Flags.string({
    ...{multiple: true, multipleNonGreedy: true, helpValue: '<target>'},
    description: 'remove this target, typed as you added it or as notify list shows it; all: remove every target',
  }),
  'notify-on': flagOf(NOTIFY_SETTINGS['notify-on']),
  'notify-reminder': flagOf(NOTIFY_SETTINGS['notify-reminder']),
  ping: flagOf(NOTIFY_SETTINGS.ping),
} satisfies Record<NotifySettingName | 'unset-notify', unknown>

/** The parsed values of `notifyFlags`. */
export interface NotifyFlagValues {
  readonly notify?: readonly string[] | undefined
  readonly 'unset-notify'?: readonly string[] | undefined
  readonly 'notify-on'?: string | undefined
  readonly 'notify-reminder'?: string | undefined
  readonly ping?: string | undefined
}

/** Turns the flags into a request. Throws usage errors that name the flag and the reason, and no secret. */
export function notifyRequest(flags: NotifyFlagValues): NotifyRequest {
  const given = NOTIFY_SETTING_NAMES.flatMap((name) => {
    const value = flags[name]
    const texts = value === undefined ? [] : typeof value === 'string' ? [value] : value
    return texts.map((text) => NOTIFY_SETTINGS[name].parse(text, `--${name}`))
  })
  return togetherNotify([{remove: flags['unset-notify'] ?? []}, ...given])
}
