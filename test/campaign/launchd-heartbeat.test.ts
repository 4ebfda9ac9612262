import {describe, expect, it} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {doctor} from '../support/doctor-row.js'
import {gatewayState} from '../support/heartbeat-timer.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'
import {waitFor} from '../support/machines.js'

// What heartbeat, watchdog, health and doctor-machine see under systemd, as far as launchd has a part in it: the job with StartInterval, and
// processes that ps and lsof tell of. What the tick and the payload themselves are has no manager in it.

const LABEL = 'ai.hermes-svc.heartbeat'
const CLEAN = {exit: 0, findings: []}

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

  describe.concurrent('as a job', () => {
    it('is there with the service, ticks once a minute, and is gone with it', async () => {
      const service = await make()
      await install(service)
      expect(await interval(service)).toBe('60')
      await waitFor(async () => /^\tlast exit code = 0$/m.test(await printed(service)), 'the first tick', 40_000)
      expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: false})
      await service.must('uninstall')
      expect([await traces(service), await interval(service)]).toEqual(['', undefined])
    })

    it('ticks idle gateways again and again, and none that is stopped by a signal, answers nothing on its socket, or is down', async () => {
      const healthy = await install(await make({version: '0.16'}), '--heartbeat-interval', '1s')
      const newer = await install(await make({version: '0.21'}, healthy))
      const frozen = await install(await make({}, healthy))
      const blocked = await install(await make({version: '0.21', freeze_after_ms: 2000}, healthy))
      const stopped = await install(await make({}, healthy))
      await stopped.must('stop')
      await frozen.kill('STOP')
      await waitFor(async () => (await blocked.events()).some(({event}) => event === 'freeze'), 'the freeze')
      const stamps = (...services: LaunchdService[]) => Promise.all(services.map(async (one) => (await gatewayState(one)).updated_at))
      /** A tick that has begun after this was called, and what the one before it may still have had to do. */
      const aTick = async () => {
        const before = await ticks(healthy)
        await waitFor(async () => (await ticks(healthy)) > before + 1, 'a whole tick', 60_000)
      }
      const refreshed = async (service: LaunchdService) => {
        const [before] = await stamps(service)
        await waitFor(async () => (await stamps(service))[0] !== before, `a tick of ${service.unit}`, 60_000)
      }
      // Proofs of life that were under way may have ended with a tick.
      await aTick()
      const harmed = await stamps(frozen, blocked, stopped)
      for (let time = 0; time < 2; time++) await Promise.all([healthy, newer].map(refreshed))
      await aTick()
      expect(await stamps(frozen, blocked, stopped)).toEqual(harmed)
      for (const [one, alive, code] of [
        [healthy, true, 0],
        [frozen, false, 1],
        [stopped, false, 1],
      ] as const) {
        const health = await one.run('health')
        expect([health.code, health.json()]).toMatchObject([code, {alive}])
      }
      // Ticks that go well are no news.
      expect(await healthy.sh('cat "$1/Library/Logs/hermes-svc/ai.hermes-svc.heartbeat.log"', [healthy.user.home])).toBe('')
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
      expect(JSON.parse(changes.split('\n').find((line) => line.includes('"watchdog"')) ?? '')).toMatchObject({
        command: 'watchdog',
        service: frozen.unit,
        outcome: 'done',
      })
      await frozen.comesUp(pids[1] ?? 0)
      expect((await healthy.status()).pid).toBe(pids[0])
    })
  })

  it('gives doctor no reason for an alarm while a gateway is started anew by launchd, or killed once', async () => {
    const service = await install(await make())
    for (const harm of [() => service.launchctl('kickstart', '-k', 'TARGET'), () => service.kill('KILL')]) {
      const {pid} = await service.status()
      await harm()
      const answers = new Set<string>()
      const look = async () => answers.add(JSON.stringify(await doctor(service)))
      await waitFor(async () => {
        await look()
        const status = await service.status()
        return status.actual === 'running' && status.pid !== pid
      }, 'the next gateway')
      await look()
      expect([...answers]).toEqual([JSON.stringify(CLEAN)])
    }
  })
})
