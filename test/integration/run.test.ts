import fs from 'node:fs'
import {afterAll, describe, expect, it} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {ENTRY, Home, INITS, Namespace, whyNoNamespace} from '../support/foreground.js'
import {waitFor} from '../support/machines.js'

const RECORD = '.hermes-svc-run.json'

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

  // That it is started at once after 75, and ended with for its 78, is seen of one that is asked to restart, and of one that has crashed before; both below.
  itInCampaign('starts it at once after 75, and ends with its 78', async () => {
    const {home, namespace} = run({sequence: [{exit_after_ms: 50, repeat: 5}, {exit_on_start: {code: 78}}]})
    expect(await namespace.ended).toBe(78)
    expect(home.starts().length).toBe(6)
    expect(namespace.log.match(/a planned restart, so it starts again at once/g)?.length).toBe(5)
    expect(namespace.log).toContain('its configuration is wrong')
  })

  // The waits are counted in test/service/after-end.test.ts; that a wait ends with the last code: by the command, which sends the same signal, below.
  itInCampaign('slows a crash loop down, and a stop ends the wait at once with the last code', async () => {
    const {namespace} = run({exit_on_start: {code: 3}}, ['--restart-delay', '200ms', '--restart-delay-max', '1h'])
    await waitFor(() => namespace.log.includes('failure 4 in a row, the next start waits 1.6 s'), 'the fourth failure')
    namespace.signal('SIGTERM')
    expect(await namespace.ended).toBe(3)
    expect(namespace.log).toContain('the start was called off')
  })

  it.concurrent.each(inCampaign(['SIGTERM', 'SIGINT'] as const, ['SIGTERM'] as const))(
    'passes SIGUSR1 on, which restarts the gateway, and %s as a stop that is meant, and ends with the gateway’s own code',
    async (signal) => {
      const {home, namespace} = run({stop_takes_ms: 300})
      await home.runs()
      namespace.signal('SIGUSR1')
      await home.runs(2)
      expect(namespace.log).toContain('a planned restart, so it starts again at once')
      namespace.signal(signal)
      expect(await namespace.ended).toBe(0)
      expect(home.json('gateway_state.json').gateway_state).toBe('stopped')
      expect(namespace.log).toContain('this stop was requested')
      expect(home.starts().length).toBe(2)
    },
  )

  it.concurrent.each(inCampaign<readonly (typeof INITS)[number][]>(INITS, ['tini']))(
    'lets no zombies pile up under %s, and nothing that a gateway left behind live on',
    async (init) => {
      const {home, namespace} = run({fork_children: 3, zombie_children: 5, exit_after_ms: 300, exit: {code: 75}}, [], init)
      await home.runs(4)
      await waitFor(async () => {
        const states = await namespace.states()
        // The init, hermes-svc, the gateway with its three children, and ps: at most those, and the five that this very gateway does not reap.
        return states.replaceAll('Z', '').length <= 7 && states.split('Z').length - 1 <= 5
      }, 'nothing of former gateways to be left')
    },
  )

  it.concurrent('has the gateway stand back for the CPU as was chosen, refreshes the heartbeat of a quiet one, starts it again after kill -9, though that leaves its pid record behind, and tells who is to be told of a crash loop, and of an exit that is final with its last breath', async () => {
    const {home, namespace} = run({}, ['--heartbeat-interval', '1s', '--nice', '7'])
    const pid = await home.runs()
    expect((await namespace.exec(['ps', '-o', 'ni=', '-p', String(pid)])).stdout.trim()).toBe('7')
    const before = home.json('gateway_state.json').updated_at
    await waitFor(() => home.json('gateway_state.json').updated_at !== before, 'a tick')
    const told = () => (home.exists('told') ? fs.readFileSync(home.file('told'), 'utf8').split('\n').filter(Boolean) : [])
    const added = await namespace.hermesSvc([
      'notify',
      'add',
      `exec:sh -c 'echo "$HERMES_SVC_EVENT" >>${home.file('told')}'`,
      '--home',
      home.path,
    ])
    expect(added).toMatchObject({code: 0})
    home.configure({sequence: [{exit_on_start: {code: 1}, repeat: 4}, {}]})
    await namespace.exec(['kill', '-KILL', String(pid)])
    await waitFor(() => told().includes('crash-looping'), 'a message')
    expect(namespace.log).toContain('gateway was killed by SIGKILL')
    expect(namespace.log).toContain(`gateway.pid was cleared: process ${pid} is gone`)
    home.configure({exit_on_start: {code: 78}})
    expect(await namespace.ended).toBe(78)
    expect(told().at(-1)).toBe('fatal-config')
  })

  it.concurrent('kills a wedged gateway and starts it again, with --watchdog', async () => {
    const {home, namespace} = run({sequence: [{freeze_after_ms: 500, freeze: 'stop'}]}, ['--heartbeat-interval', '8s', '--watchdog', '2'])
    // It leaves a gateway alone that is younger than 30 s.
    await home.runs(2, 100_000)
    expect(namespace.log).toContain('the watchdog had to kill the wedged gateway')
  })

  // As it refuses beside one that waits for its next start, below.
  itInCampaign('refuses to begin beside a gateway that runs', async () => {
    const {home, namespace} = run()
    const pid = await home.runs()
    const second = await namespace.hermesSvc(['run', '--home', home.path])
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/hermes-svc run \(pid \d+\) already keeps a gateway of .* running/)
    expect(pid).toBeGreaterThan(0)
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

  describe('while it lives', () => {
    function runBeside(home: Home, args: readonly string[] = []): Namespace {
      const namespace = Namespace.beside(home, args)
      namespaces.push(namespace)
      return namespace
    }

    const endsWith = (namespace: Namespace, code: number) =>
      waitFor(() => namespace.log.includes(`run ended with ${code}\n`), `run to end with ${code}`)

    it.concurrent('is what the other commands work with, for the gateway’s own account though root runs it, and for root, and leaves nothing of itself behind', async () => {
      const home = makeHome({})
      const [uid, gid] = [65_534, 65_534]
      for (const place of [home.path, home.file('stand-in.json')]) fs.chownSync(place, uid, gid)
      const namespace = runBeside(home)
      const svc = (...words: string[]) => namespace.hermesSvc([...words, '--home', home.path])
      const as = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--', process.execPath, ENTRY]
      const svcOfAccount = (...words: string[]) => namespace.exec([...as, ...words, '--home', home.path])
      const pid = await home.runs()
      const status = await svc('status', '--json')
      expect(status.code).toBe(0)
      expect(JSON.parse(status.stdout)).toMatchObject({
        ...{manager: 'run', installed: 'run', foreground: true, actual: 'running', pid, restarts: 0, failuresInARow: 0, lastExit: null},
      })
      // What else only reads of it is judged in memory: test/managers/run.test.ts.
      if (isCampaign) {
        expect(await svc('list')).toMatchObject({
          code: 0,
          stdout: expect.stringMatching(/^default +run +foreground +- +running /m) as string,
        })
        expect(await svc('heartbeat')).toMatchObject({code: 0, stdout: expect.stringContaining(`alive (pid ${pid}`) as string})
        expect(await svc('logs', '-n', '1')).toMatchObject({code: 0, stdout: expect.stringContaining('Gateway running') as string})
        expect(await svc('install')).toMatchObject({code: 4, stderr: expect.stringContaining('no service manager') as string})
        // Whoever it is that names the manager means the same one.
        expect(await svc('status', '--manager', 'run')).toMatchObject({code: 0})
        expect(await svc('start')).toMatchObject({code: 0, stdout: expect.stringContaining('is running') as string})
      }
      expect(await svc('doctor')).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^✓ .*: \d+ checks, no findings \(.*\)\n$/) as string,
      })

      expect(await svcOfAccount('restart')).toMatchObject({
        ...{code: 0, stdout: expect.stringContaining('running under a new pid') as string},
      })
      expect(await home.runs(2)).not.toBe(pid)
      expect(fs.statSync(home.file(RECORD))).toMatchObject({uid, gid, mode: 0o100600})
      expect(await svc('restart', '--force')).toMatchObject({code: 0})
      await home.runs(3)
      const after = JSON.parse((await svc('status', '--json')).stdout) as object
      expect(after).toMatchObject({actual: 'running', restarts: 2, failuresInARow: 0, desired: 'running'})

      expect(await svcOfAccount('stop')).toMatchObject({code: 0, stdout: expect.stringContaining('is stopped') as string})
      await endsWith(namespace, 0)
      expect(home.starts().length).toBe(3)
      expect(home.json('.hermes-svc.json')).toMatchObject({desiredState: 'stopped', by: 'stop'})
      expect([home.exists(RECORD), home.exists('gateway.pid')]).toEqual([false, false])
      expect(namespace.log).toContain('a planned restart, so it starts again at once')
      expect(namespace.log).toContain('a restart was requested, so it starts again at once')
      expect(namespace.log).toContain('this stop was requested')

      const again = Namespace.run(home)
      namespaces.push(again)
      await home.runs(4)
      expect(home.json('.hermes-svc.json')).toMatchObject({desiredState: 'running', by: 'run'})
      expect(again.log).toContain('the gateway was recorded as stopped (stop, ')
    })

    // What start and restart ask for is one thing: test/managers/run.test.ts.
    it.concurrent.each(inCampaign(['start', 'restart'], ['restart']))(
      '%s ends a wait for the next start, and the failures are forgotten; a stop ends one, and it ends with the gateway’s own code',
      async (command) => {
        const home = makeHome({exit_on_start: {code: 3}})
        const namespace = runBeside(home, ['--restart-delay', '1h', '--restart-delay-max', '1h'])
        const svc = (...words: string[]) => namespace.hermesSvc([...words, '--home', home.path])
        const waits = (times: number) =>
          waitFor(() => namespace.log.split('failure 1 in a row, the next start waits 3600 s').length > times, 'the wait')
        await waits(1)
        const waiting = await svc('status', '--json')
        expect({code: waiting.code, ...(JSON.parse(waiting.stdout) as object)}).toMatchObject({
          ...{code: 1, actual: 'waiting', failuresInARow: 1, lastExit: {how: 'exited', status: 3}},
        })
        expect((await svc('run')).stderr).toMatch(/hermes-svc run \(pid \d+\) already keeps a gateway of .* running/)
        home.configure({})
        expect(await svc(command)).toMatchObject({code: 0})
        expect(JSON.parse((await svc('status', '--json')).stdout)).toMatchObject({actual: 'running', failuresInARow: 0, restarts: 1})
        home.configure({exit_on_start: {code: 3}})
        await namespace.exec(['kill', '-USR1', String(await home.runs())])
        await waits(2)
        expect(await svc('stop')).toMatchObject({code: 0})
        await endsWith(namespace, 3)
        expect(home.starts().length).toBe(3)
      },
    )
  })

  describe('without one', () => {
    it.concurrent('once it was killed, whatever its record says, start, stop and restart say how a gateway is run, with exit 4, and none begins beside the one that lives on; doctor, heartbeat and status tell of a gateway what its files and processes tell', async () => {
      const home = makeHome({})
      const namespace = Namespace.beside(home)
      namespaces.push(namespace)
      const svc = (...words: string[]) => namespace.hermesSvc([...words, '--home', home.path])
      const pid = await home.runs()
      await namespace.exec(['kill', '-KILL', String(home.json(RECORD).pid)])
      await waitFor(() => namespace.log.includes(`run ended with ${128 + 9}\n`), 'its end')
      expect(home.exists(RECORD)).toBe(true)
      // They are refused in one place.
      for (const command of inCampaign(['start', 'stop', 'restart'], ['stop'])) {
        const result = await svc(command)
        expect(result).toMatchObject({code: 4, stderr: expect.stringContaining('hermes-svc run') as string})
        expect(result.stderr).toContain('tini')
      }
      if (isCampaign)
        expect(await svc('heartbeat')).toMatchObject({code: 0, stdout: expect.stringContaining(`alive (pid ${pid}`) as string})
      expect((await svc('run')).stderr).toContain(`is already running as pid ${pid}`)
      const status = await svc('status', '--json')
      expect({code: status.code, ...(JSON.parse(status.stdout) as object)}).toMatchObject({
        ...{code: 4, actual: 'not-installed', installed: 'no', verdict: {state: 'alive', pid}},
      })
      expect(await svc('doctor')).toMatchObject({code: 0, stdout: expect.stringMatching(/^- info: .* \[not-installed\]$/m) as string})

      await namespace.exec(['kill', '-KILL', String(pid)])
      await waitFor(async () => (await namespace.exec(['kill', '-0', String(pid)])).code !== 0, 'the end of the gateway')
      const findings = async () => {
        const {code, stdout} = await svc('doctor', '--json')
        const {services} = JSON.parse(stdout) as {services: {findings: {id: string; kind: string}[]}[]}
        return {code, findings: services[0]?.findings.map(({id, kind}) => `${id} ${kind}`)}
      }
      const longAgo = new Date(Date.now() - 60_000)
      for (const name of ['gateway.pid', 'gateway_state.json']) fs.utimesSync(home.file(name), longAgo, longAgo)
      // Nothing says that it ran in this very container: that is for a person to say.
      expect(await findings()).toEqual({code: 1, findings: ['stale-state pid-elsewhere', 'not-installed without-service']})
      fs.rmSync(home.file('gateway.pid'))
      fs.writeFileSync(
        home.file('.hermes-svc.json'),
        JSON.stringify({schemaVersion: 1, desiredState: 'running', since: 'now', by: 'start'}),
      )
      fs.chmodSync(home.path, 0o777)
      expect((await findings()).findings).toEqual(expect.arrayContaining(['file-access home-open', 'not-installed missing']))
    })
  })
})

function absolute(word: string): string {
  return word === 'bin/hermes-svc.cjs' ? new URL(`../../${word}`, import.meta.url).pathname : word
}
