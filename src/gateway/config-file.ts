/**
 * The scalars of a section of the gateway's config.yaml, as they are written, without quotes; none where there is no such section. `section`: the
 * name of a mapping at its top level, and of one within that, and so on. Read line by line, as blocks or on one line in braces, which is how
 * people and upstream write them; of a key that is there twice the last counts, as it does for the gateway. A parser of all of YAML takes minutes for
 * some files of a few kilobytes (8,192 times "{"), and whoever may write to the home writes this file.
 */
export function configSection(text: string, ...section: readonly string[]): ReadonlyMap<string, string> {
  const lines = section.reduce(within, text.split('\n'))
  return new Map(lines.filter((line) => isContent(line) && !line.startsWith(' ')).map((line) => member(line.trim())))
}

/** The lines of a mapping, with its indentation taken away. */
function within(lines: readonly string[], name: string): string[] {
  let found: string[] = []
  let isWithin = false
  let indent: string | undefined
  for (const line of lines) {
    if (!isContent(line)) continue
    const [own = ''] = /^ */.exec(line) ?? []
    if (own === '') {
      const [key, value] = member(line.trim())
      isWithin = key === name
      indent = undefined
      if (isWithin) found = value.startsWith('{') ? membersInBraces(value.slice(1, value.lastIndexOf('}'))) : []
    } else if (isWithin) {
      indent ??= own
      // What is indented further belongs to a member.
      if (own.length >= indent.length) found.push(line.slice(indent.length))
    }
  }
  return found
}

function isContent(line: string): boolean {
  const content = line.trimStart()
  return content !== '' && !content.startsWith('#')
}

/** Those of a mapping on one line; a comma within further braces is no end. */
function membersInBraces(text: string): string[] {
  const members: string[] = []
  let depth = 0
  let start = 0
  for (let index = 0; index <= text.length; index++) {
    const character = text[index]
    if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    else if (character === undefined || (character === ',' && depth === 0)) {
      members.push(text.slice(start, index).trim())
      start = index + 1
    }
  }
  return members
}

/** `name: value`, with quotes and a comment taken away. */
function member(content: string): [string, string] {
  const colon = content.indexOf(':')
  if (colon < 0) return ['', '']
  const value = content.slice(colon + 1).trim()
  const isQuoted = value.startsWith('"') || value.startsWith("'")
  const comment = isQuoted ? value.indexOf('#', value.indexOf(value[0] ?? '', 1)) : value.indexOf(' #')
  return [unquoted(content.slice(0, colon).trim()), unquoted((comment < 0 ? value : value.slice(0, comment)).trim())]
}

function unquoted(text: string): string {
  const quote = text[0]
  return (quote === '"' || quote === "'") && text.length > 1 && text.endsWith(quote) ? text.slice(1, -1) : text
}
