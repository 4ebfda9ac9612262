import {ownColours, visible} from '../text/visible.js'

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

/**
 * Colours for a terminal, none anywhere else. FORCE_COLOR (force-color.org) asks for them wherever, and counts for more than NO_COLOR
 * (no-color.org), as in node itself; TERM=dumb has none. Only where there are colours the library is loaded. What comes out is to be written
 * through the door of visible.ts, which knows these colours from those that others put into their text.
 */
export async function paintFor(isTty: boolean, env: Readonly<Record<string, string | undefined>>): Promise<Paint> {
  const {FORCE_COLOR: force, NO_COLOR: none, TERM: terminal} = env
  const isForced = force !== undefined && !['0', 'false'].includes(force)
  const isWanted = force === undefined && !none && isTty && terminal !== 'dumb'
  if (!isForced && !isWanted) return NO_PAINT
  const {Chalk} = await import('chalk')
  const {green, red, dim, bold} = new Chalk({level: 1})
  const own = (colour: (text: string) => string) => (text: string) => ownColours(colour(visible(text)))
  return {good: own(green), bad: own(red), dim: own(dim), strong: own(bold)}
}
