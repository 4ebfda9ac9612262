import type {Scope} from '../../src/service/service.js'
import type {Account, RunResult} from '../../src/host/host.js'
import {type Machine, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {newProfile, ServiceOnMachine} from './service-on-machine.js'

/** Where every machine has the stand-in gateway. */
export const STAND_IN = `${MACHINE_PACKAGE}/dist/stand-in/hermes`

/** One profile of a user inside a machine, whose gateway is the stand-in, and the commands on its service under systemd in one scope. */
export class TestService extends ServiceOnMachine {
  readonly unit: string
  /** Folder of the units, and of our own files for this service. */
  readonly units: string
  readonly support: string
  /** What the helpers remember between two starts. */
  readonly runtime: string

  private constructor(machine: Machine, user: Account, scope: Scope, profile: string) {
    super(machine, user, scope, profile)
    const suffix = profile === 'default' ? '' : `-${profile}`
    this.unit = `hermes-gateway${suffix}.service`
    this.units = scope === 'system' ? '/etc/systemd/system' : `${user.home}/.config/systemd/user`
    this.support = `${scope === 'system' ? '/etc/hermes-svc' : `${user.home}/.config/hermes-svc`}/hermes-gateway${suffix}`
    this.runtime = `${scope === 'system' ? '/run' : `/run/user/${user.uid}`}/hermes-svc-hermes-gateway${suffix}`
  }

  /** Makes the home of a profile (default: one that no other test has), with the stand-in where it is found. */
  static async make(
    machine: Machine,
    user: Account,
    options: {readonly scope?: Scope; readonly profile?: string; readonly standIn?: StandInConfig} = {},
  ): Promise<TestService> {
    const service = new TestService(machine, user, options.scope ?? 'user', options.profile ?? newProfile())
    await service.makeHome(STAND_IN, options.standIn ?? {})
    return service
  }

  get unitFile(): string {
    return `${this.units}/${this.unit}`
  }

  get dropIn(): string {
    return `${this.unitFile}.d/10-hermes-svc.conf`
  }

  /** systemctl of this scope's manager. */
  systemctl(...args: string[]): Promise<RunResult> {
    return this.machine.exec(['systemctl', ...(this.scope === 'user' ? ['--user'] : []), ...args], this.actor)
  }

  /** Properties of the unit, in the order asked for. */
  async show(...properties: string[]): Promise<string[]> {
    const {stdout} = await this.systemctl('show', `--property=${properties.join(',')}`, this.unit)
    const values = new Map(stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
    return properties.map((property) => values.get(property) ?? '')
  }

  get temporaryDefinition(): string {
    return `${this.units}/.${this.unit}`
  }

  async definitionText(): Promise<string> {
    return (await this.systemctl('cat', this.unit)).stdout
  }

  async stopLimitSec(): Promise<number> {
    return Number(/^TimeoutStopSec=(\d+)$/m.exec(await this.definitionText())?.[1])
  }

  async stopByManager(): Promise<void> {
    await this.systemctl('stop', this.unit)
  }

  async mainPid(): Promise<number> {
    return Number((await this.show('MainPID'))[0])
  }

  /**
   * Everything that a command could change, one line each: files with kind, mode, owner, time and content, what systemd says of the units
   * in this scope, and whether the user lingers.
   */
  async snapshot(): Promise<string[]> {
    const runtime = this.runtime.slice(0, this.runtime.lastIndexOf('/'))
    const places = [
      this.units,
      this.support.slice(0, this.support.lastIndexOf('/')),
      this.home,
      `/var/lib/systemd/linger/${this.user.name}`,
    ]
    const files = await this.sh(LIST, [runtime, ...places])
    const states = ['Id', 'LoadState', 'ActiveState', 'SubState', 'MainPID', 'NRestarts', 'UnitFileState', 'NeedDaemonReload', 'Result']
    const units = await this.systemctl('show', `--property=${states.join(',')}`, 'hermes-gateway*.service', this.unit)
    return [...files.split('\n'), ...units.stdout.split('\n\n').map((unit) => unit.trim().replaceAll('\n', ' '))].filter(Boolean).sort()
  }

  /** Of the snapshot what a command changes for good: times aside, and what the gateway itself writes into its home. */
  async lasting(): Promise<string[]> {
    const lines = (await this.snapshot()).map((line) => line.replace(/ [0-9]+\.[0-9]+$/, ''))
    return lines.filter((line) => !line.includes(this.home) || line.includes('.hermes-svc.json') || line.includes('hermes-svc-tmp'))
  }

  /** The files of the definition, each as "path mode sha256", sorted; what else lies in its folders too. */
  async definition(): Promise<string[]> {
    const files = await this.sh(
      'for file in "$1"/.[!.]* "$1"/hermes-gateway* "$1"/hermes-gateway*.d/* "$1"/hermes-gateway*.d/.[!.]* "$2"/* "$2"/.[!.]*; do ' +
        'if [ -f "$file" ]; then stat -c "%n %a %U" "$file" | tr "\\n" " "; sha256sum <"$file"; fi; done',
      [this.units, this.support],
    )
    return files.split('\n').filter(Boolean).sort()
  }
}

/**
 * sh program. $1: folder with the helpers' own ones. $2…: further places. The stand-in's clock is left out: it ticks by itself; what each tick notes of itself;
 * and the times of folders: a lock of ours comes and goes in them.
 */
const LIST = `runtime=$1
shift
for place in "$@" "$runtime"/hermes-svc-*; do
  [ ! -e "$place" ] || find "$place" -path '*/cron' -prune -o -name ticked -prune -o -type d -printf '%p %y %m %U:%G\\n' -o -printf '%p %y %m %U:%G %l %T@\\n' -o -false
  [ ! -e "$place" ] || find "$place" -path '*/cron' -prune -o -name ticked -prune -o -type f -exec sha256sum {} +
done
`
