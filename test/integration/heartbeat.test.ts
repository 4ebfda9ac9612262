import type {Scope} from '../../src/service/service.js'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {gatewayState, HeartbeatTimer, journalLines, NO_TRACES} from '../support/heartbeat-timer.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {Receiver} from '../support/receiver.js'
import {TestService} from '../support/test-service.js'

interface TickJson {
  readonly services: readonly {
    readonly result: string
    readonly verdict: {readonly state: string; readonly pid: number | null}
    readonly updatedAt: string | null
    readonly why: string | null
  }[]
}

const SCOPES: readonly Scope[] = ['user', 'system']
/** Where its tick has other ids than the manager; what the watchdog does is the same in both. */
const WATCHED_SCOPES: readonly Scope[] = inCampaign(SCOPES, ['system'])
/** So that most of the time nothing runs. */
const SELDOM = ['--heartbeat-interval', '5s']

/** A timestamp that the gateway itself wrote within half a second before is left as it is. */
const JUST_WRITTEN_MS = 1000

await describeOnSystemd('the heartbeat', (machine: () => Machine) => {
  let names = 0

  /** Tests that run side by side have a user each, so that none has to do with the timer of another one. */
  const addUser = (scope: Scope) => machine().addUser(`${scope === 'user' ? 'ann' : 'sys'}${(names += 1)}`, {linger: scope === 'user'})
  const maker =
    (scope: Scope, user: Account) =>
    (standIn: StandInConfig = {}) =>
      TestService.make(machine(), user, {scope, standIn})
  const install = async (service: TestService, ...flags: string[]) => {
    await service.must('install', flags)
    return service
  }

  /** Whose services most tests use, one after the other; each leaves nothing that ticks. */
  let ann: Account
  beforeAll(async () => {
    ann = await addUser('user')
  })

  describe('by hand', () => {
    it('says what it did for each profile, and is no failure where there is nothing to do', async () => {
      const running = await TestService.make(machine(), ann, {profile: 'default'})
      const stopped = await TestService.make(machine(), ann, {profile: 'stopped'})
      const absent = await TestService.make(machine(), ann, {profile: 'absent'})
      for (const service of [running, stopped]) await service.must('install', ['--heartbeat', 'off'])
      await stopped.must('stop')
      const all = await hermesSvc(machine(), ['heartbeat', '--all'], {user: ann})
      expect([all.code, ...all.stdout.split('\n')]).toEqual([
        0,
        expect.stringMatching(/^hermes-gateway\.service: alive \(pid \d+: .+\); updated_at is 2.*\+00:00$/),
        expect.stringMatching(/^hermes-gateway-absent\.service: no tick: .* \(and no service is installed\)$/),
        expect.stringMatching(/^hermes-gateway-stopped\.service: no tick: the gateway is dead: /),
        '',
      ])
      const one = (await running.must('heartbeat', ['--json'])).json<TickJson>()
      const verdict = {state: 'alive', pid: await running.mainPid()}
      expect(one).toMatchObject({schemaVersion: 1, ok: true, services: [{result: 'ticked', verdict, why: null}]})
      expect((await gatewayState(running)).updated_at).toBe(one.services[0]?.updatedAt)
      const none = (await absent.must('heartbeat', ['--json'])).json<TickJson>()
      expect(none).toMatchObject({services: [{result: 'nothing', verdict: {state: 'dead', pid: null}}]})
    })

    it('fails only where it cannot write', async () => {
      const service = await TestService.make(machine(), ann, {profile: 'default'})
      await service.sh('chown root: "$1"; chmod 644 "$1"', [`${service.home}/gateway_state.json`])
      const result = await service.run('heartbeat', ['--json'])
      expect(result.code).toBe(1)
      expect(result.json()).toMatchObject({ok: false, services: [{result: 'failed', why: expect.stringContaining('EACCES')}]})
    })

    const WORDS = [
      [['--heartbeat-interval', '2m'], '120 s'],
      [['--heartbeat', 'off', '--watchdog'], '--watchdog'],
    ] as const
    const MORE_WORDS = [
      [['--heartbeat', 'maybe'], '--heartbeat'],
      [['--heartbeat-interval', '0s'], '--heartbeat-interval'],
      [['--heartbeat', 'off', '--heartbeat-interval', '60s'], '--heartbeat-interval'],
      [['--watchdog', '0'], '--watchdog'],
      [['--watchdog', 'soon'], '--watchdog'],
    ] as const
    it.each(inCampaign([...WORDS, ...MORE_WORDS], [...WORDS]))('refuses %j', async (flags, named) => {
      const service = await TestService.make(machine(), ann, {profile: 'refused'})
      const result = await service.run('install', flags)
      expect([result.code, result.stderr]).toEqual([2, expect.stringContaining(named)])
    })

    it('takes a node that lasts, not the one in a temporary folder', async () => {
      const service = await TestService.make(machine(), ann, {})
      await service.sh('mkdir -p /tmp/node/bin /usr/local/bin; cp "$1" /tmp/node/bin/; cp "$1" /usr/local/bin/node', [MACHINE_NODE])
      const argv = service.argv('install', ['--dry-run', '--json'])
      const planned = await machine().exec(['/tmp/node/bin/node', `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...argv], service.actor)
      await service.sh('rm -r /tmp/node /usr/local/bin/node')
      expect(planned.code).toBe(0)
      expect(planned.stdout).toContain('ExecStart=:\\"/usr/local/bin/node\\"')
    })
  })

  // Alone: whoever else has systemd read its units would undo what this test undoes, and its program is every user's in system scope.
  it.each(inCampaign(SCOPES, ['user']))(
    'has its units put right by install in %s scope, and an edit of them kept; its timer starts though systemd keeps a failed tick of units that are gone',
    async (scope) => {
      const service = await maker(scope, scope === 'user' ? ann : await addUser(scope))()
      const heartbeat = new HeartbeatTimer(service)
      const {timer, tick, entry} = heartbeat
      await service.sh('mkdir -p "${1%/*}" && printf "[Service]\\nExecStart=/bin/false\\n" >"$1"', [`${service.units}/${tick}`])
      await service.systemctl('daemon-reload')
      await service.systemctl('start', tick)
      await service.sh('rm "$1"', [`${service.units}/${tick}`])
      await service.systemctl('daemon-reload')
      expect(await heartbeat.show(tick, 'LoadState', 'ActiveState')).toEqual(['not-found', 'failed'])
      await install(service)
      await service.systemctl('disable', '--now', timer)
      await service.sh('echo >"$1"', [entry])
      await service.sh('sed -i s/TimeoutStartSec=60/TimeoutStartSec=61/ "$1"', [`${service.units}/${tick}`])
      expect((await service.must('install')).stdout).toContain(`kept ${service.units}/${tick}, which was edited by hand`)
      expect(await heartbeat.show(timer, 'UnitFileState', 'ActiveState')).toEqual(['enabled', 'active'])
      expect(await machine().readText(entry)).toBe(await machine().readText(`${MACHINE_PACKAGE}/dist/heartbeat.cjs`))
      expect(await machine().readText(`${service.units}/${tick}`)).toContain('TimeoutStartSec=61')
      await service.must('install', ['--force', '--heartbeat-interval', '30s'])
      expect(await machine().readText(`${service.units}/${tick}`)).toContain('TimeoutStartSec=60')
      // Killed before systemd had read what was written.
      await service.sh('sed -i s/=30s/=20s/ "$1"', [`${service.units}/${timer}`])
      await service.systemctl('daemon-reload')
      await service.systemctl('restart', timer)
      await service.sh('touch -d "+2 seconds" "$1" && sed -i s/=20s/=30s/ "$1"', [`${service.units}/${timer}`])
      expect(await heartbeat.interval()).toBe('20s')
      expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: true})
      expect(await heartbeat.interval()).toBe('30s')
      expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: false})
      await service.sh('touch "$1"', [`${service.units}/.${timer}.hermes-svc-tmp`])
      await service.must('uninstall')
      expect(await heartbeat.traces()).toEqual(NO_TRACES)
      expect(await machine().readText(entry)).toBeUndefined()
      expect(await service.sh('ls -A "$1" 2>/dev/null || :', [service.units])).not.toContain('heartbeat')
    },
  )

  // Before whatever else of the machine stays until its end.
  describe('of two users in system scope', () => {
    it('is a pair of units each, with one program', async () => {
      const [ben, eve] = [await machine().addUser('ben', {linger: false}), await machine().addUser('eve', {linger: false})]
      const [first, second] = await Promise.all([ben, eve].map((user) => TestService.make(machine(), user, {scope: 'system'})))
      if (!first || !second) throw new Error('no services')
      await first.must('install', ['--heartbeat-interval', '3s'])
      await second.must('install', ['--heartbeat-interval', '3s'])
      const [, of] = [first, second].map((service) => new HeartbeatTimer(service))
      expect(await of?.show(of.tick, 'User', 'Type')).toEqual(['eve', 'oneshot'])
      expect(await first.sh('stat -c "%U %a" "$1"', ['/etc/hermes-svc/heartbeat.cjs'])).toBe('root 644\n')
      const before = [await gatewayState(first), await gatewayState(second)]
      await waitFor(async () => (await gatewayState(first)).updated_at !== before[0]?.updated_at, 'a tick of one')
      await waitFor(async () => (await gatewayState(second)).updated_at !== before[1]?.updated_at, 'a tick of the other')
      await first.must('uninstall')
      expect(await machine().readText('/etc/hermes-svc/heartbeat.cjs')).toBeDefined()
      const units = await first.sh('cd /etc/systemd/system; echo hermes-svc-*')
      expect(units).toBe('hermes-svc-heartbeat-eve.service hermes-svc-heartbeat-eve.timer\n')
      await second.must('uninstall')
      const heartbeat = new HeartbeatTimer(second)
      expect(await heartbeat.traces()).toEqual(NO_TRACES)
      expect(await machine().readText(heartbeat.entry)).toBeUndefined()
    })
  })

  // Side by side: nearly all of it is waiting for ticks. Of the system scope what differs is seen of two users, above: the units, whose they are, their program.
  describe.concurrent.each(inCampaign(SCOPES, ['user']))('in %s scope', (scope) => {
    // All users of the system scope share one program, which goes with the last of them: as long as this one is there it stays.
    let keeper: TestService | undefined
    beforeAll(async () => {
      if (scope === 'system') keeper = await install(await TestService.make(machine(), await addUser(scope), {scope}))
    })
    afterAll(async () => {
      await keeper?.must('uninstall')
    })

    describe.sequential('one after the other', () => {
      let user: Account
      beforeAll(async () => {
        user = scope === 'user' ? ann : await addUser(scope)
      })

      it('is installed with the service, ticks once a minute, and is gone with it', async () => {
        const service = await TestService.make(machine(), user, {scope})
        const heartbeat = new HeartbeatTimer(service)
        const {timer, tick, entry} = heartbeat
        await install(service)
        expect(await heartbeat.show(timer, 'UnitFileState', 'ActiveState', 'AccuracyUSec')).toEqual(['enabled', 'active', '1s'])
        expect(await heartbeat.interval()).toBe('1min')
        expect(await heartbeat.show(tick, 'User', 'Type')).toEqual([scope === 'user' ? '' : user.name, 'oneshot'])
        await heartbeat.hasTicked()
        expect(await heartbeat.show(tick, 'Result', 'ExecMainStatus')).toEqual(['success', '0'])
        expect(Date.parse((await gatewayState(service)).updated_at)).toBeGreaterThanOrEqual((await heartbeat.begunAtMs()) - JUST_WRITTEN_MS)

        // What it runs is its own, and lasts.
        expect(await machine().readText(entry)).toBe(await machine().readText(`${MACHINE_PACKAGE}/dist/heartbeat.cjs`))
        expect(await service.sh('stat -c "%U %a" "$1"', [entry])).toBe(`${scope === 'user' ? user.name : 'root'} 644\n`)
        expect(await machine().readText(`${service.units}/${tick}`)).toContain(`ExecStart=:"${MACHINE_NODE}" "${entry}"\n`)

        expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: false})
        expect((await service.must('diff', ['--json'])).json()).toMatchObject({files: []})
        await service.must('uninstall')
        expect(await heartbeat.traces()).toEqual(NO_TRACES)
      })

      it('is one timer for all profiles of a user, as often as one of them asks for, and gone with the last', async () => {
        const make = maker(scope, user)
        const [often, seldom] = [await make(), await make()]
        const heartbeat = new HeartbeatTimer(often)
        await install(often, '--heartbeat-interval', '5s')
        await install(seldom)
        expect(await heartbeat.interval()).toBe('5s')
        await often.must('uninstall')
        expect(await heartbeat.interval()).toBe('1min')
        expect(await heartbeat.show(heartbeat.timer, 'UnitFileState', 'ActiveState')).toEqual(['enabled', 'active'])

        await install(seldom, '--heartbeat', 'off')
        expect(await heartbeat.traces()).toEqual(NO_TRACES)
        // As at first, above.
        if (isCampaign) {
          expect((await seldom.must('install', ['--json'])).json()).toMatchObject({changed: false})
          await install(seldom, '--heartbeat', 'on', '--heartbeat-interval', '90s')
          expect(await heartbeat.interval()).toBe('1min 30s')
        }
        await seldom.must('uninstall')
        expect(await heartbeat.traces()).toEqual(NO_TRACES)
      })

      if (scope === 'system') return

      // What an install has changed by then is undone as everything else is (install-transaction.test.ts), step by step (test/plan/apply.test.ts).
      itInCampaign('is as before after an install that failed', async () => {
        const make = maker(scope, user)
        const other = await make()
        const failing = await make({exit_on_start: {code: 78}})
        const heartbeat = new HeartbeatTimer(other)
        // Of a first one: install-transaction.test.ts.
        await install(other, '--heartbeat-interval', '7s')
        const look = async () => [
          await heartbeat.interval(),
          ...(await heartbeat.show(heartbeat.timer, 'UnitFileState', 'ActiveState')),
          await machine().readText(`${other.units}/${heartbeat.timer}`),
        ]
        const before = await look()
        expect(before.slice(0, 3)).toEqual(['7s', 'enabled', 'active'])
        expect((await failing.run('install', ['--heartbeat-interval', '1s'])).code).toBe(1)
        expect(await look()).toEqual(before)
        await other.must('uninstall')
      })

      // That no verdict goes by such a clock: verdict-live.test.ts; and no tick of the watchdog: test/tick/watchdog.test.ts.
      itInCampaign('is not fooled by a clock that is an hour off', async () => {
        const service = await maker(scope, user)({version: '0.21'})
        const heartbeat = new HeartbeatTimer(service)
        const command = `/usr/bin/faketime -f +1h ${user.home}/.hermes/bin/hermes`
        await install(service, '--command', command, '--heartbeat-interval', '1s', '--watchdog', '1')
        const pid = await service.mainPid()
        // The gateway's own clock is an hour ahead, so what it wrote lies in the future.
        const byTheTrueClock = async () => Math.abs(Date.parse((await gatewayState(service)).updated_at) - Date.now()) < 60_000
        await waitFor(byTheTrueClock, 'a tick by the true clock')
        // And a tick whose own clock is off says what that one says, and harms nobody.
        const ticked = await machine().exec(['faketime', '-f', '-1h', MACHINE_NODE, heartbeat.entry], {user})
        expect(ticked).toMatchObject({code: 0, stdout: '', stderr: ''})
        await heartbeat.ticks(3)
        expect(await service.mainPid()).toBe(pid)
        await service.must('uninstall')
      })

      describe('on the services of one user', () => {
        let service: TestService
        let newer: TestService
        const make = (standIn: StandInConfig = {}) => maker(scope, user)(standIn)

        it('keeps the timestamp of an idle gateway fresh, nothing else changes, and leaves those alone that do not want it', async () => {
          service = await install(await make({version: '0.16'}), '--heartbeat-interval', '3s')
          // Without what the last tick of the service before has come to.
          const sinceSec = Math.floor(Date.now() / 1000)
          newer = await install(await make({version: '0.21'}))
          const refuses = await install(await make(), '--heartbeat', 'off')
          const refused = await gatewayState(refuses)
          const watched = [
            [service, await gatewayState(service)],
            [newer, await gatewayState(newer)],
          ] as const
          for (let tick = 0; tick < inCampaign(3, 2); tick++) {
            const sinceMs = Date.now()
            await new HeartbeatTimer(service).ticks(1)
            for (const [one, before] of watched) {
              const now = await gatewayState(one)
              expect(now).toEqual({...before, updated_at: now.updated_at})
              expect(Date.parse(now.updated_at)).toBeGreaterThanOrEqual(sinceMs)
            }
          }
          expect(await gatewayState(refuses)).toEqual(refused)
          // Its own heartbeat, which only the gateway writes, stays as it was: it beats every 30 s.
          const beat = JSON.parse((await machine().readText(`${newer.home}/state/gateway.heartbeat`)) ?? '') as {
            pid: number
            updated_at: string
          }
          expect(beat.pid).toBe(await newer.mainPid())
          expect(Date.parse(beat.updated_at)).toBeLessThan(Date.parse((await gatewayState(newer)).updated_at))
          // Ticks that go well are no news.
          const ofTick =
            'journalctl --sync; journalctl -q --no-pager -o cat --since "@$3" "_UID=$1" "USER_UNIT=$2" + "_UID=$1" "_SYSTEMD_USER_UNIT=$2"'
          expect(await service.sh(ofTick, [String(user.uid), new HeartbeatTimer(service).tick, String(sinceSec)])).toBe('')
        })

        it('does not tick a gateway that is stopped by a signal, blocked, or down', async () => {
          const [healthy, stopped] = [service, newer]
          const frozen = await install(await make(), '--watchdog', 'off')
          // What else is wedged is another verdict (verdict-live.test.ts).
          const blocked = isCampaign ? [await install(await make({freeze_after_ms: 2000, freeze: 'block'}), '--watchdog', 'off')] : []
          const heartbeat = new HeartbeatTimer(healthy)
          await stopped.must('stop')
          const pid = String(await frozen.mainPid())
          await frozen.sh('kill -STOP "$1"', [pid])
          for (const one of blocked) await waitFor(async () => (await one.events()).some(({event}) => event === 'freeze'), 'the freeze')
          const harmed = () => Promise.all([frozen, ...blocked, stopped].map(gatewayState))
          // Proofs of life that were under way may have ended with a tick.
          await heartbeat.begins()
          const before = await harmed()
          await heartbeat.begins()
          const {updated_at: healthyBefore} = await gatewayState(healthy)
          await waitFor(async () => (await gatewayState(healthy)).updated_at !== healthyBefore, 'a tick for what works')
          expect(await harmed()).toEqual(before)

          // By hand the same, and told: it is no failure.
          for (const [service, verdict] of [
            [frozen, 'wedged'],
            ...blocked.map((one) => [one, 'wedged'] as const),
            [stopped, 'dead'],
          ] as const) {
            const result = await service.must('heartbeat', ['--json', '--wedge-window', '1s'])
            expect(result.json<TickJson>()).toMatchObject({
              ok: true,
              services: [{result: 'nothing', verdict: {state: verdict}, updatedAt: null}],
            })
          }
          expect(await harmed()).toEqual(before)
          await frozen.sh('kill -CONT "$1"', [pid])
          await waitFor(async () => (await gatewayState(frozen)).updated_at !== before[0]?.updated_at, 'a tick for what works again')
          await heartbeat.rests()
        })
      })
    })
  })

  // Beside it: a gateway is left alone for its first 30 s.
  describe.concurrent.each(WATCHED_SCOPES)('of the watchdog in %s scope', (scope) => {
    it('the watchdog has a frozen gateway restarted, and tells of it, but not a healthy or a young one, nor one that it is not to watch', async () => {
      const user = await addUser(scope)
      const make = maker(scope, user)
      const healthy = await install(await make(), ...SELDOM)
      const unwatched = await install(await make(), ...SELDOM, '--watchdog', 'off')
      await unwatched.sh('kill -STOP "$1"', [String(await unwatched.mainPid())])
      const receiver = await Receiver.start(machine(), user, 8100 + WATCHED_SCOPES.indexOf(scope))
      // Blocked as soon as it runs; in a campaign again and again.
      const frozen = await install(
        await make({freeze_after_ms: 200, freeze: 'block'}),
        ...SELDOM,
        '--notify',
        `http://127.0.0.1:${receiver.port}/`,
      )
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
        await new HeartbeatTimer(healthy).rests()
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
