import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/platforms.js'
import {find, found, leave, serviceMachine} from '../../fakes/fake-scene.js'

const MIN_MS = 60_000

/** A gateway that has been up for an hour, and what it says of its platforms; `ago` is the time so many minutes before. */
async function saying(platforms: (ago: (minutes: number) => string) => object, upMinutes = 60) {
  const machine = serviceMachine()
  const pid = machine.comesUp()
  await machine.host.sleep(upMinutes * MIN_MS)
  const ago = (minutes: number) => new Date(machine.host.nowMs() - minutes * MIN_MS).toISOString()
  leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'running', platforms: platforms(ago)})
  return machine
}

describe('a platform', () => {
  it('that has given up is found at once, without its secrets', async () => {
    const machine = await saying(() => ({
      telegram: {
        state: 'fatal',
        error_code: 401,
        error_message: 'token=123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA of /home/user refused',
      },
      slack: {state: 'connected'},
    }))
    const [finding, ...others] = await find(machine, check)
    expect(finding).toMatchObject({
      kind: 'fatal',
      severity: 'warning',
      what: 'the gateway has given up on the platform "telegram"',
      evidence: ['telegram is fatal (401): token=<hidden>'],
      cure: ['hermes-svc logs'],
      isFixable: false,
    })
    expect(others).toEqual([])
  })

  it.each<[string, (ago: (minutes: number) => string) => object, string[]]>([
    ['tries again for a moment', (ago) => ({state: 'retrying', retrying_since: ago(5)}), []],
    [
      'has tried again for long',
      (ago) => ({state: 'retrying', retrying_since: ago(30)}),
      ['retrying warning: the gateway has been trying to connect to the platform "telegram" for 30 min'],
    ],
    [
      'has tried again for long, in seconds since the epoch',
      (ago) => ({state: 'retrying', retrying_since: Date.parse(ago(30)) / 1000}),
      ['retrying warning: the gateway has been trying to connect to the platform "telegram" for 30 min'],
    ],
    ['needs attention since a moment ago', (ago) => ({state: 'connected', needs_attention: true, updated_at: ago(5)}), []],
    [
      'needs attention for long',
      (ago) => ({state: 'connected', needs_attention: 'pairing', updated_at: ago(20)}),
      ['needs-attention warning: the platform "telegram" has needed attention for 20 min'],
    ],
    ['was said to be fatal by a former gateway', () => ({state: 'fatal', writer_pid: 77}), []],
  ])('that %s', async (_name, platform, expected) => {
    expect(await found(await saying((ago) => ({telegram: platform(ago)})), check)).toEqual(expected)
  })

  it('has not been trying for longer than the gateway has been there, whatever the clock says', async () => {
    const machine = await saying((ago) => ({telegram: {state: 'retrying', retrying_since: ago(1)}}), 5)
    machine.host.setClock(machine.host.nowMs() + 60 * MIN_MS)
    expect(await found(machine, check)).toEqual([])
  })

  it('is not looked at of a gateway that is gone', async () => {
    const machine = await saying(() => ({telegram: {state: 'fatal'}}))
    machine.goesDown()
    machine.host.drop('/proc/501')
    expect(await found(machine, check)).toEqual([])
  })
})
