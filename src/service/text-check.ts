/** More than this leaves no room for the names of a home's own files: a path has 4096 bytes at most, the NUL included (PATH_MAX). */
const LONGEST_PATH_BYTES = 3800
/** NAME_MAX of every usual file system. */
const LONGEST_NAME_BYTES = 255
const LONGEST_SHOWN = 300

/**
 * Why a text cannot be in a service definition at all; undefined if it can. Definitions are UTF-8, and systemd ignores a line with a
 * noncharacter in it (utf8.c, unichar_is_valid). U+FFFD stands where node was given bytes that are no UTF-8: what they were is lost.
 */
export function refusedText(value: string): string | undefined {
  if (value.includes('\0')) return 'has a NUL character in it'
  if (value.includes('\ufffd') || !value.isWellFormed()) return 'is not valid UTF-8 (or has U+FFFD in it, which stands for that)'
  const other = /\p{Noncharacter_Code_Point}/u.exec(value)?.[0]
  return other && `has U+${other.codePointAt(0)?.toString(16).toUpperCase()} in it, a noncharacter, which service managers refuse`
}

/** Why a path cannot be in a service definition, nor be used with it; undefined if it can. */
export function refusedPath(value: string): string | undefined {
  if (!value.startsWith('/')) return 'is not an absolute path'
  const bytes = Buffer.byteLength(value)
  if (bytes > LONGEST_PATH_BYTES) return `is too long: ${bytes} bytes, where ${LONGEST_PATH_BYTES} leave room for the files in it`
  if (value.split('/').some((name) => Buffer.byteLength(name) > LONGEST_NAME_BYTES))
    return `is too long: a name in it has over ${LONGEST_NAME_BYTES} bytes`
  if (/[\u0001-\u001f\u007f]/.test(value)) return 'has a control character (such as a newline) in it, which no service definition can carry'
  return refusedText(value)
}

/** A value as a message shows it: on one line, and not all of a very long one. */
export function shown(value: string): string {
  return JSON.stringify(value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value)
}
