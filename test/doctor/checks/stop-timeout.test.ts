import {describe, expect, it} from 'vitest'
import {check, definition} from '../../../src/doctor/checks/stop-timeout.js'
import {examined, foreign, installed, kinds, sceneOf} from '../../fakes/scene.js'

const CONFIG = '/home/user/.hermes/config.yaml'
const drain = (seconds: number) => `agent:\n  restart_drain_timeout: ${seconds}\n`

describe('stop-timeout', () => {
  it.each<[string, string, string | undefined]>([
    ["upstream's newest, nothing configured", '1min 10s', undefined],
    ["upstream's 0.16 with the drain that it was made for", '3min 30s', drain(180)],
    ['no limit', 'infinity', drain(100_000)],
  ])('takes %s', async (_name, TimeoutStopUSec, config) => {
    const machine = foreign({TimeoutStopUSec})
    if (config !== undefined) machine.host.put(CONFIG, config)
    expect(await kinds(machine, check)).toEqual([])
  })

  it.each<[string, string, string | undefined, RegExp]>([
    ['less than any gateway needs', '30s', undefined, /cut off after 30 s, but the gateway may need 60 s/],
    ['less than the configured drain', '3min 30s', drain(300), /cut off after 210 s, but the gateway may need 330 s/],
    ['less than the scheduled work', '1min 10s', 'agent: {cron_drain_timeout: 120}', /may need 130 s/],
  ])('finds %s', async (_name, TimeoutStopUSec, config, what) => {
    const machine = foreign({TimeoutStopUSec})
    if (config !== undefined) machine.host.put(CONFIG, config)
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'too-short', severity: 'warning', isSafe: false}])
    expect(findings[0]?.what).toMatch(what)
  })

  it('finds a drain that was raised after our install, and may fix it unasked', async () => {
    const machine = await installed()
    machine.host.put(CONFIG, drain(600))
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'too-short', isSafe: true}])
  })

  it('finds a container that ends its gateways too early, whatever their own limit is, and leaves that to a person', async () => {
    const scene = await sceneOf((await installed()).target)
    const found = (limitMs: number) =>
      definition.diagnose(scene, {stopTimeoutMs: 250_000, shutdown: {limitMs, evidence: 'it is not set', cure: ['set it']}, configured: {}})
    expect(found(3000)).toMatchObject([
      {
        ...{kind: 'container-too-short', severity: 'warning', isFixable: false, cure: ['set it']},
        what: 'a stop of the container of hermes-gateway.service is cut off after 3 s, but the gateway may need 60 s',
      },
    ])
    expect(found(60_000)).toEqual([])
  })
})
