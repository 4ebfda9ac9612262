import {expect} from 'vitest'
import {doctor, type DoctorRow} from './doctor-row.js'
import type {ServiceOnMachine} from './service-on-machine.js'

// What is wrong with what we have written ourselves, and is the same under every manager.

export const definitionRows: readonly DoctorRow<ServiceOnMachine>[] = [
  {
    id: 'stop-timeout',
    kind: 'too-short',
    severity: 'warning',
    leaves: 'a longer drain',
    how: 'a drain of 600 s is configured after the install',
    what: /is cut off after \d+ s, but the gateway may need 630 s/,
    break: async (service) => {
      await service.machine.writeText(`${service.home}/config.yaml`, 'agent:\n  restart_drain_timeout: 600\n', {user: service.user})
    },
    cureByHand: async (service) => {
      if (!service.readsAtRestart) return
      expect((await doctor(service)).findings).toMatchObject([{id: 'interrupted-change', kind: 'restart-due'}])
      await service.must('restart')
    },
    after: async (service) => {
      expect(await service.stopLimitSec()).toBeGreaterThan(630)
    },
  },
  {
    id: 'definition-drift',
    kind: 'outdated',
    severity: 'warning',
    how: 'settings that another version has recorded',
    provedBy: 'test/doctor/checks/definition-drift.test.ts',
    curedAs: 'helper-missing',
    what: /differs? from what hermes-svc installed/,
    scope: 'system',
    break: async (service) => {
      await service.sh('sed -i \'s/"restartDelayMs": 100/"restartDelayMs": 2500/\' "$1/settings.json"', [service.support])
    },
  },
  {
    id: 'definition-broken',
    kind: 'home-missing',
    severity: 'error',
    how: 'the home is moved away',
    provedBy: 'test/doctor/checks/definition-broken.test.ts',
    what: /the home of .* is gone/,
    break: async (service) => {
      await service.sh('mv "$1" "$1.away"', [service.home], {user: service.user})
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('rm -rf "$1" && mv "$1.away" "$1"', [service.home], {user: service.user})
    },
  },
  {
    id: 'helper-missing',
    kind: 'missing',
    severity: 'warning',
    how: 'the service helper is removed',
    provedBy: 'test/doctor/checks/helper-missing.test.ts',
    what: /service-helper\.sh is gone/,
    break: async (service) => {
      await service.sh('rm "$1/service-helper.sh"', [service.support])
    },
  },
  {
    id: 'helper-missing',
    kind: 'missing',
    severity: 'warning',
    how: 'a service helper that its user cannot read, in system scope',
    provedBy: 'test/doctor/checks/helper-missing.test.ts',
    what: /service-helper\.sh cannot be read by \w+/,
    scope: 'system',
    break: async (service) => {
      await service.sh('chmod 600 "$1/service-helper.sh"', [service.support])
    },
  },
  {
    id: 'helper-missing',
    kind: 'missing',
    severity: 'warning',
    how: "the heartbeat's program is removed",
    provedBy: 'test/doctor/checks/helper-missing.test.ts',
    what: /heartbeat\.cjs is gone/,
    break: async (service) => {
      await service.sh('rm "$1/../heartbeat.cjs"', [service.support])
    },
  },
  {
    id: 'helper-missing',
    kind: 'altered',
    severity: 'warning',
    how: 'half of the service helper, and nothing in the program of the heartbeat',
    what: /service-helper\.sh is cut off.*heartbeat\.cjs is empty$/,
    break: async (service) => {
      await service.sh('cd "$1" && truncate -s 900 service-helper.sh && : >../heartbeat.cjs', [service.support])
    },
  },
  {
    id: 'helper-missing',
    kind: 'writable',
    severity: 'warning',
    how: 'the helper of a service of the machine is given to its user',
    what: /users other than root can change what .* runs: .*service-helper\.sh/,
    scope: 'system',
    break: async (service) => {
      await service.sh('chown "$2" "$1/service-helper.sh" && chmod 775 "$1/service-helper.sh"', [service.support, service.user.name])
    },
    after: async (service) => {
      expect(await service.sh('stat -c "%U %a" "$1/service-helper.sh"', [service.support])).toBe('root 755\n')
    },
  },
]
