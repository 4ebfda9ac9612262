import type {Scope, Service} from '../../service/service.js'
import path from 'node:path'
import {GatewayVariable} from '../../gateway/contract.js'
import {usageError} from '../../errors.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import type {Account, Door, Host} from '../../host/host.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import {HELPER_NAME, helperText, helperWords, toolPath} from '../../service/service-helper.js'
import {UNCOUNTED_MS} from '../../service/restart-policy.js'
import {formatSettings, type ServiceSettings} from '../../service/settings.js'
import {shellQuote} from '../../text/shell-quote.js'
import {renderTemplate} from '../../service/template.js'
import {shown} from '../../service/text-check.js'
import {unitPath} from '../../service/unit-path.js'
import type {DefinitionFile} from '../manager.js'
import type {Domain} from './domain.js'
import {formatEnvironment, refusedVariable} from './environment-file.js'
import {DEFINITION_VARIABLE, isEdited, refusedPlistText, renderPlist} from './plist.js'
import {stateFolderOf} from './paths.js'

/** What people read in System Settings, Login Items: the base name of what launchd runs. */
const LAUNCHER = 'hermes-gateway-launcher'
/** The launcher stays when the gateway ends, so this holds back only one that was killed. */
const THROTTLE_SEC = 1
/** What a launcher calls that was written before there was one helper for all of it. */
const FORMER_HELPER = '/before-start.sh'
/** How much longer launchd waits than the launcher, which kills the gateway when its time is up. */
const EXIT_MARGIN_SEC = 10
/** The most that a soft limit may be where the hard one is unlimited is 10240 (setrlimit(2) of macOS, OPEN_MAX). */
const OPEN_FILES = 8192

/** Where a service's files are. */
export interface DefinitionPaths {
  readonly plist: string
  /** Helper, launcher, settings and environment; root-owned in system scope. */
  readonly supportFolder: string
  readonly helper: string
  readonly startGateway: string
  readonly launcher: string
  readonly settings: string
  readonly environmentFile: string
  /** What the launcher and the helpers remember; the service's account writes there. */
  readonly stateFolder: string
  /** What the launcher and the gateway print. */
  readonly log: string
}

/** The folders of property lists, of our own files and of logs, for a scope and the account whose session it is. */
export function scopeFolders(scope: Scope, account: Account): {plists: string; support: string; logs: string} {
  const library = scope === 'system' ? '/Library' : path.join(account.home, 'Library')
  return {
    plists: path.join(library, scope === 'system' ? 'LaunchDaemons' : 'LaunchAgents'),
    support: path.join(library, 'Application Support/hermes-svc'),
    logs: path.join(library, 'Logs/hermes-svc'),
  }
}

export function definitionPaths(scope: Scope, service: Service): DefinitionPaths {
  const {plists, support, logs} = scopeFolders(scope, service.account)
  const supportFolder = path.join(support, service.name)
  return {
    plist: path.join(plists, `${service.name}.plist`),
    supportFolder,
    helper: path.join(supportFolder, HELPER_NAME),
    startGateway: path.join(supportFolder, 'start-gateway.sh'),
    launcher: path.join(supportFolder, LAUNCHER),
    settings: path.join(supportFolder, 'settings.json'),
    environmentFile: path.join(supportFolder, 'gateway.env'),
    stateFolder: stateFolderOf(support, service.name),
    log: path.join(logs, `${service.name}.log`),
  }
}

/** The variables of the property list; those of the environment file come on top. */
export function plistEnvironment(host: Host, service: Service, settings: ServiceSettings): Record<string, string> {
  const {account} = service
  return {
    // launchd promises none of the three.
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    PATH: unitPath(host, settings.home, account, settings.command),
    [GatewayVariable.home]: settings.home,
    // The gateway refuses a second start beside a supervised one if it knows that it is supervised.
    [GatewayVariable.supervisedChild]: '1',
  }
}

/** Longest that a stop of the service may take, in seconds. */
export function exitTimeoutSec(settings: ServiceSettings): number {
  return stopTimeoutSec(settings) + EXIT_MARGIN_SEC
}

/** Renders the files of a service for a domain. Throws a usage error for a value that a property list cannot carry. */
export async function renderDefinition(
  host: Host,
  installed: Door,
  scope: Scope,
  service: Service,
  settings: ServiceSettings,
  environment: ReadonlyMap<string, string>,
  domain: Domain,
): Promise<DefinitionFile[]> {
  const paths = definitionPaths(scope, service)
  for (const name of environment.keys()) {
    const refused = refusedVariable(name)
    if (refused !== undefined) throw usageError(`--env ${name}: this name ${refused}`)
  }
  const file = (name: string, text: string, mode = 0o644): DefinitionFile => ({
    path: name,
    text,
    mode,
    secret: false,
    isProgram: false,
    needsRestart: false,
    edited: false,
  })
  const files = [file(paths.helper, helperText(host), 0o755), file(paths.settings, formatSettings({...settings, domain: domain.kind}))]
  if (environment.size > 0)
    files.push({...file(paths.environmentFile, formatEnvironment(environment), 0o600), secret: true, needsRestart: true})
  const startGateway = await renderTemplate(host, 'launchd/start-gateway.sh.ejs', {
    definitionVariable: DEFINITION_VARIABLE,
    home: shellQuote(settings.home),
    environmentFile: environment.size > 0 ? shellQuote(paths.environmentFile) : '',
    command: gatewayArgv(settings.command, service.profile.name, settings.home).map(shellQuote).join(' '),
  })
  files.push({...file(paths.startGateway, startGateway, 0o755), needsRestart: true})
  // It needs no restart: a running launcher goes on as the new one when the gateway next ends. One of before there was the service helper calls
  // scripts that are not there any more by then.
  const needsRestart = installed.readText(paths.launcher)?.includes(FORMER_HELPER) === true
  files.push({...file(paths.launcher, await renderLauncher(host, paths, settings), 0o755), needsRestart})

  const variables = Object.entries(plistEnvironment(host, service, settings))
  const [logFile, workingDirectory] = [paths.log, paths.supportFolder]
  for (const [name, value] of [...variables, ['log', logFile] as const, ['folder', workingDirectory] as const]) {
    const refused = refusedPlistText(value)
    if (refused !== undefined) throw usageError(`The service's ${name}, ${shown(value)}, ${refused}`)
  }
  const plist = await renderPlist(host, 'launchd/gateway.plist.ejs', {
    label: service.name,
    arguments: [paths.launcher, paths.stateFolder],
    workingDirectory,
    environment: variables,
    user: scope === 'system' ? service.account.name : '',
    sessionType: domain.sessionType ?? '',
    throttleSec: THROTTLE_SEC,
    exitTimeoutSec: exitTimeoutSec(settings),
    openFiles: OPEN_FILES,
    logFile,
  })
  return [...files, {...file(paths.plist, plist), needsRestart: true, edited: isEdited(installed.readText(paths.plist) ?? '')}]
}

/** Renders the launcher alone. */
function renderLauncher(
  host: Host,
  {helper, startGateway}: DefinitionPaths,
  {home, policy, ...settings}: ServiceSettings,
): Promise<string> {
  const {restartDelayMs, capMs} = policy
  const isDelay = (word: string) => /^[a-z]+-ms=/.test(word)
  return renderTemplate(host, 'launchd/launcher.sh.ejs', {
    helper: shellQuote(helper),
    startGateway: shellQuote(startGateway),
    home: shellQuote(home),
    delays: helperWords('after-exit', {home, state: '', policy}).filter(isDelay).join(' '),
    stopTimeoutSec: stopTimeoutSec(settings),
    restartDelaySec: String(restartDelayMs / 1000),
    uncountedSec: String(Math.min(UNCOUNTED_MS, capMs) / 1000),
    sleep: shellQuote(toolPath(host, 'sleep')),
  })
}
