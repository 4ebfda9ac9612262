import {spawn} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, expect, it} from 'vitest'
import {tick} from '../../src/tick/tick.js'
import {createNodeHost} from '../../src/host/node-host.js'
import {inCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {waitFor} from '../support/machines.js'
import {ownDoors} from '../support/doors.js'

const ROOT = path.join(import.meta.dirname, '../..')
const WRITER = path.join(ROOT, 'test/support/state-writer.py')
const PYTHON = '/usr/bin/python3'
const host = createNodeHost(ROOT)
/** That find a timestamp to be refreshed; in a campaign as many as it takes to meet what happens seldom. */
const TICKS = inCampaign(400, 160)
const cleanups: (() => void)[] = []

afterAll(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

interface WriterResult {
  readonly writes: number
  readonly ticks: number
  readonly lost: unknown[]
  readonly broken: unknown[]
}

describeUnless(fs.existsSync(PYTHON) ? undefined : `needs ${PYTHON}`, 'a tick while the gateway writes its state all the time', () => {
  /** Ticks until so many of them found a timestamp to be refreshed. */
  const race = async (how: object, ticks: number): Promise<WriterResult> => {
    // In memory, where the gateway can write much oftener.
    const home = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'tick-races-'))
    cleanups.push(() => fs.rmSync(home, {recursive: true, force: true}))
    const stateFile = path.join(home, 'gateway_state.json')
    fs.writeFileSync(path.join(home, 'state-writer.json'), JSON.stringify(how))
    fs.copyFileSync(WRITER, path.join(home, 'hermes'))
    const env = {PATH: '/usr/bin:/bin', HOME: home, HERMES_HOME: home}
    const writer = spawn(PYTHON, [path.join(home, 'hermes'), 'gateway', 'run'], {env, stdio: 'ignore'})
    cleanups.push(() => writer.kill('SIGKILL'))
    await waitFor(() => fs.readFileSync(stateFile, 'utf8').includes('count'), 'the first state')
    for (let written = 0; written < ticks; ) {
      const {result} = await tick(ownDoors(host), home, host.account.uid)
      if (result.kind === 'failed') throw new Error(result.why)
      if (result.kind === 'ticked' && !result.fresh) written++
      // A tick that finds all well never waits, and would leave the others no turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
    writer.kill('SIGTERM')
    await waitFor(() => writer.exitCode !== null, 'the end')
    return JSON.parse(fs.readFileSync(path.join(home, 'state-writer.result.json'), 'utf8')) as WriterResult
  }

  // Side by side: where the timestamp has to become longer a tick mostly waits for the gateway.
  it.concurrent(`loses nothing of what it writes, and nobody ever reads half a file, in ${TICKS} ticks`, async () => {
    const result = await race({mode: 'rename', stamp: 'old', pause_ms: 2}, TICKS)
    expect(result).toMatchObject({lost: [], broken: []})
    // There was a race at all: the gateway wrote between the ticks, and read what they wrote.
    expect(result.writes).toBeGreaterThan(TICKS / 2)
    expect(result.ticks).toBeGreaterThan(TICKS / 10)
  })

  // How much longer is the same to a write.
  it.concurrent.each(inCampaign(['epoch', 'zulu'], ['epoch']))(
    'loses nothing where the timestamp has to become longer (%s)',
    async (stamp) => {
      const result = await race({mode: 'rename', stamp, pause_ms: 400}, inCampaign(20, 8))
      expect(result).toMatchObject({lost: [], broken: []})
      expect(result.ticks).toBeGreaterThan(inCampaign(3, 1))
    },
  )

  it.concurrent('keeps out of the way of an old gateway that writes in place', async () => {
    const result = await race({mode: 'in-place', stamp: 'now', pause_ms: 2, rest_ms: 800}, 3)
    expect(result).toMatchObject({lost: [], broken: []})
    expect(result.writes).toBeGreaterThan(100)
  })
})
