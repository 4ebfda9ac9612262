import type {Scope} from '../../service/service.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import type {ServiceSettings} from '../../service/settings.js'
import type {DirectiveDrift, ManagerObservation} from '../manager.js'
import {definitionPaths, exitTimeoutSec} from './render.js'
import type {Domain} from './domain.js'

/** Keys of a property list that we own and whose value on disk is not the wanted one. */
export function driftOf(
  scope: Scope,
  observation: ManagerObservation,
  settings: ServiceSettings,
  domain: Domain | undefined,
): DirectiveDrift[] {
  const paths = definitionPaths(scope, observation.service)
  const [setBy] = observation.definitionPaths
  const equal = (text: string) => ({text, accepts: (shown: string | undefined) => shown === text})
  const exitSec = exitTimeoutSec(settings)
  const wanted: Record<string, {text: string; accepts: (shown: string | undefined) => boolean}> = {
    ProgramArguments: equal(JSON.stringify([paths.launcher, paths.stateFolder])),
    RunAtLoad: equal('true'),
    KeepAlive: equal('{"SuccessfulExit":false}'),
    // A longer time than ours keeps what ours is for: the gateway may drain.
    ExitTimeOut: {text: `${exitSec} or more`, accepts: (shown) => Number(shown) >= exitSec},
    ...(domain?.sessionType === undefined ? {} : {LimitLoadToSessionType: equal(domain.sessionType)}),
    StandardOutPath: equal(paths.log),
    StandardErrorPath: equal(paths.log),
  }
  const drifts = Object.entries(wanted).flatMap(([directive, {text, accepts}]) => {
    const merged = observation.directives[directive]
    return accepts(merged) ? [] : [{directive, wanted: text, merged: merged ?? '', setBy}]
  })
  return [...drifts, ...launcherDrift(paths.launcher, observation, settings)]
}

/** What the launcher of another version of ours, or for other settings, goes by. One that is gone is another check's. */
function launcherDrift(launcher: string, {directives}: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
  const wanted = {RestartDelay: String(settings.policy.restartDelayMs / 1000), StopTimeout: String(stopTimeoutSec(settings))}
  return Object.entries(wanted).flatMap(([directive, text]) => {
    const merged = directives[directive]
    return merged === undefined || merged === text ? [] : [{directive, wanted: text, merged, setBy: launcher}]
  })
}
