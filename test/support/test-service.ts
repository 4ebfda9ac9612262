import type {Account, RunResult} from '../../src/host/host.js'
import type {ServiceReport} from '../../src/lifecycle/status.js'
import type {Scope} from '../../src/managers/manager.js'
import {type Machine, MACHINE_PACKAGE, type MachineExecOptions} from '../../src/smoke/machine.js'
import type {StandInConfig, StandInEvent} from '../../src/smoke/stand-in/config.js'
import {type CommandResult, hermesSvc, waitFor} from './machines.js'

/** Where every machine has the stand-in gateway. */
export const STAND_IN = `${MACHINE_PACKAGE}/dist/stand-in/hermes`

let profiles = 0

/** One profile of a user inside a machine, whose gateway is the stand-in, and the commands on its service in one scope. */
export class TestService {
  readonly home: string
  readonly unit: string
  /** Folder of the units, and of our own files for this service. */
  readonly units: string
  readonly support: string
  /** What the helpers remember between two starts. */
  readonly runtime: string
  /** Where what is tested runs: the user itself, or root for a service of the machine. */
  readonly actor: MachineExecOptions

  private constructor(
    readonly machine: Machine,
    readonly user: Account,
    readonly scope: Scope,
    readonly profile: string,
  ) {
    const suffix = profile === 'default' ? '' : `-${profile}`
    this.home = profile === 'default' ? `${user.home}/.hermes` : `${user.home}/.hermes/profiles/${profile}`
    this.unit = `hermes-gateway${suffix}.service`
    this.units = scope === 'system' ? '/etc/systemd/system' : `${user.home}/.config/systemd/user`
    this.support = `${scope === 'system' ? '/etc/hermes-svc' : `${user.home}/.config/hermes-svc`}/hermes-gateway${suffix}`
    this.runtime = `${scope === 'system' ? '/run' : `/run/user/${user.uid}`}/hermes-svc-hermes-gateway${suffix}`
    this.actor = scope === 'system' ? {} : {user}
  }

  /** Makes the home of a profile (default: one that no other test has), with the stand-in where it is found. */
  static async make(
    machine: Machine,
    user: Account,
    options: {readonly scope?: Scope; readonly profile?: string; readonly standIn?: StandInConfig} = {},
  ): Promise<TestService> {
    const service = new TestService(machine, user, options.scope ?? 'user', options.profile ?? `test-${(profiles += 1)}`)
    await service.sh(
      'mkdir -p ~/.hermes/bin "$1" && [ -x ~/.hermes/bin/hermes ] || install -m 755 "$2" ~/.hermes/bin/hermes',
      [service.home, STAND_IN],
      {user},
    )
    await service.configure(options.standIn ?? {})
    return service
  }

  get unitFile(): string {
    return `${this.units}/${this.unit}`
  }

  get dropIn(): string {
    return `${this.unitFile}.d/10-hermes-svc.conf`
  }

  /** Tells the stand-in what to do from its next start on. */
  async configure(standIn: StandInConfig): Promise<void> {
    await this.machine.writeText(`${this.home}/stand-in.json`, JSON.stringify(standIn), {user: this.user})
  }

  /** hermes-svc COMMAND for this service. */
  run(command: string, args: readonly string[] = [], options: MachineExecOptions = {}): Promise<CommandResult> {
    return hermesSvc(this.machine, this.argv(command, args), {...this.actor, ...options})
  }

  /** The arguments of `run`. */
  argv(command: string, args: readonly string[] = []): string[] {
    const scope = this.scope === 'system' ? ['--scope', 'system', '--run-as', this.user.name] : ['--scope', 'user']
    return [command, '--profile', this.profile, ...scope, ...args]
  }

  /** Runs a command that must succeed. */
  async must(command: string, args: readonly string[] = [], options: MachineExecOptions = {}): Promise<CommandResult> {
    const result = await this.run(command, args, options)
    if (result.code !== 0) throw new Error(`hermes-svc ${command} ended with ${result.code}:\n${result.stdout}\n${result.stderr}`)
    return result
  }

  async status(): Promise<ServiceReport & {readonly exit: number | null}> {
    const result = await this.run('status', ['--json'])
    return {...result.json<ServiceReport>(), exit: result.code}
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

  async mainPid(): Promise<number> {
    return Number((await this.show('MainPID'))[0])
  }

  /** sh program, as root unless told otherwise, that must succeed; its stdout. `$1`…: args. */
  async sh(program: string, args: readonly string[] = [], options: MachineExecOptions = {}): Promise<string> {
    const result = await this.machine.exec(['sh', '-c', program, 'sh', ...args], options)
    if (result.code !== 0) throw new Error(`${program}: exit ${result.failure ?? result.code}\n${result.stdout}\n${result.stderr}`)
    return result.stdout
  }

  /** What the stand-in has noted, oldest first; whole lines only. */
  async events(): Promise<StandInEvent[]> {
    const text = (await this.machine.readText(`${this.home}/stand-in.starts`)) ?? ''
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as StandInEvent)
  }

  /** The pid of the gateway that says that it runs, once it is another one than `formerPid`. */
  comesUp(formerPid = 0): Promise<number> {
    return waitFor(async () => {
      const {actual, verdict, exit} = await this.status()
      return actual === 'running' && exit === 0 && verdict.pid !== formerPid && verdict.pid !== null && verdict.pid
    }, `a gateway of ${this.unit} other than ${formerPid}`)
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

/** sh program. $1: folder with the helpers' own ones. $2…: further places. The stand-in's clock is left out: it ticks by itself. */
const LIST = `runtime=$1
shift
for place in "$@" "$runtime"/hermes-svc-*; do
  [ ! -e "$place" ] || find "$place" -path '*/cron' -prune -o -printf '%p %y %m %U:%G %l %T@\\n' -o -false
  [ ! -e "$place" ] || find "$place" -path '*/cron' -prune -o -type f -exec sha256sum {} +
done
`
