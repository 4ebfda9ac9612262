import {ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import type {FileStat} from '../../host/host.js'
import {closedMode, isRoots} from '../../host/roots-alone.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {DefinitionFile, GivenAway, UsedProgram} from '../../managers/manager.js'
import type {Step} from '../../plan/plan.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {heartbeatOf} from '../heartbeat-of.js'
import {oncePerLook} from '../once-per-look.js'
import {hasOurPolicy, reinstall} from '../reinstall.js'
import type {Scene} from '../scene.js'
import {whyTooOld} from '../../service/lasting-node.js'
import {HELPER_NAME, helperText} from '../../service/service-helper.js'
import type {ServiceSettings} from '../../service/settings.js'
import {isOfAnotherVersion} from './outdated.js'

/** How the program of the tick begins, before the version that it is of. */
const TICK_MARK = '// The heartbeat tick of hermes-svc '

interface Seen extends UsedProgram {
  readonly stat: FileStat | undefined
  /** Why a node that is there cannot run the tick; asked of any but the one that runs this. */
  readonly unusable: string | undefined
}

interface Evidence {
  readonly programs: readonly Seen[]
  /** What is there, can be run, and is not what was installed; one phrase each. */
  readonly altered: readonly string[]
  /** What else ticks the heartbeat, and is gone. */
  readonly lostTick: readonly string[]
  /** Of a service of the machine: what others than root may write, and so have it run; with its mode. */
  readonly open: readonly {readonly path: string; readonly stat: FileStat}[]
  /** The whole place was given to an account, on purpose; nothing of it is to be taken back from here. */
  readonly givenAway: GivenAway | undefined
}

const tickOf = oncePerLook(({target: {manager, host, userHost, service}}): Seen[] =>
  manager.tick.programs(service.account).map((program) => {
    // All of it is run as the account.
    const stat = userHost.stat(program.path)
    const isOther = program.role === 'node' && stat?.kind === 'file' && userHost.realPath(program.path) !== host.realPath(host.nodePath)
    return {...program, stat, unusable: isOther ? whyTooOld(host, program.path, service.account) : undefined}
  }),
)

/** A helper script or a heartbeat program that the definition calls and that is missing or was changed. */
export const definition: CheckDefinition<Evidence> = {
  id: 'helper-missing',
  title: 'a helper, node or heartbeat of the service that is missing, does not run, was changed, or can be changed by other users',
  why: 'Without its helper the service does not wait longer after each failure, does not clear a dead pid record, and counts each stop as a failure.',
  seeByHand: {
    systemd: [
      ['ls -l ~/.config/hermes-svc/hermes-gateway', 'service-helper.sh and its settings'],
      ['systemctl --user cat hermes-svc-heartbeat.service', 'the node and the program of the heartbeat'],
      ['systemctl --user status hermes-svc-heartbeat', 'how the last heartbeat ended'],
    ],
    launchd: [
      ['ls -l ~/"Library/Application Support/hermes-svc/ai.hermes.gateway"', 'launcher, helper and settings'],
      ['cat ~/Library/LaunchAgents/ai.hermes-svc.heartbeat.plist', 'the node and the program of the heartbeat'],
    ],
    s6: [['ls -l /run/service/gateway-default /run/service/gateway-default/helpers', 'the programs, and who can write them']],
  },
  whatTheFixDoes:
    'The fix writes the missing or changed files again, chooses a node that works, and takes write access away from other users. It does not change a container image that gives its services to another user: the finding says what to type.',
  ifItComesBack:
    'The node belongs to a version manager or to an npm cache that is cleaned up: install Node and hermes-svc for the whole machine. If the file was changed, look for a tool that manages files in that folder.',
  needsService: true,
  needsManager: true,
  look: async (scene) => {
    const {target, seen} = scene
    const {manager, host} = target
    const called = manager.definition.evidence(seen.manager).programs.filter(({role}) => role === 'helper')
    const ticks = called.length > 0 ? tickProgramsOf(scene) : []
    const helpers = called.map((program): Seen => ({...program, stat: target.userHost.stat(program.path), unusable: undefined}))
    // Which helpers another version had is not known here; what is not there is named with all else that is out of date.
    const programs = [...(isOfAnotherVersion(scene) ? helpers.filter(({stat}) => stat) : helpers), ...ticks]
    const ours = programs.filter(({role}) => role !== 'node').map((program) => program.path)
    const givenAway = manager.placement.givenAway?.()
    const places = manager.scope === 'system' && !givenAway ? [...new Set([...ours, ...ours.map((file) => path.dirname(file))])] : []
    const open = places.flatMap((place) => {
      const stat = host.lstat(place)
      return stat && !isRoots(stat) ? [{path: place, stat}] : []
    })
    return {programs, open, givenAway, ...(await contents(scene, programs))}
  },
  diagnose: (scene, {programs, open, altered, lostTick, givenAway}) => {
    const found: Found[] = []
    const faults = faultsOf(scene, programs)
    if (faults.length > 0) {
      found.push({
        kind: 'missing',
        severity: 'warning',
        what: `${scene.seen.manager.service.name} calls programs that it cannot run: ${faults.join('; ')}`,
        explains: ['missing-heartbeat'],
      })
    }
    // What cannot be run is written anew as a whole, and may have the tick's units name another node.
    if (faults.length === 0 && (altered.length > 0 || lostTick.length > 0)) {
      found.push({
        kind: altered.length > 0 ? 'altered' : 'tick-gone',
        severity: 'warning',
        what: `${scene.seen.manager.service.name} differs from what hermes-svc installed: ${[...altered, ...lostTick.map((file) => `${file} is gone`)].join('; ')}`,
        explains: ['missing-heartbeat', 'stop-timeout'],
      })
    }
    if (open.length > 0) {
      found.push({
        kind: 'writable',
        severity: 'warning',
        what: `users other than root can change what ${scene.seen.manager.service.name} runs: ${open.map((place) => place.path).join(', ')}`,
        why: 'Whoever can write there decides what the machine runs whenever the gateway starts or stops.',
        evidence: open.map((place) => `${place.path} belongs to uid ${place.stat.uid}, mode ${place.stat.mode.toString(8)}`),
      })
    }
    if (givenAway && !givenAway.isOwn) found.push(foundGivenAway(givenAway))
    return found
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: async (scene, {open, programs}, _found, options) => {
      const {manager, service, host} = scene.target
      const door = ownerDoor(host, manager.placement.owner(service))
      // What is to be replaced is read first, so that it can be put back.
      const unlock = programs.flatMap(({path: file, role, stat}): Step[] =>
        stat?.kind === 'file' && role !== 'node' && (stat.mode & 0o400) === 0
          ? [
              {
                kind: 'set-access',
                why: `make ${file} readable`,
                path: door.realPath(file) ?? file,
                mode: stat.mode | 0o444,
                as: manager.placement.owner(service),
              },
            ]
          : [],
      )
      const root = host.accountOf(0)
      const close = open.map((place): Step => {
        const mode = closedMode(place.stat)
        return {kind: 'set-access', why: `allow only root to write ${place.path}`, path: place.path, mode, ...(root ? {owner: root} : {})}
      })
      const plan = await reinstall(scene, options, {keepRunning: true})
      return {
        ...plan,
        steps: [...close, ...unlock, ...plan.steps],
        outcome: `${service.name} calls the helpers that were installed`,
      }
    },
  },
}

function tickProgramsOf(scene: Scene): readonly Seen[] {
  return scene.seen.manager.settings?.heartbeat.enabled ? tickOf(scene, String(scene.target.service.account.uid)) : []
}

/** Why the tick that a service wants cannot be run, whatever its manager does: its program, and the node that runs it. */
export function tickProgramFaults(scene: Scene): readonly string[] {
  return faultsOf(scene, tickProgramsOf(scene))
}

function faultsOf(scene: Scene, programs: readonly Seen[]): string[] {
  return programs.flatMap((program) => {
    const fault = faultOf(scene, program)
    return fault === undefined ? [] : [`${program.path} ${fault}`]
  })
}

/** What is in the files that the definition calls, against what was installed; what another version wrote has a check of its own. */
async function contents(scene: Scene, programs: readonly Seen[]): Promise<Pick<Evidence, 'altered' | 'lostTick'>> {
  const {seen, target} = scene
  const {manager} = target
  const {settings} = seen.manager
  // A user's own units and helpers are read as that user.
  const host = manager.scope === 'user' ? target.userHost : target.host
  if (!settings || !hasOurPolicy(seen) || seen.manager.broken !== undefined) return {altered: [], lostTick: []}
  const tick = settings.heartbeat.enabled ? ((await heartbeatOf(scene))?.files ?? []) : []
  const isNamed = (file: DefinitionFile) => programs.some(({path, stat}) => path === file.path && !stat)
  const lostTick = tick.filter((file) => !isNamed(file) && host.lstat(file.path) === undefined).map((file) => file.path)
  // What drifts is named directive by directive, and its cure writes all of this anew.
  if (isOfAnotherVersion(scene) || (manager.definition.drift?.(seen.manager, settings) ?? []).length > 0) return {altered: [], lostTick}
  const altered = [...(await wantedFiles(scene, settings)), ...tick].flatMap((file) => {
    const text = file.edited ? undefined : readIfAllowed(host, file.path)
    if (text === undefined || text === file.text || isOtherVersionsTick(text, file)) return []
    return [`${file.path} ${howAltered(text, file.text)}`]
  })
  return {altered, lostTick}
}

type WantedFile = Pick<DefinitionFile, 'path' | 'text' | 'edited' | 'isProgram'>

/** What the manager calls, as it should be. Where that is the service helper alone it is the package's own, byte for byte, and nothing is rendered. */
async function wantedFiles({target: {manager, service, host}}: Scene, settings: ServiceSettings): Promise<WantedFile[]> {
  const own = manager.definition.ownFiles(service)
  const kept = own.filter(({role}) => role !== 'helper' && !(manager.container && role !== 'settings' && role !== 'secrets'))
  const looked = own.filter((file) => !kept.includes(file))
  if (looked.every((file) => path.basename(file.path) === HELPER_NAME)) {
    return looked.map((file) => ({path: file.path, text: helperText(host), edited: false, isProgram: false}))
  }
  return (await manager.definition.render(service, settings, manager.definition.readEnvironment(service))).filter(
    (file) =>
      !file.secret &&
      path.basename(file.path) !== path.basename(manager.placement.placesOf(service).settings) &&
      !kept.some((one) => one.path === file.path),
  )
}

/** As upstream's image has it (its 02-reconcile-profiles), so that its commands can add services without root. */
function foundGivenAway({place, to: {name}}: GivenAway): Found {
  return {
    kind: 'given-away',
    severity: 'info',
    what: `${place} belongs to ${name}, but root runs the programs in it: ${name} can become root in this container`,
    why: 'Upstream’s image does this. If somebody talks the agent into a command, the command can do everything that root can do in this container.',
    isFixable: false,
    cure: [
      `chown root:root ${place} && hermes-svc boot   # as root, at each boot after upstream's own step; then upstream's commands cannot add services as ${name}`,
    ],
  }
}

/** The tick is shared, and may be of the version that another service of the account was installed by. */
function isOtherVersionsTick(text: string, {isProgram, text: wanted}: WantedFile): boolean {
  const [first, ours] = [text, wanted].map((one) => one.split('\n', 1)[0] ?? '')
  return isProgram && first !== ours && first?.startsWith(TICK_MARK) === true
}

function howAltered(text: string, wanted: string): string {
  if (text.trim() === '') return 'is empty'
  return wanted.startsWith(text) ? 'is cut off' : 'is not what hermes-svc wrote'
}

function faultOf({target}: Scene, {stat, role, unusable}: Seen): string | undefined {
  if (!stat) return 'is gone'
  if (stat.kind !== 'file') return 'is not a file'
  const wanted = role === 'node' ? 0o1 : 0o4
  const {uid, gid} = target.service.account
  const bits =
    uid === 0
      ? stat.mode | (stat.mode >> 3) | (stat.mode >> 6)
      : stat.uid === uid
        ? stat.mode >> 6
        : stat.mode | (stat.gid === gid ? stat.mode >> 3 : 0)
  const may = uid === 0 && wanted === 0o4 ? true : (bits & wanted) !== 0
  return may
    ? unusable
    : `cannot be ${role === 'node' ? 'executed' : 'read'} by ${target.service.account.name} (mode ${stat.mode.toString(8)})`
}

export const check = defineCheck(definition)
