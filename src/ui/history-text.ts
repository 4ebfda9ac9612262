import {type Availability, type Block, isUnplanned, WINDOWS} from '../history/availability.js'
import type {History} from '../history/report.js'
import type {HistoryEntry} from '../history/timeline.js'
import {entryWords} from '../history/words.js'
import {shortTime} from '../observe/log-text.js'
import {columns, inWords, table} from '../text/layout.js'
import {NO_PAINT, type Paint} from './paint.js'

const MARGIN = '  '

/** The signs of a bar: each says by itself what it is. */
const SIGNS: Readonly<Record<'blocks' | 'ascii', Readonly<Record<Block, string>>>> = {
  blocks: {up: '█', partly: '▄', down: '▁', off: '·', unknown: '?'},
  ascii: {up: '#', partly: '+', down: '_', off: '.', unknown: '?'},
}
/** What the blocks of a bar mean. */
export const MEANINGS: Readonly<Record<Block, string>> = {
  up: 'up',
  partly: 'down part of the time',
  down: 'down half of the time or more',
  off: 'stopped as asked',
  unknown: 'no record',
}

export interface HistoryTextOptions {
  readonly paint?: Paint
  /** Columns of the terminal. */
  readonly width?: number | undefined
  /** What it is shown on knows block characters. */
  readonly hasBlocks: boolean
}

/** A history for people. */
export function historyText(history: History, {paint = NO_PAINT, width, hasBlocks}: HistoryTextOptions): string[] {
  const signs = SIGNS[hasBlocks ? 'blocks' : 'ascii']
  const {service, profile, availability, entries, left, notRead} = history
  const used = new Set(availability.flatMap(({bar}) => bar))
  const legend = (Object.keys(MEANINGS) as Block[]).filter((block) => used.has(block)).map((block) => `${signs[block]} ${MEANINGS[block]}`)
  const rows = availability.map((one, index) => [
    WINDOWS[index]?.name ?? '',
    percentText(one),
    painted(one.bar, signs, paint),
    summary(one),
  ])
  const heads = columns(rows.map(([name = '', percent = '', bar = '']) => [name, percent, bar]))
  // Beside its bar where there is room, else below it.
  const lines = heads.flatMap((head, index) => [head, `${MARGIN}${MARGIN}${rows[index]?.[3] ?? ''}`])
  const cut = [
    ...(left === 0
      ? []
      : [
          `${left} older ${left === 1 ? 'entry is' : 'entries are'} not shown. To show ${left === 1 ? 'it' : 'them'}, add --lines ${left + entries.length}`,
        ]),
    ...notRead.map(({source, why, beforeMs}) =>
      beforeMs === undefined
        ? `cannot read ${source}: ${why}`
        : `${source} is large: hermes-svc read only what is newer than ${shortTime(beforeMs)}`,
    ),
  ]
  return [
    paint.strong(`${service} (profile ${profile})`),
    '',
    ...lines.map((line) => MARGIN + line),
    `${MARGIN}${legend.join(', ')}`,
    '',
    ...(entries.length === 0 ? ['No records from this time.'] : entryRows(entries, paint, width)),
    ...(cut.length === 0 ? [] : ['', ...cut]),
  ]
}

/** Cut, not rounded: what was down for a moment was not up for all of the time. */
export function percentText({percent}: Availability): string {
  return percent === undefined ? 'no record' : percent === 100 ? '100 %' : `${(Math.floor(percent * 100) / 100).toFixed(2)} %`
}

function painted(bar: readonly Block[], signs: Readonly<Record<Block, string>>, paint: Paint): string {
  return bar
    .map((block) => (block === 'up' ? paint.good : block === 'partly' || block === 'down' ? paint.bad : paint.dim)(signs[block]))
    .join('')
}

/** What a window had beside its percents, in one line. */
export function summary({planned, asked, unplanned, longestOutageMs, meanRecoveryMs, unknownMs, windowMs}: Availability): string {
  const ends = `ends: ${unplanned} unplanned, ${planned} planned, ${asked} on request`
  const outage = longestOutageMs === undefined ? [] : [`longest outage ${inWords(longestOutageMs)}`]
  const recovery = meanRecoveryMs === undefined ? [] : [`back after ${inWords(meanRecoveryMs)} on average`]
  const unknown = unknownMs < 1000 ? [] : [unknownMs >= windowMs ? 'no record' : `no record for ${inWords(unknownMs)}`]
  return [ends, ...outage, ...recovery, ...unknown].join('; ')
}

function entryRows(entries: readonly HistoryEntry[], paint: Paint, width: number | undefined): string[] {
  const cells = entries.map((entry) => [timeText(entry), entryWords(entry)])
  return table(cells, width).flatMap((lines, index) => {
    const entry = entries[index]
    const colour =
      entry?.kind === 'end' && isUnplanned(entry.reason)
        ? paint.bad
        : entry?.kind === 'gap' || entry?.kind === 'command'
          ? paint.dim
          : plain
    return lines.map(colour)
  })
}

const plain = (text: string): string => text

function timeText(entry: HistoryEntry): string {
  if (entry.kind === 'gap') return `${shortTime(entry.atMs)} to ${shortTime(entry.untilMs)}`
  return entry.kind === 'end' && entry.notBeforeMs !== undefined ? `before ${shortTime(entry.atMs)}` : shortTime(entry.atMs)
}

/** True where a terminal knows more than ASCII, by what the environment says of it (locale(7)). */
export function knowsBlocks({LC_ALL, LC_CTYPE, LANG, TERM}: Readonly<Record<string, string | undefined>>): boolean {
  return TERM !== 'dumb' && TERM !== 'linux' && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '')
}
