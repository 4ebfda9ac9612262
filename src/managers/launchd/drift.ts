import type {ServiceSettings} from '../../service/settings.js'
import type {DirectiveDrift, ManagerObservation, Scope} from '../manager.js'
import {definitionPaths, exitTimeoutSec} from './definition.js'
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
  return Object.entries(wanted).flatMap(([directive, {text, accepts}]) => {
    const merged = observation.directives[directive]
    return accepts(merged) ? [] : [{directive, wanted: text, merged: merged ?? '', setBy}]
  })
}
