import fs from 'node:fs'
import path from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {PACKAGE_ROOT} from '../support/built.js'
import {isCampaign, itInCampaign} from '../support/campaign.js'
import {ACTION_SHELL, actionStep, outputsOf} from '../support/github-action.js'
import {schemaErrors} from '../support/json-schemas.js'
import {junitComplaints} from '../support/junit.js'
import {doctor, settle} from '../support/doctor-row.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'
import {readWorkflowCommands} from '../support/workflow-commands.js'

const CI_PAGE = fs.readFileSync(path.join(PACKAGE_ROOT, 'docs/ci.md'), 'utf8')

/** Puts both programs where a user's shell finds them. */
const ON_PATH = `ln -s ${MACHINE_NODE} /usr/local/bin/node 2>/dev/null || :
ln -sf ${MACHINE_PACKAGE}/bin/hermes-svc.cjs /usr/local/bin/hermes-svc`

await describeOnSystemd('hermes-svc by other programs', (machine) => {
  let ann: Account
  let service: TestService

  beforeAll(async () => {
    ann = await machine().addUser('ann')
    await machine().exec(['sh', '-c', ON_PATH])
    service = await TestService.make(machine(), ann)
    await service.must('install')
  })

  /** Whether a signal has stopped it. A row that looks at that leaves it so for the next one. */
  let isStopped = false
  const stopIt = async () => {
    if (!isStopped) await service.systemctl('kill', '--signal=SIGSTOP', service.unit)
    isStopped = true
  }
  const cureIt = async () => {
    if (isStopped) await service.must('fix:missing-heartbeat', ['--yes'])
    isStopped = false
  }

  const runStep = async (inputs: Record<string, string>) => {
    const {run, env} = actionStep('run', inputs, {'steps.install.outputs.program': `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`})
    await service.sh('rm -rf ~/out ~/hermes-svc-reports; : >~/out', [], {user: ann})
    const output = `${ann.home}/out`
    const ended = await machine().exec([...ACTION_SHELL, run], {user: ann, env: {...env, GITHUB_OUTPUT: output}, timeoutMs: 60_000})
    const outputs = outputsOf((await machine().readText(output)) ?? '')
    const commands = readWorkflowCommands(`${ended.stdout}\n${ended.stderr}`)
    return {code: ended.code, outputs, commands, stdout: ended.stdout}
  }
  const profile = () => `--profile '${service.profile}'`

  it('has the cron line of docs/ci.md say something only if something was found', async () => {
    const [, searchPath, line] = /```cron\nPATH=(.*)\n17 \* \* \* \* +(.*)\n```/.exec(CI_PAGE) ?? []
    // cron(8): a shell, and of the environment these alone.
    const env = {PATH: searchPath, HOME: ann.home, LOGNAME: 'ann', SHELL: '/bin/sh'}
    const cron = () =>
      machine().exec(['env', '-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), '/bin/sh', '-c', line ?? ''], {
        user: ann,
      })
    await cureIt()
    const healthy = await cron()
    await stopIt()
    const broken = await cron()
    expect([healthy.stdout, healthy.stderr]).toEqual(['', ''])
    expect(broken.stdout).toMatch(/is stopped by a signal.*\[missing-heartbeat\]/)
  })

  it('has doctor print annotations below its table, where nobody asks for its document', async () => {
    await stopIt()
    const {stdout} = await service.run('doctor', ['--annotations', 'github'])
    expect(stdout).toContain('What to type:\n')
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^::error title=.*%3A missing-heartbeat::the gateway/)
  })

  it('has the step of the action fail for an error, which is an annotation with its evidence and what to type', async () => {
    await stopIt()
    const {code, outputs, commands} = await runStep({flags: profile(), 'fail-on': 'error'})
    expect(code).toBe(1)
    expect(outputs).toMatchObject({findings: '1', errors: '1', 'exit-status': '1'})
    expect(commands).toEqual([
      {
        command: 'error',
        properties: {title: `${service.unit}: missing-heartbeat`},
        data: expect.stringContaining('is stopped by a signal'),
      },
    ])
    expect(commands[0]?.data).toMatch(
      /\n- pid \d+ is stopped by a signal \(state T\)[^]*\nWhat to type:\n {2}hermes-svc fix missing-heartbeat/,
    )
  })

  it('has a timer that systemd finds nothing wrong with, and whose service fails for a finding', async () => {
    const units = ['hermes-svc-doctor.service', 'hermes-svc-doctor.timer']
    const folder = `${ann.home}/.config/systemd/user`
    for (const unit of units) {
      const text = fs.readFileSync(path.join(PACKAGE_ROOT, 'templates/monitoring', unit), 'utf8')
      await machine().writeText(`${folder}/${unit}`, text, {user: ann})
    }
    const systemctl = async (...words: string[]) => (await machine().exec(['systemctl', '--user', ...words], {user: ann})).stdout.trim()
    const verified = await machine().exec(['systemd-analyze', '--user', 'verify', ...units.map((unit) => `${folder}/${unit}`)], {user: ann})
    expect([verified.code, verified.stdout, verified.stderr]).toEqual([0, '', ''])
    await systemctl('daemon-reload')
    await systemctl('enable', '--now', 'hermes-svc-doctor.timer')
    expect(await systemctl('list-timers', '--no-legend', 'hermes-svc-doctor.timer')).toContain('hermes-svc-doctor.service')
    const look = async () => {
      await systemctl('start', 'hermes-svc-doctor.service')
      return systemctl('show', '--property=Result,ExecMainStatus', 'hermes-svc-doctor.service')
    }
    await stopIt()
    expect(await look()).toBe('Result=exit-code\nExecMainStatus=1')
    await cureIt()
    expect(await look()).toBe('Result=success\nExecMainStatus=0')
    // By the account: what is read of a process that has ended by then is of no unit for journald.
    await machine().exec(['journalctl', '--sync'])
    const journal = await machine().exec(['journalctl', '--no-pager', '--output=cat', `_UID=${ann.uid}`])
    expect(journal.stdout).toContain('hermes-svc fix missing-heartbeat')
  })

  describe('the step of the action that runs it', () => {
    it('ends well where doctor finds nothing, and says where its document is', async () => {
      const {code, outputs, commands} = await runStep({flags: profile()})
      expect([code, commands]).toEqual([0, []])
      expect(outputs).toEqual({findings: '0', errors: '0', report: 'hermes-svc-reports/doctor.json', 'exit-status': '0'})
      const document = await machine().readText(`${ann.home}/${outputs['report']}`)
      expect(schemaErrors('doctor', JSON.parse(document ?? ''))).toEqual([])
    })

    // test/ci-files.test.ts has what fails it.
    itInCampaign('fails for a warning only if warnings are to fail it', async () => {
      await service.systemctl('disable', service.unit)
      const [warning, error] = [await runStep({flags: profile()}), await runStep({flags: profile(), 'fail-on': 'error'})]
      await service.must('fix:not-enabled', ['--yes'])
      expect([warning.code, error.code]).toEqual([1, 0])
      expect(error.outputs).toMatchObject({findings: '1', errors: '0'})
      expect(error.commands.map(({command}) => command)).toEqual(['warning'])
    })

    // The flags of smoke are seen below, and its report in smoke.test.ts.
    itInCampaign('tries smoke, with a JUnit report', async () => {
      const {code, outputs, commands} = await runStep({command: 'smoke', flags: '--scope user --only install'})
      expect([code, commands]).toEqual([0, []])
      expect(outputs).toMatchObject({findings: '0', report: 'hermes-svc-reports/smoke.json', junit: 'hermes-svc-reports/smoke.xml'})
      expect(junitComplaints((await machine().readText(`${ann.home}/${outputs['junit']}`)) ?? '')).toBe('')
    })

    it('fails with an annotation where the command, here smoke with a JUnit report, cannot do its work, whatever is to fail it', async () => {
      const {code, outputs, commands} = await runStep({command: 'smoke', flags: '--only banana', 'fail-on': 'never'})
      expect([code, outputs['exit-status'], outputs['junit']]).toEqual([1, '2', 'hermes-svc-reports/smoke.xml'])
      expect(commands).toMatchObject([
        {command: 'error', data: expect.stringMatching(/^--only: unknown step or group "banana"\n/) as string},
      ])
    })

    it.each<[inputs: Record<string, string>, why: string]>([
      [{command: 'uninstall'}, 'the input command must be doctor or smoke'],
      [{'fail-on': 'anything'}, 'the input fail-on must be error, warning, any or never'],
      [{flags: "--profile 'work"}, 'the input flags has a quote without an end'],
    ])('refuses %j', async (inputs, why) => {
      const {code, commands} = await runStep(inputs)
      expect(code).toBe(2)
      expect(commands).toMatchObject([{command: 'error', data: why}])
    })
  })

  it('has a timer that restarts each night what has nothing in hand, and fails for what is at work', async () => {
    const units = ['hermes-svc-restart.service', 'hermes-svc-restart.timer']
    const folder = `${ann.home}/.config/systemd/user`
    for (const unit of units) {
      const text = fs.readFileSync(path.join(PACKAGE_ROOT, 'templates/nightly', unit), 'utf8')
      await machine().writeText(`${folder}/${unit}`, text.replaceAll('--timeout 2h', '--timeout 3s'), {user: ann})
    }
    const systemctl = async (...words: string[]) => (await machine().exec(['systemctl', '--user', ...words], {user: ann})).stdout.trim()
    const verified = await machine().exec(['systemd-analyze', '--user', 'verify', ...units.map((unit) => `${folder}/${unit}`)], {user: ann})
    expect([verified.code, verified.stdout, verified.stderr]).toEqual([0, '', ''])
    await systemctl('daemon-reload')
    await systemctl('enable', '--now', 'hermes-svc-restart.timer')
    expect(await systemctl('list-timers', '--no-legend', 'hermes-svc-restart.timer')).toMatch(
      / 04:[0-3]\d:\d\d .*hermes-svc-restart\.service/,
    )
    const night = async () => {
      const before = (await service.status()).verdict.pid
      await systemctl('start', 'hermes-svc-restart.service')
      const result = await systemctl('show', '--property=Result,ExecMainStatus', 'hermes-svc-restart.service')
      const {verdict} = await service.status()
      return [result, verdict.state, verdict.pid === before]
    }
    if (isCampaign) {
      await service.configure({version: '0.21', active_work: 1})
      await service.must('restart')
      expect(await night()).toEqual(['Result=exit-code\nExecMainStatus=1', 'alive', true])
    }
    // A cron job, which the gateway counts only while it is asked to take no more.
    await service.configure({version: '0.21', unseen_work: 1})
    await service.must('restart')
    await service.configure({version: '0.21'})
    expect(await night()).toEqual(['Result=exit-code\nExecMainStatus=1', 'alive', true])
    await service.must('restart')
    await service.configure({})
    expect(await night()).toEqual(['Result=success\nExecMainStatus=0', 'alive', false])
    // What comes of a gateway that does not tell, or of none, is judged in memory: test/lifecycle/when-idle.test.ts.
    if (isCampaign) {
      // That one, an older gateway.
      expect(await night()).toEqual(['Result=exit-code\nExecMainStatus=4', 'alive', true])
      await service.must('stop')
      expect((await night()).slice(0, 2)).toEqual(['Result=success\nExecMainStatus=0', 'dead'])
    }
    expect(await service.sh('ls -A "$1" | grep drain_request || true', [service.home])).toBe('')
  })

  it('has doctor --fix, or the next restart that waits, let a gateway go on whose restart --when-idle was killed', async () => {
    await service.configure({version: '0.21'})
    await service.must('restart')
    const request = `${service.home}/.drain_request.json`
    const leaveOne = async () => {
      const program =
        'hermes-svc restart --when-idle --profile "$2" & until [ -e "$1" ]; do kill -0 $! || exit 1; done; kill -9 $!; wait $! || :'
      await service.sh(program, [request, service.profile], {user: ann})
      await waitFor(async () => (await service.status()).gatewayState === 'draining', 'the gateway to heed what was left')
      await settle()
    }
    await leaveOne()
    const {pid} = await service.status()
    const {exit, findings} = await doctor(service)
    expect({exit, findings}).toMatchObject({
      exit: 1,
      findings: [{id: 'stale-marker', kind: 'drain-request', severity: 'error', isSafe: true}],
    })
    await service.must('doctor', ['--fix'])
    await waitFor(async () => (await service.status()).gatewayState === 'running', 'the gateway to take work again')
    expect(await service.status()).toMatchObject({actual: 'running', pid})
    await leaveOne()
    await service.must('restart', ['--when-idle'])
    expect(await service.status()).toMatchObject({gatewayState: 'running'})
    expect(await machine().readText(request)).toBeUndefined()
    expect((await service.status()).pid).not.toBe(pid)
  })
})
