import {describe, expect, it} from 'vitest'
import {loadChecks} from '../../src/doctor/checks/index.js'
import {examine} from '../../src/doctor/examine.js'
import {SITUATIONS} from '../fakes/captures.js'
import {captured, sceneOf} from '../fakes/fake-scene.js'

const UNRECORDED = 'desired-state unrecorded info'
/** What the checks of the state and the process say of a real gateway under upstream's own unit. */
const EXPECTED: Record<string, readonly string[]> = {
  running: [UNRECORDED],
  'frozen-sigstop': ['missing-heartbeat wedged error'],
  'after-sigusr1-planned-restart': [UNRECORDED],
  'after-sigusr1-restarted': [UNRECORDED],
  // It comes up again by itself.
  'after-sigkill-autorestart-pending': [UNRECORDED],
  'after-sigkill-restarted': [UNRECORDED],
  'after-systemctl-stop': ['stale-state state warning', 'desired-state unrecorded warning'],
  'after-hermes-gateway-stop': [UNRECORDED],
}
const IDS = [
  ...['orphan-gateway', 'zombie-pid', 'fatal-config', 'crash-loop', 'missing-heartbeat', 'stale-state', 'stale-marker', 'stale-token-lock'],
  ...['leftover-processes', 'desired-state', 'platforms'],
]

describe('what doctor says of real situations', () => {
  it('is stated here for every one that was captured', () => {
    expect(Object.keys(EXPECTED).sort()).toEqual([...SITUATIONS].sort())
  })

  it.each(Object.entries(EXPECTED))('%s', async (situation, expected) => {
    const machine = captured(situation)
    const {findings} = await examine(await sceneOf(machine), await loadChecks(IDS))
    expect(findings.map(({id, kind, severity}) => `${id} ${kind} ${severity}`)).toEqual(expected)
    expect(machine.host.changes).toEqual([])
  })
})
