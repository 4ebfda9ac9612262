import {describe, expect, it} from 'vitest'
import {pingUrl, refusedPing, shownPing} from '../../src/notify/ping.js'

describe('the address of a ping', () => {
  it.each([
    // healthchecks.io/docs/http_api: /fail signals a failure.
    ['https://hc-ping.com/5f1d2c3a-0000-0000-0000-000000000000', 'https://hc-ping.com/5f1d2c3a-0000-0000-0000-000000000000/fail'],
    [
      'https://checks.example.org/ping/5f1d2c3a-0000-4000-8000-000000000000',
      'https://checks.example.org/ping/5f1d2c3a-0000-4000-8000-000000000000/fail',
    ],
    ['https://hc-ping.com/key/name/', 'https://hc-ping.com/key/name/fail'],
    // Uptime Kuma shows its address with status=up.
    ['https://kuma.example.org/api/push/abc?status=up&msg=OK&ping=', 'https://kuma.example.org/api/push/abc?status=down&msg=OK&ping='],
    ['https://example.org/x?state={status}', 'https://example.org/x?state=down'],
    // Dead Man's Snitch knows no failure: it notices the silence.
    ['https://nosnch.in/abcdef', undefined],
  ])('%s says that it is down as %s', (ping, down) => {
    expect(pingUrl(ping, false)).toBe(down)
  })

  it('says that it lives as it was given, or with the word in its place', () => {
    expect(pingUrl('https://nosnch.in/abcdef', true)).toBe('https://nosnch.in/abcdef')
    expect(pingUrl('https://example.org/x?state={status}', true)).toBe('https://example.org/x?state=up')
  })

  it.each([
    ['http://example.org/x', /uses http, which others can read/],
    ['ftp://example.org/x', 'is not an https:// address'],
    ['exec:/bin/true', 'is not an https:// address'],
    ['nonsense', 'is not an https:// address'],
    ['https://hooks.slack.com/services/T0/B0/x', 'is the address of a chat, not of a ping'],
  ])('%s is none', (text, why) => {
    expect(refusedPing(text)).toMatch(why)
  })

  it('is shown as its server alone', () => {
    expect(refusedPing('https://hc-ping.com/secret')).toBeUndefined()
    expect(shownPing('https://hc-ping.com/secret')).toBe('hc-ping.com')
    expect(shownPing('nonsense')).toBe('an invalid address')
  })
})
