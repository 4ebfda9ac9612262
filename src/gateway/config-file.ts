/**
 * The scalars of a section of the gateway's config.yaml (a mapping at its top level), as they are written, without quotes; none where there is no
 * such section. Read line by line, as blocks or on one line in braces, which is how people and upstream write them; of a key that is there twice
 * the last counts, as it does for the gateway. A parser of all of YAML takes minutes for some files of a few kilobytes (8,192 times "{"), and
 * whoever may write to the home writes this file.
 */
export function configSection(text: string, section: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  let isWithin = false
  let indent: string | undefined
  for (const line of text.split('\n')) {
    const content = line.trim()
    if (content === '' || content.startsWith('#')) continue
    const [own = ''] = /^ */.exec(line) ?? []
    if (own === '') {
      const [name, value] = member(content)
      isWithin = name === section
      indent = undefined
      if (isWithin && value.startsWith('{'))
        for (const part of value.slice(1, value.lastIndexOf('}')).split(',')) found.set(...member(part.trim()))
    } else if (isWithin) {
      indent ??= own
      // What is indented further belongs to a member.
      if (own === indent) found.set(...member(content))
    }
  }
  return found
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
