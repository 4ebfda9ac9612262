import type {ServiceReport} from '../../src/observe/report.js'
import type {Scope} from '../../src/service/service.js'
import type {Account} from '../../src/host/host.js'
import type {Machine, MachineExecOptions} from '../../src/smoke/machine.js'
import type {StandInConfig, StandInEvent} from '../../src/smoke/stand-in/config.js'
import {type CommandResult, hermesSvc, waitFor} from './hermes-svc.js'
import {readInside} from './read-inside.js'

let profiles = 0

/** A profile that no other test has. */
export function newProfile(): string {
  return `test-${(profiles += 1)}`
}

/** One profile of a user inside a machine, whose gateway is the stand-in, and our commands on its service: whatever the manager. */
export abstract class ServiceOnMachine {
  readonly home: string
  /** Where what is tested runs: the user itself, or root for a service of the machine. */
  readonly actor: MachineExecOptions
  /** The manager's own name of the service. */
  abstract readonly unit: string
  /** Folder of our own files for this service. */
  abstract readonly support: string
  /** By whose units the gateway records when it was started. */
  readonly platform: 'linux' | 'darwin' = 'linux'
  /** A changed definition is read when the service is restarted, and not before. */
  readonly readsAtRestart: boolean = false
  /** Flags of every command. */
  protected readonly flags: readonly string[] = []

  protected constructor(
    readonly machine: Machine,
    readonly user: Account,
    readonly scope: Scope,
    readonly profile: string,
    root = `${user.home}/.hermes`,
  ) {
    this.home = profile === 'default' ? root : `${root}/profiles/${profile}`
    this.actor = scope === 'system' ? {} : {user}
  }

  /** Makes the home, with the stand-in where it is found. */
  protected async makeHome(standInProgram: string, standIn: StandInConfig): Promise<void> {
    await this.sh(
      'mkdir -p ~/.hermes/bin "$1" && [ -x ~/.hermes/bin/hermes ] || install -m 755 "$2" ~/.hermes/bin/hermes',
      [this.home, standInProgram],
      {user: this.user},
    )
    await this.configure(standIn)
  }

  /** Tells the stand-in what to do from its next start on. */
  async configure(standIn: StandInConfig): Promise<void> {
    // At once: a gateway that starts at boot may be reading it.
    const next = `${this.home}/.stand-in.json.next`
    await this.machine.writeText(next, JSON.stringify(standIn), {user: this.user})
    await this.sh('mv -f "$1" "$2"', [next, `${this.home}/stand-in.json`], {user: this.user})
  }

  /** hermes-svc COMMAND for this service. */
  run(command: string, args: readonly string[] = [], options: MachineExecOptions = {}): Promise<CommandResult> {
    return hermesSvc(this.machine, this.argv(command, args), {...this.actor, ...options})
  }

  /** The arguments of `run`. */
  argv(command: string, args: readonly string[] = []): string[] {
    const scope = this.scope === 'system' ? ['--scope', 'system', '--run-as', this.user.name] : ['--scope', 'user']
    return [command, '--profile', this.profile, ...scope, ...this.flags, ...args]
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

  /** sh program, as root unless told otherwise, that must succeed; its stdout. `$1`…: args. */
  async sh(program: string, args: readonly string[] = [], options: MachineExecOptions = {}): Promise<string> {
    const result = await this.machine.exec(['sh', '-c', program, 'sh', ...args], options)
    if (result.code !== 0) throw new Error(`${program}: exit ${result.failure ?? result.code}\n${result.stdout}\n${result.stderr}`)
    return result.stdout
  }

  /** What the stand-in has noted, oldest first; whole lines only. */
  async events(): Promise<StandInEvent[]> {
    const text = (await readInside(this.machine, `${this.home}/stand-in.starts`)) ?? ''
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as StandInEvent)
  }

  /** Where a killed write of the definition leaves its temporary file, without the end of its name. */
  abstract readonly temporaryDefinition: string
  /** All that the manager has been told of the service, as text. */
  abstract definitionText(): Promise<string>
  /** How long its manager lets it take to stop, by the definition. */
  abstract stopLimitSec(): Promise<number>

  /** Stops it as somebody does who knows nothing of us, and waits until it is down. */
  abstract stopByManager(): Promise<void>

  /** Signals the gateway itself. */
  async kill(signal: 'KILL' | 'STOP' | 'USR1'): Promise<void> {
    await this.sh('kill -s "$1" "$2"', [signal, String((await this.status()).verdict.pid)])
  }

  /** How often the stand-in was started. */
  async starts(): Promise<number> {
    return (await this.events()).filter(({event}) => event === 'start').length
  }

  /** The pid of the gateway that says that it runs, once it is another one than `formerPid`. */
  async comesUp(formerPid = 0): Promise<number> {
    // What it notes itself is cheaper to ask for than a whole status.
    await waitFor(
      async () => (await this.events()).some(({event, pid}) => event === 'running' && pid !== formerPid),
      `another gateway in ${this.home} than ${formerPid}`,
    )
    return waitFor(async () => {
      const {actual, verdict, exit} = await this.status()
      return actual === 'running' && exit === 0 && verdict.pid !== formerPid && verdict.pid !== null && verdict.pid
    }, `a gateway of ${this.unit} other than ${formerPid}`)
  }
}
