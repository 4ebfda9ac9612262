import {afterAll, expect, it} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {describeUnless} from '../support/describe-unless.js'
import {Home, INITS, Namespace, whyNoNamespace} from '../support/foreground.js'
import {waitFor} from '../support/machines.js'

describeUnless(whyNoNamespace(), 'run, in a container without a service manager', () => {
  const homes: Home[] = []
  const namespaces: Namespace[] = []

  afterAll(async () => {
    await Promise.all(namespaces.map((namespace) => namespace.kill()))
    for (const home of homes) home.drop()
  })

  function makeHome(standIn: StandInConfig): Home {
    const home = new Home()
    homes.push(home)
    home.configure(standIn)
    return home
  }

  function run(
    standIn: StandInConfig = {},
    args: readonly string[] = [],
    init?: (typeof INITS)[number],
  ): {home: Home; namespace: Namespace} {
    const home = makeHome(standIn)
    const namespace = Namespace.run(home, args, init)
    namespaces.push(namespace)
    return {home, namespace}
  }

  it.concurrent('starts the gateway again after kill -9, though that leaves its pid record behind', async () => {
    const {home, namespace} = run()
    const pid = await home.runs()
    await namespace.exec(['kill', '-KILL', String(pid)])
    expect(await home.runs(2)).not.toBe(pid)
    expect(namespace.log).toContain('gateway was killed by SIGKILL')
    expect(namespace.log).toContain(`gateway.pid was cleared: process ${pid} is gone`)
  })

  it.concurrent('starts it at once after 75, and ends with its 78', async () => {
    const {home, namespace} = run({sequence: [{exit_after_ms: 50, repeat: 5}, {exit_on_start: {code: 78}}]})
    expect(await namespace.ended).toBe(78)
    expect(home.starts().length).toBe(6)
    expect(namespace.log.match(/a planned restart, at once/g)?.length).toBe(5)
    expect(namespace.log).toContain('its configuration is wrong')
  })

  it.concurrent('slows a crash loop down, and a stop ends the wait at once with the last code', async () => {
    const {namespace} = run({exit_on_start: {code: 3}}, ['--restart-delay', '200ms', '--restart-delay-max', '1h'])
    await waitFor(() => namespace.log.includes('failure 4 in a row, the next start waits 1.6 s'), 'the fourth failure')
    namespace.signal('SIGTERM')
    expect(await namespace.ended).toBe(3)
    expect(namespace.log).toContain('the start was called off')
  })

  it.concurrent.each(['SIGTERM', 'SIGINT'] as const)(
    'passes %s on as a stop that is meant, and ends with the gateway’s own code',
    async (signal) => {
      const {home, namespace} = run({stop_takes_ms: 300})
      await home.runs()
      namespace.signal(signal)
      expect(await namespace.ended).toBe(0)
      expect(home.json('gateway_state.json').gateway_state).toBe('stopped')
      expect(namespace.log).toContain('the stop was asked for')
      expect(home.starts().length).toBe(1)
    },
  )

  it.concurrent('passes SIGUSR1 on, which restarts the gateway', async () => {
    const {home, namespace} = run()
    await home.runs()
    namespace.signal('SIGUSR1')
    await home.runs(2)
    expect(namespace.log).toContain('a planned restart, at once')
  })

  it.concurrent.each(INITS)('lets no zombies pile up under %s, and nothing that a gateway left behind live on', async (init) => {
    const {home, namespace} = run({fork_children: 3, zombie_children: 5, exit_after_ms: 300, exit: {code: 75}}, [], init)
    await home.runs(4)
    await waitFor(async () => {
      const states = await namespace.states()
      // The init, hermes-svc, the gateway with its three children, and ps: at most those, and the five that this very gateway does not reap.
      return states.replaceAll('Z', '').length <= 7 && states.split('Z').length - 1 <= 5
    }, 'nothing of former gateways to be left')
  })

  it.concurrent('refreshes the heartbeat of a quiet gateway', async () => {
    const {home} = run({}, ['--heartbeat-interval', '1s'])
    await home.runs()
    const before = home.json('gateway_state.json').updated_at
    await waitFor(() => home.json('gateway_state.json').updated_at !== before, 'a tick')
  })

  it.concurrent('kills a wedged gateway and starts it again, with --watchdog', async () => {
    const {home, namespace} = run({sequence: [{freeze_after_ms: 500, freeze: 'stop'}]}, ['--heartbeat-interval', '1s', '--watchdog', '2'])
    // It leaves a gateway alone that is younger than 30 s.
    await home.runs(2, 100_000)
    expect(namespace.log).toContain('the watchdog had to kill the wedged gateway')
  })

  it.concurrent('refuses to begin beside a gateway that runs', async () => {
    const {home, namespace} = run()
    const pid = await home.runs()
    const second = await namespace.hermesSvc(['run', '--home', home.path])
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(`runs already, as pid ${pid}`)
  })

  it.concurrent('says as PID 1 that it needs an init, and does not begin', async () => {
    const home = makeHome({})
    const namespace = Namespace.start([process.execPath, 'bin/hermes-svc.cjs', 'run', '--home', home.path].map(absolute))
    namespaces.push(namespace)
    expect(await namespace.ended).toBe(1)
    expect(namespace.log).toContain('tini')
    expect(namespace.log).toContain('docker run --init')
    expect(home.starts()).toEqual([])
  })

  it.concurrent('is what start and restart point to, with exit 4, where there is no manager', async () => {
    const {home, namespace} = run()
    await home.runs()
    for (const command of ['start', 'restart']) {
      const result = await namespace.hermesSvc([command, '--home', home.path, '--scope', 'system'], {})
      expect(result.code).toBe(4)
      expect(result.stderr).toContain('hermes-svc run')
    }
  })
})

function absolute(word: string): string {
  return word === 'bin/hermes-svc.cjs' ? new URL(`../../${word}`, import.meta.url).pathname : word
}
