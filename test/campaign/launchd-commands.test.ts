import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {type DocumentKind, schemaErrors} from '../support/json-schemas.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'
import {type CommandResult, testHost, waitFor} from '../support/machines.js'
import {changes, straceArgv} from '../support/strace.js'

// Of json-documents, logs, read-only, install-transaction and existing-services what launchd has a part in: files that stand
// for a journal, launchctl, ps and lsof under strace, jobs that are loaded anew. What a command refuses before it
// asks a manager is the same code.

const ENTRY = `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`
const SECRET = 'swordfish-7361'

describeOnLaunchd('commands, under launchd', (there) => {
  let ann: Account
  beforeAll(async () => {
    ann = await there().addUser('ann')
  })
  const install = async (standIn: StandInConfig = {}, flags: readonly string[] = []) => {
    const service = await LaunchdService.make(there(), ann, {standIn})
    await service.must('install', flags)
    return service
  }

  describe('--json', () => {
    const documentOf = ({code, stdout, stderr}: CommandResult, kind: DocumentKind, exitStatus = 0) => {
      expect({code, stdout, stderr}).toMatchObject({code: exitStatus, stdout: expect.stringMatching(/^\{.*\}\n$/) as string})
      const document = JSON.parse(stdout) as Record<string, unknown>
      expect({errors: schemaErrors(kind, document), stdout}).toEqual({errors: [], stdout})
      expect(stdout + stderr).not.toContain(SECRET)
      return document
    }

    it('prints documents that are as the schemas have them', async () => {
      const service = await LaunchdService.make(there(), ann)
      const get = async (command: string, of: DocumentKind, exitStatus = 0, ...args: string[]) =>
        documentOf(await service.run(command, ['--json', ...args]), of, exitStatus)
      expect(await get('status', 'status', 4)).toMatchObject({installed: 'no', actual: 'not-installed'})
      expect(await get('diff', 'failure', 4)).toMatchObject({error: {code: 'not-installed'}})
      const {plan} = await get('install', 'change', 0, '--dry-run', '--env', `TOKEN=${SECRET}`)
      expect((plan as {steps: object[]}).steps).toContainEqual(expect.objectContaining({kind: 'write-file', path: service.plist}))
      expect(await get('install', 'change', 0, '--env', `TOKEN=${SECRET}`)).toMatchObject({changed: true})
      expect(await get('status', 'status')).toMatchObject({manager: 'launchd', domain: service.domain, actual: 'running'})
      const {services} = await get('list', 'list')
      expect(services).toContainEqual(expect.objectContaining({service: service.unit, domain: service.domain}))
      expect(await get('heartbeat', 'heartbeat')).toMatchObject({services: [{result: 'ticked'}]})
      const {files} = await get('render', 'render')
      expect(files).toContainEqual({path: `${service.support}/gateway.env`, mode: '0600', secret: true, text: 'TOKEN=…\n'})
      await get('diff', 'diff')
      await service.sh('sed -i "/ExitTimeOut/{n;s/>[0-9]*</>5</}" "$1"', [service.plist], service.actor)
      expect(await get('diff', 'diff', 1)).toMatchObject({drift: [{directive: 'ExitTimeOut', merged: '5', setBy: service.plist}]})
      expect(await get('doctor', 'doctor', 1)).toMatchObject({services: [{findings: [{id: 'definition-drift'}]}]})
      expect(await get('install', 'change', 0, '--force')).toMatchObject({changed: true})
      await service.launchctl('disable', 'TARGET')
      expect(await get('fix:disabled-override', 'change', 0, '--yes')).toMatchObject({changed: true})
      for (const command of ['restart', 'stop', 'start', 'uninstall']) expect(await get(command, 'change')).toMatchObject({changed: true})
    })
  })

  describe('logs', () => {
    it('shows the last lines of the files, as text and as JSON Lines, and those of a time', async () => {
      const service = await install()
      const all = (await service.must('logs')).stdout.trim().split('\n')
      expect(all.at(-1)).toMatch(/INFO gateway\.run: Gateway running$/)
      expect((await service.must('logs', ['-n', '2'])).stdout.trim().split('\n')).toEqual(all.slice(-2))
      const lines = (await service.must('logs', ['--json', '-n', '1'])).stdout.trim().split('\n')
      expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{logger: 'gateway.run', message: 'Gateway running'}])
      expect((await service.must('logs', ['--since', '1h'])).stdout.trim().split('\n')).toEqual(all)
      expect((await service.must('logs', ['--until', '1h'])).stdout).toBe('')
    })

    it('follows it, also when it is rotated, until it is interrupted', async () => {
      const service = await install()
      const files = `${ann.home}/follow`
      const argv = [MACHINE_NODE, ENTRY, ...service.argv('logs', ['--follow', '-n', '5'])]
      // A terminal's Ctrl-C goes to all processes of the foreground's group.
      const program = 'rm -f "$0".*; echo $$ >"$0.pid"; exec "$@" >"$0.out" 2>"$0.err"'
      const running = there().machine.exec(['setsid', '--wait', 'sh', '-c', program, files, ...argv], service.actor)
      const said = async () => (await there().machine.readText(`${files}.out`)) ?? ''
      await waitFor(async () => (await said()).includes('Gateway running'), 'the first lines')
      await service.sh('yes "a line of the gateway" | head -c 150000000 >>"$1"', [service.log])
      await service.must('fix:log-size', ['--yes'])
      await service.must('restart')
      await waitFor(
        async () => (await service.sh('grep -c "Gateway running" "$1" || :', [`${files}.out`])) === '2\n',
        'the restart',
        30_000,
      )
      await service.sh('kill -INT "-$(cat "$1.pid")"; rm "$1.out"', [files], service.actor)
      expect((await running).code).toBe(0)
    })
  })

  describe('reading', () => {
    it('opens nothing for writing, locks nothing and signals nothing, of a gateway that is healthy, stopped by a signal, or down', async () => {
      const service = await install({}, ['--heartbeat', 'off'])
      for (const state of ['healthy', 'stopped by a signal', 'down']) {
        if (state === 'stopped by a signal') await service.kill('STOP')
        if (state === 'down') await service.must('stop', ['--force'])
        for (const command of ['status', 'list', 'doctor', 'health', 'diff']) {
          const argv = [MACHINE_NODE, ENTRY, ...service.argv(command, command === 'health' ? [] : ['--json'])]
          await there().machine.exec([...straceArgv('/tmp/trace'), ...argv], {...service.actor, timeoutMs: 90_000})
          const trace = (await there().machine.readText('/tmp/trace')) ?? ''
          await there().machine.exec(['rm', '/tmp/trace'])
          expect(trace).toContain('gateway.lock')
          expect({state, command, changed: changes(trace, `${ann.home}/.cache`)}).toEqual({state, command, changed: []})
        }
      }
    })
  })

  describe('a definition that is there already', () => {
    it('is left alone if it is another tool’s, and said to be', async () => {
      const service = await LaunchdService.make(there(), ann)
      const words = [`${ann.home}/.hermes/bin/hermes`, '--profile', service.profile, 'gateway', 'run']
      const text = `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>Label</key><string>${service.unit}</string><key>RunAtLoad</key><true/>
<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict><key>ThrottleInterval</key><integer>1</integer>
<key>ProgramArguments</key><array>${words.map((word) => `<string>${word}</string>`).join('')}</array></dict></plist>
`
      await service.sh('mkdir -p "${1%/*}"', [service.plist], service.actor)
      await there().machine.writeText(service.plist, text, {user: ann})
      await service.launchctl('bootstrap', service.domain, service.plist)
      await service.comesUp()
      expect(await service.status()).toMatchObject({installed: 'foreign', actual: 'running', exit: 0})
      const refused = await service.run('install', ['--json'])
      expect([refused.code, refused.json()]).toMatchObject([1, {error: {code: 'foreign-definition'}}])
      expect(await there().machine.readText(service.plist)).toBe(text)
      await service.must('restart')
      await service.must('stop')
      expect(await service.status()).toMatchObject({installed: 'foreign', actual: 'stopped', desired: 'stopped'})
      await service.sh('rm "$1"', [service.plist])
    })

    it('is kept with its edits, until it is to be replaced', async () => {
      const service = await install()
      await service.sh('sed -i "s/<string>Interactive</<string>Background</" "$1"', [service.plist], service.actor)
      const edited = await there().machine.readText(service.plist)
      const kept = await service.must('install', ['--env', 'NEW=1'])
      expect(kept.stdout).toContain(`kept ${service.plist}, which was edited by hand (--force replaces it)`)
      for (const command of ['restart', 'stop', 'start']) await service.must(command)
      expect(await there().machine.readText(service.plist)).toBe(edited)
      await service.must('install', ['--force'])
      expect(await there().machine.readText(service.plist)).toContain('Interactive')
    })
  })

  describe('an installation', () => {
    /** Files of the definition with mode and content, the launcher's memory aside. */
    const definition = (service: LaunchdService) =>
      service.sh(
        'for file in "$1" "$2"/* "$2"/.[!.]*; do [ ! -f "$file" ] || { stat -c "%n %a %U" "$file" | tr "\\n" " "; sha256sum <"$file"; }; done',
        [service.plist, service.support],
      )

    it('that is interrupted by Ctrl-C is undone', async () => {
      const service = await LaunchdService.make(there(), ann, {standIn: {never_running: true}})
      const before = await service.lasting()
      const argv = [MACHINE_NODE, ENTRY, ...service.argv('install', ['--json', '--heartbeat', 'off'])]
      const running = there().machine.exec(['sh', '-c', 'echo $$ >~/pid; exec "$@"', 'sh', ...argv], service.actor)
      await waitFor(async () => (await service.starts()) > 0, 'the moment to interrupt')
      await service.sh('kill -INT "$(cat ~/pid)"; rm ~/pid', [], service.actor)
      const result = await running
      expect([result.code, JSON.parse(result.stdout)]).toMatchObject([130, {ok: false, error: {code: 'cancelled', evidence: []}}])
      expect(await service.lasting()).toEqual(before)
    })

    it('that is killed leaves no half-written file, and the next one completes it', async () => {
      const service = await install({dump_env: ['A']}, ['--env', 'A=0'])
      const flags = [0, 1].map((value) => ['--restart-delay', `${value + 1}s`, '--env', `A=${value}`])
      const definitions: string[] = []
      let takesMs = 0
      for (const variant of flags) {
        const startMs = testHost.monotonicMs()
        await service.must('install', variant)
        takesMs = testHost.monotonicMs() - startMs
        definitions.push(await definition(service))
      }
      const whole = definitions.flatMap((text) => text.split('\n'))
      for (let round = 0; round < 3; round++) {
        if (round === 2) await service.must('uninstall')
        const limit = ['timeout', '--foreground', '--signal=KILL', ((takesMs * (round + 1 + Math.random())) / 4000).toFixed(3)]
        const variant = round % 2
        await there().machine.exec([...limit, MACHINE_NODE, ENTRY, ...service.argv('install', flags[variant])], service.actor)
        const left = (await definition(service)).split('\n').filter((line) => !whole.includes(line))
        expect(left.filter((line) => !/hermes-svc-tmp |\/restart-due /.test(line))).toEqual([])
        await waitFor(async () => (await service.run('install', flags[variant])).code === 0, 'an installation after the killed one')
        expect(await definition(service)).toBe(definitions[variant])
        expect(await service.status()).toMatchObject({exit: 0, actual: 'running', enabled: true, desired: 'running'})
        // The gateway runs on the new definition, too.
        expect(JSON.parse((await there().machine.readText(`${service.home}/stand-in.env.json`)) ?? '')).toMatchObject({A: String(variant)})
        expect((await service.run('doctor', ['--json'])).json()).toMatchObject({services: [{findings: []}]})
      }
    })
  })
})
