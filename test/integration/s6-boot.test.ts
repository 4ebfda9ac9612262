import fs from 'node:fs'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {BootReport} from '../../src/lifecycle/boot-report.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {schemaErrors} from '../support/json-schemas.js'
import {waitFor} from '../support/machines.js'
import {describeInContainer, HERMES_ID, S6Container, type Volume, Volumes} from '../support/s6-container.js'

/** Of one container, half of them stopped. */
const PROFILES = 50

describeInContainer('boot of a container', () => {
  let volumes: Volumes

  beforeAll(async () => {
    volumes = await Volumes.make()
  })
  afterAll(async () => {
    await volumes.drop()
  })

  /** Boots a container on a volume as the image would, `hermes-svc boot` included. */
  async function start(volume: Volume, args: readonly string[] = []): Promise<{container: S6Container; report: BootReport}> {
    const container = await S6Container.boot(volume)
    return {container, report: await reconcile(container, args)}
  }

  async function again(
    container: S6Container,
    how: 'stop' | 'kill' = 'stop',
    args: readonly string[] = [],
  ): Promise<{container: S6Container; report: BootReport}> {
    const next = await container.restart(how)
    return {container: next, report: await reconcile(next, args)}
  }

  async function reconcile(container: S6Container, args: readonly string[] = []): Promise<BootReport> {
    const result = await container.must(['boot', '--json', ...args])
    const document = result.json<BootReport>()
    expect(schemaErrors('boot', document)).toEqual([])
    return document
  }

  /** With HERMES_SVC_RECORD=1 a document is kept as a fixture of test/schemas. */
  function record(name: string, report: BootReport): void {
    if (process.env.HERMES_SVC_RECORD !== '1') return
    const file = path.join(import.meta.dirname, '../fixtures/json-documents', `boot.${name}.json`)
    fs.writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
  }

  const actionOf = (report: BootReport, profile = 'default') => report.profiles.find((one) => one.profile === profile)

  async function staysDown(container: S6Container, profile = 'default'): Promise<void> {
    await waitFor(async () => (await container.svstat('up', profile)).length > 0, `the slot of ${profile}`)
    expect(await container.svstat('up,wantedup', profile)).toEqual(['false', 'false'])
  }

  describe.concurrent('a gateway that ran', () => {
    // A boot after a kill, and after a stop, is seen by the row below.
    it.each(
      inCampaign<('stop' | 'kill')[][]>(
        [
          ['stop', 'stop'],
          ['kill', 'kill'],
          ['stop', 'kill'],
        ],
        [],
      ),
    )('a gateway that ran comes back after a %s of the container, and a %s of the next one at once', async (how, atOnce) => {
      const volume = volumes.volume()
      const home = volume.profile('default')
      const first = await start(volume)
      await first.container.comesUp()
      const second = await again(first.container, how)
      // At once: whatever it is doing, it is not up yet.
      const third = await again(second.container, atOnce)
      expect(actionOf(third.report)?.action).toBe('start')
      await third.container.comesUp()
      expect(volume.exists(`${home}/.hermes-svc.json`)).toBe(false)
    })

    it('a gateway that ran comes back though it was draining when the container was killed, and one that was stopped until boot; one that was stopped stays down over any number of boots, until it is started, and comes back after an upgrade, with the same settings from the volume', async () => {
      const volume = volumes.volume()
      const home = volume.profile('default', {drain_ms: 60_000, active_work: 1})
      volume.profile('until-boot')
      const settled = volume.profile('stopped', {dump_env: ['SECRET', 'CONTAINER_VARIABLE']})
      const {container, report} = await start(volume)
      expect(actionOf(report)).toMatchObject({action: 'start', isFinding: false})
      const pid = await container.comesUp()
      await container.comesUp('until-boot')
      await container.comesUp('stopped')
      expect((await container.hermesSvc(['diff'])).code).toBe(0)
      // The tick of all of them is started with them.
      await waitFor(async () => {
        const {stdout} = await container.exec(['s6-svstat', '-o', 'up', '/run/service/hermes-svc-heartbeat'])
        return stdout.trim() === 'true'
      }, 'the heartbeat')
      await container.must(['install', '-p', 'stopped', '--env', "SECRET=it's\n$two `lines`", '--restart-delay', '3s', '--nice', '7'])
      await container.must(['stop', '-p', 'stopped'])
      await container.must(['stop', '-p', 'until-boot', '--until-boot'])
      expect(actionOf(await reconcile(container), 'until-boot')?.action).toBe('keep-down')
      await container.sh(`kill -USR1 ${pid}`)
      await waitFor(() => volume.json(`${home}/gateway_state.json`).gateway_state === 'draining', 'the drain')
      let next = await again(container, 'kill')
      expect(actionOf(next.report)).toMatchObject({action: 'start', reason: expect.stringContaining('it was draining') as string})
      expect(actionOf(next.report, 'until-boot')?.action).toBe('start')
      await next.container.comesUp()
      await next.container.comesUp('until-boot')
      const keepsDown = async () => {
        expect(actionOf(next.report, 'stopped')).toMatchObject({action: 'keep-down', isFinding: false})
        await staysDown(next.container, 'stopped')
      }
      await keepsDown()
      for (const how of inCampaign(['stop', 'kill'] as const, [])) {
        next = await again(next.container, how)
        await keepsDown()
      }
      await next.container.must(['start', '-p', 'stopped'])
      volume.remove(`${settled}/stand-in.env.json`)
      next = await again(next.container, 'stop')
      expect(actionOf(next.report, 'stopped')).toMatchObject({
        ...{action: 'start', reason: expect.stringContaining('it should run (hermes-svc start') as string},
      })
      await next.container.comesUp('stopped')
      expect(volume.json(`${settled}/stand-in.env.json`)).toMatchObject({
        SECRET: "it's\n$two `lines`",
        CONTAINER_VARIABLE: 'from-the-container',
      })
      const niceness = `cut -d ' ' -f 19 "/proc/$(s6-svstat -o pid /run/service/gateway-stopped)/stat"`
      expect((await next.container.sh(niceness)).stdout).toBe('7\n')
      const helper = '/run/service/gateway-stopped/helpers/start.sh'
      expect((await next.container.sh(`grep "After failures" ${helper}`)).stdout).toContain('3, 6, 12, 24 s')
    })

    // What is made of its files is decided in memory: test/lifecycle/boot-intent.test.ts, test/lifecycle/boot-sweep.test.ts; so is each of those that follow.
    itInCampaign('a gateway that ran comes back though it had just crashed when the container was killed', async () => {
      const volume = volumes.volume()
      const home = volume.profile('default', {exit_after_ms: 50, exit: {signal: 'SEGV'}})
      const {container} = await start(volume)
      await waitFor(() => volume.events(home).some(({event}) => event === 'end'), 'the crash')
      await container.kill()
      volume.profile('default')
      const next = await start(volume)
      expect(actionOf(next.report)).toMatchObject({action: 'start', swept: ['gateway.pid', 'gateway.lock']})
      record('swept', next.report)
      await next.container.comesUp()
    })

    itInCampaign(
      'a gateway that ran comes back though it writes "stopped" when the container is stopped, as 0.16 was reported to',
      async () => {
        const volume = volumes.volume()
        const home = volume.profile('default', {sigterm_persists: 'stopped'})
        const {container} = await start(volume)
        await container.comesUp()
        await container.stop()
        expect(volume.json(`${home}/gateway_state.json`)).toMatchObject({gateway_state: 'stopped'})
        const next = await start(volume)
        const reason = actionOf(next.report)?.reason ?? ''
        expect(reason).toContain('gateway_state.json says "stopped" and no desired state is recorded, so it starts')
        await next.container.comesUp()
        expect((await next.container.status()).bootReason).toBe(reason)
        expect(volume.read('logs/hermes-svc-boot.log')?.trim().split('\n')).toHaveLength(2)
      },
    )
  })

  // As upstream's own record of a stop is heeded, below: test/lifecycle/boot-intent.test.ts.
  itInCampaign('a gateway that was stopped, and nobody recorded it, stays down with --unrecorded stopped', async () => {
    const volume = volumes.volume()
    const home = volume.profile('default')
    volume.write(`${home}/gateway_state.json`, {gateway_state: 'stopped'})
    const {container, report} = await start(volume, ['--unrecorded', 'stopped'])
    expect(actionOf(report)).toMatchObject({action: 'keep-down', reason: expect.stringContaining('--unrecorded stopped') as string})
    await staysDown(container)
  })

  // What is made of each is decided in memory: test/lifecycle/boot-intent.test.ts, test/lifecycle/boot.test.ts.
  itInCampaign(
    'boot starts gateways whatever their state files are, and tells of a record that cannot be read, which is no stop',
    async () => {
      const volume = volumes.volume()
      const rest: Readonly<Record<string, (home: string) => void>> = {
        missing: () => undefined,
        empty: (home) => volume.write(`${home}/gateway_state.json`, ''),
        'of-another-type': (home) => volume.write(`${home}/gateway_state.json`, '[]'),
      }
      // What is made of each is decided in memory: test/lifecycle/boot-intent.test.ts.
      const all: typeof rest = {
        'half-written': (home) => volume.write(`${home}/gateway_state.json`, '{"gateway_state": "runn'),
        'of-root': (home) => volume.write(`${home}/gateway_state.json`, {gateway_state: 'running'}, 0),
        ...inCampaign(rest, {}),
      }
      volume.write(`${volume.profile('default')}/.hermes-svc.json`, 'stopped')
      for (const [profile, prepare] of Object.entries(all)) prepare(volume.profile(profile))
      const {container, report} = await start(volume)
      expect(actionOf(report)).toMatchObject({action: 'start', reason: expect.stringContaining('cannot be read') as string})
      for (const profile of Object.keys(all)) {
        expect(actionOf(report, profile), profile).toMatchObject({action: 'start', isFinding: false})
        await container.comesUp(profile)
      }
      await container.comesUp()
    },
  )

  it.concurrent('boot leaves a dashboard-only container alone, and one with both not, where it starts the others though one profile is broken, and says what it did with --dry-run without doing it; a gateway that is down by its failed start is a finding, and not started by each boot; one that upstream stopped stays down whatever we recorded before', async () => {
    const volume = volumes.volume()
    volume.profile('default')
    volume.profile('good')
    volume.profile('bad')
    volume.write(`${volume.profile('failed')}/gateway_state.json`, {gateway_state: 'startup_failed', exit_reason: 'no token'})
    const stopped = volume.profile('by-upstream')
    volume.write(`${stopped}/.hermes-svc.json`, {schemaVersion: 1, desiredState: 'running', since: '2026-01-01T00:00:00Z', by: 'start'})
    volume.write(`${stopped}/gateway_state.json`, {gateway_state: 'stopped', desired_state: 'stopped', updated_at: 1})
    volume.write('profiles/no-profile/notes.txt', 'no SOUL.md')
    volume.write('profiles/served/SOUL.md', '')
    volume.write('gateway_state.json', {gateway_state: 'running', served_profiles: ['served']})
    const container = await S6Container.boot(volume)
    // As upstream's image has its command: a script with the command's words behind it.
    const wrapper = (...command: string[]) =>
      container.sh(
        `echo 'sleep 60 & wait' >/tmp/main-wrapper.sh; setsid sh /tmp/main-wrapper.sh ${command.join(' ')} >/dev/null 2>&1 </dev/null & echo $!`,
      )
    const {stdout} = await wrapper('dashboard')
    const alone = await reconcile(container)
    record('dashboard-only', alone)
    expect(alone).toMatchObject({profiles: [], skipped: expect.stringContaining('dashboard') as string})
    expect((await container.sh('ls /run/service')).stdout).toBe('')
    await container.sh(`kill ${stdout.trim()}`)
    await wrapper('gateway', 'run')

    await container.sh(': >/run/service/gateway-bad')
    const planned = await reconcile(container, ['--dry-run'])
    expect(planned.profiles.map(({profile, action}) => [profile, action])).toEqual([
      ['default', 'start'],
      ['bad', 'start'],
      ['by-upstream', 'keep-down'],
      ['failed', 'keep-down'],
      ['good', 'start'],
      ['served', 'served'],
    ])
    expect((await container.sh('ls /run/service')).stdout).toBe('gateway-bad\n')
    record('dry-run', planned)
    const done = await reconcile(container)
    record('one-failed', done)
    expect(done.profiles.map(({profile, action}) => [profile, action])).toEqual([
      ['default', 'start'],
      ['bad', 'failed'],
      ['by-upstream', 'keep-down'],
      ['failed', 'keep-down'],
      ['good', 'start'],
      ['served', 'served'],
    ])
    await container.comesUp('good')
    await container.comesUp()

    expect(actionOf(done, 'failed')).toMatchObject({isFinding: true, reason: expect.stringContaining('no token') as string})
    await staysDown(container, 'failed')
    await staysDown(container, 'by-upstream')
    const doctor = await container.hermesSvc(['doctor', '-p', 'failed', '--json'])
    expect(doctor.code).toBe(1)
    expect(doctor.stdout).toContain('the container did not start the gateway at boot: its last start failed: no token')
    await container.must(['fix', 'kept-down', '-p', 'failed', '--yes'])
    await container.comesUp('failed')
    expect((await container.hermesSvc(['doctor', '-p', 'failed', '--only', 'kept-down'])).code).toBe(0)
  })

  it.concurrent("boot takes over what upstream's own reconciliation has just made, and says so; a gateway that it has started is left running, and its next end goes by our rules", async () => {
    const volume = volumes.volume()
    const home = volume.profile('default')
    volume.write(`${volume.profile('down')}/gateway_state.json`, {gateway_state: 'starting'})
    const container = await S6Container.boot(volume)
    // As upstream leaves a gateway that was starting: down, with folders that root's s6-supervise has made.
    await container.sh(
      'slot=/run/service/gateway-down; mkdir -p $slot && printf "#!/bin/sh\\nexec sleep 1000\\n" >$slot/run && chmod 755 $slot/run && : >$slot/down; ' +
        's6-svscanctl -a /run/service; until s6-svok $slot; do sleep 0.05; done',
    )
    const run = '#!/bin/sh\nexec s6-setuidgid hermes env HERMES_HOME=/opt/data /opt/hermes/bin/hermes gateway run\n'
    fs.mkdirSync(container.path('/run/service/gateway-default'))
    fs.writeFileSync(container.path('/run/service/gateway-default/run'), run, {mode: 0o755})
    await container.sh('s6-svscanctl -a /run/service')
    const pid = await container.comesUp()
    const report = await reconcile(container)
    expect(report.reconciliation).toBe('after-upstream')
    await container.comesUp('down')
    expect((await container.sh('s6-svc -d /run/service/gateway-down', {uid: HERMES_ID})).code).toBe(0)
    expect(actionOf(report)).toMatchObject({action: 'start', swept: []})
    expect(await container.status()).toMatchObject({installed: 'own', actual: 'running', pid})
    volume.profile('default', {exit_on_start: {code: 78}})
    await container.sh(`kill -KILL ${pid}`)
    await waitFor(async () => (await container.status()).actual === 'failed', 'it to be given up')
    expect(volume.events(home).filter(({event}) => event === 'start')).toHaveLength(2)
  })

  // As two-containers.test.ts sees it, where commands look on.
  itInCampaign('boot never touches the files of a gateway that lives in another container', async () => {
    const volume = volumes.volume()
    const home = volume.profile('default')
    const first = await start(volume)
    await first.container.comesUp()
    const record = volume.read(`${home}/gateway.pid`)
    const second = await start(volume)
    expect(actionOf(second.report)).toMatchObject({swept: [], notSwept: 'a process elsewhere holds gateway.lock'})
    // Its own gateway finds the lock held, and its helpers leave the files alone too.
    await waitFor(() => volume.events(home).filter(({event}) => event === 'end').length >= 2, 'two starts in vain')
    expect(volume.read(`${home}/gateway.pid`)).toBe(record)
    expect(await first.container.status()).toMatchObject({actual: 'running'})
  })

  // A few of each kind are seen above.
  itInCampaign('boot brings many profiles up', async () => {
    const volume = volumes.volume()
    volume.profile('default')
    const names = Array.from({length: PROFILES - 1}, (_, index) => `p${index}`)
    for (const name of names) {
      const home = volume.profile(name)
      const isStopped = Number(name.slice(1)) % 2 === 1
      volume.write(`${home}/gateway_state.json`, {gateway_state: 'running', desired_state: isStopped ? 'stopped' : 'running'})
    }
    // Every other one, and the root's.
    const running = PROFILES / 2 + 1
    const {container, report} = await start(volume)
    expect(report.profiles.filter(({action}) => action === 'start')).toHaveLength(running)
    expect(report.profiles.filter(({action}) => action === 'keep-down')).toHaveLength(PROFILES - running)
    await waitFor(async () => {
      const {stdout} = await container.sh('for slot in /run/service/gateway-*; do s6-svstat -o up "$slot"; done')
      return stdout.split('\n').filter((word) => word === 'true').length === running
    }, `${running} slots to be up`)
  })
})
