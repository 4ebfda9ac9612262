import {decode, encode} from '@jridgewell/sourcemap-codec'

/**
 * A source map (ECMA-426) that tells of our own sources alone, and of lines, not columns: what a stack trace in a bug report is looked up in, at a fifth of the
 * size. Sources stay relative to the map.
 */
export function linesOfOwnSource(text) {
  const map = JSON.parse(text)
  const sources = map.sources.filter(isOwn)
  const indexes = new Map(map.sources.map((source, index) => [index, sources.indexOf(source)]))
  const lines = decode(map.mappings).map((line) => slim(line.map((segment) => renumbered(segment, indexes))))
  return JSON.stringify({version: map.version, sources, names: [], mappings: encode(lines)})
}

function isOwn(source) {
  return /^(?:\.\.\/)*src\//.test(source)
}

/** A segment is [column], or [column, source, line, column there, name]. */
function renumbered([column, source, line, at], indexes) {
  const index = source === undefined ? -1 : indexes.get(source)
  return index === -1 ? [column] : [column, index, line, at]
}

/** Only where another line of a source begins. */
function slim(segments) {
  return segments.filter((segment, index) => {
    const before = segments[index - 1]
    return before === undefined || before[1] !== segment[1] || before[2] !== segment[2]
  })
}
