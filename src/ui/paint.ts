/** Colours for words that carry their meaning without them. */
export interface Paint {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly dim: (text: string) => string
  readonly strong: (text: string) => string
}

const plain = (text: string) => text
/** No colours. */
export const NO_PAINT: Paint = {good: plain, bad: plain, dim: plain, strong: plain}

/** Colours for a terminal, none anywhere else or where NO_COLOR is set (no-color.org). Only a terminal pays for the library. */
export async function paintFor(isTty: boolean, env: Readonly<Record<string, string | undefined>>): Promise<Paint> {
  if (!isTty || env.NO_COLOR || env.TERM === 'dumb') return NO_PAINT
  const {Chalk} = await import('chalk')
  const {green, red, dim, bold} = new Chalk({level: 1})
  return {good: green, bad: red, dim, strong: bold}
}
