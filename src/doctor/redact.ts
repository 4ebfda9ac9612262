import type {Account} from '../host/host.js'

const HIDDEN = '<hidden>'
/** What a value of these looks like in a log, a command line or a state file: the name stays, the value goes. */
const NAMED_SECRET =
  /((?:[\w-]*(?:token|secret|passw(?:or)?d|api[_-]?key|credential|authorization|cookie)[\w-]*)\\?["']?\s*[:=]\s*(?:bearer\s+)?\\?["']?)([^\s"'\\,;&}]+)/gi
/** Keys and tokens that are told by their own form: Telegram, Slack, Discord, OpenAI and GitHub ones, and JSON Web Tokens. */
const TOKENS = [
  /\b\d{6,12}:[A-Za-z0-9_-]{30,}\b/g,
  /\bxox[abeoprs]-[A-Za-z0-9-]{8,}/g,
  /\b[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}\b/g,
  /\bsk-[A-Za-z0-9_-]{16,}/g,
  /\bgh[opsur]_[A-Za-z0-9]{20,}/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
]
/** Who is behind a chat: numbers of phones, addresses. */
const PEOPLE = [/\b[\w.+-]+@[\w-]+\.[\w.-]+\b/g, /\+\d{9,15}\b/g]
const URL_USER = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi

/** Text that may be passed on: secrets, addresses and the names of accounts are taken out. What is left should be read all the same. */
export function redact(text: string, accounts: readonly Account[]): string {
  let result = text.replace(URL_USER, `$1${HIDDEN}@`).replace(NAMED_SECRET, `$1${HIDDEN}`)
  for (const pattern of [...TOKENS, ...PEOPLE]) result = result.replace(pattern, HIDDEN)
  for (const {home, name} of accounts) {
    result = result.replaceAll(home, '~')
    if (name !== 'root') result = result.replace(new RegExp(`(?<![\\w-])${name.replace(/[^\w]/g, '\\$&')}(?![\\w-])`, 'g'), '<user>')
  }
  return result
}
