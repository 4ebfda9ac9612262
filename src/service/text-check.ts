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
  if (value.includes('\0')) return 'contains a NUL character'
  if (value.includes('\ufffd') || !value.isWellFormed()) return 'is not valid UTF-8, or contains U+FFFD, the sign of invalid UTF-8'
  const other = /\p{Noncharacter_Code_Point}/u.exec(value)?.[0]
  return other && `contains U+${other.codePointAt(0)?.toString(16).toUpperCase()}, a noncharacter, which service managers refuse`
}

/** Why a path cannot be in a service definition, nor be used with it; undefined if it can. */
export function refusedPath(value: string): string | undefined {
  if (!value.startsWith('/')) return 'is not an absolute path'
  const bytes = Buffer.byteLength(value)
  if (bytes > LONGEST_PATH_BYTES)
    return `is too long: it has ${bytes} bytes, but at most ${LONGEST_PATH_BYTES} are possible, because the names of its files are added to it`
  if (value.split('/').some((name) => Buffer.byteLength(name) > LONGEST_NAME_BYTES))
    return `is too long: a name in it has more than ${LONGEST_NAME_BYTES} bytes`
  if (/[\u0001-\u001f\u007f]/.test(value)) return 'contains a control character (such as a newline), which a service definition cannot hold'
  return refusedText(value)
}

/** A value as a message shows it: on one line, and not all of a very long one. */
export function shown(value: string): string {
  return JSON.stringify(value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value)
}
