import type {Door} from '../host/host.js'
import {parseTarget} from './target.js'

/** In a ping's address: what stands for `up` or `down`. */
const STATUS = '{status}'
/** Where healthchecks.io, and its own servers elsewhere, take pings: /ping/UUID or /ping/KEY/NAME (healthchecks.io/docs/http_api). */
const CHECKS_PATH = /^\/ping\/[\w-]+(\/[\w-]+)?\/?$/
const CHECKS_HOST = 'hc-ping.com'
/** Uptime Kuma's push monitors, whose address is shown with `status=up` (louislam/uptime-kuma, server/routers/api-router.js). */
const KUMA_PATH = /\/api\/push\/\w+\/?$/

/** Why an address is none that can be fetched, as it follows its name in a message; undefined if it is one. Pure. */
export function refusedPing(text: string): string | undefined {
  if (!/^https?:/i.test(text)) return 'is not an https:// address'
  const parsed = parseTarget(text.replaceAll(STATUS, 'up'))
  if ('refused' in parsed) return parsed.refused
  return parsed.target.kind === 'cloudevents' ? undefined : 'is the address of a chat, not of a ping'
}

/**
 * The address to fetch: `{status}` in it becomes `up` or `down`, and so does what Uptime Kuma reads; where healthchecks.io takes its pings `/fail` says
 * that it is down. Undefined where nothing but a living gateway can be said: silence tells the rest. Pure.
 */
export function pingUrl(ping: string, isAlive: boolean): string | undefined {
  if (ping.includes(STATUS)) return ping.replaceAll(STATUS, isAlive ? 'up' : 'down')
  if (isAlive) return ping
  const url = new URL(ping)
  if (KUMA_PATH.test(url.pathname)) {
    url.searchParams.set('status', 'down')
    return url.href
  }
  if (url.hostname !== CHECKS_HOST && !CHECKS_PATH.test(url.pathname)) return undefined
  url.pathname = `${url.pathname.replace(/\/$/, '')}/fail`
  return url.href
}

/** What may be shown of the address of a ping. */
export function shownPing(ping: string): string {
  return URL.canParse(ping) ? new URL(ping).host : 'an invalid address'
}

/** Fetches it; why it was not taken, in words without the address, or undefined. Never throws. */
export async function ping(door: Door, url: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const {httpRequest} = await import('../host/http-request.js')
    const {status} = await httpRequest(door, new URL(url), {method: 'GET', headers: {'user-agent': 'hermes-svc'}, signal})
    return status >= 200 && status < 300 ? undefined : `HTTP ${status}`
  } catch (error) {
    if (signal.aborted) return 'no answer in time'
    return (error as {readonly code?: string}).code ?? 'no answer'
  }
}
