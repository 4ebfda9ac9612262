import {beforeAll, expect, it} from 'vitest'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {definitionRows} from '../support/doctor-definition-rows.js'
import {homeRows} from '../support/doctor-home-rows.js'
import {interruptedRows} from '../support/doctor-interrupted-rows.js'
import {processRows} from '../support/doctor-process-rows.js'
import {doctor, type DoctorRow, DoctorRows, seen, settle} from '../support/doctor-row.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'
import {waitFor} from '../support/machines.js'
import {UserPool} from '../support/user-pool.js'

/** pid of the launcher: the process that launchd knows. */
async function launcherOf(service: LaunchdService): Promise<string> {
  return /^\tpid = (\d+)$/m.exec((await service.launchctl('print', 'TARGET')).stdout)?.[1] ?? ''
}

/** Waits until launchd shows something of the job. */
const shows = (service: LaunchdService, what: RegExp) =>
  waitFor(async () => what.test((await service.launchctl('print', 'TARGET')).stdout), `${service.unit} to show ${what.source}`)

const isGone = (service: LaunchdService) => waitFor(async () => !(await service.isLoaded()), `${service.unit} to be gone`)

/** A property list as upstream's update writes it over ours, without what stands for our policy. */
const upstreamPlist = ({unit, user, profile, home}: LaunchdService) => `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>Label</key><string>${unit}</string>
<key>ProgramArguments</key><array><string>${user.home}/.hermes/bin/hermes</string><string>--profile</string><string>${profile}</string><string>gateway</string><string>run</string></array>
<key>WorkingDirectory</key><string>${home}</string>
<key>EnvironmentVariables</key><dict><key>PATH</key><string>/usr/bin:/bin</string><key>HERMES_HOME</key><string>${home}</string></dict>
<key>RunAtLoad</key><true/><key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict></dict></plist>
`

const rows: DoctorRow<LaunchdService>[] = [
  {
    id: 'definition-drift',
    kind: 'replaced',
    severity: 'warning',
    how: "the gateway's own update writes the property list anew, and loads it",
    what: /another tool, such as the gateway's own update, has replaced \S+\.plist, and the restart policy is gone/,
    break: async (service) => {
      await service.sh('printf %s "$2" >"$1"', [service.plist, upstreamPlist(service)], service.actor)
      await service.launchctl('bootout', 'TARGET')
      await waitFor(async () => (await service.launchctl('bootstrap', service.domain, service.plist)).code === 0, 'it to be loaded')
      await service.comesUp()
      await settle()
    },
    after: async (service) => {
      expect(await service.status()).toMatchObject({installed: 'own', actual: 'running'})
      expect((await service.must('install')).stdout).toContain('already up to date')
    },
  },
  {
    id: 'not-loaded',
    kind: 'unloaded',
    severity: 'error',
    how: '`launchctl bootout` of one that should run',
    provedBy: 'test/managers/launchd/checks/not-loaded.test.ts',
    curedAs: 'disabled-override',
    what: /should be running, but launchd has not loaded it in gui\/\d+$/,
    break: async (service) => {
      await service.launchctl('bootout', 'TARGET')
      await isGone(service)
    },
  },
  {
    id: 'outdated',
    kind: 'older',
    severity: 'warning',
    how: 'a service helper and a launcher of an older version, under launchd',
    seenIn: 'test/integration/upgrade.test.ts',
    what: /^hermes-svc 0\.0\.9 wrote \S+; version \S+ would change (?=.*service-helper\.sh)(?=.*hermes-gateway-launcher)/,
    break: async (service) => {
      const {pid} = await service.status()
      await service.sh(
        'cd "$1" && sed -i "s/\\"writtenBy\\": \\".*\\"/\\"writtenBy\\": \\"0.0.9\\"/" settings.json && ' +
          'echo "# old" >>service-helper.sh && echo "# old" >>hermes-gateway-launcher && echo "$2" >"$1.before"',
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
    provedBy: 'test/managers/launchd/checks/disabled-override.test.ts',
    what: /should be running, but is disabled in launchd's own records of gui\/\d+$/,
    break: async (service) => {
      await service.launchctl('disable', 'TARGET')
    },
  },
  {
    id: 'disabled-override',
    kind: 'disabled',
    severity: 'error',
    how: '`launchctl disable` and `launchctl bootout` of one that should run',
    what: /should be running, but is disabled in launchd's own records of gui\/\d+$/,
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
    what: /^launchd has given up on ai\.hermes\.gateway-\S+: the job is in the penalty box$/,
    break: async (service) => {
      const [launcher, {pid}] = [await launcherOf(service), await service.status()]
      await service.sh('rm "$1/hermes-gateway-launcher"; kill -9 "$2" "$3" || :', [service.support, launcher, String(pid)])
      await shows(service, /penalty box/)
    },
  },
  {
    id: 'wrong-domain',
    kind: 'elsewhere',
    severity: 'warning',
    how: 'a service of the desktop’s session is loaded in the background one',
    what: /was installed for gui\/\d+, but is loaded in user\/\d+$/,
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
    provedBy: 'test/managers/launchd/checks/wrong-domain.test.ts',
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
    what: /other users can write to \S+\.plist \(mode 666\)$/,
    break: async (service) => {
      await service.sh('chmod 666 "$1"', [service.plist])
    },
  },
  {
    id: 'plist-permissions',
    kind: 'access',
    severity: 'warning',
    how: 'a property list that belongs to root, as its user sees it',
    provedBy: 'test/managers/launchd/checks/plist-permissions.test.ts',
    what: /\.plist belongs to uid 0, not to \w+$/,
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
    provedBy: 'test/managers/launchd/checks/log-path.test.ts',
    what: /^launchd cannot start ai\.hermes\.gateway-\S+: its log .* belongs to uid 0, not to \w+$/,
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
    id: 'log-size',
    kind: 'large-file',
    severity: 'warning',
    how: 'a log of 150 MB to which launchd appends',
    seenIn: 'test/support/doctor-machine-rows.ts',
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
  {
    id: 'definition-drift',
    kind: 'edited',
    severity: 'warning',
    how: 'the property list edited by hand: ExitTimeOut of 5 s',
    provedBy: 'test/doctor/checks/definition-drift.test.ts',
    what: /\.plist was edited by hand; hermes-svc keeps the edits$/,
    break: async (service) => {
      await service.sh('sed -i "/ExitTimeOut/{n;s/>[0-9]*</>5</}" "$1"', [service.plist], service.actor)
    },
    fix: null,
    cureByHand: async (service) => {
      await service.must('install', ['--force'])
    },
  },
  {
    id: 'duplicate-supervisor',
    kind: 'other-service',
    severity: 'error',
    how: "another tool's agent on the same home",
    seenIn: 'test/integration/doctor-machine.test.ts',
    what: /^my\.bot-\S+ \(user scope\) uses the same home as .*: it starts at boot$/,
    break: async (service) => {
      await service.machine.writeText(rivalOf(service), rivalText(service, `my.bot-${service.profile}`), {user: service.user})
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('rm "$1"', [rivalOf(service)])
    },
  },
  {
    id: 'duplicate-supervisor',
    kind: 'other-scope',
    severity: 'error',
    how: 'a daemon beside the agent',
    provedBy: 'test/doctor/checks/duplicate-supervisor.test.ts',
    what: /\(system scope\) uses the same home as .*: it starts at boot$/,
    break: async (service) => {
      await service.sh('mkdir -p /Library/LaunchDaemons')
      await service.machine.writeText(`/Library/LaunchDaemons/${service.unit}.plist`, rivalText(service, service.unit))
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('rm "/Library/LaunchDaemons/$1.plist"', [service.unit])
    },
  },
  {
    id: 'missing-heartbeat',
    kind: 'off',
    severity: 'warning',
    how: "`launchctl bootout` of the heartbeat's job",
    seenIn: 'test/integration/doctor-state.test.ts',
    what: /^the heartbeat of \S+ does not run: /,
    break: async (service) => {
      const job = `${service.domain}/ai.hermes-svc.heartbeat`
      await service.launchctl('bootout', job)
      await waitFor(async () => (await service.launchctl('print', job)).code !== 0, `the end of ${job}`)
    },
    after: async (service) => {
      // The fix loads it, and it ticks at once.
      const {stdout} = await service.launchctl('print', `${service.domain}/ai.hermes-svc.heartbeat`)
      expect(stdout).toMatch(/^\tlast exit code = 0$/m)
    },
  },
  {
    id: 'leftover-processes',
    kind: 'former',
    severity: 'warning',
    how: 'a gateway is killed, and its child lives on beside the next one',
    seenIn: 'test/integration/doctor-state.test.ts',
    what: /^1 process of an earlier gateway still runs beside the gateway that runs now$/,
    standIn: {sequence: [{fork_children: 1, children_deaf: true}]},
    break: async (service) => {
      const {pid} = await service.status()
      await service.kill('KILL')
      await service.comesUp(pid ?? 0)
      await settle()
    },
  },
]

/** What is a switch of the whole double: one after the other. */
const switchedRows: DoctorRow<LaunchdService>[] = [
  {
    id: 'code-signature',
    kind: 'killed',
    severity: 'error',
    how: 'the program of a loaded job is replaced, and its process killed (macOS 26)',
    provedBy: 'test/managers/launchd/checks/code-signature.test.ts',
    curedAs: 'penalty-box',
    what: /^macOS killed \S+ for its code signature: its program was replaced after launchd had loaded it$/,
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
    id: 'log-path',
    kind: 'silent-78',
    severity: 'error',
    how: 'a log on a disk that launchd may not read: it ends with 78, silently',
    provedBy: 'test/managers/launchd/checks/log-path.test.ts',
    what: /^launchd could not start ai\.hermes\.gateway-\S+: the job ended with 78 before its program ran$/,
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
    id: 'code-signature',
    kind: 'due',
    severity: 'warning',
    how: 'the program of a loaded job is replaced, and its process goes on (macOS 26)',
    provedBy: 'test/managers/launchd/checks/code-signature.test.ts',
    curedAs: 'penalty-box',
    what: /^macOS would kill the next start of \S+ for its code signature: its program was replaced after launchd had loaded it$/,
    break: async (service) => {
      await service.there.config({lwcr: true, lwcrTold: 'changed'})
      await service.sh('touch "$1/hermes-gateway-launcher"', [service.support])
    },
    after: async (service) => {
      await service.there.config({lwcr: false, lwcrTold: 'killed'})
    },
  },
  {
    id: 'log-path',
    kind: 'external',
    severity: 'warning',
    how: 'the folder of the logs is moved to another disk, and linked',
    provedBy: 'test/managers/launchd/checks/log-path.test.ts',
    what: /its log \S+ is not on the system disk, and launchd cannot open it before its disk is mounted$/,
    break: async (service) => {
      await service.sh('mkdir -p /Volumes/extern && mv "$1" /Volumes/extern/logs && ln -s /Volumes/extern/logs "$1"', [logsOf(service)])
    },
    fix: null,
    cureByHand: putLogsBack,
  },
  {
    id: 'log-path',
    kind: 'external',
    severity: 'error',
    how: 'a log on another disk that is not there at a start: it ends with 78, silently',
    provedBy: 'test/managers/launchd/checks/log-path.test.ts',
    what: /its log \S+ is not on the system disk, and launchd cannot open it before its disk is mounted$/,
    break: async (service) => {
      await service.sh('mkdir -p /Volumes/extern && mv "$1" /Volumes/extern/logs && ln -s /Volumes/extern/logs "$1"', [logsOf(service)])
      await service.there.config({externalVolumes: ['/Volumes/extern']})
      const [launcher, {pid}] = [await launcherOf(service), await service.status()]
      await service.sh('kill -9 "$1" "$2" || :', [launcher, String(pid)])
      await shows(service, /last exit code = 78/)
    },
    fix: null,
    cureByHand: async (service) => {
      await service.there.config({externalVolumes: []})
      await putLogsBack(service)
      await service.comesUp()
    },
  },
]

/**
 * Of what is broken under every manager, and seen on a real systemd, that of which launchd or a Mac has a part: processes that ps and lsof
 * tell of, variables in a property list, jobs that are loaded anew. What is found is the same by what test/doctor/darwin.test.ts replays: in a
 * campaign only.
 */
const SEEN_OTHERWISE = new Set(
  inCampaign(
    [
      ...['stale-state pid-recycled', 'stale-token-lock recycled', 'zombie-pid recorded', 'orphan-gateway alone', 'stop-timeout too-short'],
      'interrupted-change temporary-files',
    ],
    [],
  ),
)

const logsOf = ({log}: LaunchdService) => log.slice(0, log.lastIndexOf('/'))

async function putLogsBack(service: LaunchdService): Promise<void> {
  await service.sh('rm "$1" && mv /Volumes/extern/logs "$1"', [logsOf(service)])
}

const rivalOf = ({user, profile}: LaunchdService) => `${user.home}/Library/LaunchAgents/my.bot-${profile}.plist`

/** A property list of another tool's that runs a gateway on the home of a service. */
function rivalText({user, home, profile}: LaunchdService, label: string): string {
  const words = ['/usr/local/bin/hermes', '--profile', profile, 'gateway', 'run'].map((word) => `<string>${word}</string>`)
  return `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
<key>Label</key><string>${label}</string>
<key>UserName</key><string>${user.name}</string>
<key>ProgramArguments</key><array>${words.join('')}</array>
<key>EnvironmentVariables</key><dict><key>HERMES_HOME</key><string>${home}</string></dict>
</dict>
</plist>
`
}

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
  const users = new UserPool()
  beforeAll(async () => {
    // Side by side they need a service each.
    await users.fill(there(), inCampaign(['ann', 'bea', 'cid'], ['ann']))
  })
  const services = new DoctorRows<LaunchdService>((row, user) =>
    LaunchdService.make(there(), user, {...row, kind: row.scope === 'system' ? 'system' : 'gui'}),
  )
  const see = (row: DoctorRow<LaunchdService>) => users.with((user) => services.see(row, user))

  // Together: a row of the one kind may stand for one of the other.
  const all = seen([...rows, ...switchedRows])

  it.concurrent.each(all.filter((row) => rows.includes(row)))(
    'under launchd doctor names $id ($kind) alone, and finds nothing after its cure: $how',
    see,
  )

  it.concurrent.each(
    seen([...homeRows, ...processRows, ...definitionRows, ...interruptedRows]).filter(({id, kind}) => SEEN_OTHERWISE.has(`${id} ${kind}`)),
  )('under launchd as under systemd, doctor names $id ($kind) alone, and finds nothing after its cure: $how', see)

  it.each(all.filter((row) => switchedRows.includes(row)))(
    'under launchd doctor names $id ($kind) alone, and finds nothing after its cure: $how',
    see,
  )

  // As under systemd (doctor-definition-suite.ts).
  itInCampaign('definition-broken program: the launcher is gone, and another one is found', () =>
    users.with(async (user) => {
      const service = await LaunchdService.make(there(), user)
      const program = '.hermes/hermes-agent/venv/bin/hermes'
      await service.sh('cd && install -D -m 755 .hermes/bin/hermes "$1"', [program], {user})
      await service.must('install')
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      await service.sh('cd && rm "$1" && kill -9 "$2"', [program, String((await service.status()).pid)], {user})
      await waitFor(async () => (await service.status()).pid === null, 'the end of the gateway')
      expect((await doctor(service)).findings).toMatchObject([{id: 'definition-broken', kind: 'program', severity: 'error', isSafe: true}])
      const fixed = await service.must('doctor', ['--fix', '--json'])
      expect(fixed.json()).toMatchObject({ok: true, fixes: [{id: 'definition-broken', ok: true}]})
      expect(await service.status()).toMatchObject({actual: 'running', exit: 0})
    }),
  )

  // As under systemd (doctor-definition-suite.ts).
  itInCampaign('interrupted-change half-uninstalled: an uninstall killed near its end is finished', () =>
    users.with(async (user) => {
      const service = await LaunchdService.make(there(), user)
      await service.must('install')
      await service.launchctl('disable', 'TARGET')
      await service.stopByManager()
      await service.sh('rm "$1" "$2"/*.sh "$2/hermes-gateway-launcher"', [service.plist, service.support])
      expect((await doctor(service)).findings).toMatchObject([{id: 'interrupted-change', kind: 'half-uninstalled', severity: 'warning'}])
      await service.must('fix:interrupted-change', ['--yes'])
      expect(await service.lasting()).toEqual([])
      expect((await doctor(service)).findings).toMatchObject([{id: 'not-installed', severity: 'info'}])
    }),
  )

  it('says that it cannot ask about a user without any session, names the session that is gone, and moves the service to the one that is there', () =>
    users.with(async (user) => {
      const service = await LaunchdService.make(there(), user)
      await service.must('install')
      await there().control({control: 'logout', uid: user.uid})
      const was = await there().config({userUids: [0]})
      const {exit, findings} = await doctor(service)
      expect([exit, findings.map(({id, kind, severity}) => [id, kind, severity])]).toEqual([1, [['wrong-domain', 'no-session', 'error']]])
      expect((await service.status()).exit).toBe(4)
      await there().config(was)

      expect((await doctor(service)).findings.map(({id, kind}) => [id, kind])).toEqual([['wrong-domain', 'no-such-session']])
      await service.must('fix:wrong-domain', ['--yes'])
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      expect(await service.status()).toMatchObject({actual: 'running', domain: `user/${user.uid}`})
    }))
})
