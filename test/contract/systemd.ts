import {execFileSync, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {GatewayExit, GatewayHabit, HomeFile, plannedRestartUnit, StateField, StateWord} from '../../src/gateway/contract.js'
import {type ClaimGroup, NotTried} from './claim.js'
import {Home, type Json, pause, seenWithin} from './life.js'

const NAME = 'hermes-gateway'
const UNIT = `${NAME}.service`

interface UnderSystemd {
  readonly isRewritten: boolean
  readonly restart: {
    readonly end: string
    readonly state: Json
    readonly unit: boolean
    readonly comesAgain: boolean
    readonly hasNote: boolean
  }
  readonly stop: {readonly end: string; readonly word: string | undefined}
  readonly planned: string
}

function systemctl(...words: readonly string[]): string {
  return spawnSync('systemctl', ['--user', ...words], {encoding: 'utf8'}).stdout.trim()
}

/** sh program, run after each end of a gateway. $1: where to write, $2: the home. */
const NOTE = `systemctl --user list-units --all --plain --no-legend '${plannedRestartUnit(NAME)}*' >"$1.units"
cat "$2/${HomeFile.state}" >"$1.state"
if [ -e "$2/${HomeFile.restartPending}" ]; then : >"$1.note"; fi
echo "$EXIT_STATUS" >>"$1"
`

/** A unit that restarts nothing by itself, and notes how each of its gateways ended. Upstream rewrites the unit, so all that counts is in a drop-in. */
function writeUnit(home: Home, ends: string): string {
  const folder = path.join(os.homedir(), '.config/systemd/user')
  fs.mkdirSync(path.join(folder, `${UNIT}.d`), {recursive: true})
  const command = [...home.bench.command, 'gateway', 'run'].map((word) => `"${word}"`).join(' ')
  const note = `${ends}.sh`
  fs.writeFileSync(note, NOTE)
  const service = [
    '[Service]',
    'ExecStart=',
    `ExecStart=${command}`,
    ...Object.entries(home.environment).map(([name, value]) => `Environment=${name}=${value}`),
    'Restart=no',
    'ExecStopPost=',
    `ExecStopPost=-/bin/sh ${note} ${ends} ${home.root}`,
    `StandardOutput=append:${home.account}/output`,
    `StandardError=append:${home.account}/output`,
    '',
  ].join('\n')
  fs.writeFileSync(path.join(folder, UNIT), `${service}\n[Install]\nWantedBy=default.target\n`)
  fs.writeFileSync(path.join(folder, `${UNIT}.d`, '10-contract.conf'), service)
  systemctl('daemon-reload')
  return path.join(folder, UNIT)
}

/** What gateways do as a service of systemd's. */
export const systemd: ClaimGroup<UnderSystemd> = {
  name: 'systemd',
  live: async (bench) => {
    if (bench.whyNoSystemd !== undefined) throw new NotTried(bench.whyNoSystemd)
    const home = new Home(bench, 'systemd', 'life', os.homedir())
    fs.writeFileSync(path.join(home.account, 'output'), '')
    const ends = path.join(bench.folder, 'systemd-ends')
    const unit = writeUnit(home, ends)
    const lastEnd = () => (fs.existsSync(ends) ? fs.readFileSync(ends, 'utf8').trim().split('\n') : [])
    const up = async (formerPid?: number): Promise<number> => {
      const isUp = () => home.word === StateWord.running && home.pid !== undefined && home.pid !== formerPid && home.state?.pid === home.pid
      if (!(await seenWithin(90_000, isUp))) throw new NotTried(`no gateway came up under systemd: ${home.lastWords}`)
      return home.pid ?? 0
    }
    try {
      const before = fs.readFileSync(unit, 'utf8')
      systemctl('start', UNIT)
      const pid = await up()
      await pause(2000)
      const isRewritten = fs.readFileSync(unit, 'utf8') !== before
      execFileSync('kill', ['-USR1', String(pid)])
      if (!(await seenWithin(60_000, () => lastEnd().length === 1))) throw new NotTried('it did not end on SIGUSR1')
      const units = fs.readFileSync(`${ends}.units`, 'utf8')
      const comesAgain = await seenWithin(30_000, () => home.pid !== undefined && home.pid !== pid)
      const restart = {
        end: lastEnd()[0] ?? '',
        state: JSON.parse(fs.readFileSync(`${ends}.state`, 'utf8')) as Json,
        unit: units.includes(plannedRestartUnit(NAME) + String(pid)),
        comesAgain,
        hasNote: fs.existsSync(`${ends}.note`),
      }
      if (!comesAgain) systemctl('start', UNIT)
      await up(pid)
      await pause(1000)
      systemctl('stop', UNIT)
      const stop = {end: lastEnd()[1] ?? '', word: home.word}
      systemctl('reset-failed', UNIT)
      systemctl('start', UNIT)
      home.planStop(await up())
      systemctl('stop', UNIT)
      return {isRewritten, restart, stop, planned: lastEnd()[2] ?? ''}
    } finally {
      systemctl('kill', '--signal=KILL', UNIT)
      systemctl('stop', UNIT)
    }
  },
  claims: [
    {
      id: 'systemd.restart-status',
      words: GatewayHabit.restartEndsCleanUnderSystemd,
      entry: 'GatewayHabit.restartEndsCleanUnderSystemd',
      is: String(GatewayExit.stopped),
      otherwise: String(GatewayExit.restart),
      seen: ({restart}) => restart.end,
    },
    {
      id: 'systemd.restart-state',
      words: 'says stopped with restart_requested true then',
      entry: 'GatewaySignal.restart',
      is: 'stopped, true',
      seen: ({restart: {state}}) => `${String(state[StateField.state])}, ${String(state.restart_requested)}`,
    },
    {
      id: 'systemd.restart-note',
      words: 'has left .restart_pending.json by then',
      entry: 'HomeFile.restartPending',
      otherwise: null,
      seen: ({restart}) => restart.hasNote,
    },
    {
      id: 'systemd.restart-unit',
      words: 'has a transient unit of its own wait for its end, and start its service again',
      entry: 'plannedRestartUnit',
      is: 'unit, started',
      otherwise: null,
      seen: ({restart}) => `${restart.unit ? 'unit' : 'no unit'}, ${restart.comesAgain ? 'started' : 'down'}`,
    },
    {
      id: 'systemd.rewrites',
      words: GatewayHabit.rewritesUnit,
      entry: 'GatewayHabit.rewritesUnit',
      seen: ({isRewritten}) => isRewritten,
    },
    {
      id: 'systemd.stop',
      words: 'ends with 1 where systemd stops it and nobody has announced that',
      is: '1',
      seen: ({stop}) => stop.end,
    },
    {
      id: 'systemd.planned',
      words: `ends with ${GatewayExit.stopped} where that was announced`,
      entry: 'HomeFile.plannedStop',
      is: String(GatewayExit.stopped),
      otherwise: null,
      seen: ({planned}) => planned,
    },
  ],
}
