import {describe, expect, it} from 'vitest'
import {isInsideGateway} from '../../src/lifecycle/inside.js'
import {isOfService} from '../../src/observe/membership.js'
import {observe} from '../../src/observe/look.js'
import {isStillThere, signalGateway, writePlannedStop} from '../../src/gateway/signal-gateway.js'
import type {Target} from '../../src/observe/where.js'
import {tickAll} from '../../src/tick/tick-all.js'
import {tickPlaces} from '../../src/managers/launchd/paths.js'
import {bootId} from '../../src/service/desired-state.js'
import {findLastingNode} from '../../src/service/lasting-node.js'
import {formatSettings} from '../../src/service/settings.js'
import {USER} from '../fakes/fake-host.js'
import {FakeMac} from '../fakes/fake-darwin.js'
import {FakeLaunchd, LABEL, LAUNCHD_SERVICE, STATE, SUPPORT} from '../fakes/fake-launchd.js'
import {SETTINGS} from '../fakes/settings.js'

const GUI = `gui/1000/${LABEL}`
const HOME = '/home/user/.hermes'
const LOCK = {3: {path: `${HOME}/gateway.lock`}}
const ENV = {HERMES_HOME: HOME}

/** A Mac with a service that runs. */
async function running(): Promise<{launchd: FakeLaunchd; target: Target; launcher: number; gateway: number}> {
  const launchd = new FakeLaunchd()
  launchd.put(await launchd.manager.definition.render(LAUNCHD_SERVICE, SETTINGS, new Map()))
  launchd.leavesRecords = true
  launchd.load(GUI)
  const {host, manager} = launchd
  const launcher = launchd.jobs.get(GUI)?.pid ?? 0
  return {launchd, target: {host, userHost: host, manager, service: LAUNCHD_SERVICE, homeFlag: 'home'}, launcher, gateway: launcher + 1}
}

/** Another gateway takes the lock and the records of the home. */
function takesOver({host, seen}: FakeLaunchd, pid: number, parentPid: number): void {
  for (const [other, process] of seen.all) seen.all.set(other, {...process, open: {}})
  const startTime = Math.round(host.nowMs() / 10)
  seen.add({pid, parentPid, startTime, env: ENV, open: LOCK})
  host.setAlive(pid, true)
  const record = JSON.stringify({pid, start_time: startTime})
  for (const name of ['gateway.pid', 'gateway.lock']) host.put(`${HOME}/${name}`, record)
}

describe('a process of a service', () => {
  const service = {mainPid: 10, launcherPid: undefined, controlGroup: '/a.service'}
  const process = (pid: number, cgroup?: string) => ({pid, cgroup})
  const asked = (): number[] => {
    throw new Error('asked for ancestors')
  }

  it('is one of its control group, where there are such groups', () => {
    expect(isOfService(service, process(10), asked)).toBe(true)
    expect(isOfService(service, process(11, '/a.service/sub'), asked)).toBe(true)
    expect(isOfService(service, process(11, '/a.service2'), asked)).toBe(false)
    expect(isOfService(service, process(11), asked)).toBeUndefined()
    expect(isOfService({...service, controlGroup: undefined}, process(11, '/a.service'), asked)).toBe(false)
  })

  it('is one that its launcher has started, where there are none', () => {
    const launched = {mainPid: 10, launcherPid: 9, controlGroup: undefined}
    expect(isOfService(launched, process(12), () => [11, 9, 1])).toBe(true)
    expect(isOfService(launched, process(12), () => [11, 1])).toBe(false)
    expect(isOfService(launched, process(9), () => [1])).toBe(true)
  })
})

describe('a gateway under launchd on macOS', () => {
  it("is supervised if it is the launcher's, however far down", async () => {
    const {launchd, target, gateway, launcher} = await running()
    expect(observe(target)).toMatchObject({supervised: true, verdict: {state: 'alive', pid: gateway}, manager: {launcherPid: launcher}})
    takesOver(launchd, 900, gateway)
    expect(observe(target)).toMatchObject({supervised: true, verdict: {pid: 900}})
  })

  it('is not supervised if a shell has started it', async () => {
    const {launchd, target} = await running()
    takesOver(launchd, 900, 1)
    expect(observe(target)).toMatchObject({supervised: false, verdict: {state: 'alive', pid: 900}})
  })

  it('is signalled only as the process that was seen', async () => {
    const {launchd, target, gateway} = await running()
    const seen = observe(target).gateway.processes.get(gateway)
    if (!seen) throw new Error('it was not seen')
    expect(isStillThere(target, seen)).toBe(true)
    expect(signalGateway(target, {...seen, startTime: seen.startTime - 100}, 'SIGTERM')).toBe(false)
    expect(signalGateway(target, seen, 'SIGTERM')).toBe(true)
    takesOver(launchd, 900, 1)
    expect(signalGateway(target, seen, 'SIGTERM')).toBe(false)
  })

  it('is told of a stop by its own start time, or by none', async () => {
    const {launchd, target, gateway} = await running()
    const {host} = launchd
    const startTime = Math.round(host.nowMs() / 10) + 87
    const marker = () => JSON.parse(host.readText(`${HOME}/.gateway-planned-stop.json`) ?? '') as Record<string, unknown>
    const process = {pid: gateway, startTime: startTime - 87, startSlack: 200}
    host.put(`${HOME}/gateway.pid`, JSON.stringify({pid: gateway, start_time: startTime}))
    writePlannedStop(target, process)
    expect(marker()).toMatchObject({target_pid: gateway, target_start_time: startTime})
    for (const record of [{pid: gateway}, {pid: 1, start_time: startTime}, {pid: gateway, start_time: startTime + 9000}]) {
      host.put(`${HOME}/gateway.pid`, JSON.stringify(record))
      writePlannedStop(target, process)
      expect(marker()).toMatchObject({target_pid: gateway, target_start_time: null})
    }
  })
})

describe('a command on macOS', () => {
  it('runs inside the gateway that is among its ancestors', () => {
    const mac = new FakeMac({pid: 80}, [
      {pid: 1, parentPid: 0},
      {pid: 77, parentPid: 1},
      {pid: 79, parentPid: 77},
      {pid: 80, parentPid: 79},
    ])
    expect([80, 79, 77, 78, 1].map((pid) => isInsideGateway(mac, pid))).toEqual([true, true, true, false, false])
  })

  it('tells one boot from another', () => {
    const mac = new FakeMac()
    expect(bootId(mac)).toBe(mac.processes.bootSession)
    mac.processes.bootSession = ''
    expect(bootId(mac)).toBeUndefined()
  })

  it("finds Homebrew's node by the link that lasts", () => {
    const cellar = '/opt/homebrew/Cellar/node/22.1.0/bin/node'
    const brewed = {uid: USER.uid, gid: 80}
    const folders = ['/opt/homebrew', '/opt/homebrew/Cellar', cellar.replace('/bin/node', '/bin')]
    const files = {
      ...Object.fromEntries(folders.map((folder) => [folder, {folder: true as const, mode: 0o775, ...brewed}])),
      [cellar]: {mode: 0o755, ...brewed},
      '/opt/homebrew/bin/node': {link: cellar},
    }
    expect(findLastingNode(new FakeMac({nodePath: cellar, files}), USER)).toBe('/opt/homebrew/bin/node')
    const probe = {argv: ['/opt/homebrew/bin/node', '--version'], stdout: 'v22.1.0\n'}
    expect(findLastingNode(new FakeMac({nodePath: '/private/tmp/node', files, commands: [probe]}), USER)).toBe('/opt/homebrew/bin/node')
  })
})

describe('the watchdog on macOS', () => {
  const tick = ({host}: FakeLaunchd) => tickAll(host, tickPlaces(host, SUPPORT.slice(0, SUPPORT.lastIndexOf('/'))))

  async function wedged(): Promise<Awaited<ReturnType<typeof running>>> {
    const machine = await running()
    const {launchd, gateway} = machine
    const settings = {...SETTINGS, account: USER.name, heartbeat: {...SETTINGS.heartbeat, enabled: true, watchdogTicks: 2}}
    launchd.host.put(`${SUPPORT}/settings.json`, formatSettings(settings))
    const process = launchd.seen.all.get(gateway)
    if (process) launchd.seen.add({...process, state: 'T'})
    await launchd.host.sleep(60_000)
    return machine
  }

  it('kills a wedged gateway of the launcher', async () => {
    const {launchd, gateway} = await wedged()
    const signal = launchd.host.signal.bind(launchd.host)
    launchd.host.signal = (pid, name) => {
      const isThere = signal(pid, name)
      if (name === 'SIGKILL') launchd.gatewayEnds(GUI)
      return isThere
    }
    expect(await tick(launchd)).toEqual([])
    expect(await tick(launchd)).toEqual([{failed: false, text: expect.stringContaining(`(pid ${gateway})`) as string}])
    expect(launchd.host.changes).toContainEqual({kind: 'signal', pid: gateway, signal: 'SIGKILL', as: 'user'})
  })

  it.each<[string, (launchd: FakeLaunchd, gateway: number) => void]>([
    ['whose launcher was killed', ({seen}, gateway) => seen.add({...seen.all.get(gateway), pid: gateway, parentPid: 1})],
    ['that the launcher has not started', ({host}) => host.put(`${STATE}/gateway`, '1 1\n')],
    ['where the launcher has none', ({host}) => host.drop(`${STATE}/gateway`)],
  ])('leaves one alone %s', async (_, prepare) => {
    const {launchd, gateway} = await wedged()
    prepare(launchd, gateway)
    await tick(launchd)
    expect((await tick(launchd))[0]?.text).toContain('outside its service')
    expect(launchd.host.changes.filter(({kind}) => kind === 'signal')).toEqual([])
  })
})
