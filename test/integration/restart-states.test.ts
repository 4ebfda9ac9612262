import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {HEALTHY, installGateway, situations, startByHand} from '../support/restart-situations.js'
import {seeRestart} from '../support/state-suites.js'

await describeOnSystemd('hermes-svc restart', (machine) => {
  let user: Account

  beforeAll(async () => {
    user = await machine().addUser('alice')
  })

  const sh = async (script: string) => (await machine().exec(['sh', '-c', script], {user})).stdout
  const installed = (profile: string, config: StandInConfig) => installGateway(machine(), user, profile, config)

  describe.concurrent.each(situations.map((situation, index) => ({...situation, profile: `state-${index}`})))(
    'of a gateway: $name',
    ({profile, ...situation}) => {
      it('ends with a running gateway under a new pid', async () => {
        await seeRestart(machine(), user, profile, situation)
      })
    },
  )

  it('ends a gateway that was started outside the service, and starts the service', async () => {
    const given = await installed('orphan', HEALTHY)
    await hermesSvc(machine(), ['stop', '-p', 'orphan'], {user})
    await startByHand(given)
    const before = await waitFor(async () => {
      const report = await given.status()
      return report.actual === 'orphaned' && report
    }, 'the gateway outside the service')

    expect((await given.restart('--force')).code).toBe(0)

    const after = await given.status()
    expect(after).toMatchObject({actual: 'running', verdict: {state: 'alive'}})
    expect(await sh(`test -d /proc/${before.verdict.pid} && echo there`)).toBe('')
  })

  it('shows what is being waited for, and for how long at most', async () => {
    const given = await installed('progress', {drain_ms: 7000, active_work: 2})

    const result = await given.restart('--drain-timeout', '60s')

    expect(result.code).toBe(0)
    expect(result.stderr).toMatch(/waiting for pid \d+ to finish its work \(SIGUSR1\) \([12] active agents\); 5\d s left/)
  })

  it('leaves a gateway that was asked to restart to its drain when it is interrupted, and says so', async () => {
    const given = await installed('interrupted', {drain_ms: 4000, active_work: 1})
    const command = ['/opt/hermes-svc/node', '/opt/hermes-svc/package/bin/hermes-svc.cjs', 'restart', '-p', given.profile]
    const draining = waitFor(async () => (await given.status()).actual === 'draining', 'the drain')
    const interrupted = machine().exec(['timeout', '--preserve-status', '--signal=INT', '2', ...command], {user})
    await draining

    const {code, stderr} = await interrupted
    expect([code, stderr]).toEqual([130, expect.stringMatching(/cancelled: restart hermes-gateway-interrupted.service was under way/)])
    // Not killed for it: it finishes its work, and comes back as it was asked to.
    await waitFor(async () => {
      const {actual, verdict} = await given.status()
      return actual === 'running' && verdict.pid !== given.pid
    }, 'the new gateway')
    expect(await sh(`grep '"end"' ${given.home}/stand-in.starts | grep '"pid": *${given.pid}[,}]'`)).toContain(
      '"reason": "planned-restart"',
    )
  })

  it('ends with 1 and what is left to try where the new gateway does not come up within --timeout', async () => {
    const given = await installed('hopeless', {sequence: [{}, {never_running: true, repeat: 1000}]})

    const result = await given.restart('--timeout', '3s')

    expect(result.code).toBe(1)
    expect(result.stderr).toContain('Next: hermes-svc doctor -p hopeless\n')
    expect((await given.status()).actual).not.toBe('running')
  })

  it('never kills a gateway that works for want of time, and ends with 1 and what is left to try', async () => {
    const given = await installed('out-of-time', {drain_ms: 6000, active_work: 2})

    const result = await given.restart('--timeout', '2s')

    expect(result.code).toBe(1)
    expect(result.stderr).toContain(`(pid ${given.pid}) was asked to restart (2 active agents), and did not end in time`)
    expect(result.stderr).toContain('hermes-svc restart --force')
    expect(await given.status()).toMatchObject({actual: 'draining', verdict: {pid: given.pid}})
  })

  it('ends the children that a gateway leaves behind, and names them', async () => {
    const given = await installed('children', {fork_children: 1, children_deaf: true})
    const child = (await sh(`pgrep -P ${given.pid}`)).trim()

    expect((await given.restart()).stdout).toContain(`; ended with the former gateway: pid ${child} (sleep)`)

    expect(await sh(`[ ! -d /proc/${child} ] || echo there`)).toBe('')
    const logs = await hermesSvc(machine(), ['logs', '-p', 'children', '-n', '100'], {user})
    expect(logs.stdout).toContain(`Killing process ${child} (sleep) with signal SIGKILL`)
  })

  it('says how to install a service whose unit is missing, and ends with 1', async () => {
    const given = await installed('missing', HEALTHY)
    await sh(
      `systemctl --user stop hermes-gateway-missing; rm ~/.config/systemd/user/hermes-gateway-missing.service; systemctl --user daemon-reload`,
    )

    const result = await given.restart()

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
