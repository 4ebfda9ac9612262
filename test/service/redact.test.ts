import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {redact, redactLines, redactValue} from '../../src/service/redact.js'
import {USER} from '../fakes/fake-host.js'

const ABOUT = {accounts: [{...USER, name: 'ann', home: '/home/ann'}]}

describe('text that is passed on', () => {
  it.each([
    ['a token of Telegram', '8123456789:AAHkq3fJx0YlM2bq7pZrTn5uVwXyZ012345'],
    ['a token of Slack', 'xoxb-12345678901-abcdefghij'],
    ['a token of Discord', 'MTIzNDU2Nzg5MDEyMzQ1Njc4.GhIjKl.abcdefghijklmnopqrstuvwxyz0123'],
    ['a key of a model', `sk-${'a1'.repeat(12)}`],
    ['a token of GitHub', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
    ['a JSON Web Token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh'],
    ['a token of Slack for an app', 'xapp-1-A0123456789-1234567890123-abcdef'],
    ['a key of Amazon', 'AKIAIOSFODNN7EXAMPLE'],
    ['a key of Google', 'AIzaSyA1234567890abcdefghijklmnopqrstuvw'],
    ['a token of GitLab', 'glpat-abcdefghij0123456789'],
    ['a token of npm', 'npm_abcdefghijklmnopqrstuvwxyz0123456789'],
    ['a token of Hugging Face', 'hf_abcdefghijklmnopqrstuvwxyz01234567'],
    ['a token of GitHub with a scope', 'github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz'],
    ['a key of Stripe', 'sk_live_abcdefghij0123456789'],
    ['a line of a key in base64', 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj'],
    ['an address', 'ann.miller@example.org'],
    ['a telephone number', '+4915112345678'],
  ])('has no %s', (_, secret) => {
    expect(redact(`before ${secret} after`, ABOUT)).toBe('before <hidden> after')
  })

  it.each([
    'TELEGRAM_BOT_TOKEN=swordfish',
    'api-key: swordfish',
    '"api_key":"swordfish"',
    '\\"password\\": \\"swordfish\\"',
    'Authorization: Bearer swordfish',
    "client_secret = 'swordfish'",
    'https://ann:swordfish@example.org/x',
    '/login?token=swordfish&next=1',
    'Authorization: Basic swordfish=',
    'authorization: Negotiate swordfish',
    'Proxy-Authorization: Digest username="a", response="swordfish"',
    'password: "correct horse swordfish staple"',
    'password="correct \\" horse swordfish staple" and on',
    '{\\"secret\\":\\"two words, swordfish\\",\\"x\\":1}',
    'secret: multi, swordfish',
    'Cookie: first=1; second=swordfish',
    'run --token swordfish now',
    'run --api-key=swordfish now',
    "run --bot-token 'two swordfish' now",
    'TOKEN "swordfish"',
    'the API key: swordfish',
    'pwd=swordfish',
    'passphrase=swordfish',
    'AUTH=swordfish',
    'X_AUTH: swordfish',
    'private_key=swordfish',
    'session_id=swordfish',
    'AWS_ACCESS_KEY_ID=swordfish',
    'redis://:swordfish@host/0',
    'sent with Basic swordfish==',
  ])('has no value in %s', (text) => {
    expect(redact(text, ABOUT)).not.toContain('swordfish')
  })

  it('has no token in an address of Telegram, which is logged at each request', () => {
    const url = 'POST https://api.telegram.org/bot8123456789:AAHkq3fJx0YlM2bq7pZrTn5uVwXyZ012345/sendMessage 200'
    expect(redact(url, ABOUT)).toBe('POST https://api.telegram.org/bot<hidden>/sendMessage 200')
  })

  it('has no line of a key, however the log begins its lines, and all lines behind it', () => {
    const key = [
      '-----BEGIN OPENSSH PRIVATE KEY-----',
      ...['b3Bl', 'AAAA', 'QyNT'].map((part) => part.repeat(16)),
      'c2g9',
      '-----END OPENSSH PRIVATE KEY-----',
    ]
    const lines = ['before', ...key.map((line) => `10:00 hermes[5]: ${line}`), 'after', 'more']
    const hidden = redactLines(lines, ABOUT)
    expect(hidden).toHaveLength(lines.length)
    expect(hidden.join('\n')).not.toMatch(/b3Bl|AAAA|QyNT/)
    expect([hidden[0], ...hidden.slice(-2)]).toEqual(['before', 'after', 'more'])
    expect(redact(`x ${key.join('\\n')} y`, ABOUT)).not.toMatch(/b3Bl|AAAA|QyNT|c2g9/)
    // One that has no end hides no more than what looks like one.
    expect(redactLines(['-----BEGIN KEY', 'all is well', 'still'], ABOUT).at(-1)).toBe('still')
  })

  it('has no value that is known, of any form, the longest first', () => {
    const about = {...ABOUT, values: ['swordfish', 'swordfish and more']}
    expect(redact('it said swordfish and more, then swordfish', about)).toBe('it said <hidden>, then <hidden>')
  })

  it('of a report has no numbers of chats, no addresses of machines and no name of this one', () => {
    const about = {...ABOUT, machine: 'annbox'}
    const said = [
      ['annbox hermes[5]: up', '<machine> hermes[5]: up'],
      ['chat telegram:-100123456789 for 3 s', 'chat telegram:<hidden> for 3 s'],
      ['"chat_id": 123456789, x', '"chat_id": <hidden>, x'],
      ['from 192.168.7.31:443', 'from <address>:443'],
      ['on 127.0.0.1:8080, version 0.16.0, pid 123456', 'on 127.0.0.1:8080, version 0.16.0, pid 123456'],
    ]
    for (const [text = '', expected] of said) expect(redact(text, about)).toBe(expected)
    expect(redact('annbox at 192.168.7.31', ABOUT)).toBe('annbox at 192.168.7.31')
  })

  it.each([
    'max_tokens=4096, prompt tokens: 123',
    'the token was refused: 401',
    'by its author: nobody',
    'gateway.lock is held by pid 4711',
    '/usr/lib/systemd/user/hermes-gateway.service at 2026-11-29T03:44:06+00:00',
    'sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'basic functionality, bearer of news',
  ])('can still be read: %s', (text) => {
    expect(redact(text, {...ABOUT, machine: 'annbox'})).toBe(text)
  })

  it('has no half of a secret where a line is too long to be looked at', () => {
    const line = `${'word '.repeat(818)}8123456789:AAHkq3fJx0YlM2bq7pZrTn5uVwXyZ012345 and on`
    expect(line.indexOf('AAHk')).toBeLessThan(4200)
    expect(redact(line, ABOUT)).not.toContain('8123456789')
    expect(redact('x'.repeat(5000), ABOUT)).toBe('<hidden> (5000 characters)')
  })

  it('has neither the name nor the home of an account', () => {
    expect(redact('/home/ann/.hermes belongs to ann, not to joanna or ann-2', ABOUT)).toBe(
      '~/.hermes belongs to <user>, not to joanna or ann-2',
    )
  })

  it('says root, whose name tells nothing', () => {
    expect(redact('owned by root', {accounts: [{...USER, name: 'root', home: '/root'}]})).toBe('owned by root')
  })
})

describe('a value that is passed on', () => {
  it('has its texts redacted at every depth, and what stands under the name of a secret hidden', () => {
    const value = {path: '/home/ann/x', env: {API_KEY: 'swordfish', list: ['ann@example.org', 1, null]}, token: 0, '/home/ann/y': true}
    expect(redactValue(value, ABOUT)).toEqual({
      ...{path: '~/x', env: {API_KEY: '<hidden>', list: ['<hidden>', 1, null]}, token: 0, '~/y': true},
    })
  })

  it('keeps its shape', () => {
    const shape = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shape)
      return typeof value === 'object' && value !== null ? Object.values(value).map(shape) : typeof value
    }
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(shape(redactValue(value, ABOUT))).toEqual(shape(value))
      }),
    )
  })
})
