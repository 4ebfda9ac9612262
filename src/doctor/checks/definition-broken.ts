import path from 'node:path'
import {ServiceError} from '../../errors.js'
import {hasOwnText, type StartFailure} from '../../managers/manager.js'
import {findGatewayCommand, missingInterpreter} from '../../service/gateway-command.js'
import {TEMPORARY_FOLDERS} from '../../service/home-check.js'
import {homeMarks} from '../../service/home-mark.js'
import {shellQuote} from '../../text/shell-quote.js'
import {SYSTEM_FOLDERS} from '../../service/unit-path.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {reinstall} from '../reinstall.js'
import type {Scene} from '../scene.js'
import {isUnchangedSince, startedOnDefinitionMs} from '../started-on.js'
import type {CheckId} from './index.js'

interface Evidence {
  readonly program: string | undefined
  readonly commandLine: string
  /** Why the program cannot be run. */
  readonly programFault: string | undefined
  /** The home that the definition names, or the profile's. */
  readonly home: string
  readonly isHomeThere: boolean
  /** The folder in its place is another one: it has nothing in it by which ours is known. */
  readonly isHomeAnother: boolean
  readonly missingFolder: string | undefined
  readonly startFailure: StartFailure | undefined
  /** A gateway that could take the place of a program that is gone. */
  readonly replacement: readonly string[] | undefined
}

/** What all comes of a definition that cannot start a gateway. */
const EXPLAINS: readonly CheckId[] = [
  'crash-loop',
  'desired-state',
  'start-limit',
  'outdated',
  'helper-missing',
  'definition-drift',
  'path',
  'stop-timeout',
  'not-enabled',
  'stale-state',
  'missing-heartbeat',
  'fatal-config',
  'not-installed',
  'file-access',
]

/** A definition that names something missing, or that the service manager refuses. */
export const definition: CheckDefinition<Evidence> = {
  id: 'definition-broken',
  title: 'a definition that cannot start a gateway: its program, interpreter, folder or home is missing, or the service manager refuses it',
  why: 'The next start fails, and so does every start after it.',
  seeByHand: {
    systemd: [
      ['systemctl --user status hermes-gateway', 'what systemd refuses, or the exit status (200/CHDIR, 203/EXEC)'],
      ['systemd-analyze --user verify hermes-gateway.service', 'errors in the unit'],
      ['systemctl --user cat hermes-gateway', 'check that each path in it exists'],
    ],
    launchd: [
      ['cat ~/Library/LaunchAgents/ai.hermes.gateway.plist', 'check that each path in it exists'],
      ['launchctl print gui/$(id -u)/ai.hermes.gateway', 'the last exit code, and why launchd does not start it'],
    ],
    s6: [
      ['cat /run/service/gateway-default/run', 'check that each path in it exists'],
      ['s6-svstat /run/service/gateway-default', 'whether it is down, and the last exit code'],
    ],
  },
  whatTheFixDoes:
    'The fix writes the definition again for the gateway that is installed now, and restarts the gateway. It does not change a missing home, a masked unit or a command that you chose yourself: the finding says what to type.',
  unsafe:
    'for a service of another tool, if the service manager refuses the definition, or if the program is gone but the gateway still runs',
  ifItComesBack:
    'Something moves or removes what the definition names: a Python environment that an update builds again, a home on a disk that is mounted late, or a version manager. Install the gateway in a place that stays, then type "hermes-svc install".',
  needsService: true,
  needsManager: true,
  look: (scene) => {
    const {userHost, manager, service} = scene.target
    const {programs, requiredFolder, needsHomeMark, startFailure, searchPath, ...said} = manager.definition.evidence(scene.seen.manager)
    const program = programs.find(({role}) => role === 'gateway')?.path
    const home = scene.seen.manager.home ?? service.profile.home
    const programFault = program === undefined ? undefined : faultOf(scene, program, searchPath)
    return {
      program,
      commandLine: said.commandLine,
      programFault,
      home,
      isHomeThere: userHost.stat(home)?.kind === 'folder',
      isHomeAnother: needsHomeMark === true && !homeMarks(home).some((mark) => userHost.lstat(mark) !== undefined),
      missingFolder: requiredFolder !== undefined && isFolderMissing(scene, requiredFolder) ? requiredFolder : undefined,
      startFailure,
      replacement: programFault === undefined ? undefined : replacementOf(scene, program),
    }
  },
  diagnose: (scene, evidence) => {
    // What is kept in the foreground has no definition.
    if (!scene.target.manager.installer) return []
    const found =
      refused(scene) ??
      homeFault(scene, evidence) ??
      programFault(scene, evidence) ??
      folderFault(scene, evidence) ??
      startFault(scene, evidence)
    return found ? [{explains: EXPLAINS, severity: 'error', ...found}] : []
  },
  fix: {
    isSafe: true,
    interrupts: true,
    plan: (scene, {replacement}, found, options) => {
      const isOthers = scene.seen.manager.installed !== 'own'
      if (found.some(({kind}) => kind === 'refused')) return reinstall(scene, options, {force: true})
      const command = isOthers && replacement ? {command: replacement.map(shellQuote).join(' ')} : {}
      return reinstall(scene, options, command)
    },
  },
}

type Fault = Omit<Found, 'severity' | 'explains'> | undefined

function refused(scene: Scene): Fault {
  const {broken, service} = scene.seen.manager
  if (broken === undefined) return undefined
  const {manager} = scene.target
  if (broken === 'masked') {
    const cure = [manager.byHand('unmask', service.name), commandLine(scene, 'install')]
    return {kind: 'masked', what: `${service.name} is masked: the service manager does not start it`, cure, isFixable: false}
  }
  return {
    kind: 'refused',
    isSafe: false,
    what: `the service manager refuses the definition of ${service.name} (${broken})`,
    evidence: scene.seen.manager.definitionPaths,
    ...(hasOwnText(scene.seen.manager)
      ? {cure: [commandLine(scene, 'diff'), commandLine(scene, 'fix definition-broken')]}
      : {cure: [manager.byHand('status', service.name)], isFixable: false}),
  }
}

function homeFault(scene: Scene, {home, isHomeThere, isHomeAnother}: Evidence): Fault {
  const {service} = scene.seen.manager
  if (isHomeThere && isHomeAnother && scene.seen.verdict.state === 'dead') {
    return {
      kind: 'home-unmarked',
      what: `${home} is not the home that ${service.name} was installed for: it has no records of hermes-svc`,
      why: 'The service does not start the gateway there, because the gateway would create a new home. Usually a file system is not mounted yet.',
      cure: [`findmnt --target ${home}   # mount the missing file system; or, if this is the right home:`, commandLine(scene, 'start')],
      isFixable: false,
    }
  }
  const isTemporary = TEMPORARY_FOLDERS.some((folder) => home.startsWith(`${folder}/`))
  if (isHomeThere && !isTemporary) return undefined
  const anew = [commandLine(scene, 'uninstall'), 'hermes-svc install --home FOLDER   # a folder that is not temporary']
  return {
    kind: isHomeThere ? 'home-temporary' : 'home-missing',
    what: isHomeThere
      ? `${service.name} has its home in a temporary folder, ${home}`
      : `the home of ${service.name} is gone: ${home}${isTemporary ? ', which was in a temporary folder' : ''}`,
    ...(isHomeThere ? {why: 'A reboot empties this folder, and then the service cannot start any more.'} : {}),
    cure: isTemporary ? anew : [`ls -ld ${path.dirname(home)} ${home}   # move the home back, or:`, commandLine(scene, 'uninstall')],
    isFixable: false,
  }
}

function programFault(scene: Scene, evidence: Evidence): Fault {
  const {program, programFault: fault, replacement} = evidence
  if (fault === undefined) return undefined
  const {service, installed, settings} = scene.seen.manager
  // Which program it is was for the operator to say, and still is.
  const isGiven = settings?.commandIsGiven === true
  const isFixable = replacement !== undefined && !isGiven
  return {
    kind: 'program',
    what: `${service.name} cannot start its gateway: ${fault}`,
    evidence: [
      `it runs: ${evidence.commandLine || program}`,
      ...(replacement ? [`another gateway is installed: ${replacement.join(' ')}`] : ['no other gateway was found']),
    ],
    isFixable,
    // A gateway that still lives on what it has loaded would be restarted by it.
    isSafe: isFixable && installed !== 'foreign' && scene.seen.verdict.state === 'dead',
    ...(isFixable ? {} : {cure: [commandLine(scene, 'install --command /path/to/hermes')]}),
  }
}

function folderFault(scene: Scene, {missingFolder}: Evidence): Fault {
  if (missingFolder === undefined) return undefined
  return {
    kind: 'folder',
    what: `the working directory of ${scene.seen.manager.service.name} is gone: ${missingFolder}`,
    why: 'The service manager does not start a gateway whose working directory is missing (200/CHDIR).',
    isSafe: scene.seen.manager.installed !== 'foreign',
  }
}

function startFault(scene: Scene, {startFailure}: Evidence): Fault {
  if (startFailure === undefined || startFailure.kind === 'limit') return undefined
  const {service, restarts, definitionPaths} = scene.seen.manager
  const whats = {
    folder: 'cannot enter the working directory',
    program: 'cannot execute its program',
    account: 'cannot switch to the account or group that it should run as',
    setup: 'cannot start: the service manager cannot set up its processes as the definition says',
  }
  return {
    kind: 'start-failed',
    what: `${service.name} ${whats[startFailure.kind]}`,
    evidence: [
      `the service manager says: ${startFailure.text}`,
      `automatic restarts: ${restarts}`,
      // It is in one of these, most often in one that is not ours.
      `definition: ${definitionPaths.join(', ')}`,
    ],
    cure: [commandLine(scene, 'logs'), commandLine(scene, 'diff'), commandLine(scene, 'install')],
    isFixable: false,
  }
}

/** As for a program: where the process was started without it, it is needed elsewhere than where it is looked for. */
function isFolderMissing(scene: Scene, folder: string): boolean {
  const {userHost} = scene.target
  if (userHost.stat(folder)?.kind === 'folder') return false
  const startedMs = startedOnDefinitionMs(scene)
  return startedMs === undefined || !isUnchangedSince(userHost, folder, startedMs)
}

/**
 * Why the program cannot be run. Nothing where the service's process was started on this very definition, and what it needs has been since then as it
 * is now: then the text was misread here, such as one with a RootDirectory=.
 */
function faultOf(scene: Scene, program: string, searchPath: string | undefined): string | undefined {
  const {userHost, manager} = scene.target
  const startedMs = startedOnDefinitionMs(scene)
  const isMisread = (...files: readonly string[]) =>
    startedMs !== undefined && files.every((file) => isUnchangedSince(userHost, file, startedMs))
  const stat = userHost.stat(program)
  if (!stat) return isMisread(program) ? undefined : `${program} does not exist`
  if (stat.kind !== 'file') return `${program} is not a program`
  if ((stat.mode & 0o111) === 0) return `${program} is not executable (mode ${stat.mode.toString(8)})`
  const missing = (given: string) => missingInterpreter(userHost, program, given)
  let given = searchPath ?? SYSTEM_FOLDERS.join(':')
  let interpreter = missing(given)
  // A definition that sets no PATH leaves it to the manager, which may have another one.
  if (interpreter !== undefined && searchPath === undefined && manager.definition.defaultPath)
    interpreter = missing((given = manager.definition.defaultPath()))
  if (interpreter === undefined) return undefined
  const places = interpreter.includes('/') ? [interpreter] : given.split(':').map((folder) => path.join(folder, interpreter))
  return isMisread(program, ...places) ? undefined : `${program} needs the interpreter ${interpreter}, which does not exist`
}

function replacementOf({target: {host, service}}: Scene, program: string | undefined): readonly string[] | undefined {
  try {
    const {argv} = findGatewayCommand(host, service.profile.root, service.account)
    return argv[0] === program ? undefined : argv
  } catch (error) {
    if (error instanceof ServiceError) return undefined
    throw error
  }
}

export const check = defineCheck(definition)
