import path from 'node:path'
import {GatewayLimit, GatewayVariable, HomeFile} from './contract.js'
import type {AccountHost} from '../host/host.js'
import {readIfAllowed} from '../host/tolerant-read.js'
import {configSection} from './config-file.js'
import {dotenvVariable} from './dotenv.js'

/** How long the gateway may take to finish its work when it is told to stop, in seconds, as configured in its home. */
export interface Drain {
  readonly drainSec: number
  readonly cronDrainSec: number
  /** How long a gateway that is asked to restart first waits for the turns in hand. */
  readonly afterTurnSec: number
}

/**
 * The gateway's times in a home. Where nothing is configured upstream's longest default is assumed, since a stop timeout that is too short
 * kills a gateway in the middle of its work, and one that is too long costs nothing as long as it answers.
 */
export async function readDrain(host: AccountHost, home: string): Promise<Drain> {
  const {
    drainSec = GatewayLimit.longestDrainSec,
    cronDrainSec = GatewayLimit.cronDrainSec,
    afterTurnSec = GatewayLimit.afterTurnSec,
  } = await configuredDrain(host, home)
  return {drainSec, cronDrainSec, afterTurnSec}
}

/**
 * What is configured in a home: `agent.restart_drain_timeout`, `agent.cron_drain_timeout` and the like of config.yaml; the variables in
 * .env win, as they do in the gateway.
 */
export async function configuredDrain(host: AccountHost, home: string): Promise<Partial<Drain>> {
  const agent = configSection(readIfAllowed(host, path.join(home, HomeFile.config)) ?? '', 'agent')
  const variables = readIfAllowed(host, path.join(home, HomeFile.environment)) ?? ''
  const found = (name: string, key: string) => seconds(dotenvVariable(variables, name)) ?? seconds(agent.get(key))
  const [drainSec, cronDrainSec, afterTurnSec] = [
    found(GatewayVariable.drainTimeout, 'restart_drain_timeout'),
    found(GatewayVariable.cronDrainTimeout, 'cron_drain_timeout'),
    found(GatewayVariable.afterTurnTimeout, 'restart_after_turn_timeout'),
  ]
  return {
    ...(drainSec === undefined ? {} : {drainSec}),
    ...(cronDrainSec === undefined ? {} : {cronDrainSec}),
    ...(afterTurnSec === undefined ? {} : {afterTurnSec}),
  }
}

/**
 * The time a manager must give a gateway to stop before it kills it, in seconds: upstream's own formula, so that a newer gateway does not
 * call the unit stale.
 */
export function stopTimeoutSec({drainSec, cronDrainSec}: Pick<Drain, 'drainSec' | 'cronDrainSec'>): number {
  const cron = cronDrainSec > 0 ? cronDrainSec + 10 : 0
  return Math.ceil(Math.max(60, Math.max(drainSec, cron) + 30, drainSec + 70))
}

/** How long a working gateway that was asked to restart (SIGUSR1) may take until it ends, in seconds: upstream's own wait. */
export function askTimeoutSec({drainSec, afterTurnSec}: Drain): number {
  return Math.ceil(drainSec + afterTurnSec + GatewayLimit.askMarginSec)
}

function seconds(value: string | undefined): number | undefined {
  const number = value === undefined || value === '' ? undefined : Number(value)
  return number !== undefined && Number.isFinite(number) && number >= 0 ? number : undefined
}
