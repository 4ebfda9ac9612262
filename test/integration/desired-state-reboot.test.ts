import type {Scope} from '../../src/service/service.js'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {StandInBehaviour} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {type DocumentKind, schemaErrors} from '../support/json-schemas.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {isUsedAgain} from '../support/runner.js'
import {TestService} from '../support/test-service.js'

await describeOnSystemd('the desired state', (machine) => {
  describe.each<Scope>(['user', 'system'])('in %s scope', (scope) => {
    let user: Account
    /** Each row has it as the one before has left it: running. */
    let service: TestService

    beforeAll(async () => {
      user = await machine().addUser(scope === 'user' ? 'alice' : 'alan', {linger: scope === 'user'})
      // Where a machine is when it has booted; services are wanted by this target.
      await machine().exec(['systemctl', 'isolate', 'multi-user.target'])
      service = await TestService.make(machine(), user, {scope})
      await service.must('install', ['--restart-delay-max', '1s', '--heartbeat', 'off'])
    })

    /** All that a shutdown and a boot are to the services: the manager stops them all, and then starts what is enabled. */
    const reboot = async () => {
      if (scope === 'system') {
        await service.sh('systemctl isolate default.target')
        expect((await service.show('ActiveState'))[0]).not.toBe('active')
        await service.sh('systemctl isolate multi-user.target')
        return
      }
      const manager = `user@${user.uid}.service`
      await service.sh('systemctl stop "$1"', [manager])
      const left = (await machine().exec(['pgrep', '-a', '-u', user.name])).stdout
        .split('\n')
        .filter((line) => line !== '' && !isUsedAgain(line))
      expect(left).toEqual([])
      await service.sh('systemctl start "$1"', [manager])
      await waitFor(async () => (await service.systemctl('is-active', 'default.target')).stdout.trim() === 'active', 'the user manager')
    }

    /** What a command that must succeed prints with --json, once it is seen that it is of that kind. */
    const printed = async (kind: DocumentKind, command: string, ...args: readonly string[]) => {
      const document = (await service.must(command, [...args, '--json'])).json()
      expect(schemaErrors(kind, document)).toEqual([])
      return document
    }
    const record = async () => (await machine().readText(`${service.home}/.hermes-svc.json`)) ?? ''
    const mirror = async () =>
      (JSON.parse((await machine().readText(`${service.home}/gateway_state.json`)) ?? '{}') as {desired_state?: string}).desired_state

    // As what was stopped until then, below.
    itInCampaign('is kept by a shutdown and a boot: what ran comes back', async () => {
      const pid = await service.mainPid()
      const before = await record()
      expect(JSON.parse(before)).toMatchObject({desiredState: 'running', by: 'install'})
      await reboot()
      await service.comesUp(pid)
      expect(await record()).toBe(before)
      expect(await service.status()).toMatchObject({desired: 'running', actual: 'running', enabled: true})
    })

    it('of a stop until the next boot: it comes back then', async () => {
      const pid = await service.mainPid()
      await service.must('stop', ['--until-boot'])
      expect(await service.status()).toMatchObject({desired: 'running', actual: 'stopped', enabled: true, exit: 3})
      expect(JSON.parse(await record())).toMatchObject({desiredState: 'running', by: 'install'})
      expect(await mirror()).toBe('running')
      expect(await printed('change', 'stop', '--until-boot')).toMatchObject({changed: false})
      // test/lifecycle/install.test.ts.
      if (isCampaign) {
        expect((await service.must('install', ['--restart-delay-max', '2s'])).stdout).toContain('stopped as before')
        expect(await service.status()).toMatchObject({desired: 'running', actual: 'stopped', enabled: true, exit: 3})
      }
      await reboot()
      await service.comesUp(pid)
      expect(await mirror()).toBe('running')
      expect(await printed('change', 'start')).toMatchObject({outcome: expect.stringContaining('is running') as string})
      expect(await printed('status', 'status')).toMatchObject({scope, account: user.name, actual: 'running'})
      const {services} = await printed('list', 'list')
      expect(services).toMatchObject([{service: service.unit, scope, pid: await service.mainPid()}])
    })

    // What is enabled comes back in both, above; what is recorded has to do with no scope.
    const itInOneScope = scope === 'user' ? it : itInCampaign
    itInOneScope('is kept by a shutdown and a boot: what was stopped stays down, and what was started again is recorded so', async () => {
      await service.must('stop')
      const before = await record()
      expect(JSON.parse(before)).toMatchObject({desiredState: 'stopped', by: 'stop'})
      expect(await mirror()).toBe('stopped')
      const starts = (await service.events()).length
      await reboot()
      expect(await service.status()).toMatchObject({desired: 'stopped', actual: 'stopped', enabled: false, exit: 3})
      expect(await service.show('ActiveState', 'NRestarts')).toEqual(['inactive', '0'])
      expect(await service.events()).toHaveLength(starts)
      expect(await record()).toBe(before)

      await service.must('start')
      expect(await mirror()).toBe('running')
      const started = await record()
      expect(JSON.parse(started)).toMatchObject({desiredState: 'running', by: 'start'})
      expect(await service.status()).toMatchObject({desired: 'running', actual: 'running', enabled: true})
      // As what was stopped until then, above: it is enabled.
      if (!isCampaign) return
      await reboot()
      await service.comesUp()
      expect(await record()).toBe(started)
      expect(await service.status()).toMatchObject({desired: 'running', actual: 'running', enabled: true})
    })

    // How a gateway ends has to do with no scope.
    if (scope === 'system') return

    const deaths: [string, {signal: string} | {dies: StandInBehaviour}][] = [
      ['a SIGKILL', {signal: 'KILL'}],
      ['an unexpected SIGTERM', {signal: 'TERM'}],
      ['a planned restart', {signal: 'USR1'}],
      ['a crash', {dies: {exit_after_ms: 300, exit: {signal: 'SEGV'}}}],
      ['an exit with 1', {dies: {exit_after_ms: 300, exit: {code: 1}}}],
    ]
    // The manager does the same after each that nobody asked for; outside of a campaign the one of which the gateway itself writes.
    const seen = deaths.filter(([how]) => how === 'a planned restart')
    it.each(inCampaign(deaths, seen))('is changed neither in the record nor in the mirror by %s', async (_, death) => {
      const before = await record()
      expect(JSON.parse(before)).toMatchObject({desiredState: 'running', by: 'start'})
      expect(await mirror()).toBe('running')
      const starts = await service.starts()
      if ('dies' in death) {
        await service.sh('rm -f "$1/stand-in.count"', [service.home])
        await service.configure({sequence: [death.dies]})
        await service.systemctl('restart', service.unit)
        await waitFor(async () => (await service.starts()) > starts + 1, 'another start')
        await service.comesUp()
        await service.configure({})
      } else {
        const pid = await service.mainPid()
        await service.sh('kill -s "$1" "$2"', [death.signal, String(pid)])
        await service.comesUp(pid)
      }
      expect(await record()).toBe(before)
      expect(await mirror()).toBe('running')
    })

    it("is not changed by a stop that is the manager's own", async () => {
      const before = await record()
      await service.systemctl('stop', service.unit)
      expect(await record()).toBe(before)
      expect(await service.status()).toMatchObject({desired: 'running', actual: 'stopped', enabled: true})
    })
  })
})
