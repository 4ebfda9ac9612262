import type {Scope} from '../../src/service/service.js'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {type CommandResult, describeOnSystemd, hermesSvc, testHost, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

interface Failure {
  readonly ok: boolean
  readonly error: {readonly code: string; readonly message: string; readonly next: string[]; readonly evidence: string[]}
}

/** Failures come one after the other within a second, so that three of them are soon there. */
const SOON = ['--restart-delay', '50ms']

/** The error of an installation that failed and was undone. A reload that failed fails again when it is undone: that may be said. */
const failed = (result: CommandResult, code: string) => {
  expect([result.code, result.stdout]).toEqual([1, expect.stringContaining('"ok":false')])
  const {error} = result.json<Failure>()
  expect(error.code).toBe(code)
  expect(error.evidence.filter((line) => line.includes('could not be undone') && !line.includes('daemon-reload'))).toEqual([])
  return error
}

await describeOnSystemd('an installation is a transaction', (machine: () => Machine) => {
  const users = {} as Record<Scope, Account>

  beforeAll(async () => {
    users.user = await machine().addUser('alice')
    users.system = await machine().addUser('alan', {linger: false})
  })

  describe.concurrent.each<Scope>(['user', 'system'])('in %s scope', (scope) => {
    describe.sequential('one after the other', () => transactions(machine, scope, () => users[scope]))
  })

  // What makes systemd refuse is the whole machine's, so that nothing else may go on beside it.
  // What is undone is the same in both.
  describe.each<Scope>(inCampaign(['user', 'system'], ['user']))('where systemd will not read a definition, in %s scope', (scope) => {
    /** Each row has it as the one before has left it. */
    let service: TestService

    beforeAll(async () => {
      service = await TestService.make(machine(), users[scope], {scope})
    })

    /** Runs a command while systemd refuses to reload: it does where /run has less than 16 MiB left. */
    const withoutReload = async (command: string, args: readonly string[]) => {
      const size = await service.sh(
        'set -- $(df --output=size,used -k /run | tail -n 1); mount -o remount,size="$(($2 + 8192))K" /run; echo "$1"',
      )
      try {
        return await service.run(command, args)
      } finally {
        await service.sh('mount -o remount,size="$1K" /run', [size.trim()])
      }
    }

    it('a first installation undoes everything if systemd will not read the definition', async () => {
      const before = await service.lasting()
      const result = await withoutReload('install', ['--json'])
      expect(failed(result, 'command-failed').message).toMatch(/enable.*not enough space/s)
      expect(await service.lasting()).toEqual(before)
    })

    // What is put back is the same in both.
    if (scope === 'system') return

    it('an installation does not disturb the gateway that runs if systemd will not read the new definition', async () => {
      // What has been undone is in nobody's way.
      await service.must('install', ['--heartbeat', 'off'])
      const [before, pid] = [await service.definition(), await service.mainPid()]
      failed(await withoutReload('install', ['--json', '--env', 'NEW=1']), 'command-failed')
      expect(await service.definition()).toEqual(before)
      expect(await service.comesUp()).toBe(pid)
      // The files are as they were, but systemd has not seen that yet.
      await service.must('install')
      expect(await service.show('NeedDaemonReload', 'MainPID')).toEqual(['no', String(pid)])
    })

    // What is put back is what was there before, as of the one that runs; that one that is stopped is left so: test/lifecycle/install.test.ts.
    itInCampaign('an installation that systemd will not read leaves the former one stopped if it was', async () => {
      await service.must('stop')
      const before = await service.lasting()
      failed(await withoutReload('install', ['--json', '--env', 'NEW=1']), 'command-failed')
      expect(await service.lasting()).toEqual(before)
    })
  })
})

function transactions(machine: () => Machine, scope: Scope, user: () => Account): void {
  const makeService = (standIn: StandInConfig = {}) => TestService.make(machine(), user(), {scope, standIn})

  describe('before a first installation', () => {
    const failures: [string, StandInConfig, readonly string[], RegExp, string][] = [
      ['ends with 1 at every start', {exit_on_start: {code: 1}}, SOON, /it ended \d times in a row \(exit status 1\)/, '(exit-on-start)'],
      ['ends with 78', {exit_on_start: {code: 78}}, [], /it ended with 78: its configuration is wrong/, '(exit-on-start)'],
      [
        'never says that it runs',
        {never_running: true},
        ['--timeout', '4s'],
        /did not report "running" within 4 s.*says starting/,
        'Starting Hermes',
      ],
    ]
    // How it fails is told without the scope (test/lifecycle/start-stop.test.ts), and what is undone of a user's own is seen of one that cannot be enabled, below. One
    // that ends with 1 at every start is undone over a definition that works, and one that never says that it runs in shared-services.test.ts.
    const endsFor78 = failures.slice(1, 2)
    it.each(scope === 'system' ? endsFor78 : inCampaign(failures, []))(
      'a first installation undoes everything if the gateway %s',
      async (_what, standIn, flags, message, logLine) => {
        const service = await makeService(standIn)
        const before = await service.lasting()
        const error = failed(await service.run('install', ['--json', ...flags]), 'not-running')
        expect(error.message).toMatch(message)
        expect(error.message).toMatch(/; nothing is left of the installation$/)
        expect(error.next[0]).toMatch(/ gateway run {3}# shows in this terminal why the gateway does not run$/)
        // What it said itself stands before what its manager made of it.
        expect(error.evidence.join('\n')).toContain(logLine)
        const [own, ofManager] = [
          error.evidence.findIndex((line) => line.includes(logLine)),
          error.evidence.findIndex((line) => / systemd\[\d+\]: /.test(line)),
        ]
        expect(own).toBeLessThan(ofManager === -1 ? Infinity : ofManager)
        expect(await service.lasting()).toEqual(before)
        // Its user did not linger.
        if (scope === 'system') expect(await machine().readText(`/var/lib/systemd/linger/${user().name}`)).toBeUndefined()
        expect(await service.status()).toMatchObject({exit: 4, actual: 'not-installed', pid: null})
        const journal = (await machine().readText(`${service.home}/logs/hermes-svc.jsonl`))?.trim().split('\n') ?? []
        // Beside the ends of the gateway, which the helper notes.
        const changes = journal.map((line) => JSON.parse(line) as object).filter((line) => 'command' in line)
        expect(changes).toMatchObject([{command: 'install', outcome: 'failed'}])
      },
    )

    // The folder alone is another one.
    const itInOneScope = scope === 'user' ? it : itInCampaign
    itInOneScope('a first installation undoes everything if the service cannot be enabled', async () => {
      const service = await makeService()
      const wants = `${service.units}/${scope === 'user' ? 'default' : 'multi-user'}.target.wants`
      await service.sh('rm -rf "$1"; mkdir -p "${1%/*}"; touch "$1"', [wants], {...service.actor})
      const before = await service.lasting()
      const result = await service.run('install', ['--json'])
      expect(failed(result, 'command-failed').message).toMatch(/ enable /)
      expect(await service.lasting()).toEqual(before)
      await service.sh('rm "$1"', [wants])
    })
  })

  // What is undone when does not differ by scope; whose files it is in, which does, is seen above.
  if (scope === 'system' && !isCampaign) return

  describe('over a definition that works', () => {
    /** A command that answers when it is probed, and then never works. */
    const BROKEN = '#!/bin/sh\n[ "$1" != --version ] || exit 0\necho it does not work >&2\nexit 1\n'

    const brokenCommand = async (service: TestService) => {
      const command = `${user().home}/broken-hermes`
      await machine().writeText(command, BROKEN, {user: user(), mode: 0o755})
      return service.run('install', ['--json', '--command', command, '--env', 'NEW=1', ...SOON])
    }

    it('an installation over another brings that back, running, if the gateway does not come up', async () => {
      const service = await makeService()
      await service.must('install', ['--heartbeat', 'off', '--env', 'OLD=1', '--restart-delay', '2s'])
      const [before, pid] = [await service.definition(), await service.mainPid()]
      const error = failed(await brokenCommand(service), 'not-running')
      expect(error.message).toMatch(/; the service is as it was before$/)
      expect(error.evidence.join('\n')).toContain('it does not work')
      expect(await service.definition()).toEqual(before)
      await service.comesUp(pid)
      expect(await service.status()).toMatchObject({exit: 0, desired: 'running', enabled: true, failuresInARow: 0})
      expect((await service.must('diff')).stdout).toContain(': no differences')
    })
  })

  // Off again: as of a service of the machine, above. On, and with it the manager of a user without a session: user-scope.test.ts.
  itInCampaign('an installation turns lingering on for a user without a session, and off again if it fails', async () => {
    const carol = await machine().addUser(`carol-${scope}`, {linger: false})
    const service = await TestService.make(machine(), carol, {scope, profile: 'default', standIn: {exit_on_start: {code: 78}}})
    const asRoot = (command: string) => hermesSvc(machine(), [command, '--json', '--scope', scope, '--run-as', carol.name])
    const must = async (command: string) => {
      const result = await asRoot(command)
      expect(result, result.stderr).toMatchObject({code: 0})
      return result.json()
    }
    const before = await service.lasting()
    failed(await asRoot('install'), 'not-running')
    expect(await machine().readText(`/var/lib/systemd/linger/${carol.name}`)).toBeUndefined()
    const userManager = ['systemctl', 'stop', `user@${carol.uid}.service`]
    await machine().exec(userManager)
    expect(await service.lasting()).toEqual(before)

    await service.configure({})
    expect(await must('install')).toMatchObject({changed: true})
    expect(await machine().readText(`/var/lib/systemd/linger/${carol.name}`)).toBe('')
    expect(await must('status')).toMatchObject({actual: 'running', account: carol.name})
    expect(await must('install')).toMatchObject({changed: false})
    expect(await must('uninstall')).toMatchObject({changed: true})
    expect(await machine().readText(`/var/lib/systemd/linger/${carol.name}`)).toBeUndefined()
    await machine().exec(userManager)
    expect(await service.lasting()).toEqual(before)
  })

  it('an installation never leaves a half-written file when it is killed, and the next run completes it', async () => {
    const service = await makeService({dump_env: ['A']})
    const nothing = await service.lasting()
    const variants = [
      ['--restart-delay', '1s', '--env', 'A=0'],
      ['--restart-delay', '9s', '--env', 'A=1'],
    ]
    const definitions: string[][] = []
    /** The shorter of two times, so that on a machine that does much else too it is not over before it is killed. */
    let takesMs = Infinity
    for (const flags of variants) {
      const startMs = testHost.monotonicMs()
      await service.must('install', flags)
      takesMs = Math.min(takesMs, testHost.monotonicMs() - startMs)
      definitions.push(await service.definition())
    }
    const whole = new Set(definitions.flat())
    /** The moments are random ones: each run of this suite sees others, and a campaign more of them. */
    const [changes, removals] = [inCampaign(3, 1), 2]

    let killed = 0
    /** Kills a command after a share of the time that an installation takes; whatever is there then is whole. */
    const kill = async (share: number, flags: readonly string[], command = 'install') => {
      const limit = ['timeout', '--foreground', '--signal=KILL', ((takesMs * share) / 1000).toFixed(3)]
      const {code} = await machine().exec(
        [...limit, MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...service.argv(command, flags)],
        service.actor,
      )
      if (code === 137) killed++
      else expect(code).toBe(0)
      const there = await service.definition()
      expect(there.filter((line) => !whole.has(line) && !/hermes-svc-tmp |\/restart-due /.test(line))).toEqual([])
      const verify = ['systemd-analyze', ...(scope === 'user' ? ['--user'] : []), 'verify', service.unitFile]
      if (there.some((line) => line.startsWith(`${service.unitFile} `)))
        expect((await machine().exec(verify, service.actor)).stderr).toBe('')
    }
    const completes = async (variant: number) => {
      await waitFor(
        async () => (await service.run('install', variants[variant])).code === 0,
        'an installation that is not hindered by the killed one',
      )
      expect(await service.definition()).toEqual(definitions[variant])
      expect(await service.status()).toMatchObject({exit: 0, actual: 'running', enabled: true, desired: 'running'})
      // The gateway runs on the new definition, too.
      expect(JSON.parse((await machine().readText(`${service.home}/stand-in.env.json`)) ?? '')).toMatchObject({A: String(variant)})
      expect(await service.sh('find "$1" -name "*hermes-svc-tmp"', [service.home])).toBe('')
    }
    for (let round = 1; round <= changes; round++) {
      // The second variant is what is there.
      await kill((round - 0.5 + Math.random()) / (changes + 1), variants[(round + 1) % 2] ?? [])
      await completes((round + 1) % 2)
    }
    // All of it is done by the same writes and calls: of a first one and of a removal a campaign.
    expect(killed).toBeGreaterThan(0)
    if (!isCampaign) return
    await service.must('uninstall')
    await kill((1 + Math.random()) / 3, variants[0] ?? [])
    await completes(0)
    for (let round = 1; round <= removals; round++) {
      await service.must('notify:add', ['http://127.0.0.1:9/token'])
      await kill((round + Math.random()) / 3, [], 'uninstall')
      await service.must('uninstall')
      // It has the targets, which are secrets.
      expect(await service.sh('find "$1" -maxdepth 1 -name ".hermes-svc-notify*"', [service.home])).toBe('')
      expect(await service.lasting()).toEqual(nothing)
      await completes(0)
    }
    expect(killed).toBeGreaterThan(2)
  })

  if (scope === 'system') return

  // One that meets another one at work is refused in shared-services.test.ts; what it says: test/lifecycle/change.test.ts.
  itInCampaign('the lock of a home lets one of two installations work, and the other say so', async () => {
    const service = await makeService({startup_ms: 1000})
    const results = await Promise.all([service.run('install', ['--json']), service.run('install', ['--json'])])
    expect(results.map((result) => result.code).sort()).toEqual([0, 1])
    const loser = results.find((result) => result.code === 1)
    expect(loser?.json<Failure>().error).toMatchObject({
      code: 'busy',
      message: expect.stringMatching(/changing hermes-gateway-.*right now/),
    })
    expect(await service.status()).toMatchObject({exit: 0, actual: 'running'})
  })

  describe('that is interrupted by Ctrl-C', () => {
    /** Installs, and interrupts that as soon as something has happened. */
    const interrupt = async (service: TestService, args: readonly string[], hasHappened: () => Promise<boolean>) => {
      const argv = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...service.argv('install', ['--json', ...args])]
      const running = machine().exec(['sh', '-c', 'echo $$ >~/pid; exec "$@"', 'sh', ...argv], service.actor)
      await waitFor(hasHappened, 'the moment to interrupt')
      await service.sh('kill -INT "$(cat ~/pid)"; rm ~/pid', [], service.actor)
      const result = await running
      expect(result.code).toBe(130)
      expect(JSON.parse(result.stdout)).toMatchObject({ok: false, error: {code: 'cancelled', evidence: []}})
    }

    // As by the end of its terminal, in shared-services.test.ts.
    itInCampaign('an installation that is interrupted by Ctrl-C is undone', async () => {
      const service = await makeService({never_running: true})
      const before = await service.lasting()
      await interrupt(service, [], async () => (await service.events()).some((event) => event.event === 'start'))
      expect(await service.lasting()).toEqual(before)
      expect(await service.status()).toMatchObject({exit: 4, actual: 'not-installed', pid: null})
    })

    let running: TestService | undefined

    it('an installation that is interrupted by Ctrl-C has the gateway from before run again', async () => {
      const service = await makeService({dump_env: ['NEW']})
      await service.must('install', ['--heartbeat', 'off'])
      running = service
      const [before, pid] = [await service.definition(), await service.mainPid()]
      // What runs in the end takes its time to stop, which the next test goes by.
      await service.configure({dump_env: ['NEW'], stop_takes_ms: 1500, sequence: [{never_running: true}]})
      const isStarted = async () => (await service.events()).filter((event) => event.event === 'start').length === 2
      await interrupt(service, ['--env', 'NEW=1'], isStarted)
      expect(await service.definition()).toEqual(before)
      await service.comesUp(pid)
      expect(JSON.parse((await machine().readText(`${service.home}/stand-in.env.json`)) ?? '')).toMatchObject({NEW: null})
    })

    it('an installation that is interrupted by Ctrl-C lets the gateway from before finish what it is doing', async () => {
      const service = running
      if (!service) throw new Error('there is no service: see the test before')
      const [before, pid, former] = [await service.definition(), await service.mainPid(), (await service.events()).length]
      const isDraining = async () => (await machine().readText(`${service.home}/gateway_state.json`))?.includes('draining') === true
      await interrupt(service, ['--env', 'NEW=1'], isDraining)
      expect(await service.definition()).toEqual(before)
      await service.comesUp(pid)
      const ends = (await service.events()).slice(former).filter((event) => event.event === 'end')
      expect(ends).toMatchObject([{pid, reason: 'planned-stop', code: 0}])
      expect(JSON.parse((await machine().readText(`${service.home}/stand-in.env.json`)) ?? '')).toMatchObject({NEW: null})
    })
  })
}
