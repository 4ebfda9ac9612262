/** The signs before a line. They say nothing that its words do not say. */
export const Sign = {good: '✓', bad: '✗', warning: '!', info: '-', unknown: '?'} as const
