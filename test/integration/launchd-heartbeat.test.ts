import {beforeAll, describe, expect, it} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {doctor} from '../support/doctor-row.js'
import {gatewayState} from '../support/heartbeat-timer.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'
import {testHost, waitFor} from '../support/machines.js'

// What heartbeat, watchdog, health and doctor-quiet see under systemd, as far as launchd has a part in it: the job with StartInterval, and
// processes that ps and lsof tell of. What the tick and the payload themselves are has no manager in it.

const LABEL = 'ai.hermes-svc.heartbeat'
const CLEAN = {exit: 0, findings: []}
/** A gateway whose timestamp is older than monitors allow must be older itself. */
const OLD_MS = 125_000
/** Sets the wall clock of one process, and nothing else: a module for node --require. */
const SHIFTED_CLOCK = `const now = Date.now
Date.now = () => now() + Number(process.env.CLOCK_SHIFT_MS)
`

describeOnLaunchd('the heartbeat, under launchd', (there) => {
  let names = 0
  const make = async (standIn: StandInConfig = {}, beside?: LaunchdService) =>
    LaunchdService.make(there(), beside?.user ?? (await there().addUser(`beat-${(names += 1)}`)), {standIn})
  const install = async (service: LaunchdService, ...flags: string[]) => {
    await service.must('install', flags)
    return service
  }
  const printed = async (service: LaunchdService) => (await service.launchctl('print', `${service.domain}/${LABEL}`)).stdout
  /** How often the job ticks, in seconds; undefined if it is not loaded. */
  const interval = async (service: LaunchdService) => /^\trun interval = (\d+) seconds$/m.exec(await printed(service))?.[1]
  const ticks = async (service: LaunchdService) => Number(/^\truns = (\d+)$/m.exec(await printed(service))?.[1])
  const traces = async (service: LaunchdService) =>
    (await service.sh('[ ! -d "$1/Library" ] || find "$1/Library" -name "*heartbeat*"', [service.user.home])).trim()

  const old = new Map<string, LaunchdService>()
  let oldSinceMs: number
  beforeAll(async () => {
    await there().machine.writeText('/run/shifted-clock.cjs', SHIFTED_CLOCK)
    for (const name of ['idle', 'stale']) old.set(name, await install(await make({version: name === 'idle' ? '0.16' : '0.21'})))
    const stale = oldOne('stale')
    await stale.launchctl('bootout', `${stale.domain}/${LABEL}`)
    oldSinceMs = testHost.monotonicMs()
  })
  const oldOne = (name: string) => old.get(name) ?? expect.unreachable()

  describe.concurrent('as a job', () => {
    it('is there with the service, ticks once a minute, and is gone with it', async () => {
      const service = await make()
      await install(service)
      expect(await interval(service)).toBe('60')
      await waitFor(async () => /^\tlast exit code = 0$/m.test(await printed(service)), 'the first tick', 40_000)
      expect(Date.now() - Date.parse((await gatewayState(service)).updated_at)).toBeLessThan(40_000)
      expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: false})
      await service.must('uninstall')
      expect([await traces(service), await interval(service)]).toEqual(['', undefined])
    })

    it('keeps the timestamps of idle gateways fresh', async () => {
      const service = await install(await make({version: '0.16'}), '--heartbeat-interval', '3s')
      const newer = await install(await make({version: '0.21'}, service))
      const ages: number[] = []
      for (let second = 0; second < 12; second++) {
        for (const one of [service, newer]) ages.push(Date.now() - Date.parse((await gatewayState(one)).updated_at))
        await testHost.sleep(1000)
      }
      expect(Math.max(...ages)).toBeLessThan(8000)
      // Ticks that go well are no news.
      expect(await service.sh('cat "$1/Library/Logs/hermes-svc/ai.hermes-svc.heartbeat.log"', [service.user.home])).toBe('')
    })

    it('does not tick a gateway that is stopped by a signal, answers nothing on its socket, or is down', async () => {
      const healthy = await install(await make(), '--heartbeat-interval', '1s')
      const frozen = await install(await make({}, healthy))
      const blocked = await install(await make({version: '0.21', freeze_after_ms: 2000}, healthy))
      const stopped = await install(await make({}, healthy))
      await stopped.must('stop')
      await frozen.kill('STOP')
      await waitFor(async () => (await blocked.events()).some(({event}) => event === 'freeze'), 'the freeze')
      const harmed = () => Promise.all([frozen, blocked, stopped].map(async (one) => (await gatewayState(one)).updated_at))
      const aTick = async () => {
        const before = await ticks(healthy)
        await waitFor(async () => (await ticks(healthy)) > before + 1, 'a whole tick', 60_000)
      }
      // Proofs of life that were under way may have ended with a tick.
      await aTick()
      const [before, {updated_at: healthyBefore}] = [await harmed(), await gatewayState(healthy)]
      await aTick()
      expect(await harmed()).toEqual(before)
      expect((await gatewayState(healthy)).updated_at).not.toBe(healthyBefore)
      for (const [one, alive, code] of [
        [healthy, true, 0],
        [frozen, false, 1],
        [stopped, false, 1],
      ] as const) {
        const health = await one.run('health')
        expect([health.code, health.json()]).toMatchObject([code, {alive}])
      }
    }, 240_000)

    it('is one for all profiles of a user, as often as one of them asks for, and gone with the last', async () => {
      const often = await install(await make(), '--heartbeat-interval', '5s')
      const seldom = await install(await make({}, often))
      expect(await interval(often)).toBe('5')
      await often.must('uninstall')
      expect(await interval(seldom)).toBe('60')
      await install(often, '--heartbeat', 'off')
      expect(await interval(seldom)).toBe('60')
      await install(seldom, '--heartbeat', 'off')
      expect([await traces(seldom), await interval(seldom)]).toEqual(['', undefined])
    })

    it('is as before after an install that failed', async () => {
      const other = await install(await make(), '--heartbeat-interval', '7s')
      const failing = await make({exit_on_start: {code: 78}}, other)
      expect((await failing.run('install', ['--heartbeat-interval', '1s', '--timeout', '20'])).code).toBe(1)
      expect(await interval(other)).toBe('7')
    })

    it('has its watchdog restart a frozen gateway, but not a healthy or a young one', async () => {
      const frozen = await install(await make(), '--heartbeat-interval', '1s', '--watchdog', '2')
      const healthy = await install(await make({}, frozen), '--watchdog', '2')
      const pids = [(await healthy.status()).pid, (await frozen.status()).pid]
      await frozen.kill('STOP')
      const starts = await waitFor(
        async () => (await frozen.starts()) === 2 && (await frozen.events()).filter(({event}) => event === 'start'),
        'the restart',
        90_000,
      )
      expect((starts[1]?.ms ?? 0) - (starts[0]?.ms ?? 0)).toBeGreaterThan(30_000)
      const changes = (await there().machine.readText(`${frozen.home}/logs/hermes-svc.jsonl`)) ?? ''
      expect(JSON.parse(changes.trim().split('\n').at(-1) ?? '')).toMatchObject({
        command: 'watchdog',
        service: frozen.unit,
        outcome: 'done',
      })
      await frozen.comesUp(pids[1] ?? 0)
      expect((await healthy.status()).pid).toBe(pids[0])
    })
  })

  describe.concurrent('gives doctor no reason for an alarm', () => {
    /** Looks again and again for some seconds; each answer once. */
    const overSeconds = async (service: LaunchdService, seconds: number) => {
      const answers = new Set<string>()
      const endMs = testHost.monotonicMs() + seconds * 1000
      while (testHost.monotonicMs() < endMs) answers.add(JSON.stringify(await doctor(service)))
      return [...answers]
    }

    it('while a gateway is restarted by whomever', async () => {
      const service = await install(await make())
      await service.must('restart')
      expect(await overSeconds(service, 3)).toEqual([JSON.stringify(CLEAN)])
      await service.launchctl('kickstart', '-k', 'TARGET')
      expect(await overSeconds(service, 4)).toEqual([JSON.stringify(CLEAN)])
    })

    it('while one that was killed once comes up again', async () => {
      const service = await install(await make())
      await service.kill('KILL')
      expect(await overSeconds(service, 5)).toEqual([JSON.stringify(CLEAN)])
    })

    it('while one drains', async () => {
      const service = await install(await make({active_work: 2, drain_ms: 6000}))
      await testHost.sleep(3500)
      await service.kill('USR1')
      await waitFor(async () => (await service.status()).actual === 'draining', 'a drain')
      expect(await overSeconds(service, 3)).toEqual([JSON.stringify(CLEAN)])
    })
  })

  describe('of a gateway that has been there for two minutes', () => {
    beforeAll(async () => {
      await testHost.sleep(Math.max(0, oldSinceMs + OLD_MS - testHost.monotonicMs()))
    }, OLD_MS + 30_000)

    it('gives no reason for an alarm if it is idle', async () => {
      expect(await doctor(oldOne('idle'))).toEqual(CLEAN)
    })

    // launchd notes no times of ticks: one that jumps ahead looks, until the next tick, as if there had been none for an hour.
    it('gives none if the clock is an hour behind', async () => {
      const env = {NODE_OPTIONS: '--require=/run/shifted-clock.cjs', CLOCK_SHIFT_MS: String(-3_600_000)}
      const result = await oldOne('idle').run('doctor', ['--json'], {env})
      expect([result.code, result.json()]).toMatchObject([0, {services: [{findings: []}]}])
    })

    it('is off where the job was unloaded; the fix loads it, and ticks at once', async () => {
      const service = oldOne('stale')
      const {findings} = await doctor(service)
      expect(findings).toMatchObject([{id: 'missing-heartbeat', kind: 'off', severity: 'warning'}])
      expect((await service.must('fix:missing-heartbeat', ['--yes'])).stdout).toMatch(/^Fixed/)
      expect(await doctor(service)).toEqual(CLEAN)
      expect(await interval(service)).toBe('60')
    })
  })
})
