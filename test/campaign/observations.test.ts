import os from 'node:os'
import fs from 'node:fs'
import path from 'node:path'
import {build} from 'esbuild'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {ManagerObservation} from '../../src/managers/manager.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'
import {describeOnSystemd} from '../support/machines.js'
import {
  lastingPart,
  recordedObservation,
  type RecordedManager,
  recordObservation,
  RECORDED_STATES,
} from '../support/recorded-observations.js'
import {CONTAINER_PROGRAM, describeInContainer, S6Container, Volumes} from '../support/s6-container.js'
import {S6Service} from '../support/s6-service.js'
import type {ServiceOnMachine} from '../support/service-on-machine.js'
import {TestService} from '../support/test-service.js'

// What test/doctor/home-replay.test.ts replays. HERMES_SVC_RECORD=1 records it anew.

const MACHINE_PROGRAM = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`] as const
const SOURCE = path.join(import.meta.dirname, '../support/observation-driver.ts')
let folder: string
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-observation-'))
  await build({entryPoints: [SOURCE], outfile: `${folder}/observe.cjs`, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error'})
})
afterAll(() => {
  fs.rmSync(folder, {recursive: true})
})

/** Puts the driver into a machine; resolves with its place there. */
async function place({machine, user}: ServiceOnMachine): Promise<string> {
  const file = `${user.home}/observe.cjs`
  fs.copyFileSync(`${folder}/observe.cjs`, `/proc/${machine.leaderPid}/root${file}`)
  return file
}

async function see(service: ServiceOnMachine, manager: RecordedManager, [node, program]: readonly [string, string]): Promise<void> {
  const packageRoot = path.dirname(path.dirname(program))
  const driver = await place(service)
  await service.must('install')
  for (const state of RECORDED_STATES) {
    if (state === 'stopped') await service.must('stop')
    const {code, stdout, stderr} = await service.machine.exec([node, driver, service.profile, service.scope, packageRoot], service.actor)
    if (code !== 0) throw new Error(stderr)
    const observation = JSON.parse(stdout) as ManagerObservation
    if (process.env.HERMES_SVC_RECORD === '1') recordObservation(manager, state, observation)
    expect(lastingPart(observation)).toEqual(lastingPart(recordedObservation(manager, state)))
  }
}

await describeOnSystemd('what systemd says of a service', (machine) => {
  it('is what is recorded, of one that runs and of one that is stopped', async () => {
    await see(await TestService.make(machine(), await machine().addUser('ann')), 'systemd', MACHINE_PROGRAM)
  })
})

describeInContainer('what s6 says of a service', () => {
  it('is what is recorded, of one that runs and of one that is stopped', async () => {
    const volumes = await Volumes.make()
    try {
      await see(await S6Service.make(await S6Container.boot(volumes.volume())), 's6', CONTAINER_PROGRAM)
    } finally {
      await volumes.drop()
    }
  })
})

describe('launchd', () => {
  describeOnLaunchd('what it says of a service', (there) => {
    it('is what is recorded, of one that runs and of one that is stopped', async () => {
      await see(await LaunchdService.make(there(), await there().addUser('ann')), 'launchd', MACHINE_PROGRAM)
    })
  })
})
