import type {Account, RunResult} from '../../src/host/host.js'
import type {Machine, MachineExecOptions} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {CONTAINER_PROGRAM, HERMES_ID, HOME, type S6Container} from './s6-container.js'
import {newProfile, ServiceOnMachine} from './service-on-machine.js'

/** The user of the image. */
export const HERMES: Account = {uid: HERMES_ID, gid: HERMES_ID, name: 'hermes', home: HOME}

/** A container in the place of a throw-away machine. */
class ContainerMachine implements Machine {
  readonly name = 'container'
  readonly leaderPid: number
  /** How hermes-svc is run here. */
  readonly program = CONTAINER_PROGRAM

  constructor(private readonly container: S6Container) {
    this.leaderPid = container.initPid
  }

  async exec(argv: readonly string[], {user, env = {}, timeoutMs = 60_000}: MachineExecOptions = {}): Promise<RunResult> {
    const variables = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const options = {uid: user?.uid ?? 0, env: Object.fromEntries(variables), timeoutSec: timeoutMs / 1000}
    const {code, stdout, stderr} = await this.container.exec(argv, options)
    return {argv, code, signal: null, stdout, stderr}
  }

  /** The image's only one. */
  addUser(): Promise<Account> {
    return Promise.resolve(HERMES)
  }

  async readText(path: string): Promise<string | undefined> {
    const {code, stdout} = await this.exec(['cat', path])
    return code === 0 ? stdout : undefined
  }

  async writeText(path: string, text: string, {user, mode = 0o644}: {readonly user?: Account; readonly mode?: number} = {}): Promise<void> {
    const program = 'printf %s "$2" >"$1" && chmod "$3" "$1"'
    const {code, stderr} = await this.exec(['sh', '-c', program, 'sh', path, text, mode.toString(8)], user ? {user} : {})
    if (code !== 0) throw new Error(stderr)
  }

  down(): Promise<void> {
    return this.container.kill()
  }
}

/** One profile of a container with s6, whose gateway is the stand-in, and the commands on its service, as root. */
export class S6Service extends ServiceOnMachine {
  readonly unit: string
  readonly slot: string

  private constructor(container: S6Container, profile: string) {
    super(new ContainerMachine(container), HERMES, 'system', profile, HOME)
    this.unit = `gateway-${profile}`
    this.slot = `/run/service/${this.unit}`
  }

  static async make(container: S6Container, standIn: StandInConfig = {}): Promise<S6Service> {
    const service = new S6Service(container, newProfile())
    await service.sh('mkdir -p "$1" && : >"$1/SOUL.md"', [service.home], {user: HERMES})
    await service.configure(standIn)
    return service
  }

  /** The account is the volume's owner, and there is one scope only. */
  override argv(command: string, args: readonly string[] = []): string[] {
    return [command, '--profile', this.profile, ...args]
  }

  get support(): string {
    return this.slot
  }

  get temporaryDefinition(): string {
    return `/run/service/.${this.unit}`
  }

  async definitionText(): Promise<string> {
    return (await this.machine.readText(`${this.slot}/run`)) ?? ''
  }

  async stopLimitSec(): Promise<number> {
    return Number(await this.machine.readText(`${this.slot}/timeout-kill`)) / 1000
  }

  async stopByManager(): Promise<void> {
    await this.s6('s6-svc', '-wD', '-d')
  }

  /** A program of s6 about the slot. */
  s6(tool: string, ...args: string[]): Promise<RunResult> {
    return this.machine.exec([tool, ...args, this.slot])
  }
}
