import {PlatformWord, platformWordOf} from '../gateway/contract.js'
import type {OnlineReport, ServiceReport} from '../observe/report.js'
import {inWords} from '../text/layout.js'

/** The answer to what people ask first, in one sentence: does it run, and does anybody reach it? */
export function onlineSentence({
  service,
  actual,
  online,
  servedBy,
}: Pick<ServiceReport, 'service' | 'actual' | 'online' | 'servedBy'>): string {
  const name = service.replace(/\.service$/, '')
  if (servedBy !== null) return `${name} is not needed: the gateway of profile ${servedBy} serves this profile`
  if (actual === 'not-installed') return `${name} is not installed`
  if (actual === 'unknown') return `whether ${name} runs cannot be told`
  const said =
    {wedged: 'wedged (its process is there and does nothing)', orphaned: 'running outside its service'}[actual as string] ?? actual
  return `${name} is ${said}${isDown(actual) ? ' and offline' : answer(online)}`
}

/** Each platform in a few words, e.g. "telegram connected, discord retrying for 4 min". */
function platformsText(platforms: OnlineReport['platforms']): string {
  return platforms.map((one) => `${shownName(one.name)} ${doing(one)}`).join(', ')
}

/** The cell of a table: those that are connected by their names alone. */
export function platformsCell({state, platforms}: OnlineReport): string {
  const isConnected = (one: OnlineReport['platforms'][number]) => one.fault === null && platformWordOf(one.state) === PlatformWord.connected
  if (platforms.length > 0) return platforms.map((one) => shownName(one.name) + (isConnected(one) ? '' : ` (${doing(one)})`)).join(', ')
  return {'none-configured': 'none', unknown: '?', connecting: 'connecting'}[state as string] ?? '-'
}

const isDown = (actual: ServiceReport['actual']) => ['stopped', 'stopping', 'failed', 'waiting', 'crash-looping', 'wedged'].includes(actual)

function answer({state, platforms, advice}: OnlineReport): string {
  const which = platforms.length === 0 ? '' : ` (${platformsText(platforms)})`
  if (advice) return `, but ${advice.what}${which}`
  switch (state) {
    case 'online':
      return ` and online${which}`
    case 'partly':
      return ` and partly online${which}`
    case 'connecting':
      return ` and not online yet${which}`
    case 'offline':
      return ` but offline${which}`
    case 'none-configured':
      return ', but no chat platform is set up'
    case 'unknown':
      return `; whether it is online cannot be told${which}`
  }
}

/** Anything but a plain word is quoted: it is others', and shown on terminals. */
function shownName(name: string): string {
  return /^[\w:.-]+…?$/.test(name) ? name : JSON.stringify(name)
}

function doing({state, forMs, fault}: OnlineReport['platforms'][number]): string {
  const word = platformWordOf(state)
  const time = forMs === null ? '' : ` for ${inWords(forMs)}`
  if (word === undefined) return 'says nothing'
  if (word === PlatformWord.fatal) return `gave up${forMs === null ? '' : ` ${inWords(forMs)} ago`}`
  const said = word === 'unknown' ? `says ${shownName(state ?? '')}` : word
  return `${said}${fault === 'needs-attention' ? ', needs attention' : ''}${time}`
}
