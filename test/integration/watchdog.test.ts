import type {Scope} from '../../src/service/service.js'
import {describe, expect, it} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign} from '../support/campaign.js'
import {journalLines} from '../support/heartbeat-timer.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {Receiver} from '../support/receiver.js'
import {TestService} from '../support/test-service.js'

/** Seldom enough that most of the time nothing runs. */
const OFTEN = ['--heartbeat-interval', '3s']
/** Where its tick has other ids than the manager; what it does is the same in both, and heartbeat.test.ts sees the ticks of both. */
const SCOPES: readonly Scope[] = inCampaign(['user', 'system'], ['system'])

await describeOnSystemd('the watchdog', (machine) => {
  // Side by side: a gateway is left alone for its first 30 s.
  describe.concurrent.each(SCOPES)('in %s scope', (scope) => {
    it('has a frozen gateway restarted, and tells of it, but not a healthy or a young one, nor one that it is not to watch', async () => {
      const user = await machine().addUser(`watched-${scope}`, {linger: scope === 'user'})
      const install = async (standIn: StandInConfig, ...flags: string[]) => {
        const service = await TestService.make(machine(), user, {scope, standIn})
        await service.must('install', flags)
        return service
      }
      const healthy = await install({}, ...OFTEN)
      const unwatched = await install({}, ...OFTEN, '--watchdog', 'off')
      await unwatched.sh('kill -STOP "$1"', [String(await unwatched.mainPid())])
      const receiver = await Receiver.start(machine(), user, 8100 + SCOPES.indexOf(scope))
      // Blocked as soon as it runs; in a campaign again and again.
      const frozen = await install({freeze_after_ms: 200, freeze: 'block'}, ...OFTEN, '--notify', `http://127.0.0.1:${receiver.port}/`)
      const pids = await Promise.all([healthy, frozen, unwatched].map((service) => service.mainPid()))
      if (!isCampaign) await frozen.configure({})

      const killed = await waitFor(
        async () => (await frozen.events()).filter(({event}) => event === 'start').length === 2 && frozen.events(),
        'the restart',
      )
      const [first, second] = killed.filter(({event}) => event === 'start')
      expect(first?.pid).toBe(pids[1])
      expect((second?.ms ?? 0) - (first?.ms ?? 0)).toBeGreaterThan(30_000)
      // What was done stands in the log and, by then, in the journal of changes.
      const done = `kill the wedged gateway (pid ${pids[1]}) after 3 ticks in a row`
      const logged = `${frozen.unit}: the watchdog had to ${done}`
      await waitFor(async () => (await journalLines(frozen, 'the watchdog had to')).includes(logged), 'the line in the log')
      const changes = (await machine().readText(`${frozen.home}/logs/hermes-svc.jsonl`)) ?? ''
      const lines = changes.split('\n').slice(0, -1)
      expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
        expect.objectContaining({
          command: 'watchdog',
          service: frozen.unit,
          outcome: 'done',
          steps: [expect.objectContaining({kind: 'act', target: expect.stringContaining(done) as string, changed: true})],
        }),
      )

      expect([await healthy.mainPid(), await unwatched.mainPid()]).toEqual([pids[0], pids[2]])
      if (!isCampaign) {
        await receiver.until('recovered')
        // Of one that ends when the tick looks it may be said that it is down.
        const told = (await receiver.told()).filter((kind) => kind !== 'down')
        expect(told).toEqual(['wedged', 'watchdog-restart', 'recovered'])
        return
      }

      // The next one freezes, too; long enough to be killed, were it not for the pause, which test/tick/watchdog.test.ts has as well.
      const again = await frozen.mainPid()
      await waitFor(
        async () => (await journalLines(frozen, 'the watchdog has recently killed')).includes(`pid ${again} is wedged`),
        'the pause',
      )
      expect([await healthy.mainPid(), await frozen.mainPid(), await unwatched.mainPid()]).toEqual([pids[0], again, pids[2]])
    }, 240_000)
  })
})
