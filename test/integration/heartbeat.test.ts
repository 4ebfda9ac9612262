import {beforeAll, beforeEach, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {Scope} from '../../src/managers/manager.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {describeOnSystemd, hermesSvc, testHost, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

interface TickJson {
  readonly result: string
  readonly verdict: {readonly state: string; readonly pid: number | null}
  readonly updatedAt: string | null
  readonly why: string | null
}

interface State {
  readonly pid: number
  readonly updated_at: string
  readonly gateway_state: string
}

/** How long monitors go without a new timestamp before they call a gateway dead, in intervals of the default tick. */
const STALE_INTERVALS = 2
const WATCHDOG_CONFIG = ['--heartbeat-interval', '1s', '--watchdog', '2']

await describeOnSystemd('the heartbeat', (machine: () => Machine) => {
  let names = 0

  const state = async (service: TestService) =>
    JSON.parse((await machine().readText(`${service.home}/gateway_state.json`)) ?? '{}') as State

  const journal = (service: TestService, pattern: string) =>
    service.sh('journalctl --sync; journalctl --no-pager -o cat | grep -- "$1" || :', [pattern])

  /** Names of the timer's and the tick's units. */
  const unitsOf = (service: TestService) => {
    const name = `hermes-svc-heartbeat${service.scope === 'system' ? `-${service.user.name}` : ''}`
    return {timer: `${name}.timer`, tick: `${name}.service`}
  }

  const supportOf = (service: TestService) => service.support.replace(/\/[^/]*$/, '')

  const showUnit = async (service: TestService, unit: string, ...properties: string[]) => {
    const {stdout} = await service.systemctl('show', `--property=${properties.join(',')}`, unit)
    const values = new Map(stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
    return properties.map((property) => values.get(property) ?? '')
  }

  /** Waits for so many whole ticks of the timer from now on, whatever they came to. */
  const ticks = async (service: TestService, count: number) => {
    const {timer, tick} = unitsOf(service)
    const begun = async () => (await showUnit(service, tick, 'ExecMainStartTimestampMonotonic'))[0]
    let last = await begun()
    for (let seen = 0; seen <= count; seen++) {
      const former = last
      last = await waitFor(
        async () => {
          const now = await begun()
          return now !== former && now
        },
        `tick ${seen} of ${timer}`,
        30_000,
      )
    }
  }

  /** How often the timer ticks, in systemd's words. */
  const intervalOf = async (service: TestService) => {
    const {stdout} = await service.systemctl('show', '--property=TimersMonotonic', unitsOf(service).timer)
    return /OnUnitActiveUSec=(.+?) ;/.exec(stdout)?.[1]
  }

  const heartbeatTraces = async (service: TestService) => {
    const {timer, tick} = unitsOf(service)
    const places = [timer, tick, `timers.target.wants/${timer}`].map((name) => `${service.units}/${name}`)
    const files = await service.sh('ls -d "$@" 2>/dev/null || :', [...places, `${supportOf(service)}/heartbeat.cjs`])
    return [files.trim(), ...(await showUnit(service, timer, 'LoadState', 'ActiveState')), ...(await showUnit(service, tick, 'LoadState'))]
  }
  const NO_TRACES = ['', 'not-found', 'inactive', 'not-found']

  describe.each<Scope>(['user', 'system'])('in %s scope', (scope) => {
    let ann: Account

    const addUser = () => machine().addUser(`${scope === 'user' ? 'ann' : 'sys'}${(names += 1)}`, {linger: scope === 'user'})
    const make = (standIn: StandInConfig = {}) => TestService.make(machine(), ann, {scope, standIn})
    const install = async (service: TestService, ...flags: string[]) => {
      await service.must('install', flags)
      return service
    }

    // One for each test, so that none has to do with the timer of another one.
    beforeEach(async () => {
      ann = await addUser()
    })

    it('is installed with the service, ticks once a minute, and is gone with it', async () => {
      const service = await make()
      const {timer, tick} = unitsOf(service)
      await install(service)
      expect(await showUnit(service, timer, 'UnitFileState', 'ActiveState', 'AccuracyUSec')).toEqual(['enabled', 'active', '1s'])
      expect(await intervalOf(service)).toBe('1min')
      expect(await showUnit(service, tick, 'User', 'Type')).toEqual([scope === 'user' ? '' : ann.name, 'oneshot'])
      const {updated_at: first} = await state(service)
      await waitFor(async () => (await state(service)).updated_at !== first, 'the first tick')
      expect(await showUnit(service, tick, 'Result', 'ExecMainStatus')).toEqual(['success', '0'])

      // What it runs is its own, and lasts.
      const entry = `${supportOf(service)}/heartbeat.cjs`
      expect(await machine().readText(entry)).toBe(await machine().readText(`${MACHINE_PACKAGE}/dist/heartbeat.cjs`))
      expect(await service.sh('stat -c "%U %a" "$1"', [entry])).toBe(`${scope === 'user' ? ann.name : 'root'} 644\n`)
      expect(await machine().readText(`${service.units}/${tick}`)).toContain(`ExecStart=:"${MACHINE_NODE}" "${entry}"\n`)

      expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: false})
      expect((await service.must('diff', ['--json'])).json()).toMatchObject({files: []})
      await service.must('uninstall')
      expect(await heartbeatTraces(service)).toEqual(NO_TRACES)
    })

    // Once is enough: the timers of both scopes are alike.
    if (scope === 'user') {
      it('keeps the timestamp of an idle gateway fresh, and nothing else changes', async () => {
        const service = await install(await make({version: '0.16'}), '--heartbeat-interval', '2s')
        const newer = await install(await make({version: '0.21'}))
        const watched = [
          [service, await state(service)],
          [newer, await state(newer)],
        ] as const
        const ages: number[] = []
        for (let second = 0; second < 30; second++) {
          for (const [one, before] of watched) {
            const now = await state(one)
            ages.push(Date.now() - Date.parse(now.updated_at))
            expect(now).toEqual({...before, updated_at: now.updated_at})
          }
          await testHost.sleep(1000)
        }
        expect(Math.max(...ages)).toBeLessThan(STALE_INTERVALS * 2000)
        // Its own heartbeat, which only the gateway writes, stays as it was: it beats every 30 s.
        const beat = JSON.parse((await machine().readText(`${newer.home}/state/gateway.heartbeat`)) ?? '') as State
        expect(beat.pid).toBe(await newer.mainPid())
        expect(Date.parse(beat.updated_at)).toBeLessThan(Date.parse((await state(newer)).updated_at))
        // Ticks that go well are no news.
        expect(await journal(service, 'hermes-svc-heartbeat.*service')).toBe('')
        for (const one of [service, newer]) await one.must('uninstall')
      })
    }

    it('does not tick a gateway that is stopped by a signal, blocked, or down', async () => {
      const frozen = await install(await make(), '--heartbeat-interval', '1s')
      const blocked = await install(await make({freeze_after_ms: 2000, freeze: 'block'}))
      const stopped = await install(await make())
      const healthy = await install(await make())
      await stopped.must('stop')
      const pid = String(await frozen.mainPid())
      await frozen.sh('kill -STOP "$1"', [pid])
      await waitFor(async () => (await blocked.events()).some(({event}) => event === 'freeze'), 'the freeze')
      // Proofs of life that were under way may have ended with a tick.
      await ticks(healthy, 2)
      const before = [await state(frozen), await state(blocked), await state(stopped)]
      const {updated_at: healthyBefore} = await state(healthy)
      await ticks(healthy, 2)
      expect([await state(frozen), await state(blocked), await state(stopped)]).toEqual(before)
      expect((await state(healthy)).updated_at).not.toBe(healthyBefore)

      // By hand the same, and told: it is no failure.
      for (const [service, verdict] of [
        [frozen, 'wedged'],
        [blocked, 'wedged'],
        [stopped, 'dead'],
      ] as const) {
        const result = await service.must('heartbeat', ['--json', '--wedge-window', '1s'])
        expect(result.json<TickJson>()).toMatchObject({ok: true, result: 'nothing', verdict: {state: verdict}, updatedAt: null})
      }
      expect([await state(frozen), await state(blocked), await state(stopped)]).toEqual(before)
      await frozen.sh('kill -CONT "$1"', [pid])
      await waitFor(async () => (await state(frozen)).updated_at !== before[0]?.updated_at, 'a tick for what works again')
      for (const service of [frozen, stopped, healthy]) await service.must('uninstall')
      await blocked.sh('kill -9 "$1"', [String(await blocked.mainPid())])
      await blocked.must('uninstall')
    })

    it('is one timer for all profiles of a user, as often as one of them asks for, and gone with the last', async () => {
      const [often, seldom] = [await make(), await make()]
      const {timer} = unitsOf(often)
      const interval = () => intervalOf(often)
      await install(often, '--heartbeat-interval', '5s')
      await install(seldom)
      expect(await interval()).toBe('5s')
      await often.must('uninstall')
      expect(await interval()).toBe('1min')
      expect(await showUnit(seldom, timer, 'UnitFileState', 'ActiveState')).toEqual(['enabled', 'active'])

      await install(often, '--heartbeat', 'off')
      expect(await interval()).toBe('1min')
      await install(seldom, '--heartbeat', 'off')
      expect(await heartbeatTraces(seldom)).toEqual(NO_TRACES)
      expect((await seldom.must('install', ['--json'])).json()).toMatchObject({changed: false})
      await install(seldom, '--heartbeat', 'on', '--heartbeat-interval', '90s')
      expect(await interval()).toBe('1min 30s')
      for (const service of [often, seldom]) await service.must('uninstall')
      expect(await heartbeatTraces(seldom)).toEqual(NO_TRACES)
    })

    it('leaves those alone that do not want it', async () => {
      const wants = await install(await make(), '--heartbeat-interval', '1s')
      const refuses = await install(await make(), '--heartbeat', 'off')
      const before = await state(refuses)
      await ticks(wants, 2)
      expect(await state(refuses)).toEqual(before)
      for (const service of [wants, refuses]) await service.must('uninstall')
    })

    it('is as before after an install that failed', async () => {
      const other = await make()
      const failing = await make({exit_on_start: {code: 78}})
      expect((await failing.run('install', ['--heartbeat-interval', '1s'])).code).toBe(1)
      expect(await heartbeatTraces(failing)).toEqual(NO_TRACES)

      await install(other, '--heartbeat-interval', '7s')
      const {timer} = unitsOf(other)
      const look = async () => [
        await intervalOf(other),
        ...(await showUnit(other, timer, 'UnitFileState', 'ActiveState')),
        await machine().readText(`${other.units}/${timer}`),
      ]
      const before = await look()
      expect(before.slice(0, 3)).toEqual(['7s', 'enabled', 'active'])
      expect((await failing.run('install', ['--heartbeat-interval', '1s'])).code).toBe(1)
      expect(await look()).toEqual(before)
      await other.must('uninstall')
    })

    it('has its units put right by install, and an edit of them kept', async () => {
      const service = await install(await make())
      const {timer, tick} = unitsOf(service)
      await service.systemctl('disable', '--now', timer)
      expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: true})
      expect(await showUnit(service, timer, 'UnitFileState', 'ActiveState')).toEqual(['enabled', 'active'])
      const entry = `${supportOf(service)}/heartbeat.cjs`
      await service.sh('echo >"$1"', [entry])
      await service.sh('sed -i s/TimeoutStartSec=60/TimeoutStartSec=61/ "$1"', [`${service.units}/${tick}`])
      expect((await service.must('install')).stdout).toContain(`${service.units}/${tick} was edited by hand and is kept`)
      expect(await machine().readText(entry)).toBe(await machine().readText(`${MACHINE_PACKAGE}/dist/heartbeat.cjs`))
      expect(await machine().readText(`${service.units}/${tick}`)).toContain('TimeoutStartSec=61')
      await service.must('install', ['--force'])
      expect(await machine().readText(`${service.units}/${tick}`)).toContain('TimeoutStartSec=60')
      // Killed before systemd had read what was written.
      await service.must('install', ['--heartbeat-interval', '30s'])
      await service.sh('sed -i s/=30s/=20s/ "$1"', [`${service.units}/${timer}`])
      await service.systemctl('daemon-reload')
      await service.systemctl('restart', timer)
      await service.sh('touch -d "+2 seconds" "$1" && sed -i s/=20s/=30s/ "$1"', [`${service.units}/${timer}`])
      expect(await intervalOf(service)).toBe('20s')
      expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: true})
      expect(await intervalOf(service)).toBe('30s')
      expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: false})
      await service.sh('touch "$1"', [`${service.units}/.${timer}.hermes-svc-tmp`])
      await service.must('uninstall')
      expect(await heartbeatTraces(service)).toEqual(NO_TRACES)
      expect(await service.sh('ls -A "$1" 2>/dev/null || :', [service.units])).not.toContain('heartbeat')
    })

    it('is not fooled by a clock that is an hour off', async () => {
      const service = await make({version: '0.21'})
      const command = `/usr/bin/faketime -f +1h ${ann.home}/.hermes/bin/hermes`
      await install(service, '--command', command, '--heartbeat-interval', '1s', '--watchdog', '1')
      const pid = await service.mainPid()
      // The gateway's own clock is an hour ahead, so what it wrote lies in the future.
      await waitFor(async () => Math.abs(Date.parse((await state(service)).updated_at) - Date.now()) < 60_000, 'a tick by the true clock')
      // And a tick whose own clock is off says what that one says, and harms nobody.
      const ticked = await machine().exec(['faketime', '-f', '-1h', MACHINE_NODE, `${supportOf(service)}/heartbeat.cjs`], {user: ann})
      expect(ticked).toMatchObject({code: 0, stdout: '', stderr: ''})
      await ticks(service, 3)
      expect(await service.mainPid()).toBe(pid)
      await service.must('uninstall')
    })

    describe('with a watchdog', () => {
      it('has a frozen gateway restarted, but not a healthy or a young one, and not soon again', async () => {
        const healthy = await install(await make(), ...WATCHDOG_CONFIG)
        // Blocked as soon as it runs, again and again.
        const frozen = await install(await make({freeze_after_ms: 200, freeze: 'block'}), ...WATCHDOG_CONFIG)
        const unwatched = await install(await make(), '--heartbeat-interval', '1s')
        const pids = await Promise.all([healthy, frozen, unwatched].map((service) => service.mainPid()))
        await unwatched.sh('kill -STOP "$1"', [String(pids[2])])

        const killed = await waitFor(
          async () => (await frozen.events()).filter(({event}) => event === 'start').length === 2 && frozen.events(),
          'the restart',
          90_000,
        )
        const [first, second] = killed.filter(({event}) => event === 'start')
        expect(first?.pid).toBe(pids[1])
        expect((second?.ms ?? 0) - (first?.ms ?? 0)).toBeGreaterThan(30_000)
        // What was done stands in the journal of changes and in the log.
        const changes = (await machine().readText(`${frozen.home}/logs/hermes-svc.jsonl`)) ?? ''
        const done = `kill the wedged gateway (pid ${pids[1]}) after 2 ticks in a row`
        expect(JSON.parse(changes.trim().split('\n').at(-1) ?? '')).toMatchObject({
          command: 'watchdog',
          service: frozen.unit,
          outcome: 'done',
          steps: [{kind: 'act', target: expect.stringContaining(done), changed: true}],
        })
        expect(await journal(frozen, 'the watchdog had to')).toContain(`${frozen.unit}: the watchdog had to ${done}`)

        // The next one freezes, too; long enough to be killed, were it not for the pause.
        const again = await frozen.mainPid()
        await waitFor(async () => (await journal(frozen, 'watchdog waits')).includes(`pid ${again} is wedged`), 'the pause', 90_000)
        expect([await healthy.mainPid(), await frozen.mainPid(), await unwatched.mainPid()]).toEqual([pids[0], again, pids[2]])
        for (const service of [unwatched, frozen]) await service.sh('kill -9 "$1"', [String(await service.mainPid())])
        for (const service of [healthy, frozen, unwatched]) await service.must('uninstall')
      }, 240_000)
    })
  })

  describe('of two users in system scope', () => {
    it('is a pair of units each, with one program', async () => {
      const [ben, eve] = [await machine().addUser('ben', {linger: false}), await machine().addUser('eve', {linger: false})]
      const [first, second] = await Promise.all([ben, eve].map((user) => TestService.make(machine(), user, {scope: 'system'})))
      if (!first || !second) throw new Error('no services')
      await first.must('install', ['--heartbeat-interval', '1s'])
      await second.must('install', ['--heartbeat-interval', '1s'])
      const before = [await state(first), await state(second)]
      await waitFor(async () => (await state(first)).updated_at !== before[0]?.updated_at, 'a tick of one')
      await waitFor(async () => (await state(second)).updated_at !== before[1]?.updated_at, 'a tick of the other')
      await first.must('uninstall')
      expect(await machine().readText('/etc/hermes-svc/heartbeat.cjs')).toBeDefined()
      const units = await first.sh('cd /etc/systemd/system; echo hermes-svc-*')
      expect(units).toBe('hermes-svc-heartbeat-eve.service hermes-svc-heartbeat-eve.timer\n')
      await second.must('uninstall')
      expect(await heartbeatTraces(second)).toEqual(NO_TRACES)
    })
  })

  describe('by hand', () => {
    let dan: Account
    beforeAll(async () => {
      dan = await machine().addUser('dan')
    })

    it('says what it did for each profile, and is no failure where there is nothing to do', async () => {
      const running = await TestService.make(machine(), dan, {profile: 'default'})
      const stopped = await TestService.make(machine(), dan, {profile: 'stopped'})
      const absent = await TestService.make(machine(), dan, {profile: 'absent'})
      for (const service of [running, stopped]) await service.must('install', ['--heartbeat', 'off'])
      await stopped.must('stop')
      const all = await hermesSvc(machine(), ['heartbeat', '--all'], {user: dan})
      expect([all.code, ...all.stdout.split('\n')]).toEqual([
        0,
        expect.stringMatching(/^hermes-gateway\.service: alive \(pid \d+: .+\); updated_at is 2.*\+00:00$/),
        expect.stringMatching(/^hermes-gateway-absent\.service: nothing to tick: .* \(and no service is installed\)$/),
        expect.stringMatching(/^hermes-gateway-stopped\.service: nothing to tick: the gateway is dead: /),
        '',
      ])
      const one = (await running.must('heartbeat', ['--json'])).json<TickJson>()
      const verdict = {state: 'alive', pid: await running.mainPid()}
      expect(one).toMatchObject({schemaVersion: 1, ok: true, result: 'ticked', verdict, why: null})
      expect((await state(running)).updated_at).toBe(one.updatedAt)
      const none = (await absent.must('heartbeat', ['--json'])).json<TickJson>()
      expect(none).toMatchObject({result: 'nothing', verdict: {state: 'dead', pid: null}})
      for (const service of [running, stopped]) await service.must('uninstall')
    })

    it('fails only where it cannot write', async () => {
      const service = await TestService.make(machine(), dan, {})
      await service.must('install', ['--heartbeat', 'off'])
      await service.sh('chown root: "$1"; chmod 644 "$1"', [`${service.home}/gateway_state.json`])
      const result = await service.run('heartbeat', ['--json'])
      expect(result.code).toBe(1)
      expect(result.json()).toMatchObject({ok: false, result: 'failed', why: expect.stringContaining('EACCES')})
      await service.must('uninstall')
    })

    it.each([
      [['--heartbeat', 'maybe'], '--heartbeat'],
      [['--heartbeat-interval', '0s'], '--heartbeat-interval'],
      [['--heartbeat-interval', '2m'], '120 s'],
      [['--heartbeat', 'off', '--heartbeat-interval', '60s'], '--heartbeat-interval'],
      [['--watchdog', '0'], '--watchdog'],
      [['--watchdog', 'soon'], '--watchdog'],
      [['--heartbeat', 'off', '--watchdog'], '--watchdog'],
    ])('refuses %j', async (flags, named) => {
      const service = await TestService.make(machine(), dan, {profile: 'refused'})
      const result = await service.run('install', flags)
      expect([result.code, result.stderr]).toEqual([2, expect.stringContaining(named)])
    })

    it('takes a node that lasts, not the one in a temporary folder', async () => {
      const service = await TestService.make(machine(), dan, {})
      await service.sh('mkdir -p /tmp/node/bin /usr/local/bin; cp "$1" /tmp/node/bin/; cp "$1" /usr/local/bin/node', [MACHINE_NODE])
      const argv = service.argv('install', ['--dry-run', '--json'])
      const planned = await machine().exec(['/tmp/node/bin/node', `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...argv], service.actor)
      expect(planned.code).toBe(0)
      expect(planned.stdout).toContain('ExecStart=:\\"/usr/local/bin/node\\"')
    })
  })
})
