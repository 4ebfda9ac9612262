import {GatewayExit, GatewayHabit, GatewayLimit, HomeFile, StateField, StateWord} from '../../src/gateway/contract.js'
import type {ClaimGroup} from './claim.js'
import {type End, Home, holdsLock, type Json, pause, seenWithin} from './life.js'

/** How a gateway ended, and what it left. */
interface Left {
  readonly end: End
  readonly pid: number
  readonly state: Json
  readonly lifecycle: Json
  readonly hasPid: boolean
  readonly hasLock: boolean
  readonly isLockFree: boolean
  readonly hasMarker: boolean
  readonly hasRestartNote: boolean
}

interface Ends {
  readonly planned: Left
  readonly unplanned: Left
  readonly interrupted: Left
  readonly restarted: Left
  readonly killed: Left
  /** The marker was older than it is heeded. */
  readonly tooLate: Left
  /** What a marker without any signal did. */
  readonly byMarkerAlone: boolean
  /** A gateway came up over the records of one that was killed. */
  readonly comesUpAfterKill: boolean
  /** The note of a requested restart is gone once the next gateway runs. */
  readonly clearsRestartNote: boolean
  readonly noticesKill: boolean
}

function left(home: Home, pid: number, end: End): Left {
  return {
    ...{end, pid},
    state: home.state ?? {},
    lifecycle: home.json(HomeFile.lifecycle) ?? {},
    hasPid: home.has(HomeFile.pid),
    hasLock: home.has(HomeFile.lock),
    isLockFree: !holdsLock(pid, home.path(HomeFile.lock)),
    hasMarker: home.has(HomeFile.plannedStop),
    hasRestartNote: home.has(HomeFile.restartPending),
  }
}

const MARKER_MS = 10_000
const SETTLES_MS = 2000

const status = ({end}: Left): string | number => end.code ?? end.signal ?? 'alive'
const word = ({state}: Left): string => String(state[StateField.state])

/** How gateways end without a service manager, and what they leave behind. */
export const ends: ClaimGroup<Ends> = {
  name: 'ends',
  live: async (bench) => {
    const home = new Home(bench, 'ends', 'starts')
    const ended = async (how: (life: Awaited<ReturnType<Home['start']>>) => Promise<End>): Promise<Left> => {
      const life = await home.start()
      const {pid} = life
      // It says running some time before it heeds signals as it does from then on.
      await pause(SETTLES_MS)
      return left(home, pid, await how(life))
    }
    const planned = await ended((life) => life.stop())
    const unplanned = await ended((life) => life.endBy('SIGTERM'))
    const tooLate = await ended((life) => {
      home.planStop(life.pid, GatewayLimit.markerSec + 5)
      return life.endBy('SIGTERM')
    })
    const interrupted = await ended((life) => life.endBy('SIGINT'))
    const restarted = await ended((life) => life.endBy('SIGUSR1'))
    const afterRestart = await home.start()
    const clearsRestartNote = !(await seenWithin(2000, () => home.has(HomeFile.restartPending)).then(async (isThere) =>
      isThere ? (await pause(3000), home.has(HomeFile.restartPending)) : false,
    ))
    await afterRestart.stop()
    const killed = await ended((life) => life.endBy('SIGKILL'))
    const next = await home.start()
    const noticesKill = (home.text(HomeFile.exitLog) ?? '').includes('"gateway.previous_unclean_exit"')
    await pause(1000)
    home.planStop(next.pid)
    const byMarkerAlone = (await next.ends(MARKER_MS)) !== undefined
    if (!byMarkerAlone) await next.endBy('SIGTERM')
    return {
      planned,
      unplanned,
      tooLate,
      interrupted,
      restarted,
      killed,
      byMarkerAlone,
      comesUpAfterKill: true,
      clearsRestartNote,
      noticesKill,
    }
  },
  claims: [
    {
      id: 'stop.planned',
      words: `ends with ${GatewayExit.stopped} on SIGTERM if a planned-stop marker names it`,
      entry: 'HomeFile.plannedStop',
      also: ['GatewaySignal.stop', 'GatewayExit.stopped'],
      is: GatewayExit.stopped,
      otherwise: null,
      seen: ({planned}) => status(planned),
    },
    {
      id: 'stop.planned-state',
      words: 'says stopped then, with restart_requested false',
      entry: 'StateWord.stopped',
      is: 'stopped, false',
      seen: ({planned}) => `${word(planned)}, ${String(planned.state.restart_requested)}`,
    },
    {
      id: 'stop.marker',
      words: 'takes the marker away that it has heeded',
      entry: 'HomeFile.plannedStop',
      otherwise: null,
      seen: ({planned}) => !planned.hasMarker,
    },
    {
      id: 'stop.records',
      words: 'takes its pid record away at its end, and leaves gateway.lock free',
      entry: 'HomeFile.pid',
      seen: ({planned}) => !planned.hasPid && planned.isLockFree,
    },
    {
      id: 'stop.lock-file',
      words: 'leaves the file gateway.lock at its end',
      entry: 'HomeFile.lock',
      seen: ({planned}) => planned.hasLock,
    },
    {
      id: 'stop.lifecycle',
      words: `writes phase exited and its status into its lifecycle file`,
      entry: 'HomeFile.lifecycle',
      seen: ({planned}) =>
        planned.lifecycle.phase === 'exited' && planned.lifecycle.exit_code === 0 && planned.lifecycle.pid === planned.pid,
    },
    {
      id: 'stop.marker-alone',
      words: GatewayHabit.watchesMarker,
      entry: 'GatewayHabit.watchesMarker',
      seen: ({byMarkerAlone}) => byMarkerAlone,
    },
    {
      id: 'stop.marker-late',
      words: `does not heed a marker that is older than ${GatewayLimit.markerSec} s`,
      entry: 'GatewayLimit.markerSec',
      is: 1,
      otherwise: null,
      seen: ({tooLate}) => status(tooLate),
    },
    {
      id: 'term.unplanned',
      words: 'ends with 1 on a SIGTERM that nobody announced',
      is: 1,
      seen: ({unplanned}) => status(unplanned),
    },
    {
      id: 'term.state',
      words: GatewayHabit.runningAfterTerm,
      entry: 'GatewayHabit.runningAfterTerm',
      is: StateWord.running,
      otherwise: StateWord.stopped,
      seen: ({unplanned}) => word(unplanned),
    },
    {
      id: 'int',
      words: GatewayHabit.interruptIsPlanned,
      entry: 'GatewayHabit.interruptIsPlanned',
      is: GatewayExit.stopped,
      otherwise: 1,
      seen: ({interrupted}) => status(interrupted),
    },
    {
      id: 'restart.status',
      words: `ends with ${GatewayExit.restart} on SIGUSR1, without a service manager`,
      entry: 'GatewayExit.restart',
      also: ['GatewaySignal.restart'],
      is: GatewayExit.restart,
      otherwise: null,
      seen: ({restarted}) => status(restarted),
    },
    {
      id: 'restart.state',
      words: 'says stopped then, with restart_requested true',
      entry: 'GatewaySignal.restart',
      is: 'stopped, true',
      seen: ({restarted}) => `${word(restarted)}, ${String(restarted.state.restart_requested)}`,
    },
    {
      id: 'restart.note',
      words: 'leaves .restart_pending.json at the end of a requested restart',
      entry: 'HomeFile.restartPending',
      otherwise: null,
      seen: ({restarted}) => restarted.hasRestartNote,
    },
    {
      id: 'restart.note-cleared',
      words: 'has no such note left once the next gateway runs',
      seen: ({clearsRestartNote}) => clearsRestartNote,
    },
    {
      id: 'kill.leaves',
      words: 'leaves pid record and state running where it was killed',
      is: 'pid record, running',
      seen: ({killed}) => `${killed.hasPid ? 'pid record' : 'no pid record'}, ${word(killed)}`,
    },
    {
      id: 'kill.next',
      words: 'comes up over the records of one that was killed',
      seen: ({comesUpAfterKill}) => comesUpAfterKill,
    },
    {
      id: 'kill.noticed',
      words: 'notes in logs/gateway-exit-diag.log that the former one ended uncleanly',
      entry: 'HomeFile.lifecycle',
      seen: ({noticesKill}) => noticesKill,
    },
  ],
}
