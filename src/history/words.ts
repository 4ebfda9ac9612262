import {GatewayExit} from '../gateway/contract.js'
import {OOM_WORDS} from '../service/end-line.js'
import {inWords} from '../text/layout.js'
import type {By, EndReason, HistoryEntry} from './timeline.js'

/** Exit statuses of a shell's, or of env(1): POSIX, 2.8.2. */
const NOT_RUNNABLE = 126
const NOT_FOUND = 127

/** How a gateway ended, as part of a sentence. */
export function reasonWords(reason: EndReason): string {
  switch (reason.kind) {
    case 'planned-restart':
      return 'a planned restart'
    case 'stop-asked':
      return 'stopped as asked'
    case 'called-off':
      return 'the start was called off'
    case 'config':
      return `exited with ${GatewayExit.fatalConfiguration}: its configuration is wrong, so it does not start again`
    case 'exit':
      return `exited with ${reason.status}${meaningOf(reason.status)}`
    case 'signal':
      return `killed by SIG${reason.signal}${reason.isDumped ? ', with a core dump' : ''}`
    case 'oom':
      return OOM_WORDS
    case 'stop-timeout':
      return 'asked to stop, did not stop in time, and was killed'
    case 'watchdog':
      return WATCHDOGS[reason.whose]
    case 'start-failed':
      return `could not be started${reason.result === null ? '' : ` (${reason.result})`}`
    case 'power-off':
      return reason.isClean ? 'stopped with the machine' : 'was still running when the machine went down'
    case 'unclean':
      return `ended without a record, for example by SIGKILL or a power failure${reason.wasShortOfMemory ? '; memory was low' : ''}`
    case 'unknown':
      return 'ended, reason unknown'
  }
}

const WATCHDOGS = {
  'hermes-svc': 'killed by the watchdog, because its event loop did not respond',
  gateway: 'ended itself, because its event loop did not respond to its own watchdog',
  manager: 'killed by the watchdog of its service manager',
} as const

function meaningOf(status: number): string {
  switch (status) {
    case GatewayExit.stopped:
      return ', although nobody asked it to stop'
    case GatewayExit.restart:
      return ', which asks for a restart'
    case NOT_RUNNABLE:
      return ': its program cannot be executed'
    case NOT_FOUND:
      return ': its program does not exist'
    default:
      return ''
  }
}

/** Who brought it about; undefined where there is nothing to be said. */
function byWords(by: By): string | undefined {
  switch (by.who) {
    case 'command':
      return `by \`hermes-svc ${by.command}\``
    case 'tool':
      return 'by another tool'
    case 'manager':
      return 'by its service manager'
    case 'machine':
      return 'at boot'
    case 'gateway':
    case 'kernel':
    case 'watchdog':
    case 'unknown':
      return undefined
  }
}

const PHASES: Readonly<Record<string, string>> = {
  wedged: 'wedged: its event loop does not respond',
  'platform-down': 'a platform is down',
  'start-limit': 'start limit reached: its service manager does not start it again',
}

/** An entry in one line, without its time. */
export function entryWords(entry: HistoryEntry): string {
  switch (entry.kind) {
    case 'start':
      return ['started', byWords(entry.by)].filter(Boolean).join(' ')
    case 'end': {
      const {reason, by, upMs, failures = 0, delayMs = 0, notBeforeMs} = entry
      const isAsked =
        reason.kind === 'stop-asked' ||
        reason.kind === 'planned-restart' ||
        reason.kind === 'stop-timeout' ||
        reason.kind === 'signal' ||
        reason.kind === 'called-off'
      const what = [reasonWords(reason), ...(isAsked ? [byWords(by)] : [])].filter(Boolean).join(' ')
      const after = upMs === undefined || notBeforeMs !== undefined ? '' : `, after ${inWords(upMs)}`
      const wait = delayMs > 0 ? `; failure ${failures} in a row, the next start waits ${inWords(delayMs)}` : ''
      return `${what}${after}${wait}`
    }
    case 'command': {
      const how = entry.outcome === 'done' ? '' : ` ${entry.outcome}`
      const files = entry.files === 0 ? '' : `, ${entry.files} ${entry.files === 1 ? 'file' : 'files'} changed`
      return `hermes-svc ${entry.command}${how}${files}${entry.error === undefined ? '' : `: ${entry.error}`}`
    }
    case 'phase': {
      const what = entry.what === 'platform-down' ? `${entry.about} is down` : (PHASES[entry.what] ?? entry.what)
      return `${what}${entry.untilMs === undefined ? ', until now' : `, for ${inWords(entry.untilMs - entry.atMs)}`}`
    }
    case 'boot':
      return 'the machine started'
    case 'gap':
      return 'no record'
  }
}
