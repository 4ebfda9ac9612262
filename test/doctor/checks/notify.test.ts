import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/notify.js'
import {formatNotify, NO_NOTIFY, notifyFile, type NotifySettings} from '../../../src/notify/notify-file.js'
import {EMPTY_STATE, notifyStateFile, writeNotifyState} from '../../../src/notify/notify-state.js'
import {EMPTY_OUTBOX, type TargetFault} from '../../../src/notify/outbox.js'
import {targetKey} from '../../../src/notify/target-key.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'
import {examined, fix, installed, kinds, sceneOf, SUPPORT} from '../../fakes/scene.js'

const HOUR_MS = 3_600_000
const TARGET = 'https://example.com/swordfish'
const PING = 'https://ping.example.com/swordfish'

/** A service that runs, of which somebody is notified. */
async function notifying(settings: Partial<NotifySettings> = {targets: [TARGET]}): Promise<FakeSystemd> {
  const machine = await installed()
  machine.comesUp()
  machine.host.put(notifyFile(machine.home), {text: formatNotify({...NO_NOTIFY, ...settings}), mode: 0o600})
  return machine
}

/** Failures of the target, or of the ping, in a row, the first of them so long ago. */
function fails({host, home}: FakeSystemd, what: 'target' | 'ping', failures: number, forMs: number): void {
  const fault: TargetFault = {failures, sinceMs: host.nowMs() - forMs, untilMs: host.nowMs(), why: 'HTTP 500'}
  const faults = what === 'target' ? {[targetKey(TARGET)]: fault} : {}
  writeNotifyState(host, [notifyStateFile(home)], {
    ...EMPTY_STATE,
    outbox: {...EMPTY_OUTBOX, faults},
    pingFault: what === 'ping' ? fault : undefined,
  })
}

function turnsHeartbeatOff({host}: FakeSystemd): void {
  const file = `${SUPPORT}/settings.json`
  host.put(file, (host.texts()[file] ?? '').replace('"enabled": true', '"enabled": false'))
}

describe('notify', () => {
  it('finds nothing where the heartbeat runs and nothing has failed', async () => {
    expect(await kinds(await notifying(), check)).toEqual([])
  })

  it('finds that the list of targets is damaged, which a person has to mend', async () => {
    const machine = await notifying()
    machine.host.put(notifyFile(machine.home), '{')
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'unreadable', severity: 'warning', isFixable: false}])
    expect(findings[0]?.what).toContain('.hermes-svc-notify.json, the list of targets, cannot be read')
    expect(findings[0]?.cure[0]).toContain(`rm ${notifyFile(machine.home)}`)
  })

  it('finds that the timer of the heartbeat is stopped, and starts it', async () => {
    const machine = await notifying()
    machine.timer.isActive = false
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'off', severity: 'warning', isSafe: true}])
    expect(findings[0]?.what).toContain('the heartbeat of hermes-gateway.service does not run (hermes-svc-heartbeat.timer is not active)')
    await fix(machine, check)
    expect(await kinds(machine, check)).toEqual([])
  })

  it('finds that the heartbeat was turned off, and says what turns it on, which it leaves to a person', async () => {
    const machine = await notifying()
    turnsHeartbeatOff(machine)
    expect((await examined(machine, check)).findings).toMatchObject([
      {kind: 'off', severity: 'warning', isFixable: false, cure: ['hermes-svc config set heartbeat=on']},
    ])
  })

  it('does not find the heartbeat off in the foreground, where what keeps the gateway alive ticks by itself', async () => {
    const machine = await notifying()
    turnsHeartbeatOff(machine)
    const {seen} = await sceneOf(machine.target)
    expect(await kinds(machine, check, {seen: {...seen, manager: {...seen.manager, isForeground: true}}})).toEqual([])
  })

  it.each([
    ['stopped', ({timer}: FakeSystemd) => void (timer.isActive = false)],
    ['off', turnsHeartbeatOff],
  ])(
    'does not mind a heartbeat that is %s where nobody is notified and nothing is pinged, but does where a ping is all',
    async (_name, harm) => {
      const nobody = await notifying({})
      harm(nobody)
      expect(await kinds(nobody, check)).toEqual([])
      const pinging = await notifying({ping: PING})
      harm(pinging)
      expect(await kinds(pinging, check)).toEqual(['off warning'])
    },
  )

  it.each([
    ['target', 'notifications to cloudevents example.com have failed for 60 min'],
    ['ping', 'pings to ping.example.com have failed for 60 min'],
  ] as const)(
    'finds a %s that has failed three times in a row and for an hour, without its secrets, and not one time or a millisecond before',
    async (subject, what) => {
      const machine = await notifying({targets: [TARGET], ping: PING})
      fails(machine, subject, 2, 24 * HOUR_MS)
      expect(await kinds(machine, check)).toEqual([])
      fails(machine, subject, 3, HOUR_MS - 1)
      expect(await kinds(machine, check)).toEqual([])
      fails(machine, subject, 3, HOUR_MS)
      const {findings} = await examined(machine, check)
      expect(findings).toMatchObject([
        {
          ...{kind: 'failing', severity: 'warning', what, evidence: ['3 failures in a row; the last one: HTTP 500'], isFixable: false},
          cure: ['hermes-svc notify test', 'hermes-svc notify list'],
        },
      ])
      expect(JSON.stringify(findings)).not.toContain('swordfish')
    },
  )

  it('does not mind what a target or a ping that was removed had failed', async () => {
    const machine = await notifying({targets: ['https://other.example.com/']})
    fails(machine, 'target', 3, HOUR_MS)
    expect(await kinds(machine, check)).toEqual([])
    fails(machine, 'ping', 3, HOUR_MS)
    expect(await kinds(machine, check)).toEqual([])
  })
})
