import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/definition-drift.js'
import {DROP_IN, examined, foreign, installed, kinds, UNIT} from '../../fakes/scene.js'

const MINE = `${UNIT}.d/90-mine.conf`

describe('definition-drift', () => {
  it('says nothing of what was just installed, nor of what is not ours', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
    expect(await kinds(foreign({StartLimitIntervalUSec: '10min'}), check)).toEqual([])
  })

  it("names the directive, both values and the user's own file, and leaves that alone", async () => {
    const machine = await installed()
    machine.host.put(MINE, '[Service]\nRestart=no\nTimeoutStopSec=5\n')
    Object.assign(machine.shown, {Restart: 'no', TimeoutStopUSec: '5s', DropInPaths: `${DROP_IN} ${MINE}`})
    const {findings, plan} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'overridden', severity: 'warning', isFixable: false, explains: ['stop-timeout', 'start-limit']}])
    expect(findings[0]?.evidence[0]).toBe(`Restart is no (${MINE}), but should be always`)
    expect(findings[0]?.cure[0]).toMatch(/^"\$\{EDITOR:-vi\}" \S+90-mine\.conf {3}#/)
    expect(plan).toBeUndefined()
  })

  it('does not hide that a limit was hit behind the setting that allowed it', async () => {
    const machine = await installed()
    machine.host.put(MINE, '[Unit]\nStartLimitIntervalSec=600\n')
    const hit = {ActiveState: 'failed', SubState: 'failed', Result: 'start-limit-hit'}
    Object.assign(machine.shown, hit, {StartLimitIntervalUSec: '10min', DropInPaths: `${DROP_IN} ${MINE}`})
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'overridden', explains: ['stop-timeout']}])
  })

  it('tells an edit by hand that breaks something from one that does not', async () => {
    const machine = await installed()
    const text = machine.host.texts()[DROP_IN] ?? ''
    machine.host.put(DROP_IN, `${text}# mine\n`)
    const harmless = (await examined(machine, check)).findings
    expect(harmless).toMatchObject([{kind: 'edited', severity: 'info', isFixable: false, explains: []}])
    machine.host.put(DROP_IN, text.replace('Restart=always', 'Restart=no'))
    machine.shown.Restart = 'no'
    const harmful = (await examined(machine, check)).findings
    expect(harmful).toMatchObject([{kind: 'edited', severity: 'warning', isFixable: false}])
    expect(harmful[0]?.cure).toContain('hermes-svc install --force   # discards the edits; your own drop-ins stay')
  })

  it('finds a value of another version of ours, a file that is gone, and a definition that was not read', async () => {
    const machine = await installed()
    machine.shown.RestartUSec = '5s'
    expect(await kinds(machine, check)).toEqual(['outdated warning'])
    machine.shown.NeedDaemonReload = 'yes'
    expect(await kinds(machine, check)).toEqual(['not-loaded warning'])
    machine.host.drop(DROP_IN)
    expect(await kinds(machine, check)).toEqual(['file-missing warning'])
  })
})
