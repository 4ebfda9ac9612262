import path from 'node:path'
import {DEFAULT_PROFILE, HomeFile, STANDARD_ROOT} from '../gateway/contract.js'
import type {Scope} from '../service/service.js'
import {shellWord} from '../text/shell-quote.js'
import type {NotifyEvent} from './event.js'

/** What a command of ours has to be told to mean a service. */
export interface NamedService {
  readonly scope: Scope
  readonly profile: string
  readonly home: string
  /** Home directory of its account. */
  readonly accountHome: string
}

const WORDS: Readonly<Record<NotifyEvent['kind'], string>> = {
  down: 'doctor --fix',
  wedged: 'restart',
  'crash-looping': 'logs -n 50',
  'fatal-config': 'doctor',
  'start-limit': 'fix start-limit',
  'watchdog-restart': 'history --since 1d',
  'platform-down': 'doctor',
  recovered: 'history --since 1d',
  'heartbeat-lost': 'fix missing-heartbeat',
  test: 'notify list',
}

/** The one command to type about an event, on the machine of the service. Pure. */
export function nextCommand(kind: NotifyEvent['kind'], {scope, profile, home, accountHome}: NamedService): string {
  const root = path.join(accountHome, STANDARD_ROOT)
  const usual = profile === DEFAULT_PROFILE ? root : path.join(root, HomeFile.profiles, profile)
  const named = home !== usual ? ` --home ${shellWord(home)}` : profile === DEFAULT_PROFILE ? '' : ` -p ${profile}`
  return `${scope === 'system' ? 'sudo ' : ''}hermes-svc ${WORDS[kind]}${named}`
}
