import type {ServiceReport} from '../../src/observe/report.js'
import {describe, expect, it} from 'vitest'
import {listText, statusText} from '../../src/ui/status-text.js'
import {widthOf} from '../../src/text/layout.js'

const REPORT: ServiceReport = {
  service: 'hermes-gateway.service',
  manager: 'systemd',
  scope: 'user',
  profile: 'default',
  home: '/home/user/.hermes',
  account: 'user',
  installed: 'own',
  enabled: true,
  desired: 'running',
  actual: 'running',
  verdict: {state: 'alive', pid: 468, evidence: ['gateway.lock is held by pid 468', 'gateway_state.json says running']},
  gatewayState: 'running',
  pid: 468,
  uptimeMs: 7_500_000,
  restarts: 2,
  failuresInARow: 0,
  lastExit: null,
  servedBy: null,
  online: {state: 'online', platforms: [{name: 'telegram', state: 'connected', forMs: null, fault: null}], advice: null},
}

/** The rows of a status below its first line, by their names; evidence is one row with two lines. */
function rows(report: Partial<ServiceReport>): Record<string, string> {
  const found: Record<string, string> = {}
  let name = ''
  for (const line of statusText({...REPORT, ...report}).slice(1)) {
    const [, head = '', text = ''] = /^ {2}(\S+(?: \S+)*)? {2,}(.*)$/.exec(line) ?? []
    if (head) name = head
    found[name] = found[name] === undefined ? text : `${found[name]} | ${text}`
  }
  return found
}

describe('statusText', () => {
  it('says first whether it runs and is online', () => {
    expect(statusText(REPORT)[0]).toBe('hermes-gateway is running, as it should be, and online (telegram connected)')
    const stopped = {...REPORT, actual: 'stopped'} as const
    expect(statusText(stopped)[0]).toBe('hermes-gateway is stopped, but it should be running')
    expect(statusText(stopped, undefined, undefined, undefined, true)[0]).toBe(
      'hermes-gateway is stopped, as it should be until the next boot',
    )
  })

  it('says of a gateway that nothing keeps running what would keep it running, and not that something does', () => {
    const foreground = {foreground: true} as const
    expect(rows({...foreground, installed: 'no', actual: 'not-installed'}).installed).toBe(
      'no (to keep it running in the foreground, type: hermes-svc run)',
    )
    expect(rows({...foreground, installed: 'run'}).installed).toBe('no: `hermes-svc run` keeps it running in the foreground')
  })

  it('says right after that what to type where nobody reaches it', () => {
    const advice = {
      kind: 'none-configured',
      what: 'no chat platform is set up',
      next: ['hermes gateway setup', 'hermes-svc restart'],
    } as const
    const lines = statusText({...REPORT, online: {state: 'none-configured', platforms: [], advice}})
    expect(lines.slice(0, 3)).toEqual([
      'hermes-gateway is running, as it should be, but no chat platform is set up',
      '  Next: hermes gateway setup',
      '        hermes-svc restart',
    ])
  })

  it('names the domain in place of the scope where there is one', () => {
    const report = {...REPORT, manager: 'launchd', domain: 'gui/501'}
    expect(statusText(report)[1]).toContain('(launchd, gui/501, profile default)')
    expect(listText([report])[1]).toMatch(/^default +own +gui\/501 /)
  })

  it('shows installed, enabled, desired, actual, verdict with evidence, restarts and the last exit', () => {
    expect(rows({})).toEqual({
      service: 'hermes-gateway.service (systemd, user scope, profile default)',
      home: '/home/user/.hermes',
      'runs as': 'user',
      installed: 'yes',
      enabled: 'yes, starts at boot',
      desired: 'running',
      actual: 'running',
      gateway: 'alive, pid 468, up 2 h 5 min',
      evidence: 'gateway.lock is held by pid 468 | gateway_state.json says running',
      restarts: '2',
      'last exit': 'none',
    })
  })

  it('says so where it does not start before its user logs in', () => {
    expect(rows({startsAtLogin: true}).enabled).toBe('yes, starts when its user logs in')
  })

  it('says what is not known or not there', () => {
    const down = rows({
      enabled: null,
      desired: null,
      actual: 'stopped',
      verdict: {state: 'dead', pid: null, evidence: ['why']},
      uptimeMs: null,
      pid: null,
    })
    expect(down).toMatchObject({enabled: 'cannot tell', desired: 'not recorded', gateway: 'dead'})
  })

  it.each([
    ['adopted', /a unit of another tool, with the restart policy of hermes-svc added/],
    ['foreign', /by another tool, without the restart policy of hermes-svc/],
    ['no', /^no/],
    ['masked', /^masked$/],
  ])('says whose definition it is: %s', (installed, expected) => {
    expect(rows({installed}).installed).toMatch(expected)
  })

  it('says how it ended, and how often in a row', () => {
    expect(rows({lastExit: {how: 'exited', status: 75}})['last exit']).toBe('exit status 75')
    expect(rows({lastExit: {how: 'killed', status: 9}})['last exit']).toBe('killed by signal 9')
  })

  it('says how it last ended in words, and how long ago, where the journal tells', () => {
    const lastEnd = {time: '2026-01-01T00:00:00.000Z', reason: 'oom', text: 'killed by the kernel for lack of memory'}
    const shown = (nowMs: number) => statusText({...REPORT, lastEnd}, undefined, undefined, nowMs).find((line) => line.includes('last'))
    expect(shown(Date.UTC(2026, 0, 1, 3))).toMatch(/^ *last end +killed by the kernel for lack of memory, 3 h ago$/)
    expect(shown(Date.UTC(2025, 0, 1))).toMatch(/ killed by the kernel for lack of memory$/)
    expect(rows({failuresInARow: 4}).restarts).toBe('2, 4 failures in a row')
    expect(rows({failuresInARow: 1}).restarts).toBe('2, 1 failure in a row')
  })

  it('says whose gateway serves the profile', () => {
    expect(rows({servedBy: 'default'})['served by']).toContain('the gateway of profile default')
  })
})

describe('listText', () => {
  it('is a table with a line for each profile', () => {
    const work: ServiceReport = {
      ...REPORT,
      ...{
        profile: 'work',
        installed: 'no',
        enabled: null,
        desired: null,
        actual: 'not-installed',
        pid: null,
        uptimeMs: null,
        restarts: 0,
        online: {state: 'offline', platforms: [], advice: null},
        home: '/home/user/.hermes/profiles/work',
      },
    }
    expect(listText([{...REPORT, memoryBytes: 52_000_000}, work]).map((line) => line.split(/ {2,}/))).toEqual([
      ['PROFILE', 'INSTALLED', 'SCOPE', 'DESIRED', 'ACTUAL', 'PLATFORMS', 'ENABLED', 'PID', 'UP', 'RESTARTS', 'MEMORY', 'HOME'],
      ['default', 'own', 'user', 'running', 'running', 'telegram', 'yes', '468', '2 h 5 min', '2', '52 MB', '/home/user/.hermes'],
      ['work', 'no', '-', '-', 'not-installed', '-', '-', '-', '-', '0', '-', '/home/user/.hermes/profiles/work'],
    ])
  })

  it('shows a profile that another gateway serves as such', () => {
    expect(listText([{...REPORT, servedBy: 'default'}])[1]).toContain('served by default')
  })

  const HOMES = ['default', 'work'].map((profile) => ({...REPORT, profile, home: `/home/user/.hermes/profiles/${profile}`}))
  const widest = (lines: readonly string[]) => Math.max(...lines.map(widthOf))

  it.each([100, 80, 60, 40])('fits a terminal of %i columns but for a path that is longer', (width) => {
    const lines = listText(HOMES, width)
    expect(widest(lines.filter((line) => !line.startsWith('HOME')))).toBeLessThanOrEqual(width)
    for (const word of ['default', 'work', 'running', '2 h 5 min', '468']) expect(lines.join('\n')).toContain(word)
  })

  it('leaves out the homes first, then restarts and memory, and shows blocks where even that is too wide', () => {
    expect(listText(HOMES, 100)[0]).toBe(
      'PROFILE  INSTALLED  SCOPE  DESIRED  ACTUAL   PLATFORMS  ENABLED  PID  UP         RESTARTS  MEMORY',
    )
    expect(listText(HOMES, 80)[0]).toBe('PROFILE  INSTALLED  SCOPE  DESIRED  ACTUAL   PLATFORMS  ENABLED  PID  UP')
    expect(listText(HOMES, 60).slice(0, 3)).toEqual(['PROFILE:    default', 'INSTALLED:  own', 'SCOPE:      user'])
    expect(listText(HOMES, 60)).toContain('HOME:       /home/user/.hermes/profiles/work')
  })
})

describe('statusText on a narrow terminal', () => {
  it.each([80, 60, 40])('breaks its lines at %i columns, and loses nothing', (width) => {
    const report = {
      ...REPORT,
      verdict: {...REPORT.verdict, evidence: ['its event loop waits for events, which it would not if it were wedged']},
    }
    const lines = statusText(report, undefined, width)
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width)
    const said = (text: readonly string[]) => text.join(' ').replaceAll(/ +/g, ' ')
    expect(said(lines)).toBe(said(statusText(report)))
  })
})
