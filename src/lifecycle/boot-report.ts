import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import {type AccountHost, HostError} from '../host/host.js'
import {appendJournal} from '../plan/journal.js'

const LONGEST_LOG = 256 * 1024

export const bootLogFile = (root: string): string => path.join(root, HomeFile.logFolder, 'hermes-svc-boot.log')

/** What a boot made of one profile. */
export interface BootedProfile {
  readonly profile: string
  readonly service: string
  readonly home: string
  /** `served`: by another profile's gateway, so it has no slot of ours. `failed`: its slot could not be made. */
  readonly action: 'start' | 'keep-down' | 'served' | 'failed'
  readonly reason: string
  /** It is down although nobody stopped it. */
  readonly isFinding: boolean
  /** Files of the former container that were taken away. */
  readonly swept: readonly string[]
  /** Why they were not; null if nothing speaks against it. */
  readonly notSwept: string | null
}

export interface BootReport {
  readonly dryRun: boolean
  /** Upstream's own reconciliation has run before this one, or this one stands for it. */
  readonly reconciliation: 'after-upstream' | 'instead-of-upstream'
  /** Why nothing was done at all; null if something was. */
  readonly skipped: string | null
  readonly profiles: readonly BootedProfile[]
  /** What went wrong beside the profiles: their gateways run all the same. */
  readonly notes: readonly string[]
}

/** One line of the boot log. */
export function bootLine({profile, action, reason, swept, notSwept}: BootedProfile): string {
  const files = swept.length > 0 ? `; removed ${swept.join(', ')}` : ''
  const kept = notSwept === null ? '' : `; kept its runtime files: ${notSwept}`
  return `profile=${profile} action=${action} reason=${JSON.stringify(reason + files + kept)}`
}

/** Notes the boot in the boot log of the root home, and in the journal of each. A full disk must not cost a boot. */
export function writeDown(userHost: AccountHost, root: string, report: BootReport): void {
  const time = new Date(userHost.nowMs()).toISOString()
  const lines = report.profiles.map((profile) => `${time} ${report.reconciliation} ${bootLine(profile)}`)
  try {
    const file = bootLogFile(root)
    userHost.makeFolder(path.dirname(file), 0o755)
    const {kind, size = 0} = userHost.lstat(file) ?? {}
    // Of a long log the newest part stays.
    if (kind === 'file' && size > LONGEST_LOG) userHost.writeAtomic(file, userHost.readTail(file, LONGEST_LOG / 2) ?? '', 0o644)
    userHost.appendLine(file, lines.join('\n'), 0o644)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
  userHost.atOnce(() => {
    for (const profile of report.profiles) noteBoot(userHost, time, profile)
  })
}

/** Notes a boot in the journal of one home. */
function noteBoot(userHost: AccountHost, time: string, {home, service, action, reason}: BootedProfile): void {
  const outcome = action === 'failed' ? 'failed' : 'done'
  const step = {
    kind: 'act',
    target: action === 'start' ? 'create its slot and start it' : 'create its slot and keep it stopped',
    changed: true,
  }
  const steps = action === 'served' || action === 'failed' ? [] : [step]
  appendJournal(userHost, home, {time, command: 'boot', service, outcome, ...(outcome === 'failed' ? {error: reason} : {}), steps})
}
