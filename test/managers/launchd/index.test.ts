import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {currentFile} from '../../../src/host/log-file.js'
import {ServiceError} from '../../../src/errors.js'
import {launchdManager} from '../../fakes/managers.js'
import type {ManagerObservation} from '../../../src/managers/manager.js'
import {parseSettings} from '../../../src/service/settings.js'
import {FakeHost, USER} from '../../fakes/fake-host.js'
import {AGENT, FakeLaunchd, LABEL, LAUNCHD_SERVICE, STATE, SUPPORT} from '../../fakes/fake-launchd.js'
import {SETTINGS} from '../../fakes/settings.js'

const GUI = `gui/1000/${LABEL}`
const SSH = `user/1000/${LABEL}`
const LOG = `/home/user/Library/Logs/hermes-svc/${LABEL}.log`

/** A machine on which the service was installed; loaded and running unless it is said otherwise. */
async function installed({
  isLoaded = true,
  environment = {},
}: {
  isLoaded?: boolean
  environment?: Record<string, string>
} = {}): Promise<FakeLaunchd> {
  const launchd = new FakeLaunchd()
  launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, SETTINGS, new Map(Object.entries(environment))))
  if (isLoaded) launchd.load(GUI)
  return launchd
}

function observed(launchd: FakeLaunchd): ManagerObservation {
  const [seen] = launchd.manager.observer.observe([LAUNCHD_SERVICE])
  if (!seen) throw new Error('nothing was observed')
  return seen
}

function refusal(work: () => unknown): ServiceError {
  try {
    work()
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
  throw new Error('it was not refused')
}

describe('an observation', () => {
  it('of what is nowhere is that it is not installed', () => {
    const launchd = new FakeLaunchd()
    expect(observed(launchd)).toMatchObject({installed: 'no', activity: 'stopped', mainPid: undefined, definitionPaths: []})
    expect(observed(launchd)).toEqual(launchd.manager.observer.notInstalled(LAUNCHD_SERVICE))
  })

  it('of a running service names the gateway, not the launcher', async () => {
    const launchd = await installed()
    expect(observed(launchd)).toMatchObject({
      installed: 'own',
      activity: 'running',
      mainPid: 501,
      enabled: true,
      needsReload: false,
      home: '/home/user/.hermes',
      definitionPaths: [AGENT],
      directives: {domain: 'gui/1000', ProgramArguments: JSON.stringify([`${SUPPORT}/hermes-gateway-launcher`, STATE])},
    })
    expect(observed(launchd).startedAtMs).toBe(launchd.host.monotonicMs() - 65_000)
  })

  it('finds the gateway where its record names a process further down', async () => {
    const launchd = await installed()
    const {gateway} = launchd.comesUp(GUI)
    launchd.host.put('/home/user/.hermes/gateway.pid', String(gateway))
    launchd.host.put(`${STATE}/gateway`, '1 1\n')
    expect(observed(launchd).mainPid).toBe(gateway)
  })

  it('takes no process for the gateway that the launcher did not start', async () => {
    const launchd = await installed()
    launchd.host.put(`${STATE}/gateway`, '1 1\n')
    launchd.host.put('/home/user/.hermes/gateway.pid', '1')
    expect(observed(launchd)).toMatchObject({mainPid: undefined, activity: 'starting'})
  })

  it('tells a launcher that waits after failures', async () => {
    const launchd = await installed()
    launchd.gatewayEnds(GUI)
    launchd.host.put(`${STATE}/failures`, '3\n')
    launchd.host.put(`${STATE}/restarts`, '7\n')
    launchd.host.put(`${STATE}/ended`, 'killed 9\n')
    expect(observed(launchd)).toMatchObject({
      activity: 'waiting',
      mainPid: undefined,
      failuresInARow: 3,
      restarts: 7,
      lastExit: {how: 'killed', status: 9},
    })
  })

  it('tells a stop that is under way', async () => {
    const launchd = await installed()
    launchd.host.put(`${STATE}/stopping`, '501\n')
    expect(observed(launchd).activity).toBe('stopping')
  })

  it.each([
    ['not running', 'exited 0', 'stopped'],
    ['not running', 'exited 78', 'failed'],
    ['spawn scheduled', 'killed 9', 'waiting'],
    ['SIGTERMed', 'exited 0', 'stopping'],
    ['spawn failed', 'exited 0', 'failed'],
  ])('takes "%s" after "%s" for %s', async (state, ended, activity) => {
    const launchd = await installed()
    launchd.ends(GUI)
    Object.assign(launchd.jobs.get(GUI) ?? {}, {state})
    launchd.host.put(`${STATE}/ended`, ended)
    expect(observed(launchd).activity).toBe(activity)
  })

  it('takes a job in the penalty box for failed', async () => {
    const launchd = await installed()
    launchd.ends(GUI)
    Object.assign(launchd.jobs.get(GUI) ?? {}, {state: 'spawn scheduled', properties: 'keepalive | penalty box'})
    expect(observed(launchd).activity).toBe('failed')
  })

  it('of a job that is loaded nowhere is that it is stopped', async () => {
    const launchd = await installed({isLoaded: false})
    expect(observed(launchd)).toMatchObject({installed: 'own', activity: 'stopped', enabled: true, needsReload: false})
  })

  it('finds a job in the session without a desktop', async () => {
    const launchd = await installed({isLoaded: false})
    launchd.load(SSH)
    expect(observed(launchd)).toMatchObject({activity: 'running', directives: {domain: 'user/1000'}})
  })

  it('sees that a changed definition is not what launchd goes by', async () => {
    const launchd = await installed()
    launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, {...SETTINGS, drainSec: 900}, new Map()))
    expect(observed(launchd).needsReload).toBe(true)
  })

  it('shows a disable', async () => {
    const launchd = await installed()
    launchd.disabled.add(LABEL)
    expect(observed(launchd).enabled).toBe(false)
  })

  it('cannot tell whether it is disabled where that text is not understood', async () => {
    const launchd = await installed()
    launchd.answers.set('print-disabled', {stdout: 'disabled services = {\n\t"x" => perhaps\n}\n'})
    expect(observed(launchd).enabled).toBeUndefined()
  })

  it.each([
    ['a text that is not understood', {stdout: 'ai.hermes.gateway: all is well\n'}],
    ['no answer in time', {code: null, failure: 'TIMEOUT'}],
    ['a launchctl that was killed', {code: null, signal: 'SIGKILL' as const}],
    ['a status that is not known', {code: 99}],
  ])('cannot be told from %s', async (_, answer) => {
    const launchd = await installed()
    launchd.answers.set('print', answer)
    expect(refusal(() => observed(launchd)).exitStatus).toBe(4)
  })

  it('cannot be told where the account has no session', async () => {
    const launchd = await installed({isLoaded: false})
    launchd.domains.clear()
    expect(refusal(() => observed(launchd))).toMatchObject({exitStatus: 4, code: 'no-user-manager'})
  })

  it("of another tool's job is that it is foreign, and its wrapper's child is the gateway", () => {
    const launchd = new FakeLaunchd({
      [AGENT]: '<plist version="1.0"><dict><key>Label</key><string>ai.hermes.gateway</string></dict></plist>',
    })
    launchd.load(GUI)
    const {launcher, gateway} = launchd.comesUp(GUI)
    expect(observed(launchd)).toMatchObject({installed: 'foreign', mainPid: launcher, home: '/home/user/.hermes'})
    launchd.host.put('/home/user/.hermes/gateway.pid', String(gateway))
    expect(observed(launchd).mainPid).toBe(gateway)
  })

  it('of a job whose definition is gone says where that was', async () => {
    const launchd = await installed()
    launchd.host.drop(AGENT)
    expect(observed(launchd)).toMatchObject({installed: 'own', activity: 'running', definitionPaths: [expect.stringContaining('.plist')]})
  })
})

describe('the account', () => {
  it('is never root in user scope, not even under sudo', () => {
    const root = {uid: 0, gid: 0, name: 'root', home: '/root'}
    const host = new FakeHost({account: root})
    const error = refusal(() => launchdManager(host, 'user', root).observer.observe([{...LAUNCHD_SERVICE, account: root}]))
    expect(error.exitStatus).toBe(2)
    expect(error.message).toContain('root')
  })

  it('of a daemon is the one that its property list names, and root where it names none', () => {
    const daemon = (user: string) => `<plist version="1.0"><dict>${user}</dict></plist>`
    const of = (text: string) => {
      const host = new FakeHost({files: {'/Library/LaunchDaemons/ai.hermes.gateway.plist': text}})
      return launchdManager(host, 'system', USER).placement.defaultAccount('default')?.name
    }
    expect(of(daemon('<key>UserName</key><string>user</string>'))).toBe('user')
    expect(of(daemon(''))).toBe('root')
    expect(launchdManager(new FakeHost(), 'system', USER).placement.defaultAccount('default')).toBeUndefined()
  })
})

describe('a definition', () => {
  it('records the domain that was found by looking', async () => {
    const launchd = await installed()
    expect(parseSettings(launchd.host.texts()[`${SUPPORT}/settings.json`])?.domain).toBe('gui')
    expect(launchd.host.texts()[AGENT]).toContain('<string>Aqua</string>')
  })

  it('is one for the session without a desktop where there is no other, and stays so', async () => {
    const launchd = new FakeLaunchd()
    launchd.domains.delete('gui/1000')
    launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, SETTINGS, new Map()))
    const text = launchd.host.texts()[AGENT]
    expect(text).toContain('<string>Background</string>')
    launchd.domains.add('gui/1000')
    launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, SETTINGS, new Map()))
    expect(launchd.host.texts()[AGENT]).toBe(text)
  })

  it("of another tool's is left alone", async () => {
    const launchd = new FakeLaunchd({[AGENT]: '<plist version="1.0"><dict/></plist>'})
    await expect(launchd.manager.definition.render(LAUNCHD_SERVICE, SETTINGS, new Map())).rejects.toMatchObject({
      code: 'foreign-definition',
    })
  })

  it('carries the values of the environment, and reads them again', async () => {
    const values = {TOKEN: 'a "b"\n\\0134 $x `y`\u2028', EMPTY: ''}
    const launchd = await installed({environment: values})
    expect(Object.fromEntries(launchd.manager.definition.readEnvironment(LAUNCHD_SERVICE))).toEqual(values)
    expect(launchd.host.texts()[AGENT]).not.toContain('TOKEN')
    expect(launchd.host.stat(`${SUPPORT}/gateway.env`)?.mode).toBe(0o600)
  })

  it('has no drift as it was written, and shows what was changed', async () => {
    const launchd = await installed()
    expect(launchd.manager.definition.drift(observed(launchd), SETTINGS)).toEqual([])
    launchd.host.put(AGENT, (launchd.host.texts()[AGENT] ?? '').replace('<false/>', '<true/>').replace('>Aqua<', '>Background<'))
    expect(launchd.manager.definition.drift(observed(launchd), SETTINGS)).toEqual([
      {directive: 'KeepAlive', wanted: '{"SuccessfulExit":false}', merged: '{"SuccessfulExit":true}', setBy: AGENT},
      {directive: 'LimitLoadToSessionType', wanted: 'Aqua', merged: 'Background', setBy: AGENT},
    ])
  })
})

describe('start', () => {
  it('loads the job, and does nothing to one that runs', async () => {
    const launchd = await installed({isLoaded: false})
    await launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`bootstrap gui/1000 ${AGENT}`])
    expect(observed(launchd).activity).toBe('running')
    await launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))
    expect(launchd.changes).toHaveLength(1)
  })

  it('kicks a job that is loaded and has ended', async () => {
    const launchd = await installed()
    launchd.ends(GUI)
    await launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`kickstart ${GUI}`])
  })

  it('unloads and loads a job whose definition was changed, or edited by hand', async () => {
    for (const change of ['drain', 'edit']) {
      const launchd = await installed()
      launchd.ends(GUI)
      if (change === 'edit') launchd.host.put(AGENT, (launchd.host.texts()[AGENT] ?? '').replace('<integer>63<', '<integer>18<'))
      else launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, {...SETTINGS, drainSec: 900}, new Map()))
      await launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))
      expect(launchd.changes, change).toEqual([`bootout ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
      expect(launchd.jobs.get(GUI)?.text).toBe(launchd.host.texts()[AGENT])
    }
  })

  it('moves a job that is loaded in the wrong domain', async () => {
    const launchd = await installed({isLoaded: false})
    launchd.load(SSH)
    launchd.ends(SSH)
    await launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`bootout ${SSH}`, `bootstrap gui/1000 ${AGENT}`])
  })

  it('forgets earlier failures, and a stop that was recorded', async () => {
    const launchd = await installed({isLoaded: false})
    for (const name of ['failures', 'restarts', 'stop']) launchd.host.put(`${STATE}/${name}`, '1')
    await launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))
    expect(Object.keys(launchd.host.texts()).filter((file) => /\/(failures|restarts|stop)$/.test(file))).toEqual([])
  })

  it('keeps a disable that it needs to lift for a moment', async () => {
    const launchd = await installed({isLoaded: false})
    launchd.disabled.add(LABEL)
    await launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`enable ${GUI}`, `bootstrap gui/1000 ${AGENT}`, `disable ${GUI}`])
    expect(observed(launchd)).toMatchObject({activity: 'running', enabled: false})
  })

  it('tries again while launchd is not ready', async () => {
    const launchd = await installed({isLoaded: false})
    launchd.failedLoads = 3
    await launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))
    expect(launchd.changes).toHaveLength(4)
  })

  it('gives up in the end, with what launchd said', async () => {
    const launchd = await installed({isLoaded: false})
    launchd.failedLoads = Infinity
    await expect(launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))).rejects.toThrow('Bootstrap failed: 5: Input/output error')
    expect(launchd.changes.length).toBeGreaterThan(10)
    expect(launchd.changes.length).toBeLessThan(100)
  })

  it('gives up at once where the cause is known, and disables again what it enabled', async () => {
    const launchd = await installed({isLoaded: false})
    launchd.disabled.add(LABEL)
    launchd.failedLoads = Infinity
    launchd.host.put(AGENT, {text: launchd.host.texts()[AGENT] ?? '', mode: 0o666})
    await expect(launchd.apply(launchd.manager.control.start(LAUNCHD_SERVICE))).rejects.toMatchObject({code: 'plist-permissions'})
    expect(launchd.changes).toEqual([`enable ${GUI}`, `bootstrap gui/1000 ${AGENT}`, `disable ${GUI}`])
  })
})

describe('stop', () => {
  it('has the launcher end for good, and settle unloads it', async () => {
    const launchd = await installed()
    const before = observed(launchd).mainPid
    await launchd.apply(launchd.manager.control.stop(LAUNCHD_SERVICE))
    expect(launchd.host.stat(`${STATE}/stop`)).toBeDefined()
    expect(observed(launchd)).toMatchObject({mainPid: undefined})
    await launchd.apply(launchd.manager.control.settle(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`kill SIGTERM ${GUI}`, `bootout ${GUI}`])
    expect(observed(launchd)).toMatchObject({activity: 'stopped', installed: 'own'})
    expect(launchd.host.stat(`${STATE}/stop`)).toBeUndefined()
    expect(before).toBeDefined()
  })

  it('is still under way while the gateway drains, and settle leaves it alone', async () => {
    const launchd = await installed()
    launchd.onTerm = () => undefined
    await launchd.apply(launchd.manager.control.stop(LAUNCHD_SERVICE))
    expect(observed(launchd).activity).toBe('stopping')
    await launchd.apply(launchd.manager.control.settle(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`kill SIGTERM ${GUI}`])
  })

  it('unloads a job that launchd is about to start again', async () => {
    const launchd = await installed()
    launchd.ends(GUI)
    Object.assign(launchd.jobs.get(GUI) ?? {}, {state: 'spawn scheduled'})
    await launchd.apply(launchd.manager.control.stop(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`bootout ${GUI}`])
  })

  it("unloads another tool's job, whose process would be started again", async () => {
    const launchd = new FakeLaunchd({[AGENT]: '<plist version="1.0"><dict/></plist>'})
    launchd.load(GUI)
    await launchd.apply(launchd.manager.control.stop(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`bootout ${GUI}`])
  })

  it('does nothing to what is not loaded', async () => {
    const launchd = await installed({isLoaded: false})
    await launchd.apply([...launchd.manager.control.stop(LAUNCHD_SERVICE), ...launchd.manager.control.settle(LAUNCHD_SERVICE)])
    expect(launchd.changes).toEqual([])
  })

  it('says it if launchd does not let it', async () => {
    const launchd = await installed()
    launchd.answers.set('kill', {code: 1, stderr: 'Not privileged to signal service.\n'})
    launchd.answers.set('bootout', {code: 1, stderr: 'Boot-out failed: 1: Operation not permitted\n'})
    await expect(launchd.apply(launchd.manager.control.stop(LAUNCHD_SERVICE))).rejects.toMatchObject({code: 'manager-denied'})
  })
})

describe('restart', () => {
  it('ends the gateway in good order, then starts the job again', async () => {
    const launchd = await installed()
    const before = observed(launchd).mainPid
    await launchd.apply(launchd.manager.control.restart(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`kill SIGTERM ${GUI}`, `kickstart -k ${GUI}`])
    expect(observed(launchd).mainPid).not.toBe(before)
    expect(observed(launchd).activity).toBe('running')
  })

  it('kills a launcher that does not end', async () => {
    const launchd = await installed()
    launchd.onTerm = () => undefined
    await launchd.apply(launchd.manager.control.restart(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`kill SIGTERM ${GUI}`, `kickstart -k ${GUI}`])
    expect(observed(launchd).activity).toBe('running')
  })

  it('loads a changed definition, and waits until launchd has forgotten the old one', async () => {
    const launchd = await installed()
    launchd.teardownLooks = 20
    launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, {...SETTINGS, drainSec: 900}, new Map()))
    await launchd.apply(launchd.manager.control.restart(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`kill SIGTERM ${GUI}`, `bootout ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
    expect(observed(launchd)).toMatchObject({activity: 'running', needsReload: false})
  })

  it('gives up on a job that launchd does not forget', async () => {
    const launchd = await installed()
    launchd.teardownLooks = Infinity
    launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, {...SETTINGS, drainSec: 900}, new Map()))
    await expect(launchd.apply(launchd.manager.control.restart(LAUNCHD_SERVICE))).rejects.toThrow('still knows')
  })

  it('loads a job that is not loaded', async () => {
    const launchd = await installed({isLoaded: false})
    await launchd.apply(launchd.manager.control.restart(LAUNCHD_SERVICE))
    expect(launchd.changes).toEqual([`bootstrap gui/1000 ${AGENT}`])
  })
})

describe('abort', () => {
  it('kills the gateway, and waits until its job is gone', async () => {
    const launchd = await installed()
    const pid = observed(launchd).mainPid
    await launchd.apply(launchd.manager.control.abort(LAUNCHD_SERVICE))
    expect(launchd.host.changes).toContainEqual({kind: 'signal', pid, signal: 'SIGKILL', as: 'user'})
    expect(launchd.changes).toEqual([`bootout ${GUI}`])
    expect(launchd.jobs.size).toBe(0)
  })
})

describe('enable and disable', () => {
  it('are records of launchd, for the domain of the service', async () => {
    const launchd = await installed()
    await launchd.apply([...launchd.manager.control.disable(LAUNCHD_SERVICE), ...launchd.manager.control.enable(LAUNCHD_SERVICE)])
    expect(launchd.changes).toEqual([`disable ${GUI}`, `enable ${GUI}`])
  })
})

describe('an uninstall', () => {
  it('leaves nothing of ours, whatever a stop has left in between', async () => {
    const launchd = await installed({environment: {A: '1'}})
    launchd.host.put(LOG, 'x')
    launchd.host.put(`${LOG}.1`, 'x')
    const steps = launchd.manager.installer.removeSteps(observed(launchd))
    await launchd.apply(launchd.manager.control.stop(LAUNCHD_SERVICE))
    await launchd.apply(launchd.manager.control.settle(LAUNCHD_SERVICE))
    launchd.host.put(`${STATE}/ended`, 'exited 0')
    await launchd.apply(steps)
    expect(Object.keys(launchd.host.texts()).filter((file) => file.startsWith('/home/user/Library'))).toEqual([])
    expect(launchd.manager.installer.traces(LAUNCHD_SERVICE)).toEqual([])
  })

  it("leaves another tool's property list", () => {
    const launchd = new FakeLaunchd({[AGENT]: '<plist version="1.0"><dict/></plist>'})
    expect(launchd.manager.installer.removeSteps(observed(launchd))).toEqual([])
  })

  it('names what is left', async () => {
    const launchd = await installed()
    expect(launchd.manager.installer.traces(LAUNCHD_SERVICE)).toEqual(
      expect.arrayContaining([AGENT, SUPPORT, `gui/1000 still knows ${LABEL} (running)`]),
    )
  })
})

describe('the log', () => {
  it('is a file, with those that were shortened beside it, and the times that were printed', () => {
    const [log] = new FakeLaunchd().manager.logs.of([LAUNCHD_SERVICE])
    if (log?.kind !== 'files') throw new Error('it is no file')
    expect(currentFile(log.log)).toBe(LOG)
    const name = path.basename(LOG)
    expect(log.log.former([name, `${name}.1`, `${name}.10`, `${name}.2`, `${name}.gz`, 'other.1'])).toEqual([
      `${name}.10`,
      `${name}.2`,
      `${name}.1`,
    ])
    expect(log.lineOf('WARNING gateway.run: a', 0)).toEqual({timeMs: undefined, text: 'WARNING gateway.run: a', isManagers: false})
    const stamped = log.lineOf('2026-11-29 14:01:02,345 WARNING gateway.run: a', Date.now())
    expect(stamped).toEqual({timeMs: new Date(2026, 10, 29, 14, 1, 2, 345).getTime(), text: 'WARNING gateway.run: a', isManagers: false})
  })
})

describe('the folders of a daemon', () => {
  it('are root’s, but for its memory and its log', async () => {
    const root = {uid: 0, gid: 0, name: 'root', home: '/root'}
    const launchd = new FakeLaunchd({}, {scope: 'system', asker: root})
    await launchd.apply(launchd.manager.installer.folderSteps(LAUNCHD_SERVICE).filter((step) => step.kind !== 'run'))
    const given = launchd.manager.installer
      .folderSteps(LAUNCHD_SERVICE)
      .flatMap((step) => (step.kind === 'run' ? [step.argv.join(' ')] : []))
    expect(given).toEqual([
      `chown -h 1000:1000 /Library/Application Support/hermes-svc/${LABEL}/state`,
      `chown -h 1000:1000 /Library/Logs/hermes-svc/${LABEL}.log`,
    ])
    expect(launchd.host.stat(`/Library/Logs/hermes-svc/${LABEL}.log`)?.mode).toBe(0o600)
  })
})
