import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {itInCampaign} from '../support/campaign.js'
import {fewInodes, fullDisk, nearlyFullDisk, noInodes} from '../support/doctor-disk-rows.js'
import {machineRows} from '../support/doctor-machine-rows.js'
import {describeMemory} from '../support/doctor-memory-suite.js'
import {describeQuiet} from '../support/doctor-quiet-suite.js'
import {doctor, type DoctorRow, DoctorRows, seen} from '../support/doctor-row.js'
import {addForeignUnit, UPSTREAM_POLICIES} from '../support/foreign-unit.js'
import {describeFullDisk} from '../support/full-disk-suite.js'
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
    provedBy: 'test/doctor/checks/duplicate-supervisor.test.ts',
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
    provedBy: 'test/doctor/checks/duplicate-supervisor.test.ts',
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
  let dora: Account
  let ticked: TestService
  beforeAll(async () => {
    ann = await machine().addUser('ann')
    await machine().exec(['mkdir', '-p', '/home/ann/go/bin'], {user: ann})
    dora = await machine().addUser('dora')
    ticked = await TestService.make(machine(), dora)
    await ticked.must('install', ['--heartbeat-interval', '12s'])
  })

  it.each(seen([...machineRows, ...rows]))('doctor names $id ($kind) alone, and finds nothing after its cure: $how', (row) =>
    services.see(row, ann),
  )

  describeFullDisk(machine, () => ann)
  describeQuiet(
    machine,
    services,
    () => ann,
    () => ticked,
  )

  // Several side by side, one in each scope, and a user who asks about the machine's: above.
  itInCampaign('finds nothing wrong with several profiles side by side, in both scopes, whoever asks', async () => {
    const services = []
    for (let number = 0; number < 10; number++) {
      services.push(await TestService.make(machine(), ann, {scope: number % 2 === 0 ? 'user' : 'system'}))
    }
    for (const service of services) await service.must('install')
    for (const service of services) expect(await doctor(service)).toEqual({exit: 0, findings: []})
    const asUser = ['doctor', '--profile', services[1]?.profile ?? '', '--json']
    expect((await hermesSvc(machine(), asUser, {user: ann})).json()).toMatchObject({ok: true, services: [{scope: 'system', findings: []}]})
  })

  // One after the other: each leaves the user and the service as it found them.
  describe.sequential('of a user of its own', () => {
    let service: TestService
    beforeAll(() => {
      service = ticked
    })
    /** As root, of the service of that user. */
    const asRoot = (command: string, ...flags: string[]) =>
      hermesSvc(machine(), [command, '--profile', service.profile, '--scope', 'user', '--run-as', 'dora', ...flags])
    const isFixed = async (id: string) => {
      const fixed = await asRoot(`fix:${id}`, '--yes')
      expect({code: fixed.code, stderr: fixed.code === 0 ? '' : fixed.stderr}).toEqual({code: 0, stderr: ''})
      await service.comesUp()
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
    }

    it('user-bus: it neither runs nor lingers', async () => {
      await service.sh('loginctl disable-linger dora && systemctl stop user@"$1"', [String(dora.uid)])
      // logind takes the folder away after that.
      await waitFor(async () => (await service.sh('[ -e "/run/user/$1" ] || echo gone', [String(dora.uid)])) === 'gone\n', 'the end')
      const seenByRoot = await asRoot('doctor', '--json')
      expect(seenByRoot.json()).toMatchObject({services: [{findings: [{id: 'user-bus', kind: 'not-running', isFixable: true}]}]})
      await isFixed('user-bus')
    })

    it('user-bus: the user manager does not run, which is the one finding', async () => {
      await service.sh('systemctl stop user@"$1"', [String(dora.uid)])
      await waitFor(async () => (await service.sh('[ -S "/run/user/$1/bus" ] || echo gone', [String(dora.uid)])) === 'gone\n', 'the end')
      const asUser = await doctor(service)
      expect(asUser.findings).toMatchObject([{id: 'user-bus', kind: 'not-running', severity: 'error', isFixable: false}])
      expect(asUser.findings[0]?.cure).toEqual([`sudo systemctl restart user@${dora.uid}.service`])
      await isFixed('user-bus')
    })

    // Last: who has logged in is let go by logind only after a while.
    it('linger: lingering turned off while the user is logged in', async () => {
      await service.sh('systemd-run --quiet --unit=session-of-dora --uid=dora --property=PAMName=login sleep 600 && sleep 1')
      await service.sh('loginctl disable-linger dora')
      expect((await doctor(service)).findings).toMatchObject([{id: 'linger', kind: 'off', severity: 'warning'}])
      // Without polkit nobody but root may; then the command that doctor names does it.
      await isFixed('linger')
    })
  })

  // Last: it leaves a tick of each second.
  describeMemory(machine, services, () => ann)
})
