import {type DesiredState, PlatformWord, platformWordOf} from '../gateway/contract.js'
import type {OnlineReport, ServiceReport} from '../observe/report.js'
import {inWords} from '../text/layout.js'

/** What the sentence is about. `desired`: what the operator asked for; undefined where the sentence says nothing about it. */
export type Said = Pick<ServiceReport, 'service' | 'actual' | 'online' | 'servedBy'> & {readonly desired?: Wish | null}

/** What the operator asked for. `until-boot`: stopped, until the next boot. */
export type Wish = DesiredState | 'until-boot'

/** The answer to what people ask first, in one sentence: is it alive, should it be, and does anybody reach it? */
export function onlineSentence({service, actual, online, servedBy, desired}: Said): string {
  const name = service.replace(/\.service$/, '')
  if (servedBy !== null) return `${name} is not needed: the gateway of profile ${servedBy} serves this profile`
  if (actual === 'not-installed') return `${name} is not installed`
  if (actual === 'unknown') {
    const wish = desired ? `; it should be ${desired === 'running' ? 'running' : 'stopped'}` : ''
    return `hermes-svc cannot tell whether ${name} is running${wish}`
  }
  const should = desired === undefined ? undefined : shouldBe(actual, desired)
  return `${name} ${DOING[actual]}${should?.text ?? ''}${isUp(actual) ? answer(online, should?.join ?? '') : ''}`
}

type Actual = Exclude<ServiceReport['actual'], 'not-installed' | 'unknown'>

const DOING: Readonly<Record<Actual, string>> = {
  running: 'is running',
  starting: 'is starting',
  draining: 'is draining (it finishes its work first)',
  stopping: 'is stopping',
  stopped: 'is stopped',
  failed: 'has failed',
  waiting: 'is down and waits for its next start',
  'crash-looping': 'is crash-looping (it ends soon after each start)',
  wedged: 'is wedged (its process exists but does not respond)',
  orphaned: 'is running outside its service',
}

/** Whether what it does is what was asked for, and what joins the rest of the sentence to that. */
function shouldBe(actual: Actual, desired: Wish | null): {text: string; join: ',' | ';'} {
  if (desired === null) return {text: '; no desired state is recorded', join: ';'}
  const isMeantToRun = desired === 'running'
  const asAsked = {text: desired === 'until-boot' ? ', as it should be until the next boot' : ', as it should be', join: ','} as const
  switch (actual) {
    case 'running':
    case 'starting':
      return isMeantToRun ? asAsked : {text: ', but it should be stopped', join: ';'}
    case 'draining':
    case 'stopping':
      return isMeantToRun ? {text: ' and should be running again afterwards', join: ';'} : asAsked
    case 'stopped':
      return isMeantToRun ? {text: ', but it should be running', join: ';'} : asAsked
    case 'failed':
      return isMeantToRun ? {text: ', but it should be running', join: ';'} : {text: '; it should be stopped', join: ';'}
    case 'orphaned':
      return {text: isMeantToRun ? ', but it should be running in its service' : ', but it should be stopped', join: ';'}
    case 'waiting':
    case 'crash-looping':
    case 'wedged':
      return {text: isMeantToRun ? ', but it should be running' : ', but it should be stopped', join: ';'}
  }
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

const isUp = (actual: Actual) => ['running', 'starting', 'draining', 'orphaned'].includes(actual)

/** `join`: what stands between this and what was said before it. */
function answer({state, platforms, advice}: OnlineReport, join: '' | ',' | ';'): string {
  const which = platforms.length === 0 ? '' : ` (${platformsText(platforms)})`
  if (advice) return join === ';' ? `; ${advice.what}${which}` : `, but ${advice.what}${which}`
  const is = (word: string, joint: 'and' | 'but') => `${join} ${join === ';' ? 'it is' : joint} ${word}${which}`
  switch (state) {
    case 'online':
      return is('online', 'and')
    case 'partly':
      return is('partly online', 'and')
    case 'connecting':
      return is('not online yet', 'and')
    case 'offline':
      return is('offline', 'but')
    case 'none-configured':
      return `${join === ';' ? ';' : ', but'} no chat platform is set up`
    case 'unknown':
      return `; hermes-svc cannot tell whether it is online${which}`
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
