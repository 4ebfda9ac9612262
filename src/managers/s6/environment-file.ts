import {shellQuote} from '../../text/shell-quote.js'

const HEAD = '# Written by hermes-svc; read for the gateway alone, by a shell that runs as its user.'

/** The variables as a script for sh(1): one assignment each, in quotes, so that any value goes through exactly. */
export function formatEnvironment(environment: ReadonlyMap<string, string>): string {
  return [HEAD, ...[...environment].map(([name, value]) => `export ${name}=${shellQuote(value)}`), ''].join('\n')
}

/** Reads what `formatEnvironment` wrote; of a line that somebody wrote otherwise nothing is taken. */
export function parseEnvironment(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', quoted = ''] of text.matchAll(/^export ([A-Za-z_][A-Za-z0-9_]*)=((?:'[^']*'|\\')+)$/gm)) {
    const parts = quoted.matchAll(/'([^']*)'|\\'/g)
    found.set(name, [...parts].map(([, inner]) => inner ?? "'").join(''))
  }
  return found
}
