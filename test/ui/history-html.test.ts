import {describe, expect, it} from 'vitest'
import {availabilities} from '../../src/history/availability.js'
import type {HistoryEntry} from '../../src/history/timeline.js'
import {historyHtml} from '../../src/ui/history-html.js'

const HOUR = 3_600_000
const NOW = new Date(2026, 10, 29, 12).getTime()

function page(entries: readonly HistoryEntry[], service = 'hermes-gateway.service', left = 0): string {
  const history = {
    service,
    profile: 'default',
    sinceMs: NOW - HOUR,
    untilMs: NOW,
    availability: availabilities(entries, NOW),
    entries,
    left,
    notRead: [],
  }
  return historyHtml([history], NOW)
}

const ENTRIES: readonly HistoryEntry[] = [
  {kind: 'start', atMs: NOW - 90 * 24 * HOUR, by: {who: 'manager'}},
  {kind: 'end', atMs: NOW - HOUR, reason: {kind: 'oom'}, by: {who: 'kernel'}, upMs: HOUR},
  {kind: 'command', atMs: NOW, command: 'restart', outcome: 'failed', error: `<script>alert("x")</script> & '\u202e`, files: 0},
]

describe('the page of a history', () => {
  it('loads nothing, runs nothing, and fits a phone and both kinds of light', () => {
    const html = page(ENTRIES)
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|https?:|\son\w+=/i)
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
    expect(html).toContain('name="viewport"')
    expect(html).toContain('prefers-color-scheme:dark')
  })

  it('has each window with its bar, and each block says in words what it is', () => {
    const html = page(ENTRIES)
    expect(html.match(/<div class="bar"/g)).toHaveLength(3)
    expect(html).toContain('aria-label="95.83 % in the last 24 h"')
    expect(html).toContain('<i class="down" title="60 min ago: down half of the time or more">×</i>')
    expect(html.match(/<i class="up" title="[^"]+: up"><\/i>/g)?.length).toBeGreaterThan(50)
  })

  it('has a row for each entry, and what went wrong stands out', () => {
    const html = page(ENTRIES, undefined, 4)
    expect(html).toContain(
      '<tr class="bad"><td>2026 Nov 29 11:00:00</td><td>killed by the kernel for lack of memory, after 60 min</td></tr>',
    )
    expect(html.match(/<tr[> ]/g)).toHaveLength(ENTRIES.length + 1)
    expect(html).toContain('4 older entries are not shown.')
    expect(page([])).toContain('No records from this time.')
  })

  it('lets no text of others become a part of the page', () => {
    const html = page(ENTRIES, '<b>"x"</b>')
    expect(html).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;\\u202e')
    expect(html).toContain('<h1>&lt;b&gt;&quot;x&quot;&lt;/b&gt;')
  })
})
