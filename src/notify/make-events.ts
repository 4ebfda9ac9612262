import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import type {Doors} from '../host/host.js'
import {homeSecrets} from '../service/home-secrets.js'
import {machineName} from '../service/machine-name.js'
import {redactLines} from '../service/redact.js'
import type {Scope} from '../service/service.js'
import {inWords} from '../text/layout.js'
import {visible} from '../text/visible.js'
import {GATEWAY, HEARTBEAT} from './conditions.js'
import {eventId} from './event-id.js'
import type {NotifyEvent} from './event.js'
import {cut, LONGEST_LINE} from './message.js'
import {nextCommand} from './next-command.js'
import type {Told} from './transition.js'

/** The service that an event is about. */
export interface EventSource {
  /** The manager's name for it. */
  readonly name: string
  readonly scope: Scope
  readonly profile: string
  readonly home: string
}

const SHOWN_LINES = 5
const LOG_BYTES = 8 * 1024

/** Events as people are told of them: with the names of machine and service, the last lines of the log without secrets, and what to type. Throws HostError. */
export function makeEvents({host, userHost}: Doors, source: EventSource, told: readonly Told[], nowMs: number): NotifyEvent[] {
  const {name: service, profile, home, scope} = source
  const machine = machineName(host)
  const lines = told.some(({kind}) => showsLog(kind)) ? logLines(userHost, home) : []
  return told.map(({kind, about, sinceMs, what, isReminder}) => ({
    id: eventId(machine, home, about, kind, sinceMs, isReminder ? nowMs : 0),
    ...{kind, atMs: nowMs, sinceMs, machine, service, profile, isReminder},
    what: kind === 'recovered' ? recovered(about, nowMs - sinceMs) : what,
    lines: showsLog(kind) ? lines : [],
    next: nextCommand(kind, {scope, profile, home, accountHome: userHost.account.home}),
  }))
}

function showsLog(kind: Told['kind']): boolean {
  return kind !== 'recovered' && kind !== 'heartbeat-lost'
}

function logLines(userHost: Doors['userHost'], home: string): string[] {
  const text = userHost.readTail(path.join(home, HomeFile.log), LOG_BYTES)?.trimEnd() ?? ''
  const last = text === '' ? [] : text.split('\n').slice(-SHOWN_LINES)
  return redactLines(last, {accounts: [], values: homeSecrets(userHost, home)}).map((line) => cut(visible(line), LONGEST_LINE))
}

function recovered(about: string, forMs: number): string {
  if (about === HEARTBEAT) return `has its heartbeat again after ${inWords(forMs)}`
  return about === GATEWAY ? `has recovered after ${inWords(forMs)}` : `is connected to ${visible(about)} again after ${inWords(forMs)}`
}
