/** Of which commands of the recorded session the picture shows what was said, in this order. */
const SHOWN = [/^hermes-svc install$/, /^kill -9 /, /^hermes-svc restart$/, /^hermes-svc doctor$/]
/** What was waited for, said now and then where there is no terminal. */
const WAIT = /^… /
const COLUMNS = 100
const [CELL_WIDTH, LINE_HEIGHT, MARGIN] = [7.85, 19, 18]

const THEMES = {
  light: {back: '#ffffff', frame: '#d0d7de', text: '#1f2328', prompt: '#0969da', good: '#1a7f37', dim: '#59636e'},
  dark: {back: '#0d1117', frame: '#3d444d', text: '#f0f6fc', prompt: '#4493f8', good: '#3fb950', dim: '#9198a1'},
}

/** The pictures of a session by the name of their theme: SVG, from the lines that were recorded. Nothing in them is written by hand. */
export function pictures(lines) {
  const shown = shownLines(lines)
  return Object.fromEntries(Object.entries(THEMES).map(([name, theme]) => [name, svg(shown, theme)]))
}

function shownLines(lines) {
  const blocks = []
  for (const line of lines) {
    if (line.startsWith('$ ')) blocks.push({command: line.slice(2), said: []})
    else if (line !== '') blocks.at(-1)?.said.push(line)
  }
  return SHOWN.flatMap((pattern, index) => {
    const block = blocks.find(({command}) => pattern.test(command))
    if (!block) throw new Error(`the session has no ${pattern}`)
    const said = block.said.filter((line) => !WAIT.test(line))
    return [...(index > 0 ? [''] : []), `$ ${block.command}`, ...said].flatMap(broken)
  })
}

/** A line in parts of at most 100 columns. */
function broken(line) {
  if (line.length <= COLUMNS) return [line]
  const at = line.lastIndexOf(' ', COLUMNS)
  return [line.slice(0, at), ...broken(`    ${line.slice(at + 1)}`)]
}

function svg(lines, {back, frame, text, prompt, good, dim}) {
  const [width, height] = [Math.ceil(COLUMNS * CELL_WIDTH + 2 * MARGIN), lines.length * LINE_HEIGHT + 2 * MARGIN]
  const rows = lines.map((line, index) => {
    const colour = line.startsWith('$ ')
      ? prompt
      : /^✓|is running(, as it should be,)? and online/.test(line)
        ? good
        : line.startsWith('  ')
          ? dim
          : text
    const y = MARGIN + (index + 0.75) * LINE_HEIGHT
    return line === '' ? '' : `<text x="${MARGIN}" y="${y}" fill="${colour}">${escaped(line)}</text>\n`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>A session of hermes-svc in a terminal</title>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="${back}" stroke="${frame}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13">
${rows.join('')}</g>
</svg>
`
}

/** With blanks that no renderer folds. */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0')
}
