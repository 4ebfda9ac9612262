import type {NotifyEvent} from './event.js'
import {cut, type Message, messageOf} from './message.js'
import type {NotifyTarget} from './target.js'

/** A request that tells one receiver of one event. */
export interface NotifyRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string
}

/** Bytes of a message that ntfy takes before it makes a file of it (docs.ntfy.sh, limits). */
const NTFY_MOST = 4000
/** Characters of `text` before Slack cuts it (docs.slack.dev, chat.postMessage). */
const SLACK_MOST = 40_000
/** Characters of `content` (Discord, execute webhook). */
const DISCORD_MOST = 2000
/** Characters of `text` (Telegram Bot API, sendMessage). */
const TELEGRAM_MOST = 4096

/** What is bad and what is over, as numbers of the receivers: ntfy 1 to 5, Gotify 0 to 10. */
const PRIORITY = {bad: {ntfy: 4, gotify: 8}, good: {ntfy: 3, gotify: 4}} as const

/** The request of an event for a receiver that is asked over HTTP. Pure. */
export function requestOf(event: NotifyEvent, target: Exclude<NotifyTarget, {kind: 'exec'}>): NotifyRequest {
  const message = messageOf(event)
  const priority = event.kind === 'recovered' || event.kind === 'test' ? PRIORITY.good : PRIORITY.bad
  switch (target.kind) {
    case 'cloudevents':
      return request(target.url, cloudEvent(event), event, {'content-type': 'application/cloudevents+json; charset=utf-8'})
    case 'ntfy': {
      const {topic, authorization} = target
      const body = {topic, title: message.title, message: cutBytes(message.body, NTFY_MOST), priority: priority.ntfy}
      return request(target.url, body, event, authorization === undefined ? {} : {authorization})
    }
    case 'slack':
      return request(target.url, {text: cut(slackText(message), SLACK_MOST)}, event)
    case 'discord':
      // Nobody is called by a name that a log line holds.
      return request(target.url, {content: cut(plain(message), DISCORD_MOST), allowed_mentions: {parse: []}}, event)
    case 'telegram': {
      const body = {chat_id: target.chat, text: cut(plain(message), TELEGRAM_MOST), link_preview_options: {is_disabled: true}}
      return request(target.url, body, event)
    }
    case 'gotify':
      return request(target.url, {title: message.title, message: message.body, priority: priority.gotify}, event, {
        'x-gotify-key': target.token,
      })
  }
}

/**
 * The event as a document of CloudEvents 1.0 (github.com/cloudevents/spec), which is also what a command reads. `source` names the service of a machine, and
 * with `id` no other event.
 */
export function cloudEvent(event: NotifyEvent): Readonly<Record<string, unknown>> {
  const {id, kind, atMs, sinceMs, machine, service, profile, what, lines, next, isReminder} = event
  return {
    specversion: '1.0',
    id,
    source: `/hermes-svc/${encodeURIComponent(machine)}/${encodeURIComponent(service)}`,
    type: `hermes-svc.${kind}`,
    subject: profile,
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    data: {
      machine,
      service,
      profile,
      event: kind,
      what,
      since: new Date(sinceMs).toISOString(),
      reminder: isReminder,
      lines,
      next,
      ...messageOf(event),
    },
  }
}

/** The event as a command finds it in its environment. */
export function eventVariables(event: NotifyEvent): Record<string, string> {
  const {title, body} = messageOf(event)
  return {
    HERMES_SVC_EVENT: event.kind,
    HERMES_SVC_EVENT_ID: event.id,
    HERMES_SVC_MACHINE: event.machine,
    HERMES_SVC_SERVICE: event.service,
    HERMES_SVC_PROFILE: event.profile,
    HERMES_SVC_SINCE: new Date(event.sinceMs).toISOString(),
    HERMES_SVC_TITLE: title,
    HERMES_SVC_TEXT: body,
  }
}

function request(url: string, body: object, {id}: NotifyEvent, headers: Readonly<Record<string, string>> = {}): NotifyRequest {
  return {
    url,
    headers: {'content-type': 'application/json', 'idempotency-key': id, 'user-agent': 'hermes-svc', ...headers},
    body: JSON.stringify(body),
  }
}

const plain = ({title, body}: Message): string => `${title}\n\n${body}`

/** The three characters that mean something to Slack (docs.slack.dev, formatting text). */
function slackText(message: Message): string {
  return plain(message).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A text of at most so many bytes in UTF-8. */
function cutBytes(text: string, most: number): string {
  const bytes = Buffer.byteLength(text)
  return bytes <= most ? text : cutBytes(cut(text, Math.min(text.length - 1, Math.floor((text.length * most) / bytes))), most)
}
