import type {ProcessEntry} from '../../gateway/process-info.js'
import path from 'node:path'
import {GatewayExit, GatewayVariable, DEFAULT_PROFILE} from '../../gateway/contract.js'
import {isInnerNamespace} from '../../gateway/pid-namespace.js'
import {hasEnded, isHeld, isThere, readProcess, startedAt} from '../../gateway/process.js'
import {isObject, readJson} from '../../gateway/records.js'
import type {AccountHost} from '../../host/host.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {oncePerLook} from '../once-per-look.js'
import type {Scene} from '../scene.js'
import {isOnItsWay, SETTLED_MS} from '../situation.js'

/** A lock on a platform's token, one for all gateways of an account. */
interface TokenLock {
  readonly file: string
  readonly pid: number
  readonly startTime: number | undefined
  /** What it is a lock on, e.g. telegram-bot-token. */
  readonly scope: string | undefined
  readonly home: string | undefined
  readonly profile: string | undefined
  readonly modifiedMs: number
}

interface Evidence {
  readonly locks: readonly TokenLock[]
}

/** Why a lock no longer counts; upstream too takes a stopped owner for none. */
type Staleness = 'gone' | 'zombie' | 'recycled' | 'stopped'

const WORDS: Record<Staleness, string> = {
  gone: 'is gone',
  zombie: 'has ended and is a zombie',
  recycled: 'is now another process',
  stopped: 'is stopped by a signal',
}

const locksIn = oncePerLook(({target: {userHost}}, folder) => readLocks(userHost, folder))

export const definition: CheckDefinition<Evidence> = {
  id: 'stale-token-lock',
  title: 'a platform token that is locked by a process that is gone',
  why: `A gateway that needs this token finds it in use. The platform stays off, or the gateway ends with exit status ${GatewayExit.fatalConfiguration}.`,
  seeByHand: [
    ['cat ~/.local/state/hermes/gateway-locks/*.lock', '"scope" and "pid": which token is locked, and by which process'],
    ['ps -o pid,stat,args -p 4711', 'that process (put its pid here): no line if it is gone'],
  ],
  whatTheFixDoes: 'The fix removes the lock, unless another process has taken it in the meantime.',
  unsafe: 'if a signal has stopped the process that holds the lock',
  ifItComesBack:
    'Something kills a gateway that uses this token: "hermes-svc history" of its profile shows when. If the process that holds the lock still runs, two gateways share a token: give each its own token.',
  needsService: false,
  needsManager: true,
  look: (scene) => ({locks: locksIn(scene, lockFolder(scene))}),
  diagnose: (scene, {locks}) => {
    if (isOnItsWay(scene)) return []
    return locks.filter((lock) => concerns(scene, lock)).flatMap((lock) => about(scene, lock))
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene, {locks}) => {
      const {host, userHost, service} = scene.target
      const stale = locks.filter((lock) => concerns(scene, lock) && about(scene, lock).length > 0)
      return {
        title: `remove the stale token locks of ${service.name}`,
        steps: stale.map((lock) => ({
          kind: 'remove-file',
          why: `remove ${lock.file}, whose owner (pid ${lock.pid}) is gone`,
          path: lock.file,
          forGood: true,
          as: service.account,
          onlyIf: {
            when: 'no other process has taken the lock',
            holds: () => {
              const now = readTokenLock(userHost, lock.file)
              const isSame = now?.pid === lock.pid && now.startTime === lock.startTime
              return isSame && staleness(now, readProcess(host, now.pid)) !== undefined
            },
          },
        })),
        outcome: `every token lock of ${service.profile.home} belongs to a running process`,
      }
    },
  },
}

/** Upstream's place, in the environment that the gateway has. */
function lockFolder({target, seen}: Scene): string {
  const {account} = target.service
  const environment = target.manager.definition.readEnvironment(target.service)
  const variable = (name: string) => {
    const entry = seen.manager.environment.findLast((one) => one.startsWith(`${name}=`))
    return environment.get(name) ?? entry?.slice(name.length + 1)
  }
  const state = variable('XDG_STATE_HOME') ?? path.join(account.home, '.local', 'state')
  return variable(GatewayVariable.tokenLocks) ?? path.join(state, 'hermes', 'gateway-locks')
}

function readLocks(host: AccountHost, folder: string): TokenLock[] {
  const names = (host.list(folder) ?? []).filter((name) => name.endsWith('.lock')).sort()
  return names.map((name) => readTokenLock(host, path.join(folder, name))).filter((lock) => lock !== undefined)
}

/** Undefined for a file that is no record, or is being written. */
function readTokenLock(host: AccountHost, file: string): TokenLock | undefined {
  const modifiedMs = host.lstat(file)?.modifiedMs
  const read = readJson(host, file, (value) => {
    if (!isObject(value) || typeof value.pid !== 'number') return undefined
    const text = (name: string) => (typeof value[name] === 'string' && value[name] !== '' ? value[name] : undefined)
    return {
      file,
      pid: value.pid,
      startTime: typeof value.start_time === 'number' ? value.start_time : undefined,
      scope: text('scope'),
      home: text('hermes_home'),
      profile: text('profile'),
      modifiedMs: modifiedMs ?? 0,
    }
  })
  return read.kind === 'present' ? read.value : undefined
}

/** One that says nothing of its home is shown once: to whoever asks for one service, and with all of them at the default profile. */
function concerns({target, isNamed}: Scene, {home, profile}: TokenLock): boolean {
  const own = target.service.profile
  if (home !== undefined) return (target.userHost.realPath(home) ?? home) === own.home
  return profile === undefined ? isNamed || own.name === DEFAULT_PROFILE : profile === own.name
}

function staleness({startTime}: TokenLock, owner: ProcessEntry | undefined): Staleness | undefined {
  if (!owner) return 'gone'
  if (startTime !== undefined && !startedAt(owner, startTime)) return 'recycled'
  if (hasEnded(owner)) return 'zombie'
  return isHeld(owner) ? 'stopped' : undefined
}

function about(scene: Scene, lock: TokenLock): Found[] {
  const {processes, nowMs, target} = scene
  const why = staleness(lock, processes.entries.get(lock.pid))
  if (!why || Math.abs(nowMs - lock.modifiedMs) < SETTLED_MS) return []
  if (why !== 'zombie' && why !== 'stopped' && mayBeElsewhere(scene, lock)) return []
  // Of another user's process nothing may be seen.
  if (why === 'gone' && isThere(target.host, lock.pid)) return []
  return [
    {
      kind: why,
      severity: 'warning',
      what: `the lock on ${lock.scope ?? 'a platform token'} belongs to pid ${lock.pid}, which ${WORDS[why]}`,
      evidence: [
        `the lock file is ${lock.file}`,
        lock.home === undefined ? 'the lock does not name a home' : `the lock belongs to the home ${lock.home}`,
      ],
      // One that is stopped may be continued.
      ...(why === 'stopped' ? {isSafe: false} : {}),
    },
  ]
}

/** In an inner PID namespace only this home's own locks are sure to be of processes that would be seen, and only if its gateway is of here. */
function mayBeElsewhere({seen, target}: Scene, {home}: TokenLock): boolean {
  return seen.gateway.isPartial === true || (home === undefined && isInnerNamespace(target.host))
}

export const check = defineCheck(definition)
