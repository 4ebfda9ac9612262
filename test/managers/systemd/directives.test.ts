import {describe, expect, it} from 'vitest'
import {ownedDirectives, wantedDirectives} from '../../../src/managers/systemd/directives.js'
import {DEFAULT_RESTART_POLICY} from '../../../src/service/restart-policy.js'
import {capturedShow} from '../../fakes/captures.js'
import {SETTINGS} from '../../fakes/settings.js'

/** Everything that may be chosen is. */
const CHOSEN = {...SETTINGS, resources: {memoryHigh: '80%', memoryMax: '1.5G', nice: -5, cpuWeight: 50}}
const accepts = (property: string, shown: string) => wantedDirectives(CHOSEN)[property]?.accepts(shown)

describe('the directives that are owned', () => {
  it('are asked for under the names that they are judged by', () => {
    expect(Object.keys(wantedDirectives(CHOSEN)).sort()).toEqual([...ownedDirectives()].sort())
  })

  it.each([
    ['StartLimitIntervalUSec', ['10s', '5s', '0'], ['11s', '10min', 'infinity', '']],
    ['StartLimitBurst', ['200', '1000'], ['5', '199', '']],
    ['Restart', ['always'], ['on-failure', 'no', '']],
    ['RestartUSec', ['1s'], ['5s', '100ms', '0', '100us', '']],
    ['RestartForceExitStatus', ['75', '1 75 SIGHUP'], ['', '175', '7 5']],
    ['SuccessExitStatus', ['75', '75 143'], ['', '143']],
    ['RestartPreventExitStatus', ['78', '77 78'], ['', '75']],
    ['RestartSteps', ['0'], ['5', '']],
    ['KillMode', ['mixed'], ['control-group', 'process', '']],
    ['TimeoutStartUSec', ['3min', '2min 1s', 'infinity'], ['2min', '1min 30s', '0', '']],
    ['TimeoutStopUSec', ['1min 10s', '3min 30s', 'infinity'], ['1min 9s', '0', '']],
    ['RuntimeDirectoryPreserve', ['restart', 'yes'], ['no', '']],
    ['OOMPolicy', ['continue'], ['stop', 'kill', '']],
    ['MemoryMax', ['1610612736', '1610600000'], ['1073741824', 'infinity', '']],
    ['MemoryHigh', ['80%'], ['infinity', '1073741824', '']],
    ['Nice', ['-5'], ['5', '0', '']],
    ['CPUWeight', ['50'], ['100', '[not set]', '']],
  ])('%s is as wanted if it is one of %j, and not if one of %j', (property, good, bad) => {
    for (const shown of good) expect(accepts(property, shown), shown).toBe(true)
    for (const shown of bad) expect(accepts(property, shown), shown).toBe(false)
  })

  it('leave to others what nobody chose, and take a share as it is written where the manager shows bytes', () => {
    expect(Object.keys(wantedDirectives(SETTINGS))).not.toContain('MemoryMax')
    expect(wantedDirectives(CHOSEN).MemoryHigh?.accepts('859832320', '80%')).toBe(true)
    expect(wantedDirectives(CHOSEN).MemoryHigh?.accepts('859832320', '800M')).toBe(false)
  })

  it('follow the settings', () => {
    const wanted = wantedDirectives({...SETTINGS, drainSec: 180, policy: {...DEFAULT_RESTART_POLICY, restartDelayMs: 1001, capMs: 1500}})
    expect(wanted.TimeoutStopUSec?.accepts('1min 10s')).toBe(false)
    expect(wanted.TimeoutStopUSec?.accepts('4min 10s')).toBe(true)
    expect(wanted.RestartUSec?.accepts('1.001000s')).toBe(true)
    expect(wanted.TimeoutStartUSec?.accepts('2s')).toBe(false)
    expect(wanted.TimeoutStartUSec?.accepts('2.1s')).toBe(true)
  })

  it("are found in a file by a line of their own, not by a comment or another's", () => {
    const {pattern} = wantedDirectives(SETTINGS).RestartUSec ?? {pattern: /$^/}
    expect(pattern.test('[Service]\n RestartSec = 5\n')).toBe(true)
    expect(pattern.test('# RestartSec=5\nRestart=always\nXRestartSec=5')).toBe(false)
  })

  it('tell where the unit that upstream 0.16 wrote falls short', () => {
    const shown = capturedShow('running')
    const short = Object.entries(wantedDirectives(SETTINGS)).filter(([property, wanted]) => !wanted.accepts(shown[property] ?? ''))
    expect(short.map(([, {name}]) => name)).toEqual([
      ...['StartLimitBurst', 'RestartSec', 'SuccessExitStatus', 'RestartPreventExitStatus', 'RestartSteps'],
      ...['TimeoutStartSec', 'RuntimeDirectoryPreserve', 'OOMPolicy'],
    ])
  })
})
