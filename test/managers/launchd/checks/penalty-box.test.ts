import {describe, expect, it} from 'vitest'
import {check} from '../../../../src/managers/launchd/checks/penalty-box.js'
import {AGENT, SUPPORT} from '../../../fakes/fake-launchd.js'
import {GUI, LaunchdTarget} from '../../../fakes/launchd-scene.js'

const LAUNCHER = `${SUPPORT}/hermes-gateway-launcher`

async function boxed(): Promise<LaunchdTarget> {
  const machine = await LaunchdTarget.installed()
  machine.ends(GUI, 78)
  Object.assign(machine.jobs.get(GUI) ?? {}, {state: 'spawn scheduled', properties: 'keepalive | penalty box'})
  return machine
}

describe('penalty-box', () => {
  it('says nothing of one that only waits for its next start', async () => {
    const machine = await LaunchdTarget.installed()
    machine.ends(GUI, 1)
    Object.assign(machine.jobs.get(GUI) ?? {}, {state: 'spawn scheduled'})
    expect(await machine.kinds(check)).toEqual([])
  })

  it('finds it with what is missing, writes that, and loads the job anew: a kickstart would do nothing', async () => {
    const machine = await boxed()
    machine.host.drop(LAUNCHER)
    const [finding] = await machine.find(check)
    expect(finding).toMatchObject({kind: 'boxed', severity: 'error', evidence: expect.arrayContaining([`${LAUNCHER} is gone`]) as string[]})
    expect(await machine.fix(check)).toEqual([`bootout ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
    expect(machine.host.texts()[LAUNCHER]).toContain('#!/bin/sh')
    expect(machine.actual).toBe('running')
  })

  it('leaves another tool’s definition to that', async () => {
    const machine = await boxed()
    machine.host.put(AGENT, '<plist><dict><key>Label</key><string>ai.hermes.gateway</string></dict></plist>')
    expect(await machine.find(check)).toMatchObject([{kind: 'boxed', isFixable: false}])
  })
})
