import vm from 'node:vm'
import type {Document, Node, YAMLError} from 'yaml'

/** What is wrong with a text of YAML, as the gateway's own reader sees it (PyYAML's safe_load: YAML 1.1, one document). */
export interface YamlFault {
  readonly reason: string
  /** From 1, as in an editor. */
  readonly line: number
  readonly column: number
}

/** What the document is: `empty` is also what counts as nothing, such as an empty list or `false`. */
export type YamlTop = 'mapping' | 'empty' | 'list' | 'text'

/** What came of reading one. `cannot-tell`: it is too deep or takes too long for this reader, which says nothing of the gateway's. */
export type YamlJudgement =
  | {readonly kind: 'good'; readonly top: YamlTop}
  | {readonly kind: 'broken'; readonly fault: YamlFault}
  | {readonly kind: 'cannot-tell'; readonly why: string}

/** Whoever may write to the home writes this file, and a parser of all of YAML takes minutes for some of a few kilobytes, or falls over. */
const LONGEST_MS = 2000
const DEEPEST = 100
const DEEPEST_COLUMNS = 1000
/** Texts in quotes, lists and mappings in brackets that go on further left than they may. */
const MOST_FAR_LEFT = 50

/** Reads it to its end, and judges it. Never throws for what it finds. */
export async function judgeYaml(text: string): Promise<YamlJudgement> {
  // What ends a line for the gateway's reader.
  const plain = text.replace(/^\ufeff/, '').replace(/\r(?!\n)|[\u0085\u2028\u2029]/g, '\n')
  const strange = unprintable(plain)
  if (strange) return {kind: 'broken', fault: strange}
  if (isTooDeep(plain)) return {kind: 'cannot-tell', why: `it is nested more than ${DEEPEST} levels deep`}
  const yaml = await import('yaml')
  let judgement: YamlJudgement | undefined
  try {
    const judge = () => void (judgement = judged(yaml, plain))
    vm.runInNewContext('judge()', {judge}, {timeout: LONGEST_MS})
  } catch (error) {
    if ((error as {code?: unknown}).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT' && !(error instanceof RangeError)) throw error
  }
  return judgement ?? {kind: 'cannot-tell', why: `it takes more than ${LONGEST_MS / 1000} s to read`}
}

type Yaml = typeof import('yaml')

function judged(yaml: Yaml, text: string): YamlJudgement {
  const tab = strayTab(yaml, text)
  let read = text
  let first: {readonly offset: number; readonly message: string} | undefined
  for (let tries = 0; tries <= MOST_FAR_LEFT; tries++) {
    const document: Document.Parsed = yaml.parseDocument(read, {
      ...{version: '1.1', uniqueKeys: false, prettyErrors: false, logLevel: 'error'},
    })
    const [error] = document.errors.filter(({message}) => !message.startsWith('Comments must be separated'))
    const offset = error?.pos[0] ?? Infinity
    if (tab !== undefined && tab <= (first?.offset ?? offset)) return broken(text, 'YAML does not allow a tab here', tab)
    if (!error) return first === undefined || read !== text ? judgedNodes(yaml, text, read, document) : brokenBy(text, first)
    const start = startOf(yaml, read, document, error)
    // Text in quotes that do not end goes on to where that shows, far from where it began.
    first ??= {offset: isOfQuotes(error) ? (start ?? offset) : offset, message: error.message}
    const moved = start === undefined ? undefined : movedRight(read, start)
    // Where it is broken for the gateway too, the first thing that was found is where a person should look.
    if (moved === undefined) return brokenBy(text, first)
    read = moved
  }
  return {kind: 'cannot-tell', why: `more than ${MOST_FAR_LEFT} of its values continue further left than YAML allows`}
}

/** What only building the values shows. */
function judgedNodes(yaml: Yaml, text: string, read: string, document: Document.Parsed): YamlJudgement {
  // Positions are those of the text that was read, which has the same lines.
  const failed = (reason: string, offset: number) => broken(text, reason, offset, read)
  const tag = document.warnings.find(({code}) => code === 'TAG_RESOLVE_FAILED')
  if (tag) return failed(firstLine(tag.message), tag.pos[0])
  const anchors = new Map<string, Node>()
  let found: YamlJudgement | undefined
  const fail = (reason: string, node: Node) => {
    found = failed(reason, node.range?.[0] ?? 0)
    return yaml.visit.BREAK
  }
  yaml.visit(document, {
    Node: (_key, node) => {
      if (!yaml.isAlias(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
      if (yaml.isAlias(node) && !anchors.has(node.source)) return fail(`there is no anchor ${node.source}`, node)
      return undefined
    },
    Pair: (_key, {key, value}) => {
      if (yaml.isCollection(key))
        return fail('a list or mapping cannot be the name of a setting; put quotes around a text with braces', key)
      const isMerge = yaml.isScalar(key) && key.type === 'PLAIN' && key.source === '<<'
      const merged = yaml.isAlias(value) ? anchors.get(value.source) : value
      if (isMerge && yaml.isScalar(merged)) return fail('the value of << must be a mapping', key)
      return undefined
    },
  })
  return found ?? {kind: 'good', top: topOf(yaml, document)}
}

function topOf(yaml: Yaml, {contents}: Document.Parsed): YamlTop {
  if (yaml.isMap(contents)) return contents.items.length === 0 ? 'empty' : 'mapping'
  if (yaml.isSeq(contents)) return contents.items.length === 0 ? 'empty' : 'list'
  return yaml.isScalar(contents) && contents.value ? 'text' : 'empty'
}

const isOfQuotes = ({message}: YAMLError): boolean => message.startsWith('Missing closing')

/** Where the value in quotes or brackets begins that an error is about; undefined where it is about something else. */
function startOf(yaml: Yaml, text: string, document: Document.Parsed, error: YAMLError): number | undefined {
  const isQuote = isOfQuotes(error)
  if (!isQuote && error.code !== 'BAD_INDENT') return undefined
  const [offset] = error.pos
  let start: number | undefined
  yaml.visit(document, {
    Node: (_key, node) => {
      const [from, to] = node.range ?? [0, 0]
      if (start !== undefined || from > offset) return undefined
      if (isQuote) {
        if (yaml.isScalar(node) && node.type?.startsWith('QUOTE') === true && to === offset) start = from
      } else if (yaml.isCollection(node) && node.flow === true && (endOf(text, from) ?? Infinity) >= offset) start = from
      return undefined
    },
  })
  return start
}

/** The text with a value that goes on further left than it may moved to the right, which the gateway does not mind; undefined where it has no end. */
function movedRight(text: string, start: number): string | undefined {
  const end = endOf(text, start)
  if (end === undefined) return undefined
  const inside = text.slice(start, end)
  const moved = inside.replace(/\n(?=[^\n])/g, `\n${' '.repeat(DEEPEST_COLUMNS)}`)
  return moved === inside || inside.includes('\n'.padEnd(DEEPEST_COLUMNS)) ? undefined : text.slice(0, start) + moved + text.slice(end)
}

/** Where a value in quotes or brackets that begins at an offset ends; undefined where it does not. */
function endOf(text: string, start: number): number | undefined {
  const open = text[start]
  if (open === '"' || open === "'") {
    for (let at = start + 1; at < text.length; at++) {
      if (open === '"' && text[at] === '\\') at++
      else if (text[at] === open) {
        if (open === '"' || text[at + 1] !== "'") return at + 1
        at++
      }
    }
    return undefined
  }
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at] ?? ''
    const isFirst = /[\s,[{:]/.test(text[at - 1] ?? ' ')
    if ((character === '"' || character === "'") && isFirst) {
      const end = endOf(text, at)
      if (end === undefined) return undefined
      at = end - 1
    } else if (character === '#' && /\s/.test(text[at - 1] ?? ' ')) {
      at = text.indexOf('\n', at)
      if (at < 0) return undefined
    } else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') {
      depth--
      if (depth === 0) return at + 1
    }
  }
  return undefined
}

/** The first tab that stands neither in quotes, in a block of text nor in a comment: the gateway's reader takes none. */
function strayTab(yaml: Yaml, text: string): number | undefined {
  if (!text.includes('\t')) return undefined
  let offset = 0
  let isBlock = false
  for (const lexeme of new yaml.Lexer().lex(text)) {
    // Marks that the lexer puts in: of a document, of what comes next, and of an error.
    if (lexeme === '\u0002' || lexeme === '\u0018') continue
    if (lexeme === '\u001f') continue
    const isQuoted = lexeme.startsWith('"') || lexeme.startsWith("'")
    const isComment = lexeme.startsWith('#')
    const wasBlock = isBlock && lexeme.trim() !== '' && !isComment
    if (/^[|>][\d+-]*$/.test(lexeme)) isBlock = true
    else if (!isQuoted && !isComment && !isBlock && lexeme.includes('\t')) return offset + lexeme.indexOf('\t')
    else if (wasBlock) isBlock = false
    offset += lexeme.length
  }
  return undefined
}

const firstLine = (message: string): string => message.split('\n')[0]?.replace(/[\s:]+$/, '') ?? message

function brokenBy(text: string, {message, offset}: {readonly message: string; readonly offset: number}): YamlJudgement {
  return broken(text, firstLine(message), offset)
}

/** `read`: the text that the offset is of, which has the same lines. */
function broken(text: string, reason: string, offset: number, read = text): YamlJudgement {
  const before = read.slice(0, offset).split('\n')
  return {kind: 'broken', fault: {reason, line: before.length, column: (before.at(-1)?.length ?? 0) + 1}}
}

/** A character that may not stand in YAML 1.1 at all, as the gateway's reader has it. */
function unprintable(text: string): YamlFault | undefined {
  const found = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/.exec(text)
  if (!found) return undefined
  const before = text.slice(0, found.index).split('\n')
  const code = found[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()
  return {reason: `YAML does not allow the character U+${code}`, line: before.length, column: (before.at(-1)?.length ?? 0) + 1}
}

/** True for what might be nested that deep, by what opens something; quotes and comments count too, so it errs on the side of too deep. */
function isTooDeep(text: string): boolean {
  let depth = 0
  return text.split('\n').some((line) => {
    if (line.search(/[^ \t]|$/) > DEEPEST_COLUMNS) return true
    if ((/^(?:[-?:][ \t]+)+/.exec(line.trimStart())?.[0].length ?? 0) > DEEPEST * 2) return true
    for (const character of line) {
      if (character === '[' || character === '{') depth++
      else if ((character === ']' || character === '}') && depth > 0) depth--
      if (depth > DEEPEST) return true
    }
    return false
  })
}
