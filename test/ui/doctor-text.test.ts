import {stripVTControlCharacters} from 'node:util'
import {describe, expect, it} from 'vitest'
import type {Finding} from '../../src/doctor/finding.js'
import type {DiagnosisReport} from '../../src/doctor/summary.js'
import {doctorText} from '../../src/ui/doctor-text.js'
import {ownColours, writable} from '../../src/text/visible.js'
import {widthOf} from '../../src/text/layout.js'

const finding = (rest: Partial<Finding>): Finding => ({
  ...{id: 'one', kind: 'broken', severity: 'error', what: 'it is broken', why: 'It falls.', evidence: [], cure: [], explains: []},
  ...{isFixable: false, isSafe: false},
  ...rest,
})

const report = (profile: string, ...findings: Finding[]): DiagnosisReport => ({
  ...{service: `hermes-gateway-${profile}.service`, manager: 'systemd', scope: 'user', profile, home: `/h/${profile}`},
  ...{desired: 'running', actual: 'running', enabled: true, checks: ['one', 'two'], findings},
})

const OPTIONS = {pageOf: (id: string) => `/docs#${id}`, fixCommand: 'hermes-svc doctor --fix'}

describe('what doctor says', () => {
  it('is one line where nothing was found, of one service as of several', () => {
    expect(doctorText([report('work')], OPTIONS)).toEqual([
      '✓ hermes-gateway-work.service: 2 checks, no findings (should be running, is running, starts at boot)',
    ])
    expect(doctorText([report('work'), report('play')], OPTIONS)).toEqual(['✓ 2 profiles: 2 checks, no findings'])
  })

  it('is a line for each finding, the worst first, with its evidence, its cure and its page under it, and how many there are', () => {
    const findings = [
      finding({id: 'small', severity: 'info', what: 'it is old'}),
      finding({id: 'dark', severity: 'unknown', what: 'it cannot be told', cure: ['sudo look']}),
      finding({
        ...{id: 'loose', severity: 'warning', what: 'it will fall', evidence: ['it shakes', 'it creaks']},
        ...{cure: ['hermes-svc fix loose'], isFixable: true, isSafe: true},
      }),
      finding({id: 'broken', cure: ['hermes-svc fix loose']}),
    ]
    expect(doctorText([report('work', ...findings)], OPTIONS)).toEqual([
      'hermes-gateway-work.service: should be running, is running, starts at boot',
      '',
      '✗ error: it is broken [broken]',
      '    It falls.',
      '    What to type:',
      '      hermes-svc fix loose',
      '    Read more: /docs#broken',
      '',
      '! warning: it will fall [loose]',
      '    It falls.',
      '    - it shakes',
      '    - it creaks',
      '    What to type:',
      '      hermes-svc fix loose',
      '    Read more: /docs#loose',
      '',
      '? cannot tell: it cannot be told [dark]',
      '    It falls.',
      '    What to type:',
      '      sudo look',
      '    Read more: /docs#dark',
      '',
      '- info: it is old [small]',
      '    It falls.',
      '    Read more: /docs#small',
      '',
      '1 error, 1 warning, 1 "cannot tell", 1 note in 2 checks',
      'To apply the safe fixes, type:',
      '  hermes-svc doctor --fix',
    ])
  })

  it('speaks of doctor --fix only where a fix is safe', () => {
    const lines = doctorText([report('work', finding({cure: ['hermes-svc fix one'], isFixable: true}))], OPTIONS)
    expect(lines.at(-1)).toBe('1 error in 2 checks')
  })

  it('says of a service that is not there nothing else', () => {
    const absent = {...report('work', finding({})), desired: null, actual: 'not-installed', enabled: null} as const
    expect(doctorText([absent], OPTIONS)[0]).toBe('hermes-gateway-work.service: is not installed')
  })

  it('names the profile of each finding where there are several', () => {
    const text = doctorText([report('work', finding({})), report('idle'), report('play', finding({severity: 'warning'}))], OPTIONS)
    expect(text.filter((line) => /^\S/.test(line))).toEqual([
      '✓ 1 profile: 2 checks, no findings',
      'hermes-gateway-work.service: should be running, is running, starts at boot',
      'hermes-gateway-play.service: should be running, is running, starts at boot',
      '✗ error: work: it is broken [one]',
      '! warning: play: it is broken [one]',
      '1 error, 1 warning in 2 checks',
    ])
  })

  const LONG = finding({
    ...{id: 'duplicate-supervisor', what: 'my-bot.service (user scope) uses the same home as this service: it starts at boot'},
    ...{
      evidence: ['ExecStart=/opt/bot/hermes gateway run with HERMES_HOME=/home/user/.hermes'],
      cure: ['systemctl --user disable --now my-bot.service'],
    },
  })

  it.each([80, 60, 40])('fits a terminal of %i columns but for the commands, which are never broken', (width) => {
    const lines = doctorText([report('work', LONG)], {...OPTIONS, width})
    const command = lines.find((line) => line.includes('systemctl'))
    expect(command).toBe('      systemctl --user disable --now my-bot.service')
    const long = lines.filter((line) => line !== command && widthOf(line) > width)
    expect(long.filter((line) => line.trim().includes(' ') && !/Read more: \S+$/.test(line))).toEqual([])
  })

  it('means the same without its colours', () => {
    const mark = (text: string) => ownColours(`\u001b[31m${text}\u001b[39m`)
    const paint = {good: mark, bad: mark, dim: mark, strong: mark}
    const painted = doctorText([report('work', LONG)], {...OPTIONS, paint, width: 60})
    expect(painted.map((line) => stripVTControlCharacters(writable(line)))).toEqual(
      doctorText([report('work', LONG)], {...OPTIONS, width: 60}),
    )
  })
})
