import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import type {StandInBehaviour, StandInConfig, StandInEvent} from '../../src/smoke/stand-in/config.js'
import {inCampaign} from './campaign.js'
import {hermesSvc, waitFor} from './machines.js'
import {readInside} from './read-inside.js'

/** Exits that a crash loop has before its cause goes away: more than systemd's own limit of five, and than the steps up to the cap. */
const CRASHES = inCampaign(12, 6)
const PLANNED = inCampaign(50, 6)
/** Restarts that the gateway is asked for, each ended as its version does under systemd. */
const ASKED = inCampaign(6, 2)
const BY_HAND = inCampaign(20, 6)
/** The pause of the unit itself before each restart. */
const PAUSE_MS = 1000
/** For all ends by hand, on a busy machine. */
const LOOP_TIMEOUT_MS = 240_000

/**
 * The four outcomes that the restart policy is for, on one version of systemd, with scaled times: delays of 20 ms to 100 ms on top of the
 * unit's own pause, and where a wait is looked at, of ten minutes. Every service has a gateway that ends as told; those with hundreds of ends run side by side.
 */
export function restartPolicySuite(machine: () => Machine): void {
  let user: Account

  const homeOf = (profile: string) => `${user.home}/.hermes/profiles/${profile}`
  const run = async (...argv: string[]) => machine().exec(argv, {user})
  const unitOf = (profile: string) => `hermes-gateway-${profile}.service`

  const show = async (profile: string, ...properties: string[]): Promise<Record<string, string>> => {
    const {stdout} = await run('systemctl', '--user', 'show', unitOf(profile), `--property=${properties.join(',')}`)
    return Object.fromEntries(
      stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    )
  }
  const events = async (profile: string): Promise<StandInEvent[]> => {
    const text = (await readInside(machine(), `${homeOf(profile)}/stand-in.starts`)) ?? ''
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as StandInEvent)
  }
  const starts = async (profile: string) => (await events(profile)).filter((event) => event.event === 'start').length
  /** What the helpers said in the journal. */
  const helperLines = async (profile: string): Promise<string[]> => {
    const {stdout} = await machine().exec(['journalctl', '--quiet', '--output=cat', `_SYSTEMD_USER_UNIT=${unitOf(profile)}`])
    return stdout.split('\n').filter((line) => line.startsWith('hermes-svc: '))
  }
  const behave = (profile: string, config: StandInConfig) =>
    machine().writeText(`${homeOf(profile)}/stand-in.json`, JSON.stringify(config), {user})

  const behaviours = new Map<string, StandInConfig>()
  /** Installs a healthy gateway as a service. */
  const prepare = async (profile: string, config: StandInConfig, flags: readonly string[]) => {
    const home = homeOf(profile)
    await run('install', '-D', '/opt/hermes-svc/package/dist/stand-in/hermes', `${home}/bin/hermes`)
    const command = `/usr/bin/python3 -S ${home}/bin/hermes`
    // Without a tick, which is a fifth of an install and has no part in the policy.
    const argv = ['install', '-p', profile, '--command', command, '--heartbeat', 'off', ...flags]
    const installed = await hermesSvc(machine(), argv, {user})
    expect(installed.code, installed.stderr).toBe(0)
    behaviours.set(profile, config)
  }
  /** Stops them all, and forgets what they left; the next start of each behaves as told. */
  const stopAll = async () => {
    expect((await hermesSvc(machine(), ['stop', '--all'], {user})).code).toBe(0)
    await run('sh', '-c', 'rm -f ~/.hermes/profiles/*/stand-in.starts ~/.hermes/profiles/*/stand-in.count')
    for (const [profile, config] of behaviours) await behave(profile, config)
  }
  const SCALED = ['--restart-delay', '20ms', '--restart-delay-max', '100ms']
  const SLOW = ['--restart-delay', '10m', '--restart-delay-max', '10m']
  const crashLoop = (crash: StandInBehaviour): StandInConfig => ({sequence: [{...crash, repeat: CRASHES}]})

  /** For what is an end a failure the helper decides alone (helper-after-exit.test.ts): outside of a campaign one stands for all. */
  const loops: Record<string, StandInConfig> = {
    'exit-1': crashLoop({exit_on_start: {code: 1}}),
    ...inCampaign<Record<string, StandInConfig>>(
      {
        'exit-75-failing': crashLoop({exit_on_start: {code: 75, state: 'startup_failed'}}),
        'exit-75-silent': crashLoop({exit_on_start: {code: 75, state: null}}),
        'by-signal': crashLoop({exit_on_start: {signal: 'SIGSEGV', state: null}}),
      },
      {},
    ),
  }

  /** Profiles of gateways that are asked to restart: 0.16 ends with 0, of which one is seen in restart-states.test.ts too, and 0.21 with 75. */
  const ASKED_OF: Record<string, '0.16' | '0.21'> = {...inCampaign({'asked-0-16': '0.16'} as const, {}), 'asked-0-21': '0.21'}
  /** Services that a row is done with serve another one, as an installation is most of what a row takes. */
  const [BY_HAND_PROFILE, WAITING, FATAL] = ['planned', 'asked-0-21', 'killed'] as const

  beforeAll(async () => {
    user = await machine().addUser('alice')
    for (const [profile, config] of Object.entries(loops)) await prepare(profile, config, SCALED)
    for (const [profile, version] of Object.entries(ASKED_OF)) await prepare(profile, {version}, SLOW)
    await prepare('planned', {sequence: [{exit_after_ms: 20, exit: {code: 75}, repeat: PLANNED}]}, SLOW)
    await prepare('killed', {existing_pid_record: 'refuse-any'}, SCALED)
    await stopAll()
    await run('systemctl', '--user', 'start', '--no-block', ...[...behaviours.keys()].map(unitOf))
  })

  it(`${PLANNED} planned restarts in a row leave the service running, and none of them waits`, async () => {
    await waitFor(async () => (await starts('planned')) > PLANNED, 'the last planned restart')
    await waitFor(async () => (await hermesSvc(machine(), ['status', '-p', 'planned'], {user})).code === 0, 'the gateway to run')
    expect(await starts('planned')).toBe(PLANNED + 1)
    // One wait would have been ten minutes.
    expect((await helperLines('planned')).filter((line) => /waits/.test(line))).toEqual([])
    expect(await show('planned', 'ActiveState', 'NRestarts')).toEqual({ActiveState: 'active', NRestarts: String(PLANNED)})
  })

  it.each(Object.keys(ASKED_OF))(
    `${ASKED} restarts that the gateway is asked for leave no failure, and none waits (%s)`,
    async (profile) => {
      const upAgain = async (former: number) =>
        waitFor(async () => {
          const running = (await events(profile)).filter(({event}) => event === 'running').at(-1)?.pid
          return (
            running !== undefined && running !== former && (await show(profile, 'MainPID', 'SubState')).SubState === 'running' && running
          )
        }, 'the next gateway')
      let pid = await upAgain(0)
      for (let asked = 0; asked < ASKED; asked++) {
        // A small system has no other kill than the shell's.
        await run('sh', '-c', `kill -s USR1 ${pid}`)
        pid = await upAgain(pid)
      }
      const status = await hermesSvc(machine(), ['status', '-p', profile, '--json'], {user})
      expect(status.json()).toMatchObject({actual: 'running', failuresInARow: 0})
      const ends = (await events(profile)).filter(({event}) => event === 'end')
      // A gateway that the manager's own restart let go before the gateway's unit came is stopped once more, and that is asked for as well.
      expect(ends.filter((end) => 'reason' in end && end.reason === 'planned-restart')).toHaveLength(ASKED)
      const lines = await helperLines(profile)
      expect(lines.filter((line) => /failure|waits/.test(line))).toEqual([])
      expect(lines.filter((line) => line.includes('a planned restart, so it starts again at once')).length).toBeGreaterThan(0)
    },
  )

  it(`${BY_HAND} restarts by hand in a row never meet the start limit`, async () => {
    const loop = `for i in $(seq ${BY_HAND}); do systemctl --user restart ${unitOf(BY_HAND_PROFILE)} || exit; done`
    const looped = await machine().exec(['sh', '-c', loop], {user, timeoutMs: LOOP_TIMEOUT_MS})
    expect(looped).toMatchObject({code: 0, stderr: ''})
    expect(await show(BY_HAND_PROFILE, 'ActiveState', 'Result')).toEqual({ActiveState: 'active', Result: 'success'})
  })

  it('the limit of the unit is one that its own pace cannot reach', async () => {
    const limit = await show('planned', 'StartLimitIntervalUSec', 'StartLimitBurst', 'RestartUSec')
    expect(limit).toEqual({StartLimitIntervalUSec: '10s', StartLimitBurst: '200', RestartUSec: '1s'})
  })

  it('five SIGKILLs in a row are all survived, and the pid record that each leaves costs no start', async () => {
    let pid = 0
    for (let kills = 0; kills <= 5; kills++) {
      const former = pid
      const report = await waitFor(async () => {
        const status = await hermesSvc(machine(), ['status', '-p', 'killed', '--json'], {user})
        const document = status.json<{verdict: {pid: number | null}; actual: string}>()
        return document.actual === 'running' && document.verdict.pid !== former && document
      }, `the gateway after ${kills} kills`)
      pid = report.verdict.pid ?? 0
      if (kills < 5) await run('sh', '-c', `kill -KILL ${pid}`)
    }
    // The gateway refuses to start on any pid record, so one that had not been cleared would show as a further start.
    expect(await starts('killed')).toBe(6)
  })

  it('an exit with 78 is started once, and shows as failed', async () => {
    await waitFor(async () => (await events(FATAL)).at(-1)?.event === 'running', 'the gateway to run')
    const before = await starts(FATAL)
    await behave(FATAL, {exit_on_start: {code: 78}})
    await run('systemctl', '--user', 'kill', '--signal=KILL', unitOf(FATAL))
    await waitFor(async () => (await show(FATAL, 'ActiveState')).ActiveState === 'failed', 'the service to fail')
    expect(await starts(FATAL)).toBe(before + 1)
    const status = await hermesSvc(machine(), ['status', '-p', FATAL, '--json'], {user})
    expect(status.code).toBe(3)
    expect(status.json()).toMatchObject({actual: 'failed', lastExit: {how: 'exited', status: 78}})
  })

  describe('during the wait after a failure', () => {
    const isWaiting = async () => (await show(WAITING, 'SubState')).SubState === 'start-pre'
    beforeAll(async () => {
      await waitFor(async () => (await events(WAITING)).at(-1)?.event === 'running', 'the gateway to run')
      const before = await starts(WAITING)
      await behave(WAITING, {exit_on_start: {code: 1}})
      await run('systemctl', '--user', 'restart', '--no-block', unitOf(WAITING))
      // What runs before that start waits for nothing.
      await waitFor(async () => (await starts(WAITING)) > before, 'the start that fails')
    })

    it('status says that the next start waits, and ends with 1', async () => {
      await waitFor(isWaiting, 'the wait')
      const status = await hermesSvc(machine(), ['status', '-p', WAITING, '--json'], {user})
      expect(status.code).toBe(1)
      expect(status.json()).toMatchObject({actual: 'waiting', desired: 'stopped'})
    })

    it('systemctl restart starts at once', async () => {
      await waitFor(isWaiting, 'the wait')
      const before = await starts(WAITING)
      await run('systemctl', '--user', 'restart', '--no-block', unitOf(WAITING))
      await waitFor(async () => (await starts(WAITING)) > before, 'a start long before the wait is over')
    })

    it('systemctl stop ends inactive, not failed', async () => {
      await waitFor(isWaiting, 'the wait')
      await run('systemctl', '--user', 'stop', unitOf(WAITING))
      expect(await show(WAITING, 'ActiveState', 'Result')).toEqual({ActiveState: 'inactive', Result: 'success'})
    })

    it('hermes-svc start starts at once', async () => {
      await run('systemctl', '--user', 'start', '--no-block', unitOf(WAITING))
      await waitFor(isWaiting, 'the wait')
      await behave(WAITING, {})
      expect((await hermesSvc(machine(), ['start', '-p', WAITING, '--timeout', '30'], {user})).code).toBe(0)
    })
  })

  describe.each(Object.keys(loops))(`a crash loop of ${CRASHES} ends (%s)`, (profile) => {
    it('slows down to the cap, is never dead for good, and runs once the cause is gone', async () => {
      const seen = new Set<string>()
      await waitFor(async () => {
        const {ActiveState, SubState} = await show(profile, 'ActiveState', 'SubState')
        seen.add(`${ActiveState}/${SubState}`)
        return (await starts(profile)) > CRASHES
      }, 'the last crash')
      await waitFor(async () => (await hermesSvc(machine(), ['status', '-p', profile], {user})).code === 0, 'the gateway to run')
      expect([...seen].filter((state) => state.startsWith('failed'))).toEqual([])
      expect(await starts(profile)).toBe(CRASHES + 1)
      const times = (await events(profile)).filter((event) => event.event === 'start').map((event) => event.ms)
      const gapsMs = times.slice(1).map((ms, index) => ms - (times[index] ?? 0))
      // No start comes before its wait is over: the unit's pause, and 20 ms, 40 ms, 80 ms, then the cap. What else a start takes comes on top.
      const waitsMs = gapsMs.map((_, index) => PAUSE_MS + Math.min(100, 20 * 2 ** index))
      expect(gapsMs.filter((ms, index) => ms < (waitsMs[index] ?? 0))).toEqual([])
      // The journal loses who wrote some of the lines, since the writer is gone so soon; no line tells of more than the cap.
      const waits = (await helperLines(profile)).map((line) => /waits ([\d.]+) s/.exec(line)?.[1]).filter((wait) => wait !== undefined)
      expect(new Set(waits.map(Number))).toEqual(new Set([0.02, 0.04, 0.08, 0.1].filter((wait) => waits.map(Number).includes(wait))))
      expect(waits.map(Number)).toContain(0.1)
    })
  })
}
