import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {inCampaign} from '../support/campaign.js'
import {fewInodes, fullDisk, nearlyFullDisk, noInodes} from '../support/doctor-disk-rows.js'
import {machineRows} from '../support/doctor-machine-rows.js'
import {doctor, type DoctorRow, DoctorRows, seen} from '../support/doctor-row.js'
import {addForeignUnit, UPSTREAM_POLICIES} from '../support/foreign-unit.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

/** Units beside the service's own. */
const rows: DoctorRow[] = [
  {
    id: 'disk',
    kind: 'read-only',
    severity: 'error',
    how: 'the home mounted read-only over itself',
    what: /the home of .* is mounted read-only/,
    break: async (service) => {
      await service.sh('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', [service.home])
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('umount "$1"', [service.home])
    },
  },
  fullDisk,
  nearlyFullDisk,
  fewInodes,
  noInodes,
  {
    id: 'duplicate-supervisor',
    kind: 'other-service',
    severity: 'error',
    how: "another tool's unit on the same home, enabled",
    what: /my-bot\.service \(user scope\) uses the same home as .*: it starts at boot/,
    break: async (service) => {
      await addDisabledRival(service, 'my-bot.service')
      await service.systemctl('enable', 'my-bot.service')
    },
    fix: null,
    cureByHand: async (service) => {
      await service.systemctl('disable', '--now', 'my-bot.service')
      await service.sh('rm "$1/my-bot.service"', [service.units])
    },
  },
  {
    id: 'duplicate-supervisor',
    kind: 'other-scope',
    severity: 'error',
    how: 'a unit in system scope beside the one in user scope',
    provedBy: 'test/doctor/checks/duplicate-supervisor.test.ts',
    what: /\(system scope\) uses the same home as .*: it starts at boot/,
    break: async (service) => {
      const system = await TestService.make(service.machine, service.user, {scope: 'system', profile: service.profile})
      await addDisabledRival(system, system.unit)
      await system.systemctl('enable', system.unit)
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('systemctl disable --now "$1" && rm "/etc/systemd/system/$1"', [service.unit])
    },
  },
  {
    id: 'duplicate-supervisor',
    kind: 'legacy',
    severity: 'error',
    how: 'the legacy hermes.service of the machine, enabled',
    what: /hermes\.service \(system scope\) uses the same home as/,
    scope: 'system',
    break: async (service) => {
      await addDisabledRival(service, 'hermes.service')
      await service.systemctl('enable', 'hermes.service')
    },
    after: async (service) => {
      expect((await service.systemctl('is-enabled', 'hermes.service')).stdout).toBe('disabled\n')
      await service.sh('rm /etc/systemd/system/hermes.service && systemctl daemon-reload')
    },
  },
  {
    id: 'duplicate-supervisor',
    kind: 'replace',
    severity: 'warning',
    leaves: "a unit of upstream's",
    how: "an adopted unit of upstream's that has --replace",
    what: /starts its gateway with --replace/,
    break: async (service) => {
      await service.must('uninstall')
      await addForeignUnit(service, {...UPSTREAM_POLICIES['later versions'], args: ['--replace']})
      await service.must('install')
    },
    after: async (service) => {
      expect((await service.show('ExecStart'))[0]).not.toContain('--replace')
    },
  },
]

/** A unit for the home of a service that is neither enabled nor started. */
async function addDisabledRival(service: TestService, name: string): Promise<void> {
  const user = service.scope === 'system' ? [`User=${service.user.name}`] : []
  const command = `/usr/bin/hermes --profile ${service.profile} gateway run`
  const text = [
    '[Service]',
    `ExecStart=${command}`,
    `Environment=HERMES_HOME=${service.home}`,
    ...user,
    '[Install]',
    'WantedBy=default.target',
    '',
  ]
  await service.machine.writeText(`${service.units}/${name}`, text.join('\n'), service.actor)
  await service.systemctl('daemon-reload')
}

await describeOnSystemd('doctor on what is around a service', (machine) => {
  const services = DoctorRows.onSystemd(machine)
  let ann: Account
  beforeAll(async () => {
    ann = await machine().addUser('ann')
    await machine().exec(['mkdir', '-p', '/home/ann/go/bin'], {user: ann})
  })

  it.each(seen([...machineRows, ...rows]))('doctor names $id ($kind) alone, and finds nothing after its cure: $how', (row) =>
    services.see(row, ann),
  )

  it('finds nothing wrong with several profiles side by side, in both scopes, whoever asks', async () => {
    const services = []
    for (let number = 0; number < inCampaign(10, 4); number++) {
      services.push(await TestService.make(machine(), ann, {scope: number % 2 === 0 ? 'user' : 'system'}))
    }
    for (const service of services) await service.must('install')
    for (const service of services) expect(await doctor(service)).toEqual({exit: 0, findings: []})
    const asUser = ['doctor', '--profile', services[1]?.profile ?? '', '--json']
    expect((await hermesSvc(machine(), asUser, {user: ann})).json()).toMatchObject({ok: true, services: [{scope: 'system', findings: []}]})
  })

  it('log-size: a log that a process has open is left alone, and doctor says what to do', async () => {
    const service = await TestService.make(machine(), ann)
    await service.must('install')
    const holder =
      'mkdir -p "$1" && cd "$1" && truncate -s 150M big.log && exec systemd-run --user --unit=holder sh -c "exec sleep 600 >>$1/big.log"'
    await service.sh(holder, [`${service.home}/logs`], {user: ann})
    const {findings} = await doctor(service)
    expect(findings).toMatchObject([{id: 'log-size', isFixable: false}])
    expect(findings[0]?.cure.join('\n')).toMatch(/hermes-svc stop .*\n.*fix log-size .*\n.*start /)
    await service.systemctl('stop', 'holder')
    await service.must('fix:log-size', ['--yes'])
  })

  describe('of a user of its own', () => {
    it('linger: lingering turned off while the user is logged in', async () => {
      const carl = await machine().addUser('carl')
      const service = await TestService.make(machine(), carl)
      await service.must('install')
      await service.sh('systemd-run --quiet --unit=session-of-carl --uid=carl --property=PAMName=login sleep 600 && sleep 1')
      await service.sh('loginctl disable-linger carl')
      expect((await doctor(service)).findings).toMatchObject([{id: 'linger', kind: 'off', severity: 'warning'}])
      // Without polkit nobody but root may; then the command that doctor names does it.
      const asRoot = ['fix:linger', '--profile', service.profile, '--scope', 'user', '--run-as', 'carl', '--yes']
      const fixed = await hermesSvc(machine(), asRoot)
      expect({code: fixed.code, stderr: fixed.code === 0 ? '' : fixed.stderr}).toEqual({code: 0, stderr: ''})
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
    })

    it('user-bus: the user manager does not run, which is the one finding', async () => {
      const dora = await machine().addUser('dora')
      const service = await TestService.make(machine(), dora)
      await service.must('install')
      await service.sh('systemctl stop user@"$1"', [String(dora.uid)])
      await waitFor(async () => (await service.sh('[ -S "/run/user/$1/bus" ] || echo gone', [String(dora.uid)])) === 'gone\n', 'the end')
      const asUser = await doctor(service)
      expect(asUser.findings).toMatchObject([{id: 'user-bus', kind: 'not-running', severity: 'error', isFixable: false}])
      expect(asUser.findings[0]?.cure).toEqual([`sudo systemctl restart user@${dora.uid}.service`])
      const asRoot = ['--profile', service.profile, '--scope', 'user', '--run-as', 'dora']
      const fixed = await hermesSvc(machine(), ['fix:user-bus', ...asRoot, '--yes'])
      expect({code: fixed.code, stderr: fixed.code === 0 ? '' : fixed.stderr}).toEqual({code: 0, stderr: ''})
      await service.comesUp()
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
    })

    it('user-bus: it neither runs nor lingers', async () => {
      const eve = await machine().addUser('eve')
      const service = await TestService.make(machine(), eve)
      await service.must('install')
      await service.sh('loginctl disable-linger eve && systemctl stop user@"$1"', [String(eve.uid)])
      // logind takes the folder away after that.
      await waitFor(async () => (await service.sh('[ -e "/run/user/$1" ] || echo gone', [String(eve.uid)])) === 'gone\n', 'the end')
      const asRoot = ['--profile', service.profile, '--scope', 'user', '--run-as', 'eve']
      const seen = await hermesSvc(machine(), ['doctor', ...asRoot, '--json'])
      expect(seen.json()).toMatchObject({services: [{findings: [{id: 'user-bus', kind: 'not-running', isFixable: true}]}]})
      const fixed = await hermesSvc(machine(), ['fix:user-bus', ...asRoot, '--yes'])
      expect({code: fixed.code, stderr: fixed.code === 0 ? '' : fixed.stderr}).toEqual({code: 0, stderr: ''})
      await service.comesUp()
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
    })
  })
})
