import {type ChildProcess, spawn} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {build} from 'esbuild'
import {afterAll, afterEach, beforeAll, expect, it} from 'vitest'
import type {DesiredRecord} from '../../src/service/desired-state.js'
import {inCampaign, isCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {testHost, waitFor} from '../support/machines.js'
import {mirror} from '../support/mirror.js'
import {ownDoors} from '../support/doors.js'

const PYTHON = '/usr/bin/python3'
const SUPPORT = path.join(import.meta.dirname, '../support')
/** Changes in each race; in a campaign as many as it takes to meet what happens once in a thousand. */
const CHANGES = inCampaign(2000, 60)
/** Kills in each race at least, however many changes are done between two of them. */
const KILLS = inCampaign(8, 3)
/** So many changes our process reports at most before it is killed: counted, since on a busy machine a time is none or all of them. */
const LIFE = 60
/** Within so many ms after that, so that it dies at any point of the next change. */
const DIES_WITHIN_MS = 5
/** Most of a race is node starting anew after each kill, which takes long on a machine that does much else. */
const RACE_TIMEOUT_MS = 300_000

interface GatewayRules {
  /** See racing-gateway.py. */
  readonly desired_state: 'kept' | 'absent' | 'dropped'
  readonly rounds: number | null
  readonly pause_us: number
}

/** What it prints. */
interface GatewayResult {
  readonly writes: number
  readonly mirrored: number
  readonly inserted: number
  readonly problems: readonly string[]
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
}

describeUnless(
  fs.existsSync(PYTHON) ? undefined : `needs ${PYTHON}`,
  'the desired state, while the gateway writes its state all the time',
  () => {
    let folder: string
    let driver: string
    let gateway: string
    const children: ChildProcess[] = []

    beforeAll(async () => {
      // In memory, where both can write much oftener.
      folder = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'hermes-svc-races-'))
      driver = path.join(folder, 'intent-driver.cjs')
      const entryPoints = [`${SUPPORT}/intent-driver.ts`]
      await build({entryPoints, outfile: driver, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error'})
      gateway = path.join(folder, 'hermes')
      fs.copyFileSync(`${SUPPORT}/racing-gateway.py`, gateway)
    })
    afterEach(() => {
      for (const child of children.splice(0)) child.kill('SIGKILL')
    })
    afterAll(() => {
      fs.rmSync(folder, {recursive: true, force: true})
    })

    const makeHome = (state: object) => {
      const home = fs.mkdtempSync(path.join(folder, 'home-'))
      fs.writeFileSync(path.join(home, 'gateway_state.json'), JSON.stringify({gateway_state: 'stopped', ...state}))
      return home
    }

    const launch = (command: string, args: readonly string[], env: Record<string, string> = {}) => {
      const child = spawn(command, args, {env: {PATH: '/usr/bin:/bin', ...env}, stdio: ['ignore', 'pipe', 'inherit']})
      children.push(child)
      let stdout = ''
      child.stdout?.on('data', (data: Buffer) => (stdout += data.toString()))
      const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({code, stdout})))
      return {child, ended}
    }

    const startGateway = (home: string, rules: GatewayRules) =>
      launch(PYTHON, [gateway, 'gateway', 'run'], {HERMES_HOME: home, RACE: JSON.stringify(rules)})

    const readJson = (home: string, name: string): unknown => JSON.parse(fs.readFileSync(path.join(home, name), 'utf8'))
    const readRecord = (home: string) =>
      fs.existsSync(path.join(home, '.hermes-svc.json')) ? (readJson(home, '.hermes-svc.json') as DesiredRecord) : undefined
    const mirrorIn = (home: string) => (readJson(home, 'gateway_state.json') as {desired_state?: string}).desired_state

    /** Has our own process change the intent, kills it at random moments and looks at what it left, until so many changes are done. */
    const changeIntents = async (home: string, intents: number, goOn: () => boolean, isMet: () => boolean) => {
      let [done, kills] = [0, 0]
      let last: string | undefined
      while ((done < intents || kills < KILLS || !isMet()) && goOn()) {
        const {child, ended} = launch(process.execPath, [driver, home])
        let left = Math.ceil(Math.random() * LIFE)
        child.stdout?.on('data', (data: Buffer) => {
          const isDue = left > 0
          left -= data.toString().split('\n').length - 1
          if (isDue && left <= 0) setTimeout(() => child.kill('SIGKILL'), Math.random() * DIES_WITHIN_MS)
        })
        const {code, stdout} = await ended
        expect(code).toBeNull()
        kills++
        const lines = stdout.split('\n').filter((line) => line !== '')
        done += lines.filter((line) => line.startsWith('done')).length
        // What was reported as done last stands there, or what was begun after it: nothing older, nothing half.
        last = lines.findLast((line) => line.startsWith('done'))?.slice('done '.length) ?? last
        const record = readRecord(home)
        const recorded = record && `${record.by.split(' ')[1]} ${record.desiredState}`
        expect([last, lines.at(-1)?.replace(/^\w+ /, '')]).toContain(recorded)
        last = recorded
      }
      return {done, kills}
    }

    /** `isMet`: what has to have been met before the race is over. */
    const race = async (home: string, intents: number, rules: GatewayRules, isMet = () => true) => {
      const {child, ended} = startGateway(home, rules)
      await waitFor(() => fs.existsSync(path.join(home, 'gateway.pid')), 'the gateway')
      const changed = await changeIntents(home, intents, () => child.exitCode === null, isMet)
      child.kill('SIGTERM')
      const {stdout} = await ended
      const result = {...changed, ...(JSON.parse(stdout) as GatewayResult)}
      if (isCampaign) console.log(`${result.done} changes, ${result.kills} kills, ${result.writes} writes of the gateway`)
      return result
    }

    it(
      `is never lost, nor a field of the gateway: ${CHANGES} changes where the mirror is there`,
      async () => {
        const home = makeHome({desired_state: 'running'})
        const {done, kills, writes, mirrored, problems} = await race(home, CHANGES, {desired_state: 'kept', rounds: null, pause_us: 500})
        expect(problems).toEqual([])
        expect(done).toBeGreaterThanOrEqual(CHANGES)
        expect(kills).toBeGreaterThanOrEqual(KILLS)
        expect(writes).toBeGreaterThan(CHANGES / 10)
        // The gateway saw our writes between its own.
        expect(mirrored).toBeGreaterThan(CHANGES / 40)
        // With the gateway gone the mirror can be made to say what the record says.
        const recorded = readRecord(home)?.desiredState ?? 'stopped'
        expect(mirror(ownDoors(testHost), home, recorded, false)).toBe(true)
        expect(mirrorIn(home)).toBe(recorded)
      },
      RACE_TIMEOUT_MS,
    )

    it(
      `is never lost, and never inserted under the hands of a gateway: ${CHANGES} changes where there is no mirror`,
      async () => {
        const home = makeHome({})
        const {done, kills, writes, problems} = await race(home, CHANGES, {desired_state: 'absent', rounds: null, pause_us: 500})
        expect(problems).toEqual([])
        expect(done).toBeGreaterThanOrEqual(CHANGES)
        expect(kills).toBeGreaterThanOrEqual(KILLS)
        expect(writes).toBeGreaterThan(CHANGES / 10)
        expect(mirrorIn(home)).toBeUndefined()
      },
      RACE_TIMEOUT_MS,
    )

    it(
      `is never lost, nor a field of the gateway: ${CHANGES} changes while gateways come and go`,
      async () => {
        const home = makeHome({})
        // The gateway drops it each time: where it is there, we have put it back in between two lives.
        let isInserted = false
        // All the time: after a kill alone it is a matter of luck, and takes a hundred of them.
        const look = setInterval(() => (isInserted ||= mirrorIn(home) !== undefined), 5)
        const {done, kills, inserted, mirrored, problems} = await race(
          home,
          CHANGES,
          {
            desired_state: 'dropped',
            // The sooner it is between two lives.
            rounds: inCampaign(10, 4),
            pause_us: 3000,
          },
          () => isInserted,
        ).finally(() => clearInterval(look))
        expect(problems).toEqual([])
        expect(done).toBeGreaterThanOrEqual(CHANGES)
        expect(kills).toBeGreaterThanOrEqual(KILLS)
        expect(isInserted).toBe(true)
        // Between two lives, where the next gateway may come at any moment: met for certain only in many changes.
        if (isCampaign) expect(Math.min(mirrored, inserted)).toBeGreaterThan(0)
      },
      RACE_TIMEOUT_MS,
    )
  },
)
