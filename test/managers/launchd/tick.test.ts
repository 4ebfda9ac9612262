import {describe, expect, it} from 'vitest'
import {isOwn, parsePlist} from '../../../src/managers/launchd/plist.js'
import type {Step} from '../../../src/plan/plan.js'
import {formatSettings, type ServiceSettings} from '../../../src/service/settings.js'
import {FakeLaunchd, LAUNCHD_SERVICE, SUPPORT} from '../../fakes/fake-launchd.js'
import {SETTINGS} from '../../fakes/settings.js'

const TICK = 'ai.hermes-svc.heartbeat'
const PLIST = `/home/user/Library/LaunchAgents/${TICK}.plist`
const ENTRY = '/home/user/Library/Application Support/hermes-svc/heartbeat.cjs'
const JOB = `gui/1000/${TICK}`
const ON: ServiceSettings = {...SETTINGS, domain: 'gui'}
const OFF: ServiceSettings = {...ON, heartbeat: {...SETTINGS.heartbeat, enabled: false}}

/** A machine with the service's settings recorded, and the folders made. */
function machine(settings: ServiceSettings | undefined): FakeLaunchd {
  return new FakeLaunchd({
    '/home/user/Library/LaunchAgents': {folder: true},
    ...(settings ? {[`${SUPPORT}/settings.json`]: formatSettings(settings)} : {[SUPPORT]: {folder: true}}),
  })
}

async function install(launchd: FakeLaunchd, settings: ServiceSettings | undefined, force = false): Promise<readonly Step[]> {
  const {steps} = await launchd.manager.tick.heartbeat(LAUNCHD_SERVICE, settings, {force})
  await launchd.apply(steps)
  return steps
}

describe("the heartbeat's job", () => {
  it('runs a node that lasts with the tick at its interval, in the session of the services', async () => {
    const launchd = machine(ON)
    await install(launchd, ON)
    expect(launchd.changes).toEqual([`bootstrap gui/1000 ${PLIST}`])
    expect(parsePlist(launchd.host.texts()[PLIST] ?? '')).toMatchObject({
      Label: TICK,
      ProgramArguments: ['/usr/bin/node', ENTRY, 'launchd'],
      LimitLoadToSessionType: 'Aqua',
      StartInterval: 60,
      RunAtLoad: true,
    })
    expect(launchd.host.texts()).toHaveProperty([ENTRY])
  })

  it('is left alone where all is so already', async () => {
    const launchd = machine(ON)
    await install(launchd, ON)
    expect(await install(launchd, ON)).toEqual([])
  })

  it('is loaded anew at another interval', async () => {
    const launchd = machine(ON)
    await install(launchd, ON)
    await install(launchd, {...ON, heartbeat: {...ON.heartbeat, intervalSec: 10}})
    expect(launchd.changes.slice(1)).toEqual([`bootout ${JOB}`, `bootstrap gui/1000 ${PLIST}`])
    expect(launchd.jobs.get(JOB)?.text).toContain('<integer>10</integer>')
  })

  it('stays disabled where its user disabled it, though it is loaded anew', async () => {
    const launchd = machine(ON)
    await install(launchd, ON)
    launchd.disabled.add(TICK)
    await install(launchd, {...ON, heartbeat: {...ON.heartbeat, intervalSec: 10}})
    expect(launchd.changes.slice(1)).toEqual([`bootout ${JOB}`, `enable ${JOB}`, `bootstrap gui/1000 ${PLIST}`, `disable ${JOB}`])
    expect([...launchd.disabled]).toEqual([TICK])
  })

  it('is loaded where an earlier run was killed before that', async () => {
    const launchd = machine(ON)
    await install(launchd, ON)
    launchd.jobs.delete(JOB)
    await install(launchd, ON)
    expect(launchd.changes.slice(1)).toEqual([`bootstrap gui/1000 ${PLIST}`])
  })

  it('keeps an edit by hand unless it is forced', async () => {
    const launchd = machine(ON)
    await install(launchd, ON)
    launchd.host.put(PLIST, (launchd.host.texts()[PLIST] ?? '').replace('<integer>60<', '<integer>30<'))
    expect(await install(launchd, ON)).toEqual([])
    await install(launchd, ON, true)
    expect(launchd.host.texts()[PLIST]).toContain('<integer>60<')
  })

  it.each([
    ['no service wants it', OFF],
    ['the last service goes', undefined],
  ])('goes when %s', async (_, settings) => {
    const launchd = machine(ON)
    await install(launchd, ON)
    await install(launchd, settings)
    expect(launchd.changes.at(-1)).toBe(`bootout ${JOB}`)
    expect(Object.keys(launchd.host.texts()).filter((file) => file === PLIST || file === ENTRY)).toEqual([])
  })

  it('is nothing where there was none', async () => {
    expect(await install(machine(undefined), undefined)).toEqual([])
  })

  it('is as it was when a later step fails', async () => {
    const launchd = machine(ON)
    const {steps} = await launchd.manager.tick.heartbeat(LAUNCHD_SERVICE, ON)
    const fails: Step = {kind: 'act', why: 'fail', act: () => Promise.reject(new Error('as it was meant to'))}
    await expect(launchd.apply([...steps, fails])).rejects.toThrow('as it was meant to')
    expect(launchd.jobs.size).toBe(0)
    expect(launchd.host.texts()).not.toHaveProperty([PLIST])
  })

  it("of another tool's by that name is not taken away", async () => {
    const launchd = new FakeLaunchd({[PLIST]: '<plist version="1.0"><dict/></plist>', [SUPPORT]: {folder: true}})
    await install(launchd, undefined)
    expect(isOwn(launchd.host.texts()[PLIST] ?? '')).toBe(false)
    expect(launchd.host.texts()).toHaveProperty([PLIST])
  })
})
