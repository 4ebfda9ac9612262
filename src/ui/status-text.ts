import type {LastEnd, ServiceReport} from '../observe/report.js'
import {onlineSentence, platformsCell, type Said} from './online-text.js'
import {NO_PAINT, type Paint} from './paint.js'
import {duration, inWords, table, widthOf, wrapped} from '../text/layout.js'
import {sizeText} from '../text/size.js'

const MARGIN = '  '

/** One service in full, for people; `width`: columns of the terminal. `nowMs`: since the epoch. `isStoppedUntilBoot`: by `stop --until-boot`. */
export function statusText(
  report: ServiceReport,
  paint: Paint = NO_PAINT,
  width?: number,
  nowMs?: number,
  isStoppedUntilBoot = false,
): string[] {
  const mood = isWell(report.actual) ? paint.good : isIll(report.actual) ? paint.bad : plain
  const {verdict} = report
  const pid = verdict.pid === null ? '' : `, pid ${verdict.pid}`
  const uptime = report.uptimeMs === null ? '' : `, up ${duration(report.uptimeMs)}`
  const rows = [
    ['service', `${report.service} (${report.manager}, ${placeText(report)}, profile ${report.profile})`],
    ['home', report.home],
    ['runs as', report.account],
    ['installed', installedText(report)],
    ['enabled', enabledText(report)],
    ['desired', report.desired ?? 'not recorded'],
    ['actual', mood(report.actual)],
    ['gateway', `${mood(verdict.state)}${pid}${uptime}`],
    ...verdict.evidence.map((line, index) => [index === 0 ? 'evidence' : '', line]),
    [
      'restarts',
      `${report.restarts}${report.failuresInARow > 0 ? `, ${report.failuresInARow} failure${report.failuresInARow === 1 ? '' : 's'} in a row` : ''}`,
    ],
    report.lastEnd ? ['last end', endText(report.lastEnd, nowMs)] : ['last exit', exitText(report)],
  ]
  if (report.bootReason !== undefined) rows.push(['last boot', report.bootReason])
  if (report.servedBy !== null) rows.push(['served by', `the gateway of profile ${report.servedBy}; this profile needs no service`])
  return [
    ...onlineLines({...report, desired: isStoppedUntilBoot ? 'until-boot' : report.desired}, width, moodOf(report, paint)),
    ...table(rows, width === undefined ? undefined : width - MARGIN.length)
      .flat()
      .map((line) => MARGIN + line),
  ]
}

/** Whether it runs and people reach it, in one sentence, and what to type if no chat was ever set up. */
export function onlineLines(report: Said, width = Infinity, mood: (text: string) => string = plain): string[] {
  const next = nextLines(report.online.advice?.next ?? [])
  return [...wrapped(onlineSentence(report), width, MARGIN).map(mood), ...next.map((line) => MARGIN + line)]
}

/** What to type next, one command a line. */
export function nextLines(commands: readonly string[]): string[] {
  return commands.map((line, index) => `${index === 0 ? 'Next: ' : '      '}${line}`)
}

function moodOf({actual, online}: ServiceReport, paint: Paint): (text: string) => string {
  if (isIll(actual) || (isWell(actual) && (online.state === 'offline' || online.state === 'partly'))) return paint.bad
  return isWell(actual) && online.state === 'online' && !online.advice ? paint.good : paint.strong
}

/**
 * All services in a table, for people. `width`: columns of the terminal; where they are too few the homes are left out, then memory and restarts, since
 * `status` shows them.
 */
export function listText(reports: readonly ServiceReport[], width?: number): string[] {
  const cell = (value: boolean | null) => (value === null ? '-' : value ? 'yes' : 'no')
  const rows = reports.map((report) => [
    report.profile,
    report.servedBy === null ? report.installed : `served by ${report.servedBy}`,
    report.installed === 'no' ? '-' : report.foreground ? FOREGROUND : (report.domain ?? report.scope),
    report.desired ?? '-',
    report.actual,
    platformsCell(report.online),
    cell(report.enabled),
    report.pid === null ? '-' : String(report.pid),
    report.uptimeMs === null ? '-' : duration(report.uptimeMs),
    String(report.restarts),
    report.memoryBytes === undefined ? '-' : sizeText(report.memoryBytes),
    report.home,
  ])
  const all = [
    ['PROFILE', 'INSTALLED', 'SCOPE', 'DESIRED', 'ACTUAL', 'PLATFORMS', 'ENABLED', 'PID', 'UP', 'RESTARTS', 'MEMORY', 'HOME'],
    ...rows,
  ]
  const shapes = [all, all.map((row) => row.slice(0, -1)), all.map((row) => row.slice(0, -3))].map((cells) => table(cells).flat())
  return shapes.find((lines) => width === undefined || lines.every((line) => widthOf(line) <= width)) ?? table(all, width).flat()
}

const plain = (text: string) => text
const isWell = (actual: string) => ['running', 'starting', 'draining'].includes(actual)
const isIll = (actual: string) => ['wedged', 'orphaned', 'crash-looping', 'waiting', 'failed'].includes(actual)

const FOREGROUND = 'foreground'

function placeText({foreground, domain, scope}: ServiceReport): string {
  return foreground ? FOREGROUND : (domain ?? `${scope} scope`)
}

function enabledText({installed, enabled, startsAtLogin, foreground}: ServiceReport): string {
  if (foreground) return 'no, nothing starts it at boot'
  if (installed !== 'no' && enabled === null) return 'cannot tell'
  if (installed === 'no' || !enabled) return 'no'
  return startsAtLogin ? 'yes, starts when its user logs in' : 'yes, starts at boot'
}

function installedText({installed, foreground}: ServiceReport): string {
  switch (installed) {
    case 'own':
      return 'yes'
    case 'adopted':
      return 'yes: a unit of another tool, with the restart policy of hermes-svc added'
    case 'foreign':
      return 'by another tool, without the restart policy of hermes-svc (to add it, type: hermes-svc install)'
    case 'no':
      return foreground ? 'no (to keep it running in the foreground, type: hermes-svc run)' : 'no'
    case 'run':
      return 'no: `hermes-svc run` keeps it running in the foreground'
    default:
      return installed
  }
}

/** Of a clock that was set back nothing is said of how long ago it was. */
function endText({text, time}: LastEnd, nowMs = NaN): string {
  const agoMs = nowMs - Date.parse(time)
  return agoMs >= 0 ? `${text}, ${inWords(agoMs)} ago` : text
}

function exitText({lastExit}: ServiceReport): string {
  if (lastExit === null) return 'none'
  return lastExit.how === 'exited' ? `exit status ${lastExit.status}` : `${lastExit.how} by signal ${lastExit.status}`
}
