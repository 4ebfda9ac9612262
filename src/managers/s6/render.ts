import {ExitStatus, ServiceError} from '../../errors.js'
import {GatewayExit, GatewayVariable} from '../../gateway/contract.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import {accountDoor} from '../../host/account-door.js'
import type {Host} from '../../host/host.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import {refusedNice, type Resources} from '../../service/resources.js'
import {delayMs, type RestartPolicy} from '../../service/restart-policy.js'
import type {Service} from '../../service/service.js'
import {HELPER_NAME, helperText, type HelperVerb, helperWords, toolPath, withNice} from '../../service/service-helper.js'
import {formatSettings, type ServiceSettings} from '../../service/settings.js'
import {renderTemplate} from '../../service/template.js'
import {unitPath} from '../../service/unit-path.js'
import {shellQuote} from '../../text/shell-quote.js'
import {definitionFile} from '../definition-file.js'
import type {Definition, DefinitionFile} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {formatEnvironment, parseEnvironment} from './environment-file.js'
import {evidence, slotFiles} from './evidence.js'
import type {S6} from './ownership.js'
import {containerVariable, type SlotPaths, slotPaths} from './paths.js'
import {S6_PATH, s6Tool} from './programs.js'

/** The second line of each script of ours, after the line that names its interpreter. */
const OWN_MARK = '# Written by hermes-svc'
/** s6-overlay's own way to give a service the variables that the container was started with. */
const WITH_CONTENV = '/command/with-contenv'
/** Counting a failure takes some ms; s6-supervise kills a finish script after this time (timeout-finish, s6-supervise). */
const FINISH_TIMEOUT_MS = 30_000

/** True for a run script that we wrote. */
export function isOwn(text: string): boolean {
  return text.split('\n', 2)[1]?.startsWith(OWN_MARK) === true
}

/** Where a program of s6 is, for a definition. Throws a ServiceError if it is nowhere. */
export function requireS6Tool(host: Host, tool: string): string {
  const found = s6Tool(host, tool)
  if (found) return found
  throw new ServiceError(`The service needs ${tool}, which is not in ${S6_PATH}`, {
    code: 'tool-missing',
    exitStatus: ExitStatus.cannotTell,
    next: [`add ${tool} to the container's image`],
  })
}

/** The folders in which programs are looked for: what the service's own are, then those that the container's image says. */
function servicePath(host: Host, service: Service, settings: ServiceSettings): string {
  const own = unitPath(host, settings.home, service.account, settings.command).split(':')
  const images = (containerVariable(host, 'PATH') ?? '').split(':').filter((folder) => folder.startsWith('/'))
  return [...new Set([...images, ...own])].join(':')
}

/** The variables of the slot itself; those of the container are beneath, those of the environment file on top. */
function slotEnvironment(host: Host, service: Service, settings: ServiceSettings): Record<string, string> {
  const {account} = service
  return {
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    PATH: servicePath(host, service, settings),
    [GatewayVariable.home]: settings.home,
    // The image's own launcher would otherwise hand the start over to the slot, which is this one; the other is what all managers set.
    [GatewayVariable.s6SupervisedChild]: '1',
    [GatewayVariable.supervisedChild]: '1',
  }
}

/** See Definition. There is nothing that another file could merge into a slot, and one is made anew at every boot: no edit by hand could be kept. */
export function definition(s6: S6): Definition {
  const {host, scan} = s6
  const paths = (service: Service) => slotPaths(scan, service)
  return {
    noun: 'service directory',
    render: (service, settings, environment) => renderDefinition(host, paths(service), service, settings, environment),
    refusedResources,
    readEnvironment: (service) => orNoAccess(() => parseEnvironment(readInHome(host, service, paths(service).environmentFile) ?? '')),
    unitEnvironment: (service, settings) => slotEnvironment(host, service, settings),
    evidence: (observation) => evidence(s6, observation),
    ownFiles: (service) => slotFiles(paths(service), service.account),
  }
}

function refusedResources({memoryHigh, memoryMax, nice = 0, cpuWeight, keepAwake}: Resources): string | undefined {
  const memory = memoryMax !== undefined ? '--memory-max' : memoryHigh !== undefined ? '--memory-high' : undefined
  if (memory !== undefined) return `${memory}: s6 cannot limit memory. Limit the container instead, for example with docker run --memory 1g`
  if (cpuWeight !== undefined)
    return '--cpu-weight: s6 cannot share out the CPU. Use --nice, or set it for the container, for example with docker run --cpu-shares 512'
  if (keepAwake) return '--keep-awake: a container cannot keep its machine awake. Keep the machine itself awake'
  return refusedNice(nice)
}

/** Whether it is there root can see without taking on anybody's ids, which costs a boot of many profiles a millisecond each time. */
export function readInHome(host: Host, {account}: Service, file: string): string | undefined {
  return host.lstat(file) === undefined ? undefined : accountDoor(host, account).readText(file)
}

/** Renders the files of a service, at their final places. */
export async function renderDefinition(
  host: Host,
  paths: SlotPaths,
  service: Service,
  settings: ServiceSettings,
  environment: ReadonlyMap<string, string>,
): Promise<DefinitionFile[]> {
  const {account} = service
  const slotFile = (name: string, text: string, mode = 0o644) => definitionFile(`${paths.slot}/${name}`, text, {mode})
  const homeFile = (path: string, text: string) => definitionFile(path, text, {mode: 0o600, as: account})
  const text = formatSettings(settings)
  const helper = (verb: HelperVerb) =>
    helperWords(verb, {home: settings.home, state: paths.memory, policy: settings.policy}).map(shellQuote).join(' ')
  const view = {
    interpreter: host.isExecutable(WITH_CONTENV) ? `${WITH_CONTENV} sh` : '/bin/sh',
    support: oneLine(paths.support),
    profile: oneLine(settings.profile),
    account: oneLine(account.name),
    accountWord: shellQuote(account.name),
    ids: `${account.uid}:${account.gid}`,
    memory: shellQuote(paths.memory),
    memoryParent: shellQuote(paths.memoryParent),
    home: shellQuote(settings.home),
    logs: shellQuote(paths.logs),
    setuidgid: shellQuote(requireS6Tool(host, 's6-setuidgid')),
    asUser: shellQuote(`${requireS6Tool(host, 's6-setuidgid')} ${account.name}`),
    log: shellQuote(requireS6Tool(host, 's6-log')),
    ...tools(host, ['chmod', 'chown', 'head', 'mkdir', 'rm', 'sleep', 'stat', 'timeout']),
    root: shellQuote(service.profile.root),
    start: shellQuote(`${paths.helpers}/start.sh`),
    helper: shellQuote(`${paths.helpers}/${HELPER_NAME}`),
    beforeStart: helper('before-start'),
    afterExit: helper('after-exit'),
    arithmetic: describeDelays(settings.policy),
    environment: Object.entries(slotEnvironment(host, service, settings)).map(([name, value]) => `${name}=${shellQuote(value)}`),
    environmentFile: environment.size > 0 ? shellQuote(paths.environmentFile) : '',
    command: withNice(host, settings.resources, gatewayArgv(settings.command, service.profile.name, settings.home))
      .map(shellQuote)
      .join(' '),
  }
  const script = async (name: string, template: string) => slotFile(name, await renderTemplate(host, `s6/${template}.ejs`, view), 0o755)
  return [
    homeFile(paths.settings, text),
    ...(environment.size > 0
      ? [{...homeFile(paths.environmentFile, formatEnvironment(environment)), secret: true, needsRestart: true}]
      : []),
    slotFile('settings.json', text),
    slotFile('type', 'longrun\n'),
    slotFile('timeout-kill', `${stopTimeoutSec(settings) * 1000}\n`),
    slotFile('timeout-finish', `${FINISH_TIMEOUT_MS}\n`),
    slotFile(`helpers/${HELPER_NAME}`, helperText(host), 0o755),
    {...(await script('helpers/start.sh', 'start.sh')), needsRestart: true},
    await script('log/run', 'log-run'),
    await script('finish', 'finish'),
    await script('run', 'run'),
  ]
}

/** Standard tools by their paths, as words of sh. */
export function tools(host: Host, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, shellQuote(toolPath(host, name))]))
}

/** The waits in plain words, for a comment. */
function describeDelays(policy: RestartPolicy): string[] {
  const sec = (ms: number) => String(Math.round(ms) / 1000)
  const first = [1, 2, 3, 4].map((failures) => sec(delayMs(policy, failures))).join(', ')
  return [
    `After failures in a row the start waits ${first} s and so on, ${sec(policy.capMs)} s at most. After a planned restart (exit ${GatewayExit.restart} of a gateway that ran) it waits only`,
    `the one second of s6. A stop, or ${sec(policy.forgetAfterMs)} s of running, resets the count of failures.`,
  ]
}

/** A text for a comment. */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, ' ')
}
