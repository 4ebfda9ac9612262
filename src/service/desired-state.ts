import path from 'node:path'
import {type Host, HostError} from '../host/host.js'
import type {DesiredState} from '../managers/manager.js'

/**
 * The operator's intent for one profile, the truth for every manager: `<home>/.hermes-svc.json`. Written only by start, stop, restart,
 * install and uninstall; never by a signal, a crash, an upgrade or a reboot.
 */
export interface DesiredRecord {
  readonly schemaVersion: 1
  readonly desiredState: DesiredState
  /** ISO 8601, UTC. */
  readonly since: string
  /** The command that recorded it. */
  readonly by: string
  /** Stopped for now only: the next boot starts it again. */
  readonly untilBoot?: true
}

export const desiredStateFile = (home: string): string => path.join(home, '.hermes-svc.json')

/** What was recorded; "unreadable" covers a damaged file too: an intent that cannot be read is not an intent that is absent. */
export type DesiredReading =
  | {readonly kind: 'recorded'; readonly record: DesiredRecord}
  | {readonly kind: 'absent'}
  | {readonly kind: 'unreadable'; readonly why: string}

/** Reads the record. Never throws. */
export function readDesired(host: Host, home: string): DesiredReading {
  let text: string | undefined
  try {
    text = host.readText(desiredStateFile(home))
  } catch (error) {
    if (error instanceof HostError) return {kind: 'unreadable', why: error.code}
    throw error
  }
  if (text === undefined) return {kind: 'absent'}
  try {
    const value = JSON.parse(text) as DesiredRecord
    if (value.desiredState === 'running' || value.desiredState === 'stopped') return {kind: 'recorded', record: value}
  } catch {
    // Falls through: not JSON, or JSON null.
  }
  return {kind: 'unreadable', why: 'not a record of hermes-svc'}
}

export function formatDesired(record: DesiredRecord): string {
  return `${JSON.stringify(record)}\n`
}
