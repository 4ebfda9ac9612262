import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {homeRows} from '../support/doctor-home-rows.js'
import {doctor, type DoctorRow, seeRowOf} from '../support/doctor-row.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'
import {waitFor} from '../support/machines.js'

/** pid of the launcher: the process that launchd knows. */
async function launcherOf(service: LaunchdService): Promise<string> {
  return /^\tpid = (\d+)$/m.exec((await service.launchctl('print', 'TARGET')).stdout)?.[1] ?? ''
}

/** Waits until launchd shows something of the job. */
const shows = (service: LaunchdService, what: RegExp) =>
  waitFor(async () => what.test((await service.launchctl('print', 'TARGET')).stdout), `${service.unit} to show ${what.source}`)

const isGone = (service: LaunchdService) => waitFor(async () => !(await service.isLoaded()), `${service.unit} to be gone`)

const rows: DoctorRow<LaunchdService>[] = [
  {
    id: 'not-loaded',
    kind: 'unloaded',
    severity: 'error',
    how: '`launchctl bootout` of one that should run',
    what: /should be running, and launchd has not loaded it in gui\/\d+$/,
    break: async (service) => {
      await service.launchctl('bootout', 'TARGET')
      await isGone(service)
    },
  },
  {
    id: 'outdated',
    kind: 'older',
    severity: 'warning',
    how: 'helpers and launcher of an older version, under launchd',
    what: /is as hermes-svc 0\.0\.9 wrote it, and this is \S+: (?=.*after-exit\.sh)(?=.*hermes-gateway-launcher).* differ$/,
    break: async (service) => {
      const {pid} = await service.status()
      await service.sh(
        'cd "$1" && sed -i "s/\\"writtenBy\\": \\".*\\"/\\"writtenBy\\": \\"0.0.9\\"/" settings.json && ' +
          'echo "# old" >>after-exit.sh && echo "# old" >>hermes-gateway-launcher && echo "$2" >"$1.before"',
        [service.support, String(pid)],
      )
    },
    after: async (service) => {
      expect(await service.sh('cat "$1.before" && rm "$1.before"', [service.support])).toBe(`${(await service.status()).pid}\n`)
    },
  },
  {
    id: 'disabled-override',
    kind: 'disabled',
    severity: 'warning',
    how: '`launchctl disable` under a running service',
    what: /should be running, and is disabled in launchd's own records of gui\/\d+$/,
    break: async (service) => {
      await service.launchctl('disable', 'TARGET')
    },
  },
  {
    id: 'disabled-override',
    kind: 'disabled',
    severity: 'error',
    how: '`launchctl disable` and `launchctl bootout` of one that should run',
    what: /should be running, and is disabled in launchd's own records of gui\/\d+$/,
    break: async (service) => {
      await service.launchctl('disable', 'TARGET')
      await service.launchctl('bootout', 'TARGET')
      await isGone(service)
    },
  },
  {
    id: 'penalty-box',
    kind: 'boxed',
    severity: 'error',
    how: 'the launcher is removed, and the running one killed',
    what: /^launchd has given up ai\.hermes\.gateway-\S+: it is in the penalty box$/,
    break: async (service) => {
      const [launcher, {pid}] = [await launcherOf(service), await service.status()]
      await service.sh('rm "$1/hermes-gateway-launcher"; kill -9 "$2" "$3" || :', [service.support, launcher, String(pid)])
      await shows(service, /penalty box/)
    },
  },
  {
    id: 'code-signature',
    kind: 'killed',
    severity: 'error',
    how: 'the program of a loaded job is replaced, and its process killed (macOS 26)',
    what: /was killed for its code signature: what it runs was replaced since launchd loaded it$/,
    break: async (service) => {
      await service.there.config({lwcr: true})
      const [launcher, {pid}] = [await launcherOf(service), await service.status()]
      await service.sh('touch "$1/hermes-gateway-launcher"; kill -9 "$2" "$3" || :', [service.support, launcher, String(pid)])
      await shows(service, /OS_REASON_CODESIGNING/)
    },
    after: async (service) => {
      await service.there.config({lwcr: false})
    },
  },
  {
    id: 'wrong-domain',
    kind: 'elsewhere',
    severity: 'warning',
    how: 'a service of the desktop’s session is loaded in the background one',
    what: /was installed for gui\/\d+, and is loaded in user\/\d+$/,
    break: async (service) => {
      await service.launchctl('bootout', 'TARGET')
      await isGone(service)
      // As a property list of another tool's would be, which is for both.
      await loadForBoth(service, `user/${service.user.uid}`)
    },
  },
  {
    id: 'wrong-domain',
    kind: 'twice',
    severity: 'error',
    how: 'a service is loaded in two domains at once',
    what: /is loaded twice, in gui\/\d+ and user\/\d+$/,
    break: async (service) => {
      await loadForBoth(service, `user/${service.user.uid}`)
    },
  },
  {
    id: 'plist-permissions',
    kind: 'access',
    severity: 'warning',
    how: '`chmod 666` of the property list',
    what: /\.plist can be written by others \(mode 666\)$/,
    break: async (service) => {
      await service.sh('chmod 666 "$1"', [service.plist])
    },
  },
  {
    id: 'plist-permissions',
    kind: 'access',
    severity: 'warning',
    how: 'a property list that belongs to root, as its user sees it',
    what: /\.plist belongs to uid 0, not to ann$/,
    break: async (service) => {
      await service.sh('chown root "$1"', [service.plist])
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('chown "$2" "$1"', [service.plist, service.user.name])
    },
  },
  {
    id: 'log-path',
    kind: 'unwritable',
    severity: 'warning',
    how: 'the log becomes root’s under a running service',
    what: /^launchd cannot start ai\.hermes\.gateway-\S+: its log .* belongs to uid 0, not to ann$/,
    break: async (service) => {
      await service.sh('chown root:root "$1"', [service.log])
    },
  },
  {
    id: 'log-path',
    kind: 'unwritable',
    severity: 'error',
    how: 'a folder in the place of the log, and the launcher killed: it ends with 78, silently',
    what: /^launchd cannot start ai\.hermes\.gateway-\S+: its log .* is a folder$/,
    break: async (service) => {
      const [launcher, {pid}] = [await launcherOf(service), await service.status()]
      await service.sh('rm "$1"; mkdir "$1"; chown "$4" "$1"; kill -9 "$2" "$3" || :', [
        service.log,
        launcher,
        String(pid),
        service.user.name,
      ])
      await shows(service, /last exit code = 78/)
    },
  },
  {
    id: 'log-path',
    kind: 'silent-78',
    severity: 'error',
    how: 'a log on a disk that launchd may not read: it ends with 78, silently',
    what: /^launchd could not start ai\.hermes\.gateway-\S+: it ended with 78 before its program ran$/,
    break: async (service) => {
      await service.there.config({externalVolumes: [service.log]})
      const [launcher, {pid}] = [await launcherOf(service), await service.status()]
      await service.sh('kill -9 "$1" "$2" || :', [launcher, String(pid)])
      await shows(service, /last exit code = 78/)
    },
    fix: null,
    cureByHand: async (service) => {
      await service.there.config({externalVolumes: []})
      await service.comesUp()
    },
  },
  {
    id: 'log-size',
    kind: 'large-file',
    severity: 'warning',
    how: 'a log of 150 MB to which launchd appends',
    what: /\.log has 150 MB$/,
    break: async (service) => {
      await service.sh('yes "a line of the gateway" | head -c 150000000 >>"$1"', [service.log])
    },
    after: async (service) => {
      // What has it open goes on at its new end.
      await service.must('restart')
      expect((await service.must('logs')).stdout).toContain('Gateway running')
      expect(Number(await service.sh('stat -c %s "$1.1"', [service.log]))).toBeGreaterThan(9_000_000)
    },
  },
]

/** Loads the service's property list in a domain, as if it were for every session. */
async function loadForBoth(service: LaunchdService, domain: string): Promise<void> {
  const text = (await service.machine.readText(service.plist)) ?? ''
  const copy = `${service.user.home}/both.plist`
  const both = text.replace('<string>Aqua</string>', '<array><string>Aqua</string><string>Background</string></array>')
  await service.machine.writeText(copy, both, {user: service.user})
  const loaded = await service.launchctl('bootstrap', domain, copy)
  if (loaded.code !== 0) throw new Error(`it was not loaded in ${domain}: ${loaded.stderr}`)
  await waitFor(async () => {
    const shown = await service.launchctl('print', `${domain}/${service.unit}`)
    return /^\tpid = /m.test(shown.stdout)
  }, `a process in ${domain}`)
}

describeOnLaunchd('doctor under launchd', (there) => {
  let ann: Account

  beforeAll(async () => {
    ann = await there().addUser('ann')
  })

  it.each(rows)('$id $kind: $how', async (row) => {
    await seeRowOf(await LaunchdService.make(there(), ann), row)
  })

  it.each(homeRows)('as under systemd: $id $kind: $how', async (row) => {
    await seeRowOf(await LaunchdService.make(there(), ann, {...row, kind: row.scope === 'system' ? 'system' : 'gui'}), row)
  })

  describe('without a session', () => {
    it('cannot ask about a user who has none, and says so', async () => {
      const bob = await there().addUser('bob')
      const service = await LaunchdService.make(there(), bob)
      await service.must('install')
      await there().control({control: 'logout', uid: bob.uid})
      const was = await there().config({userUids: [0]})
      const {exit, findings} = await doctor(service)
      expect([exit, findings.map(({id, kind, severity}) => [id, kind, severity])]).toEqual([1, [['wrong-domain', 'no-session', 'error']]])
      expect((await service.status()).exit).toBe(4)
      await there().config(was)
    })

    it('names the session that is gone, and moves the service to the one that is there', async () => {
      const carol = await there().addUser('carol')
      const service = await LaunchdService.make(there(), carol)
      await service.must('install')
      await there().control({control: 'logout', uid: carol.uid})
      const {findings} = await doctor(service)
      expect(findings.map(({id, kind}) => [id, kind])).toEqual([['wrong-domain', 'no-such-session']])
      await service.must('fix:wrong-domain', ['--yes'])
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      expect(await service.status()).toMatchObject({actual: 'running', domain: `user/${carol.uid}`})
      await service.must('uninstall')
    })
  })
})
