import {waitUntil} from '../../../host/wait-until.js'
import path from 'node:path'
import {HomeFile} from '../../../gateway/contract.js'
import {commandLine, type CheckDefinition, defineCheck} from '../../../doctor/check.js'
import type {Found} from '../../../doctor/finding.js'
import type {Scene} from '../../../doctor/scene.js'
import {readProcess} from '../../../gateway/process.js'
import {HostError} from '../../../host/host.js'
import {controlAccount} from '../ownership.js'
import {scanDirectory, slotPaths} from '../paths.js'
import {changeStep} from '../programs.js'
import {lookAt, type SlotReading, type SlotState} from '../svstat.js'

const SETTLE_TIMEOUT_MS = 10_000
const SETTLE_POLL_MS = 50
/** What ends so often, and is so young, is started in vain each second. */
const FAILING_ENDS = 3
const YOUNG_SEC = 5
/** timeout(1), whose time is up. */
const TIMEOUT_STATUS = 124

interface Evidence {
  readonly folder: string
  readonly reading: SlotReading
  /** Its process writes to the container's log alone: what log/run does where the folder cannot be written. */
  readonly isConsoleOnly: boolean
  /** What on the way to its files is not the gateway's user's, one sentence each. */
  readonly foreign: readonly string[]
}

/** The logger of a slot that does not run, or cannot keep the log. A pipe whose reader is gone takes 64 KB, and then holds whoever writes. */
export const definition: CheckDefinition<Evidence> = {
  id: 'logger',
  title: 'an s6 logger that does not run, or that cannot write to its log folder',
  why: 'The output of the gateway is kept only in the log of the container.',
  seeByHand: [
    ['s6-svstat /run/service/gateway-default/log', 'whether the logger runs, and since when'],
    [`ls -la ~/.hermes/${HomeFile.s6Logs}/default`, 'who owns the log folder, and each file in it'],
    [`tail -n 20 ~/.hermes/${HomeFile.s6Logs}/default/current`, 'the newest lines of the log'],
  ],
  whatTheFixDoes:
    'The fix restarts the logger. When the logger starts, it gives files in its log folder that belong to root back to the user of the gateway.',
  ifItComesBack:
    'Another container on the same volume holds the lock of the log folder, or something creates files there as root, for example "docker exec" without a user. The finding says which.',
  needsService: true,
  needsManager: true,
  managers: ['s6'],
  look: (scene) => ({folder: placesOf(scene).logs, ...look(scene), foreign: foreignPlaces(scene)}),
  diagnose: (scene, {folder, reading, isConsoleOnly, foreign}) => {
    const {name, account} = scene.target.service
    // A slot that nobody supervises, or that may not be looked at, is told elsewhere.
    if (reading === 'none' || reading === 'hidden') return []
    const isDown = !reading.up && (!reading.wantedUp || reading.forSec >= YOUNG_SEC)
    const isFailing = isDown || endsAgainAndAgain(reading)
    if (!isFailing && !isConsoleOnly) return []
    const locked = `another logger holds ${folder}/lock, for example in another container that uses this volume`
    const cause = foreign.length > 0 ? foreign : [locked]
    const cure = [`ls -ld ${folder} && ls -l ${folder}   # all of this should belong to ${account.name}`, commandLine(scene, 'fix logger')]
    const found: Found = isFailing
      ? {
          ...{kind: 'down', severity: 'error', what: `the logger of ${name} does not run`},
          why: 'The pipe to the logger holds 64 KB. When it is full, the gateway blocks at its next line of output.',
          ...{evidence: [...(reading.wantedUp ? cause : ['the logger was stopped']), `the logger has ended ${reading.deaths} times`], cure},
        }
      : {kind: 'console-only', severity: 'warning', what: `the logger of ${name} cannot write to ${folder}`, evidence: cause, cure}
    return [found]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene, {reading}) => {
      const {target} = scene
      const former = pidOf(reading)
      const place = `${placesOf(scene).slot}/log`
      const as = controlAccount(target.host, place, target.service.account)
      return {
        title: `restart the logger of ${target.service.name}`,
        // Its run script gives back what is root's on the way. -t does nothing to one that is down.
        steps: [
          changeStep('start the logger if it is down', ['s6-svc', '-u', place], as),
          changeStep('restart the logger, so that it opens its log folder again', ['s6-svc', '-t', place], as),
        ],
        verify: async () => {
          // Until its run script has become what reads the pipe nothing can be said of it.
          await waitUntil(target.host, {limitMs: SETTLE_TIMEOUT_MS, everyMs: SETTLE_POLL_MS}, () => {
            const now = look(scene)
            return now.isSettled && pidOf(now.reading) !== former
          })
        },
        outcome: `the logger of ${target.service.name} was restarted`,
      }
    },
  },
}

function pidOf(reading: SlotReading): number | undefined {
  return typeof reading === 'object' ? reading.pid : undefined
}

/** Started anew by hand it ends with 0, or by a signal. */
function endsAgainAndAgain({lastExit, deaths, forSec}: SlotState): boolean {
  const hasFailed = lastExit?.how === 'exited' && ![0, TIMEOUT_STATUS].includes(lastExit.status)
  return hasFailed && deaths >= FAILING_ENDS && forSec < YOUNG_SEC
}

function placesOf({target: {host, service}}: Scene) {
  return slotPaths(scanDirectory(host), service)
}

function look(scene: Scene): Pick<Evidence, 'reading' | 'isConsoleOnly'> & {readonly isSettled: boolean} {
  const {host, service} = scene.target
  const {slot, logs} = placesOf(scene)
  const as = controlAccount(host, `${slot}/log`, service.account)
  const [reading = 'none'] = lookAt({host}, [`${slot}/log`], as)
  const pid = pidOf(reading)
  const argv = pid === undefined ? [] : (readProcess(host, pid)?.argv ?? [])
  const isReader = argv.some((word) => path.basename(word) === 's6-log')
  return {reading, isConsoleOnly: isReader && !argv.includes(logs), isSettled: isReader}
}

/** From the home down to the files that s6-log writes. */
function foreignPlaces(scene: Scene): string[] {
  const {host, userHost, service} = scene.target
  const {logs} = placesOf(scene)
  const folders = [path.join(service.profile.root, HomeFile.logFolder), path.dirname(logs), logs]
  const places = [...folders, ...['current', 'lock', 'state'].map((name) => path.join(logs, name))]
  return places.flatMap((place) => {
    try {
      const stat = userHost.lstat(place)
      if (!stat || stat.uid === service.account.uid) return []
      return [`${place} belongs to ${host.accountOf(stat.uid)?.name ?? `uid ${stat.uid}`}`]
    } catch (error) {
      if (error instanceof HostError) return [error.message]
      throw error
    }
  })
}

export const check = defineCheck(definition)
