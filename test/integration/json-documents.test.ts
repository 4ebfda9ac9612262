import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {Account, RunResult} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {DOCUMENT_OF_COMMAND, type DocumentKind, SCHEMA_FOLDER, schemaErrors} from '../support/json-schemas.js'
import {describeOnSystemd, hermesSvc, machineBehind, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

/** HERMES_SVC_RECORD=1 keeps the documents that are given a name as the fixtures of test/schemas; HERMES_SVC_CAMPAIGN=1 with it has them all. */
const RECORDS = process.env.HERMES_SVC_RECORD === '1' ? fileURLToPath(new URL('../fixtures/json-documents', import.meta.url)) : undefined
/** Characters of a value; definitions and helpers have less. */
const LONGEST_RECORDED = 20_000
const ENTRY = `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`
const STAND_IN = `${MACHINE_PACKAGE}/dist/stand-in/hermes`
const SECRET = 'swordfish-7361'

type Ended = Pick<RunResult, 'code' | 'stdout' | 'stderr'>
type Document = Record<string, unknown>

/** The document on stdout, once it is seen that it is the only thing there, and of the kind and with the exit status expected. */
function documentOf({code, stdout, stderr}: Ended, kind: DocumentKind, exitStatus: number, name?: string): Document {
  expect({code, stdout, stderr}).toMatchObject({code: exitStatus, stdout: expect.stringMatching(/^\{.*\}\n$/)})
  const document = JSON.parse(stdout) as Document
  expect({errors: schemaErrors(kind, document), stdout}).toEqual({errors: [], stdout})
  if (RECORDS && name) {
    fs.mkdirSync(RECORDS, {recursive: true})
    // Lines of the journal name the host; of a program of ours the beginning is enough.
    const short = (_: string, value: unknown) =>
      typeof value === 'string' && value.length > LONGEST_RECORDED ? `${value.split('\n', 1)[0]}\n…` : value
    const text = JSON.stringify(document, short, 2).replaceAll(` ${os.hostname()} `, ' machine ')
    fs.writeFileSync(path.join(RECORDS, `${kind}.${name}.json`), `${text}\n`)
  }
  return document
}

/** The messages of JSON Lines that ended well. */
function messagesOf({code, stdout, stderr}: Ended): string[] {
  expect({code, stderr}).toMatchObject({code: 0})
  expect(stdout).toMatch(/\n$/)
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as {message: string})
    .map((line) => {
      expect(schemaErrors('log-line', line)).toEqual([])
      return line.message
    })
}

/** Their output is not a document of ours: the gateway's own, a script for a shell. */
const undocumented = ['run', 'autocomplete']
const everyCommand = Object.keys(DOCUMENT_OF_COMMAND).filter((command) => !undocumented.includes(command))
/** The commands of `fix` are one class: outside of a campaign one stands for all. */
const documented = inCampaign(
  everyCommand,
  everyCommand.filter((command) => !command.startsWith('fix:') || command === 'fix:stale-state'),
)

/** What a command does not do without, so that it comes to what is looked at. */
function neededArgs(command: string): readonly string[] {
  const needed: Readonly<Record<string, readonly string[]>> = {
    apply: ['/etc/hermes-svc.yaml'],
    'config:get': ['watchdog'],
    'config:set': ['watchdog=off'],
    'config:unset': ['watchdog'],
    'notify:add': ['exec:/bin/true'],
    'notify:remove': ['all'],
    setup: ['--yes'],
  }
  return needed[command] ?? []
}

await describeOnSystemd('what --json prints', (machine) => {
  let ann: Account
  let bob: Account
  beforeAll(async () => {
    ann = await machine().addUser('ann')
    if (isCampaign) bob = await machine().addUser('bob')
  })
  const run = (args: readonly string[], user: Account = ann) => hermesSvc(machine(), [...args, '--json'], {user})

  it('the package brings the schemas of what --json prints', async () => {
    const folder = `${MACHINE_PACKAGE}/dist/schemas`
    const files = (await machine().exec(['ls', folder])).stdout.trim().split('\n')
    expect(files).toEqual(fs.readdirSync(SCHEMA_FOLDER).sort())
    for (const file of files) {
      expect(await machine().readText(`${folder}/${file}`)).toBe(fs.readFileSync(path.join(SCHEMA_FOLDER, file), 'utf8'))
    }
  })

  describe('where no service is installed', () => {
    let service: TestService
    beforeAll(async () => {
      service = await TestService.make(machine(), ann)
    })

    it('--json prints a report for status and list', async () => {
      const status = documentOf(await service.run('status', ['--json']), 'status', 4, 'not-installed')
      expect(status).toMatchObject({service: service.unit, installed: 'no', actual: 'not-installed', desired: null, pid: null})
      const {schemaVersion, ok, services} = documentOf(await run(['list']), 'list', 0)
      expect((services as Document[]).map((report) => ({schemaVersion, ok, ...report}))).toContainEqual({
        ...status,
        // What to type is looked for of one service.
        online: {...(status.online as Document), advice: null},
      })
    })

    it('--json prints the checks that there are for doctor --list-checks', async () => {
      const {checks} = documentOf(await service.run('doctor', ['--list-checks', '--json']), 'checks', 0, 'all')
      expect(checks).toContainEqual({id: 'zombie-pid', title: expect.any(String) as string, hasFix: true})
    })

    it('--json prints the definition that there would be for render', async () => {
      const {files} = documentOf(await service.run('render', ['--json']), 'render', 0, 'no-values')
      expect(files).toContainEqual(expect.objectContaining({path: service.unitFile, mode: '0644', secret: false}))
    })

    it.each(['start', 'stop', 'restart'])('--json prints a failure for %s', async (command) => {
      expect(documentOf(await service.run(command, ['--json']), 'failure', 1)).toMatchObject({error: {code: 'not-installed'}})
    })

    it('--json prints a failure that cannot tell for diff and logs', async () => {
      const diff = documentOf(await service.run('diff', ['--json']), 'failure', 4, 'not-installed')
      const next = ['install', 'render']
      expect(diff).toMatchObject({
        error: {code: 'not-installed', next: next.map((word) => `hermes-svc ${word} -p ${service.profile} --scope user`)},
      })
      expect(documentOf(await service.run('logs', ['--json']), 'failure', 4)).toMatchObject({error: {code: 'no-log'}})
    })

    it('--json prints a failure for --all, where no profile has a service', async () => {
      expect(documentOf(await run(['start', '--all']), 'failure', 2)).toMatchObject({error: {code: 'usage'}})
    })

    it("--json prints a line of the gateway's own log a line for logs, where that is all there is", async () => {
      await machine().exec(['mkdir', `${service.home}/logs`], {user: ann})
      await machine().writeText(`${service.home}/logs/gateway.log`, 'one\n"two"\tand ü\n', {user: ann})
      expect(messagesOf(await service.run('logs', ['--json']))).toEqual(['one', '"two"\tand ü'])
    })

    it('--json prints a change that changed nothing for uninstall', async () => {
      expect(documentOf(await service.run('uninstall', ['--json']), 'change', 0)).toMatchObject({changed: false, dryRun: false})
    })

    // existing-services has it.
    itInCampaign('--json prints a failure with what was looked for, where there is no gateway', async () => {
      await machine().exec(['mkdir', '-m', '700', '.hermes'], {user: bob})
      const document = documentOf(await run(['install'], bob), 'failure', 1, 'gateway-not-found')
      const evidence = expect.arrayContaining(['looked for /home/bob/.hermes/bin/hermes']) as string[]
      expect(document).toMatchObject({error: {code: 'gateway-not-found', evidence}})
    })
  })

  describe('of a service of a user', () => {
    let service: TestService
    beforeAll(async () => {
      service = await TestService.make(machine(), ann)
    })
    const changed = async (command: string, args: readonly string[] = [], name?: string) =>
      documentOf(await service.run(command, [...args, '--json']), 'change', 0, name)
    const status = async (exitStatus: number, name: string) =>
      documentOf(await service.run('status', ['--json']), 'status', exitStatus, name)
    const diff = async (exitStatus: number, name?: string) => documentOf(await service.run('diff', ['--json']), 'diff', exitStatus, name)

    it('--json prints a plan for install --dry-run, without the values of variables', async () => {
      const result = await service.run('install', ['--dry-run', '--json', '--env', `TOKEN=${SECRET}`])
      const document = documentOf(result, 'change', 0, 'install-dry-run')
      expect(document.changed).toBe(false)
      const {steps} = document.plan as {steps: {kind: string; path?: string; secret?: boolean; text?: string | null; diff?: string[]}[]}
      const diffOfSecret = [expect.stringContaining('not shown')] as string[]
      expect(steps.find((step) => step.secret)).toMatchObject({kind: 'write-file', text: null, diff: diffOfSecret})
      const unit = steps.find((step) => step.kind === 'write-file' && step.path === service.unitFile)
      expect(unit?.diff?.slice(0, 2)).toEqual(['--- /dev/null\tinstalled', `+++ ${service.unitFile}\trendered`])
      expect(unit?.text?.split('\n')).toContain('[Service]')
      expect(result.stdout + result.stderr).not.toContain(SECRET)
    })

    it('--json prints what was done for install, and that nothing was for a second one', async () => {
      const install = await changed('install', ['--env', `TOKEN=${SECRET}`], 'install')
      expect(install).toMatchObject({ok: true, changed: true, dryRun: false, service: service.unit, profile: service.profile})
      expect(await changed('install')).toMatchObject({changed: false})
      expect(await changed('install', ['--dry-run'], 'install-dry-run-nothing-to-do')).toMatchObject({plan: {steps: []}})
    })

    it('--json prints a report for status and list', async () => {
      const report = await status(0, 'running')
      expect(report).toMatchObject({actual: 'running', desired: 'running', enabled: true, gatewayState: 'running'})
      expect(report).toMatchObject({verdict: {state: 'alive', pid: report.pid}})
      const {services} = documentOf(await run(['list']), 'list', 0, 'several')
      expect(services).toContainEqual(expect.objectContaining({service: service.unit, pid: report.pid, actual: 'running'}))
    })

    it('--json prints what became of each tick for heartbeat', async () => {
      const {services} = documentOf(await service.run('heartbeat', ['--json']), 'heartbeat', 0, 'ticked')
      expect(services).toMatchObject([{profile: service.profile, result: 'ticked', verdict: {state: 'alive'}, why: null}])
    })

    it('--json prints the definition for render, without the values of variables', async () => {
      const result = await service.run('render', ['--json'])
      const {files} = documentOf(result, 'render', 0, 'with-values')
      expect(files).toContainEqual({path: `${service.support}/gateway.env`, mode: '0600', secret: true, text: 'TOKEN=…\n'})
      expect(result.stdout + result.stderr).not.toContain(SECRET)
    })

    it('--json prints a comparison for diff', async () => {
      expect(await diff(0, 'none')).toMatchObject({files: [], drift: [], needsReload: false})
      const own = (await machine().readText(service.dropIn)) ?? ''
      const local = path.join(path.dirname(service.dropIn), '99-local.conf')
      await machine().writeText(local, '[Service]\nRestartSec=77\n', {user: ann})
      await machine().writeText(service.dropIn, own.replace(/^KillMode=.*$/m, ''), {user: ann})
      await service.systemctl('daemon-reload')
      const {files, drift} = await diff(1, 'drift')
      expect(files).toEqual([{path: service.dropIn, diff: expect.arrayContaining(['+KillMode=mixed'])}])
      expect(drift).toContainEqual(expect.objectContaining({directive: 'RestartSec', merged: '1min 17s', setBy: local}))
      expect(drift).toContainEqual({directive: 'KillMode', wanted: 'mixed', merged: 'control-group', setBy: null})
      await machine().exec(['rm', local])
      expect(await diff(1)).toMatchObject({needsReload: true})
      expect(await changed('install', ['--force'])).toMatchObject({changed: true})
      expect(await diff(0)).toMatchObject({files: [], drift: [], needsReload: false})
    })

    it('--json prints what was found for doctor, and what was done for fix', async () => {
      const doctor = async (exitStatus: number, name: string, args: readonly string[] = []) =>
        documentOf(await service.run('doctor', ['--json', ...args]), 'doctor', exitStatus, name)
      expect(await doctor(0, 'clean')).toMatchObject({ok: true, services: [{service: service.unit, findings: []}]})
      await service.systemctl('disable', service.unit)
      const finding = {id: 'not-enabled', kind: 'disabled', cure: [`hermes-svc fix not-enabled -p ${service.profile}`]}
      expect(await doctor(1, 'findings')).toMatchObject({ok: false, services: [{findings: [finding]}]})
      expect(await changed('fix:not-enabled', ['--dry-run'], 'fix-dry-run')).toMatchObject({changed: false})
      documentOf(await service.run('fix:not-enabled', ['--json']), 'failure', 2)
      expect(await changed('fix:not-enabled', ['--yes'], 'fix')).toMatchObject({
        changed: true,
        outcome: expect.stringMatching(/^Fixed: /) as string,
      })
      await service.systemctl('disable', service.unit)
      const fixes = [{id: 'not-enabled', ok: true, error: null}]
      expect(await doctor(0, 'fixed', ['--fix'])).toMatchObject({ok: true, services: [{findings: []}], fixes})
    })

    // setup has a plan, an answer, a finding and a change.
    itInCampaign('--json prints what was found, answered, repaired and installed for setup', async () => {
      await service.systemctl('disable', service.unit)
      const drain = `${service.home}/.drain_request.json`
      await service.sh(`echo '{}' >"$1"; touch -d '-2 hours' "$1"`, [drain], {user: ann})
      // What the service leaves or lacks is no finding for a moment after its last start.
      await waitFor(async () => /"id":"stale-marker"/.test((await service.run('doctor', ['--json'])).stdout), 'the finding')
      const planned = documentOf(await service.run('setup', ['--json', '--dry-run']), 'setup', 0, 'dry-run')
      expect(planned).toMatchObject({dryRun: true, changed: false, plans: [{title: expect.stringMatching(/^fix /) as string}, {}]})
      const document = documentOf(await service.run('setup', ['--json', '--yes', '--watchdog', 'off']), 'setup', 0, 'repaired')
      expect(document).toMatchObject({
        ...{ok: true, changed: true, fixes: [{id: 'stale-marker', ok: true}], status: {actual: 'running'}},
        findings: [{id: 'stale-marker'}, {id: 'not-enabled'}],
      })
      expect(document.answers).toContainEqual({id: 'watchdog', value: 'off', by: 'flag'})
    })

    // apply has all of its documents, and what is exported.
    itInCampaign('--json prints what is declared, what would be and was done for apply, and what is installed for export', async () => {
      const before = documentOf(await run(['export']), 'machine', 0)
      const mine = (before.services as Document[]).filter(({profile}) => profile === service.profile)
      expect(mine).toMatchObject([{account: 'ann', state: 'running', env: {TOKEN: {fromEnv: 'TOKEN'}}}])
      const file = '/etc/hermes-svc.yaml'
      const declare = (more: string) => {
        const text = `{profile: ${service.profile}, scope: user, account: ann, env: {TOKEN: ${SECRET}}, ${more}}`
        return machine().writeText(file, `schemaVersion: 1\nservices:\n  - ${text}\n`)
      }
      const apply = async (args: readonly string[], exitStatus: number, name?: string) => {
        const result = await run(['apply', file, ...args])
        expect(result.stdout + result.stderr).not.toContain(SECRET)
        return documentOf(result, 'apply', exitStatus, name)
      }
      await declare("watchdog: 5, notify: 'exec:/bin/true', ping: https://hc-ping.com/uuid")
      expect(await apply(['--dry-run'], 0, 'dry-run')).toMatchObject({changed: false, services: [{acts: ['change'], plans: [{}]}]})
      await service.sh('echo "# by hand" >>"$1"', [service.dropIn], {user: ann})
      await service.sh('printf "[Service]\\nRestart=no\\n" >"$1.d/90-mine.conf"', [service.unitFile], {user: ann})
      await service.systemctl('daemon-reload')
      const drift = [{kind: 'edited'}, {kind: 'overridden'}]
      expect(await apply([], 0, 'changed')).toMatchObject({changed: true, services: [{acts: ['change'], drift}]})
      documentOf(await run(['export', '-p', service.profile]), 'machine', 0, 'one')
      await service.sh('rm "$1.d/90-mine.conf"', [service.unitFile])
      await service.systemctl('daemon-reload')
      expect(await apply(['--force'], 0)).toMatchObject({changed: true})
      expect(await apply([], 0)).toMatchObject({changed: false, services: [{acts: [], outcome: null}]})
      await declare('home: not/absolute')
      expect(documentOf(await run(['apply', file]), 'failure', 2)).toMatchObject({error: {message: expect.stringContaining(`${file}:3:`)}})
      await machine().writeText(file, `schemaVersion: 1\nservices: [{profile: ${service.profile}, account: nobody-there}]\n`)
      expect(await apply([], 1, 'failed')).toMatchObject({
        ok: false,
        services: [{service: null, error: {code: 'usage'}}, {declared: false}],
      })
    })

    // desired-state-reboot has a start of one that runs; what was changed is printed alike by all of these, and by stop below.
    itInCampaign('--json prints what was done for restart and start', async () => {
      expect(await changed('restart', ['--dry-run'])).toMatchObject({changed: false})
      expect(await changed('restart')).toMatchObject({changed: true})
      expect(await changed('restart', ['--force'])).toMatchObject({changed: true})
      await service.must('stop')
      expect(await changed('start')).toMatchObject({changed: true})
    })

    it('--json prints a report of what is wrong for status', async () => {
      const pid = await service.mainPid()
      await machine().exec(['kill', '-STOP', String(pid)])
      expect(await status(1, 'wedged')).toMatchObject({actual: 'wedged', verdict: {state: 'wedged', pid}})
      await machine().exec(['kill', '-CONT', String(pid)])
    })

    it("--json prints an entry of the manager's log a line for logs", async () => {
      expect(messagesOf(await service.run('logs', ['--json', '-n', '1000']))).toContain('Gateway running')
    })

    describe('and of its settings', () => {
      let values: () => Promise<Record<string, string>>

      beforeAll(async () => {
        values = async () => {
          const {settings} = documentOf(await service.run('config', ['--json']), 'config', 0)
          return Object.fromEntries(
            (settings as {name: string; value: string; from: string}[]).map(({name, value, from}) => [name, `${value} ${from}`]),
          )
        }
        // Rows of a campaign alone leave other settings.
        if (isCampaign) await service.must('uninstall')
        await service.must('install', [...(isCampaign ? ['--env', `TOKEN=${SECRET}`] : []), '--restart-delay-max', '5m'])
      })

      it('config tells each, and where it comes from; of variables the names alone', async () => {
        const document = documentOf(await service.run('config', ['--json']), 'config', 0, 'installed')
        expect(document).toMatchObject({service: service.unit, manager: 'systemd', environment: ['TOKEN'], overridden: []})
        expect(await values()).toMatchObject({
          ...{linger: 'on default', 'restart-delay': '1s default', 'restart-delay-max': '5m given', heartbeat: 'on default'},
          ...{'heartbeat-interval': '1m default', watchdog: '3 default', 'drain-timeout': expect.stringMatching(/s default$/) as string},
        })
        const text = await service.run('config')
        expect(text.stdout).toMatch(/^restart-delay-max +5m +install or config set$/m)
        expect(text.stdout + JSON.stringify(document)).not.toContain(SECRET)
        const one = documentOf(await service.run('config:get', ['restart-delay-max', '--json']), 'config', 0, 'one')
        expect(one.settings).toMatchObject([{name: 'restart-delay-max', value: '5m'}])
      })

      it('notify list and notify test tell of each target, and nothing that is secret of it', async () => {
        const secret = `exec:/bin/sh -c 'exit 3' ${SECRET}`
        const added = documentOf(
          await service.run('notify:add', [secret, 'exec:/bin/true', '--ping', 'http://127.0.0.1:9/x', '--json']),
          'change',
          0,
        )
        expect(added).toMatchObject({changed: true, outcome: expect.stringContaining('exec sh, exec true') as string})
        const tested = documentOf(await service.run('notify:test', ['--json']), 'notify-test', 1, 'one-told')
        expect(tested).toMatchObject({
          ok: false,
          answers: [
            {name: 'exec sh', ok: false, answer: 'exit 3'},
            {name: 'exec true', ok: true},
            {name: 'ping 127.0.0.1:9', ok: false},
          ],
        })
        const listed = documentOf(await service.run('notify:list', ['--json']), 'notify-list', 0, 'three')
        expect(listed).toMatchObject({services: [{targets: [{name: 'exec sh'}, {name: 'exec true'}], ping: {host: '127.0.0.1:9'}}]})
        expect(JSON.stringify([added, tested, listed])).not.toContain(SECRET)
        documentOf(await service.run('notify:remove', ['all', '--json']), 'change', 0)
      })

      it('config set and unset change them as an install would, and say whether anything changed', async () => {
        const {pid} = await service.status()
        const dry = documentOf(await service.run('config:set', ['restart-delay=2s', '--dry-run', '--json']), 'change', 0)
        expect(dry).toMatchObject({dryRun: true, changed: false})
        expect((await values())['restart-delay']).toBe('1s default')
        const set = () => service.run('config:set', ['watchdog=off', 'restart-delay=2s', '--json'])
        expect(documentOf(await set(), 'change', 0)).toMatchObject({ok: true, changed: true})
        expect(documentOf(await set(), 'change', 0)).toMatchObject({ok: true, changed: false})
        expect(await values()).toMatchObject({watchdog: 'off given', 'restart-delay': '2s given', 'restart-delay-max': '5m given'})
        // What the gateway itself has not read needs no restart.
        expect(await service.status()).toMatchObject({pid})
        expect(
          documentOf(await service.run('config:unset', ['watchdog', 'restart-delay', 'restart-delay-max', '--json']), 'change', 0),
        ).toMatchObject({
          changed: true,
        })
        expect(await values()).toMatchObject({watchdog: '3 default', 'restart-delay': '1s default', 'restart-delay-max': '2m default'})
        // A variable, which is a restart: s6-lifecycle.test.ts.
        if (!isCampaign) return
        await service.must('config:set', ['env.EXTRA=1'])
        expect(documentOf(await service.run('config', ['--json']), 'config', 0)).toMatchObject({environment: ['TOKEN', 'EXTRA']})
        expect((await service.status()).pid).not.toBe(pid)
        await service.must('config:unset', ['env.EXTRA', 'env.TOKEN'])
        expect(documentOf(await service.run('config', ['--json']), 'config', 0)).toMatchObject({environment: []})
      })

      it('config set undoes all if the gateway does not come up with it', async () => {
        const before = await values()
        const result = await service.run('config:set', ['command=/bin/false', 'restart-delay=3s', '--json'])
        expect(documentOf(result, 'failure', 1)).toMatchObject({ok: false})
        expect(await values()).toEqual(before)
        expect(await service.status()).toMatchObject({actual: 'running'})
      })

      it('config names what another file makes of a directive of ours', async () => {
        await service.sh('mkdir -p "$1" && printf "[Service]\\nTimeoutStopSec=5\\n" >"$1/90-mine.conf"', [`${service.unitFile}.d`], {
          user: ann,
        })
        await service.systemctl('daemon-reload')
        expect(documentOf(await service.run('config', ['--json']), 'config', 0)).toMatchObject({
          overridden: [{directive: 'TimeoutStopSec', setBy: expect.stringContaining('90-mine.conf') as string}],
        })
        await service.sh('rm "$1/90-mine.conf"', [`${service.unitFile}.d`], {user: ann})
        await service.systemctl('daemon-reload')
      })

      it.each([
        ['an unknown setting', 'config:set', ['watchdgo=off'], 'did you mean watchdog?'],
        ['a setting without a value', 'config:set', ['watchdog'], 'watchdog=VALUE'],
        ['a value that is none', 'config:set', ['heartbeat=maybe'], 'must be one of: on, off'],
        ['no setting at all', 'config:set', [], 'Missing 1 required arg'],
        ['an unknown setting to be unset', 'config:unset', ['delay'], 'unknown setting: "delay"'],
      ])('a failure for %s', async (_what, command, args, message) => {
        expect(documentOf(await service.run(command, [...args, '--json']), 'failure', 2)).toMatchObject({
          error: {code: 'usage', message: expect.stringContaining(message) as string},
        })
      })
    })

    describe('and of another one, for --all', () => {
      let bad: TestService
      beforeAll(async () => {
        bad = await TestService.make(machine(), ann, {profile: `${service.profile}-bad`})
        // What ticks has no part in what is printed.
        await bad.must('install', ['--heartbeat', 'off'])
      })
      afterAll(async () => {
        await bad.must('uninstall')
      })
      const all = (command: string, ...args: string[]) => run([command, '--all', ...args])

      it('--json prints what was done to each profile', async () => {
        const planned = documentOf(await all('restart', '--dry-run'), 'change', 0, 'all-dry-run')
        expect(planned).toMatchObject({
          ok: true,
          services: [
            {profile: service.profile, dryRun: true},
            {profile: bad.profile, dryRun: true},
          ],
        })
        const stopped = documentOf(await all('stop'), 'change', 0, 'all')
        expect(stopped).toMatchObject({
          ok: true,
          services: [
            {profile: service.profile, changed: true},
            {profile: bad.profile, changed: true},
          ],
        })
      })

      it('--json prints what failed beside what did not', async () => {
        await bad.configure({exit_on_start: {code: 78}})
        const {ok, services} = documentOf(await all('start'), 'change', 1, 'all-one-failed')
        expect(ok).toBe(false)
        const failed = {ok: false, profile: bad.profile, service: bad.unit, error: {code: 'not-running'}}
        expect(services).toMatchObject([{ok: true, profile: service.profile, changed: true}, failed])
        const document = documentOf(await bad.run('status', ['--json']), 'status', 3, 'failed')
        expect(document).toMatchObject({actual: 'failed', lastExit: {how: 'exited', status: 78}})
      })
    })

    it('--json prints what was done for stop, and that nothing was for a second one', async () => {
      expect(await changed('stop', ['--dry-run'], 'stop-dry-run')).toMatchObject({changed: false})
      expect(await changed('stop')).toMatchObject({changed: true})
      expect(await changed('stop', [], 'stopped-already')).toMatchObject({changed: false})
      expect(await status(3, 'stopped')).toMatchObject({actual: 'stopped', desired: 'stopped', enabled: false})
    })

    it('--json prints a failure for a start that is cancelled', async () => {
      await service.configure({never_running: true})
      const starts = `${service.home}/stand-in.starts`
      await service.sh('rm "$1"', [starts])
      const cancel = 'starts=$1; shift; "$@" & pid=$!; until [ -s "$starts" ]; do sleep 0.05; done; kill -TERM $pid; wait $pid'
      const argv = ['sh', '-c', cancel, 'cancel', starts, MACHINE_NODE, ENTRY, ...service.argv('start', ['--json'])]
      const result = await machine().exec(argv, {user: ann, timeoutMs: 60_000})
      expect(documentOf(result, 'failure', 130, 'cancelled')).toMatchObject({error: {code: 'cancelled'}})
    })

    it('--json prints what was done for uninstall', async () => {
      expect(await changed('uninstall', ['--dry-run'], 'uninstall-dry-run')).toMatchObject({changed: false})
      expect(await changed('uninstall')).toMatchObject({changed: true})
    })
  })

  // As config set prints it, below.
  itInCampaign('--json prints a failure for an install whose gateway does not come up', async () => {
    const service = await TestService.make(machine(), ann, {standIn: {exit_on_start: {code: 78}}})
    const {error} = documentOf(await service.run('install', ['--json']), 'failure', 1, 'not-running')
    expect(error).toMatchObject({code: 'not-running'})
    expect((error as {evidence: string[]}).evidence).not.toEqual([])
  })

  it('--json prints a failure for a user whose manager is not running', async () => {
    const carl = await machine().addUser('carl', {linger: false})
    const service = await TestService.make(machine(), carl)
    await service.sh('mkdir -p "$1"', [service.units], {user: carl})
    await machine().writeText(service.unitFile, '[Service]\nExecStart=/home/carl/.hermes/bin/hermes gateway run\n', {user: carl})
    const document = documentOf(await service.run('status', ['--json']), 'failure', 4)
    expect(document).toMatchObject({error: {code: 'no-user-manager', next: ['sudo loginctl enable-linger carl']}})
  })

  // round-trip has them from install to uninstall.
  itInCampaign('--json prints documents of the same kinds for a service of the machine', async () => {
    const service = await TestService.make(machine(), ann, {scope: 'system'})
    const get = async (command: string, kind: DocumentKind, name?: string) =>
      documentOf(await service.run(command, ['--json']), kind, 0, name)
    expect(await get('install', 'change')).toMatchObject({changed: true})
    const status = await get('status', 'status', 'running-system')
    expect(status).toMatchObject({scope: 'system', account: 'ann', actual: 'running'})
    const {services} = await get('list', 'list')
    expect(services).toContainEqual(expect.objectContaining({service: service.unit, scope: 'system', pid: status.pid}))
    await get('diff', 'diff')
    expect(messagesOf(await service.run('logs', ['--json', '-n', '3', '--manager-lines']))).toHaveLength(3)
    expect(await get('uninstall', 'change')).toMatchObject({changed: true})
  })

  // Flags are read by the same code for all; these have none of their own, one argument, several, and words in their name.
  const wronglyUsed = inCampaign(documented, ['status', 'apply', 'config:set', 'notify:add'])
  it.each(wronglyUsed)('--json prints a failure for a wrong use of %s', async (command) => {
    const unknown = documentOf(await run([command, '--banana']), 'failure', 2, command === 'status' ? 'usage' : undefined)
    expect(unknown).toMatchObject({error: {code: 'usage', message: 'unknown flag: --banana'}})
    const relative = documentOf(await run([command, '--home', 'not/absolute', ...neededArgs(command)]), 'failure', 2)
    expect(relative).toMatchObject({error: {code: 'usage', message: expect.stringContaining('--home')}})
  })

  it('--json prints a failure for a home whose name is no profile name', async () => {
    const document = documentOf(await run(['status', '--home', `${ann.home}/.hermes/profiles/No Name`]), 'failure', 2)
    expect(document).toMatchObject({error: {code: 'usage', message: expect.stringContaining('--home')}})
  })

  it('--json prints a failure where no command is named, or one that does not exist', async () => {
    const misspelt = documentOf(await run(['statsu']), 'failure', 2)
    expect(misspelt).toMatchObject({error: {message: expect.stringContaining('did you mean status?')}})
    expect(documentOf(await run([]), 'failure', 2)).toMatchObject({error: {code: 'usage'}})
  })

  it('--json prints a failure for a plain user who would change the machine', async () => {
    const document = documentOf(await run(['install', '--scope', 'system']), 'failure', 1)
    expect(document).toMatchObject({error: {code: 'needs-root', next: expect.arrayContaining([expect.stringContaining('sudo')])}})
  })

  it.each(undocumented)('--json prints a failure for %s, which prints no document', async (command) => {
    expect(documentOf(await run([command]), 'failure', 2)).toMatchObject({
      error: {code: 'usage', message: expect.stringContaining('--json')},
    })
  })

  describe('where there is no manager', () => {
    /** Those that answer from the files then. */
    const fromFiles = {status: 4, list: 0, doctor: 0, fix: 0, heartbeat: 0, 'notify:list': 0} as const
    // What names one service is refused by apply before it looks for a manager.
    const needsNone = ['apply', 'health', 'logs', 'history', 'notify:add', 'notify:remove', 'notify:test']
    const fixes = documented.filter((command) => command.startsWith('fix:'))
    const allThatNeedOne = documented.filter((command) => !(command in fromFiles) && ![...needsNone, ...fixes].includes(command))
    // It is looked for in one place: of one service, of the machine, of a container, of none yet, and for what makes a machine of its own.
    const needsManager = inCampaign(allThatNeedOne, ['install', 'export', 'boot', 'setup', 'smoke'])
    let hidden: Machine
    beforeAll(async () => {
      hidden = await machineBehind(
        machine(),
        ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /run/systemd && exec "$@"', 'sh'],
        'unmanaged',
      )
    })
    const runHidden = (command: string) =>
      hermesSvc(hidden, [command, '--json', ...neededArgs(command), '--home', '/home/ann'], {user: ann})

    it.each(needsManager)('--json prints a failure for %s', async (command) => {
      const document = documentOf(await runHidden(command), 'failure', 4)
      // The self-test would take a throw-away machine instead, which only root may boot.
      expect(document).toMatchObject({error: {code: command === 'smoke' ? 'no-machine' : 'no-manager'}})
    })

    // Nothing keeps its gateway alive, and that is all that is found.
    it.each(fixes)('--json prints what %s finds', async (command) => {
      if (command === 'fix:not-installed') {
        expect(documentOf(await runHidden(command), 'failure', 1)).toMatchObject({error: {code: 'not-fixable'}})
      } else {
        const outcome = expect.stringMatching(/ finds nothing; nothing was changed$/) as string
        expect(documentOf(await runHidden(command), 'change', 0)).toMatchObject({changed: false, outcome})
      }
    })

    it('--json prints a failure for apply', async () => {
      await machine().writeText('/etc/hermes-svc.yaml', 'schemaVersion: 1\nservices: [{profile: default}]\n')
      const refused = await hermesSvc(hidden, ['apply', '/etc/hermes-svc.yaml', '--json'])
      expect(documentOf(refused, 'failure', 4)).toMatchObject({error: {code: 'no-manager'}})
    })

    it.each(Object.entries(fromFiles))('%s --json prints what the files tell', async (command, exitStatus) => {
      const document = documentOf(await runHidden(command), DOCUMENT_OF_COMMAND[command] ?? 'failure', exitStatus)
      const [service] = 'services' in document ? (document.services as object[]) : [document]
      expect(service).toMatchObject({profile: 'default', home: '/home/ann'})
    })
  })

  describe('for smoke', () => {
    /** Runs it as root where one file is another. */
    const smokeWith = (file: string, text: string, mode: string) => {
      const program = 'cat >/run/instead && chmod "$2" /run/instead && mount --bind /run/instead "$1" && shift 2 && exec "$@"'
      const smoke = [MACHINE_NODE, ENTRY, 'smoke', '--json', '--scope', 'system', '--run-as', 'ann', '--only', 'alive']
      return machine().exec(['unshare', '--mount', 'sh', '-c', program, 'with', file, mode, ...smoke], {input: text, timeoutMs: 90_000})
    }

    // The suite of smoke has all steps, and those that were not come to.
    itInCampaign('smoke --json prints every step that was asked for', async () => {
      const {ok, isolated, steps} = documentOf(await run(['smoke', '--scope', 'user', '--only', 'alive']), 'smoke', 0, 'passed')
      expect({ok, isolated}).toEqual({ok: true, isolated: false})
      expect(steps).toMatchObject(['install', 'alive'].map((id) => ({id, outcome: 'passed'})))
    })

    itInCampaign('smoke --json prints the step that failed, and those that it was not come to', async () => {
      const {ok, steps} = documentOf(await smokeWith(STAND_IN, 'exit(1)', '755'), 'smoke', 1, 'failed')
      expect(ok).toBe(false)
      expect(steps).toMatchObject([
        {id: 'install', outcome: 'failed'},
        {id: 'alive', outcome: 'not-reached'},
      ])
    })

    it('--json prints a failure where it cannot run', async () => {
      expect(documentOf(await smokeWith('/usr/bin/python3', '', '644'), 'failure', 4)).toMatchObject({error: {code: 'no-python'}})
    })
  })
})
