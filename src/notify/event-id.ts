/** A key that is the same for the same event of the same service, whenever it is made (an Idempotency-Key). */
export function eventId(...parts: readonly (string | number)[]): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}
