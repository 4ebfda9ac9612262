import {ExitStatus, ServiceError, usageError} from '../../errors.js'
import {GatewayVariable} from '../../gateway/contract.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import type {Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import type {Resources} from '../../service/resources.js'
import {UNCOUNTED_MS} from '../../service/restart-policy.js'
import type {Scope, Service} from '../../service/service.js'
import {helperText, helperWords, toolPath} from '../../service/service-helper.js'
import {formatSettings, type ServiceSettings} from '../../service/settings.js'
import {renderTemplate} from '../../service/template.js'
import {shown} from '../../service/text-check.js'
import {unitPath} from '../../service/unit-path.js'
import {shellQuote} from '../../text/shell-quote.js'
import {definitionFile} from '../definition-file.js'
import type {Definition, DefinitionFile, UsedProgram} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {formatEnvironment, parseEnvironment, refusedVariable} from './environment-file.js'
import {definitionEvidence, driftOf, exitTimeoutSec, ownFiles} from './evidence.js'
import {type DefinitionPaths, definitionPaths} from './paths.js'
import {DEFINITION_VARIABLE, isEdited, isOwn, refusedPlistText, renderPlist} from './plist.js'
import {isMadeByUs, type Launchd} from './whereabouts.js'

/** The launcher stays when the gateway ends, so this holds back only one that was killed. */
const THROTTLE_SEC = 1
/** What a launcher calls that was written before there was one helper for all of it. */
const FORMER_HELPER = '/before-start.sh'
/** The most that a soft limit may be where the hard one is unlimited is 10240 (setrlimit(2) of macOS, OPEN_MAX). */
const OPEN_FILES = 8192

/** The variables of the property list; those of the environment file come on top. */
function plistEnvironment(host: Host, service: Service, settings: ServiceSettings): Record<string, string> {
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

/** See Definition. */
export function definition(launchd: Launchd): Definition {
  const {host, scope, files} = launchd
  const paths = (service: Service) => definitionPaths(scope, service)
  return {
    noun: 'property list',
    render: (service, settings, environment) => renderDefinition(launchd, service, settings, environment),
    refusedResources: (resources) => refusedResources(scope, resources),
    readEnvironment: (service) => orNoAccess(() => parseEnvironment(files.readText(paths(service).environmentFile) ?? '')),
    unitEnvironment: (service, settings) => plistEnvironment(host, service, settings),
    evidence: (observation) => {
      const scripts = ownFiles(scope, observation.service).filter(({role}) => role === 'helper')
      return definitionEvidence(
        observation,
        scripts.map(({path}): UsedProgram => ({path, role: 'helper'})),
      )
    },
    drift: (observation, settings) => driftOf(launchd, observation, settings),
    ownFiles: (service) => ownFiles(scope, service),
    editedFiles: (service) => {
      const {plist} = paths(service)
      return orNoAccess(() => [plist].filter((file) => isEdited(files.readText(file) ?? '')))
    },
  }
}

/** launchd.plist(5): of the limits that it can set none holds what a process has of memory (RLIMIT_RSS and RLIMIT_AS of setrlimit(2) do nothing on a Mac). */
function refusedResources(scope: Scope, {memoryHigh, memoryMax, nice = 0, cpuWeight}: Resources): string | undefined {
  const memory = memoryMax !== undefined ? '--memory-max' : memoryHigh !== undefined ? '--memory-high' : undefined
  if (memory !== undefined)
    return `${memory}: launchd cannot limit memory on a Mac. "hermes-svc doctor" and Activity Monitor show how much the gateway uses`
  if (cpuWeight !== undefined)
    return '--cpu-weight: launchd cannot share out the CPU by weight. Use --nice with 1 to 19 to lower the priority of the gateway'
  if (nice < 0 && scope === 'user')
    return '--nice: an agent can lower its priority, but not raise it: use 0 to 19, or a daemon with --scope system'
  return undefined
}

/** Renders the files of a service for a domain. Throws a usage error for a value that a property list cannot carry. */
async function renderDefinition(
  {host, files: installed, scope, where}: Launchd,
  service: Service,
  wanted: ServiceSettings,
  environment: ReadonlyMap<string, string>,
): Promise<DefinitionFile[]> {
  const paths = definitionPaths(scope, service)
  const installedPlist = readIfAllowed(installed, paths.plist)
  // launchd merges nothing into a property list, so there is no way to add our policy to another tool's.
  // One of ours that it has written over is ours to write again.
  if (installedPlist !== undefined && !isOwn(installedPlist) && !isMadeByUs(where.recordedSettings(service), service))
    throw otherTools(paths.plist)
  const domain = where.domain(service)
  // launchd has no lingering: what a user's agent needs is a login, and what a daemon needs is none.
  const settings: ServiceSettings = {...wanted, linger: scope === 'system', turnedLingerOn: false, domain: domain.kind}
  for (const name of environment.keys()) {
    const refused = refusedVariable(name)
    if (refused !== undefined) throw usageError(`--env ${name}: this name ${refused}`)
  }
  const script = (name: string, text: string, needsRestart = false) => definitionFile(name, text, {mode: 0o755, needsRestart})
  const files = [script(paths.helper, helperText(host)), definitionFile(paths.settings, formatSettings(settings))]
  if (environment.size > 0)
    files.push(definitionFile(paths.environmentFile, formatEnvironment(environment), {mode: 0o600, secret: true, needsRestart: true}))
  const startGateway = await renderTemplate(host, 'launchd/start-gateway.sh.ejs', {
    definitionVariable: DEFINITION_VARIABLE,
    home: shellQuote(settings.home),
    environmentFile: environment.size > 0 ? shellQuote(paths.environmentFile) : '',
    command: gatewayArgv(settings.command, service.profile.name, settings.home).map(shellQuote).join(' '),
    keepAwake: settings.resources?.keepAwake === true,
  })
  files.push(script(paths.startGateway, startGateway, true))
  // It needs no restart: a running launcher goes on as the new one when the gateway next ends. One of before there was the service helper calls
  // scripts that are not there any more by then.
  const needsRestart = installed.readText(paths.launcher)?.includes(FORMER_HELPER) === true
  files.push(script(paths.launcher, await renderLauncher(host, paths, settings), needsRestart))

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
    nice: String(settings.resources?.nice ?? ''),
    logFile,
  })
  return [...files, definitionFile(paths.plist, plist, {needsRestart: true, edited: isEdited(installedPlist ?? '')})]
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

function otherTools(plist: string): ServiceError {
  return new ServiceError(`${plist} belongs to another tool, and launchd has no way to add the restart policy of hermes-svc to it`, {
    code: 'foreign-definition',
    exitStatus: ExitStatus.failed,
    next: ['hermes gateway uninstall   # removes the service of upstream; then run the same command again'],
  })
}
