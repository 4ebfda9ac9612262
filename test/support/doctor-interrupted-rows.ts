import type {DoctorRow} from './doctor-row.js'
import type {ServiceOnMachine} from './service-on-machine.js'

// What a killed command leaves half-done, and is the same under every manager.

export const interruptedRows: readonly DoctorRow<ServiceOnMachine>[] = [
  {
    id: 'interrupted-change',
    kind: 'temporary-files',
    severity: 'warning',
    how: 'temporary files that a killed write has left',
    what: /hermes-svc was killed while it wrote a file: 3 temporary files are left/,
    break: async (service) => {
      const files = [`${service.home}/..hermes-svc.json`, `${service.support}/.settings.json`, service.temporaryDefinition]
      await service.sh('for file in "$@"; do : >"$file.hermes-svc-tmp"; done', files, {user: service.user})
    },
  },
  {
    id: 'interrupted-change',
    kind: 'restart-due',
    severity: 'warning',
    how: 'an install killed between writing and restarting',
    what: /was changed, but was not restarted afterwards/,
    break: async (service) => {
      await service.sh(': >"$1/restart-due"', [service.support], service.actor)
    },
  },
  {
    id: 'interrupted-change',
    kind: 'settings-lost',
    severity: 'warning',
    how: 'the recorded settings cut off',
    provedBy: 'test/doctor/checks/interrupted-change.test.ts',
    what: /the settings that .* was installed with are damaged/,
    break: async (service) => {
      await service.sh(': >"$1/settings.json"', [service.support])
    },
  },
]
