import fs from 'node:fs'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {STEPS} from '../../src/smoke/steps.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {schemaErrors} from '../support/json-schemas.js'
import {waitFor} from '../support/machines.js'
import {
  describeInContainer,
  DOCKER_CAPABILITIES,
  HERMES_ID,
  HOME,
  type Ended,
  S6Container,
  STAND_IN,
  type Volume,
  Volumes,
} from '../support/s6-container.js'

const SERVICE_DIRECTORY = '/run/service'
/** Fast enough for many ends in a test; s6 itself lets a second pass between two starts. */
const SHORT = ['--restart-delay', '1s', '--restart-delay-max', '2s']
/** Planned restarts in a row, a second each; in a campaign more than the failures after which it would wait longest. */
const PLANNED = inCampaign(50, 3)

describeInContainer('a service under s6', () => {
  let volumes: Volumes
  let volume: Volume
  let container: S6Container
  let made = 0

  beforeAll(async () => {
    volumes = await Volumes.make()
    volume = volumes.volume()
    container = await S6Container.boot(volume)
  })
  afterAll(async () => {
    await volumes.drop()
  })

  /** A profile that no other test has, its home relative to the volume, and the commands on it. */
  class Service {
    readonly name = `test-${(made += 1)}`
    readonly slot = `${SERVICE_DIRECTORY}/gateway-${this.name}`
    readonly home: string

    constructor(
      standIn: StandInConfig = {},
      private readonly place = container,
    ) {
      this.home = this.place.volume.profile(this.name, standIn)
    }

    configure(standIn: StandInConfig): void {
      this.place.volume.profile(this.name, standIn)
    }

    run(command: string, ...args: string[]): Promise<Ended> {
      return this.place.hermesSvc([command, '-p', this.name, ...args])
    }

    must(command: string, ...args: string[]): Promise<Ended> {
      return this.place.must([command, '-p', this.name, ...args])
    }

    async install(...args: string[]): Promise<number> {
      await this.must('install', ...args)
      return this.up()
    }

    up(formerPid = 0): Promise<number> {
      return this.place.comesUp(this.name, formerPid)
    }

    svstat(fields: string): Promise<string[]> {
      return this.place.svstat(fields, this.name)
    }

    ends(): number {
      return this.place.volume.events(this.home).filter(({event}) => event === 'end').length
    }

    starts(): number[] {
      return this.place.volume.events(this.home).flatMap(({event, ms}) => (event === 'start' ? [ms] : []))
    }
  }

  // First, as it waits longest: the others run meanwhile.
  it.concurrent('a gateway is ticked by one slot for all, and killed by the watchdog when it is wedged', async () => {
    // Commands at the same moment may each have their own idea of how often it should tick.
    const alone = await S6Container.boot(volumes.volume())
    const service = new Service({freeze_after_ms: 100, freeze: 'block', sequence: [{}, {freeze_after_ms: null}]}, alone)
    // One that is younger than 30 s is not wedged yet: the second tick is the first that counts.
    await service.must('install', '--heartbeat-interval', '35s', '--watchdog', '1')
    const other = new Service({}, alone)
    await other.install()
    expect((await alone.sh(`ls -d ${SERVICE_DIRECTORY}/hermes-svc-*`)).stdout.trim()).toBe(`${SERVICE_DIRECTORY}/hermes-svc-heartbeat`)
    const stamp = () => String(alone.volume.json(`${other.home}/gateway_state.json`).updated_at)
    const before = stamp()
    await waitFor(() => stamp() !== before, 'a tick')
    await waitFor(() => service.starts().length >= 2, 'the watchdog')
    expect(alone.volume.read(`${service.home}/logs/hermes-svc.jsonl`)).toContain('"command":"watchdog"')
    await service.must('uninstall')
    expect((await alone.sh(`ls -d ${SERVICE_DIRECTORY}/hermes-svc-heartbeat`)).code).toBe(0)
  })

  it.concurrent('a slot is installed, found up to date, and uninstalled without a trace', async () => {
    const service = new Service()
    await service.install()
    expect(await service.svstat('up,wantedup')).toEqual(['true', 'true'])
    expect(await container.status(service.name)).toMatchObject({
      ...{service: `gateway-${service.name}`, manager: 's6', scope: 'system', account: 'hermes', installed: 'own', enabled: true},
      ...{desired: 'running', actual: 'running', exit: 0},
    })
    expect((await service.must('install')).stdout).toContain('already up to date')
    if (isCampaign) {
      // Each reads what install and status have read here; doctor is asked by rows below, diff in s6-boot.test.ts.
      expect((await service.run('diff')).code).toBe(0)
      expect((await service.must('render')).stdout).toContain(`${service.slot}/finish`)
      expect((await service.run('doctor')).code).toBe(0)
      expect((await service.run('health', '--probe', 'readiness')).code).toBe(0)
      expect((await service.must('heartbeat')).stdout).toContain('alive')
    }
    await service.must('uninstall')
    const {stdout} = await container.sh(`ls -A ${SERVICE_DIRECTORY} /run/hermes-svc; ps ax`)
    expect(stdout).not.toContain(service.name)
    expect(volume.exists(`${service.home}/.hermes-svc`)).toBe(false)
    expect(volume.exists(`${service.home}/.hermes-svc.json`)).toBe(false)
    expect(await container.status(service.name)).toMatchObject({actual: 'not-installed', exit: 4})
  })

  // By the steps of an uninstall, above, in the order of test/lifecycle/install.test.ts; that a slot is made beside its place: test/managers/s6/index.test.ts.
  itInCampaign('an install shows nothing of half a slot to s6-svscan, and takes away what a failed install began', async () => {
    const service = new Service({exit_on_start: {code: 1}})
    const failed = await service.run('install', '--timeout', '5s', ...SHORT)
    expect(failed.code).toBe(1)
    expect((await container.sh(`ls -A ${SERVICE_DIRECTORY}; ps ax`)).stdout).not.toContain(service.name)
    expect(volume.exists(`${service.home}/.hermes-svc`)).toBe(false)
  })

  // By the plans that are seen here one by one: apply.test.ts.
  itInCampaign('is what a document declares, by apply, and is printed by export', async () => {
    const [up, down] = [new Service(), new Service()]
    const apply = async (services: readonly object[], ...args: string[]) => {
      const file = container.path('/etc/hermes-svc.json')
      fs.writeFileSync(file, JSON.stringify({schemaVersion: 1, services}))
      const {code, stdout} = await container.hermesSvc(['apply', '/etc/hermes-svc.json', '--json', ...args])
      const document = JSON.parse(stdout) as {changed: boolean; services: {service: string; acts: string[]; error: object | null}[]}
      expect(schemaErrors('apply', document)).toEqual([])
      // Beside these two there are those of other tests.
      const own = document.services.filter(({service}) => [up, down].some(({name}) => service === `gateway-${name}`))
      return {code, changed: document.changed, acts: own.map((row) => row.acts), errors: own.flatMap(({error}) => error ?? [])}
    }
    const both = [
      {profile: up.name, env: {EXTRA: '1'}},
      {profile: down.name, state: 'stopped', watchdog: 5},
    ]
    expect(await apply(both)).toEqual({code: 0, changed: true, acts: [['install'], ['install']], errors: []})
    const pid = await up.up()
    expect(await down.svstat('up,wantedup')).toEqual(['false', 'false'])
    expect(down.starts()).toEqual([])
    expect(await apply(both)).toMatchObject({code: 0, changed: false, acts: [[], []]})
    expect(await up.svstat('pid')).toEqual([String(pid)])
    const exported = await container.must(['export', '-p', down.name])
    expect(exported.stdout).toContain(`- profile: ${down.name}\n    account: hermes\n    state: stopped\n    watchdog: 5\n`)
    expect(await apply([{profile: up.name, env: {EXTRA: '2'}}, {profile: down.name}])).toMatchObject({
      ...{
        code: 0,
        changed: true,
        acts: [
          ['change', 'restart'],
          ['change', 'start'],
        ],
      },
    })
    await up.up(pid)
    await down.up()
    await up.must('uninstall')
    await down.must('uninstall')
  })

  // By the plan of an install: json-documents.test.ts.
  itInCampaign('has its settings shown, changed and unset by config', async () => {
    const service = new Service()
    const pid = await service.install()
    const delay = async () => (await service.must('config:get', 'restart-delay')).stdout.trim()
    expect(await delay()).toBe('1s')
    expect((await service.must('config:set', 'restart-delay=2s', '--json')).stdout).toContain('"changed":true')
    expect(await delay()).toBe('2s')
    expect((await service.must('config')).stdout).toMatch(/^restart-delay +2s +install or config set$/m)
    await service.must('config:unset', 'restart-delay')
    expect(await delay()).toBe('1s')
    await service.must('config:set', 'env.EXTRA=1')
    expect(await service.up(pid)).not.toBe(pid)
    expect((await service.must('config')).stdout).toMatch(/^env\.EXTRA +… /m)
  })

  // Of another name, and nothing else: test/service/naming.test.ts.
  itInCampaign('a service of another root home gets a slot of its own', async () => {
    volume.write('other/stand-in.json', {})
    const home = '/opt/data/other'
    await container.must(['install', '--home', home])
    const {services} = (await container.must(['list', '--home', home, '--json'])).json<{services: {service: string; actual: string}[]}>()
    expect(services).toMatchObject([{service: expect.stringMatching(/^gateway-[0-9a-f]{8}$/) as string, actual: 'running'}])
    await container.must(['uninstall', '--home', home])
  })

  it.concurrent('history has each end with its reason, and the boot of the container', async () => {
    const service = new Service({sequence: [{}, {exit_after_ms: 200, exit: {code: 1}}, {}, {}]})
    const pid = await service.install(...SHORT)
    await container.sh(`kill -KILL ${pid}`)
    await waitFor(() => service.starts().length >= 3, 'the third start')
    const third = await service.up(pid)
    await container.sh(`kill -USR1 ${third}`)
    await service.up(third)
    await service.must('stop')
    const {stdout} = await service.must('history', '--since', '1h', '--json')
    const document = JSON.parse(stdout) as {
      histories: {entries: {kind: string; reason?: {kind: string}; by?: {who: string; command?: string}}[]}[]
    }
    expect(schemaErrors('history', document)).toEqual([])
    const entries = document.histories[0]?.entries ?? []
    expect(entries.filter(({kind}) => kind === 'end').map(({reason}) => reason)).toEqual([
      {kind: 'signal', signal: 'KILL', isDumped: false},
      {kind: 'exit', status: 1},
      {kind: 'planned-restart'},
      {kind: 'stop-asked'},
    ])
    expect(entries.filter(({kind}) => kind === 'end').at(-1)?.by).toEqual({who: 'command', command: 'stop'})
    expect(entries.filter(({kind}) => kind === 'start')).toHaveLength(4)
    expect(entries[0]?.kind).toBe('boot')
    expect((await service.run('status')).stdout).toMatch(/last end +stopped as asked, \d+ s ago/)
  })

  it.concurrent('a slot is controlled by its own user, without root, and by a root that has the capabilities that Docker gives it, who sees an idle gateway as its user does', async () => {
    const service = new Service()
    const pid = await service.install()
    // As s6-svperms has it: what root's s6-supervise opens by name is root's, and the FIFO is the user's.
    const {stdout} = await container.sh(
      `cd ${service.slot} && stat -c '%n %U %a' supervise supervise/control supervise/event event run log/supervise/control`,
    )
    expect(stdout.split('\n').slice(0, -1)).toEqual([
      'supervise root 755',
      'supervise/control hermes 660',
      'supervise/event root 3730',
      'event root 3730',
      'run root 755',
      'log/supervise/control hermes 660',
    ])
    const asUser = (command: string) => container.must([command, '-p', service.name], {uid: HERMES_ID})
    expect((await container.status(service.name, {uid: HERMES_ID})).actual).toBe('running')
    expect((await container.exec(['s6-svc', '-t', service.slot], {uid: HERMES_ID})).code).toBe(0)
    const next = await service.up(pid)
    await asUser('restart')
    await service.up(next)
    await asUser('stop')
    expect(await service.svstat('up,wantedup')).toEqual(['false', 'false'])
    expect((await container.status(service.name)).desired).toBe('stopped')
    await asUser('start')
    expect(await service.svstat('up,wantedup')).toEqual(['true', 'true'])
    const options = {capabilities: DOCKER_CAPABILITIES}
    const idle = await service.up()
    expect((await container.sh(`readlink /proc/${idle}/cwd`, options)).code).toBe(1)
    const status = await container.status(service.name, options)
    expect(status).toMatchObject({actual: 'running', exit: 0, verdict: {state: 'alive', pid: idle}})
    expect(status.verdict.evidence).toContain('its event loop waits for events')
    expect(status.verdict.evidence).toContain(`gateway.lock is held by pid ${idle}`)
    if (isCampaign) {
      // As its uninstall, below, ends the gateway, and its user's start begins another one.
      await container.must(['restart', '-p', service.name], options)
      await service.up(idle)
    }
    expect((await container.hermesSvc(['doctor', '-p', service.name], options)).code).toBe(0)
    await container.must(['uninstall', '-p', service.name, '--yes'], options)
  })

  describe.concurrent('stop, start and restart', () => {
    it('stop and start end the gateway in good order, keep it down, and bring it up again, as an end with 0 does after a stop was recorded; a stop whose home is read-only says what could not be recorded', async () => {
      const service = new Service()
      const pid = await service.install()
      await service.must('stop')
      expect(await service.svstat('up,wantedup,exitcode')).toEqual(['false', 'false', '0'])
      expect(volume.exists(`${service.home}/.gateway-planned-stop.json`)).toBe(false)
      expect((await container.sh(`ls ${service.slot}/down`)).code).toBe(0)
      expect(await container.status(service.name)).toMatchObject({actual: 'stopped', enabled: false, desired: 'stopped', exit: 3})
      expect((await service.must('stop')).stdout).toContain('is already stopped')
      service.configure({planned_stop_watcher: true})
      await service.must('start')
      expect(await service.svstat('up,wantedup')).toEqual(['true', 'true'])
      expect((await container.sh(`ls ${service.slot}/down`)).code).not.toBe(0)
      const next = await service.up(pid)
      expect(next).not.toBe(pid)

      volume.write(`${service.home}/.hermes-svc.json`, JSON.stringify({schemaVersion: 1, desiredState: 'stopped', since: 'x', by: 'stop'}))
      await container.sh(`kill -INT ${next}`)
      await waitFor(async () => (await service.svstat('up,wantedup')).join() === 'false,false', 'the slot to be down for good')
      expect((await container.status(service.name)).actual).toBe('stopped')
      service.configure({})
      await service.must('start')
      await service.up(next)

      const home = `${HOME}/${service.home}`
      expect((await container.sh(`mount --bind ${home} ${home} && mount -o remount,bind,ro ${home}`)).code).toBe(0)
      const {code, stdout} = await service.run('stop', '--json')
      expect([code, JSON.parse(stdout)]).toEqual([
        0,
        expect.objectContaining({
          changed: true,
          warnings: [
            expect.stringMatching(
              /^could not record that the service should be stopped: .*: EROFS; once the disk can be written again, run: hermes-svc stop /,
            ),
            expect.stringMatching(/^could not write the journal: .*: EROFS/),
          ],
        }),
      ])
      expect(await service.svstat('up,wantedup')).toEqual(['false', 'false'])
      expect((await container.sh(`umount ${home}`)).code).toBe(0)
      await service.must('stop')
      expect(await container.status(service.name)).toMatchObject({desired: 'stopped', actual: 'stopped'})
    })

    // As its own user restarts it, above, and root with few capabilities; that it is planned, history tells.
    itInCampaign('restart gives a new process, and asks the old one first', async () => {
      const service = new Service()
      const pid = await service.install()
      await service.must('restart')
      expect(await service.up(pid)).not.toBe(pid)
      expect(volume.events(service.home)).toContainEqual(expect.objectContaining({event: 'end', reason: 'planned-restart', code: 75}))
    })

    // As the slot is that stop leaves, above, whose start takes the down file away.
    it.each(inCampaign(['start', 'restart'], []))('%s brings a slot up that is down and has a down file', async (command) => {
      const service = new Service()
      await service.install()
      await container.sh(`touch ${service.slot}/down; s6-svc -wD -d ${service.slot}`)
      expect(await service.svstat('up')).toEqual(['false'])
      await service.must(command)
      expect(await service.svstat('up,wantedup')).toEqual(['true', 'true'])
      expect((await container.sh(`ls ${service.slot}/down`)).code).not.toBe(0)
    })

    // As one that ended with 78 is brought up, below.
    it.each(inCampaign(['start', 'restart'], []))('%s brings a slot up that its finish script took down for good', async (command) => {
      const service = new Service()
      await service.install()
      service.configure({exit_on_start: {code: 78}})
      await container.sh(`s6-svc -t ${service.slot}`)
      await waitFor(async () => (await container.status(service.name)).actual === 'failed', 'the slot to be down for good')
      service.configure({})
      await service.must(command)
      expect(await service.svstat('up,wantedup')).toEqual(['true', 'true'])
    })

    // As doctor's fix has one started: doctor-s6.test.ts.
    it.each(inCampaign(['start', 'restart'], []))('%s brings a slot up that is not scanned yet', async (command) => {
      const service = new Service()
      await service.install()
      await service.must('stop')
      // As after a boot of which s6-svscan took nothing up. A scan that was asked for before may come in between, and take it up again.
      const aside = `${SERVICE_DIRECTORY}/.aside`
      const unscan =
        `mv ${service.slot} ${aside}; s6-svscanctl -an ${SERVICE_DIRECTORY}; while s6-svok ${aside}; do sleep 0.05; done; ` +
        `mv ${aside} ${service.slot} && ! s6-svok ${service.slot}`
      await waitFor(async () => (await container.sh(unscan)).code === 0, 'the slot to have no supervisor')
      await service.must(command)
      expect(await service.svstat('up,wantedup')).toEqual(['true', 'true'])
    })

    it('start of a slot that waits after failures does not wait on, and an end with 78 is final, stays visible, and is forgotten by a start', async () => {
      const service = new Service()
      await service.install('--restart-delay', '60s')
      service.configure({exit_on_start: {code: 1}})
      await container.sh(`s6-svc -t ${service.slot}`)
      await waitFor(async () => (await container.status(service.name)).actual === 'waiting', 'the wait')
      service.configure({})
      await service.must('start')
      expect((await container.status(service.name)).failuresInARow).toBe(0)

      const next = await service.up()
      service.configure({exit_on_start: {code: 78}})
      // Planned, so that the next one does not wait.
      await container.sh(`kill -USR1 ${next}`)
      await waitFor(async () => (await container.status(service.name)).actual === 'failed', 'it to be given up')
      const status = await container.status(service.name)
      expect(status).toMatchObject({actual: 'failed', exit: 3, lastExit: {how: 'exited', status: 78}, desired: 'running'})
      const count = service.starts().length
      expect((await service.run('start', '--timeout', '10s')).code).toBe(1)
      expect(service.starts()).toHaveLength(count + 1)
    })

    // The row above is one moment of them.
    for (const afterMs of Array.from({length: 12}, (_, index) => 40 * index)) {
      itInCampaign(`start, ${afterMs} ms after an end of the gateway, neither waits nor ends what it has let come up`, async () => {
        const service = new Service()
        await service.install('--restart-delay', '60s')
        const isDown = `[ "$(s6-svstat -o up ${service.slot})" = false ]`
        await container.sh(`s6-svc -t ${service.slot} && until ${isDown}; do :; done; sleep ${afterMs / 1000}`)
        await service.must('start')
        expect(await container.status(service.name)).toMatchObject({actual: 'running', failuresInARow: 0})
      })
    }

    // What the wait does with a signal is the helper's: helper-before-start.test.ts.
    itInCampaign('stop of a slot that waits after failures ends the wait', async () => {
      const service = new Service()
      await service.install('--restart-delay', '60s')
      service.configure({exit_on_start: {code: 1}})
      await container.sh(`s6-svc -t ${service.slot}`)
      await waitFor(async () => (await container.status(service.name)).actual === 'waiting', 'the wait')
      await service.must('stop')
      expect(await container.status(service.name)).toMatchObject({actual: 'stopped', failuresInARow: 0})
    })
  })

  describe.concurrent('an end of the gateway', () => {
    it(`an end with 75 is followed by a start, and ${PLANNED} in a row leave it up; a killed gateway leaves nothing of its process group behind`, async () => {
      const service = new Service()
      // A wait after one of these ends would be longer than anything that is waited for here.
      const pid = await service.install('--restart-delay', '5m', '--restart-delay-max', '5m')
      service.configure({exit_after_ms: 0, exit: {code: 75}})
      await container.sh(`kill -USR1 ${pid}`)
      await waitFor(() => service.ends() >= PLANNED, 'the last planned restart')
      service.configure({fork_children: 2, children_deaf: true})
      const parent = await service.up(pid)
      expect(await container.status(service.name)).toMatchObject({actual: 'running', failuresInARow: 0})
      const group = async () => (await container.sh(`pgrep -g ${parent}`)).stdout.trim().split('\n').filter(Boolean)
      expect(await group()).toHaveLength(3)
      await container.sh(`kill -KILL ${parent}`)
      await waitFor(async () => (await container.status(service.name)).actual === 'waiting', 'the wait')
      expect(await group()).toEqual([])
    })

    // By the same tick as everywhere, which is seen below: notify.test.ts.
    itInCampaign('an end with 78 is told who is to be told, once, and that it runs again', async () => {
      const service = new Service()
      await service.install(
        '--heartbeat-interval',
        '1s',
        '--notify',
        `exec:sh -c 'echo "$HERMES_SVC_EVENT $HERMES_SVC_SERVICE" >>${HOME}/${service.home}/told'`,
      )
      service.configure({exit_on_start: {code: 78}})
      await container.exec(['s6-svc', '-k', service.slot])
      const told = () => volume.read(`${service.home}/told`)?.split('\n').filter(Boolean) ?? []
      await waitFor(() => told().some((line) => line.startsWith('fatal-config')), 'a message')
      service.configure({})
      await service.must('start')
      await waitFor(() => told().some((line) => line.startsWith('recovered')), 'a second message')
      // Two ticks may fall between the kill and the start that ends with 78.
      const others = told().filter((line) => !line.startsWith('down'))
      expect(others).toEqual([`fatal-config gateway-${service.name}`, `recovered gateway-${service.name}`])
    })

    // The rule alone has a part in it: helper-rule.test.ts.
    itInCampaign('an end with 0 that nobody asked for is followed by a start', async () => {
      const service = new Service()
      const pid = await service.install(...SHORT)
      // What 0.16 did with a signal during its start-up, and what a finish script must not take for a stop.
      service.configure({exit_on_start: {code: 0}})
      await container.sh(`s6-svc -t ${service.slot}`)
      await waitFor(() => service.ends() >= 2, 'an exit with 0')
      service.configure({})
      await service.up(pid)
    })

    // The helper alone has a part in it: helper-rule.test.ts, helper-before-start.test.ts.
    itInCampaign('a gateway in a crash loop waits longer each time, up to the cap, and heals by itself', async () => {
      const service = new Service()
      const pid = await service.install('--restart-delay', '1s', '--restart-delay-max', '4s')
      service.configure({exit_on_start: {code: 1}})
      const before = service.starts().length
      await container.sh(`kill -KILL ${pid}`)
      await waitFor(() => service.starts().length >= before + 5, 'five starts in vain')
      const starts = service.starts().slice(before)
      const gaps = starts.slice(1, 5).map((ms, index) => ms - (starts[index] ?? 0))
      expect(gaps.map((ms) => ms >= 2000)).toEqual([true, true, true, true])
      expect(gaps.slice(1).every((ms) => ms >= 4000)).toBe(true)
      expect(await container.status(service.name)).toMatchObject({actual: 'crash-looping', exit: 1})
      service.configure({})
      await service.up(pid)
    })
  })

  it.concurrent('a slot logs where upstream does, and shows it with the files of its gateway, also into a folder that a command of root’s has made', async () => {
    const service = new Service()
    await service.install()
    expect((await service.must('logs', '-n', '1')).stdout).toMatch(/INFO gateway\.run: Gateway running\n$/)
    await container.sh(`kill -TERM ${await service.up()}`)
    const own = () => volume.read(`logs/gateways/${service.name}/current`) ?? ''
    await waitFor(() => own().includes('gateway exited with 1'), 'the log of the slot')
    expect(own()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ {2}WARNING gateway\.run: Shutdown context/m)
    const lines = (await service.must('logs', '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
    expect(lines.flatMap((line) => schemaErrors('log-line', line))).toEqual([])
    const told = (word: string) => lines.filter(({message}) => message?.startsWith(word)).map(({origin}) => origin)
    expect(told('Shutdown context: signal=SIGTERM')).toEqual(['gateway'])
    expect(told('hermes-svc: gateway exited with 1')).toEqual(['service'])
    const at = (word: string) => lines.findIndex(({message}) => message?.startsWith(word))
    expect(at('hermes-svc: gateway exited with 1')).toBeGreaterThan(at('Received SIGTERM'))
    // What is shown without a limit has been seen.
    if (isCampaign) expect((await service.must('logs', '--since', '1h')).stdout).toContain('Gateway running')
    expect((await service.run('logs', '--since', '2099-01-01')).stdout).toBe('')

    const folder = `/opt/data/logs/gateways/${service.name}`
    const made = await container.sh(
      `mv ${folder} ${folder}.old && mkdir -p ${folder} && touch ${folder}/current ${folder}/lock && chmod 600 ${folder}/* && chown root ${folder} ${folder}/* && s6-svc -wr -t ${service.slot}/log`,
    )
    expect(made).toMatchObject({code: 0, stderr: ''})
    expect(own()).toBe('')
    await container.sh(`kill -TERM ${await service.up()}`)
    await waitFor(() => own().includes('Shutdown context'), 'the log')
    expect((await container.sh(`stat -c %U ${folder} ${folder}/current ${folder}/lock`)).stdout).toBe('hermes\nhermes\nhermes\n')
    expect((await service.run('doctor')).code).toBe(0)
  })

  // Whose slots are found is judged in memory (test/managers/s6/evidence.test.ts), and a foreign one is taken over by s6-boot.test.ts.
  itInCampaign('list shows all profiles at once, and those of another tool as what they are', async () => {
    const service = new Service()
    await container.sh(
      `mkdir -p ${service.slot} && printf '#!/bin/sh\\nexec sleep 1000\\n' >${service.slot}/run && chmod 755 ${service.slot}/run && s6-svscanctl -a ${SERVICE_DIRECTORY}`,
    )
    const {services} = (await container.must(['list', '--json'])).json<{services: {profile: string; installed: string}[]}>()
    expect(services.find(({profile}) => profile === service.name)).toMatchObject({installed: 'foreign'})
    await service.install()
    expect((await container.status(service.name)).installed).toBe('own')
  })

  // Ten steps, each of which is seen here or in smoke.test.ts.
  itInCampaign('s6 passes the self-test of smoke, which leaves nothing behind', async () => {
    const result = await container.hermesSvc(['smoke'], {timeoutSec: 100})
    expect(result.stdout).toContain(`All ${STEPS.length} steps passed`)
    expect((await container.sh(`ls ${SERVICE_DIRECTORY}`)).stdout).not.toMatch(/gateway-[0-9a-f]{8}/)
  })

  it.concurrent('the gateway stands back for the CPU as was chosen, and what s6 cannot do is refused before anything is written', async () => {
    const service = new Service()
    const refused = await service.run('install', '--memory-max', '1G')
    expect({code: refused.code, stderr: refused.stderr}).toEqual({
      code: 2,
      stderr: expect.stringContaining('--memory-max: s6 cannot limit memory') as string,
    })
    expect((await container.sh(`ls -d ${service.slot}`)).code).not.toBe(0)
    await service.install('--nice', '7')
    const niceness = `cut -d ' ' -f 19 "/proc/$(s6-svstat -o pid ${service.slot})/stat"`
    expect((await container.sh(niceness)).stdout).toBe('7\n')
    await service.must('config:set', 'nice=none', '--yes')
    expect((await container.sh(niceness)).stdout).toBe('0\n')
  })

  // As every install, of which setup.test.ts sees more.
  itInCampaign('install takes a command that was given, and keeps it', async () => {
    const service = new Service()
    await service.install('--command', `${STAND_IN}`, '--env', 'COLOUR=blue')
    expect((await service.must('install')).stdout).toContain('already up to date')
    await service.must('install', '--unset-env', 'COLOUR')
    expect(volume.exists(`${service.home}/.hermes-svc/gateway.env`)).toBe(true)
  })
})
