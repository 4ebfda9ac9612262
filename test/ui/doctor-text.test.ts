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

describe('what doctor says', () => {
  it('is how the service stands where nothing was found, and one line for several', () => {
    expect(doctorText([report('work')])).toEqual([
      'SERVICE                      DESIRED  ACTUAL   ENABLED',
      'hermes-gateway-work.service  running  running  yes',
      '2 checks, no findings',
    ])
    expect(doctorText([report('work'), report('play')])).toEqual(['2 profiles: 2 checks, no findings'])
  })

  it('is a table with the worst first, the details under it, and each command once', () => {
    const findings = [
      finding({id: 'small', severity: 'info', what: 'it is old'}),
      finding({id: 'dark', severity: 'unknown', what: 'it cannot be told', cure: ['sudo look']}),
      finding({
        id: 'loose',
        severity: 'warning',
        what: 'it will fall',
        evidence: ['it shakes', 'it creaks'],
        cure: ['hermes-svc fix loose'],
      }),
      finding({id: 'broken', cure: ['hermes-svc fix loose']}),
    ]
    expect(doctorText([report('work', ...findings)])).toEqual([
      'SERVICE                      DESIRED  ACTUAL   ENABLED',
      'hermes-gateway-work.service  running  running  yes',
      '',
      'SEVERITY     FINDING  WHAT',
      'ERROR        broken   it is broken',
      'warning      loose    it will fall',
      'cannot tell  dark     it cannot be told',
      'info         small    it is old',
      '',
      'broken: It falls.',
      '',
      'loose: It falls.',
      '  - it shakes',
      '  - it creaks',
      '',
      'dark: It falls.',
      '',
      'small: It falls.',
      '',
      'What to type:',
      '  hermes-svc fix loose',
      '  sudo look',
    ])
  })

  it('names the profile of each finding where there are several', () => {
    const text = doctorText([report('work', finding({})), report('idle'), report('play', finding({severity: 'warning'}))])
    expect(text.slice(0, 8)).toEqual([
      'SERVICE                      DESIRED  ACTUAL   ENABLED',
      'hermes-gateway-work.service  running  running  yes',
      'hermes-gateway-play.service  running  running  yes',
      '1 profile: 2 checks, no findings',
      '',
      'SEVERITY  PROFILE  FINDING  WHAT',
      'ERROR     work     one      it is broken',
      'warning   play     one      it is broken',
    ])
    expect(text).toContain('play: one: It falls.')
  })

  const LONG = finding({
    ...{id: 'duplicate-supervisor', what: 'my-bot.service (user scope) runs the home of this service too: it starts at boot'},
    ...{
      evidence: ['ExecStart=/opt/bot/hermes gateway run with HERMES_HOME=/home/user/.hermes'],
      cure: ['systemctl --user disable --now my-bot.service'],
    },
  })

  it.each([80, 60, 40])('fits a terminal of %i columns but for the commands, which are never broken', (width) => {
    const lines = doctorText([report('work', LONG)], undefined, width)
    const command = lines.find((line) => line.includes('systemctl'))
    expect(command).toBe('  systemctl --user disable --now my-bot.service')
    const long = lines.filter((line) => line !== command && widthOf(line) > width)
    expect(long.filter((line) => line.trim().includes(' ') && !/^\w+: +\S+$/.test(line))).toEqual([])
  })

  it('means the same without its colours', () => {
    const mark = (text: string) => ownColours(`\u001b[31m${text}\u001b[39m`)
    const painted = doctorText([report('work', LONG)], {good: mark, bad: mark, dim: mark, strong: mark}, 60)
    expect(painted.map((line) => stripVTControlCharacters(writable(line)))).toEqual(doctorText([report('work', LONG)], undefined, 60))
  })
})
