const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193

/**
 * FNV-1a with 32 bits over the bytes of the text, as 8 hex digits (Fowler, Noll, Vo). It tells an edit, which nobody has a reason to forge;
 * to load node:crypto for that would cost as much as all checks of `doctor` together.
 */
export function checksum(text: string): string {
  let hash = OFFSET_BASIS
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, PRIME)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
