import type {Scope, Service} from '../../service/service.js'
import type {Chronicle, ManagerFact} from '../manager.js'
import {managerEnvironment} from './bus.js'
import {textOf} from './logs.js'
import type {Systemd} from './systemctl.js'

/** What systemd marks its own messages with (sd-messages.h, `journalctl --catalog`). */
const Message = {
  started: '39f53479d3a045ac8e11786248231fbf',
  stopping: 'de5b426a63be47a7b6ac3eaac82e2f6f',
  /** Also of what had ended before. A user's manager says it alone of an end in good order. */
  stopped: '9d1aaa27d60140bd96365438aad20286',
  processExited: '98e322203f7a4ed290d09fe03c09fe15',
  failed: 'd9b373ed55a64feb8242e02dbe79a49c',
  /** Of any process of the unit. */
  outOfMemory: 'fe6faa94e7774663a0da52717891d8ef',
  succeeded: '7ad2d189f7e94e70a38c781354912448',
} as const
const FIELDS = ['MESSAGE', 'MESSAGE_ID', 'EXIT_CODE', 'EXIT_STATUS', 'UNIT_RESULT', 'COMMAND'] as const
/** systemd.exec(5): the process of the service itself. */
const MAIN_COMMAND = 'ExecStart'

/** See Chronicle: the journal. A user's is asked for by the uid, as in logs.ts. */
export function chronicle({scope, account}: Systemd): Chronicle {
  return {
    env: managerEnvironment('system', account),
    command: (service, {sinceMs, lines}) => [
      ...['journalctl', ...about(scope, service), ...Object.values(Message).map((id) => `MESSAGE_ID=${id}`)],
      ...['--no-pager', '--quiet', '--all', '--output=json', `--output-fields=${FIELDS.join(',')}`, '--reverse'],
      ...[`--lines=${lines}`, `--since=@${(sinceMs / 1000).toFixed(3)}`],
    ],
    factOf,
    bootsCommand: ['journalctl', '--list-boots', '--no-pager', '--quiet', '--output=json'],
    bootsOf,
  }
}

function about(scope: Scope, {name, account}: Service): string[] {
  return scope === 'system' ? ['_PID=1', `UNIT=${name}`] : [`_UID=${account.uid}`, `USER_UNIT=${name}`]
}

function factOf(printed: string): ManagerFact | undefined {
  const entry = parsed(printed)
  const atMs = Math.round(Number(entry?.__REALTIME_TIMESTAMP) / 1000)
  if (!entry || typeof entry !== 'object' || !Number.isFinite(atMs)) return undefined
  switch (textOf(entry.MESSAGE_ID)) {
    case Message.started:
      return {kind: 'started', atMs}
    case Message.stopping:
      return {kind: 'stopping', atMs}
    case Message.outOfMemory:
      return {kind: 'oom-kill', atMs}
    case Message.stopped:
    case Message.succeeded:
      return {kind: 'result', atMs, result: 'success'}
    case Message.failed:
      return {kind: 'result', atMs, result: textOf(entry.UNIT_RESULT)}
    case Message.processExited: {
      const [how, status] = [textOf(entry.EXIT_CODE), textOf(entry.EXIT_STATUS)]
      if (textOf(entry.COMMAND) !== MAIN_COMMAND || (how !== 'exited' && how !== 'killed' && how !== 'dumped')) return undefined
      return {kind: 'ended', atMs, how, status: how === 'exited' ? status : (signalIn(textOf(entry.MESSAGE)) ?? status)}
    }
    default:
      return undefined
  }
}

/** The name of a signal, of which its field has the number alone: "Main process exited, code=killed, status=9/KILL". */
function signalIn(message: string): string | undefined {
  return /\bstatus=\d{1,3}\/([A-Z0-9+-]{1,12})$/.exec(message)?.[1]
}

/** `journalctl --list-boots` as JSON, which systemd has since 251: an older one's table tells nothing. */
function bootsOf(printed: string): {atMs: number; lastMs: number}[] {
  const boots = parsed(printed)
  if (!Array.isArray(boots)) return []
  return boots.flatMap((boot: unknown) => {
    const {first_entry: first, last_entry: last} = (boot ?? {}) as {first_entry?: unknown; last_entry?: unknown}
    return typeof first === 'number' && typeof last === 'number' ? [{atMs: first / 1000, lastMs: last / 1000}] : []
  })
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
