import {expect} from 'vitest'
import {doctor, type DoctorRow} from './doctor-row.js'
import type {ServiceOnMachine} from './service-on-machine.js'

// What is wrong around a service, in files and folders, and is the same under every manager.

export const machineRows: readonly DoctorRow<ServiceOnMachine>[] = [
  {
    id: 'path',
    kind: 'folder-gone',
    severity: 'warning',
    how: "a folder of the service's PATH is removed",
    what: /contains \S+\/go\/bin, which does not exist/,
    break: async (service) => {
      await service.sh('rmdir ~/go/bin', [], {user: service.user})
    },
  },
  {
    id: 'path',
    kind: 'optional',
    severity: 'warning',
    how: 'a tool installed where the service does not look',
    provedBy: 'test/doctor/checks/path.test.ts',
    what: /cannot find uvx in its PATH$/,
    break: async (service) => {
      await service.sh('mkdir -p ~/.cargo/bin && ln -s /bin/true ~/.cargo/bin/uvx', [], {user: service.user})
    },
    after: async (service) => {
      expect(await service.definitionText()).toContain(`${service.user.home}/.cargo/bin:`)
      await service.sh('rm -r ~/.cargo', [], {user: service.user})
      await service.must('install')
    },
  },
  {
    id: 'file-access',
    kind: 'home-open',
    severity: 'warning',
    how: '`chmod 777` of the home',
    what: /other users can write to the home of .* has mode 777/,
    break: async (service) => {
      await service.sh('chmod 777 "$1"', [service.home])
    },
    after: async (service) => {
      expect(await service.sh('stat -c %a "$1"', [service.home])).toBe('755\n')
    },
  },
  {
    id: 'file-access',
    kind: 'foreign-owner',
    severity: 'warning',
    how: 'files of the home that belong to root, as root sees it',
    what: /2 files in the home of .* do not belong to \w+/,
    scope: 'system',
    break: async (service) => {
      await service.sh('chown root:root "$1/gateway_state.json" "$1/.hermes-svc.json"', [service.home])
    },
    after: async (service) => {
      const owner = `${service.user.name}:${service.user.name}`
      expect(await service.sh('stat -c %U:%G "$1/gateway_state.json" "$1/.hermes-svc.json"', [service.home])).toBe(`${owner}\n${owner}\n`)
    },
  },
  {
    id: 'file-access',
    kind: 'foreign-owner',
    severity: 'warning',
    how: 'files of the home that belong to root, as their user sees it',
    provedBy: 'test/doctor/checks/file-access.test.ts',
    what: /1 file in the home of .* do(es)? not belong to \w+/,
    break: async (service) => {
      await service.sh('chown root:root "$1/.hermes-svc.json"', [service.home])
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('chown --no-dereference "$2:" "$1/.hermes-svc.json"', [service.home, service.user.name])
    },
  },
  {
    id: 'file-access',
    kind: 'third-owner',
    severity: 'warning',
    how: 'a log of the home that belongs to a third account, as root sees it',
    provedBy: 'test/doctor/checks/file-access.test.ts',
    what: /1 file in the home of .* does not belong to \w+/,
    scope: 'system',
    break: async (service) => {
      await service.sh('touch "$1/logs/errors.log" && chown nobody "$1/logs/errors.log"', [service.home])
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('chown --no-dereference "$2:" "$1/logs/errors.log"', [service.home, service.user.name])
    },
  },
  {
    id: 'file-access',
    kind: 'link-out',
    severity: 'warning',
    how: 'a log of the home is a link to a file of root’s, as root sees it',
    what: /a link leads out of the home of .*, to files that do not belong to \w+/,
    scope: 'system',
    break: async (service) => {
      await service.sh('rm -f "$1/logs/errors.log"; ln -s /etc/hostname "$1/logs/errors.log"', [service.home], {user: service.user})
    },
    fix: null,
    cureByHand: async (service) => {
      expect(await service.sh('stat -c %U /etc/hostname')).toBe('root\n')
      await service.sh('rm "$1/logs/errors.log"', [service.home], {user: service.user})
    },
  },
  {
    id: 'file-access',
    kind: 'secrets-open',
    severity: 'warning',
    how: 'the file with the variables is made readable to all',
    provedBy: 'test/doctor/checks/file-access.test.ts',
    what: /other users can read the gateway's variables: .*gateway\.env has mode 644/,
    install: ['--env', 'TOKEN=x'],
    break: async (service) => {
      await service.sh('chmod 644 "$1/gateway.env"', [service.support])
    },
  },
  {
    id: 'file-access',
    kind: 'record-closed',
    severity: 'warning',
    how: 'the record of the desired state with mode 000',
    provedBy: 'test/doctor/checks/file-access.test.ts',
    what: /\.hermes-svc\.json, which records .* cannot be read/,
    break: async (service) => {
      await service.sh('chmod 000 "$1/.hermes-svc.json"', [service.home])
    },
  },
  {
    id: 'log-size',
    kind: 'large-file',
    severity: 'warning',
    how: 'a log of 150 MB that nobody has open',
    what: /gateway-exit-diag\.log has 150 MB/,
    break: async (service) => {
      const fill =
        'mkdir -p "$1" && cd "$1" && truncate -s 150000000 gateway-exit-diag.log && printf "\\nlast line\\n" >>gateway-exit-diag.log'
      await service.sh(fill, [`${service.home}/logs`], {user: service.user})
      // As long as a process has it open it is left alone.
      const holder = (
        await service.sh('setsid sleep 600 >>"$1" 2>&1 </dev/null & echo $!', [`${service.home}/logs/gateway-exit-diag.log`], {
          user: service.user,
        })
      ).trim()
      const {findings} = await doctor(service)
      expect(findings).toMatchObject([{id: 'log-size', isFixable: false}])
      expect(findings[0]?.cure.join('\n')).toMatch(/hermes-svc stop .*\n.*fix log-size .*\n.*start /)
      expect((await service.run('fix:log-size', ['--yes'])).code).toBe(1)
      await service.sh('kill "$1" && while kill -0 "$1" 2>/dev/null; do sleep 0.1; done', [holder])
    },
    after: async (service) => {
      expect(await service.sh('cd "$1/logs" && tail -n 1 gateway-exit-diag.log && stat -c %U gateway-exit-diag.log', [service.home])).toBe(
        `last line\n${service.user.name}\n`,
      )
    },
  },
]
