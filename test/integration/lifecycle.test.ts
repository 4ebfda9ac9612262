import type {ServiceReport} from '../../src/observe/report.js'
import type {Scope} from '../../src/service/service.js'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {type CommandResult, describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

interface Failure {
  readonly schemaVersion: number
  readonly ok: boolean
  readonly error: {readonly code: string; readonly message: string; readonly next: string[]; readonly evidence: string[]}
}

await describeOnSystemd('the life cycle of a service', (machine: () => Machine) => {
  // Of a service of the machine user-scope.test.ts sees what is its own: whose it is, whose files, what its log is, that its user lingers; that nothing is left of
  // it: apply.test.ts, and of one that fails install-transaction.test.ts.
  describe.concurrent.each(inCampaign<readonly Scope[]>(['user', 'system'], ['user']))('in %s scope', (scope) => {
    describe.sequential('one after the other', () => lifeCycle(machine, scope))
  })
})

const nameOf = ({unit}: TestService) => unit.replace('.service', '')

function lifeCycle(machine: () => Machine, scope: Scope): void {
  let alice: Account

  beforeAll(async () => {
    alice = await machine().addUser(scope === 'user' ? 'alice' : 'alan', {linger: scope === 'user'})
  })

  const makeService = (standIn: StandInConfig = {}, profile?: string) =>
    TestService.make(machine(), alice, {scope, standIn, ...(profile ? {profile} : {})})

  const makeInstalled = async (standIn: StandInConfig = {}, flags: readonly string[] = []) => {
    const service = await makeService(standIn)
    await service.must('install', flags)
    return service
  }

  /** Without a tick, which is a fifth of an install, for rows in which it has no part. */
  const makeTickless = (standIn: StandInConfig = {}, flags: readonly string[] = []) =>
    makeInstalled(standIn, ['--heartbeat', 'off', ...flags])

  /** One that several rows use one after the other, each as the one before it has left it. */
  const shared = (make: () => Promise<TestService>) => {
    let made: Promise<TestService> | undefined
    return () => (made ??= make())
  }

  const word = `geheim${scope}wort`
  const secret = `${word} "quoted" 'too' $HOME %h \\n \\ \`x\` #no ; ü€\ttab\nline two=${word}`
  const secrets = ['--env', `BOT_TOKEN=${secret}`, '--env', 'OTHER_TOKEN']
  const fromHere = {env: {OTHER_TOKEN: `${word}2`}}
  /** The first three rows are about one: what was there before it, and what its installation printed. */
  let first: TestService
  let before: string[]
  let installed: CommandResult

  it('installs and starts a gateway', async () => {
    const service = await makeService({dump_env: ['BOT_TOKEN', 'OTHER_TOKEN']}, 'default')
    first = service
    before = await service.lasting()
    installed = await service.must('install', ['--json', ...secrets], fromHere)
    expect(installed.json()).toMatchObject({
      schemaVersion: 1,
      ok: true,
      service: 'hermes-gateway.service',
      profile: 'default',
      changed: true,
    })

    const status = await service.status()
    const pid = await service.mainPid()
    expect(status).toMatchObject({
      schemaVersion: 1,
      ok: true,
      exit: 0,
      service: 'hermes-gateway.service',
      manager: 'systemd',
      scope,
      profile: 'default',
      home: service.home,
      account: alice.name,
      installed: 'own',
      enabled: true,
      desired: 'running',
      actual: 'running',
      verdict: {state: 'alive', pid, evidence: expect.arrayContaining([`gateway.lock is held by pid ${pid}`])},
      gatewayState: 'running',
      pid,
      restarts: 0,
      failuresInARow: 0,
      lastExit: null,
      servedBy: null,
    })
    expect(status.uptimeMs).toBeGreaterThan(0)
    expect(await service.show('ActiveState', 'UnitFileState', 'User')).toEqual(['active', 'enabled', scope === 'user' ? '' : alice.name])
    expect(await machine().readText(`/var/lib/systemd/linger/${alice.name}`)).toBe('')
  })

  it('gives the gateway its secrets exactly, and shows them nowhere', async () => {
    const service = first
    const outputs = [installed]
    // What is printed is the same in both scopes.
    const shown = async () => [
      await service.must('render', secrets, fromHere),
      await service.must('render', ['--json', ...secrets], fromHere),
      await service.must('install', ['--dry-run', '--env', `BOT_TOKEN=${word} changed`]),
      await service.must('install', ['--dry-run', '--json', '--env', `BOT_TOKEN=${word} changed`]),
      await service.run('diff', ['--env', `BOT_TOKEN=${word} changed`]),
      await service.run('diff', ['--json', '--env', `BOT_TOKEN=${word} changed`]),
      await service.must('status'),
      await service.run('install', ['--env', `BAD=${word}\u0007`]),
      await service.run('install', ['--env', `BAD NAME=${word}`]),
      await service.run('install', ['--command', '/no/such', ...secrets], fromHere),
    ]
    if (scope === 'user') outputs.push(...(await shown()))
    for (const output of outputs) expect(output.stdout + output.stderr).not.toContain(word)

    const dumped = JSON.parse((await machine().readText(`${service.home}/stand-in.env.json`)) ?? '{}') as Record<string, string>
    expect(dumped).toMatchObject({BOT_TOKEN: secret, OTHER_TOKEN: `${word}2`, HERMES_HOME: service.home})
    const environmentFile = `${service.support}/gateway.env`
    const owner = scope === 'user' ? alice.name : 'root'
    expect(await service.sh('stat -c "%a %U" "$1"', [environmentFile])).toBe(`600 ${owner}\n`)
    const found = await service.sh(
      'grep -rlF "$1" /etc/systemd /etc/hermes-svc "$2" /run/systemd /run/user /run/hermes* 2>/dev/null || :',
      [word, alice.home],
    )
    expect(found.trim().split('\n').sort()).toEqual([environmentFile, `${service.home}/stand-in.env.json`].sort())
    await service.sh('journalctl --sync')
    expect(await service.sh('journalctl --no-pager | grep -cF "$1" || :', [word])).toBe('0\n')

    // What is kept of them is decided without the scope.
    if (scope === 'system' && !isCampaign) return
    // Kept by an install that does not name them, gone when asked.
    await service.must('install', ['--unset-env', 'OTHER_TOKEN'])
    expect(JSON.parse((await machine().readText(`${service.home}/stand-in.env.json`)) ?? '{}')).toMatchObject({
      BOT_TOKEN: secret,
      OTHER_TOKEN: null,
    })
    await service.must('install', ['--unset-env', 'BOT_TOKEN'])
    expect(await machine().readText(environmentFile)).toBeUndefined()
  })

  // Of a user's own: looking.test.ts.
  if (scope === 'system')
    it('shows by logs what the gateway said, and how it ended', async () => {
      const pid = await first.mainPid()
      await first.sh('kill -9 "$1"', [String(pid)])
      await first.comesUp(pid)
      const lines = await waitFor(async () => {
        const {stdout} = await first.must('logs')
        return stdout.includes('hermes-svc: gateway was killed by SIGKILL') && stdout.split('\n')
      }, 'what the journal has of it')
      const killed = lines.findIndex((line) => line.includes('was killed by SIGKILL'))
      const running = (some: readonly string[]) => some.filter((line) => line.includes('gateway.run: Gateway running')).length
      expect([running(lines.slice(0, killed)) > 0, running(lines.slice(killed))]).toEqual([true, 1])
      // systemd speaks only when it is asked for.
      expect(lines.filter((line) => / systemd\[\d+\]: /.test(line))).toEqual([])
    })

  it('uninstalls it, and leaves nothing behind but the home', async () => {
    const service = first
    expect((await service.must('uninstall', ['--json'])).json()).toMatchObject({ok: true, changed: true})
    // The gateway's own runtime files stay, and the record of what was done.
    expect(await service.lasting()).toEqual(before)
    expect(await service.status()).toMatchObject({exit: 4, actual: 'not-installed', installed: 'no', enabled: null, desired: null})
    expect((await service.must('uninstall', ['--json'])).json()).toMatchObject({ok: true, changed: false})
  })

  /** It runs, with its tick, until the last of its rows. */
  const ticked = shared(() => makeInstalled({startup_ms: 400}))

  const restarts = async () => {
    const service = await ticked()
    const pids = [await service.mainPid()]
    // By force: restart-states.test.ts. A start, below.
    for (const args of inCampaign([['restart'], ['restart', '--force'], ['stop'], ['start']], [['restart']])) {
      await service.must(args[0] ?? '', args.slice(1))
      if (args[0] === 'stop') continue
      const state = JSON.parse((await machine().readText(`${service.home}/gateway_state.json`)) ?? '') as {
        gateway_state: string
        pid: number
      }
      expect(state.gateway_state).toBe('running')
      expect(pids).not.toContain(state.pid)
      expect(await service.mainPid()).toBe(state.pid)
      pids.push(state.pid)
    }
    expect((await service.status()).desired).toBe('running')
  }
  // By the same plan: of a service of the machine, which root restarts, user-scope.test.ts sees it.
  if (scope === 'user' || isCampaign) it('returns from restart only when the gateway says that it runs, under a new pid', restarts)

  // As desired-state-reboot.test.ts has it, one by one; here beside each other.
  itInCampaign('keeps a stopped service stopped after a reboot, and brings back the others', async () => {
    const [stopped, forNow, running] = [await makeInstalled(), await makeInstalled(), await makeInstalled()]
    await stopped.must('stop')
    await forNow.must('stop', ['--until-boot'])
    expect(await forNow.status()).toMatchObject({exit: 3, actual: 'stopped', desired: 'running', enabled: true})
    if (scope === 'user') {
      await running.sh('systemctl restart "user@$1.service"', [String(alice.uid)])
    } else {
      // Of a boot, what matters here: the target that pulls enabled services in is started.
      await running.systemctl('stop', running.unit)
      await running.sh('systemctl stop multi-user.target; systemctl start multi-user.target')
    }
    await running.comesUp()
    await forNow.comesUp()
    expect(await stopped.status()).toMatchObject({exit: 3, actual: 'stopped', desired: 'stopped', enabled: false})
  })

  const forgets = async () => {
    const service = await ticked()
    await service.configure({exit_on_start: {code: 78}})
    await service.sh('kill -9 "$1"', [String(await service.mainPid())])
    await waitFor(async () => (await service.show('ActiveState'))[0] === 'failed', 'the failure')
    expect(await service.status()).toMatchObject({exit: 3, desired: 'running', lastExit: {how: 'exited', status: 78}})
    await service.must('uninstall')
    expect((await service.systemctl('list-units', '--all', '--no-legend', service.unit)).stdout).toBe('')
    expect(
      await service.sh('ls -d "$@" 2>/dev/null || :', [service.unitFile, `${service.unitFile}.d`, service.support, service.runtime]),
    ).toBe('')
  }
  // Here as there it is `systemctl reset-failed`.
  if (scope === 'system' && isCampaign) it('uninstalls a service that has failed for good, and systemd forgets it', forgets)

  // What follows is decided without the scope; system scope costs twice the time.
  if (scope === 'system') return

  /** It runs. The oldest has no lock, by which the others are known. */
  const plain = shared(() => makeTickless({version: '0.10', startup_ms: 400}))
  /** It finishes three tasks before it ends. */
  const busy = shared(() => makeTickless({active_work: 3, drain_ms: 3000}))
  /** It waits ten minutes after a failure. */
  const delayed = shared(() => makeTickless({}, ['--restart-delay', '10m', '--restart-delay-max', '10m']))

  it('changes nothing when it is installed again, and says so', async () => {
    // Its timer's first tick would fall between the two looks.
    const service = await plain()
    const before = await service.snapshot()
    const again = await service.must('install')
    expect(again.stdout).toBe(
      `${service.unit} is already up to date; nothing was changed\n${nameOf(service)} is running and online (webhook connected)\n`,
    )
    expect((await service.must('install', ['--json'])).json()).toMatchObject({ok: true, changed: false})
    expect(await service.snapshot()).toEqual(before)
  })

  it('leaves the gateway alone when only the policy changes', async () => {
    const service = await plain()
    const pid = await service.mainPid()
    expect((await service.must('install', ['--restart-delay', '3s', '--json'])).json()).toMatchObject({ok: true, changed: true})
    expect(await service.mainPid()).toBe(pid)
  })

  it('status ends with 1 if the gateway is wedged', async () => {
    const service = await plain()
    const pid = String(await service.mainPid())
    await service.sh('kill -STOP "$1"', [pid])
    expect(await service.status()).toMatchObject({exit: 1, actual: 'wedged', verdict: {state: 'wedged'}})
    await service.sh('kill -CONT "$1"', [pid])
    expect(await service.status()).toMatchObject({exit: 0, actual: 'running'})
  })

  it.each(inCampaign(['0.10', '0.16', '0.21'] as const, ['0.10'] as const))(
    'stops a gateway of version %s in good order, by hand too, returns from start only when it says that it runs, and changes nothing when what runs is started, or what is stopped is stopped',
    async (version) => {
      const service = version === '0.10' ? await plain() : await makeTickless({version, startup_ms: 400})
      expect(await service.status()).toMatchObject({exit: 0, actual: 'running'})
      const former = await service.mainPid()
      await service.must('stop')
      expect(await service.show('ActiveState', 'SubState', 'Result', 'ExecMainStatus', 'UnitFileState')).toEqual([
        'inactive',
        'dead',
        'success',
        '0',
        'disabled',
      ])
      expect(await service.status()).toMatchObject({exit: 3, actual: 'stopped', desired: 'stopped', enabled: false, pid: null})

      const stopped = await service.snapshot()
      expect((await service.must('stop', ['--json'])).json()).toMatchObject({ok: true, changed: false})
      expect(await service.snapshot()).toEqual(stopped)

      await service.must('start')
      const state = JSON.parse((await machine().readText(`${service.home}/gateway_state.json`)) ?? '') as object
      const pid = await service.mainPid()
      expect(state).toMatchObject({gateway_state: 'running', pid})
      expect(pid).not.toBe(former)
      const running = await service.snapshot()
      expect((await service.must('start', ['--json'])).json()).toMatchObject({ok: true, changed: false})
      expect(await service.snapshot()).toEqual(running)
      expect((await service.systemctl('stop', service.unit)).code).toBe(0)
      expect(await service.show('ActiveState', 'Result', 'ExecMainStatus')).toEqual(['inactive', 'success', '0'])
      expect(await service.status()).toMatchObject({exit: 3, actual: 'stopped', desired: 'running'})
      const ends = (await service.events()).filter((event) => event.event === 'end')
      expect(ends).toMatchObject([
        {reason: 'planned-stop', code: 0},
        {reason: 'planned-stop', code: 0},
      ])
      expect(await machine().readText(`${service.home}/.gateway-planned-stop.json`)).toBeUndefined()
    },
  )

  it('leaves a stopped service stopped when it is installed anew', async () => {
    const service = await plain()
    await service.must('stop')
    const installed = await service.must('install', ['--restart-delay', '2s'])
    expect(installed.stdout).toContain('stopped as before')
    expect(await service.status()).toMatchObject({exit: 3, actual: 'stopped', desired: 'stopped', enabled: false})
    expect(await machine().readText(service.dropIn)).toContain('"first-ms=2000"')
    expect((await service.must('diff')).stdout).toContain(': no differences')
  })

  it('changes nothing with --dry-run, whatever the command', async () => {
    const running = await ticked()
    const stopped = await plain()
    const fresh = await makeService()
    const before = await fresh.snapshot()
    const said: Record<string, string> = {}
    const dry = async (service: TestService, name: string, command: string, ...args: string[]) => {
      const text = await service.must(command, ['--dry-run', ...args])
      said[name] = text.stdout
    }
    const json = await fresh.must('install', ['--dry-run', '--json'])
    expect(json.json()).toMatchObject({ok: true, dryRun: true, changed: false})
    await dry(fresh, 'install', 'install')
    await dry(running, 'reinstall', 'install', '--restart-delay', '3s')
    await dry(stopped, 'start', 'start')
    await dry(running, 'stop', 'stop')
    await dry(running, 'restart', 'restart')
    await dry(running, 'restart by force', 'restart', '--force')
    await dry(running, 'uninstall', 'uninstall')
    for (const command of inCampaign(['start', 'stop', 'restart', 'uninstall'], ['uninstall'])) {
      const all = [command, '--all', '--dry-run', '--json', ...running.argv(command).slice(3)]
      const {services} = (await hermesSvc(machine(), all, running.actor)).json<{
        services: {service: string; changed: boolean; ok: boolean}[]
      }>()
      expect(services.filter((service) => !service.ok || service.changed)).toEqual([])
      expect(services.map((service) => service.service)).toEqual(expect.arrayContaining([running.unit, stopped.unit]))
    }
    expect(await fresh.snapshot()).toEqual(before)

    expect(said.install).toContain(`+++ ${fresh.unitFile}`)
    expect(said.install).toMatch(/^ +\+Restart=always$/m)
    expect(said.reinstall).toMatch(/^ +-.*"first-ms=1000"/m)
    expect(said.reinstall).toMatch(/^ +\+.*"first-ms=3000"/m)
    expect(said.start).toMatch(/\$ systemctl .*enable .*\.service/)
    expect(said.stop).toMatch(/\$ systemctl .*disable .*\.service/)
    const kill = / Kill the gateway \(pid \d+\) \(SIGKILL\)\n +only if the process still exists\n +waits at most 5 s for its end\n/
    expect(said.restart).toMatch(
      / Ask the gateway \(pid \d+\) to finish its work \(SIGUSR1\)\n +waits at most \d+ s for its end, but only 30 s if/,
    )
    expect(said.restart).toMatch(kill)
    expect(said.restart).toMatch(
      /only if the gateway has ended because of the request\n +at most 90 s\n(.*\n)+ +only if the gateway is not back by then\n +\$ systemctl .*restart/,
    )
    expect(said['restart by force']).toMatch(/ Stop the gateway \(pid \d+\) \(SIGTERM\)\n +waits at most 10 s for its end\n/)
    expect(said['restart by force']).toMatch(kill)
    expect(said.uninstall).toContain(`Remove ${running.unitFile}`)
  })

  it('tells by list, diff and render what status tells', async () => {
    const service = await ticked()
    const list = await service.must('list', ['--json'])
    const {services} = list.json<{services: ServiceReport[]}>()
    const {memoryBytes, ...listed} = services.find((report) => report.profile === service.profile) ?? {}
    expect(memoryBytes).toBeGreaterThan(1_000_000)
    // Of one service alone its journal is read.
    const {lastEnd, ...status} = await service.status()
    expect(lastEnd).toMatchObject({reason: inCampaign('stop-asked', 'planned-restart')})
    expect({schemaVersion: 1, ok: true, exit: 0, ...listed, uptimeMs: null}).toEqual({...status, uptimeMs: null})
    expect((await service.must('list')).stdout).toMatch(new RegExp(`^${service.profile} .*running.*${service.home}$`, 'm'))

    const diff = await service.must('diff', ['--json'])
    expect(diff.json()).toMatchObject({
      schemaVersion: 1,
      ok: true,
      files: [],
      drift: [],
      needsReload: false,
      loaded: [service.unitFile, service.dropIn],
    })
    const {files} = (await service.must('render', ['--json'])).json<{files: {path: string; text: string}[]}>()
    expect(files.length).toBeGreaterThan(4)
    for (const file of files) expect(await machine().readText(file.path)).toBe(file.text)
    expect((await service.must('render')).stdout).toContain(await machine().readText(service.unitFile))
  })

  it('says whether people reach the bot, waits for its first platform, and shows the same by list and status', async () => {
    const platforms = {telegram: {state: 'connecting'}, discord: {state: 'fatal', error_code: 'bad_token'}}
    const platforms_later = {after_ms: 2000, platforms: {telegram: {state: 'connected'}}}
    const service = await makeService({platforms, platforms_later})
    await machine().writeText(`${service.home}/.env`, 'TELEGRAM_BOT_TOKEN=1\nTELEGRAM_ALLOWED_USERS=42\n', {user: alice})
    // The one that connects is waited for, and no command fails for the one that does not.
    const partly = 'partly online (telegram connected, discord gave up'
    const installed = await service.must('install', ['--heartbeat', 'off'])
    expect(installed.stdout.split('\n')[0]).toBe(`${service.unit} is installed and running`)
    expect(installed.stdout.split('\n')[1]).toContain(`${nameOf(service)} is running and ${partly}`)
    const status = await service.run('status')
    expect(status.stdout.split('\n')[0]).toContain(`${nameOf(service)} is running, as it should be, and ${partly}`)
    expect(status.code).toBe(1)
    expect((await service.must('list')).stdout).toMatch(/^PROFILE .* PLATFORMS .*\n[^]* telegram, discord \(gave up .* ago\) /)

    // Nobody answers for as long as is waited.
    await service.configure({platforms: {telegram: {state: 'retrying'}, discord: {state: 'connecting'}}})
    const waited = await service.must('restart', ['--timeout', '5s'])
    expect(waited.stdout).toContain(`${nameOf(service)} is running and not online yet (telegram retrying, discord connecting)\n`)
    expect(await service.status()).toMatchObject({exit: 0, online: {state: 'connecting'}})

    // Nothing is set up, and so nothing waited for: test/observe/online.test.ts; what is said then: test/ui/status-text.test.ts.
    if (!isCampaign) return
    await service.configure({state_fields: {platforms: {}}})
    await service.sh('rm "$1/.env"', [service.home])
    const bare = await service.must('restart')
    expect(bare.stdout).toMatch(
      / is running, but no chat platform is set up, so nobody can talk to it\n {2}Next: .*hermes.* gateway setup\n/,
    )
    expect((await service.must('list')).stdout).toMatch(/ running +none +yes /)
    await service.must('stop')
    expect((await service.run('status')).stdout.split('\n')[0]).toBe(`${nameOf(service)} is stopped, as it should be`)
  })

  it('uninstalls a service that has failed for good, and systemd forgets it', forgets)

  // As "shows what is being waited for" of restart-states.test.ts.
  itInCampaign('lets a gateway finish its work before it restarts it', async () => {
    const service = await busy()
    await service.must('restart')
    const ends = (await service.events()).filter((event) => event.event === 'end')
    expect(ends).toMatchObject([{reason: 'planned-restart'}])
    expect((await service.status()).failuresInARow).toBe(0)
  })

  // As restart-policy-suite.ts has it killed again and again.
  itInCampaign('brings a killed gateway back', async () => {
    const service = await makeTickless({existing_pid_record: 'refuse-any'})
    const pid = await service.mainPid()
    await service.sh('kill -9 "$1"', [String(pid)])
    expect(await service.comesUp(pid)).toBe(await service.mainPid())
    expect(await service.status()).toMatchObject({restarts: 1, failuresInARow: 1})
  })

  describe('status', () => {
    it('status ends with 4 where there is no such service', async () => {
      const service = await makeService()
      expect(await service.status()).toMatchObject({exit: 4, actual: 'not-installed', ok: true})
    })

    // Both seen by restart-states.test.ts; the exit status: test/observe/assess.test.ts.
    itInCampaign('status ends with 0 while the gateway starts and while it drains', async () => {
      const service = await busy()
      await service.sh('kill -USR1 "$1"', [String(await service.mainPid())])
      const draining = await waitFor(async () => {
        const status = await service.status()
        return status.gatewayState === 'draining' && status
      }, 'the drain')
      expect(draining).toMatchObject({exit: 0, actual: 'draining'})
      await service.configure({never_running: true})
      expect((await service.run('restart', ['--force', '--timeout', '3'])).code).toBe(1)
      expect(await service.status()).toMatchObject({exit: 0, actual: 'starting'})
      await service.must('stop')
    })

    it('status ends with 1 if a gateway of the home runs outside the service', async () => {
      const service = await plain()
      await service.sh('HERMES_HOME=~/.hermes setsid ~/.hermes/bin/hermes -p "$1" gateway run >/dev/null 2>&1 &', [service.profile], {
        user: alice,
      })
      const orphan = await waitFor(async () => (await service.status()).verdict.pid ?? undefined, 'the gateway')
      expect(await service.status()).toMatchObject({exit: 1, actual: 'orphaned', verdict: {state: 'alive', pid: orphan}})
      const start = await service.run('start', ['--json'])
      expect(start.code).toBe(1)
      expect(start.json<Failure>().error).toMatchObject({code: 'orphan-gateway', next: [expect.stringContaining(`kill ${orphan}`)]})
      await service.sh('kill -9 "$1"', [String(orphan)])
    })

    it('status ends with 4, and uninstall with 0, where the home has gone', async () => {
      const service = await plain()
      await service.sh('rm -rf "$1"', [service.home])
      const result = await service.run('uninstall', ['--json'])
      expect([result.code, result.json()]).toMatchObject([0, {ok: true, changed: true}])
      expect(await service.status()).toMatchObject({exit: 4, installed: 'no', actual: 'not-installed'})
      expect(await service.sh('ls -d "$@" 2>/dev/null || :', [service.unitFile, service.home, service.support, service.runtime])).toBe('')
    })

    /** Its gateway ends at each start. */
    const crashing = shared(async () => {
      const service = await makeTickless({}, ['--restart-delay', '50ms', '--restart-delay-max', '50ms'])
      await service.configure({exit_on_start: {code: 1}})
      await service.sh('kill -9 "$1"', [String(await service.mainPid())])
      await waitFor(async () => (await service.starts()) > 5, 'some failures')
      return service
    })

    // Seen by restart-states.test.ts; the exit status: test/observe/assess.test.ts.
    itInCampaign('status ends with 1 while the gateway crashes again and again', async () => {
      const service = await crashing()
      const seen = await waitFor(async () => {
        const status = await service.status()
        return status.actual === 'crash-looping' && status
      }, 'the verdict')
      expect(seen).toMatchObject({exit: 1, desired: 'running'})
    })

    // How it is stopped: restart-states.test.ts. What is removed of it then is that of one that has failed, above.
    itInCampaign('uninstalls a service that crashes again and again', async () => {
      const service = await crashing()
      await service.must('uninstall')
      expect(await service.show('LoadState', 'ActiveState')).toEqual(['not-found', 'inactive'])
      expect(
        await service.sh('ls -d "$@" 2>/dev/null || :', [service.unitFile, `${service.unitFile}.d`, service.support, service.runtime]),
      ).toBe('')
    })
  })

  // A restart begins it as a start does, which restart-policy-suite.ts sees.
  it.each(inCampaign(['restart', 'start', 'install'], ['install']))(
    'does not wait for a delay that failures have earned: %s',
    async (command) => {
      const service = await delayed()
      await service.configure({exit_on_start: {code: 1}})
      await service.sh('kill -9 "$1"', [String(await service.mainPid())])
      await waitFor(async () => (await service.status()).actual === 'waiting', 'the wait')
      await service.configure({})
      await service.must(command)
      expect(await service.status()).toMatchObject({exit: 0, actual: 'running', failuresInARow: 0})
    },
  )

  it('uninstalls a service whose gateway answers nothing, without waiting for its drain', async () => {
    const service = await delayed()
    await service.sh('kill -STOP "$1"', [String(await service.mainPid())])
    const result = await service.must('uninstall', ['--json'], {timeoutMs: 60_000})
    expect(result.json()).toMatchObject({ok: true, changed: true})
    expect(await service.show('LoadState', 'ActiveState')).toEqual(['not-found', 'inactive'])
  })

  it('prints one JSON document when it fails, too', async () => {
    const service = await makeService()
    const failures: [string[], number, string][] = [
      [service.argv('start', ['--json']), 1, 'not-installed'],
      [service.argv('diff', ['--json']), 4, 'not-installed'],
      [service.argv('status', ['--json', '--no-such-flag']), 2, 'usage'],
      [['install', '--json', '--profile', 'Not A Name', '--scope', scope, '--run-as', alice.name], 2, 'usage'],
      [service.argv('install', ['--json', '--command', '/no/such/hermes']), 1, 'gateway-command'],
      [['no-such-command', '--json'], 2, 'usage'],
    ]
    for (const [argv, exit, code] of failures) {
      const result = await hermesSvc(machine(), argv, service.actor)
      expect([argv, result.code]).toEqual([argv, exit])
      const failure = result.json<Failure>()
      expect(failure).toMatchObject({schemaVersion: 1, ok: false, error: {code}})
      expect(failure.error.message).not.toBe('')
      expect(result.stdout.trim().split('\n')).toHaveLength(1)
    }
  })
}
