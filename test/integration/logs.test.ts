import type {Scope} from '../../src/service/service.js'
import {beforeAll, describe, expect, it} from 'vitest'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

/** Takes the journals on disk away: what is left in memory is for root and the groups of administrators alone. */
const HIDE_JOURNALS = 'umount --lazy /var/log/journal && rm -rf /var/log/journal && systemctl restart systemd-journald'

/** A gateway that fails at once as long as there is a file beside it. */
const QUICK = `#!/bin/sh
[ -e "$0.fails" ] || exec ~/.hermes/bin/hermes "$@"
echo it does not work >&2
exit 1
`

await describeOnSystemd('the log of a service', (machine: () => Machine) => {
  /** Waits until the journal has what the gateway has said. */
  const logged = async (service: TestService, word: string) => {
    const journal =
      service.scope === 'user' ? ['journalctl', '--user', '--user-unit', service.unit] : ['journalctl', '--unit', service.unit]
    await waitFor(async () => (await machine().exec(journal, service.actor)).stdout.includes(word), `${word} in the journal`)
  }

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

  describe.each<Scope>(['user', 'system'])('in %s scope', (scope) => {
    let service: TestService

    beforeAll(async () => {
      const user = await machine().addUser(scope === 'user' ? 'alice' : 'alan')
      service = await TestService.make(machine(), user, {scope})
      await service.must('install')
      await logged(service, 'Gateway running')
    })

    it('shows the last lines, as many as asked for', async () => {
      const all = (await service.must('logs')).stdout.trim().split('\n')
      expect(all.at(-1)).toMatch(/INFO gateway\.run: Gateway running$/)
      expect(all.length).toBeGreaterThan(2)
      expect((await service.must('logs', ['-n', '2'])).stdout.trim().split('\n')).toEqual(all.slice(-2))
      expect((await service.must('logs', ['-n', '0'])).stdout).toBe('')
    })

    it('shows what was said since a time', async () => {
      expect((await service.must('logs', ['--since', '1 hour ago'])).stdout).toContain('Gateway running')
      expect((await service.must('logs', ['--since', '1 hour ago', '-n', '1'])).stdout.trim().split('\n')).toHaveLength(1)
      expect((await service.must('logs', ['--since', '2199-01-01'])).stdout).toBe('')
      const wrong = await service.run('logs', ['--since', 'the day after'])
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('the day after')])
    })

    it('prints JSON Lines', async () => {
      const {stdout} = await service.must('logs', ['--json', '-n', '4'])
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as {MESSAGE: string})
      expect(lines).toHaveLength(4)
      expect(lines.at(-1)?.MESSAGE).toContain('Gateway running')
    })

    it('has the last words of gateways that were gone at once', async () => {
      const command = `${service.user.home}/quick`
      await machine().writeText(command, QUICK, {user: service.user, mode: 0o755})
      const quick = await TestService.make(machine(), service.user, {scope})
      await quick.must('install', ['--command', command, '--restart-delay', '20ms', '--restart-delay-max', '20ms'])
      await quick.sh('touch "$1.fails"; kill -9 "$2"', [command, String(await quick.mainPid())])
      await waitFor(async () => (await quick.status()).failuresInARow >= 12, 'a dozen of failures')
      await quick.must('stop')
      await quick.sh('rm "$1.fails"', [command])
      await quick.sh('journalctl --sync')
      const lines = (await quick.must('logs', ['-n', '1000'])).stdout.split('\n')
      const count = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length
      expect(count(/gateway exited with 1 /)).toBeGreaterThan(10)
      expect(count(/it does not work$/)).toBe(count(/gateway exited with 1 /))
    })

    it('follows until it is interrupted', async () => {
      const said = await follow(service, ['-n', '5'], async () => void (await service.must('restart')), '(planned-restart)')
      expect(said.code).toBe(0)
      expect(said.stderr).toBe('')
    })
  })

  it('says that there is no log of a service that there never was', async () => {
    const alice = await machine().addUser('anna')
    const result = await hermesSvc(machine(), ['logs', '--json'], {user: alice})
    expect([result.code, result.json()]).toMatchObject([4, {ok: false, error: {code: 'no-log'}}])
  })

  describe('where a user may not read the journal', () => {
    let service: TestService

    beforeAll(async () => {
      const user = await machine().addUser('bert')
      service = await TestService.make(machine(), user)
      await service.sh(HIDE_JOURNALS)
      await service.must('install')
    })

    it("shows the gateway's own file, and says so", async () => {
      const file = `${service.home}/logs/gateway.log`
      const result = await service.must('logs')
      expect(result.stdout).toBe(await machine().readText(file))
      expect(result.stderr).toContain(`this is ${file}`)
      expect((await service.must('logs', ['-n', '1'])).stdout).toMatch(/^[^\n]*Gateway running\n$/)
    })

    it('prints JSON Lines of the file, too', async () => {
      const {stdout} = await service.must('logs', ['--json'])
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as {MESSAGE: string})
      expect(lines.at(-1)?.MESSAGE).toContain('Gateway running')
    })

    it('follows the file until it is interrupted', async () => {
      const said = await follow(service, [], async () => void (await service.must('restart')), '(planned-restart)')
      expect(said.code).toBe(0)
    })

    it('follows the file as JSON Lines', async () => {
      const said = await follow(service, ['--json', '-n', '1'], async () => void (await service.must('restart')), '(planned-restart)')
      expect(said.code).toBe(0)
      for (const line of said.stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('MESSAGE')
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
