const UNITS = [
  ['GB', 1_000_000_000],
  ['MB', 1_000_000],
  ['KB', 1000],
] as const

/** A number of bytes for people, in units of 1000 as the makers of disks count: `150 MB`, `2.4 GB`. */
export function sizeText(bytes: number): string {
  const [unit, each] = UNITS.find(([, least]) => bytes >= least) ?? ['bytes', 1]
  const count = bytes / each
  return `${unit === 'GB' && count < 100 ? count.toFixed(1) : Math.round(count)} ${unit}`
}
