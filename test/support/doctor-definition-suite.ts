import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import {itInCampaign} from './campaign.js'
import {definitionRows} from './doctor-definition-rows.js'
import {interruptedRows} from './doctor-interrupted-rows.js'
import {doctor, type DoctorRow, type DoctorRows, seen} from './doctor-row.js'
import {addForeignUnit, type ForeignUnit, UPSTREAM_POLICIES} from './foreign-unit.js'
import {hermesSvc, type SystemdVersion, testHost, waitFor} from './machines.js'
import {STAND_IN, TestService} from './test-service.js'

/** What systemd alone has: directives, drop-ins, a reload of its own. */
const rows: DoctorRow[] = [
  {
    id: 'definition-drift',
    kind: 'overridden',
    severity: 'warning',
    how: "a drop-in of the user's own with a start limit",
    provedBy: 'test/doctor/checks/definition-drift.test.ts',
    what: /StartLimitIntervalSec, StartLimitBurst, Restart of .* are set by .*90-mine\.conf/,
    break: async (service) => {
      const text = '[Unit]\nStartLimitIntervalSec=600\nStartLimitBurst=5\n[Service]\nRestart=on-failure\n'
      await service.machine.writeText(`${service.unitFile}.d/90-mine.conf`, text, service.actor)
      await service.systemctl('daemon-reload')
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('rm "$1"', [`${service.unitFile}.d/90-mine.conf`])
      await service.systemctl('daemon-reload')
    },
  },
  {
    id: 'definition-drift',
    kind: 'edited',
    severity: 'warning',
    how: 'our drop-in edited by hand: TimeoutStopSec=5',
    provedBy: 'test/doctor/checks/definition-drift.test.ts',
    what: /10-hermes-svc\.conf was edited by hand; hermes-svc keeps the edits/,
    break: async (service) => {
      await service.sh('sed -i s/^TimeoutStopSec=.*/TimeoutStopSec=5/ "$1"', [service.dropIn], service.actor)
      await service.systemctl('daemon-reload')
    },
    fix: null,
    cureByHand: async (service) => {
      await service.must('install', ['--force'])
    },
  },
  {
    id: 'definition-drift',
    kind: 'file-missing',
    severity: 'warning',
    how: 'our drop-in removed by hand',
    provedBy: 'test/doctor/checks/definition-drift.test.ts',
    curedAs: 'definition-broken',
    what: /10-hermes-svc\.conf is gone/,
    break: async (service) => {
      await service.sh('rm "$1"', [service.dropIn])
      await service.systemctl('daemon-reload')
    },
  },
  {
    id: 'definition-drift',
    kind: 'not-loaded',
    severity: 'warning',
    how: 'a drop-in of the user that systemd has not read',
    provedBy: 'test/doctor/checks/definition-drift.test.ts',
    curedAs: 'definition-broken',
    what: /was changed on disk, and the service manager has not read the change/,
    break: async (service) => {
      await service.machine.writeText(`${service.unitFile}.d/90-mine.conf`, '[Unit]\nDescription=mine\n', service.actor)
    },
    after: async (service) => {
      expect(await service.show('Description', 'NeedDaemonReload')).toEqual(['mine', 'no'])
      await service.sh('rm "$1"', [`${service.unitFile}.d/90-mine.conf`])
      await service.systemctl('daemon-reload')
    },
  },
  {
    id: 'definition-broken',
    kind: 'home-unmarked',
    severity: 'error',
    how: 'an empty folder in the place of the home, as where its file system is not mounted yet',
    provedBy: 'test/doctor/checks/definition-broken.test.ts',
    what: /is not the home that .* was installed for/,
    break: async (service) => {
      await service.systemctl('stop', service.unit)
      await service.sh('mv "$1" "$1.away" && mkdir "$1"', [service.home], {user: service.user})
      await service.systemctl('start', '--no-block', service.unit)
      await waitFor(async () => (await service.status()).actual === 'waiting', 'a start that is refused')
      // Nothing was made below what is yet to be mounted.
      expect(await service.sh('ls -A "$1"', [service.home])).toBe('')
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('rmdir "$1" && mv "$1.away" "$1"', [service.home], {user: service.user})
      await service.must('start')
    },
  },
  {
    id: 'definition-broken',
    kind: 'masked',
    severity: 'error',
    how: '`systemctl mask` in the place of the unit',
    provedBy: 'test/doctor/checks/definition-broken.test.ts',
    what: /is masked: the service manager does not start it/,
    break: async (service) => {
      await service.sh('rm "$1"', [service.unitFile])
      await service.systemctl('mask', service.unit)
    },
    fix: null,
    cureByHand: async (service) => {
      await service.systemctl('unmask', service.unit)
      await service.must('install')
    },
  },
  {
    id: 'definition-broken',
    kind: 'start-failed',
    severity: 'error',
    how: 'a drop-in with a group that the user does not have (216/GROUP): not even the helper runs',
    provedBy: 'test/doctor/checks/definition-broken.test.ts',
    what: /cannot switch to the account or group that it should run as/,
    break: async (service) => {
      await service.machine.writeText(`${service.unitFile}.d/90-mine.conf`, '[Service]\nSupplementaryGroups=audio\n', service.actor)
      await service.systemctl('daemon-reload')
      const beganMs = testHost.monotonicMs()
      await service.systemctl('restart', '--no-block', service.unit)
      const restarts = await waitFor(async () => {
        const [count, state] = await service.show('NRestarts', 'SubState')
        return Number(count) >= 4 && state === 'auto-restart' && Number(count)
      }, 'four restarts')
      // The unit's own pace is all that is left: each restart came a second after the end before it.
      expect(testHost.monotonicMs() - beganMs).toBeGreaterThan(restarts * 1000)
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('rm "$1"', [`${service.unitFile}.d/90-mine.conf`])
      await service.systemctl('daemon-reload')
      await service.must('restart')
    },
  },
  {
    id: 'definition-broken',
    kind: 'refused',
    severity: 'error',
    how: 'a unit of a type that needs a bus name, without one',
    what: /refuses the definition of .* \(bad-setting\)/,
    break: async (service) => {
      await service.sh('sed -i s/^Type=.*/Type=dbus/ "$1"', [service.unitFile], service.actor)
      await service.systemctl('daemon-reload')
    },
  },
  {
    id: 'helper-missing',
    kind: 'altered',
    severity: 'warning',
    how: 'an empty unit in the place of the timer, which systemd has read',
    provedBy: 'test/doctor/checks/helper-missing.test.ts',
    curedAs: 'definition-broken',
    what: /hermes-svc-heartbeat\.timer is empty$/,
    break: async (service) => {
      await service.sh(': >"$1"', [`${service.units}/hermes-svc-heartbeat.timer`], service.actor)
      await service.systemctl('daemon-reload')
    },
  },
]

/** What a killed command leaves of units. */
const interruptedUnits: DoctorRow[] = [
  {
    id: 'interrupted-change',
    kind: 'half-installed',
    severity: 'warning',
    how: 'the unit is gone and our drop-in is not',
    provedBy: 'test/doctor/checks/interrupted-change.test.ts',
    what: /has no definition, but other files of hermes-svc for it are still there/,
    break: async (service) => {
      await service.systemctl('stop', service.unit)
      await service.sh('rm "$1"', [service.unitFile])
      await service.systemctl('daemon-reload')
    },
  },
]

/**
 * Every way in which a definition can be wrong, on one version of systemd: tests of a suite on such a machine, with two users of it and the services that
 * they have already.
 */
export function describeDefinitions(
  machine: () => Machine,
  version: SystemdVersion,
  services: DoctorRows,
  users: () => readonly [ann: Account, bob: Account],
): void {
  describe('doctor on definitions', () => {
    let ann: Account
    let bob: Account
    beforeAll(() => {
      ;[ann, bob] = users()
    })

    // What is in our own files is looked at without systemd: once is enough.
    it.each(seen(version === 'host' ? [...definitionRows, ...interruptedRows, ...interruptedUnits, ...rows] : rows))(
      'doctor names $id ($kind) alone, and finds nothing after its cure: $how',
      (row) => services.see(row, ann),
    )

    describe('a definition of another tool', () => {
      const foreign = async (unit: ForeignUnit, standIn = {}) => {
        const service = await TestService.make(machine(), ann, {standIn})
        await addForeignUnit(service, unit)
        return service
      }
      const found = async (service: TestService) => (await doctor(service)).findings.map(({id, kind, severity}) => ({id, kind, severity}))

      const units: [keyof typeof UPSTREAM_POLICIES, string][] = [
        ['0.10 and before', 'dies'],
        ['later versions', 'storms'],
      ]
      // Two halves of one rule (test/doctor/checks/start-limit.test.ts), each cured by an adoption, as that of one that has met its limit is, below.
      for (const [version, kind] of units) {
        itInCampaign(`start-limit: the unit of upstream ${version} ${kind}, until it is adopted`, async () => {
          const service = await foreign(UPSTREAM_POLICIES[version])
          await service.comesUp()
          expect(await found(service)).toEqual([{id: 'start-limit', kind, severity: 'warning'}])
          expect((await service.must('fix:start-limit', ['--yes'])).stdout).toMatch(
            /^Fixed: .*is adopted and \w+( as before)?; hermes-svc keeps its unit/,
          )
          expect(await doctor(service)).toEqual({exit: 0, findings: []})
          expect(await service.status()).toMatchObject({installed: 'adopted', actual: 'running'})
          await service.systemctl('disable', '--now', service.unit)
        })
      }

      it('start-limit (hit): three quick exits against StartLimitBurst=3, until it is adopted and started', async () => {
        const policy = {unit: ['StartLimitIntervalSec=600', 'StartLimitBurst=3'], service: ['Restart=always', 'RestartSec=100ms']}
        const service = await foreign(policy, {exit_on_start: {code: 1}})
        await waitFor(async () => (await service.show('ActiveState'))[0] === 'failed', 'the limit')
        await service.configure({})
        expect(await found(service)).toEqual([{id: 'start-limit', kind: 'hit', severity: 'error'}])
        await service.must('fix:start-limit', ['--yes'])
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        expect(await service.status()).toMatchObject({installed: 'adopted', actual: 'running'})
        await service.systemctl('disable', '--now', service.unit)
      })

      // That a definition is written anew is seen of one whose launcher is gone, below; what is amiss: test/doctor/checks/definition-broken.test.ts.
      itInCampaign('definition-broken (folder): its working directory is gone, 200/CHDIR', async () => {
        const service = await foreign(UPSTREAM_POLICIES['later versions'])
        const pid = await service.comesUp()
        await service.sh(
          'mkdir "$1"/checkout && sed -i "s,^WorkingDirectory=.*,WorkingDirectory=$1/checkout," "$2"',
          [service.home, service.unitFile],
          {user: ann},
        )
        await service.sh('rmdir "$1"/checkout && kill -9 "$2"', [service.home, String(pid)])
        await service.systemctl('daemon-reload')
        await service.systemctl('restart', service.unit)
        const {findings} = await doctor(service)
        expect(findings).toMatchObject([{id: 'definition-broken', kind: 'folder', severity: 'error'}])
        await service.must('fix:definition-broken', ['--yes'])
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        expect(await service.status()).toMatchObject({actual: 'running'})
        await service.systemctl('disable', '--now', service.unit)
      })

      itInCampaign('definition-broken (home-temporary): its home is in /tmp, which no command of ours moves', async () => {
        const home = '/tmp/harness'
        const service = await TestService.make(machine(), ann)
        await service.sh('mkdir -p "$1"', [home], {user: ann})
        await addForeignUnit(service, {...UPSTREAM_POLICIES['later versions'], home})
        expect(await found(service)).toEqual([{id: 'definition-broken', kind: 'home-temporary', severity: 'error'}])
        expect((await service.run('fix:definition-broken', ['--yes'])).code).toBe(1)
        await service.systemctl('disable', '--now', service.unit)
      })
    })

    /** bob's default profile, after `hermes profile use work`. */
    const otherProfileInUse = async () => {
      const service = await TestService.make(machine(), bob, {profile: 'default'})
      await service.sh('cd ~/.hermes && mkdir -p profiles/work && echo work >active_profile', [], {user: bob})
      return service
    }

    // What it is judged by: test/doctor/checks/active-profile.test.ts. That an adopted unit has the command that the drop-in gives it: below.
    itInCampaign(
      'active-profile: `hermes profile use work` turns none of ours to another home, also once upstream has made the unit its own',
      async () => {
        const service = await otherProfileInUse()
        await service.must('install')
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        await service.sh('sed -i "/^#/d; s,^ExecStart=.*,ExecStart=$2 gateway run," "$1"', [service.unitFile, STAND_IN], {user: bob})
        await service.systemctl('daemon-reload')
        const pid = await service.mainPid()
        await service.must('restart')
        expect(await service.comesUp(pid)).not.toBe(pid)
        expect(await service.sh('ls /home/bob/.hermes/profiles/work')).toBe('')
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        await service.must('uninstall')
        await service.sh('rm -rf "$1"', [service.unitFile])
        await service.systemctl('daemon-reload')
      },
    )

    it('active-profile (followed): `hermes profile use work` turns the default profile of upstream to another home', async () => {
      const service = await otherProfileInUse()
      await addForeignUnit(service, {...UPSTREAM_POLICIES['later versions'], command: `${STAND_IN} gateway run`})
      await waitFor(
        async () => (await service.sh('ls /home/bob/.hermes/profiles/work')).includes('gateway.pid'),
        'a gateway in the other home',
      )
      const {findings, exit} = await doctor(service, ['--skip', 'start-limit'])
      expect({exit, findings}).toMatchObject({exit: 1, findings: [{id: 'active-profile', kind: 'followed', severity: 'error'}]})
      expect(findings[0]?.what).toContain('starts its gateway in the home of profile "work"')
      await service.must('fix:active-profile', ['--yes'])
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      expect(await service.status()).toMatchObject({installed: 'adopted', actual: 'running', home: '/home/bob/.hermes'})
      await service.systemctl('disable', '--now', service.unit)
      await service.sh('rm ~/.hermes/active_profile', [], {user: bob})
    })

    it('definition-broken (program): the launcher is gone, and another one is found', async () => {
      const service = await TestService.make(machine(), bob)
      const program = '.hermes/hermes-agent/venv/bin/hermes'
      await service.sh('cd && install -D -m 755 "$1" "$2"', [STAND_IN, program], {user: bob})
      await service.must('install')
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      await service.sh('cd && rm "$1" && kill -9 "$2"', [program, String(await service.mainPid())], {user: bob})
      expect((await doctor(service)).findings).toMatchObject([{id: 'definition-broken', kind: 'program', severity: 'error', isSafe: true}])
      const fixed = await service.must('doctor', ['--fix', '--json'])
      expect(fixed.json()).toMatchObject({ok: true, fixes: [{id: 'definition-broken', ok: true}]})
      expect(await service.sh('grep ^ExecStart= "$1"', [service.unitFile])).toContain('/home/bob/.hermes/bin/hermes')
      expect(await service.status()).toMatchObject({actual: 'running'})
    })

    // Judged by the first line of the program alone: test/doctor/checks/definition-broken.test.ts.
    itInCampaign('definition-broken (program): the interpreter of a command that was given by hand is gone', async () => {
      const service = await TestService.make(machine(), ann)
      await service.sh(
        'cd && ln -s /usr/bin/python3 interp && { echo "#!$HOME/interp"; tail -n +2 "$1"; } >own && chmod 755 own',
        [STAND_IN],
        {user: ann},
      )
      await service.must('install', ['--command', `${ann.home}/own`])
      // What was changed in the second of its start may have been so before.
      await service.sh('sleep 1.5; cd && rm interp', [], {user: ann})
      const {findings} = await doctor(service)
      expect(findings).toMatchObject([{id: 'definition-broken', kind: 'program', isFixable: false}])
      expect(findings[0]?.what).toContain(`needs the interpreter ${ann.home}/interp`)
      await service.sh('cd && ln -s /usr/bin/python3 interp', [], {user: ann})
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
    })

    if (version !== 'host') return

    it('interrupted-change (half-uninstalled): an uninstall killed near its end is finished', async () => {
      const service = await TestService.make(machine(), ann)
      await service.must('install')
      await service.systemctl('disable', '--now', service.unit)
      await service.sh('rm -r "$1" "$1.d" "$2"/*.sh', [service.unitFile, service.support])
      await service.systemctl('daemon-reload')
      expect((await doctor(service)).findings).toMatchObject([{id: 'interrupted-change', kind: 'half-uninstalled', severity: 'warning'}])
      await service.must('fix:interrupted-change', ['--yes'])
      await service.sh('[ ! -e "$1/.hermes-svc.json" ] && [ ! -e "$2" ]', [service.home, service.support])
      expect((await doctor(service)).findings).toMatchObject([{id: 'not-installed', severity: 'info'}])
    })

    it('not-installed: says so of a profile that is asked for, and nothing with --all', async () => {
      const service = await TestService.make(machine(), ann)
      expect(await doctor(service)).toMatchObject({
        exit: 0,
        findings: [{id: 'not-installed', kind: 'none', severity: 'info', isFixable: false}],
      })
      const all = await hermesSvc(machine(), ['doctor', '--all', '--json', '--scope', 'user'], {user: ann})
      const {services} = all.json<{services: {profile: string; findings: {id: string}[]}[]}>()
      expect(services.find(({profile}) => profile === service.profile)).toMatchObject({findings: []})
    })
  })
}
