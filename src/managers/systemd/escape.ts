/**
 * Writes values in systemd's own syntax (systemd.syntax(7), systemd.service(5) COMMAND LINES, systemd.exec(5) Environment= and
 * EnvironmentFile=). Whether systemd reads back exactly what went in is tested against systemd itself.
 */

/** One word of an Exec line. The line must begin with ":" (no variable substitution), else "$" would need doubling too. */
export function execWord(value: string): string {
  return quoted(value)
}

/** True if systemd takes the path as the program of an Exec line: no quotes and no backslashes, however written (string_is_safe). */
export function isSafeProgram(path: string): boolean {
  return !/["'\\]/.test(path)
}

/** One NAME=VALUE of an Environment= line. "$" has no meaning there. */
export function environmentAssignment(name: string, value: string): string {
  return quoted(`${name}=${value}`)
}

/** A path setting that takes the rest of the line (WorkingDirectory=): only "%" is special. */
export function pathSetting(path: string): string {
  return path.replaceAll('%', '%%')
}

/**
 * A path in a setting that takes a list of them (RequiresMountsFor=): quotes keep it whole, backslashes stand for themselves. Empty for one
 * with both kinds of quotes, which cannot be written.
 */
export function pathListEntry(path: string): string {
  const quote = ['"', "'"].find((one) => !path.includes(one))
  return quote === undefined ? '' : `${quote}${pathSetting(path)}${quote}`
}

/** The path of an EnvironmentFile=, which is a pattern of glob(7). */
export function patternSetting(path: string): string {
  return pathSetting(path.replace(/[*?[\]\\]/g, '\\$&'))
}

/** A value in free text (Description=): "%" begins a specifier, a line ends the value. */
export function freeText(value: string): string {
  return value.replace(/[\r\n]+/g, ' ').replaceAll('%', '%%')
}

/** A line of an EnvironmentFile=: within double quotes only these four characters need a backslash, and a newline stands for itself. */
export function environmentFileLine(name: string, value: string): string {
  return `${name}="${value.replace(/["\\`$]/g, '\\$&')}"`
}

/** Reads lines that `environmentFileLine` wrote, comments skipped. Other forms of line are kept out. */
export function parseEnvironmentFile(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const match of text.matchAll(/^([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\[^])*)"$/gm)) {
    values.set(match[1] ?? '', (match[2] ?? '').replace(/\\(["\\`$])/g, '$1'))
  }
  return values
}

function quoted(value: string): string {
  const escaped = value
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replace(/[\u0001-\u001f\u007f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${escaped}"`
}
