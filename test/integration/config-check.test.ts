import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {itInCampaign} from '../support/campaign.js'
import {describeOnSystemd} from '../support/machines.js'
import {doctor} from '../support/doctor-row.js'
import {TestService} from '../support/test-service.js'

const GOOD = 'model:\n  default: good\n'
const BROKEN = 'model:\n  default: good\n bad\n'

await describeOnSystemd('a configuration that the gateway cannot load', (machine) => {
  let user: Account
  /** Each row has it as the one before has left it: running, with a configuration of the row's own. */
  let service: TestService

  const write = (text: string) => machine().writeText(`${service.home}/config.yaml`, text, {user})
  /** The gateway that runs, beside this configuration. */
  async function running(config: string): Promise<number> {
    await write(config)
    return (await service.status()).verdict.pid ?? 0
  }

  beforeAll(async () => {
    user = await machine().addUser('alice')
    service = await TestService.make(machine(), user)
    await write(GOOD)
    await service.must('install')
  })

  it('keeps restart and an install from ending the gateway, which goes on; --force restarts it, and it is said', async () => {
    const pid = await running(BROKEN)
    for (const refused of [await service.run('restart'), await service.run('config:set', ['env.X=1'])]) {
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/keeps running \(pid \d+\), because .*config\.yaml:3:\d+: /)
    }
    expect((await service.status()).verdict).toMatchObject({state: 'alive', pid})

    const forced = await service.run('restart', ['--force'])

    expect(forced.code).toBe(0)
    expect(forced.stderr).toMatch(/The gateway cannot load its configuration.*config\.yaml:3:/)
    const {verdict} = await service.status()
    expect(verdict.state).toBe('alive')
    expect(verdict.pid).not.toBe(pid)
  })

  // What start says, and that it starts it all the same: test/lifecycle/before-restart.test.ts.
  itInCampaign('is told by start, which starts it all the same', async () => {
    await running(BROKEN)
    await service.must('stop')
    const started = await service.run('start')
    expect(started.code).toBe(0)
    expect(started.stderr).toMatch(/The gateway cannot load its configuration.*config\.yaml:3:/)
  })

  it('is shown by fix config with what differs, before it is put back under a gateway that goes on', async () => {
    const pid = await running(BROKEN)
    const folder = `${service.home}/.hermes-svc/last-good`
    await machine().exec(['mkdir', '-p', folder], {user})
    await machine().writeText(`${folder}/config-20260101000000000.yaml`, GOOD, {user})
    expect((await service.run('fix:config', ['--dry-run'])).stdout).toMatch(/^\s+- bad$/m)
    await service.must('fix:config', ['--yes'])
    expect((await service.status()).verdict.pid).toBe(pid)
    await service.must('restart')
  })

  it('is told apart from what its user cannot read, and from half of an update', async () => {
    await running(GOOD)
    const found = async () => (await doctor(service)).findings.map(({id, kind}) => `${id} ${kind}`)
    await service.sh('printf "A=1\\n" > "$1/.env" && chmod 0 "$1/.env"', [service.home], {user})
    expect((await service.run('restart')).stderr).toMatch(/\.env: alice cannot read it \(EACCES\)/)
    await service.sh('rm -f "$1/.env" && mkdir -p "$2" && touch "$2/pyproject.toml" && echo pid=999999999 > "$2/.update-incomplete"', [
      service.home,
      `${user.home}/.hermes/hermes-agent`,
    ])
    expect(await found()).toEqual(['config update-cut-off'])
    expect((await service.run('restart')).stderr).toContain('an update of the gateway did not finish')
    await service.sh('rm -r "$1"', [`${user.home}/.hermes/hermes-agent`])
    expect(await found()).toEqual([])
  })

  // test/gateway/config-check.test.ts.
  itInCampaign('is none where the home has no file, and where it is what people write', async () => {
    await running('# mine\r\nmodel: {default: "x",\r\nprovider: y}\r\nmodel: twice\r\n')
    expect((await doctor(service)).findings).toEqual([])
    await service.must('restart')
  })

  it('refuses a program that does not start any more', async () => {
    await write(GOOD)
    const program = `${user.home}/bin/hermes-of-its-own`
    await service.sh('mkdir -p "$(dirname "$1")" && cp ~/.hermes/bin/hermes "$1"', [program], {user})
    await service.must('install', ['--command', program])
    const {pid} = (await service.status()).verdict
    await machine().writeText(program, '#!/bin/sh\necho "ModuleNotFoundError: No module named \'yaml\'" >&2\nexit 1\n', {user})
    expect((await service.run('restart')).stderr).toContain('alice is not allowed to execute')
    await service.sh('chmod 755 "$1"', [program])
    const refused = await service.run('restart')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('the Python module yaml is missing from its environment')
    expect((await service.status()).verdict).toMatchObject({state: 'alive', pid})
  })
})
