import type {Account} from '../host/host.js'

const HIDDEN = '<hidden>'
/** Names of what must not be passed on. */
const SECRET = /[\w-]*(?:token|secret|passw(?:or)?d|api[_-]?key|credential|authorization|cookie)[\w-]*/.source
const SECRET_NAME = new RegExp(`^${SECRET}$`, 'i')
/** A name of a secret with its value, as in a log, a command line or JSON within a text: the name stays, the value goes. */
const NAMED_SECRET = new RegExp(`(${SECRET}\\\\?["']?\\s*[:=]\\s*(?:bearer\\s+)?\\\\?["']?)[^\\s"'\\\\,;&}]+`, 'gi')
const URL_USER = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi
/** What is told by its own form. */
const FORMS = [
  // Tokens and keys: Telegram, Slack, Discord, models, GitHub, JSON Web Tokens.
  /\b\d{6,12}:[A-Za-z0-9_-]{30,}\b/g,
  /\bxox[abeoprs]-[A-Za-z0-9-]{8,}/g,
  /\b[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}\b/g,
  /\bsk-[A-Za-z0-9_-]{16,}/g,
  /\bgh[opsur]_[A-Za-z0-9]{20,}/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
  // Who is behind a chat: addresses and telephone numbers.
  /\b[\w.+-]+@[\w-]+\.[\w.-]+\b/g,
  /\+\d{9,15}\b/g,
]

/** Text that may be passed on: secrets, addresses and the names of accounts are taken out. What is left should be read all the same. */
export function redact(text: string, accounts: readonly Account[]): string {
  let result = text.replace(URL_USER, `$1${HIDDEN}@`).replace(NAMED_SECRET, `$1${HIDDEN}`)
  for (const form of FORMS) result = result.replace(form, HIDDEN)
  for (const {home, name} of accounts) {
    result = result.replaceAll(home, '~')
    if (name !== 'root') result = result.replace(new RegExp(`(?<![\\w-])${name.replace(/\W/g, '\\$&')}(?![\\w-])`, 'g'), '<user>')
  }
  return result
}

/** A JSON value with every text in it redacted, and the texts under the name of a secret hidden. */
export function redactValue(value: unknown, accounts: readonly Account[]): unknown {
  if (typeof value === 'string') return redact(value, accounts)
  if (Array.isArray(value)) return value.map((member) => redactValue(member, accounts))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([name, member]) => {
    const isSecret = SECRET_NAME.test(name) && typeof member === 'string'
    return [redact(name, accounts), isSecret ? HIDDEN : redactValue(member, accounts)]
  })
  return Object.fromEntries(members) as unknown
}
