import fs from 'node:fs'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {doctor} from '../support/doctor-row.js'
import {addForeignUnit} from '../support/foreign-unit.js'
import {schemaErrors} from '../support/json-schemas.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {CTRL_C, DOWN, ENTER, onTerminal, SPACE, terminalEnd, type TerminalOptions, type Typed, UP} from '../support/terminal.js'
import {TestService} from '../support/test-service.js'

/** HERMES_SVC_RECORD=1 keeps the first installation as the session of the README. */
const RECORD = process.env.HERMES_SVC_RECORD === '1' ? fileURLToPath(new URL('../fixtures/setup-session.txt', import.meta.url)) : undefined
const PROGRAM = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`]
/** Ctrl-U: takes away what stands on the line. */
const CLEAR = '\u0015'
const COLOUR = /\u001b\[[0-9;]*m/

await describeOnSystemd('setup', (machine) => {
  const newUser = async (name: string) => {
    const user = await machine().addUser(name, {linger: false})
    const session = ['systemd-run', '--quiet', `--uid=${name}`, '--property=PAMName=login', 'sleep', 'infinity']
    expect(await machine().exec(session)).toMatchObject({code: 0})
    await waitFor(
      async () => (await machine().exec(['systemctl', '--user', 'is-system-running'], {user})).stdout === 'running\n',
      'a login',
    )
    return user
  }
  /** Runs it on a terminal, as that user or as root. */
  const wizard = async (
    user: Account | undefined,
    typed: readonly Typed[],
    args: readonly string[] = [],
    options: TerminalOptions = {},
  ) => {
    const argv = onTerminal([...PROGRAM, 'setup', ...args], typed, options)
    const {stdout, stderr} = await machine().exec(argv, {...(user ? {user} : {}), timeoutMs: 110_000})
    return terminalEnd(stdout || stderr, options.columns)
  }
  const lingers = async ({name}: Account) => (await machine().readText(`/var/lib/systemd/linger/${name}`)) !== undefined

  let ann: Account
  let bob: Account

  it('installs a gateway for a new user who answers with arrow keys, and uninstall leaves nothing of it', async () => {
    ann = await newUser('ann')
    const service = await TestService.make(machine(), ann, {profile: 'default'})
    const before = await service.lasting()
    const typed: Typed[] = [
      ['When should the gateway run[^]*always, from boot:', DOWN],
      ['while ann is logged in: from login', UP],
      ['always, from boot: also while', ENTER],
      ['Use the heartbeat', ENTER],
      ['Use the watchdog', `y${ENTER}`],
      ['hermes-svc notify about problems', ENTER],
      ['Do this\\?', ENTER],
    ]
    const end = await wizard(ann, typed, [], {columns: 100})
    expect(end.screen).toMatch(
      /^Manager +systemd\nRuns as +ann\nProfile +default, .*\nScope +user; [^]*?\nService +.*not installed yet\nGateway +\/home\/ann\/.hermes\/bin\/hermes/,
    )
    expect(end.screen).toMatch(
      /- When should the gateway run\? always\n[^]*heartbeat\? Yes\n[^]*watchdog\? Yes\n[^]*hermes-svc notify about problems\? \(Enter: nobody\) *\n\nWould install hermes-gateway.service/,
    )
    expect(end.screen).toMatch(
      /  Write the unit and its restart policy \(files: \d+ new\)\n[^]*- Do this\? yes\n✓ [^]*✓ Wait until the gateway answers[^\n]*\nhermes-gateway.service is installed and running\n/,
    )
    expect(linesOfPlan(end.screen)).toBeLessThan(24)
    expect(end.screen).toMatch(/\n {2}gateway +alive, pid \d+, up .*\n {2}evidence +its event loop waits/)
    expect(end.code).toBe(0)
    expect(await service.status()).toMatchObject({actual: 'running', desired: 'running', enabled: true, installed: 'own', exit: 0})
    expect({linger: await lingers(ann), ...(await settingsOf(service))}).toMatchObject({linger: true, heartbeat: {watchdogTicks: 3}})

    const removal = await hermesSvc(machine(), ['uninstall'], {user: ann})
    expect(removal).toMatchObject({code: 0, stdout: 'hermes-gateway.service is uninstalled; its home /home/ann/.hermes is kept\n'})
    expect(await service.lasting()).toEqual(before)
    if (RECORD) fs.writeFileSync(RECORD, `$ hermes-svc setup\n${end.screen}\n`)
  })

  describe('of a user with two profiles', () => {
    let work: TestService
    beforeAll(async () => {
      bob = await newUser('bob')
      await TestService.make(machine(), bob, {profile: 'default'})
      work = await TestService.make(machine(), bob, {profile: 'work'})
    })
    /** Everything up to the confirmation, for the second profile, with the defaults. */
    const answers: Typed[] = [
      ['Which profile\\?[^]*Enter: select', DOWN + ENTER],
      ['When should the gateway run\\?[^]*Enter: select', ENTER],
      ['Use the heartbeat\\?', ENTER],
      ['Use the watchdog\\?', ENTER],
      ['Whom should hermes-svc notify about problems\\?', ENTER],
      ['Do this\\?', ENTER],
    ]

    /** All are cancelled in one way; the last one after what looks whether the gateway starts, which writes into its home. */
    const cancelledAt = inCampaign([0, 1, 2, 3, 4, 5], [5])

    it.each(cancelledAt.map((index) => [answers[index]?.[0].split('\\')[0] ?? '', index] as const))(
      'is cancelled by Ctrl-C at "%s?", and nothing was changed',
      async (_, index) => {
        const before = await work.lasting()
        // What it runs to see that the gateway starts writes into its home.
        const inHome = () => work.sh('find "$1" | sort', [work.home])
        const filesBefore = await inHome()
        const end = await wizard(bob, [...answers.slice(0, index), [answers[index]?.[0] ?? '', CTRL_C]])
        expect(await inHome()).toBe(filesBefore)
        expect(end.output).toMatch(COLOUR)
        expect({code: end.code, screen: end.screen}).toEqual({
          code: 130,
          screen: expect.stringMatching(/\nhermes-svc: cancelled; nothing was changed$/) as string,
        })
        expect(await work.lasting()).toEqual(before)
      },
    )

    // On a narrow terminal, below.
    itInCampaign(
      'takes whom to tell as notify add does, and shows nothing of what is typed, without colours where none are wanted',
      async () => {
        const before = await work.lasting()
        const typed: Typed[] = [
          ...answers.slice(0, -2),
          ['hermes-svc notify about problems', `mailto:me${ENTER}`],
          ['must begin with', `${CLEAR}https://example.org/hook?token=s3cret${ENTER}`],
        ]
        const end = await wizard(bob, typed, ['--dry-run', '--no-color'])
        expect(end.screen).toContain('Record the targets: cloudevents example.org')
        expect(end.output).not.toMatch(/s3cret|hook\?/)
        expect(end.output).not.toMatch(COLOUR)
        expect(end.code).toBe(0)
        expect(await work.lasting()).toEqual(before)
      },
    )

    it('is undone by Ctrl-C in the middle of the installation', async () => {
      const before = await work.lasting()
      await work.configure({never_running: true})
      const end = await wizard(bob, [...answers, ['says starting', CTRL_C]])
      expect({code: end.code, screen: end.screen}).toEqual({
        code: 130,
        screen: expect.stringMatching(/hermes-svc: cancelled: the changes made so far are undone$/) as string,
      })
      expect(await work.lasting()).toEqual(before)
      await work.configure({})
    })

    // As install says it, which is undone in the same way: install-transaction, and what becomes of setup's changes above.
    itInCampaign('says why a gateway does not come up and what to type, and leaves nothing behind', async () => {
      const before = await work.lasting()
      await work.configure({exit_on_start: {code: 78}})
      const end = await wizard(bob, answers)
      expect(end.code).toBe(1)
      expect(end.screen).toMatch(/hermes-svc: The gateway did not come up: it ended with 78[^]*nothing is left of the\s+installation\n/)
      expect(end.screen).toMatch(/\nNext: hermes -p work gateway run [^]*\n +hermes-svc install -p work {3}# after you have fixed it$/)
      expect(await work.lasting()).toEqual(before)
      await work.configure({})
    })

    it('changes nothing when nothing is to be changed, with what was answered before as the defaults', async () => {
      expect(
        (
          await wizard(bob, [
            ...answers.slice(0, 1),
            ['When should', DOWN + ENTER],
            ['heartbeat\\?', `n${ENTER}`],
            answers.at(-1) ?? ['', ''],
          ])
        ).code,
      ).toBe(0)
      expect(await settingsOf(work)).toMatchObject({linger: false, heartbeat: {enabled: false}})
      const before = await work.snapshot()
      const end = await wizard(bob, [
        ['Which profile', DOWN + ENTER],
        ['> while bob', ENTER],
        ['heartbeat\\? \\(y/N\\)', ENTER],
      ])
      expect(end.screen).toMatch(
        /\nWatchdog +off, because the heartbeat is off\n[^]*is already up to date; nothing was changed\n[^]*gateway +alive/,
      )
      expect({code: end.code, isAsked: end.screen.includes('Do this')}).toEqual({code: 0, isAsked: false})
      expect(await work.snapshot()).toEqual(before)
    })

    it('fits 40 columns, needs no colours, takes whom to tell as notify add does and shows nothing of what is typed, and shows each change to who asks for it', async () => {
      const typed: Typed[] = [
        ['Which profile', DOWN + ENTER],
        ['> while bob', ENTER],
        ['heartbeat\\?', `y${ENTER}`],
        ['watchdog\\?', ENTER],
        ['nobody', `mailto:me${ENTER}`],
        ['must\\s+begin', `${CLEAR}https://example.org/hook?token=s3cret${ENTER}`],
        ['Do this', `d${ENTER}`],
        ['"enabled": true,[^]*Do this', `n${ENTER}`],
      ]
      const end = await wizard(bob, typed, [], {columns: 40, env: {NO_COLOR: '1'}})
      expect(end.screen).toMatch(/\n +- {4}"enabled": false,\n +\+ {4}"enabled": true,\n/)
      // The plan is shown as it is, so that the terminal breaks it.
      expect(end.screen.replaceAll('\n', '')).toContain('Record the targets: cloudevents example.org')
      expect(end.output).not.toMatch(/s3cret|hook\?/)
      expect(end.output).not.toMatch(COLOUR)
      // Before the plan, whose files are shown as they are.
      const [questions = ''] = end.screen.split('\nWould install')
      expect(questions.split('\n').filter((line) => line.length > 40)).toEqual([])
      expect(end.wrapped.filter((line) => questions.includes(line))).toEqual([])
      expect(end.code).toBe(130)
    })

    // What is chosen, and repaired, is seen below, of a gateway from a shell; what the installation does anyway: the last rows, and test/setup/tasks.test.ts.
    itInCampaign('repairs what is chosen of what doctor finds, and installs what is missing in the same go', async () => {
      await work.systemctl('disable', work.unit)
      await work.sh(`echo '{}' >"$1/.drain_request.json"; touch -d '-2 hours' "$1/.drain_request.json"`, [work.home], {user: bob})
      // Of a gateway that has just come up no marker is called stale.
      const isFound = async () => (await doctor(work)).findings.map(({id}) => id).join() === 'stale-marker,not-enabled'
      await waitFor(isFound, 'both findings')
      const defaults: Typed[] = [
        ['When should', ENTER],
        ['heartbeat\\?', ENTER],
        ['Do this', ENTER],
      ]
      const unmark: Typed = ['\\[repair\\] stale-marker[^]*\\[repair\\] not-enabled', SPACE]
      const chosen = await wizard(bob, [['Which profile', DOWN + ENTER], unmark, ['\\[leave\\]  stale-marker', ENTER], ...defaults])
      expect(chosen.screen).toMatch(/Found +\d things? that may be wrong:\n {2}- warning, stale-marker: /)
      expect(chosen.code).toBe(0)
      // What the installation does anyway is not done twice.
      expect(chosen.screen).not.toContain('Would fix not-enabled')
      expect((await doctor(work)).findings.map(({id}) => id)).toEqual(['stale-marker'])
      const all = await wizard(bob, [['Which profile', DOWN + ENTER], ['\\[repair\\] stale-marker', ENTER], ...defaults])
      expect(all.screen).toMatch(/Would fix stale-marker[^]*Do this\? yes\n[^]*Fixed: [^]*already up to date/)
      expect(all.code).toBe(0)
      expect((await doctor(work)).findings).toEqual([])
    })
  })

  describe('where a gateway from a shell stands in the way of the installation', () => {
    const questions = ['When should', 'heartbeat\\?', 'watchdog\\?', 'notify about problems'].map((until): Typed => [until, ENTER])
    const repair: Typed[] = [
      ['\\[leave\\]  orphan-gateway', SPACE],
      ['\\[repair\\] orphan-gateway', ENTER],
      ...questions,
      ['Would fix orphan-gateway[^]*shows the plan for the installation after these repairs[^]*Do this\\?', ENTER],
    ]
    let service: TestService
    beforeAll(async () => {
      // Of the first installation nothing is left, nor is of this one.
      service = await TestService.make(machine(), ann, {profile: 'default'})
    })
    afterAll(async () => {
      if (isCampaign) await service.must('uninstall')
    })
    const startByHand = async () => {
      const byHand = 'HERMES_HOME=$1 setsid ~/.hermes/bin/hermes gateway run </dev/null >/dev/null 2>&1 &'
      await service.sh(byHand, [service.home], {user: ann})
      await waitFor(async () => (await doctor(service)).findings.some(({id}) => id === 'orphan-gateway'), 'the orphan')
    }

    it('keeps the repair when the installation is declined, and says so', async () => {
      await startByHand()
      const end = await wizard(ann, [...repair, ['Fixed: [^]*Would install hermes-gateway.service[^]*Do this\\?', `n${ENTER}`]])
      expect(end.screen).toMatch(/\nhermes-svc: cancelled; the repairs so far stay in place$/)
      expect(end.code).toBe(130)
      expect((await doctor(service)).findings.map(({id}) => id)).not.toContain('orphan-gateway')
      expect((await service.status()).installed).toBe('no')
    })

    // The same up to the last answer, after which it is an installation as every other one.
    itInCampaign('repairs that first, and then shows and asks about the installation', async () => {
      await startByHand()
      const end = await wizard(ann, [...repair, ['Fixed: [^]*Would install hermes-gateway.service[^]*Do this\\?', ENTER]])
      expect(end.screen).toMatch(/hermes-gateway.service is installed and running\n\n[^]*gateway +alive/)
      expect(end.code).toBe(0)
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
    })
  })

  // existing-services adopts one by install; what is said of it: test/setup/questions.test.ts and test/lifecycle/install.test.ts.
  itInCampaign("adopts another tool's unit: that is kept, and our policy is added", async () => {
    const service = await TestService.make(machine(), ann, {profile: 'default'})
    await addForeignUnit(service)
    const pid = await service.comesUp()
    const unit = await machine().readText(service.unitFile)
    const end = await wizard(ann, [
      ['\\[leave\\]', ENTER],
      ['When should', ENTER],
      ['heartbeat', ENTER],
      ['watchdog', ENTER],
      ['nobody', ENTER],
      ['Do this', ENTER],
    ])
    expect(end.screen).toMatch(
      /Service +hermes-gateway.service, .*: installed by another tool; hermes-svc keeps it and adds its own restart policy/,
    )
    expect(end.screen).toMatch(/\nhermes-gateway.service is adopted and \w+; hermes-svc keeps its unit and adds its own restart policy/)
    expect(end.code).toBe(0)
    expect(await service.status()).toMatchObject({installed: 'adopted', actual: 'running'})
    expect(await machine().readText(service.unitFile)).toBe(unit)
    // It is supervised by the same systemd as before, so that it need not end.
    expect(await service.mainPid()).toBe(pid)
  })

  // Before there is a service of the machine, which would say it.
  it('is wrong usage for root who does not say for whom, without a terminal', async () => {
    const {code, stderr} = await hermesSvc(machine(), ['setup', '--yes'])
    expect({code, stderr}).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Root must name the user of the gateway') as string,
    })
  })

  // Outside of a campaign up to the last answer: the installation is that of `install` (user-scope.test.ts).
  it(`${inCampaign('installs', 'would install')} a service of the machine as root, who says for whom`, async () => {
    const dan = await machine().addUser('dan', {linger: false})
    const service = await TestService.make(machine(), dan, {profile: 'default', scope: 'system'})
    const end = await wizard(undefined, [
      ['Which account[^]*another account', `${UP}${ENTER}`],
      ['Name of the account', `nobody-here${ENTER}`],
      ['there is no such user', `${'\u007f'.repeat(11)}dan${ENTER}`],
      ['Whose service is it[^]*> the machine', ENTER],
      ['heartbeat', ENTER],
      ['watchdog', ENTER],
      ['nobody', ENTER],
      ['Would install[^]*Do this', inCampaign(ENTER, `n${ENTER}`)],
    ])
    expect(end.screen).toMatch(/- Name of the account: dan\n[^]*- Whose service is it\? system\n[^]*\nStarts +at boot\n/)
    expect(end.code).toBe(inCampaign(0, 130))
    if (isCampaign) {
      expect(await service.status()).toMatchObject({scope: 'system', account: 'dan', actual: 'running', exit: 0})
      // What is known now is not asked again: test/setup/find.test.ts and questions.test.ts.
      const again = await wizard(undefined, [
        ['Which account[^]*> dan', ENTER],
        ['heartbeat', ENTER],
        ['watchdog', ENTER],
        ['nobody', ENTER],
      ])
      expect(again.screen).toMatch(/\nScope +system, like the installed service\n[^]*already up to date/)
    }
  })

  describe('without a terminal', () => {
    let service: TestService
    beforeAll(async () => {
      service = await TestService.make(machine(), bob)
    })

    it('takes every answer from its flag, else its default, with --yes', async () => {
      const flags = ['--no-linger', '--heartbeat-interval', '30', '--watchdog', '2', '--yes']
      // As below in JSON.
      if (isCampaign) {
        const planned = await service.must('setup', [...flags, '--dry-run'])
        expect(planned.stdout).toContain(`+++ ${service.unitFile}`)
        expect(await machine().readText(service.unitFile)).toBeUndefined()
      }
      const {stdout, stderr} = await service.must('setup', flags)
      expect(stdout).toMatch(new RegExp(`^${service.unit} is installed and running\n\n[^]*gateway +alive`))
      expect(stderr).toMatch(/^Manager +systemd\n[^]*Starts +login \(--linger\)\n[^]*Watchdog +2 \(--watchdog\)\n/)
      expect(await settingsOf(service)).toMatchObject({linger: false, heartbeat: {enabled: true, intervalSec: 30, watchdogTicks: 2}})
      expect(await lingers(bob)).toBe(false)
      // As on a terminal, above.
      if (isCampaign) expect((await service.must('setup', ['--yes'])).stdout).toContain('already up to date; nothing was changed\n')
    })

    it('repairs what it is told to, and says what it would do and did in JSON', async () => {
      await service.systemctl('disable', service.unit)
      const flags = ['--yes', '--fix', 'all', '--watchdog', '4', '--json']
      const planned = (await service.must('setup', [...flags, '--dry-run'])).json()
      expect(schemaErrors('setup', planned)).toEqual([])
      expect(planned).toMatchObject({dryRun: true, changed: false, plans: [{}]})
      expect(await service.status()).toMatchObject({enabled: false})
      const document = (await service.must('setup', flags)).json()
      expect(schemaErrors('setup', document)).toEqual([])
      expect(document.answers).toContainEqual({id: 'watchdog', value: '4', by: 'flag'})
      const {findings, fixes, status, changed} = document
      expect({findings, fixes, status, changed}).toMatchObject({
        findings: [{id: 'not-enabled'}],
        fixes: [],
        status: {actual: 'running', enabled: true},
        changed: true,
      })
    })

    it.each([
      ['nothing', [], 'setup needs a terminal to ask its questions', 'hermes-svc setup --yes'],
      ['an unknown finding', ['--yes', '--fix', 'stale-stat'], 'did you mean stale-state?', '--fix takes: '],
      ['a word that does not stand alone', ['--yes', '--fix', 'all,linger'], 'all cannot be combined with other values', ''],
    ])('is wrong usage with %s said', async (_, args, why, next) => {
      const {code, stderr} = await service.run('setup', args)
      expect({code, stderr}).toMatchObject({code: 2, stderr: expect.stringContaining(why) as string})
      expect(stderr).toContain(next)
    })

    // json-documents.test.ts has the failure, test/managers the advice.
    itInCampaign('ends with 4 where there is no manager, and names what keeps a gateway alive there', async () => {
      const hidden = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /run/systemd && exec "$@"', 'sh', ...PROGRAM, 'setup']
      const {code, stderr} = await machine().exec(hidden)
      expect({code, stderr}).toMatchObject({
        code: 4,
        stderr: expect.stringMatching(/no service manager[^]*\nNext: hermes-svc run /) as string,
      })
    })
  })

  /** What was recorded at the last installation. */
  async function settingsOf(service: TestService): Promise<Record<string, unknown>> {
    return JSON.parse((await machine().readText(`${service.support}/settings.json`)) ?? '{}') as Record<string, unknown>
  }
})

/** How many lines a person has to see at once to agree to the plan: from its title to the question. */
function linesOfPlan(screen: string): number {
  const lines = screen.split('\n')
  const [first, last] = [lines.findIndex((line) => line.startsWith('Would install')), lines.findIndex((line) => line.includes('Do this?'))]
  return last - first + 1
}
