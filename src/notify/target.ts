import {isLoopback} from '../host/loopback.js'
import {splitCommandLine} from '../service/command-line.js'

/** Where somebody is told. What is in one may be a secret; `targetName` is what may be shown. */
export type NotifyTarget =
  /** A program of the service's user. */
  | {readonly kind: 'exec'; readonly argv: readonly string[]}
  /** Takes a CloudEvents document. */
  | {readonly kind: 'cloudevents'; readonly url: string}
  | {readonly kind: 'ntfy'; readonly url: string; readonly topic: string; readonly authorization: string | undefined}
  | {readonly kind: 'slack'; readonly url: string}
  | {readonly kind: 'discord'; readonly url: string}
  | {readonly kind: 'telegram'; readonly url: string; readonly chat: string}
  | {readonly kind: 'gotify'; readonly url: string; readonly token: string}

/** A text that is no target: why, as it follows the value's name in a message. The value itself is a secret, and not in it. */
export interface RefusedTarget {
  readonly refused: string
}

export type ParsedTarget = {readonly target: NotifyTarget} | RefusedTarget

const FORMS = 'exec:/path ..., https://, ntfy://, slack://, discord://, telegram:// or gotify://'

/**
 * Reads a target as it is typed. Beside the forms of our own, the addresses that Slack and Discord show for a webhook are taken for what they are. http is for
 * this machine itself, and for a server in one's own network where it is asked for (`ntfy+http://`, `gotify+http://`).
 */
export function parseTarget(text: string): ParsedTarget {
  const scheme = /^([a-z][a-z+]*):/i.exec(text)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'exec':
      return execTarget(text.slice('exec:'.length))
    case 'http':
    case 'https':
      return webTarget(text)
    case 'ntfy':
    case 'ntfy+http':
      return ntfyTarget(text, scheme === 'ntfy')
    case 'gotify':
    case 'gotify+http':
      return gotifyTarget(text, scheme === 'gotify')
    case 'slack':
      return byParts(
        text,
        /^slack:\/\/(T\w+\/B\w+\/\w+)\/?$/i,
        'slack://T.../B.../..., the last part of the webhook’s address',
        ([way = '']) => ({
          kind: 'slack',
          url: `https://hooks.slack.com/services/${way}`,
        }),
      )
    case 'discord':
      return byParts(
        text,
        /^discord:\/\/(\d+)\/([\w-]+)\/?$/i,
        'discord://ID/TOKEN, the last part of the webhook’s address',
        ([id = '', token = '']) => ({
          kind: 'discord',
          url: `https://discord.com/api/webhooks/${id}/${token}`,
        }),
      )
    case 'telegram':
      return byParts(
        text,
        /^telegram:\/\/(\d+:[\w-]+)[/@](-?\d+|@?\w+)\/?$/i,
        'telegram://BOT_TOKEN/CHAT_ID',
        ([token = '', chat = '']) => ({
          kind: 'telegram',
          url: `https://api.telegram.org/bot${token}/sendMessage`,
          chat: /^(-?\d+|@.*)$/.test(chat) ? chat : `@${chat}`,
        }),
      )
    case undefined:
    default:
      return {refused: `must begin with ${FORMS}`}
  }
}

/** What may be shown of a target, in two words: its kind and its host, or the name of its program. */
export function targetName(target: NotifyTarget): string {
  if (target.kind === 'exec') return `exec ${target.argv[0]?.split('/').at(-1) ?? ''}`
  return `${target.kind} ${new URL(target.url).host}`
}

/** The same of a target as it is typed, which need not be one. */
export function shownTarget(text: string): string {
  const parsed = parseTarget(text)
  return 'refused' in parsed ? 'an invalid target' : targetName(parsed.target)
}

function execTarget(line: string): ParsedTarget {
  const split = splitCommandLine(line)
  if ('refused' in split) return {refused: `is a command that ${split.refused}`}
  const [program = ''] = split.words
  // Where a unit runs it there is no folder that a person would think of. A name alone is looked for where the system has its programs.
  if (program === '' || (program.includes('/') && !program.startsWith('/'))) {
    return {refused: 'must name a program by its absolute path or by its name alone, for example exec:/usr/local/bin/tell-me ...'}
  }
  return {target: {kind: 'exec', argv: split.words}}
}

function webTarget(text: string): ParsedTarget {
  const url = parseUrl(text)
  if (!url) return {refused: 'is not a valid address'}
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return {refused: 'uses http, which others can read on the way; use https (http is only for this machine itself)'}
  }
  if (url.hostname === 'hooks.slack.com' && url.pathname.startsWith('/services/')) return {target: {kind: 'slack', url: url.href}}
  if (/^(\w+\.)?discord(app)?\.com$/.test(url.hostname) && url.pathname.startsWith('/api/webhooks/')) {
    return {target: {kind: 'discord', url: url.href}}
  }
  return {target: {kind: 'cloudevents', url: url.href}}
}

/** `ntfy://[user:password@|:token@]host/topic`; a topic alone is one of ntfy.sh. */
function ntfyTarget(text: string, isSecure: boolean): ParsedTarget {
  const url = parseUrl(text.replace(/^[^:]+:/, isSecure ? 'https:' : 'http:'))
  const way = url?.pathname.split('/').filter(Boolean) ?? []
  const isTopicAlone = url !== undefined && way.length === 0 && url.port === ''
  // The host of an address has no capitals, a topic may.
  const topic = isTopicAlone ? (/^[^:]+:\/\/(?:[^@/]*@)?([^/?#]+)/.exec(text)?.[1] ?? '') : (way.pop() ?? '')
  if (!url || !/^[\w-]{1,64}$/.test(topic)) return {refused: 'must have the form ntfy://HOST/TOPIC'}
  const [user, password] = [decoded(url.username), decoded(url.password)]
  if (user === undefined || password === undefined) {
    return {refused: 'has a "%" in its user or password that begins no escape; write it as %25'}
  }
  const authorization =
    password === '' ? undefined : user === '' ? `Bearer ${password}` : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const base = isTopicAlone ? 'https://ntfy.sh/' : `${url.protocol}//${url.host}/${way.map((part) => `${part}/`).join('')}`
  return {target: {kind: 'ntfy', url: base, topic, authorization}}
}

/** `gotify://host[/path]/TOKEN`. */
function gotifyTarget(text: string, isSecure: boolean): ParsedTarget {
  const url = parseUrl(text.replace(/^[^:]+:/, isSecure ? 'https:' : 'http:'))
  const way = url?.pathname.split('/').filter(Boolean) ?? []
  const token = way.pop()
  if (!url || token === undefined || !/^[\w.-]+$/.test(token)) return {refused: 'must have the form gotify://HOST/TOKEN'}
  return {target: {kind: 'gotify', url: `${url.protocol}//${url.host}/${[...way, 'message'].join('/')}`, token}}
}

function byParts(text: string, form: RegExp, words: string, make: (parts: readonly string[]) => NotifyTarget): ParsedTarget {
  const parts = form.exec(text)?.slice(1)
  return parts ? {target: make(parts)} : {refused: `must have the form ${words}`}
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

/** Undefined where a "%" begins no escape. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
