import type {Scope} from '../../src/service/service.js'
import {describe, expect, it} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign} from '../support/campaign.js'
import {journalLines} from '../support/heartbeat-timer.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

/** Seldom enough that most of the time nothing runs. */
const OFTEN = ['--heartbeat-interval', '3s']
/** Where its tick has other ids than the manager; what it does is the same in both, and heartbeat.test.ts sees the ticks of both. */
const SCOPES: readonly Scope[] = inCampaign(['user', 'system'], ['system'])

await describeOnSystemd('the watchdog', (machine) => {
  // Side by side: a gateway is left alone for its first 30 s.
  describe.concurrent.each(SCOPES)('in %s scope', (scope) => {
    it('has a frozen gateway restarted, but not a healthy or a young one, and not soon again', async () => {
      const user = await machine().addUser(`watched-${scope}`, {linger: scope === 'user'})
      const install = async (standIn: StandInConfig, ...flags: string[]) => {
        const service = await TestService.make(machine(), user, {scope, standIn})
        await service.must('install', flags)
        return service
      }
      // Blocked as soon as it runs, again and again.
      const frozen = await install({freeze_after_ms: 200, freeze: 'block'}, ...OFTEN)
      const healthy = await install({}, ...OFTEN)
      const unwatched = await install({}, ...OFTEN, '--watchdog', 'off')
      const pids = await Promise.all([healthy, frozen, unwatched].map((service) => service.mainPid()))
      await unwatched.sh('kill -STOP "$1"', [String(pids[2])])

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

      // The next one freezes, too; long enough to be killed, were it not for the pause.
      const again = await frozen.mainPid()
      await waitFor(
        async () => (await journalLines(frozen, 'the watchdog has recently killed')).includes(`pid ${again} is wedged`),
        'the pause',
      )
      expect([await healthy.mainPid(), await frozen.mainPid(), await unwatched.mainPid()]).toEqual([pids[0], again, pids[2]])
    }, 240_000)
  })
})
