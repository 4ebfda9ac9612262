import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/watchdog.js'
import {formatSettings} from '../../../src/service/settings.js'
import {FakeSystemd} from '../../fakes/fake-systemd.js'
import {sceneOf} from '../../fakes/scene.js'
import {SETTINGS} from '../../fakes/settings.js'

const HOUR_MS = 3_600_000

/** What the check finds where the journal has a line of this command, for this service, at each of these times before now. */
async function findings(agoMs: readonly number[], command = 'watchdog', service = 'hermes-gateway.service', more: readonly object[] = []) {
  const machine = new FakeSystemd()
  machine.addUnit('# Written by hermes-svc.\n[Service]\n')
  machine.host.put('/home/user/.config/hermes-svc/hermes-gateway/settings.json', formatSettings(SETTINGS))
  const lines = agoMs.map((ms) =>
    JSON.stringify({
      ...{time: new Date(machine.host.nowMs() - ms).toISOString(), command, service, outcome: 'done'},
      steps: [{kind: 'act', target: `kill ${ms}`, changed: true}],
    }),
  )
  machine.host.put(
    `${machine.home}/logs/hermes-svc.jsonl`,
    ['half of a li', ...lines, ...more.map((line) => JSON.stringify(line)), 'null', ''].join('\n'),
  )
  return (await check.examine(await sceneOf(machine.target))).findings
}

describe('the watchdog check', () => {
  it('tells of a restart in the last day, and when it was', async () => {
    const [finding, ...others] = await findings([HOUR_MS])
    expect(others).toEqual([])
    expect(finding).toMatchObject({kind: 'restarted', severity: 'info', isFixable: false, cure: ["hermes-svc logs --since '1 day ago'"]})
    expect(finding?.what).toBe('a watchdog had to restart the gateway once in the last 24 hours')
    expect(finding?.evidence).toEqual([expect.stringMatching(/^2025-12-31T23:00:00\.000Z \(done\): kill/)])
  })

  it('warns where that becomes a habit', async () => {
    expect(await findings([3 * HOUR_MS, 2 * HOUR_MS, HOUR_MS])).toMatchObject([
      {severity: 'warning', what: expect.stringContaining('3 times') as string},
    ])
  })

  it.each([
    ['is long ago', [25 * HOUR_MS]],
    ['lies in the future', [-HOUR_MS]],
  ])('has nothing to say of what %s', async (_, agoMs) => {
    expect(await findings(agoMs)).toEqual([])
  })

  it('has nothing to say of what others have done, or to another service', async () => {
    expect(await findings([HOUR_MS], 'restart')).toEqual([])
    expect(await findings([HOUR_MS], 'watchdog', 'hermes-gateway-work.service')).toEqual([])
  })

  it("counts the ends by the gateway's own watchdog that the helper noted, and no other end", async () => {
    const end = (time: string, reason: string) => ({
      ...{time, event: 'end', code: 'exited', status: '75', result: 'success', uptimeMs: 9, reason, failures: 1, delayMs: 1000},
    })
    const ends = [end('2025-12-31T22:00:00Z', 'loop'), end('2025-12-31T23:30:00Z', 'planned'), end('2025-12-31T23:40:00Z', 'failure')]
    const [finding] = await findings([HOUR_MS], 'watchdog', 'hermes-gateway.service', ends)
    expect(finding?.evidence).toEqual([
      '2025-12-31T22:00:00Z (done): the gateway ended itself, because its event loop did not respond to its own watchdog',
      expect.stringMatching(/^2025-12-31T23:00:00\.000Z \(done\): kill/),
    ])
  })
})
