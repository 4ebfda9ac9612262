import fs from 'node:fs'
import {GatewayHabit, GatewayLimit, HomeFile, StateField, StateWord} from '../../src/gateway/contract.js'
import type {ClaimGroup} from './claim.js'
import {ask, Home, holdsLock, type Json, jsonOf, pause, seenWithin, startTicks, tickSocketOf} from './life.js'

/** What may come some time after `running`. */
const SETTLES_MS = 3000

interface Running {
  readonly home: Home
  readonly pid: number
  readonly startTicks: number
  /** Words of the state file in the order in which they were seen. */
  readonly words: readonly string[]
  /** When a file was first seen, in looks. */
  readonly appeared: ReadonlyMap<string, number>
  readonly record: Json
  readonly lockRecord: Json
  readonly isLocked: boolean
  readonly state: Json
  readonly heartbeat: Json
  readonly lifecycle: Json
  readonly starts: string
  readonly diagnosis: string
  readonly tick: string | undefined
  readonly identity: Json
  readonly files: ReadonlySet<string>
  readonly versionFiles: ReadonlySet<string>
}

const FILES = Object.values(HomeFile)

function filesOf(home: Home): ReadonlySet<string> {
  return new Set(FILES.filter((file) => home.has(file)))
}

/** Lets `--version` run in a home of its own, since it is asked before a service is installed. */
async function afterVersion(home: Home): Promise<ReadonlySet<string>> {
  await home.launch(['--version']).ends()
  return filesOf(home)
}

/** What a gateway has in its home while it runs, and what is there when. */
export const files: ClaimGroup<Running> = {
  name: 'files',
  live: async (bench) => {
    const versionFiles = await afterVersion(new Home(bench, 'version'))
    const home = new Home(bench, 'files', 'start')
    const life = home.launch()
    const words: string[] = []
    const appeared = new Map<string, number>()
    let looks = 0
    const look = () => {
      looks += 1
      // The state last: what comes before it must have been seen by then.
      const {word} = home
      for (const file of FILES) if (!appeared.has(file) && home.has(file)) appeared.set(file, looks)
      if (word !== undefined && words.at(-1) !== word) words.push(word)
      return !life.isAlive || word === StateWord.running
    }
    await seenWithin(90_000, look, 2)
    await life.comesUp()
    await pause(SETTLES_MS)
    const {pid} = life
    const tickSocket = tickSocketOf(home, pid)
    const running: Running = {
      ...{home, pid, words, appeared, versionFiles},
      startTicks: startTicks(pid),
      record: home.json(HomeFile.pid) ?? {},
      lockRecord: home.json(HomeFile.lock) ?? {},
      isLocked: holdsLock(pid, home.path(HomeFile.lock)),
      state: home.state ?? {},
      heartbeat: home.json(HomeFile.heartbeat) ?? {},
      lifecycle: home.json(HomeFile.lifecycle) ?? {},
      starts: home.text(HomeFile.starts) ?? '',
      diagnosis: home.text(HomeFile.exitLog) ?? '',
      tick: fs.existsSync(tickSocket) ? await ask(tickSocket, '') : undefined,
      identity: home.has(HomeFile.controlSocket)
        ? (jsonOf(await ask(home.path(HomeFile.controlSocket), '{"verb":"identify","id":1,"protocol":1}\n')) ?? {})
        : {},
      files: filesOf(home),
    }
    await life.stop()
    return running
  },
  claims: [
    {
      id: 'pid.first',
      words: GatewayHabit.pidFirst,
      entry: 'GatewayHabit.pidFirst',
      also: ['HomeFile.state'],
      otherwise: null,
      seen: ({appeared}) => (appeared.get(HomeFile.pid) ?? Infinity) <= (appeared.get(HomeFile.state) ?? 0),
    },
    {
      id: 'pid.record',
      words: 'writes kind, argv and pid into its record',
      entry: 'HomeFile.pid',
      seen: ({record, pid}) => record.pid === pid && record.kind === 'hermes-gateway' && Array.isArray(record.argv),
    },
    {
      id: 'pid.start-time',
      words: 'records when its process was started as field 22 of /proc/PID/stat has it',
      entry: 'HomeFile.pid',
      seen: ({record, startTicks}) => record.start_time === startTicks,
    },
    {
      id: 'pid.home',
      words: GatewayHabit.namesHome,
      entry: 'GatewayHabit.namesHome',
      seen: ({record, home}) => record.hermes_home === fs.realpathSync(home.root),
    },
    {
      id: 'lock.held',
      words: 'holds gateway.lock with flock(2) while it runs',
      entry: 'HomeFile.lock',
      seen: ({isLocked}) => isLocked,
    },
    {
      id: 'lock.record',
      words: 'writes the same record into gateway.lock',
      entry: 'HomeFile.lock',
      seen: ({record, lockRecord}) => lockRecord.pid === record.pid && lockRecord.start_time === record.start_time,
    },
    {
      id: 'state.words',
      words: 'says starting, then running',
      entry: 'StateWord.starting',
      also: ['StateWord.running', 'StateField.state'],
      is: 'starting, running',
      seen: ({words}) => words.join(', '),
    },
    {
      id: 'state.writer',
      words: 'stamps its state file with its own pid and start time',
      entry: 'HomeFile.state',
      seen: ({state, record}) => state.pid === record.pid && state.start_time === record.start_time,
    },
    {
      id: 'state.fields',
      words: 'has exit_reason null, restart_requested false, active_agents 0 and platforms in its state file while it runs',
      entry: 'HomeFile.state',
      seen: ({state}) =>
        state.exit_reason === null && state.restart_requested === false && state.active_agents === 0 && typeof state.platforms === 'object',
    },
    {
      id: 'state.updated',
      words: 'writes updated_at as ISO 8601 with a zone',
      entry: 'StateField.updatedAt',
      seen: ({state}) => /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)$/.test(String(state[StateField.updatedAt])),
    },
    {
      id: 'state.desired',
      words: 'leaves desired_state to others',
      entry: 'StateField.desired',
      is: 'absent',
      otherwise: 'absent',
      seen: ({state}) => (StateField.desired in state ? String(state[StateField.desired]) : 'absent'),
    },
    {
      id: 'heartbeat.file',
      words: 'writes its heartbeat at once when it runs, with its pid, updated_at and monotonic',
      entry: 'HomeFile.heartbeat',
      also: ['HomeFile.stateFolder'],
      seen: ({heartbeat, pid}) =>
        heartbeat.pid === pid && typeof heartbeat.monotonic === 'number' && typeof heartbeat.updated_at === 'string',
    },
    {
      id: 'tick.socket',
      words: 'answers 1 on the socket of its loop',
      entry: 'tickSocket',
      seen: ({tick}) => tick === '1',
    },
    {
      id: 'tick.told',
      words: 'says in its heartbeat whether it has that socket',
      entry: 'tickSocket',
      seen: ({heartbeat}) => typeof heartbeat.loop_tick_socket === 'boolean',
    },
    {
      id: 'control.identify',
      words: 'answers identify on its control socket with its pid',
      entry: 'HomeFile.controlSocket',
      also: ['GatewayLimit.controlAnswerSec'],
      seen: ({identity, pid}) => (identity.result as Json | undefined)?.pid === pid,
    },
    {
      id: 'lifecycle.running',
      words: 'writes phase running and its pid into its lifecycle file',
      entry: 'HomeFile.lifecycle',
      seen: ({lifecycle, pid}) => lifecycle.phase === 'running' && lifecycle.pid === pid,
    },
    {
      id: 'starts.ledger',
      words: 'adds a line to its ledger of starts, in seconds since the epoch',
      entry: 'HomeFile.starts',
      seen: ({starts}) => /^\d{10}\.\d+\n$/.test(starts),
    },
    {
      id: 'logs.gateway',
      words: 'logs into logs/gateway.log',
      entry: 'HomeFile.log',
      also: ['HomeFile.logFolder'],
      otherwise: null,
      seen: ({files: there}) => there.has(HomeFile.log),
    },
    {
      id: 'logs.diagnosis',
      words: 'notes its start in logs/gateway-exit-diag.log',
      entry: 'HomeFile.exitLog',
      otherwise: null,
      seen: ({diagnosis, pid}) => diagnosis.includes('"gateway.start"') && diagnosis.includes(String(pid)),
    },
    {
      id: 'logs.agent',
      words: 'logs into logs/agent.log and logs/errors.log, too',
      entry: 'HomeFile.agentLog',
      also: ['HomeFile.errorsLog'],
      seen: ({files: there}) => there.has(HomeFile.agentLog) && there.has(HomeFile.errorsLog),
    },
    {
      id: 'version.logs',
      words: GatewayHabit.versionWritesLogs,
      entry: 'GatewayHabit.versionWritesLogs',
      seen: ({versionFiles}) => versionFiles.has(HomeFile.agentLog),
    },
  ],
}

interface Beats {
  /** Between two heartbeats, s; undefined without one. */
  readonly everySec: number | undefined
}

export const beats: ClaimGroup<Beats> = {
  name: 'beats',
  isSlow: true,
  live: async (bench) => {
    const home = new Home(bench, 'beats')
    const life = await home.start()
    const beat = () => home.json(HomeFile.heartbeat)?.monotonic
    const isThere = await seenWithin(3000, () => beat() !== undefined)
    const first = beat()
    const isNext =
      isThere && (await seenWithin((GatewayLimit.heartbeatEverySec + 15) * 1000, () => beat() !== undefined && beat() !== first))
    const everySec = isNext ? Number(beat()) - Number(first) : undefined
    await life.stop()
    return {everySec}
  },
  claims: [
    {
      id: 'heartbeat.every',
      words: `renews its heartbeat every ${GatewayLimit.heartbeatEverySec} s`,
      entry: 'GatewayLimit.heartbeatEverySec',
      seen: ({everySec}) => everySec !== undefined && Math.abs(everySec - GatewayLimit.heartbeatEverySec) < 3,
    },
  ],
}
