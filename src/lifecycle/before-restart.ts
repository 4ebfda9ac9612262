import {faultText, judgeConfig} from '../gateway/config-check.js'
import {UpstreamCommand} from '../gateway/contract.js'
import {type UnderUpdate, updateUnderWay} from '../gateway/update-marks.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {shellWord} from '../text/shell-quote.js'
import type {Observation} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import {failsToStart} from '../service/gateway-command.js'
import type {ServiceSettings} from '../service/settings.js'
import {upstreamCommand} from '../service/upstream-command.js'
import {ownCommand} from './own-command.js'

// The one place that decides whether a gateway may be ended to start another: everything that restarts one asks here first, before anything is done.

/** Something with which the next gateway would not be what this one is. */
export interface Obstacle {
  readonly kind: 'config' | 'program' | 'update'
  /** One clause. */
  readonly what: string
  readonly evidence: readonly string[]
  /** What to type to have it away. */
  readonly cure: readonly string[]
}

/** What is known before a start. */
export interface Outlook {
  readonly obstacles: readonly Obstacle[]
  /** What could not be told, one clause each. */
  readonly unsure: readonly string[]
}

/** What the gateway would find at its next start: its configuration, and whether its checkout is whole. Reads only; never throws for what it finds. */
async function lookAhead(target: Target, settings: ServiceSettings | undefined): Promise<Outlook> {
  const {userHost, service} = target
  const {faults, unsure} = await judgeConfig(userHost, service.profile.home)
  const config = faults.map((fault): Obstacle => {
    const edit = fault.kind === 'unreadable' ? `ls -l ${shellWord(fault.file)}` : `\${EDITOR:-nano} ${shellWord(fault.file)}`
    return {kind: 'config', what: faultText(fault), evidence: [], cure: [edit]}
  })
  const update = updateUnderWay(target, service.profile, settings?.command ?? [])
  return {obstacles: [...config, ...(update ? [ofUpdate(target, update, settings?.command)] : [])], unsure}
}

function ofUpdate({host, service}: Target, {kind, mark, pid, checkout}: UnderUpdate, command: readonly string[] | undefined): Obstacle {
  const where = checkout === undefined ? '' : ` in ${checkout}`
  const typed = upstreamCommand(host, service.profile, service.account, UpstreamCommand.update, command?.length ? command : undefined)
  return kind === 'works'
    ? {
        kind: 'update',
        what: `an update of the gateway is running${where} (pid ${pid})`,
        evidence: [mark],
        cure: ['run the same command again after the update'],
      }
    : {
        kind: 'update',
        what: `an update of the gateway did not finish${where}: the code is new, but packages may be missing`,
        evidence: [mark],
        cure: [`${typed}   # finishes the update`],
      }
}

/** How somebody asks for a restart. */
export interface RestartWish {
  /** Restart it whatever comes next. */
  readonly evenBroken: boolean
  /** What to type to have that. */
  readonly anyway: string
  /** The gateway's program has just been proved. */
  readonly isProved?: boolean
}

/**
 * Throws (exit 1) where a gateway lives that would be ended for one that could not load its configuration, or not start: nothing is done then. Where none
 * lives there is nothing to lose. Returns what is to be said before it is done all the same. Runs the gateway's program for its version; writes nothing.
 */
export async function requireGoodOutlook(target: Target, seen: Observation, wish: RestartWish): Promise<string[]> {
  const {settings} = seen.manager
  const outlook = await lookAhead(target, settings)
  const lives = isWorking(seen)
  const isAsked = lives && !wish.evenBroken && !wish.isProved
  const program = isAsked && outlook.obstacles.length === 0 ? await tryProgram(target, seen) : {obstacles: [], unsure: []}
  const obstacles = [...outlook.obstacles, ...program.obstacles]
  const [first] = obstacles
  if (first && lives && !wish.evenBroken) {
    const {service} = target
    const more = obstacles.slice(1).map(({what}) => what)
    throw new ServiceError(`${service.name} keeps running (pid ${seen.verdict.pid}), because ${WHY[first.kind]}: ${first.what}`, {
      code: CODES[first.kind],
      exitStatus: ExitStatus.failed,
      evidence: [...more, ...obstacles.flatMap(({evidence}) => evidence)],
      next: [...new Set(obstacles.flatMap(({cure}) => cure)), ...fixOf(target, first), `${wish.anyway}   # restarts it anyway`],
    })
  }
  return [...obstacles.map(({kind, what}) => `${WARNING[kind]}: ${what}`), ...outlook.unsure, ...program.unsure]
}

/** What is to be said before a start, which ends nothing. */
export async function startWarnings(target: Target, seen: Observation): Promise<string[]> {
  const {obstacles, unsure} = await lookAhead(target, seen.manager.settings)
  return [...obstacles.map(({kind, what}) => `${WARNING[kind]}: ${what}`), ...unsure]
}

const WHY: Readonly<Record<Obstacle['kind'], string>> = {
  config: 'a new gateway could not load its configuration',
  program: 'its program no longer starts',
  update: 'a new gateway would start with half of an update',
}
const WARNING: Readonly<Record<Obstacle['kind'], string>> = {
  config: 'The gateway cannot load its configuration and uses its defaults',
  program: 'The gateway may not start',
  update: 'The gateway may not start',
}
const CODES: Readonly<Record<Obstacle['kind'], string>> = {
  config: 'config-broken',
  program: 'gateway-command',
  update: 'update-under-way',
}

const fixOf = (target: Target, {kind}: Obstacle): string[] =>
  kind === 'config' ? [`${ownCommand(target, 'fix config')}   # restores the last configuration that worked, if there is one`] : []

/** It lives, and nothing shows that it does not work: what cannot be told counts for it. */
function isWorking({verdict}: Observation): boolean {
  return verdict.pid !== undefined && verdict.state !== 'dead' && verdict.state !== 'wedged'
}

/** Only of a command that we know as such: another tool's definition may have words before it that only that tool understands. */
async function tryProgram(target: Target, {manager: {settings, installed}}: Observation): Promise<Outlook> {
  const isKnown = settings !== undefined && (installed === 'own' || (installed === 'adopted' && settings.commandIsGiven))
  if (!isKnown) return {obstacles: [], unsure: []}
  const environment = commandEnvironment(target, settings, target.manager.definition.readEnvironment(target.service))
  const fault = await failsToStart(target.userHost, settings.command, environment)
  if (!fault) return {obstacles: [], unsure: []}
  if (fault.isTime) return {obstacles: [], unsure: [fault.why]}
  const {why, evidence} = fault
  const cure = [`${ownCommand(target, 'install --command /path/to/hermes')}   # if hermes is somewhere else now`]
  return {obstacles: [{kind: 'program', what: why, evidence, cure}], unsure: []}
}

/** All variables that a service's gateway gets, so that a probe of its program sees no more than the service will. */
export function commandEnvironment(
  {manager, service}: Target,
  settings: ServiceSettings,
  environment: ReadonlyMap<string, string>,
): Record<string, string> {
  const {account} = service
  return {
    ...{HOME: account.home, USER: account.name, LOGNAME: account.name, SHELL: '/bin/sh', LANG: 'C.UTF-8'},
    ...manager.definition.unitEnvironment(service, settings),
    ...Object.fromEntries(environment),
  }
}
