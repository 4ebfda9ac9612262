import {DEFAULT_PROFILE, GatewayVariable} from '../../gateway/contract.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import type {Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {homeMarks} from '../../service/home-mark.js'
import type {Scope, Service} from '../../service/service.js'
import {helperText, type HelperVerb, helperWords, toolPath} from '../../service/service-helper.js'
import {formatSettings, type ServiceSettings} from '../../service/settings.js'
import {renderTemplate} from '../../service/template.js'
import {unitPath} from '../../service/unit-path.js'
import {definitionFile} from '../definition-file.js'
import type {Definition, DefinitionFile} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {driftOf, holdsCommand, resourceLines, startWords} from './directives.js'
import {
  environmentAssignment,
  environmentFileLine,
  execWord,
  freeText,
  parseEnvironmentFile,
  pathListEntry,
  pathSetting,
  patternSetting,
} from './escape.js'
import {evidence, ownFiles} from './evidence.js'
import {awakeCommand} from './keep-awake.js'
import {syslogIdentifier} from './logs.js'
import {definitionPaths, DROP_IN_NAME, runtimeDirectoryName, stemOf} from './paths.js'
import {describePolicy, limitComment} from './policy-comment.js'
import {restartPauseText, START_LIMIT} from './start-limit.js'
import type {Systemd} from './systemctl.js'
import {execStartOf, isEdited, isOwn, stamped, SYSTEM_PATH, valuesOf} from './unit-file.js'

const NO_PRECEDENCE = '--nice: the systemd of a user can lower the priority of a service, but not raise it: use 0 to 19, or --scope system'
/** A start may wait for the longest delay; this much more is for the start itself. */
const START_MARGIN_SEC = 60
/** sh: fails, and says why, where $0 is not the home that was installed. */
const HOME_TEST =
  homeMarks('/')
    .map((mark) => `test -e "$0${mark}" || `)
    .join('') + '{ echo "hermes-svc: $0 is missing, or is not the home that was installed: is its file system mounted?" >&2; exit 1; }'

/** The variables of the unit itself; those of the environment file come on top. */
function unitEnvironment(host: Host, scope: Scope, service: Service, settings: ServiceSettings): Record<string, string> {
  const {account} = service
  return {
    ...(scope === 'system' ? {HOME: account.home, USER: account.name, LOGNAME: account.name} : {}),
    PATH: unitPath(host, settings.home, account, settings.command),
    [GatewayVariable.home]: settings.home,
    // The gateway refuses a second start beside a supervised one if it knows that it is supervised.
    [GatewayVariable.supervisedChild]: '1',
  }
}

/** See Definition. */
export function definition(systemd: Systemd): Definition {
  const {host, scope, files, systemctl} = systemd
  const paths = (service: Service) => definitionPaths(scope, service)
  return {
    noun: 'unit',
    render: (service, settings, environment) => renderDefinition(systemd, service, settings, environment),
    refusedResources: ({nice = 0}) => (nice < 0 && scope === 'user' ? NO_PRECEDENCE : undefined),
    readEnvironment: (service) => orNoAccess(() => parseEnvironmentFile(files.readText(paths(service).environmentFile) ?? '')),
    unitEnvironment: (service, settings) => unitEnvironment(host, scope, service, settings),
    evidence: evidence(systemd),
    drift: (observation, settings) => driftOf(systemd, observation, settings),
    ownFiles: (service) => ownFiles(scope, service),
    editedFiles: (service) => {
      const {unit, dropIn} = paths(service)
      return orNoAccess(() => [unit, dropIn].filter((file) => isEdited(files.readText(file) ?? '')))
    },
    defaultPath: () => (scope === 'user' ? (systemctl.environment().get('PATH') ?? SYSTEM_PATH) : SYSTEM_PATH),
  }
}

/**
 * Renders the files of a service. For an adopted service, whose own unit is kept, there is none; a command of ours stands in the drop-in, which
 * nobody else writes.
 */
async function renderDefinition(
  {host, files: installed, scope, systemctl}: Systemd,
  service: Service,
  settings: ServiceSettings,
  environment: ReadonlyMap<string, string>,
): Promise<DefinitionFile[]> {
  const paths = definitionPaths(scope, service)
  const command = startWords(host, service, settings).map(execWord).join(' ')
  const unitFile = (name: string, text: string, needsRestart: boolean): DefinitionFile =>
    definitionFile(name, stamped(text), {needsRestart, edited: isEdited(installed.readText(name) ?? '')})

  const files = [definitionFile(paths.helper, helperText(host), {mode: 0o755}), definitionFile(paths.settings, formatSettings(settings))]
  const entries = [...environment].map(([name, value]) => environmentFileLine(name, value))
  if (entries.length > 0) {
    const text = ['# Written by hermes-svc; read by systemd for the gateway alone.', ...entries, ''].join('\n')
    files.push(definitionFile(paths.environmentFile, text, {mode: 0o600, secret: true, needsRestart: true}))
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
    hasRestartSteps: systemctl.hasRestartSteps(),
    runtimeDirectory: runtimeDirectoryName(stemOf(service.name)),
    // By its path: the gateway's own variables, PATH among them, hold for the helpers too.
    sleep: execWord(toolPath(host, 'sleep')),
    helper: execWord(paths.helper),
    beforeStart: helperCall('before-start', service, settings),
    beforeStop: helperCall('before-stop', service, settings),
    reload: helperCall('reload', service, settings),
    afterExit: helperCall('after-exit', service, settings),
    home: execWord(settings.home),
    timeoutStartSec: Math.ceil(settings.policy.capMs / 1000) + START_MARGIN_SEC,
    stopArithmetic: `The gateway's own drain (${settings.drainSec} s, cron ${settings.cronDrainSec} s), and time to start and end it.`,
    timeoutStopSec: stopTimeoutSec(settings),
    // Upstream rewrites the unit at each start: what must hold stands here.
    command: holdsCommand(settings) ? command : '',
    mountsFor: scope === 'system' ? pathListEntry(settings.home) : '',
    homeTest: HOME_TEST,
    workingDirectory: pathSetting(settings.home),
    identifier: syslogIdentifier(service),
    resources: resourceLines(settings),
    keepAwake: settings.resources?.keepAwake ? awakeCommand(host, scope, service) : '',
    environmentFile: entries.length > 0 ? patternSetting(paths.environmentFile) : '',
  })
  const before = {unit: installed.readText(paths.unit) ?? '', dropIn: installed.readText(paths.dropIn) ?? ''}
  const withDropIn = (unit: string) => [...files, unitFile(paths.dropIn, dropIn, runsOtherwise(before, {unit, dropIn}))]
  const onDisk = readIfAllowed(installed, paths.unit)
  // Another tool's unit may be in another folder, such as that of a package.
  if (onDisk === undefined ? !settings.createdDefinition : !isOwn(onDisk)) return withDropIn(before.unit)

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
  const state = `%t/${runtimeDirectoryName(stemOf(service.name))}`
  return helperWords(verb, {home, state, policy})
    .map((word) => (word === `state=${state}` ? `"${word}"` : execWord(word)))
    .join(' ')
}

/** What is set as a process is made; the limits of memory and CPU are the control group's, which a reload changes. */
const AT_START = ['Nice', 'ExecStartPost'] as const

/** A drop-in that gives, or gave, the gateway's command makes it another one. `unit`: its text before and after. */
function runsOtherwise(before: {unit: string; dropIn: string}, after: {unit: string; dropIn: string}): boolean {
  const lastOf = (dropIn: string, name: string) => valuesOf(dropIn, name).at(-1)
  if (AT_START.some((name) => lastOf(before.dropIn, name) !== lastOf(after.dropIn, name))) return true
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
