import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {LaunchdSwitches} from '../fakes/launchd/double.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {doctor} from '../support/doctor-row.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'

interface Failure {
  readonly error: {readonly code: string; readonly message: string; readonly next: string[]; readonly evidence: string[]}
}

/** What keeps launchd from loading a stopped service, and what must be said of it. All of these can be an error 5. */
interface Refusal {
  readonly how: string
  /** In a campaign alone: another one differs from it in what is found of the file, which test/managers/launchd/failures.test.ts has too. */
  readonly onlyInCampaign?: true
  readonly break: (service: LaunchdService) => Promise<unknown>
  /** The double's codes: the one that says what it is, where there is one. */
  readonly codes: NonNullable<LaunchdSwitches['codes']>
  readonly asFive: NonNullable<LaunchdSwitches['codes']>
  readonly code: string
  readonly what: RegExp
  readonly next: RegExp
}

const refusals: Refusal[] = [
  {
    how: 'the property list is malformed',
    break: (service) => service.sh('printf "<plist><dict><key>Label</key></dict>" >"$1"', [service.plist]),
    codes: {malformed: 109},
    asFive: {malformed: 5},
    code: 'plist-malformed',
    what: /is not a property list$/,
    next: /^plutil -lint '/,
  },
  {
    how: 'the property list belongs to somebody else',
    onlyInCampaign: true,
    break: (service) => service.sh('chown root "$1"', [service.plist]),
    codes: {ownership: 122},
    asFive: {ownership: 5},
    code: 'plist-permissions',
    what: /belongs to uid 0, not to ann$/,
    next: /^sudo chown \d+ '/,
  },
  {
    how: 'others can write the property list',
    onlyInCampaign: true,
    break: (service) => service.sh('chmod 666 "$1"', [service.plist]),
    codes: {ownership: 122},
    asFive: {ownership: 5},
    code: 'plist-permissions',
    what: /other users can write to \S+ \(mode 666\)$/,
    next: /^chmod 644 '/,
  },
  {
    how: 'the property list is for another session',
    onlyInCampaign: true,
    break: (service) => service.sh('sed -i "s/>Aqua</>Background</" "$1"', [service.plist]),
    codes: {sessionType: 134},
    asFive: {sessionType: 5},
    code: 'wrong-domain',
    what: /is for a session of type Background, but this session has the type Aqua$/,
    next: /^hermes-svc install/,
  },
  {
    how: 'its label is another',
    onlyInCampaign: true,
    break: (service) => service.sh('sed -i "s/<string>ai.hermes.gateway-[^<]*</<string></" "$1"', [service.plist]),
    codes: {noLabel: 110},
    asFive: {noLabel: 5},
    code: 'plist-malformed',
    what: /has the label ""$/,
    next: /^hermes-svc install --force/,
  },
]

/**
 * What nobody has seen on a Mac for certain: each choice must make no difference. The defaults are what the other suites have. Choices about different
 * things are made at once.
 */
const OLDER: Partial<LaunchdSwitches> = {
  ...{disabledLayout: 'booleans', idleState: 'waiting', badRequest: false, messageStream: 'stdout', emptyDisabled: 'words'},
  ...{teardownMs: 1500, bootstrapMs: 300, spawnDelayMs: 300, userEnvironment: true},
}
const NEWER: Partial<LaunchdSwitches> = {
  ...{disabledLayout: 'indented', idleState: 'exited', spawningState: 'xpcproxy', badRequestBeforeDomain: true, jobState: false},
  ...{lwcr: true, kickstartThrottled: true, kickstartSignal: 'SIGKILL', processGroupSignal: 'SIGKILL', exitTimeOutClampSec: 60},
}
const CODES: NonNullable<LaunchdSwitches['codes']> = {
  tearingDown: 37,
  bootoutInProgress: 36,
  kickstartRunning: 37,
  killNoProcess: 1,
  bootstrapInProgress: 5,
}

/** In a campaign each of these lives a whole life. */
const VARIANTS: Readonly<Record<string, Partial<LaunchdSwitches>>> = {
  'as older systems speak, with slow teardowns, and bootstraps in flight': OLDER,
  'as macOS 26 speaks, with a kickstart that waits, and kills': {...NEWER, bootoutWait: true, codes: {alreadyLoaded: 17}},
  'with other codes for what is going on': {spawningState: 'spawn scheduled', codes: {...CODES, alreadyLoaded: 37}},
}

/**
 * In `npm test` all of this suite is told in the words of macOS 26, with other codes for what is going on: what older systems say is read by
 * test/managers/launchd/print.test.ts, and the other suites have the defaults.
 */
const WORDS = inCampaign<Partial<LaunchdSwitches>>({}, {...NEWER, codes: {...CODES, alreadyLoaded: 17}})

describeOnLaunchd('what launchd refuses, delays and says in other words', (there) => {
  let ann: Account

  beforeAll(async () => {
    ann = await there().addUser('ann')
    await there().config(WORDS)
  })

  const makeInstalled = async (user: Account = ann) => {
    const service = await LaunchdService.make(there(), user)
    await service.must('install', ['--heartbeat', 'off'])
    return service
  }

  let running: Promise<LaunchdService> | undefined
  /** One that runs, and that each row leaves running. */
  const runningOne = () => (running ??= makeInstalled())

  const withSwitches = async (switches: Partial<LaunchdSwitches>, run: () => Promise<void>) => {
    const was = await there().config(switches)
    try {
      await run()
    } finally {
      await there().config(was)
    }
  }

  describe('of one service', () => {
    let service: LaunchdService
    const kept = () => `${ann.home}/kept.plist`
    beforeAll(async () => {
      service = await makeInstalled()
      await service.must('stop')
      await service.sh('cp -a "$1" "$2"', [service.plist, kept()])
    })

    const seen = refusals.filter(({onlyInCampaign}) => isCampaign || !onlyInCampaign)
    it.each(seen)('says what is wrong, and what to type next, when $how', async (refusal) => {
      await refusal.break(service)
      // What is found of the files is said whatever the code; that 5 is tried again before is the same for all.
      for (const codes of [refusal.codes, refusal.asFive]) {
        await withSwitches({codes}, async () => {
          const failed = await service.run('start', ['--json', '--timeout', '20'])
          expect([codes, failed.code]).toEqual([codes, 1])
          const {error} = failed.json<Failure>()
          expect(error).toMatchObject({code: refusal.code})
          expect(error.message).toMatch(refusal.what)
          expect(error.next[0]).toMatch(refusal.next)
          expect(error.evidence.join('\n')).toContain(`Bootstrap failed: ${Object.values(codes)[0]}: `)
        })
      }
      expect(await service.isLoaded()).toBe(false)
      await service.sh('cp -a "$2" "$1"', [service.plist, kept()])
    })

    it('says where to look when a job is switched off as a login item, and bootstrap says nothing', async () => {
      await withSwitches({loginItemsOff: [service.unit], codes: {loginItemOff: 0}}, async () => {
        const failed = await service.run('start', ['--json', '--timeout', '20'])
        expect(failed.code).toBe(1)
        expect(failed.json<Failure>().error.next.at(-1)).toMatch(/^check System Settings, General, Login Items/)
      })
    })

    it('tries a bootstrap again that comes too soon, and no more often than it must', async () => {
      const stderr = 'Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.\n'
      await there().config({faults: [{verb: 'bootstrap', times: 3, code: 5, stderr}]})
      const after = (await there().log()).length
      await service.must('start')
      expect((await there().log()).slice(after).filter(({event}) => event === 'fault')).toHaveLength(3)
      expect(await service.changes(after)).toEqual(['enable TARGET', 'bootstrap DOMAIN PLIST'])
    })

    it('starts a job in the middle of its teardown', async () => {
      await withSwitches({teardownMs: 2000}, async () => {
        const {pid} = await service.status()
        await service.launchctl('bootout', 'TARGET')
        expect(await service.isLoaded()).toBe(true)
        await service.must('start', ['--timeout', '20'])
        expect((await service.status()).pid).not.toBe(pid)
      })
    })

    it('brings it back after a kill, restarts it, loads a changed definition and uninstalls it all the same', async () => {
      const {pid} = await service.status()
      await service.kill('KILL')
      await service.comesUp(pid ?? 0)
      await service.must('restart')
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      await service.machine.writeText(`${service.home}/.env`, 'HERMES_RESTART_DRAIN_TIMEOUT=900\n', {user: ann})
      await service.must('install')
      // Read as doctor has read it.
      if (isCampaign) expect((await service.must('diff', ['--json'])).json()).toMatchObject({drift: [], needsReload: false})
      await service.must('uninstall')
      expect(await service.lasting()).toEqual([])
    })
  })

  itInCampaign('says that a home on another disk cannot hold an agent', async () => {
    await there().sh('mkdir -p /Volumes/extern')
    const dave = await there().addUser('dave')
    await there().sh('usermod --home /Volumes/extern/dave --move-home dave')
    const moved = {...dave, home: '/Volumes/extern/dave'}
    await withSwitches({externalVolumes: ['/Volumes/extern']}, async () => {
      const service = await LaunchdService.make(there(), moved)
      const failed = await service.run('install', ['--json', '--heartbeat', 'off'])
      expect(failed.code).toBe(1)
      expect(failed.json<Failure>().error).toMatchObject({
        code: 'log-path',
        message: expect.stringContaining('is not on the system disk') as string,
      })
      expect(await service.lasting()).toEqual([])
    })
  })

  itInCampaign('has the former job loaded and running again when launchd does not take the new one', async () => {
    const service = await runningOne()
    const text = await there().machine.readText(service.plist)
    await service.machine.writeText(`${service.home}/.env`, 'HERMES_RESTART_DRAIN_TIMEOUT=900\n', {user: ann})
    await there().config({faults: [{verb: 'bootstrap', code: 109, stderr: 'Bootstrap failed: 109: Invalid property list\n'}]})
    const failed = await service.run('install', ['--json'])
    expect(failed.code).toBe(1)
    expect(failed.json<Failure>().error.message).toContain('Invalid property list')
    await service.comesUp()
    expect(await there().machine.readText(service.plist)).toBe(text)
    await service.sh('rm "$1/.env"', [service.home])
    expect(await doctor(service)).toEqual({exit: 0, findings: []})
  })

  itInCampaign('shows a disable of the user’s, keeps it while nobody asks for a start, and takes it back on one', async () => {
    const service = await runningOne()
    await service.launchctl('disable', 'TARGET')
    expect(await service.status()).toMatchObject({actual: 'running', enabled: false})
    expect((await doctor(service)).findings.map(({id}) => id)).toEqual(['disabled-override'])
    expect((await service.run('doctor', ['--fix'])).code).toBe(1)
    expect(await service.status()).toMatchObject({actual: 'running', enabled: false})
    await service.must('start')
    expect(await service.status()).toMatchObject({exit: 0, actual: 'running', enabled: true})
  })

  itInCampaign('keeps a disable of the user’s when it loads a job anew that was disabled', async () => {
    const service = await runningOne()
    await service.must('install', ['--heartbeat', 'on', '--heartbeat-interval', '50'])
    const heartbeat = `${service.domain}/ai.hermes-svc.heartbeat`
    await service.launchctl('disable', heartbeat)
    const after = (await there().log()).length
    await service.must('install', ['--heartbeat-interval', '40'])
    const changes = (await there().log()).slice(after).flatMap((one) => (one.event === 'launchctl' ? [one.argv] : []))
    expect(changes.filter((argv) => argv.at(-1)?.includes('heartbeat') && argv[0] !== 'print').map(([verb]) => verb)).toEqual([
      'bootout',
      'enable',
      'bootstrap',
      'disable',
    ])
    expect((await service.launchctl('print', heartbeat)).stdout).toContain('run interval = 40 seconds')
    expect((await service.launchctl('print-disabled', service.domain)).stdout).toContain('"ai.hermes-svc.heartbeat" => disabled')
    await service.launchctl('enable', heartbeat)
    await service.must('install', ['--heartbeat', 'off'])
  })

  itInCampaign('cannot tell, and says so, when launchctl dies or says what nobody understands', async () => {
    const service = await runningOne()
    await there().config({faults: [{verb: 'print', signal: 'SIGABRT'}]})
    expect((await service.status()).exit).toBe(4)
    await there().config({faults: [{verb: 'print', stdout: `${service.target} = {\n\tstate = napping\n}\n`}]})
    expect((await service.status()).exit).toBe(4)
    expect(await service.status()).toMatchObject({exit: 0, actual: 'running'})
  })

  itInCampaign('never has a service of root’s in a session of root’s', async () => {
    await there().sh('mkdir -p /root/.hermes')
    const asked = await there().machine.exec(['/opt/hermes-svc/node', '/opt/hermes-svc/package/bin/hermes-svc.cjs', 'install'].concat(ROOT))
    expect(asked.code).toBe(2)
    expect(asked.stderr).toContain('root has no session of its own under launchd, so it cannot have services in user scope')
    expect((await there().log()).filter((one) => one.event === 'launchctl' && one.argv.some((word) => word.startsWith('gui/0')))).toEqual(
      [],
    )
  })

  describe.each(isCampaign ? Object.entries(VARIANTS) : [])('launchd %s', (_name, switches) => {
    it('installs, brings back, restarts, stops, starts and uninstalls all the same', async () => {
      await withSwitches(switches, async () => {
        const service = await makeInstalled()
        const {pid} = await service.status()
        await service.sh('kill -9 "$1"', [String(pid)])
        await service.comesUp(pid ?? 0)
        await service.must('restart')
        expect((await service.must('doctor', ['--json'])).json()).toMatchObject({services: [{findings: []}]})
        await service.must('stop')
        expect(await service.status()).toMatchObject({exit: 3, actual: 'stopped', enabled: false})
        await service.must('start')
        expect(await service.status()).toMatchObject({exit: 0, actual: 'running', enabled: true})
        await service.machine.writeText(`${service.home}/.env`, 'HERMES_RESTART_DRAIN_TIMEOUT=900\n', {user: ann})
        await service.must('install')
        expect((await service.must('diff', ['--json'])).json()).toMatchObject({drift: [], needsReload: false})
        await service.must('uninstall')
        expect(await service.lasting()).toEqual([])
      })
    })
  })
})

const ROOT = ['--manager', 'launchd', '--scope', 'user']
