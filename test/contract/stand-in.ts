import {GatewayLimit} from '../../src/gateway/contract.js'
import type {Purpose} from './claim.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'

/** How the stand-in is told to be a gateway of that version, with upstream's own limits. */
export function standInOf(version: NonNullable<StandInConfig['version']>, purpose: Purpose): StandInConfig {
  const {maxStarts, startWindowSec, brakeFirstSec, brakeLongestSec} = GatewayLimit
  // Real ones take seconds; by default it is over before another process has looked once.
  if (purpose === 'start') return {version, startup_ms: 2000}
  if (purpose !== 'brake') return {version}
  return {version, respawn_brake: {max_starts: maxStarts, window_s: startWindowSec, first_s: brakeFirstSec, cap_s: brakeLongestSec}}
}
