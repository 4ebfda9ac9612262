import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {redact, redactValue} from '../../src/doctor/redact.js'
import {USER} from '../fakes/fake-host.js'

const ACCOUNTS = [{...USER, name: 'ann', home: '/home/ann'}]

describe('text that is passed on', () => {
  it.each([
    ['a token of Telegram', '8123456789:AAHkq3fJx0YlM2bq7pZrTn5uVwXyZ012345'],
    ['a token of Slack', 'xoxb-12345678901-abcdefghij'],
    ['a token of Discord', 'MTIzNDU2Nzg5MDEyMzQ1Njc4.GhIjKl.abcdefghijklmnopqrstuvwxyz0123'],
    ['a key of a model', `sk-${'a1'.repeat(12)}`],
    ['a token of GitHub', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
    ['a JSON Web Token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh'],
    ['an address', 'ann.miller@example.org'],
    ['a telephone number', '+4915112345678'],
  ])('has no %s', (_, secret) => {
    expect(redact(`before ${secret} after`, ACCOUNTS)).toBe('before <hidden> after')
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
  ])('has no value in %s', (text) => {
    expect(redact(text, ACCOUNTS)).not.toContain('swordfish')
  })

  it('has neither the name nor the home of an account', () => {
    expect(redact('/home/ann/.hermes belongs to ann, not to joanna or ann-2', ACCOUNTS)).toBe(
      '~/.hermes belongs to <user>, not to joanna or ann-2',
    )
  })

  it('says root, whose name tells nothing', () => {
    expect(redact('owned by root', [{...USER, name: 'root', home: '/root'}])).toBe('owned by root')
  })
})

describe('a value that is passed on', () => {
  it('has its texts redacted at every depth, and what stands under the name of a secret hidden', () => {
    const value = {path: '/home/ann/x', env: {API_KEY: 'swordfish', list: ['ann@example.org', 1, null]}, token: 0, '/home/ann/y': true}
    expect(redactValue(value, ACCOUNTS)).toEqual({
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
        expect(shape(redactValue(value, ACCOUNTS))).toEqual(shape(value))
      }),
    )
  })
})
