import type {Door} from '../host/host.js'
import {httpRequest} from '../host/http-request.js'
import {visible} from '../text/visible.js'
import {DELIVERY_DEADLINE_MS, type NotifyEvent} from './event.js'
import {cloudEvent, eventVariables, type NotifyRequest, requestOf} from './request.js'
import type {NotifyTarget} from './target.js'

/** How a target answered, in words for a person: what is secret of a target is in none. */
export type Delivery =
  | {readonly kind: 'told'; readonly answer: string}
  /** `isForGood`: it will not take this message, however often it is tried. `afterMs`: it says when to try again. */
  | {readonly kind: 'failed'; readonly why: string; readonly isForGood: boolean; readonly afterMs: number | undefined}

const MOST_SHOWN = 200
const MOST_REDIRECTS = 3
/** What says that this very message will never be taken (RFC 9110). With all others it may be: a token is renewed, a server comes back. */
const FOR_GOOD = [400, 405, 413, 414, 415, 422]
/** What a program that reaches others over the network may need of our own environment. */
const PASSED_ON = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'SSL_CERT_FILE', 'TZ']
const PROGRAM_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin'

/**
 * Tells one target of an event, within the time that `signal` leaves. `door`: of the account whose target it is, with whose ids a program runs. Never throws.
 */
export async function deliver(door: Door, event: NotifyEvent, target: NotifyTarget, signal: AbortSignal): Promise<Delivery> {
  try {
    return target.kind === 'exec' ? await runCommand(door, event, target.argv, signal) : await send(door, requestOf(event, target), signal)
  } catch (error) {
    if (signal.aborted) return failed('no answer in time')
    const {code, message} = error as {readonly code?: string; readonly message?: string}
    return failed(code ?? shown(message ?? String(error)))
  }
}

async function runCommand(door: Door, event: NotifyEvent, argv: readonly string[], signal: AbortSignal): Promise<Delivery> {
  const {name, home} = door.account
  const passedOn = PASSED_ON.flatMap((key): [string, string][] => (door.env[key] === undefined ? [] : [[key, door.env[key]]]))
  const own = {PATH: PROGRAM_PATH, HOME: home, USER: name, LOGNAME: name, LC_ALL: 'C.UTF-8'}
  const env = {...Object.fromEntries(passedOn), ...own, ...eventVariables(event)}
  const result = await door.run(argv, {env, input: `${JSON.stringify(cloudEvent(event))}\n`, timeoutMs: DELIVERY_DEADLINE_MS, signal})
  if (result.code === 0) return {kind: 'told', answer: 'exit 0'}
  const how = result.failure ?? (result.code === null ? `killed by ${result.signal}` : `exit ${result.code}`)
  return failed(withWords(how, result.stderr || result.stdout))
}

async function send(door: Door, request: NotifyRequest, signal: AbortSignal): Promise<Delivery> {
  let url = new URL(request.url)
  for (let redirects = 0; ; redirects++) {
    const {status, location, retryAfterMs, text} = await httpRequest(door, url, {...request, method: 'POST', signal})
    if (status >= 200 && status < 300) return {kind: 'told', answer: `HTTP ${status}`}
    // Only these have a POST stay one (RFC 9110, 15.4).
    if (![307, 308].includes(status) || location === undefined || redirects === MOST_REDIRECTS) {
      return failed(withWords(`HTTP ${status}`, text), FOR_GOOD.includes(status), retryAfterMs)
    }
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined
    // What is sent, and the secret in the address, are meant for that server alone.
    if (next?.origin !== url.origin)
      return failed(`HTTP ${status}: the server redirects to another server, and hermes-svc does not follow it`)
    url = next
  }
}

function failed(why: string, isForGood = false, afterMs?: number): Delivery {
  return {kind: 'failed', why, isForGood, afterMs}
}

function withWords(how: string, text: string): string {
  const words = shown(text)
  return words === '' ? how : `${how}: ${words}`
}

/** The first line of what others say. */
function shown(text: string): string {
  return visible(text.trim().split('\n')[0] ?? '').slice(0, MOST_SHOWN)
}
