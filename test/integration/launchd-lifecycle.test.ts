import type {ServiceReport} from '../../src/observe/report.js'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type SmokeStep, STEPS} from '../../src/smoke/steps.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign} from '../support/campaign.js'
import {describeOnLaunchd, type LaunchdMachine} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'
import {schemaErrors} from '../support/json-schemas.js'
import {hermesSvc, waitFor} from '../support/machines.js'

// What lifecycle.test.ts sees of a service under systemd, seen under launchd: the expectations are the same, the manager's own words differ.

/** A real launchd sees all of it, and so does a campaign. */
const isWhole = isCampaign || process.platform === 'darwin'
const inWhole = (title: string, test: () => Promise<void>) => void (isWhole && it(title, test))

/**
 * The only user of a Mac of CI has a session at the desktop. How a service gets into the domain of a user who has none, and runs there: doctor-launchd.test.ts; in a
 * campaign it is installed there too.
 */
const KINDS = isCampaign && process.platform !== 'darwin' ? (['gui', 'user', 'system'] as const) : (['gui', 'system'] as const)

describeOnLaunchd(
  'the life cycle of a service',
  (there) => {
    // One after the other: on a Mac they have one user, and a default profile each.
    describe.each(KINDS)('in the domain %s', (kind) => lifeCycle(there, kind))
  },
  {onMacs: true},
)

/** Planned restarts in a row: more than the failures after which the launcher would wait longest. */
const PLANNED = inCampaign(20, 8)

function lifeCycle(there: () => LaunchdMachine, kind: 'gui' | 'user' | 'system'): void {
  let alice: Account

  beforeAll(async () => {
    alice = await there().addUser(`alice-${kind}`, {desktop: kind === 'gui'})
  })

  const makeService = (standIn: StandInConfig = {}, profile?: string) =>
    LaunchdService.make(there(), alice, {kind, standIn, ...(profile ? {profile} : {})})

  const makeInstalled = async (standIn: StandInConfig = {}, flags: readonly string[] = []) => {
    const service = await makeService(standIn)
    await service.must('install', flags)
    return service
  }

  /** Without a tick, which is a fifth of an install, for rows in which it has no part. */
  const makeTickless = (standIn: StandInConfig = {}, flags: readonly string[] = []) =>
    makeInstalled(standIn, ['--heartbeat', 'off', ...flags])

  /** One that several rows look at, and leave as it was: it runs, with its tick. And what was there before it. */
  let service: LaunchdService
  let before: string[]

  it('installs and starts a gateway', async () => {
    service = await makeService({}, 'default')
    before = await service.lasting()
    const installed = await service.must('install', ['--json'])
    expect(installed.json()).toMatchObject({schemaVersion: 1, ok: true, service: 'ai.hermes.gateway', profile: 'default', changed: true})

    const status = await service.status()
    expect(status).toMatchObject({
      schemaVersion: 1,
      ok: true,
      exit: 0,
      service: 'ai.hermes.gateway',
      manager: 'launchd',
      scope: service.scope,
      domain: service.domain,
      profile: 'default',
      home: service.home,
      account: alice.name,
      installed: 'own',
      enabled: true,
      desired: 'running',
      actual: 'running',
      verdict: {state: 'alive', evidence: expect.arrayContaining([`gateway.lock is held by pid ${status.pid}`])},
      gatewayState: 'running',
      restarts: 0,
      failuresInARow: 0,
      lastExit: null,
      servedBy: null,
    })
    expect(await service.isLoaded()).toBe(true)
    const owner = kind === 'system' ? 'root' : alice.name
    expect(await service.sh('ls -ld "$1"', [service.plist])).toMatch(new RegExp(`^-rw-r--r--\\S* +1 ${owner} `))
  })

  it('ticks the heartbeat by a job of its own, and answers for its health', async () => {
    const heartbeat = `${service.domain}/ai.hermes-svc.heartbeat${kind === 'system' ? `-${alice.name}` : ''}`
    const {stdout} = await service.launchctl('print', heartbeat)
    expect(stdout).toMatch(/^\trun interval = \d+ seconds$/m)
    await waitFor(async () => {
      const answer = await service.launchctl('print', heartbeat)
      return /^\tlast exit code = 0$/m.test(answer.stdout)
    }, 'the first tick')
    const {stdout: ticked} = await service.must('heartbeat')
    const state = await there().machine.readText(`${service.home}/gateway_state.json`)
    expect({ticked, state, events: await service.events()}).toMatchObject({ticked: expect.stringMatching(/: alive \(pid \d+: /) as string})
    expect((await service.must('health')).json()).toMatchObject({alive: true})
  })

  const uninstalls = () =>
    it('uninstalls it, and leaves nothing behind but the home', async () => {
      expect((await service.must('uninstall', ['--json'])).json()).toMatchObject({ok: true, changed: true})
      expect(await service.lasting()).toEqual(before)
      expect(await service.isLoaded()).toBe(false)
      expect(await service.status()).toMatchObject({exit: 4, actual: 'not-installed', installed: 'no', enabled: null, desired: null})
      expect((await service.must('uninstall', ['--json'])).json()).toMatchObject({ok: true, changed: false})
    })

  // In another domain of the same user nothing of the rest differs.
  if (kind === 'user') return uninstalls()

  it('is clean for doctor after an install, after a stop and after a start', async () => {
    // That it finds nothing of one that was stopped is judged in memory: test/managers/launchd/checks/not-loaded.test.ts.
    for (const command of isWhole ? [undefined, 'stop', 'start'] : [undefined]) {
      if (command !== undefined) await service.must(command)
      expect((await service.must('doctor', ['--json'])).json()).toMatchObject({services: [{findings: []}]})
    }
  })

  // What the plans do, and what is shown, is the same program for whomever launchd starts it.
  if (kind === 'system' && !isWhole) return uninstalls()

  it('brings a gateway back whose launcher was killed, and it is the only one', async () => {
    const {pid} = await service.status()
    await service.configure({existing_pid_record: 'refuse-any'})
    const [launcher] = /^\tpid = (\d+)$/m.exec((await service.launchctl('print', 'TARGET')).stdout)?.slice(1) ?? []
    await service.sh('kill -9 "$1"', [launcher ?? ''])
    const next = await service.comesUp(pid ?? 0)
    await expect(service.sh('kill -0 "$1"', [String(pid)])).rejects.toThrow('No such process')
    expect((await service.status()).verdict.evidence).toContain(`gateway.lock is held by pid ${next}`)
    await service.configure({})
  })

  // What is shown of what was seen here, and of nothing to do, is judged in memory: test/managers/launchd/index.test.ts, test/lifecycle/launchd.test.ts.
  inWhole('tells by list, diff and render what status tells, and shows the domain', async () => {
    const {services} = (await service.must('list', ['--json'])).json<{services: ServiceReport[]}>()
    const {memoryBytes, ...listed} = services.find((report) => report.profile === service.profile) ?? {}
    expect(memoryBytes).toBeGreaterThan(0)
    // Of one service alone its journal is read.
    const {lastEnd, ...status} = await service.status()
    expect(lastEnd).toBeDefined()
    expect({schemaVersion: 1, ok: true, exit: 0, ...listed, uptimeMs: null}).toEqual({...status, uptimeMs: null})
    expect((await service.must('list')).stdout).toMatch(
      new RegExp(`^${service.profile} .* ${service.domain} .*running.*${service.home}$`, 'm'),
    )
    expect((await service.must('status')).stdout).toContain(`(launchd, ${service.domain}, profile ${service.profile})`)

    expect((await service.must('diff', ['--json'])).json()).toMatchObject({
      files: [],
      drift: [],
      needsReload: false,
      loaded: [service.plist],
    })
    const {files} = (await service.must('render', ['--json'])).json<{files: {path: string; text: string}[]}>()
    expect(files.length).toBeGreaterThan(4)
    for (const file of files) expect(await there().machine.readText(file.path)).toBe(file.text)
    expect((await service.must('logs')).stdout).toContain('Gateway running')
  })

  if (kind === 'gui')
    inWhole('changes nothing when it is installed again, started while it runs, or stopped while it is stopped, and says so', async () => {
      const pid = (await service.status()).pid
      const after = (await there().log()).length
      expect((await service.must('install')).stdout).toBe(
        `${service.unit} is already up to date; nothing was changed\n${service.unit} is running and online (webhook connected)\n`,
      )
      expect((await service.must('start', ['--json'])).json()).toMatchObject({ok: true, changed: false})
      expect(await service.changes(after)).toEqual([])
      expect((await service.status()).pid).toBe(pid)
      await service.must('stop')
      const stopped = (await there().log()).length
      expect((await service.must('stop', ['--json'])).json()).toMatchObject({ok: true, changed: false})
      expect(await service.changes(stopped)).toEqual([])
    })

  uninstalls()

  /** One without a tick, which a row takes as the row before leaves it; its first gateway. */
  let tickless: LaunchdService
  const FIRST: StandInConfig = {version: '0.16', existing_pid_record: 'refuse-any'}

  it('lets a gateway finish its work before it restarts it, and returns from start and restart only when the next one says that it runs', async () => {
    const service = (tickless = await makeTickless({...FIRST, startup_ms: 400, active_work: 3, drain_ms: 600}))
    const pids = [(await service.status()).pid]
    const ends = async () => (await service.events()).filter(({event}) => event === 'end')
    for (const args of [['restart'], ...(isWhole ? [['restart', '--force']] : []), ['stop'], ['start']]) {
      await service.must(args[0] ?? '', args.slice(1))
      if (args[0] === 'stop') continue
      const text = (await there().machine.readText(`${service.home}/gateway_state.json`)) ?? ''
      const state = JSON.parse(text) as {gateway_state: string; pid: number}
      expect(state.gateway_state).toBe('running')
      expect(pids).not.toContain(state.pid)
      pids.push(state.pid)
      if (pids.length === 2) expect(await ends()).toMatchObject([{reason: 'planned-restart', code: 75}])
    }
    expect(await service.status()).toMatchObject({desired: 'running', failuresInARow: 0})
  })

  /** Another one, which a row takes as the row before leaves it: failures earn it ten minutes. */
  let niced: LaunchdService

  it('loads a changed definition by bootout and bootstrap, leaves the gateway alone when only the policy changes, and has it stand back for the CPU as was chosen', async () => {
    const service = (niced = await makeTickless({}, ['--nice', '7']))
    const {pid} = await service.status()
    expect((await service.sh('ps -o nice= -p "$1"', [String(pid)])).trim()).toBe('7')
    const first = (await there().log()).length
    await service.must('install', ['--restart-delay', '10m', '--restart-delay-max', '10m'])
    expect([(await service.status()).pid, await service.changes(first)]).toEqual([pid, []])

    const second = (await there().log()).length
    await service.must('install', ['--env', 'BOT_TOKEN=geheim'])
    if (there().isDouble) expect(await service.changes(second)).toContain('kill SIGTERM TARGET')
    const third = (await there().log()).length
    // The time that the gateway may take to end stands in the property list.
    await service.machine.writeText(`${service.home}/.env`, 'HERMES_RESTART_DRAIN_TIMEOUT=900\n', {user: alice})
    await service.must('install')
    if (there().isDouble) {
      expect(await service.changes(third)).toEqual(['kill SIGTERM TARGET', 'bootout TARGET', 'bootstrap DOMAIN PLIST'])
    }
    expect(await service.status()).toMatchObject({exit: 0, actual: 'running'})
    expect((await service.launchctl('print', 'TARGET')).stdout).toMatch(/^\texit timeout = 9\d\d$/m)
    await expect(service.sh('grep -rl geheim "$1"', [service.plist])).rejects.toThrow('exit 1')
    expect(await service.sh('ls -ld "$1"', [`${service.support}/gateway.env`])).toMatch(/^-rw-------/)
  })

  // What is undone is what an uninstall takes away, and test/lifecycle/launchd.test.ts has the order.
  inWhole('leaves nothing of a first install that does not come up', async () => {
    const service = await makeService({exit_on_start: {code: 78}})
    const before = await service.lasting()
    expect((await service.run('install', ['--timeout', '20'])).code).toBe(1)
    expect(await service.lasting()).toEqual(before)
    expect(await service.isLoaded()).toBe(false)
  })

  if (kind === 'system') return

  // Ten steps, each of which is seen here or in smoke.test.ts.
  if (isWhole)
    it('passes the self-test of smoke, which leaves nothing behind', async () => {
      const service = await makeService()
      const before = await service.lasting()
      const smoke = await hermesSvc(there().machine, ['smoke', '--json', '--scope', 'user', '--manager', 'launchd'], {user: alice})
      const {steps} = smoke.json<{steps: SmokeStep[]}>()
      expect(steps.filter(({outcome}) => outcome !== 'passed')).toEqual([])
      expect(steps.map(({id}) => id)).toEqual(STEPS.map(({id}) => id))
      expect(await service.lasting()).toEqual(before)
    })

  // By the plans of install, start and stop, which are seen here: apply.test.ts.
  inWhole('is as a document declares it, by apply, and prints that by export', async () => {
    const service = await makeService()
    const {machine, user, profile, scope} = service
    const file = `${user.home}/services.json`
    const apply = async (more: object) => {
      await machine.writeText(file, JSON.stringify({schemaVersion: 1, services: [{profile, scope, account: user.name, ...more}]}), {user})
      const result = await hermesSvc(machine, ['apply', file, '--json', '--manager', 'launchd'], service.actor)
      expect(result, result.stdout + result.stderr).toMatchObject({code: 0})
      const document = result.json<{services: {service: string; acts: string[]}[]}>()
      expect(schemaErrors('apply', document)).toEqual([])
      return document.services.find((row) => row.service === service.unit)?.acts
    }
    expect(await apply({env: {EXTRA: '1'}})).toEqual(['install'])
    const {pid} = await service.status()
    expect(await apply({env: {EXTRA: '1'}})).toEqual([])
    expect((await service.status()).pid).toBe(pid)
    const exported = await service.must('export')
    expect(exported.stdout).toContain(`- profile: ${profile}\n    scope: ${scope}\n    account: ${user.name}\n    state: running\n`)
    expect(await apply({state: 'stopped'})).toEqual(['stop', 'change'])
    expect(await service.status()).toMatchObject({actual: 'stopped', desired: 'stopped', enabled: false})
    expect(await apply({state: 'stopped'})).toEqual([])
    await service.must('uninstall')
  })

  it.each(isWhole ? (['0.16', '0.10', '0.21'] as const) : (['0.16'] as const))(
    'brings a killed gateway of version %s back, stops it in good order, and it stays stopped',
    async (version) => {
      const service = tickless
      await service.configure({...FIRST, version})
      if (version !== FIRST.version) await service.must('restart')
      const {pid, restarts} = await service.status()
      const ends = async () => (await service.events()).filter(({event}) => event === 'end')
      const {length} = await ends()
      await service.sh('kill -9 "$1"', [String(pid)])
      await service.comesUp(pid ?? 0)
      expect(await service.status()).toMatchObject({restarts: restarts + 1, failuresInARow: 1, lastExit: {how: 'killed', status: 9}})
      await service.must('stop')
      expect(await service.status()).toMatchObject({exit: 3, actual: 'stopped', desired: 'stopped', enabled: false, pid: null})
      expect((await ends()).slice(length)).toMatchObject([{reason: 'planned-stop', code: 0}])
      expect(await service.isLoaded()).toBe(false)
      expect((await service.launchctl('print-disabled', service.domain)).stdout).toContain(`"${service.unit}" => disabled`)
      expect(await there().machine.readText(`${service.home}/.gateway-planned-stop.json`)).toBeUndefined()
    },
  )

  it('does not start a gateway again that ends with 78, and says why', async () => {
    const service = tickless
    await service.configure({})
    await service.must('start')
    await service.configure({exit_on_start: {code: 78}})
    const before = await service.starts()
    await service.sh('kill -9 "$1"', [String((await service.status()).pid)])
    await waitFor(async () => (await service.status()).actual === 'failed', 'the failure')
    expect(await service.starts()).toBe(before + 1)
    expect(await service.status()).toMatchObject({exit: 3, desired: 'running', lastExit: {how: 'exited', status: 78}})
    await service.must('uninstall')
    expect(await service.lasting()).toEqual([])
  })

  it('does not wait for a delay that failures have earned, whatever it is told', async () => {
    const service = niced
    // The three take one way (lifecycle.test.ts): that by which the launcher is reached is the same.
    for (const command of isWhole ? ['start', 'restart', 'install'] : ['restart']) {
      await service.configure({exit_on_start: {code: 1}})
      await service.sh('kill -9 "$1"', [String((await service.status()).pid)])
      await waitFor(async () => (await service.status()).actual === 'waiting', 'the wait')
      await service.configure({})
      await service.must(command)
      expect([command, await service.status()]).toMatchObject([command, {exit: 0, actual: 'running', failuresInARow: 0}])
    }
  })

  // In the order of test/lifecycle/launchd.test.ts, by the steps that load a changed definition, above.
  inWhole('has the former job loaded and running again when a changed one does not come up', async () => {
    const service = niced
    const before = await service.lasting()
    const text = await there().machine.readText(service.plist)
    await service.machine.writeText(`${service.home}/.env`, 'HERMES_RESTART_DRAIN_TIMEOUT=800\n', {user: alice})
    await service.sh('rm -f "$1/stand-in.count"', [service.home])
    await service.configure({sequence: [{exit_on_start: {code: 78}}]})
    const failed = await service.run('install', ['--json', '--timeout', '20'])
    expect(failed.code).toBe(1)
    await service.comesUp()
    expect(await there().machine.readText(service.plist)).toBe(text)
    expect(await service.lasting()).toEqual(before)
  })

  // The launcher alone has a part in it: launcher.test.ts.
  inWhole(`starts a gateway that ends with 75 again at once, ${PLANNED} times in a row`, async () => {
    const service = await makeTickless({}, ['--restart-delay', '1m', '--restart-delay-max', '1m'])
    await service.must('stop')
    await service.sh('rm -f "$1"/stand-in.starts "$1"/stand-in.count', [service.home])
    await service.configure({sequence: [{exit_after_ms: 20, exit: {code: 75}, repeat: PLANNED}]})
    await service.run('start')
    await waitFor(async () => (await service.starts()) > PLANNED, 'the last planned restart')
    await service.comesUp()
    expect(await service.starts()).toBe(PLANNED + 1)
    // One wait would have been a minute.
    expect((await service.notes()).filter((line) => line.includes('waits'))).toEqual([])
    expect(await service.status()).toMatchObject({actual: 'running', restarts: PLANNED, failuresInARow: 0})
    // For launchd all that is one run of the launcher: it holds back nothing.
    expect((await service.happened('message')).map(({text}) => text)).toEqual([])
  })

  // By the same tick as everywhere (notify.test.ts), which is seen above to be run.
  inWhole('tells who is to be told of an end with 78, and that it runs again', async () => {
    const service = await makeService()
    await service.must('install', [
      '--heartbeat-interval',
      '1s',
      '--notify',
      `exec:sh -c 'echo "$HERMES_SVC_EVENT" >>${service.home}/told'`,
    ])
    await service.configure({exit_on_start: {code: 78}})
    await service.kill('KILL')
    const told = async () => (await service.machine.readText(`${service.home}/told`))?.split('\n').filter(Boolean) ?? []
    await waitFor(async () => (await told()).includes('fatal-config'), 'a message')
    await service.configure({})
    await service.must('start')
    await waitFor(async () => (await told()).includes('recovered'), 'a second message')
    // Two ticks may fall between the kill and the start that ends with 78.
    expect((await told()).filter((kind) => kind !== 'down')).toEqual(['fatal-config', 'recovered'])
    await service.must('uninstall')
  })

  inWhole('slows a crash loop down to the cap, and the gateway runs once the cause is gone', async () => {
    const service = await makeTickless({}, ['--restart-delay', '100ms', '--restart-delay-max', '400ms'])
    await service.configure({sequence: [{exit_on_start: {code: 1}, repeat: 6}]})
    await service.sh('rm -f "$1/stand-in.count"; kill -9 "$2"', [service.home, String((await service.status()).pid)])
    await waitFor(async () => {
      const status = await service.status()
      return status.actual === 'crash-looping' && status.exit === 1
    }, 'a crash loop')
    await service.comesUp()
    const waits = (await service.notes()).flatMap((line) => /waits ([\d.]+) s/.exec(line)?.slice(1) ?? [])
    expect(waits.map(Number)).toEqual([0.1, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4])
  })

  // A plan that is shown is the same for every manager: lifecycle.test.ts.
  if (isWhole)
    it('changes nothing with --dry-run, whatever the command', async () => {
      const service = await makeInstalled()
      const after = (await there().log()).length
      const before = await service.lasting()
      for (const command of ['install', 'stop', 'restart', 'uninstall']) {
        expect((await service.must(command, ['--dry-run', '--json'])).json()).toMatchObject({ok: true, dryRun: true, changed: false})
      }
      expect(await service.changes(after)).toEqual([])
      expect(await service.lasting()).toEqual(before)
    })

  // As the one that has failed for good, above.
  inWhole('uninstalls a service that crashes again and again, and one whose gateway answers nothing', async () => {
    const crashing = await makeTickless({}, ['--restart-delay', '50ms', '--restart-delay-max', '50ms'])
    await crashing.configure({exit_on_start: {code: 1}})
    await crashing.sh('kill -9 "$1"', [String((await crashing.status()).pid)])
    await waitFor(async () => (await crashing.status()).failuresInARow >= 3, 'some failures')
    await crashing.must('uninstall', [], {timeoutMs: 60_000})
    expect(await crashing.lasting()).toEqual([])
    const stopped = await makeTickless()
    await stopped.sh('kill -STOP "$1"', [String((await stopped.status()).pid)])
    await stopped.must('uninstall', [], {timeoutMs: 60_000})
    expect(await stopped.lasting()).toEqual([])
  })
}
