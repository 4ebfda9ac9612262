import {resolvePlace} from '../observe/place.js'
import type {TargetFlags} from '../observe/place.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {readDrain, stopTimeoutSec} from '../gateway/drain.js'
import {type Host, HostError} from '../host/host.js'
import {gatewayArgv} from '../service/gateway-argv.js'
import {parseCommandFlag} from '../service/gateway-command.js'
import {refusedNice, withResources} from '../service/resources.js'
import {withNice} from '../service/service-helper.js'
import {DEFAULT_RESTART_POLICY, type RestartPolicy} from '../service/restart-policy.js'
import {DEFAULT_HEARTBEAT, type HeartbeatSettings} from '../service/settings.js'
import type {DefinitionRequest} from './definition.js'
import {Keeper, KEPT_SIGNALS} from './keeper.js'
import {makeRunFolder, removeRunFolder} from './run-folder.js'
import {isFailure} from '../plan/plan.js'
import {performSteps} from '../plan/perform.js'
import {observe} from '../observe/look.js'
import {inForeground, type Target} from '../observe/where.js'
import {isStoppedUntilBoot} from '../service/desired-state.js'
import {ownVersion} from '../service/own-version.js'
import {recordIntent} from './intent.js'
import {findProgram, requireAlone, requireHome} from './run-place.js'

/** How `run` is asked for. */
export interface RunRequest extends Pick<DefinitionRequest, 'command' | 'policy' | 'heartbeat' | 'resources'> {
  readonly flags: TargetFlags
  /** Prints one line for people. */
  readonly say: (line: string) => void
}

/**
 * Keeps one gateway alive in the foreground, for where there is no service manager, until it is stopped by a signal, ends with 78, or ends
 * with 0 while it is recorded as stopped. Resolves with the gateway's final status (128+n for signal n). Throws a ServiceError if it cannot
 * even begin: as PID 1, without a home, beside a gateway that runs.
 */
export async function runGateway(host: Host, request: RunRequest): Promise<number> {
  requireInit(host)
  const place = resolvePlace(host, request.flags)
  const policy: RestartPolicy = {...DEFAULT_RESTART_POLICY, ...request.policy}
  if (policy.firstMs > policy.capMs) {
    throw usageError(`--restart-delay (${policy.firstMs} ms) must not be longer than --restart-delay-max (${policy.capMs} ms)`)
  }
  const heartbeat: HeartbeatSettings = {...DEFAULT_HEARTBEAT, ...request.heartbeat}
  if (request.heartbeat.watchdogTicks && !heartbeat.enabled) {
    throw usageError('--watchdog needs the heartbeat, which finds a wedged gateway: leave out --heartbeat off')
  }
  const resources = withResources(undefined, request.resources)
  const refused = refusedNice(resources.nice ?? 0)
  if (refused !== undefined) throw usageError(refused)
  requireHome(place)
  await requireAlone(place)
  const program = request.command === undefined ? findProgram(place) : parseCommandFlag(host, request.command)
  const target = await inForeground(place)
  const drain = await readDrain(place.userHost, place.profile.home)
  await recordWish(target, request.say)
  const folder = makeRunFolder(place)
  const keeper = new Keeper(place, {
    ...{policy, heartbeat, folder, say: request.say, name: target.service.name},
    settings: {
      ...{
        schemaVersion: 1,
        scope: target.manager.scope,
        profile: place.profile.name,
        home: place.profile.home,
        account: place.account.name,
      },
      ...{command: program, commandIsGiven: request.command !== undefined, createdDefinition: true, linger: false, turnedLingerOn: false},
      ...(Object.keys(resources).length > 0 ? {resources} : {}),
      ...{policy, heartbeat, drainSec: drain.drainSec, cronDrainSec: drain.cronDrainSec, writtenBy: ownVersion(host)},
    },
    argv: withNice(host, resources, gatewayArgv(program, place.profile.name, place.profile.home)),
    stopMs: stopTimeoutSec(drain) * 1000,
  })
  const release = host.onSignals(KEPT_SIGNALS, (signal) => void keeper.onSignal(signal))
  try {
    return await keeper.keep()
  } finally {
    release()
    removeRunFolder(place, folder)
  }
}

/** Whoever runs it wants it to run: a stop that was recorded before holds no longer. What nobody has recorded stays so. */
async function recordWish(target: Target, say: (line: string) => void): Promise<void> {
  const seen = observe(target)
  if (seen.desired.kind !== 'recorded') return
  if (seen.desired.record.desiredState === 'running' && !isStoppedUntilBoot(target.host, seen.desired)) return
  const {since, by} = seen.desired.record
  say(`the gateway was recorded as stopped (${by}, ${since}); from now on it should run`)
  try {
    await performSteps(target.host, recordIntent(target, seen, 'running', 'run'), say)
  } catch (error) {
    if (!isFailure(error) && !(error instanceof HostError)) throw error
    say(`hermes-svc could not record that the gateway should run: ${error.message}`)
  }
}

/** PID 1 inherits the orphans of all others, and has to reap them; node reaps its own children only. */
function requireInit(host: Host): void {
  if (host.pid !== 1) return
  throw new ServiceError(
    'hermes-svc run is PID 1 here, but PID 1 must reap the orphans of all other processes, and node cannot do that. Start it under a small init',
    {
      code: 'needs-init',
      exitStatus: ExitStatus.failed,
      next: [
        'docker run --init …   # in compose: init: true',
        'ENTRYPOINT ["tini", "--", "hermes-svc", "run"]   # or catatonit instead of tini',
        'shareProcessNamespace: true   # in a pod',
      ],
    },
  )
}
