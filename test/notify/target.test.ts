import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {parseTarget, targetName} from '../../src/notify/target.js'
import {anyCharacter} from '../support/any-text.js'
import {inCampaign} from '../support/campaign.js'

const target = (text: string) => {
  const parsed = parseTarget(text)
  return 'target' in parsed ? parsed.target : parsed.refused
}

describe('parseTarget', () => {
  it('takes a command by its absolute path, split as a shell splits it', () => {
    expect(target("exec:/usr/bin/mail -s 'Hermes is down' me@example.org")).toEqual({
      kind: 'exec',
      argv: ['/usr/bin/mail', '-s', 'Hermes is down', 'me@example.org'],
    })
    expect(target('exec:mail -s x')).toEqual({kind: 'exec', argv: ['mail', '-s', 'x']})
    expect(target('exec:bin/mail')).toMatch(/absolute path/)
    expect(target('exec:')).toMatch(/absolute path/)
    expect(target('exec:/bin/a | /bin/b')).toMatch(/^is a command that is more than a program/)
  })

  it('takes an https address for a receiver of CloudEvents, and http for this machine alone', () => {
    expect(target('https://user:pw@example.org/hook?x=1')).toEqual({kind: 'cloudevents', url: 'https://user:pw@example.org/hook?x=1'})
    expect(target('http://127.0.0.1:8080/hook')).toMatchObject({kind: 'cloudevents'})
    expect(target('http://[::1]:8080/hook')).toMatchObject({kind: 'cloudevents'})
    expect(target('http://example.org/hook')).toMatch(/others can read on the way/)
    expect(target('https://')).toBe('is not a valid address')
  })

  it('knows the addresses that Slack and Discord show for a webhook', () => {
    const slack = 'https://hooks.slack.com/services/T0/B0/xyz'
    expect([target(slack), target('slack://T0/B0/xyz')]).toEqual(Array(2).fill({kind: 'slack', url: slack}))
    const discord = 'https://discord.com/api/webhooks/123/a-b_c'
    expect([target(discord), target('discord://123/a-b_c')]).toEqual(Array(2).fill({kind: 'discord', url: discord}))
    expect(target('slack://T0/B0')).toMatch(/^must have the form slack:/)
    expect(target('discord://a/b')).toMatch(/^must have the form discord:/)
  })

  it('takes a topic of ntfy, of ntfy.sh or of a server of one’s own, with what lets one in', () => {
    expect(target('ntfy://My-Topic')).toEqual({kind: 'ntfy', url: 'https://ntfy.sh/', topic: 'My-Topic', authorization: undefined})
    expect(target('ntfy://:tk_abc@ntfy.example.org:8443/alerts')).toEqual({
      ...{kind: 'ntfy', url: 'https://ntfy.example.org:8443/', topic: 'alerts', authorization: 'Bearer tk_abc'},
    })
    expect(target('ntfy+http://me:p%40ss@10.0.0.2/base/alerts')).toEqual({
      ...{kind: 'ntfy', url: 'http://10.0.0.2/base/', topic: 'alerts'},
      authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
    })
    expect(target('ntfy://host/no.dots')).toBe('must have the form ntfy://HOST/TOPIC')
  })

  it('refuses a password with a bare "%", and says how it is written, not what it is', () => {
    const refused = 'has a "%" in its user or password that begins no escape; write it as %25'
    for (const text of ['ntfy://ann:100%sure@host/topic', 'ntfy://100%sure:x@host/topic', 'ntfy+http://:%ff@10.0.0.2/topic']) {
      expect(target(text)).toBe(refused)
    }
    expect(target('ntfy://ann:100%25sure@host/topic')).toMatchObject({
      authorization: `Basic ${Buffer.from('ann:100%sure').toString('base64')}`,
    })
  })

  it('takes a chat of Telegram and an application of Gotify', () => {
    const url = 'https://api.telegram.org/bot123456:AAE-x_y/sendMessage'
    expect(target('telegram://123456:AAE-x_y/-100987')).toEqual({kind: 'telegram', url, chat: '-100987'})
    expect(target('telegram://123456:AAE-x_y@channel')).toEqual({kind: 'telegram', url, chat: '@channel'})
    expect(target('gotify://push.example.org/sub/Atoken')).toEqual({
      ...{kind: 'gotify', url: 'https://push.example.org/sub/message', token: 'Atoken'},
    })
    expect(target('telegram://channel')).toMatch(/^must have the form telegram:/)
    expect(target('gotify://push.example.org')).toBe('must have the form gotify://HOST/TOKEN')
  })

  it('says what there is for anything else, and never what was typed', () => {
    expect(target('mailto:me@example.org')).toMatch(/^must begin with exec:/)
    fc.assert(
      fc.property(
        fc.constantFrom('slack://', 'discord://', 'telegram://', 'gotify://', 'ntfy://', 'http://', 'x:', ''),
        fc.uuid(),
        (scheme, secret) => {
          const parsed = parseTarget(`${scheme}${secret}`)
          if ('refused' in parsed) expect(parsed.refused).not.toContain(secret)
        },
      ),
    )
  })

  it('never throws, whatever is typed', () => {
    const schemes = fc.constantFrom(
      'exec:',
      'https://',
      'http://',
      'ntfy://',
      'ntfy+http://',
      'slack://',
      'discord://',
      'telegram://',
      'gotify://',
      '',
    )
    fc.assert(
      fc.property(schemes, fc.string({unit: anyCharacter}), (scheme, rest) => {
        const parsed = parseTarget(scheme + rest)
        if ('target' in parsed) expect(targetName(parsed.target)).not.toBe('')
      }),
      {numRuns: inCampaign(1000, 100)},
    )
  })
})

describe('targetName', () => {
  it.each([
    ['exec:/usr/bin/apprise -t x mailto://user:secret@example.org', 'exec apprise'],
    ['https://user:secret@example.org:444/secret?secret', 'cloudevents example.org:444'],
    ['ntfy://secret', 'ntfy ntfy.sh'],
    ['slack://T0/B0/secret', 'slack hooks.slack.com'],
    ['discord://1/secret', 'discord discord.com'],
    ['telegram://1:secret/2', 'telegram api.telegram.org'],
    ['gotify://push.example.org/secret', 'gotify push.example.org'],
  ])('shows of %s no more than %s', (text, name) => {
    const parsed = parseTarget(text)
    expect('target' in parsed && targetName(parsed.target)).toBe(name)
  })
})
