import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/stop-timeout.js'
import {examined, foreign, installed, kinds} from '../../fakes/scene.js'

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
})
