import type {Scope, Service} from '../../service/service.js'
import path from 'node:path'
import {GatewayVariable, DEFAULT_PROFILE} from '../../gateway/contract.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import type {Account, Door, Host} from '../../host/host.js'
import {accountNamed} from '../../host/account-door.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import {HELPER_NAME, helperText, type HelperVerb, helperWords, toolPath} from '../../service/service-helper.js'
import {homeMarks} from '../../service/home-mark.js'
import {describePolicy, limitComment} from './policy-comment.js'
import {restartPauseText, START_LIMIT} from './start-limit.js'
import {formatSettings, type ServiceSettings} from '../../service/settings.js'
import {renderTemplate} from '../../service/template.js'
import {unitPath} from '../../service/unit-path.js'
import {checksum} from '../../service/checksum.js'
import type {DefinitionFile} from '../manager.js'
import {
  environmentAssignment,
  environmentFileLine,
  execWord,
  freeText,
  isSafeProgram,
  pathListEntry,
  pathSetting,
  patternSetting,
} from './escape.js'
import {execStartOf, valuesOf} from './exec-start.js'
import {syslogIdentifier} from './logs.js'
import {type UnitPlace, withoutSpecifiers} from './specifiers.js'
import {runtimeDirectoryOf} from './paths.js'

/** How each file of systemd's that we wrote begins; upstream's rewriting of the unit takes the line away. */
const OWN_MARK = '# Written by hermes-svc'
const CHECKSUM_MARK = '# Checksum: '
export const DROP_IN_NAME = '10-hermes-svc.conf'
/** A start may wait for the longest delay; this much more is for the start itself. */
const START_MARGIN_SEC = 60
/** sh: fails, and says why, where $0 is not the home that was installed. */
const HOME_TEST =
  homeMarks('/')
    .map((mark) => `test -e "$0${mark}" || `)
    .join('') + '{ echo "hermes-svc: $0 is not there, or not the home that was installed: is its file system mounted?" >&2; exit 1; }'

/** Where a service's files are. */
export interface DefinitionPaths {
  readonly unit: string
  readonly dropInFolder: string
  readonly dropIn: string
  /** Helper, settings and environment of this service; root-owned for system scope. */
  readonly supportFolder: string
  readonly helper: string
  readonly settings: string
  readonly environmentFile: string
}

/** The folders that hold units and our own files, for a scope and the account whose user manager it is. */
export function scopeFolders(scope: Scope, account: Account): {units: string; support: string} {
  if (scope === 'system') return {units: '/etc/systemd/system', support: '/etc/hermes-svc'}
  return {units: path.join(account.home, '.config/systemd/user'), support: path.join(account.home, '.config/hermes-svc')}
}

export function definitionPaths(scope: Scope, service: Service): DefinitionPaths {
  const {units, support} = scopeFolders(scope, service.account)
  const unit = path.join(units, service.name)
  const supportFolder = path.join(support, service.name.replace(/\.service$/, ''))
  return {
    unit,
    dropInFolder: `${unit}.d`,
    dropIn: path.join(`${unit}.d`, DROP_IN_NAME),
    supportFolder,
    helper: path.join(supportFolder, HELPER_NAME),
    settings: path.join(supportFolder, 'settings.json'),
    environmentFile: path.join(supportFolder, 'gateway.env'),
  }
}

/** The folder of the helpers' memory below the runtime folder (RuntimeDirectory=, systemd.exec(5)). */
export function runtimeDirectoryName(service: Service): string {
  return runtimeDirectoryOf(service.name.replace(/\.service$/, ''))
}

/** True for a file of systemd's that we wrote, edited since or not. */
export function isOwn(text: string): boolean {
  return text.startsWith(OWN_MARK)
}

/** True for a file that we wrote and somebody changed by hand: its second line no longer fits the rest. */
export function isEdited(text: string): boolean {
  return isOwn(text) && stamped(text) !== text
}

/** Puts a checksum of the text into its second line, in place of one that is there. */
export function stamped(text: string): string {
  const [first = '', ...rest] = text.split('\n')
  const body = rest.filter((line, index) => index > 0 || !line.startsWith(CHECKSUM_MARK))
  const sum = checksum([first, ...body].join('\n'))
  return [first, `${CHECKSUM_MARK}${sum} (an edit by hand is told by it, and kept)`, ...body].join('\n')
}

/** The variables of the unit itself; those of the environment file come on top. */
export function unitEnvironment(host: Host, scope: Scope, service: Service, settings: ServiceSettings): Record<string, string> {
  const {account} = service
  return {
    ...(scope === 'system' ? {HOME: account.home, USER: account.name, LOGNAME: account.name} : {}),
    PATH: unitPath(host, settings.home, account, settings.command),
    [GatewayVariable.home]: settings.home,
    // The gateway refuses a second start beside a supervised one if it knows that it is supervised.
    [GatewayVariable.supervisedChild]: '1',
  }
}

/**
 * Renders the files of a service. `withUnit` is false for an adopted service, whose own unit is kept; a command of ours stands in
 * the drop-in, which nobody else writes. `hasRestartSteps`: the running systemd knows RestartSteps=.
 */
export async function renderDefinition(
  host: Host,
  installed: Door,
  scope: Scope,
  service: Service,
  settings: ServiceSettings,
  environment: ReadonlyMap<string, string>,
  options: {withUnit: boolean; hasRestartSteps: boolean},
): Promise<DefinitionFile[]> {
  const paths = definitionPaths(scope, service)
  const command = startWords(host, service, settings).map(execWord).join(' ')
  const file = (name: string, text: string, mode = 0o644): DefinitionFile => ({
    path: name,
    text,
    mode,
    secret: false,
    isProgram: false,
    needsRestart: false,
    edited: false,
  })
  const unitFile = (name: string, text: string, needsRestart: boolean): DefinitionFile => ({
    ...file(name, stamped(text)),
    needsRestart,
    edited: isEdited(installed.readText(name) ?? ''),
  })

  const files = [file(paths.helper, helperText(host), 0o755), file(paths.settings, formatSettings(settings))]
  const entries = [...environment].map(([name, value]) => environmentFileLine(name, value))
  if (entries.length > 0) {
    const text = ['# Written by hermes-svc; read by systemd for the gateway alone.', ...entries, ''].join('\n')
    files.push({...file(paths.environmentFile, text, 0o600), secret: true, needsRestart: true})
  }
  // The unit alone has them too: a drop-in can be switched off, or be read by nobody.
  const pace = {
    startLimitIntervalSec: START_LIMIT.intervalSec,
    startLimitBurst: START_LIMIT.burst,
    restartSec: restartPauseText(settings.policy),
  }
  const dropIn = await renderTemplate(host, 'systemd/10-hermes-svc.conf.ejs', {
    ...pace,
    arithmetic: describePolicy(settings.policy),
    hasRestartSteps: options.hasRestartSteps,
    runtimeDirectory: runtimeDirectoryName(service),
    // By its path: the gateway's own variables, PATH among them, hold for the helpers too.
    sleep: execWord(toolPath(host, 'sleep')),
    helper: execWord(paths.helper),
    beforeStart: helperCall('before-start', service, settings),
    beforeStop: helperCall('before-stop', service, settings),
    reload: helperCall('reload', service, settings),
    afterExit: helperCall('after-exit', service, settings),
    home: execWord(settings.home),
    timeoutStartSec: Math.ceil(settings.policy.capMs / 1000) + START_MARGIN_SEC,
    stopArithmetic: `the gateway's own drain (${settings.drainSec} s, cron ${settings.cronDrainSec} s) and what it needs around it`,
    timeoutStopSec: stopTimeoutSec(settings),
    // Upstream rewrites the unit at each start: what must hold stands here.
    command: holdsCommand(settings) ? command : '',
    mountsFor: scope === 'system' ? pathListEntry(settings.home) : '',
    homeTest: HOME_TEST,
    workingDirectory: pathSetting(settings.home),
    identifier: syslogIdentifier(service),
    environmentFile: entries.length > 0 ? patternSetting(paths.environmentFile) : '',
  })
  const before = {unit: installed.readText(paths.unit) ?? '', dropIn: installed.readText(paths.dropIn) ?? ''}
  const withDropIn = (unit: string) => [...files, unitFile(paths.dropIn, dropIn, runsOtherwise(before, {unit, dropIn}))]
  if (!options.withUnit) return withDropIn(before.unit)

  const {account} = service
  const text = await renderTemplate(host, 'systemd/gateway.service.ejs', {
    ...pace,
    arithmetic: limitComment(settings.policy),
    dropInName: `${service.name}.d/${DROP_IN_NAME}`,
    description: freeText(
      `Hermes Agent Gateway (${settings.profile === DEFAULT_PROFILE ? 'default profile' : `profile ${settings.profile}`})`,
    ),
    // The bus of the user's own manager is needed by the gateway's scheduled workers.
    after: scope === 'system' ? `network-online.target user@${account.uid}.service` : 'network-online.target',
    user: scope === 'system' ? freeText(account.name) : '',
    group: scope === 'system' ? String(account.gid) : '',
    command,
    workingDirectory: pathSetting(settings.home),
    environment: Object.entries(unitEnvironment(host, scope, service, settings)).map(([name, value]) => environmentAssignment(name, value)),
    wantedBy: scope === 'system' ? 'multi-user.target' : 'default.target',
  })
  return [...withDropIn(text), unitFile(paths.unit, text, startsOtherwise(before.unit, text))]
}

/** The words behind the helper's name in an Exec line. `%t` is the folder of runtime folders, of the machine or of the user (systemd.unit(5)). */
function helperCall(verb: HelperVerb, service: Service, {home, policy}: ServiceSettings): string {
  const state = `%t/${runtimeDirectoryName(service)}`
  return helperWords(verb, {home, state, policy})
    .map((word) => (word === `state=${state}` ? `"${word}"` : execWord(word)))
    .join(' ')
}

/** Our drop-in says what the gateway is started by: another tool's unit keeps its own command, unless one was given. */
export function holdsCommand({commandIsGiven, createdDefinition}: ServiceSettings): boolean {
  return commandIsGiven || createdDefinition
}

/** The words that a unit of a service with these settings starts. */
export function startWords(host: Host, service: Service, settings: ServiceSettings): readonly string[] {
  return carried(host, gatewayArgv(settings.command, service.profile.name, settings.home))
}

/** A drop-in that gives, or gave, the gateway's command makes it another one. `unit`: its text before and after. */
function runsOtherwise(before: {unit: string; dropIn: string}, after: {unit: string; dropIn: string}): boolean {
  const words = (texts: readonly string[]) => execStartOf(texts).words.join('\0')
  if (words([before.dropIn]) === words([after.dropIn])) return false
  return words([before.unit, before.dropIn]) !== words([after.unit, after.dropIn])
}

/** What a unit says of the gateway's process differs, not only what systemd goes by itself, or a comment. */
function startsOtherwise(installed: string, wanted: string): boolean {
  const [before, after] = [installed, wanted].map((text) => {
    const section = text.split(/^(?=\[)/m).find((part) => part.startsWith('[Service]')) ?? ''
    return section.split('\n').filter((line) => !/^(?:#|$|Restart\w*=|SuccessExitStatus=)/.test(line))
  })
  return before?.join('\n') !== after?.join('\n')
}

/**
 * A command whose program systemd would not take is started by one that it takes, and which replaces itself with it and changes nothing
 * else (a shell would set variables, and env take a path with "=" for one).
 */
function carried(host: Host, argv: readonly string[]): readonly string[] {
  return isSafeProgram(argv[0] ?? '') ? argv : [toolPath(host, 'nice'), '-n', '0', ...argv]
}

/**
 * Whom a unit of the machine runs as, by the text of its file: without User= it is root (systemd.exec(5)). Undefined if the user database does not know
 * them; `place.account` is known without asking it.
 */
export function accountOfUnit(host: Host, text: string, place: UnitPlace): Account | undefined {
  const {account} = place
  const user = userOfUnit(text, place)
  return user === account.name || user === String(account.uid) ? account : accountNamed(host, user)
}

/** The value of User= in a unit, a name or a uid; `0` without one. */
export function userOfUnit(text: string, place: UnitPlace): string {
  const user = valuesOf(text, 'User').at(-1) || '0'
  return withoutSpecifiers(user, place) ?? user
}
