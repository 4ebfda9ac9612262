import {ExitStatus, ServiceError} from '../../errors.js'
import type {Account, Host, RunResult} from '../../host/host.js'
import type {RunStep} from '../../plan/plan.js'
import type {Scope} from '../manager.js'
import {lookFailed, managerEnvironment, noUserManager, userManagerAnswers} from './bus.js'
import {parseShow, type Properties} from './show.js'

const READ_TIMEOUT_MS = 20_000
const CHANGE_TIMEOUT_MS = 60_000

/** systemctl(1), as it talks to the manager of one scope. All looks throw a ServiceError (exit 4) where it gives no answer. */
export class Systemctl {
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
    if (shown.length === units.length) return shown
    throw new ServiceError(`systemctl show answered for ${shown.length} units instead of ${units.length}`, {
      code: 'manager-not-understood',
      exitStatus: ExitStatus.cannotTell,
      next: ['please report it, with the output of systemctl --version'],
    })
  }

  /** One call that changes something, with the ids of the user manager's account. */
  change(why: string, words: readonly string[]): RunStep {
    const as = this.scope === 'user' ? this.account : undefined
    return {kind: 'run', why, argv: [...this.argv(), ...words], env: this.env, timeoutMs: CHANGE_TIMEOUT_MS, as}
  }

  /** The version of systemd, e.g. 252; 0 if it does not say. */
  version(): number {
    const result = this.host.read(['systemctl', '--version'], {env: this.env, timeoutMs: READ_TIMEOUT_MS})
    return Number(/^systemd (\d+)/.exec(result.stdout)?.[1] ?? 0)
  }

  private read(words: readonly string[], env: Readonly<Record<string, string>>): RunResult {
    if (!this.answers()) throw noUserManager(this.host, this.account)
    // Only its own user may talk to a user manager.
    const host = this.scope === 'user' ? this.host.as(this.account) : this.host
    const result = host.read([...this.argv(), ...words], {env: {...this.env, ...env}, timeoutMs: READ_TIMEOUT_MS})
    if (result.code !== 0) throw lookFailed(result)
    return result
  }

  private argv(): string[] {
    return this.scope === 'user' ? ['systemctl', '--user'] : ['systemctl', '--no-ask-password']
  }
}
