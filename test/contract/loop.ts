import {GatewayExit, GatewayHabit, GatewayLimit, HomeFile, LOOP_WATCHDOG, StateField, StateWord} from '../../src/gateway/contract.js'
import {createNodeHost} from '../../src/host/node-host.js'
import {proveHome} from '../../src/observe/look.js'
import type {Verdict} from '../../src/observe/judge.js'
import {type ClaimGroup, NotTried} from './claim.js'
import {type End, Home, type Json, pause, seenWithin} from './life.js'

/** Its own watchdog asks every 30 s, waits 10 s, and gives up after three times. */
const WATCHDOG_MS = 180_000
/** Longer than any healthy loop is away. */
const WINDOW_MS = 5000
const LOOKS = 5

/** What our own `status` and the heartbeat's watchdog would say. */
async function verdictOn(home: Home): Promise<Verdict['state']> {
  const host = createNodeHost('/')
  for (let tries = 1; ; tries++) {
    const {verdict} = await proveHome({host, userHost: host.as(host.account)}, home.root, WINDOW_MS)
    // On a machine that does much else one look may not be enough: then it says so, and is asked again.
    if (verdict.state !== 'unknown' || tries === LOOKS) return verdict.state
  }
}

interface Loop {
  readonly healthy: Verdict['state']
  readonly blocked: Verdict['state']
  readonly outlivesTerm: boolean
  readonly stopped: Verdict['state']
}

/** What we say of a loop that works, and of one that does not. */
export const loop: ClaimGroup<Loop> = {
  name: 'loop',
  live: async (bench) => {
    const home = new Home(bench, 'loop')
    const life = await home.start()
    await pause(2000)
    const healthy = await verdictOn(home)
    life.signal('SIGSTOP')
    const stopped = await verdictOn(home)
    life.signal('SIGCONT')
    await life.block()
    const blocked = await verdictOn(home)
    life.signal('SIGTERM')
    const outlivesTerm = (await life.ends(3000)) === undefined
    life.kill()
    return {healthy, blocked, outlivesTerm, stopped}
  },
  claims: [
    {id: 'verdict.alive', words: 'is found alive by our own proof while its loop works', is: 'alive', seen: ({healthy}) => healthy},
    {id: 'verdict.stopped', words: 'is found wedged by it while SIGSTOP holds it', is: 'wedged', seen: ({stopped}) => stopped},
    {id: 'verdict.wedged', words: 'is found wedged by it while its loop sleeps', is: 'wedged', seen: ({blocked}) => blocked},
    {id: 'loop.term', words: 'does not end on SIGTERM while its loop sleeps', seen: ({outlivesTerm}) => outlivesTerm},
  ],
}

interface Watchdog {
  readonly end: End | undefined
  readonly state: Json
  readonly lifecycle: Json
  readonly hasPid: boolean
}

/** What a gateway does itself about a loop that does not answer. */
export const watchdog: ClaimGroup<Watchdog> = {
  name: 'watchdog',
  isSlow: true,
  live: async (bench) => {
    const home = new Home(bench, 'watchdog')
    const life = await home.start()
    await pause(2000)
    await life.block()
    const end = await life.ends(WATCHDOG_MS)
    const seen = {end, state: home.state ?? {}, lifecycle: home.json(HomeFile.lifecycle) ?? {}, hasPid: home.has(HomeFile.pid)}
    life.kill()
    return seen
  },
  claims: [
    {
      id: 'watchdog.status',
      words: `ends by itself with ${GatewayExit.restart} when its loop has not answered for a while`,
      entry: 'LOOP_WATCHDOG',
      is: GatewayExit.restart,
      otherwise: 'alive',
      seen: ({end}) => end?.code ?? end?.signal ?? 'alive',
    },
    {
      id: 'watchdog.reason',
      words: `gives ${LOOP_WATCHDOG} as its reason in the lifecycle file`,
      entry: 'LOOP_WATCHDOG',
      seen: ({lifecycle}) => lifecycle.exit_reason === LOOP_WATCHDOG,
    },
    {
      id: 'watchdog.state',
      words: GatewayHabit.degradedByWatchdog,
      entry: 'GatewayHabit.degradedByWatchdog',
      also: ['StateWord.degraded'],
      is: `${StateWord.degraded}, true`,
      otherwise: `${StateWord.running}, false`,
      seen: ({state}) => `${String(state[StateField.state])}, ${String(state.restart_requested)}`,
    },
    {
      id: 'watchdog.records',
      words: 'leaves its pid record then',
      entry: 'LOOP_WATCHDOG',
      otherwise: null,
      seen: ({hasPid}) => hasPid,
    },
  ],
}

interface Brake {
  /** Between the line in the ledger and the pid record, s. */
  readonly sleptSec: number | undefined
}

/** How a gateway holds itself back that was started too often. */
export const brake: ClaimGroup<Brake> = {
  name: 'brake',
  live: async (bench) => {
    const home = new Home(bench, 'brake', 'brake')
    const {writeFileSync} = process.getBuiltinModule('node:fs')
    const starts = Array.from({length: GatewayLimit.maxStarts}, (_, index) => `${Date.now() / 1000 - 10 + index}`)
    writeFileSync(home.path(HomeFile.starts), `${starts.join('\n')}\n`)
    const lines = () => (home.text(HomeFile.starts) ?? '').split('\n').filter(Boolean).length
    const life = home.launch()
    await seenWithin(90_000, () => lines() > starts.length || home.pid !== undefined || !life.isAlive)
    if (!life.isAlive) throw new NotTried(`no gateway came up: ${home.lastWords}`)
    const isCounted = lines() > starts.length
    const from = performance.now()
    await seenWithin(60_000, () => home.pid !== undefined || !life.isAlive)
    const sleptSec = (performance.now() - from) / 1000
    await life.comesUp()
    await life.stop()
    return {sleptSec: isCounted ? sleptSec : undefined}
  },
  claims: [
    {
      id: 'brake.sleeps',
      words: `sleeps ${GatewayLimit.brakeFirstSec} s before it takes its pid record at start ${GatewayLimit.maxStarts + 1} within ${GatewayLimit.startWindowSec} s`,
      entry: 'GatewayLimit.maxStarts',
      also: ['GatewayLimit.startWindowSec', 'GatewayLimit.brakeFirstSec'],
      is: GatewayLimit.brakeFirstSec,
      otherwise: 0,
      seen: ({sleptSec = 0}) =>
        sleptSec < 2 ? 0 : Math.abs(sleptSec - GatewayLimit.brakeFirstSec) < 3 ? GatewayLimit.brakeFirstSec : Math.round(sleptSec),
    },
  ],
}
