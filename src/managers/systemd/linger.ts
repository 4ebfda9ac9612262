import type {Scope, Service} from '../../service/service.js'
import {ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import type {Account, Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {type Done, onUndo, plannedAnew, type RunStep, type Step} from '../../plan/plan.js'
import {recordedSettings} from '../../service/recorded-settings.js'
import {formatSettings, parseSettings} from '../../service/settings.js'
import {orNoAccess} from '../no-access.js'
import {enableLingerCommand, isLingering, managerEnvironment} from './bus.js'
import {definitionPaths, scopeFolders} from './paths.js'
import {accountOfUnit} from './unit-file.js'

const CHANGE_TIMEOUT_MS = 60_000

/** A unit, by its name, in one of the two scopes. */
interface UnitPlace {
  readonly scope: Scope
  readonly name: string
}

/** Turns lingering on, and off again if a later step fails and nobody else needs it by then; nothing where it is on already. */
export function turnLingerOn(host: Host, scope: Scope, service: Service): Step[] {
  const {account} = service
  if (isLingering(host, account)) return []
  let wasOff = false
  const why = `let the services of ${account.name} run without a login (lingering)`
  const act = async (): Promise<Done> => {
    wasOff = !isLingering(host, account)
    if (!wasOff) return {changed: false}
    const {argv, env, timeoutMs = CHANGE_TIMEOUT_MS} = enableLinger(account)
    const result = await host.run(argv, {env, timeoutMs})
    if (result.code === 0 && isLingering(host, account)) return {changed: true, what: `${account.name} lingers`}
    throw new ServiceError(`hermes-svc could not turn on lingering for ${account.name}: ${result.stderr.trim() || 'not allowed'}`, {
      code: 'linger-refused',
      exitStatus: ExitStatus.failed,
      next: [enableLingerCommand(account), 'hermes-svc install --no-linger   # the gateway then runs only while you are logged in'],
    })
  }
  const takeBack = () => (wasOff ? endLinger(host, scope, service).map(mustWork) : [])
  return [...onUndo([plannedAnew(`end lingering of ${account.name}, if no other service needs it`, takeBack)]), {kind: 'act', why, act}]
}

function mustWork(step: Step): Step {
  return step.kind === 'run' ? {...step, mayFail: false} : step
}

/**
 * Ends the lingering that the install of a service turned on, once that service is gone. Where another gateway of the account has a unit, it
 * is left to the uninstall of that one, if it is ours to tell.
 */
export function endLinger(host: Host, scope: Scope, service: Service): Step[] {
  const {account} = service
  if (!isLingering(host, account)) return []
  const others = orNoAccess(() => otherServices(host, scope, service))
  if (others.length === 0) return [...onUndo([enableLinger(account)]), {...disableLinger(account), mayFail: true}]
  const mayWrite = (other: Scope) => other === 'user' || host.account.uid === 0
  const heirs = others
    .filter((other) => mayWrite(other.scope))
    .flatMap(({scope: where, name}) => {
      const file = definitionPaths(where, {...service, name}).settings
      const settings = parseSettings(readIfAllowed(ownerDoor(host, where === 'user' ? account : undefined), file))
      return settings?.account === account.name ? [{scope: where, name, file, settings}] : []
    })
  const [heir] = heirs
  if (!heir || heirs.some(({settings}) => settings.turnedLingerOn)) return []
  return [
    {
      kind: 'write-file',
      why: `record that the uninstall of ${heir.name} ends lingering of ${account.name}`,
      path: heir.file,
      text: formatSettings({...heir.settings, turnedLingerOn: true}),
      mode: 0o644,
      as: heir.scope === 'user' ? account : undefined,
    },
  ]
}

/**
 * The gateways of the service's account that have a unit, or settings of an installation that is under way, in either scope, beside this one; those of
 * its own scope first.
 */
function otherServices(host: Host, own: Scope, service: Service): UnitPlace[] {
  const {account} = service
  const unitsIn = (scope: Scope) => {
    const {units, support} = scopeFolders(scope, account)
    const files = ownerDoor(host, scope === 'user' ? account : undefined)
    const names = (files.list(units) ?? []).filter((name) => /^hermes-gateway.*\.service$/.test(name))
    const isAccounts = (name: string) =>
      accountOfUnit(host, readIfAllowed(host, path.join(units, name)) ?? '', {scope, account, name})?.uid === account.uid
    const ofUnits = scope === 'user' ? names : names.filter(isAccounts)
    const recorded = [...recordedSettings(files, support)].flatMap(([name, settings]) =>
      settings.account === account.name ? [`${name}.service`] : [],
    )
    const all = [...new Set([...ofUnits, ...recorded])].sort()
    return all.filter((name) => scope !== own || name !== service.name).map((name) => ({scope, name}))
  }
  return own === 'user' ? [...unitsIn('user'), ...unitsIn('system')] : [...unitsIn('system'), ...unitsIn('user')]
}

function enableLinger(account: Account): RunStep {
  return {
    kind: 'run',
    why: `let the services of ${account.name} run without a login (lingering)`,
    argv: ['loginctl', '--no-ask-password', 'enable-linger', account.name],
    env: managerEnvironment('system', account),
    timeoutMs: CHANGE_TIMEOUT_MS,
  }
}

function disableLinger(account: Account): RunStep {
  return {
    kind: 'run',
    why: `end lingering of ${account.name}`,
    argv: ['loginctl', '--no-ask-password', 'disable-linger', account.name],
    env: managerEnvironment('system', account),
    timeoutMs: CHANGE_TIMEOUT_MS,
  }
}
