import type {Scope} from '../../service/service.js'
import {ExitStatus, ServiceError} from '../../errors.js'
import type {Account, Host, RunResult} from '../../host/host.js'
import type {RunStep} from '../../plan/plan.js'
import {type OneScope, oneScope} from '../two-scopes.js'
import {lookFailed, managerEnvironment, noUserManager, userManagerAnswers} from './bus.js'
import {parseShow, type Properties, splitEntries} from './show.js'

const READ_TIMEOUT_MS = 20_000
/** A manager that has not answered once is not waited for as long again: what hangs it, a unit that is a device say, hangs it at each look. */
const NEXT_TIMEOUT_MS = 2000
const CHANGE_TIMEOUT_MS = 60_000
/** What a systemd that raises its pause between restarts by itself says of each service (RestartSteps=), and the first one that does (254, NEWS). */
const STEPS_PROPERTY = 'RestartMaxDelayUSec'
const RESTART_STEPS_SINCE = 254

/** One scope of the systemd of this machine: system services, or those of one account's user manager. */
export interface Systemd extends OneScope {
  readonly systemctl: Systemctl
}

export function systemdOf(host: Host, scope: Scope, account: Account): Systemd {
  return {...oneScope(host, scope, account), systemctl: new Systemctl(host, scope, account)}
}

/** systemctl(1), as it talks to the manager of one scope. All looks throw a ServiceError (exit 4) where it gives no answer. */
export class Systemctl {
  /** Whether the running systemd has RestartSteps=; undefined until it was asked about a unit. */
  private knowsRestartSteps: boolean | undefined

  /** `account`: whose user manager it is (user scope), or who asks (system scope). */
  constructor(
    private readonly host: Host,
    private readonly scope: Scope,
    private readonly account: Account,
  ) {}

  /** The environment in which systemd's programs find that manager. */
  get env(): Record<string, string> {
    return managerEnvironment(this.scope, this.account)
  }

  /** False only for a user manager that does not run. */
  answers(): boolean {
    return this.scope === 'system' || userManagerAnswers(this.host, this.account)
  }

  /** The properties of units, in the order given. `env`: beside the usual environment. */
  show(properties: readonly string[], units: readonly string[], env: Readonly<Record<string, string>> = {}): Properties[] {
    const shown = parseShow(this.read(['show', `--property=${properties.join(',')}`, '--', ...units], env).stdout)
    if (shown.length !== units.length) throw notUnderstood(`answered for ${shown.length} units instead of ${units.length}`)
    for (const [index, unit] of units.entries()) {
      const fault = faultOf(unit, shown[index] ?? {}, properties)
      if (fault !== undefined) throw notUnderstood(`${fault} of ${unit}`)
    }
    if (properties.includes(STEPS_PROPERTY)) this.knowsRestartSteps = shown.some((unit) => unit[STEPS_PROPERTY] !== undefined)
    return shown
  }

  /** The properties of the units that the manager has in memory and whose names fit a pattern (glob(7)), in no order; none if it has none. */
  showMatching(properties: readonly string[], pattern: string): Properties[] {
    return parseShow(this.read(['show', `--property=${properties.join(',')}`, '--', pattern], {}).stdout)
  }

  /** The variables that the manager gives its services; none where it does not say. */
  environment(): ReadonlyMap<string, string> {
    try {
      const lines = this.read(['show-environment'], {}).stdout.split('\n')
      return new Map(lines.flatMap((line) => splitEntries(line).map((entry) => entry.split(/=(.*)/s).slice(0, 2) as [string, string])))
    } catch (error) {
      if (error instanceof ServiceError) return new Map()
      throw error
    }
  }

  /** One call that changes something, with the ids of the user manager's account. */
  change(why: string, words: readonly string[]): RunStep {
    const as = this.scope === 'user' ? this.account : undefined
    return {kind: 'run', why, argv: [...this.argv(), ...words], env: this.env, timeoutMs: CHANGE_TIMEOUT_MS, as}
  }

  /** The running systemd knows RestartSteps=. */
  hasRestartSteps(): boolean {
    return this.knowsRestartSteps ?? this.version() >= RESTART_STEPS_SINCE
  }

  /** The version of systemd, e.g. 252; 0 if it does not say. */
  private version(): number {
    const result = this.host.read(['systemctl', '--version'], {env: this.env, timeoutMs: READ_TIMEOUT_MS})
    return Number(/^systemd (\d+)/.exec(result.stdout)?.[1] ?? 0)
  }

  private read(words: readonly string[], env: Readonly<Record<string, string>>): RunResult {
    if (!this.answers()) throw noUserManager(this.host, this.account)
    // Only its own user may talk to a user manager.
    const host = this.scope === 'user' ? this.host.as(this.account) : this.host
    const silent = silentManagers(this.host)
    const manager = `${this.scope} ${this.account.uid}`
    const timeoutMs = silent.has(manager) ? NEXT_TIMEOUT_MS : READ_TIMEOUT_MS
    const result = host.read([...this.argv(), ...words], {env: {...this.env, ...env}, timeoutMs})
    if (result.failure === 'TIMEOUT') silent.add(manager)
    else silent.delete(manager)
    if (result.code !== 0) throw lookFailed(result)
    return result
  }

  private argv(): string[] {
    return this.scope === 'user' ? ['systemctl', '--user'] : ['systemctl', '--no-ask-password']
  }
}

const silentOn = new WeakMap<Host, Set<string>>()

/** The managers of a machine that did not answer when they were last asked. */
function silentManagers(host: Host): Set<string> {
  const known = silentOn.get(host) ?? new Set<string>()
  silentOn.set(host, known)
  return known
}

/** What every systemd says of every unit, or of every service, and how that reads (systemctl(1), org.freedesktop.systemd1(5)). */
const ALWAYS_SAID: readonly {name: string; form: RegExp; ofServices?: true}[] = [
  {name: 'LoadState', form: /^(stub|loaded|not-found|bad-setting|error|merged|masked)$/},
  {name: 'ActiveState', form: /^(active|reloading|inactive|failed|activating|deactivating|maintenance|refreshing)$/},
  {name: 'SubState', form: /^[a-z-]+$/},
  {name: 'UnitFileState', form: /^[a-z-]*$/},
  {name: 'MainPID', form: /^\d+$/, ofServices: true},
  {name: 'NRestarts', form: /^\d+$/, ofServices: true},
  {name: 'NeedDaemonReload', form: /^(yes|no)$/},
]

/** Why an answer is none: a property that was asked for is missing or reads otherwise than it can. A missing one is not "no". */
function faultOf(unit: string, shown: Properties, asked: readonly string[]): string | undefined {
  for (const {name, form, ofServices} of ALWAYS_SAID) {
    if (!asked.includes(name) || (ofServices && !unit.endsWith('.service'))) continue
    const value = shown[name]
    if (value === undefined) return `says no ${name}`
    if (!form.test(value)) return `says ${name}=${JSON.stringify(value.slice(0, 40))}`
  }
  return undefined
}

function notUnderstood(what: string): ServiceError {
  return new ServiceError(`systemctl show ${what}`, {
    code: 'manager-not-understood',
    exitStatus: ExitStatus.cannotTell,
    next: ['systemctl --version   # please report this, with the output of the command'],
  })
}
