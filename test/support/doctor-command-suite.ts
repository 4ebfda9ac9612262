import {stripVTControlCharacters} from 'node:util'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign} from './campaign.js'
import {doctor, type DoctorRows} from './doctor-row.js'
import {CTRL_C, ENTER, onTerminal, terminalEnd} from './terminal.js'
import type {TestService} from './test-service.js'

/** How doctor and fix are used, and what they print: tests of a suite on a machine, with a user of it and the services that the user has already. */
export function describeCommands(machine: () => Machine, services: DoctorRows, user: () => Account): void {
  describe('doctor and fix as commands', () => {
    let ann: Account
    let service: TestService
    beforeAll(async () => {
      ann = user()
      service = await services.take(ann)
    })
    const breakIt = () => service.systemctl('disable', service.unit)
    const isEnabled = async () => (await service.show('UnitFileState'))[0] === 'enabled'

    it('writes nothing without --fix', async () => {
      await breakIt()
      const before = await service.lasting()
      expect((await doctor(service)).exit).toBe(1)
      expect(await service.lasting()).toEqual(before)
    })

    it('says what was found with its cure right under it, and last what cures all that is safe', async () => {
      await breakIt()
      const {stdout} = await service.run('doctor')
      expect(stdout).toMatch(
        /^hermes-gateway-test-\d+.service: should be running, is running, does not start at boot\n\n! warning: .* \[not-enabled\]\n/,
      )
      expect(stdout).toMatch(/\n {4}What to type:\n {6}hermes-svc fix not-enabled -p test-\d+\n {4}Read more: .*doctor\.md#not-enabled\n/)
      expect(stdout).toMatch(/\n1 warning in \d+ checks\n[^\n]*\n {2}hermes-svc doctor --fix -p test-\d+\n$/)
    })

    it('looks only where it is told to', async () => {
      await breakIt()
      expect((await doctor(service, ['--skip', 'not-enabled'])).exit).toBe(0)
      expect((await doctor(service, ['--only', 'not-enabled'])).exit).toBe(1)
      expect((await doctor(service, ['not-enabled'])).exit).toBe(1)
      expect((await doctor(service, ['path', 'linger'])).exit).toBe(0)
      const {code, stderr} = await service.run('doctor', ['--only', 'not-enabeld'])
      expect({code, stderr}).toMatchObject({code: 2, stderr: expect.stringContaining('did you mean not-enabled?') as string})
    })

    it('applies what is safe with --fix, and then has nothing to say', async () => {
      await breakIt()
      expect(await doctor(service, ['--fix'])).toEqual({exit: 0, findings: []})
      expect(await isEnabled()).toBe(true)
    })

    it('shows what a fix would do with --dry-run, and does nothing', async () => {
      await breakIt()
      const {code, stdout} = await service.run('fix:not-enabled', ['--dry-run'])
      expect({code, stdout}).toMatchObject({code: 0, stdout: expect.stringMatching(/\$ systemctl --user enable hermes-gateway/) as string})
      expect(await isEnabled()).toBe(false)
    })

    it('writes a report for others to read, once, that names neither the user nor a secret', async () => {
      await service.must('install', ['--env', 'TELEGRAM_BOT_TOKEN=swordfish-7361'])
      const file = `${ann.home}/report.json`
      await service.must('doctor', ['--report', file])
      const text = (await machine().readText(file)) ?? ''
      expect(JSON.parse(text)).toMatchObject({services: [{status: {profile: service.profile}, gateway: {state: {kind: 'present'}}}]})
      expect(text).not.toMatch(/swordfish|\bann\b/)
      expect(await service.sh('stat -c %a "$1"', [file])).toBe('600\n')
      expect((await service.run('doctor', ['--report', file])).code).toBe(2)
      expect(await machine().readText(file)).toBe(text)
    })

    it('tells with --verbose of each program that is run, how it ended and how long it took, and no secret', async () => {
      const {code, stderr} = await service.run('install', [
        '--verbose',
        '--force',
        '--env',
        'SLACK_TOKEN=swordfish-7362',
        '--restart-delay',
        '2s',
      ])
      expect(code).toBe(0)
      expect(stderr).toMatch(/^\+ systemctl --user show .*\(exit 0, \d+ ms\)$/m)
      expect(stderr).toMatch(/^\+ systemctl --user daemon-reload {2}\(exit 0, \d+ ms\)$/m)
      expect(stderr).toMatch(/^\+ flock -n \S+ {2}\(held, \d+ ms\)$/m)
      expect(stderr).not.toContain('swordfish')
      expect((await service.run('status')).stderr).toBe('')
    })

    // Other widths: test/text/layout.test.ts; when there are colours: test/ui/paint.test.ts.
    it.each(inCampaign([100, 60, 40], [40]))('fits a terminal of %i columns, in colours that can be switched off', async (columns) => {
      await breakIt()
      const onTerminal = async (words: readonly string[], env = '') => {
        const argv = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...words]
        const program = `stty cols ${columns}; ${env} ${argv.join(' ')}`
        const {stdout} = await machine().exec(['script', '--quiet', '--return', '--command', program, '/dev/null'], {user: ann})
        return stdout.replaceAll('\r\n', '\n')
      }
      for (const words of inCampaign([service.argv('status'), service.argv('doctor'), ['list']], [service.argv('doctor')])) {
        const [painted, plain, quiet] = [
          await onTerminal(words),
          await onTerminal([...words, '--no-color']),
          await onTerminal(words, 'NO_COLOR=1'),
        ]
        const read = (text: string) => stripVTControlCharacters(text).replaceAll(/\d+(\.\d+)?( m?s)?\b/g, '0')
        expect(read(painted)).toBe(read(plain))
        if (words[0] !== 'list') expect(painted).toContain('\u001b[')
        expect(plain + quiet).not.toContain('\u001b[')
        // A path or a command is never broken; all else is.
        const tooWide = plain
          .split('\n')
          .filter((line) => line.length > columns && !/^ +hermes-svc /.test(line) && /\S \S+$/.test(line.slice(14)))
        expect(tooWide).toEqual([])
      }
    })

    describe('status --watch', () => {
      const watchIt = async (typed: Parameters<typeof onTerminal>[1]) => {
        const argv = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...service.argv('status', ['--watch'])]
        return terminalEnd((await machine().exec(onTerminal(argv, typed), {user: ann})).stdout)
      }

      it('shows the gateway as it is from look to look, on a screen that q leaves, and ends as the last look does', async () => {
        const pid = await service.mainPid()
        const {code, screen, output} = await watchIt([
          ['actual +running', ''],
          // Whatever is typed besides changes nothing.
          ['Press q to quit', 'x'],
          ['actual +running', 'q'],
        ])
        expect({code, screen}).toMatchObject({code: 0, screen: expect.stringContaining(`alive, pid ${pid}`) as string})
        // It was left: what is on the terminal is what was there, and the last look below it.
        expect(screen).not.toContain('Press q to quit')
        expect(output).toContain('\u001b[?1049l')
      })

      it('is ended by Ctrl-C too', async () => {
        expect(await watchIt([['Press q to quit', '\u0003']])).toMatchObject({code: 0, signal: null})
      })

      it('is for a terminal alone', async () => {
        const {code, stderr} = await service.run('status', ['--watch'])
        expect({code, stderr}).toMatchObject({code: 2, stderr: expect.stringContaining('--watch needs a terminal') as string})
      })
    })

    describe('a confirmation', () => {
      /** `fix not-enabled` on a pseudo-terminal, where `typed` is typed at the question. */
      const ask = async (typed: string, flags: readonly string[] = []) => {
        const argv = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...service.argv('fix:not-enabled'), ...flags]
        return terminalEnd((await machine().exec(onTerminal(argv, [['Do this\\?', typed]]), {user: ann})).stdout)
      }

      it('is asked for on a terminal, after the plan was shown, without colours if none are wanted', async () => {
        await breakIt()
        const {code, output} = await ask(`y${ENTER}`, ['--no-color'])
        expect(output).not.toMatch(/\u001b\[[\d;]*m/)
        expect(output).toMatch(/Would fix not-enabled[^]*Start the service at every boot[^]*Do this\?[^]*Fixed: /)
        expect({code, isEnabled: await isEnabled()}).toEqual({code: 0, isEnabled: true})
      })

      it.each([
        ['no', `n${ENTER}`],
        ['Ctrl-C', CTRL_C],
      ])('that is answered by %s leaves everything as it is', async (_, typed) => {
        await breakIt()
        const {code} = await ask(typed)
        expect({code, isEnabled: await isEnabled()}).toEqual({code: 130, isEnabled: false})
      })

      it('that nobody can give is wrong usage', async () => {
        await breakIt()
        const {code, stderr} = await service.run('fix:not-enabled')
        expect({code, stderr}).toMatchObject({code: 2, stderr: expect.stringContaining('--yes') as string})
        expect(await isEnabled()).toBe(false)
      })
    })
  })
}
