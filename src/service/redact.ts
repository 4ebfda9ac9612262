import type {Account} from '../host/host.js'

const HIDDEN = '<hidden>'
/** Characters of a line that are looked at; the rest is left out, so that no line takes long, whoever wrote it. */
const LONGEST_LINE = 4096
/** How a whole line of a key ends, whatever a log has put before it. */
const KEY_LINE = /[A-Za-z0-9+/=]{40,76}$/

/**
 * What names a secret: within a longer name (MY_API_TOKEN), or, where that would be too common a part of words, by itself. Each expression of this
 * file begins at something fixed and has bounds, so that the work grows with the text and no faster.
 */
const WORDS =
  'token|secret|passw(?:or)?d|passphrase|api[ _-]?key|access[ _-]?key|private[ _-]?key|signing[ _-]?key|credential|authorization|cookie|session[_-]?id|(?<![a-z])(?:auth|pwd)(?![a-z])'
const SECRET_NAME = new RegExp(WORDS, 'i')
/** `--token VALUE`, `--api-key=VALUE`. */
const FLAG = new RegExp(`(--[\\w-]{0,40}?(?:${WORDS})[\\w-]{0,40}(?:=|[ \\t]{1,8}))("[^"]*"?|'[^']*'?|[^\\s"']+)`, 'gi')
/** The name, and the rest of it. */
const NAME = new RegExp(`(?:${WORDS})[\\w-]{0,40}`, 'gi')
/** What may stand between a name and its value: a quote that ends the name, and a sign; or blanks, where the value is in quotes. */
const BEFORE_VALUE = /\\?["']?[ \t]{0,8}(?:[:=]>?[ \t]{0,8}|(?<=[ \t])(?=\\?["']))(\\?["'])?/y
/** How many, of what language models count. */
const COUNT = /^\d{1,9}(?![\w:.-])/

/** What is told by its own form. Each begins where no character of it stands before. */
const FORMS: readonly RegExp[] = [
  // Telegram's, also in its own addresses (`/bot123456:…`).
  /(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}/g,
  // Slack, Discord.
  /(?<![\w-])xox[abceoprs]-[\w-]{8,}/g,
  /(?<![\w-])xapp-[\w-]{8,}/g,
  /(?<![\w-])[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,}/g,
  // Models: OpenAI and Anthropic, Google, Hugging Face, Groq, Perplexity, Replicate, xAI.
  /(?<![\w-])sk-[\w-]{16,}/g,
  /(?<![\w-])(?:AIza|ya29\.)[\w-]{20,}/g,
  /(?<![\w-])(?:hf|gsk|pplx|r8|xai)[_-][A-Za-z0-9]{16,}/g,
  // GitHub, GitLab, npm, PyPI.
  /(?<![\w-])gh[opsur]_[A-Za-z0-9]{20,}/g,
  /(?<![\w-])github_pat_\w{20,}/g,
  /(?<![\w-])gl[a-z]{2,5}-[\w-]{16,}/g,
  /(?<![\w-])(?:npm_|pypi-)[\w-]{16,}/g,
  // Amazon, Stripe, SendGrid, Twilio.
  /(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{12,}/g,
  /(?<![\w-])[sr]k_(?:live|test)_[A-Za-z0-9]{10,}/g,
  /(?<![\w-])SG\.[\w-]{16,}\.[\w-]{16,}/g,
  /(?<![A-Za-z0-9])(?:AC|SK)[0-9a-f]{32}(?![A-Za-z0-9])/g,
  // JSON Web Tokens, and what a key in base64 has on a line of its own.
  /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g,
  /(?<![A-Za-z0-9+/=])(?![0-9a-f]{60,}(?![A-Za-z0-9+/=]))[A-Za-z0-9+/]{60,}={0,2}/g,
  // What stands behind the name of a way to log in.
  /(?<=(?<!\w)(?:Basic|Bearer|Negotiate|Digest)[ \t])(?=[^\s\d=]{0,200}[\d=])[^\s"',;]{6,}/gi,
  // Who is behind a chat: addresses and telephone numbers.
  /(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}(?<=\w)/g,
  /(?<!\w)\+\d{9,15}\b/g,
]
/** The user of an address. */
const URL_USER = /(?<=:\/\/)[^\s/@"']{1,512}@/g
/** What only a report has to be without: chats and people by their number, addresses of machines. */
const REPORT_FORMS: readonly (readonly [RegExp, string])[] = [
  [
    /(?<=(?<![a-z])(?:(?:chat|channel|thread|guild|message)[_ -]?(?:id)?|(?:user|sender|group)[_ -]?id)\\?["']?[ \t]{0,4}[:=#]?[ \t]{0,4}\\?["']?)-?\d{5,}\b/gi,
    HIDDEN,
  ],
  [/(?<=(?<![a-z])(?:telegram|discord|slack|whatsapp|matrix|sms):)[-+@!#\w.:]{4,}/gi, HIDDEN],
  [/(?<![\w.-])(?!127\.|0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3}(?![\w.-]*\w)/g, '<address>'],
]

/** What has to be taken out of a text beside what is told by its form. */
export interface Private {
  readonly accounts: readonly Account[]
  /** Values that are known to be secret, of any form. */
  readonly values?: readonly string[]
  /** Name of the machine; with it also numbers of chats and addresses of machines are taken out. */
  readonly machine?: string
}

/** Text that may be passed on: secrets, addresses and the names of accounts are taken out. What is left should be read all the same. */
export function redact(text: string, about: Private): string {
  return redactLines(text.split('\n'), about).join('\n')
}

/** The same of lines that follow one another: a key may go over several of them. */
export function redactLines(lines: readonly string[], about: Private): string[] {
  const values = [...(about.values ?? [])].sort((a, b) => b.length - a.length)
  let isInKey = false
  return lines.map((line) => {
    if (isInKey) {
      // The last line before the end may be short; behind it nothing is hidden any more, whether there was an end or not.
      isInKey = KEY_LINE.test(line.slice(-80).trimEnd())
      return HIDDEN
    }
    const begin = line.indexOf('-----BEGIN')
    if (begin < 0) return redactLine(line, about, values)
    isInKey = !line.includes('-----END', begin)
    return `${redactLine(line.slice(0, begin), about, values)}${HIDDEN}`
  })
}

function redactLine(line: string, {accounts, machine}: Private, values: readonly string[]): string {
  let result = shortened(line)
  for (const value of values) result = result.replaceAll(value, HIDDEN)
  result = result.replace(URL_USER, `${HIDDEN}@`).replace(FLAG, `$1${HIDDEN}`)
  result = withoutNamed(result)
  for (const form of FORMS) result = result.replace(form, HIDDEN)
  if (machine !== undefined) {
    for (const [form, instead] of REPORT_FORMS) result = result.replace(form, instead)
    result = withoutWord(result, machine, '<machine>')
  }
  for (const {home, name} of accounts) {
    result = result.replaceAll(home, '~')
    if (name !== 'root') result = withoutWord(result, name, '<user>')
  }
  return result
}

/** No more of a line than can be looked at. A word is left out as a whole: half of a secret may not look like one. */
function shortened(line: string): string {
  if (line.length <= LONGEST_LINE) return line
  const blank = line.lastIndexOf(' ', LONGEST_LINE)
  return `${blank < 0 ? HIDDEN : line.slice(0, blank)} (${line.length} characters)`
}

/** Without the values behind the names of secrets: what is in quotes, else the rest of the line, since a value may have blanks and commas. */
function withoutNamed(line: string): string {
  let result = ''
  let done = 0
  for (const {0: name, index} of line.matchAll(NAME)) {
    if (index < done) continue
    BEFORE_VALUE.lastIndex = index + name.length
    const before = BEFORE_VALUE.exec(line)
    if (!before) continue
    const start = BEFORE_VALUE.lastIndex
    const quote = before[1]
    const rest = line.slice(start)
    if (rest.trim() === '' || rest.startsWith(HIDDEN) || (/tokens$/i.test(name) && COUNT.test(rest))) continue
    const end = quote === undefined ? line.length : closing(line, start, quote)
    result += line.slice(done, start) + HIDDEN
    done = end
  }
  return result + line.slice(done)
}

/** Where a quoted text ends: at the next quote of that kind, which no backslash of its own level stands before; else with the line. */
function closing(line: string, start: number, quote: string): number {
  for (let at = line.indexOf(quote, start); at >= 0; at = line.indexOf(quote, at + 1)) {
    if (quote.length > 1 || line[at - 1] !== '\\') return at
  }
  return line.length
}

function withoutWord(text: string, word: string, instead: string): string {
  if (word === '') return text
  return text.replace(new RegExp(`(?<![\\w-])${word.replace(/\W/g, '\\$&')}(?![\\w-])`, 'g'), instead)
}

/** A JSON value with every text in it redacted, and the texts under the name of a secret hidden. */
export function redactValue(value: unknown, about: Private): unknown {
  if (typeof value === 'string') return redact(value, about)
  if (Array.isArray(value)) {
    return value.every((member) => typeof member === 'string')
      ? redactLines(value, about)
      : value.map((member) => redactValue(member, about))
  }
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([name, member]) => {
    const isSecret = SECRET_NAME.test(name.slice(0, LONGEST_LINE)) && typeof member === 'string'
    return [redact(name, about), isSecret ? HIDDEN : redactValue(member, about)]
  })
  return Object.fromEntries(members) as unknown
}
