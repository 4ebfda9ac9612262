/** The value of a variable in the text of a home's .env; undefined without one. Of several lines the last counts, as in the gateway's own reader (python-dotenv). */
export function dotenvVariable(text: string, name: string): string | undefined {
  const lines = text.matchAll(new RegExp(`^[ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=[ \\t]*["']?([^"'\\s#]*)`, 'gm'))
  return [...lines].at(-1)?.[1]
}

/** All variables of such a text that have a value, with the same value as `dotenvVariable` would find. */
export function dotenvVariables(text: string): Map<string, string> {
  const lines = text.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*["']?([^"'\s#]*)/gm)
  return new Map([...lines].map(([, name = '', value = '']) => [name, value]))
}
