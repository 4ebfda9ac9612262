/**
 * The file with the gateway's own variables, which start-gateway.sh reads line by line without evaluating anything: NAME=VALUE, a backslash
 * and control characters as a backslash, a zero and three octal digits (printf(1), %b).
 */

const HEAD = '# Written by hermes-svc; read by start-gateway.sh for the gateway alone.'

/**
 * Names that a shell has for itself: it makes numbers of what is put into some (bash evaluates them, commands and all), and lets others not
 * be set. No program takes them for its own.
 */
const SHELLS_OWN = new RegExp(
  `^(?:${[
    ...[
      'OPTIND',
      'OPTERR',
      'OPTARG',
      'RANDOM',
      'SRANDOM',
      'SECONDS',
      'LINENO',
      'HISTCMD',
      'EPOCH(?:SECONDS|REALTIME)',
      'BASH(?:_.*|OPTS|PID)?',
    ],
    ...['SHELLOPTS', 'UID', 'EUID', 'PPID', 'GROUPS', 'DIRSTACK', 'FUNCNAME', 'PIPESTATUS', 'COMP_.*', '_', '_hermes_svc_.*'],
  ].join('|')})$`,
)

/** Why the gateway cannot get a variable of that name through a shell; undefined if it can. */
export function refusedVariable(name: string): string | undefined {
  return SHELLS_OWN.test(name) ? 'belongs to the shell, and launchd starts the gateway through a shell' : undefined
}

export function formatEnvironment(environment: ReadonlyMap<string, string>): string {
  return [HEAD, ...[...environment].map(([name, value]) => `${name}=${encoded(value)}`), ''].join('\n')
}

/** Reads what `formatEnvironment` wrote; other lines are kept out. */
export function parseEnvironment(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const name = /^[A-Za-z_][A-Za-z0-9_]*(?==)/.exec(line)?.[0]
    if (name === undefined) continue
    const value = line.slice(name.length + 1).replace(/\\0([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    values.set(name, value)
  }
  return values
}

function encoded(value: string): string {
  return value.replace(/[\u0000-\u001f\u007f\\]/g, (character) => `\\0${character.charCodeAt(0).toString(8).padStart(3, '0')}`)
}
