import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'

interface Report {
  readonly actual: string
  readonly verdict: {readonly state: string; readonly pid: number | null; readonly evidence: readonly string[]}
  readonly failuresInARow: number
}

interface Situation {
  readonly name: string
  /** How the gateway behaves before the restart. */
  readonly before: StandInConfig
  /** What is done to it, once it is as `verdict` says. */
  readonly harm?: (given: Given) => Promise<unknown>
  /** What status says just before the restart. */
  readonly actual: string
  readonly flags?: readonly string[]
  /** How the former process must have ended, by the stand-in's own record; undefined: it had no chance to write one. */
  readonly ended?: string | undefined
}

interface Given {
  readonly profile: string
  readonly home: string
  readonly pid: number
  readonly sh: (script: string) => Promise<string>
  readonly status: () => Promise<Report>
}

const HEALTHY: StandInConfig = {version: '0.16'}
/** Long enough that waiting it out would end a test. */
const FOR_EVER_MS = 3_600_000

const situations: readonly Situation[] = [
  {name: 'a healthy gateway 0.10', before: {version: '0.10'}, actual: 'running', ended: 'exit 75'},
  {name: 'a healthy gateway 0.16', before: HEALTHY, actual: 'running', ended: 'exit 75'},
  {name: 'a healthy gateway 0.21', before: {version: '0.21'}, actual: 'running', ended: 'exit 75'},
  {
    name: 'one that needs time to finish its work',
    before: {drain_ms: 4000, active_work: 2},
    actual: 'running',
    flags: ['--answer-timeout', '1s'],
    ended: 'exit 75',
  },
  {
    name: 'one that dies while it drains',
    before: {drain_ms: 4000, die_during_drain: {after_ms: 500, code: 1}},
    actual: 'running',
    ended: 'exit 1',
  },
  {name: 'one that is deaf to SIGUSR1', before: {deaf: ['SIGUSR1']}, actual: 'running', flags: ['--answer-timeout', '1s'], ended: 'exit 0'},
  {
    name: 'one that is deaf to SIGUSR1 and SIGTERM',
    before: {deaf: ['SIGUSR1', 'SIGTERM']},
    actual: 'running',
    flags: ['--answer-timeout', '1s', '--term-timeout', '1s'],
    ended: undefined,
  },
  {name: 'one with --force', before: {drain_ms: FOR_EVER_MS, active_work: 1}, actual: 'running', flags: ['--force'], ended: 'exit 0'},
  {name: 'one that is stopped (SIGSTOP)', before: HEALTHY, harm: ({sh, pid}) => sh(`kill -STOP ${pid}`), actual: 'wedged'},
  {name: 'a blocked event loop 0.16', before: {freeze_after_ms: 300, freeze: 'block'}, actual: 'wedged'},
  {name: 'a spinning event loop 0.16', before: {freeze_after_ms: 300, freeze: 'spin'}, actual: 'wedged'},
  {name: 'one whose pid file is missing', before: {unlink_after_start: ['gateway.pid']}, actual: 'running', ended: 'exit 75'},
  {name: 'one that holds its lock on a deleted file', before: {unlink_after_start: ['gateway.lock']}, actual: 'running', ended: 'exit 75'},
  {
    name: 'one that is stopped for good after exit 78',
    before: {sequence: [{}, {exit_on_start: {code: 78}}]},
    harm: ({sh, pid}) => sh(`kill -KILL ${pid}`),
    actual: 'failed',
  },
]

await describeOnSystemd('hermes-svc restart', (machine) => {
  let user: Account

  beforeAll(async () => {
    user = await machine().addUser('alice')
  })

  const sh = async (script: string) => (await machine().exec(['sh', '-c', script], {user})).stdout

  /** An installed and running gateway that behaves as told; `turn` is done before status is asked. */
  const installed = async (profile: string, config: StandInConfig): Promise<Given> => {
    const home = `${user.home}/.hermes/profiles/${profile}`
    await sh(`mkdir -p ${home}/bin && cp /opt/hermes-svc/package/dist/stand-in/hermes ${home}/bin/hermes`)
    await machine().writeText(`${home}/stand-in.json`, JSON.stringify(config), {user})
    const result = await hermesSvc(machine(), ['install', '-p', profile, '--command', `${home}/bin/hermes`, '--restart-delay-max', '1s'], {
      user,
    })
    expect(result.code, result.stderr).toBe(0)
    const status = async () =>
      (await hermesSvc(machine(), ['status', '-p', profile, '--json', '--wedge-window', '1s'], {user})).json<Report>()
    const {verdict} = await status()
    return {profile, home, pid: verdict.pid ?? 0, sh, status}
  }

  describe.each(situations.map((situation, index) => ({...situation, profile: `state-${index}`})))(
    'of $name',
    ({profile, before, harm, actual, flags, ended}) => {
      it('ends with a running gateway under a new pid', async () => {
        const given = await installed(profile, before)
        await harm?.(given)
        await waitFor(async () => (await given.status()).actual === actual, `the gateway to be ${actual}`)
        const list = await hermesSvc(machine(), ['list', '-p', profile, '--json', '--wedge-window', '1s'], {user})
        expect(list.json<{services: Report[]}>().services).toMatchObject([{actual}])
        await machine().writeText(`${given.home}/stand-in.json`, JSON.stringify(HEALTHY), {user})

        const restart = await hermesSvc(machine(), ['restart', '-p', profile, ...(flags ?? [])], {user})

        expect(restart.code, restart.stderr).toBe(0)
        const after = await given.status()
        expect(after).toMatchObject({actual: 'running', verdict: {state: 'alive'}})
        expect(after.verdict.pid).not.toBe(given.pid)
        if (ended !== undefined) {
          const ends = (await sh(`grep '"end"' ${given.home}/stand-in.starts | grep '"pid": *${given.pid}[,}]' | tail -n 1`)).trim()
          expect(JSON.parse(ends)).toMatchObject({code: Number(ended.slice('exit '.length))})
        }
      })
    },
  )

  /** A gateway of the home that no service knows of. */
  const startByHand = async ({home, profile}: Given) => {
    await sh(`HERMES_HOME=${home} setsid /usr/bin/python3 ${home}/bin/hermes --profile ${profile} gateway run >/dev/null 2>&1 </dev/null &`)
  }
  const restart = (profile: string, ...flags: string[]) => hermesSvc(machine(), ['restart', '-p', profile, ...flags], {user})

  it('ends a gateway that was started outside the service, and starts the service', async () => {
    const given = await installed('orphan', HEALTHY)
    await hermesSvc(machine(), ['stop', '-p', 'orphan'], {user})
    await startByHand(given)
    const before = await waitFor(async () => {
      const report = await given.status()
      return report.actual === 'orphaned' && report
    }, 'the gateway outside the service')

    expect((await restart('orphan', '--force')).code).toBe(0)

    const after = await given.status()
    expect(after).toMatchObject({actual: 'running', verdict: {state: 'alive'}})
    expect(await sh(`test -d /proc/${before.verdict.pid} && echo there`)).toBe('')
  })

  it('ends the one outside where two gateways fight over one home', async () => {
    const given = await installed('two', HEALTHY)
    // The service's own gateway is killed, and the other takes the lock before the service is back: from then on it cannot come up.
    await startByHandFirst(given)
    await waitFor(async () => (await given.status()).failuresInARow > 1, 'the service to fail beside the other gateway')

    expect((await restart('two', '--force')).code).toBe(0)

    expect(await given.status()).toMatchObject({actual: 'running', failuresInARow: 0})
  })

  const startByHandFirst = async (given: Given) => {
    await sh(`systemctl --user stop hermes-gateway-${given.profile}`)
    await startByHand(given)
    await waitFor(async () => (await given.status()).verdict.state === 'alive', 'the gateway outside the service')
    await sh(`systemctl --user start --no-block hermes-gateway-${given.profile}`)
  }

  it('says how to install a service whose unit is missing, and ends with 1', async () => {
    const given = await installed('missing', HEALTHY)
    await sh(
      `systemctl --user stop hermes-gateway-missing; rm ~/.config/systemd/user/hermes-gateway-missing.service; systemctl --user daemon-reload`,
    )

    const result = await restart(given.profile)

    expect(result.code).toBe(1)
    expect(result.stderr).toContain('hermes-svc install')
  })

  it('is handed over when the gateway itself runs the command, and the gateway runs under a new pid afterwards', async () => {
    const given = await installed('inside', HEALTHY)
    // In the control group of the gateway and marked as its own, as a tool that an agent runs is.
    const enter = 'echo $$ >"/sys/fs/cgroup$(sed -n s/^0:://p /proc/$1/cgroup)/cgroup.procs" && shift && exec "$@"'
    const asUser = ['setpriv', '--reuid=alice', '--regid=alice', '--init-groups', '--', 'env', `HOME=${user.home}`, '_HERMES_GATEWAY=1']
    const command = ['/opt/hermes-svc/node', '/opt/hermes-svc/package/bin/hermes-svc.cjs', 'restart', '-p', 'inside']
    // It may be ended with the gateway, by the manager, before it has said anything; what counts is that it did not wait for its own end.
    await machine().exec(['sh', '-c', enter, 'enter', String(given.pid), ...asUser, ...command])

    await waitFor(async () => {
      const {actual, verdict} = await given.status()
      return actual === 'running' && verdict.pid !== given.pid
    }, 'the new gateway')
  })
})
