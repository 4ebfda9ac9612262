import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/kept-down.js'
import type {Scene} from '../../../src/doctor/scene.js'
import type {ManagerObservation} from '../../../src/managers/manager.js'
import {installed, sceneOf} from '../../fakes/scene.js'

const KEPT = {
  activity: 'stopped',
  mainPid: undefined,
  isKeptDown: true,
  bootReason: 'its last start failed: no token; hermes-svc start tries again',
} as const

async function scene(manager: Partial<ManagerObservation>, desired: Scene['seen']['desired'] = {kind: 'absent'}): Promise<Scene> {
  const found = await sceneOf((await installed()).target, {isNamed: false})
  const verdict = {state: 'dead', pid: undefined, evidence: []} as const
  return {...found, seen: {...found.seen, desired, verdict, manager: {...found.seen.manager, ...manager}}}
}

describe('kept-down', () => {
  it('is a gateway that the boot left down after a start that failed, until somebody decides', async () => {
    const {findings} = await check.examine(await scene(KEPT))
    expect(findings).toMatchObject([
      {
        kind: 'startup-failed',
        severity: 'error',
        what: 'the container did not start the gateway at boot: its last start failed: no token',
        isFixable: true,
        isSafe: false,
      },
    ])
    const record = {schemaVersion: 1, desiredState: 'stopped', since: '2026-01-01T00:00:00Z', by: 'stop'} as const
    expect((await check.examine(await scene(KEPT, {kind: 'recorded', record}))).findings).toEqual([])
    expect((await check.examine(await scene({...KEPT, activity: 'running'}))).findings).toEqual([])
  })

  it('is nothing that is down for another reason', async () => {
    const other = {activity: KEPT.activity, mainPid: KEPT.mainPid, bootReason: KEPT.bootReason}
    expect((await check.examine(await scene(other))).findings).toEqual([])
  })
})
