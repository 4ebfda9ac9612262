import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {
  bringAbout,
  comesUp,
  HEALTHY,
  type Installed,
  installGateway,
  type Situation,
  situations,
  startAnew,
  startByHand,
} from '../support/restart-situations.js'
import {seeRestart, seeStop} from '../support/state-suites.js'

/**
 * What is another state to judge, which verdict-live.test.ts does of real gateways, and the same restart: by SIGUSR1 of the pid that was found
 * ("healthy 0.16" too in lifecycle.test.ts), or, of what is wedged, by SIGKILL at once. A campaign restarts all of them.
 */
const SAME_RESTART = new Set([
  'healthy 0.16',
  'healthy 0.21',
  'pid file missing',
  'loop blocked 0.16',
  'loop spinning 0.16',
  'loop blocked 0.21',
  'loop blocked, with a heartbeat file and no socket',
  // Judged by other files, and asked by SIGUSR1 all the same.
  ...['healthy 0.10', 'lock on an unlinked file'],
  // What is asked and waited for of it is "shows what is being waited for", below; that it ends and comes back is "draining already".
  'slow drain (4 s)',
  // Its rungs are on the way to those of "deaf to SIGTERM too", and the one that ends it is that of "busy, --force".
  'deaf to SIGUSR1',
  // The rungs of one that is deaf ("deaf to SIGTERM too"), for want of a verdict: start-stop.test.ts.
  'cannot tell',
  // Down as "start-limit-hit" is, or with a main process that is no gateway, and started by the manager (start-stop.test.ts).
  ...['failed for good (exit 78)', 'crash-looping', 'zombie'],
  // Asked, and gone before it was done: that the manager starts it if it does not by itself is in start-stop.test.ts.
  'dying during drain',
  // Below, with what is said of them.
  ...['children left behind', 'two gateways on one home', 'behind a wrapper'],
])
const restarted = inCampaign(
  situations,
  situations.filter(({name}) => !SAME_RESTART.has(name)),
)
/**
 * A stop sends no SIGUSR1, goes by one verdict `wedged` whatever it rests on, and ends what is not wedged by the manager's own stop, whatever its files say: each
 * way of its own to end is in a campaign once. In `npm test` one that works is stopped in lifecycle.test.ts, one that waits for its next start in
 * existing-services.test.ts, one that is frozen is ended by an uninstall in lifecycle.test.ts, one that hears nothing below, and one with a second gateway beside it
 * by the restart below and in test/lifecycle/start-stop.test.ts. What is in the control group of what is stopped, or what its main process is, is the manager's to know.
 */
const STOPPED_IN_CAMPAIGN = [
  ...['busy, --force', 'crash-looping', 'two gateways on one home'],
  ...['draining already', 'deaf to SIGTERM too', 'zombie', 'behind a wrapper'],
]
const stopped = situations.filter(({name}) => inCampaign(STOPPED_IN_CAMPAIGN, []).includes(name))
/** What a later state would see, or another program than the stand-in itself: these have a service of their own. */
const isAlone = ({name, wrapper}: Situation) => wrapper !== undefined || name === 'start-limit-hit'

function named(name: string): Situation {
  const situation = situations.find((one) => one.name === name)
  if (!situation) throw new Error(`no such situation: ${name}`)
  return situation
}

/** Of rows on services that go from one to the next, so many stand side by side; an installation costs four times as much as a start. */
const CHAINS = inCampaign([0, 1], [0])

await describeOnSystemd('hermes-svc restart and stop', (machine) => {
  let user: Account

  beforeAll(async () => {
    user = await machine().addUser('alice')
  })

  const sh = async (script: string) => (await machine().exec(['sh', '-c', script], {user})).stdout
  const installed = (profile: string, config: StandInConfig) => installGateway(machine(), user, profile, config)

  /** What a row is done with, for the next one. */
  let free: Installed | undefined
  /** Healthy, and left by its row as it is. */
  let wrapped: Installed | undefined

  const TITLE = 'restart of a gateway ($name) ends with one that runs under a new pid, and nobody of before is left'

  it.concurrent.each(restarted.filter(isAlone).map((situation, index) => ({...situation, profile: `state-${index}`})))(
    TITLE,
    async ({profile, ...situation}) => {
      await seeRestart(machine(), user, profile, situation)
    },
  )

  // A restart leaves a service as it is after an installation: the next row has it.
  describe.concurrent.each(CHAINS)('on the same service (%s)', (chain) => {
    describe.sequential('one after the other', () => {
      let used: Installed | undefined
      const rows = restarted.filter((situation) => !isAlone(situation)).filter((_, index) => index % CHAINS.length === chain)
      it.each(rows)(TITLE, async (situation) => {
        const mine = used
        used = undefined
        used = await seeRestart(machine(), user, `states-${chain}`, situation, undefined, mine)
        free = used
      })
    })
  })

  /** A service whose gateway has just begun to do as told: the one that a row before has left for it, or a new one. */
  const running = async (config: StandInConfig) => {
    const used = free
    free = undefined
    return used ? startAnew(used, config) : installed(`used-${(profiles += 1)}`, config)
  }
  let profiles = 0

  it('restart ends a gateway that was started outside the service, and starts the service', async () => {
    const given = await running(HEALTHY)
    await hermesSvc(machine(), ['stop', '-p', given.profile], {user})
    await startByHand(given)
    const before = await waitFor(async () => {
      const report = await given.status()
      return report.actual === 'orphaned' && report
    }, 'the gateway outside the service')

    expect((await given.restart('--force')).code).toBe(0)

    const after = await given.status()
    expect(after).toMatchObject({actual: 'running', verdict: {state: 'alive'}})
    expect(await sh(`test -d /proc/${before.verdict.pid} && echo there`)).toBe('')
    free = given
  })

  it('restart shows what is being waited for, and for how long at most, and leaves a gateway that was asked to restart to its drain when it is interrupted, and says so', async () => {
    const given = await running({drain_ms: 8000, active_work: 2})
    const command = ['/opt/hermes-svc/node', '/opt/hermes-svc/package/bin/hermes-svc.cjs', 'restart', '-p', given.profile]
    const interrupted = machine().exec(
      ['sh', '-c', 'echo $$ >~/restarting; exec "$@" 2>~/restarting.said', 'sh', ...command, '--drain-timeout', '60s'],
      {user},
    )
    const said = () => sh('cat ~/restarting.said 2>/dev/null')
    const shown = await waitFor(async () => {
      const text = await said()
      return text.includes('(SIGUSR1) (') && text
    }, 'what is said of the drain')
    expect(shown).toMatch(/waiting for pid \d+ to finish its work \(SIGUSR1\) \([12] active agents\); 5\d s left/)
    await sh('kill -s INT "$(cat ~/restarting)"')

    expect((await interrupted).code).toBe(130)
    expect(await said()).toContain(`cancelled: restart ${given.unit} had already begun`)
    // Not killed for it: it finishes its work, and comes back as it was asked to.
    const pid = await comesUp(given, given.pid)
    expect(await given.status()).toMatchObject({actual: 'running', verdict: {pid}})
    expect(await sh(`grep '"end"' ${given.home}/stand-in.starts | grep '"pid": *${given.pid}[,}]'`)).toContain(
      '"reason": "planned-restart"',
    )
    free = given
  })

  // test/lifecycle/start-stop.test.ts has it of both, and that one that works is not killed for want of time; installations that fail so are undone in shared-services.test.ts.
  itInCampaign('restart ends with 1 and what is left to try where the new gateway does not come up within --timeout', async () => {
    const given = await running({sequence: [{}, {never_running: true, repeat: 1000}]})

    const result = await given.restart('--timeout', '3s')

    expect(result.code).toBe(1)
    expect(result.stderr).toContain(`Next: hermes-svc doctor -p ${given.profile}\n`)
    // The third one, which the restart has begun, has said nothing yet at first.
    await waitFor(async () => (await given.status()).actual === 'starting', 'the new gateway')
    free = given
  })

  it('restart ends the children that a gateway leaves behind, and names them', async () => {
    const given = await running({fork_children: 1, children_deaf: true})
    const child = (await sh(`pgrep -P ${given.pid}`)).trim()

    await given.configure(HEALTHY)
    expect((await given.restart()).stdout).toContain(`; ended with the former gateway: pid ${child} (sleep)`)

    expect(await sh(`[ ! -d /proc/${child} ] || echo there`)).toBe('')
    const logs = await hermesSvc(machine(), ['logs', '-p', given.profile, '-n', '100', '--manager-lines'], {user})
    expect(logs.stdout).toContain(`Killing process ${child} (sleep) with signal SIGKILL`)
    free = given
  })

  describe('hermes-svc restart of a gateway that holds itself back after too many starts', () => {
    const BRAKE = {max_starts: 5, window_s: 120, first_s: 10, cap_s: 300}
    /** Has been started so often that its next start sleeps; the ledger is as the gateway itself keeps it. */
    const stormed = async (starts: number, brake = BRAKE, config = '') => {
      const given = await running({version: '0.21', respawn_brake: brake})
      await sh(`printf '${config}' >${given.home}/config.yaml`)
      await sh(
        `systemctl --user stop ${given.unit}; now=$(date +%s); for i in $(seq ${starts}); do echo $((now - 1)).5; done >${given.home}/gateway-starts.log`,
      )
      await sh(`systemctl --user start --no-block ${given.unit}`)
      const report = await waitFor(async () => {
        const {verdict} = await given.status()
        // The start itself is counted a moment after its process is there.
        return verdict.evidence.some((line) => line.includes(`delays its own start after ${starts + 1} starts`)) && verdict
      }, 'the brake')
      expect(report.evidence[0]).toMatch(
        new RegExp(`^the gateway delays its own start after ${starts + 1} starts within 2 min; \\d+ s left$`),
      )
      return given
    }
    const starts = async ({home}: {home: string}) => Number(await sh(`grep -c '"start"' ${home}/stand-in.starts`))

    // It looks, as the row below does, and does nothing: start-stop.test.ts.
    itInCampaign('restart waits for a gateway that holds itself back, and starts nothing a second time', async () => {
      const given = await stormed(5)
      const before = await starts(given)
      const result = await given.restart()
      expect([result.code, result.stderr]).toEqual([
        0,
        expect.stringMatching(/the gateway delays its own start after 6 starts within 2 min; \d+ s left/),
      ])
      expect(await starts(given)).toBe(before)
      expect(await given.status()).toMatchObject({actual: 'running'})
      free = given
    })

    // Which limits those are: respawn-brake.test.ts.
    itInCampaign('restart goes by the limits of the brake that its home sets', async () => {
      const given = await stormed(2, {...BRAKE, max_starts: 2}, 'gateway:\\n  respawn_storm:\\n    max_starts: 2\\n')
      expect((await given.restart('--force', '--timeout', '60s')).code).toBe(0)
    })

    it('restart --force clears the ledger of starts, and starts the gateway once', async () => {
      const given = await stormed(10)
      const before = await starts(given)
      expect((await given.restart('--force', '--timeout', '60s')).code).toBe(0)
      expect(await starts(given)).toBe(before + 1)
      expect((await sh(`wc -l <${given.home}/gateway-starts.log`)).trim()).toBe('1')
      free = given
    })

    // As it says of every start that is not up in time, above; what it says here: start-stop.test.ts.
    itInCampaign('restart says so where there is no time to wait for a gateway that holds itself back, and leaves it to it', async () => {
      const given = await stormed(10)
      const before = await starts(given)
      const result = await given.restart('--timeout', '2s')
      expect([result.code, result.stderr]).toEqual([
        1,
        expect.stringMatching(/within [\d.]+ s; the gateway delays its own start after 11 starts within 2 min; \d+ s left/),
      ])
      expect(await starts(given)).toBe(before)
    })
  })

  it('a restart of a gateway (behind a wrapper) asks the gateway, and so does systemctl reload: the wrapper is not killed for it', async () => {
    const given = await seeRestart(machine(), user, 'wrapped', named('behind a wrapper'))
    wrapped = given
    const former = await comesUp(given, given.pid)
    expect(await sh(`systemctl --user reload ${given.unit} 2>&1`)).toBe('')
    const pid = await waitFor(async () => {
      const {actual, verdict} = await given.status()
      return actual === 'running' && verdict.pid !== null && verdict.pid !== former && verdict.pid
    }, 'the gateway after the reload')
    const ends = (await sh(`grep '"end"' ${given.home}/stand-in.starts | grep '"pid": *${former}[,}]'`)).trim()
    expect(ends).toContain('"reason": "planned-restart"')
    expect(await given.status()).toMatchObject({actual: 'running', verdict: {pid}, failuresInARow: 0})
  })

  // What the helper makes of it: helper-after-exit.test.ts; what is found by that: watchdog.test.ts of the checks.
  itInCampaign("an exit with 75 of the gateway's own loop watchdog is counted as a failure, and doctor tells of it", async () => {
    const exit = {code: 75, lifecycle: 'loop_liveness_watchdog'}
    const given = await installed('loop-watchdog', {version: '0.21', sequence: [{}, {exit_after_ms: 300, exit}]})
    await sh(`systemctl --user restart ${given.unit}`)
    const ended = await waitFor(async () => {
      const ends = (await sh(`grep '"end"' ${given.home}/stand-in.starts`)).split('\n').slice(0, -1)
      return ends.map((line) => JSON.parse(line) as {code?: number; pid: number}).find(({code}) => code === 75)?.pid
    }, 'the end')
    await waitFor(async () => {
      const {actual, verdict, failuresInARow} = await given.status()
      return actual === 'running' && verdict.pid !== ended && failuresInARow === 1
    }, 'the next gateway, after a failure')
    const doctor = await hermesSvc(machine(), ['doctor', '-p', given.profile, '--json', '--only', 'watchdog'], {user})
    expect(doctor.json<{services: {findings: object[]}[]}>().services[0]?.findings).toMatchObject([
      {
        id: 'watchdog',
        what: 'a watchdog had to restart the gateway once in the last 24 hours',
        evidence: [expect.stringContaining('its event loop did not respond to its own watchdog')],
      },
    ])
  })

  // Ours has systemd restart it too.
  it.each(inCampaign(['hermes-svc', 'systemctl'] as const, ['systemctl'] as const))(
    'a restart by %s that calls a start off counts as no failure, whatever the start was at just then',
    async (by) => {
      const given = await running(HEALTHY)
      // A program before the gateway, such as the helper itself is one, that knows nothing of being called off.
      const slow = `${given.home}/slow`
      const dropIn = `[Service]\\nExecStartPre=/bin/sh -c "[ ! -e ${slow} ] || exec sleep 1000"\\n`
      const dropIns = `~/.config/systemd/user/${given.unit}.d`
      await sh(`touch ${slow}; printf '${dropIn}' >${dropIns}/50-slow.conf; systemctl --user daemon-reload`)
      await sh(`systemctl --user restart --no-block ${given.unit}`)
      await waitFor(
        async () => (await sh(`cat /proc/$(systemctl --user show -P ControlPID ${given.unit})/cmdline`)) === 'sleep\0' + '1000\0',
        'the program before the gateway',
      )
      await sh(`rm ${slow}`)

      if (by === 'systemctl') await sh(`systemctl --user restart ${given.unit}`)
      else expect((await given.restart()).code).toBe(0)

      await comesUp(given, given.pid)
      expect(await given.status()).toMatchObject({actual: 'running', failuresInARow: 0})
      free = given
    },
  )

  it('restart is handed over when the gateway itself runs the command, and the gateway runs under a new pid afterwards', async () => {
    const given = await running(HEALTHY)
    // In the control group of the gateway and marked as its own, as a tool that an agent runs is.
    const enter = 'echo $$ >"/sys/fs/cgroup$(sed -n s/^0:://p /proc/$1/cgroup)/cgroup.procs" && shift && exec "$@"'
    const asUser = ['setpriv', '--reuid=alice', '--regid=alice', '--init-groups', '--', 'env', `HOME=${user.home}`, '_HERMES_GATEWAY=1']
    const command = ['/opt/hermes-svc/node', '/opt/hermes-svc/package/bin/hermes-svc.cjs', 'restart', '-p', given.profile]
    // It may be ended with the gateway, by the manager, before it has said anything; what counts is that it did not wait for its own end.
    await machine().exec(['sh', '-c', enter, 'enter', String(given.pid), ...asUser, ...command])

    const pid = await comesUp(given, given.pid)
    expect(await given.status()).toMatchObject({actual: 'running', verdict: {pid}})
    free = given
  })

  it.each(stopped.map((situation, index) => ({...situation, profile: `stopped-${index}`})))(
    'stop of a gateway ($name) leaves no process of the home, the unit inactive, and nothing that brings it back',
    async ({profile, ...situation}) => {
      if (isAlone(situation)) {
        await seeStop(machine(), user, profile, situation)
        return
      }
      const mine = free
      free = undefined
      free = await seeStop(machine(), user, profile, situation, undefined, mine)
    },
  )

  /** A service in that state: one that a row before has left, or a new one. */
  const inState = (situation: Situation) => {
    const mine = free
    free = undefined
    return bringAbout(machine(), user, `used-${(profiles += 1)}`, situation, undefined, mine)
  }

  it('a stop goes on without the command when that is interrupted, and says so; what hears nothing is killed by stop --force', async () => {
    const given = await inState(named('deaf to SIGTERM too'))
    const command = ['/opt/hermes-svc/node', '/opt/hermes-svc/package/bin/hermes-svc.cjs', 'stop', '-p', given.profile]

    const interrupted = machine().exec(['sh', '-c', 'echo $$ >~/stopping; exec "$@"', 'sh', ...command], {user})
    await waitFor(async () => (await given.status()).actual === 'stopping', 'the stop')
    await sh('kill -s INT "$(cat ~/stopping)"')

    const {code, stderr} = await interrupted
    expect({code, stderr}).toEqual({
      code: 130,
      stderr: expect.stringContaining(`cancelled: stop ${given.unit} had already begun`) as string,
    })
    expect(await given.status()).toMatchObject({actual: 'stopping', desired: 'stopped', enabled: false})
    expect((await hermesSvc(machine(), ['stop', '-p', given.profile, '--force'], {user})).code).toBe(0)
    expect(await given.status()).toMatchObject({actual: 'stopped', desired: 'stopped', verdict: {state: 'dead', pid: null}})
    free = {...given, isStopped: true}
  })

  it('stop leaves no marker behind of a gateway that is stopped before it has its handlers', async () => {
    const given = await running(HEALTHY)
    // Slower than any stop: it is still being read when the signal comes.
    await sh(`cd ${given.home}/bin; cp hermes kept; printf '#!/bin/sh\nsleep 1000\n' >hermes`)
    await sh(`systemctl --user restart ${given.unit}`)
    expect((await hermesSvc(machine(), ['stop', '-p', given.profile], {user})).code).toBe(0)
    expect(await sh(`ls -A ${given.home} | grep planned-stop`)).toBe('')
    await sh(`mv ${given.home}/bin/kept ${given.home}/bin/hermes`)
    free = {...given, isStopped: true}
  })

  // All of a user's: restart-policy-suite.ts; one that is frozen: by the uninstall of lifecycle.test.ts.
  itInCampaign('stop --all stops the services of all profiles, one that is frozen among them', async () => {
    const healthy = wrapped ?? (await installed('healthy', HEALTHY))
    const frozen = await inState(named('stopped by SIGSTOP'))

    const result = await hermesSvc(machine(), ['stop', '--all'], {user})

    expect(result.code, result.stderr).toBe(0)
    for (const given of [healthy, frozen]) expect(await given.status()).toMatchObject({actual: 'stopped', desired: 'stopped'})
    free = {...frozen, isStopped: true}
  })

  // As start says it: start-stop.test.ts.
  itInCampaign('restart says how to install a service whose unit is missing, and ends with 1', async () => {
    const given = await running(HEALTHY)
    await sh(`systemctl --user stop ${given.unit}; rm ~/.config/systemd/user/${given.unit}; systemctl --user daemon-reload`)

    const result = await given.restart()

    expect(result.code).toBe(1)
    expect(result.stderr).toContain('hermes-svc install')
  })

  it('restart never kills a gateway that works for want of time, and ends with 1 and what is left to try', async () => {
    // What drains is nothing for a row after this one.
    const given = await running({drain_ms: 120_000, active_work: 2})

    const result = await given.restart('--timeout', '2s')

    expect(result.code).toBe(1)
    expect(result.stderr).toContain(`(pid ${given.pid}) was asked to restart (2 active agents), but did not end in time`)
    expect(result.stderr).toContain('hermes-svc restart --force')
    expect(await given.status()).toMatchObject({actual: 'draining', verdict: {pid: given.pid}})
    // The machine would wait for it.
    await sh(`systemctl --user kill --signal=KILL ${given.unit}`)
  })
})
