import type {Host} from '../../host/host.js'
import {refusedText} from '../../service/text-check.js'
import {renderTemplate} from '../../service/template.js'

/** A value as a property list holds it (plist(5)); what we never write, dates and data, is read as its text. */
export type PlistValue = string | number | boolean | readonly PlistValue[] | PlistDict
export interface PlistDict {
  readonly [key: string]: PlistValue
}

/** What a template is given: texts, and lists of texts or of name and value. */
export type PlistView = Readonly<Record<string, string | number | readonly string[] | readonly (readonly [string, string])[]>>

/** The variable that tells of a loaded job which text it was loaded from. */
export const DEFINITION_VARIABLE = 'HERMES_SVC_DEFINITION'

const OWN_MARK = '<!-- Written by hermes-svc.'
/** The words after the checksum differ between versions. */
const CHECKSUM = /^<!-- Checksum: ([0-9a-f]{16}) \([^()\n]*\) -->\n/m

/** Why a text cannot be in a property list; undefined if it can. XML 1.0 has no way to write most control characters (section 2.2, Char). */
export function refusedPlistText(value: string): string | undefined {
  const other = /[\u0001-\u0008\u000b\u000c\u000e-\u001f]/.exec(value)?.[0]
  if (other !== undefined) {
    const code = other.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    return `contains the control character U+${code}, which XML cannot hold`
  }
  return refusedText(value)
}

/**
 * A text as the content of an XML element. A carriage return would be read as a line feed (XML 1.0, section 2.11), and some readers take
 * blanks at either end away unless they are written as numbers. Throws a RangeError for what XML cannot carry.
 */
export function xmlText(value: string): string {
  const refused = refusedPlistText(value)
  if (refused !== undefined) throw new RangeError(`the text ${refused}`)
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/\r|^[\t\n ]+|[\t\n ]+$/g, (blanks) => [...blanks].map((blank) => `&#${blank.charCodeAt(0)};`).join(''))
}

/**
 * Renders a property list from a template, every text escaped. Its checksum goes into a comment, and into the variable
 * DEFINITION_VARIABLE where the template has an `environment`. Throws a RangeError for what XML cannot carry.
 */
export async function renderPlist(host: Host, template: string, view: PlistView): Promise<string> {
  const {environment} = view
  const withDefinition = (text: string): PlistView =>
    environment === undefined
      ? view
      : {...view, environment: [...(environment as readonly (readonly [string, string])[]), [DEFINITION_VARIABLE, text] as const]}
  const text = await renderTemplate(host, template, escaped(withDefinition('')))
  return stamped(environment === undefined ? text : await renderTemplate(host, template, escaped(withDefinition(checksum(text)))))
}

/** True for a property list that we wrote, edited since or not. A tool that rewrites it as data drops the comment. */
export function isOwn(text: string): boolean {
  return text.includes(`\n${OWN_MARK}`)
}

/** True for one that we wrote and somebody changed by hand. */
export function isEdited(text: string): boolean {
  return isOwn(text) && CHECKSUM.exec(stamped(text))?.[1] !== CHECKSUM.exec(text)?.[1]
}

/** Puts a checksum of the text into a comment after our mark, in place of one that is there. */
function stamped(text: string): string {
  const bare = text.replace(CHECKSUM, '')
  return bare.replace(
    OWN_MARK,
    () => `<!-- Checksum: ${checksum(bare)} (it shows hermes-svc edits by hand, which it keeps) -->\n${OWN_MARK}`,
  )
}

function checksum(text: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function escaped(view: PlistView): Record<string, unknown> {
  const entries = Object.entries(view).map(([name, value]) => [
    name,
    typeof value === 'string'
      ? xmlText(value)
      : typeof value === 'number'
        ? String(value)
        : value.map((item) => (typeof item === 'string' ? xmlText(item) : item.map(xmlText))),
  ])
  return Object.fromEntries(entries) as Record<string, unknown>
}

/** A value of a property list in XML; undefined for anything else, a binary one included. Comments are passed over. */
export function parsePlist(text: string): PlistValue | undefined {
  const tokens = tokensOf(text)
  let at = 0
  const skipBlanks = () => {
    while (at < tokens.length && tokens[at]?.trim() === '') at++
  }
  const next = (): string => {
    skipBlanks()
    return tokens[at++] ?? ''
  }
  const textUntil = (end: string): string => {
    let content = ''
    while (at < tokens.length && tokens[at] !== end) content += tokens[at++]
    at++
    return unescaped(content)
  }
  let depth = 0
  const value = (tag: string): PlistValue | undefined => {
    if (depth > DEEPEST) return undefined
    depth++
    const found = valueOf(tag)
    depth--
    return found
  }
  const valueOf = (tag: string): PlistValue | undefined => {
    const name = /^<([a-z]+)/.exec(tag)?.[1]
    if (name === undefined) return undefined
    const isEmpty = tag.endsWith('/>')
    switch (name) {
      case 'true':
      case 'false':
        if (!isEmpty) textUntil(`</${name}>`)
        return name === 'true'
      case 'integer':
      case 'real':
        return Number(isEmpty ? '' : textUntil(`</${name}>`))
      case 'array':
        return isEmpty ? [] : list(`</${name}>`)
      case 'dict':
        return isEmpty ? {} : dict()
      default:
        return isEmpty ? '' : textUntil(`</${name}>`)
    }
  }
  const list = (end: string): PlistValue[] | undefined => {
    const items: PlistValue[] = []
    for (let tag = next(); tag !== end; tag = next()) {
      const item = value(tag)
      if (item === undefined) return undefined
      items.push(item)
    }
    return items
  }
  const dict = (): PlistDict | undefined => {
    const entries: [string, PlistValue][] = []
    for (let tag = next(); tag !== '</dict>'; tag = next()) {
      if (tag !== '<key>') return undefined
      const key = textUntil('</key>')
      const member = value(next())
      if (member === undefined) return undefined
      entries.push([key, member])
    }
    return Object.fromEntries(entries)
  }
  if (!/^<plist[\s>]/.test(next())) return undefined
  return value(next())
}

/** Levels of a property list that are read; launchd's own have a handful. */
const DEEPEST = 100

/** Tags, and what stands between them; comments and declarations left out. What is not closed ends it: nothing behind it can be a value. */
function tokensOf(text: string): string[] {
  const tokens: string[] = []
  const SKIPPED = [
    ['<!--', '-->'],
    ['<?', '?>'],
    ['<!', '>'],
  ] as const
  for (let at = 0; at < text.length; ) {
    const isTag = text[at] === '<'
    const skipped = isTag ? SKIPPED.find(([start]) => text.startsWith(start, at)) : undefined
    const found = text.indexOf(skipped?.[1] ?? (isTag ? '>' : '<'), at + 1)
    if (found < 0 && isTag) break
    const end = found < 0 ? text.length : skipped ? found + skipped[1].length : isTag ? found + 1 : found
    if (!skipped) tokens.push(text.slice(at, end))
    at = end
  }
  return tokens
}

/** A value's member if it is a dictionary that has it. */
export function member(value: PlistValue | undefined, name: string): PlistValue | undefined {
  return isDict(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

export function isDict(value: PlistValue | undefined): value is PlistDict {
  return typeof value === 'object' && !Array.isArray(value)
}

const LAST_CODE_POINT = 0x10ffff

function unescaped(text: string): string {
  const named = new Map([
    ['amp', '&'],
    ['lt', '<'],
    ['gt', '>'],
    ['quot', '"'],
    ['apos', "'"],
  ])
  return text
    .replaceAll('\r\n', '\n')
    .replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|([a-z]+));/g, (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return named.get(name) ?? whole
      const code = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal)
      return code <= LAST_CODE_POINT ? String.fromCodePoint(code) : whole
    })
}
