import {type Availability, type Block, isUnplanned, WINDOWS} from '../history/availability.js'
import type {History} from '../history/report.js'
import type {HistoryEntry} from '../history/timeline.js'
import {entryWords} from '../history/words.js'
import {shortTime} from '../observe/log-text.js'
import {inWords} from '../text/layout.js'
import {visible} from '../text/visible.js'
import {MEANINGS, percentText, summary} from './history-text.js'

/** Each block has a sign of its own: no colour carries meaning alone. */
const SIGNS: Readonly<Record<Block, string>> = {up: '', partly: '/', down: '×', off: '·', unknown: '?'}

const STYLE = `:root{color-scheme:light dark;--text:#1c1e21;--dim:#5c636b;--page:#fff;--line:#d8dce0;--up:#2f9e5b;--partly:#d9a400;--down:#c93a3a;--off:#8a94a0;--unknown:#e4e7ea;--sign:#fff}
@media(prefers-color-scheme:dark){:root{--text:#e6e8ea;--dim:#9aa2ab;--page:#15181b;--line:#343a40;--up:#37b36a;--partly:#e0b020;--down:#e05a5a;--off:#6d7782;--unknown:#2b3036;--sign:#15181b}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--page);color:var(--text);font:1rem/1.45 system-ui,sans-serif}
h1{font-size:1.3rem;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:1.4rem 0 .3rem}p{margin:.3rem 0}.dim{color:var(--dim)}.percent{font-size:1.5rem;font-weight:600}
.bar{display:flex;gap:1px;height:2rem;margin:.3rem 0}.bar i{flex:1 1 0;min-width:0;overflow:hidden;border-radius:2px;font:.7rem/2rem monospace;text-align:center;color:var(--sign)}
i.up{background:var(--up)}i.partly{background:var(--partly)}i.down{background:var(--down)}i.off{background:var(--off)}i.unknown{background:var(--unknown)}.bar i.unknown{color:var(--dim)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;padding:0;font-size:.85rem}.legend i{display:inline-block;width:1rem;height:1rem;margin-right:.35rem;border-radius:2px;vertical-align:-.15rem;font:.7rem/1rem monospace;text-align:center;color:var(--sign)}
table{width:100%;border-collapse:collapse;font-size:.92rem}td,th{text-align:left;vertical-align:top;padding:.3rem .5rem;border-top:1px solid var(--line)}td:first-child{white-space:nowrap;font-variant-numeric:tabular-nums}td{overflow-wrap:anywhere}
tr.bad td:last-child{font-weight:600;color:var(--down)}tr.dim td{color:var(--dim)}
@media(max-width:36rem){td,th{display:block;border:0;padding:.1rem 0}td:first-child{white-space:normal}tr{display:block;border-top:1px solid var(--line);padding:.35rem 0}thead{display:none}}`

/** Histories as one page for a browser: it loads nothing from anywhere, and runs nothing. `nowMs`: when it is made. */
export function historyHtml(histories: readonly History[], nowMs: number): string {
  const title = histories.length === 1 ? `History of ${histories[0]?.service ?? ''}` : 'History of gateways'
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${histories.map(sectionOf).join('\n')}
<p class="dim">Made by hermes-svc on ${escaped(fullTime(nowMs))}; times are in the time zone of the machine.</p>
</body>
</html>
`
}

function sectionOf({service, profile, availability, entries, left, notRead}: History): string {
  const used = new Set(availability.flatMap(({bar}) => bar))
  const legend = (Object.keys(MEANINGS) as Block[]).filter((block) => used.has(block))
  const notes = [
    ...(left === 0 ? [] : [`${left} older ${left === 1 ? 'entry is' : 'entries are'} not shown.`]),
    ...notRead.map(({source, why, beforeMs}) =>
      beforeMs === undefined
        ? `Cannot read ${source}: ${why}.`
        : `${source} is large: hermes-svc read only what is newer than ${fullTime(beforeMs)}.`,
    ),
  ]
  return `<section>
<h1>${escaped(service)} <span class="dim">profile ${escaped(profile)}</span></h1>
${availability.map(windowOf).join('\n')}
<ul class="legend">${legend.map((block) => `<li><i class="${block}" aria-hidden="true">${SIGNS[block]}</i>${MEANINGS[block]}</li>`).join('')}</ul>
<h2>What happened</h2>
${entries.length === 0 ? '<p>No records from this time.</p>' : tableOf(entries)}
${notes.map((note) => `<p class="dim">${escaped(note)}</p>`).join('\n')}
</section>`
}

function windowOf(one: Availability, index: number): string {
  const {name, blocks} = WINDOWS[index] ?? {name: '', blocks: 1}
  const cells = one.bar.map((block, at) => {
    const agoMs = ((blocks - at) * one.windowMs) / blocks
    return `<i class="${block}" title="${inWords(agoMs)} ago: ${MEANINGS[block]}">${SIGNS[block]}</i>`
  })
  const told = `${percentText(one)} in the last ${name}`
  return `<h2>Last ${name}</h2>
<p><span class="percent">${percentText(one)}</span></p>
<div class="bar" role="img" aria-label="${escaped(told)}">${cells.join('')}</div>
<p class="dim">${escaped(summary(one))}</p>`
}

function tableOf(entries: readonly HistoryEntry[]): string {
  const rows = entries.map((entry) => {
    const kind = entry.kind === 'end' && isUnplanned(entry.reason) ? 'bad' : entry.kind === 'gap' || entry.kind === 'command' ? 'dim' : ''
    const until = entry.kind === 'gap' ? ` to ${fullTime(entry.untilMs)}` : ''
    const before = entry.kind === 'end' && entry.notBeforeMs !== undefined ? 'before ' : ''
    return `<tr${kind === '' ? '' : ` class="${kind}"`}><td>${escaped(`${before}${fullTime(entry.atMs)}${until}`)}</td><td>${escaped(entryWords(entry))}</td></tr>`
  })
  return `<table>
<thead><tr><th>When</th><th>What</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`
}

const fullTime = (ms: number): string => `${new Date(ms).getFullYear()} ${shortTime(ms)}`

/** Text of others in HTML: it can neither begin an element nor end an attribute, nor turn what stands around it. */
function escaped(text: string): string {
  return visible(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
