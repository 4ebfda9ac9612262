import {describe, expect, it} from 'vitest'
import {availabilities} from '../../src/history/availability.js'
import type {History} from '../../src/history/report.js'
import type {HistoryEntry} from '../../src/history/timeline.js'
import {historyText, knowsBlocks} from '../../src/ui/history-text.js'

const MIN = 60_000
const DAY = 24 * 60 * MIN
const NOW = new Date(2026, 10, 29, 12).getTime()

const ENTRIES: readonly HistoryEntry[] = [
  {kind: 'start', atMs: NOW - 2 * DAY, by: {who: 'command', command: 'install'}},
  {kind: 'end', atMs: NOW - 60 * MIN, reason: {kind: 'oom'}, by: {who: 'kernel'}, upMs: DAY, failures: 1, delayMs: 1000},
  {kind: 'start', atMs: NOW - 50 * MIN, by: {who: 'manager'}},
  {kind: 'gap', atMs: NOW - 20 * MIN, untilMs: NOW - 10 * MIN},
  {kind: 'command', atMs: NOW - 5 * MIN, command: 'config set', outcome: 'failed', error: 'no', files: 2},
  {kind: 'end', atMs: NOW - MIN, reason: {kind: 'unknown'}, by: {who: 'unknown'}, notBeforeMs: NOW - 2 * MIN},
]

function text(more: Partial<History> = {}, hasBlocks = false): string[] {
  const history = {service: 'hermes-gateway.service', profile: 'default', sinceMs: NOW - 7 * DAY, untilMs: NOW, left: 0, notRead: []}
  return historyText({...history, availability: availabilities(ENTRIES, NOW), entries: ENTRIES, ...more}, {hasBlocks})
}

describe('a history for people', () => {
  it('has the availability above what happened, each bar with what its signs mean', () => {
    expect(text()).toEqual([
      'hermes-gateway.service (profile default)',
      '',
      `  24 h  99.23 %  ${'#'.repeat(46)}++`,
      '      ends: 2 unplanned, 0 planned, 0 on request; longest outage 10 min; back after 10 min on average; no record for 10 min',
      `  7 d   99.61 %  ${'?'.repeat(20)}${'#'.repeat(7)}+`,
      '      ends: 2 unplanned, 0 planned, 0 on request; longest outage 10 min; back after 10 min on average; no record for 5 days',
      `  30 d  99.61 %  ${'?'.repeat(28)}#+`,
      '      ends: 2 unplanned, 0 planned, 0 on request; longest outage 10 min; back after 10 min on average; no record for 28 days',
      '  # up, + down part of the time, ? no record',
      '',
      'Nov 27 12:00:00                     started by `hermes-svc install`',
      'Nov 29 11:00:00                     killed by the kernel for lack of memory, after 24 h; failure 1 in a row, the next start waits 1 s',
      'Nov 29 11:10:00                     started by its service manager',
      'Nov 29 11:40:00 to Nov 29 11:50:00  no record',
      'Nov 29 11:55:00                     hermes-svc config set failed, 2 files changed: no',
      'before Nov 29 11:59:00              ended, reason unknown',
    ])
    expect(text({}, true)[2]).toBe(`  24 h  99.23 %  ${'█'.repeat(46)}▄▄`)
  })

  it('says what it leaves out, and what could not be read', () => {
    const notRead = [
      {source: '/h/logs/hermes-svc.jsonl', why: 'large', beforeMs: NOW - DAY},
      {source: 'systemd (user)', why: 'EACCES'},
    ]
    expect(text({left: 3, notRead}).slice(-4)).toEqual([
      '',
      '3 older entries are not shown. To show them, add --lines 9',
      '/h/logs/hermes-svc.jsonl is large: hermes-svc read only what is newer than Nov 28 12:00:00',
      'cannot read systemd (user): EACCES',
    ])
  })

  it('says so where nothing is known', () => {
    const lines = text({entries: [], availability: availabilities([], NOW)})
    expect(lines).toContain(`  24 h  no record  ${'?'.repeat(48)}`)
    expect(lines.at(-1)).toBe('No records from this time.')
  })

  it('has its blocks only where the terminal knows them', () => {
    expect(knowsBlocks({LANG: 'en_GB.UTF-8', TERM: 'xterm'})).toBe(true)
    expect(knowsBlocks({LANG: 'en_GB.UTF-8', LC_ALL: 'C', TERM: 'xterm'})).toBe(false)
    expect(knowsBlocks({LANG: 'en_GB.utf8', TERM: 'dumb'})).toBe(false)
    expect(knowsBlocks({})).toBe(false)
  })
})
