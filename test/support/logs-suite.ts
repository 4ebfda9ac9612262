import type {Account} from '../../src/host/host.js'
import type {Scope} from '../../src/service/service.js'
import {beforeAll, describe, expect, it} from 'vitest'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign, itInCampaign} from './campaign.js'
import {schemaErrors} from './json-schemas.js'
import {hermesSvc, waitFor} from './machines.js'
import {TestService} from './test-service.js'

/** Takes the journals on disk away: what is left in memory is for root and the groups of administrators alone. */
const HIDE_JOURNALS = 'umount --lazy /var/log/journal && rm -rf /var/log/journal && systemctl restart systemd-journald'

/** A gateway that fails at once as long as there is a file beside it. */
const QUICK = `#!/bin/sh
[ -e "$0.fails" ] || exec ~/.hermes/bin/hermes "$@"
echo it does not work >&2
exit 1
`

/** Tests of a suite on a machine whose journals it takes away in the end. `ofWhom`: whose service it is. `ofOther`: who has none yet. */
export function describeLogs(machine: () => Machine, ofWhom: () => Account, ofOther: () => Account): void {
  describe('the log of a service', () => {
    /** Waits until the logs have a word, which take a moment to come in. */
    const logged = (service: TestService, word: string, args: readonly string[] = []) =>
      waitFor(async () => (await service.must('logs', args)).stdout.includes(word), `${word} in the logs`)

    const linesOf = async (service: TestService, args: readonly string[] = []) =>
      (await service.must('logs', args)).stdout.split('\n').slice(0, -1)
    const runs = (service: TestService) => waitFor(async () => (await service.status()).actual === 'running', 'a gateway that runs')
    const count = (lines: readonly string[], word: string) => lines.filter((line) => line.includes(word)).length

    /** Follows the log until `word` is said, then interrupts as Ctrl-C does; what was printed. */
    const follow = async (service: TestService, args: readonly string[], act: () => Promise<void>, word: string) => {
      const argv = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...service.argv('logs', ['--follow', ...args])]
      const files = `${service.user.home}/follow`
      // A terminal's Ctrl-C goes to all processes of the foreground's group.
      const program = 'rm -f "$0".*; echo $$ >"$0.pid"; exec "$@" >"$0.out" 2>"$0.err"'
      const running = machine().exec(['setsid', '--wait', 'sh', '-c', program, files, ...argv], service.actor)
      await waitFor(async () => (await machine().readText(`${files}.out`))?.includes('Gateway running'), 'the first lines')
      await act()
      await waitFor(async () => (await machine().readText(`${files}.out`))?.includes(word), `${word} in what follows`)
      await service.sh('kill -INT "-$(cat "$1.pid")"', [files], service.actor)
      const {code} = await running
      return {code, stdout: (await machine().readText(`${files}.out`)) ?? '', stderr: (await machine().readText(`${files}.err`)) ?? ''}
    }

    // Which units a journal is asked for differs by scope (of the machine: user-scope.test.ts), and what is made of its lines does not.
    describe.each<Scope>(inCampaign(['user', 'system'], ['user']))('in %s scope', (scope) => {
      let service: TestService

      beforeAll(async () => {
        const user = scope === 'user' ? ofWhom() : await machine().addUser('alan')
        service = await TestService.make(machine(), user, {scope})
        await service.must('install', ['--heartbeat', 'off'])
        await logged(service, 'Gateway running')
      })

      it('shows the last lines, as many as asked for, with the time of day', async () => {
        const all = await linesOf(service)
        expect(all.at(-1)).toMatch(/^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d INFO gateway\.run: Gateway running$/)
        expect(all.length).toBeGreaterThan(1)
        expect(await linesOf(service, ['-n', '2'])).toEqual(all.slice(-2))
        expect(await linesOf(service, ['-n', '0'])).toEqual([])
      })

      it('has the file and the journal in one stream, and what stands in both once', async () => {
        await service.sh('kill -9 "$1"', [String(await service.mainPid())])
        await logged(service, 'gateway was killed by SIGKILL')
        await runs(service)
        await service.sh('kill -TERM "$1"', [String(await service.mainPid())])
        await logged(service, 'gateway exited with 1 after')
        await runs(service)
        await service.sh('journalctl --sync')
        // As the gateway prints it, and as its file has it.
        const journal = await service.sh('journalctl --output=cat --no-pager "_UID=$1"', [String(service.user.uid)])
        expect(journal).toContain('WARNING gateway.run: Shutdown context: signal=SIGTERM')
        const lines = await linesOf(service, ['-n', '1000'])
        expect(count(lines, 'Shutdown context: signal=SIGTERM')).toBe(1)
        const order = [
          'Starting Hermes',
          'was killed by SIGKILL',
          'Gateway running',
          'Received SIGTERM',
          'Shutdown context',
          'exited with 1 after',
        ]
        let at = 0
        for (const word of order) {
          at = lines.findIndex((line, index) => index >= at && line.includes(word))
          expect({word, isThere: at >= 0}).toEqual({word, isThere: true})
        }
        // systemd speaks only when it is asked for.
        expect(lines.filter((line) => / systemd\[\d+\]: /.test(line))).toEqual([])
        const managers = (await linesOf(service, ['-n', '1000', '--manager-lines'])).filter((line) => / systemd\[\d+\]: /.test(line))
        expect(managers.join('\n')).toMatch(/systemd\[\d+\]: hermes-gateway-\S+\.service: Main process exited/)
      })

      // Over a rotation, below.
      itInCampaign('follows until it is interrupted', async () => {
        const said = await follow(service, ['-n', '5'], async () => void (await service.must('restart')), '(planned-restart)')
        expect(said.code).toBe(0)
        expect(said.stderr).toBe('')
      })

      it('shows a part of it: by level, by words, by time', async () => {
        const loud = await linesOf(service, ['-n', '1000', '--level', 'WARNING'])
        expect(loud.join('\n')).toContain('Shutdown context')
        expect(loud.filter((line) => / INFO /.test(line))).toEqual([])
        expect(loud.join('\n')).toContain('hermes-svc: gateway was killed by SIGKILL')
        const found = await linesOf(service, ['--grep', 'gateway RUNNING|received', '-n', '1000'])
        expect(found).toEqual([])
        const folded = await linesOf(service, ['--grep', 'gateway running|received', '-n', '1000'])
        expect(count(folded, 'Gateway running') + count(folded, 'Received')).toBe(folded.length)
        expect(count(folded, 'Gateway running')).toBeGreaterThan(2)
        const all = await linesOf(service, ['-n', '1000'])
        // How else a time is said: test/commands/moment.test.ts.
        for (const since of inCampaign(['1h', '1 hour ago', 'yesterday', '2020-01-01'], ['1h', '2020-01-01']))
          expect(await linesOf(service, ['--since', since])).toEqual(all)
        expect(await linesOf(service, ['--since', '1h', '-n', '1'])).toHaveLength(1)
        expect(await linesOf(service, ['--since', '2199-01-01'])).toEqual([])
        expect(await linesOf(service, ['--until', '1h'])).toEqual([])
        const wrong = await service.run('logs', ['--since', 'the day after'])
        expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('the day after')])
      })

      it('prints JSON Lines', async () => {
        const lines = (await linesOf(service, ['--json', '-n', '1000'])).map((line) => JSON.parse(line) as Record<string, unknown>)
        expect(lines.flatMap((line) => schemaErrors('log-line', line))).toEqual([])
        expect(lines).toContainEqual(
          expect.objectContaining({origin: 'gateway', level: 'info', logger: 'gateway.run', message: 'Gateway running'}),
        )
        expect(lines).toContainEqual(
          expect.objectContaining({origin: 'service', level: null, message: expect.stringContaining('was killed by') as string}),
        )
      })

      it('keeps a traceback with its line, in what the file has and in what was printed', async () => {
        const trace = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no'
        const file = `${service.home}/logs/gateway.log`
        const stamp = (await service.sh('date "+%Y-%m-%d %H:%M:%S,000"')).trim()
        await service.sh('printf "%s\\n" "$2" >>"$1"', [file, `${stamp} ERROR gateway.run: it failed\n${trace}`], service.actor)
        const lines = await linesOf(service, ['-n', '2'])
        expect(lines.slice(-4)).toEqual([
          expect.stringMatching(/ERROR gateway\.run: it failed$/),
          ...trace.split('\n').map((line) => `    ${line}`),
        ])
        expect(await linesOf(service, ['-n', '1', '--grep', 'ValueError'])).toHaveLength(4)
      })

      it('has the last words of gateways that were gone at once', async () => {
        const failures = inCampaign(12, 6)
        const command = `${service.user.home}/quick`
        await machine().writeText(command, QUICK, {user: service.user, mode: 0o755})
        const quick = await TestService.make(machine(), service.user, {scope})
        const delays = ['--restart-delay', '20ms', '--restart-delay-max', '20ms']
        await quick.must('install', ['--heartbeat', 'off', '--command', command, ...delays])
        await quick.sh('touch "$1.fails"; kill -9 "$2"', [command, String(await quick.mainPid())])
        await waitFor(async () => (await quick.status()).failuresInARow >= failures, 'failures')
        await quick.must('stop')
        await quick.sh('rm "$1.fails"', [command])
        await quick.sh('journalctl --sync')
        const lines = (await quick.must('logs', ['-n', '1000'])).stdout.split('\n')
        const matching = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length
        expect(matching(/gateway exited with 1 after 0/)).toBeGreaterThan(failures - 2)
        expect(matching(/it does not work$/)).toBe(matching(/gateway exited with 1 after 0/))
      })

      it('follows the file and the journal together, over a rotation', async () => {
        const rotate = 'cd "$1/logs" && mv gateway.log gateway.log.1 && mv errors.log errors.log.1'
        const act = async () => {
          await runs(service)
          const [pid, before] = [await service.mainPid(), count(await linesOf(service, ['-n', '1000']), 'exited with 1 after')]
          await service.sh('kill -TERM "$1"', [String(pid)])
          await waitFor(async () => count(await linesOf(service, ['-n', '1000']), 'exited with 1 after') > before, 'its end')
          await runs(service)
          await service.sh(rotate, [service.home], service.actor)
          await service.must('restart')
        }
        // The one line that is asked for is that it runs.
        await service.must('restart')
        const said = await follow(service, ['-n', '1'], act, '(planned-restart)')
        const lines = said.stdout.split('\n')
        expect([said.code, said.stderr]).toEqual([0, ''])
        expect(count(lines, 'Shutdown context: signal=SIGTERM')).toBe(1)
        expect(count(lines, 'hermes-svc: gateway exited with 1')).toBe(1)
        expect(count(lines, 'Received SIGUSR1')).toBe(1)
        expect(await service.sh('cat "$1/logs/gateway.log"', [service.home])).toContain('Received SIGUSR1')
      })
    })

    let alma: Account
    let one: TestService
    beforeAll(() => {
      alma = ofOther()
    })

    it('says that there is no log of a service that there never was', async () => {
      const result = await hermesSvc(machine(), ['logs', '--json'], {user: alma})
      expect([result.code, result.json()]).toMatchObject([4, {ok: false, error: {code: 'no-log'}}])
    })

    it('shows all profiles in one stream, each line with its own', async () => {
      one = await TestService.make(machine(), alma, {profile: 'default'})
      const other = await TestService.make(machine(), alma, {profile: 'work'})
      for (const service of [one, other]) await service.must('install', ['--heartbeat', 'off'])
      const all = async () => {
        const {code, stdout} = await hermesSvc(machine(), ['logs', '--all'], {user: alma})
        return code === 0 ? stdout.split('\n').slice(0, -1) : []
      }
      await waitFor(async () => count(await all(), 'Gateway running') === 2, 'both of them')
      await one.sh('kill -9 "$1"', [String(await other.mainPid())])
      await waitFor(async () => count(await all(), ' work    hermes-svc: gateway was killed by SIGKILL') === 1, 'its end')
      const lines = await all()
      expect(lines.filter((line) => !/^.{15} (?:default|work {3}) /.test(line))).toEqual([])
      expect(count(lines, ' default INFO gateway.run: Gateway running')).toBe(1)
      expect(count(await linesOf(one), 'SIGKILL')).toBe(0)
    })

    describe('where a user may not read the journal', () => {
      let service: TestService

      beforeAll(async () => {
        service = one
        await service.sh(HIDE_JOURNALS)
      })

      it("shows the gateway's own file, and says so", async () => {
        const file = `${service.home}/logs/gateway.log`
        const result = await service.must('logs')
        expect(result.stdout.split('\n').length).toBe((await machine().readText(file))?.split('\n').length)
        expect(result.stderr).toContain(`The lines below are from ${file}`)
        expect((await service.must('logs', ['-n', '1'])).stdout).toMatch(/^[^\n]*Gateway running\n$/)
      })

      it('prints JSON Lines of the file, too', async () => {
        const {stdout} = await service.must('logs', ['--json'])
        const lines = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as {message: string})
        expect(lines.at(-1)?.message).toContain('Gateway running')
      })

      // As JSON Lines, below.
      itInCampaign('follows the file until it is interrupted', async () => {
        const said = await follow(service, [], async () => void (await service.must('restart')), '(planned-restart)')
        expect(said.code).toBe(0)
      })

      it('follows the file as JSON Lines', async () => {
        const said = await follow(service, ['--json', '-n', '1'], async () => void (await service.must('restart')), '(planned-restart)')
        expect(said.code).toBe(0)
        for (const line of said.stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('message')
      })

      it("has the end of the gateway's own file in the error of an installation that fails", async () => {
        const failing = await TestService.make(machine(), service.user, {standIn: {exit_on_start: {code: 78}}})
        const result = await failing.run('install', ['--json'])
        expect(result.code).toBe(1)
        const {error} = result.json<{error: {evidence: string[]}}>()
        expect(error.evidence.at(-1)).toContain('Exiting with code 78 (exit-on-start)')
      })
    })
  })
}
