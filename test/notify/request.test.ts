import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {NotifyEvent} from '../../src/notify/event.js'
import {cut, messageOf} from '../../src/notify/message.js'
import {cloudEvent, eventVariables, requestOf} from '../../src/notify/request.js'

const AT = Date.UTC(2026, 10, 29, 3, 12)
const EVENT: NotifyEvent = {
  ...{
    id: 'abc',
    kind: 'down',
    atMs: AT,
    sinceMs: AT - 150 * 60_000,
    machine: 'box',
    service: 'hermes-gateway-work.service',
    profile: 'work',
  },
  ...{what: 'is down, but it should be running', lines: ['ERROR <@everyone> & co'], next: 'hermes-svc doctor -p work', isReminder: false},
}
const body = (request: {readonly body: string}) => JSON.parse(request.body) as Record<string, unknown>

describe('messageOf', () => {
  it('says in one line what it is about, and below it since when, what was seen and what to type', () => {
    const {title, body: text} = messageOf(EVENT)
    expect(title).toBe('hermes-gateway-work.service on box is down, but it should be running')
    expect(text.split('\n')).toEqual([
      'Machine: box',
      'Profile: work',
      'Since: 2026-11-29T00:42:00.000Z (3 h)',
      '',
      'ERROR <@everyone> & co',
      '',
      'Type: hermes-svc doctor -p work',
    ])
    expect(messageOf({...EVENT, isReminder: true}).title).toBe(
      'Reminder: hermes-gateway-work.service on box is down, but it should be running',
    )
  })

  it('shows the last lines only, none longer than a screen is wide', () => {
    const {body: text} = messageOf({...EVENT, lines: Array.from({length: 50}, (_, index) => `${index} ${'x'.repeat(400)}`)})
    expect(text.match(/x…$/gm)).toHaveLength(10)
    expect(text).toContain('49 x')
  })
})

describe('requestOf', () => {
  it('hands a CloudEvents 1.0 document over in structured mode, with what makes the event unique', () => {
    const request = requestOf(EVENT, {kind: 'cloudevents', url: 'https://example.org/hook'})
    expect(request.headers).toMatchObject({'content-type': 'application/cloudevents+json; charset=utf-8', 'idempotency-key': 'abc'})
    expect(body(request)).toMatchObject({
      ...{specversion: '1.0', id: 'abc', source: '/hermes-svc/box/hermes-gateway-work.service', type: 'hermes-svc.down', subject: 'work'},
      ...{time: '2026-11-29T03:12:00.000Z', datacontenttype: 'application/json'},
      data: {event: 'down', since: '2026-11-29T00:42:00.000Z', next: 'hermes-svc doctor -p work', reminder: false},
    })
  })

  it('publishes to ntfy as JSON at the root of the server', () => {
    const target = {kind: 'ntfy', url: 'https://ntfy.sh/', topic: 'alerts', authorization: 'Bearer tk'} as const
    const request = requestOf(EVENT, target)
    expect(request).toMatchObject({url: 'https://ntfy.sh/', headers: {authorization: 'Bearer tk', 'content-type': 'application/json'}})
    expect(body(request)).toMatchObject({topic: 'alerts', title: messageOf(EVENT).title, priority: 4})
    expect(body(requestOf({...EVENT, kind: 'recovered'}, target))).toMatchObject({priority: 3})
  })

  it('gives Slack its three signs as entities, and has Discord call nobody', () => {
    expect(body(requestOf(EVENT, {kind: 'slack', url: 'https://hooks.slack.com/services/x'})).text).toContain('&lt;@everyone&gt; &amp; co')
    const discord = body(requestOf(EVENT, {kind: 'discord', url: 'https://discord.com/api/webhooks/x'}))
    expect(discord).toMatchObject({allowed_mentions: {parse: []}})
    expect(discord.content).toContain('<@everyone> & co')
  })

  it('sends to a chat of Telegram as plain text, and to Gotify with its key in a header', () => {
    const telegram = requestOf(EVENT, {kind: 'telegram', url: 'https://api.telegram.org/botX/sendMessage', chat: '-1'})
    expect(body(telegram)).toMatchObject({chat_id: '-1', link_preview_options: {is_disabled: true}})
    expect(body(telegram)).not.toHaveProperty('parse_mode')
    const gotify = requestOf(EVENT, {kind: 'gotify', url: 'https://push.example.org/message', token: 'Atoken'})
    expect(gotify.headers).toMatchObject({'x-gotify-key': 'Atoken'})
    expect(body(gotify)).toMatchObject({title: messageOf(EVENT).title, priority: 8})
  })

  it('keeps within what each receiver takes, whatever the lines hold', () => {
    const targets = [
      {kind: 'slack', url: 'https://a/', most: 40_000, of: ({text}: Record<string, unknown>) => String(text).length},
      {kind: 'discord', url: 'https://a/', most: 2000, of: ({content}: Record<string, unknown>) => String(content).length},
      {kind: 'telegram', url: 'https://a/', chat: '1', most: 4096, of: ({text}: Record<string, unknown>) => String(text).length},
      {
        kind: 'ntfy',
        url: 'https://a/',
        topic: 't',
        authorization: undefined,
        most: 4000,
        of: ({message}: Record<string, unknown>) => Buffer.byteLength(String(message)),
      },
    ] as const
    const lines = fc.array(fc.string({unit: 'grapheme', minLength: 200, maxLength: 600}), {minLength: 8, maxLength: 12})
    fc.assert(
      fc.property(lines, (text) => {
        for (const {most, of, ...target} of targets) expect(of(body(requestOf({...EVENT, lines: text}, target)))).toBeLessThanOrEqual(most)
      }),
    )
  })
})

describe('what a command is given', () => {
  it('is the event in its environment, and the same document that a server gets', () => {
    expect(eventVariables(EVENT)).toMatchObject({
      ...{HERMES_SVC_EVENT: 'down', HERMES_SVC_EVENT_ID: 'abc', HERMES_SVC_MACHINE: 'box', HERMES_SVC_PROFILE: 'work'},
      ...{HERMES_SVC_SERVICE: 'hermes-gateway-work.service', HERMES_SVC_TITLE: messageOf(EVENT).title},
    })
    expect(cloudEvent(EVENT)).toEqual(body(requestOf(EVENT, {kind: 'cloudevents', url: 'https://a/'})))
  })
})

describe('cut', () => {
  it('never leaves half a character', () => {
    fc.assert(
      fc.property(fc.string({unit: 'grapheme'}), fc.integer({min: 1, max: 40}), (text, most) => {
        const short = cut(text, most)
        expect(short.length).toBeLessThanOrEqual(Math.max(most, 0))
        expect(short.isWellFormed()).toBe(text.isWellFormed())
      }),
    )
  })
})
