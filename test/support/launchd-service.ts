import type {Scope} from '../../src/service/service.js'
import type {Account} from '../../src/host/host.js'
import {MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import type {LaunchdEvent} from '../fakes/launchd/double.js'
import {PACKAGE_ROOT} from './built.js'
import type {LaunchdMachine} from './launchd-machine.js'
import {waitFor} from './hermes-svc.js'
import {newProfile, ServiceOnMachine} from './service-on-machine.js'

/** One profile of a user on a machine with launchd, whose gateway is the stand-in, and the commands on its service in one scope. */
export class LaunchdService extends ServiceOnMachine {
  /** Its label. */
  readonly unit: string
  readonly plist: string
  /** Helpers, launcher, settings. */
  readonly support: string
  readonly log: string
  override readonly platform = 'darwin'
  override readonly readsAtRestart = true

  private constructor(
    readonly there: LaunchdMachine,
    user: Account,
    scope: Scope,
    profile: string,
    private readonly kind: 'gui' | 'user' | 'system',
  ) {
    super(there.machine, user, scope, profile)
    this.unit = `ai.hermes.gateway${profile === 'default' ? '' : `-${profile}`}`
    const library = scope === 'system' ? '/Library' : `${user.home}/Library`
    this.plist = `${library}/${scope === 'system' ? 'LaunchDaemons' : 'LaunchAgents'}/${this.unit}.plist`
    this.support = `${library}/Application Support/hermes-svc/${this.unit}`
    this.log = `${library}/Logs/hermes-svc/${this.unit}.log`
  }

  /** Makes the home of a profile (default: one that no other test has), with the stand-in where it is found. */
  static async make(
    there: LaunchdMachine,
    user: Account,
    options: {readonly kind?: 'gui' | 'user' | 'system'; readonly profile?: string; readonly standIn?: StandInConfig} = {},
  ): Promise<LaunchdService> {
    const kind = options.kind ?? 'gui'
    const service = new LaunchdService(there, user, kind === 'system' ? 'system' : 'user', options.profile ?? newProfile(), kind)
    await service.makeHome(
      there.isDouble ? `${MACHINE_PACKAGE}/dist/stand-in/hermes` : `${PACKAGE_ROOT}/dist/stand-in/hermes`,
      options.standIn ?? {},
    )
    return service
  }

  /** The stand-in knows processes as it does on a Mac. */
  override configure(standIn: StandInConfig): Promise<void> {
    return super.configure({platform: 'darwin', ...standIn})
  }

  /** The domain where it should be, e.g. `gui/1001`. */
  get domain(): string {
    return this.kind === 'system' ? 'system' : `${this.kind}/${this.user.uid}`
  }

  get target(): string {
    return `${this.domain}/${this.unit}`
  }

  /** launchctl as the one whose service it is; a word `TARGET` is this service's. */
  launchctl(...words: string[]) {
    return this.machine.exec(['launchctl', ...words.map((word) => (word === 'TARGET' ? this.target : word))], this.actor)
  }

  get temporaryDefinition(): string {
    return this.plist.replace(this.unit, `.${this.unit}`)
  }

  async definitionText(): Promise<string> {
    return (await this.machine.readText(this.plist)) ?? ''
  }

  async stopLimitSec(): Promise<number> {
    return Number(/<key>ExitTimeOut<\/key>\s*<integer>(\d+)</.exec(await this.definitionText())?.[1])
  }

  async stopByManager(): Promise<void> {
    await this.launchctl('bootout', 'TARGET')
    await waitFor(async () => !(await this.isLoaded()), `${this.unit} to be gone`)
  }

  /** True if launchd knows it, in its domain. */
  async isLoaded(): Promise<boolean> {
    return (await this.launchctl('print', 'TARGET')).code === 0
  }

  /** What launchctl was asked to change of this service since `after`, each as its words; without those of the heartbeat. */
  async changes(after = 0): Promise<string[]> {
    const asked = (await this.there.log()).slice(after).flatMap((one) => (one.event === 'launchctl' ? [one.argv] : []))
    const verbs = ['bootstrap', 'bootout', 'enable', 'disable', 'kickstart', 'kill']
    return asked
      .filter((argv) => verbs.includes(argv[0] ?? '') && (argv.at(-1) === this.target || argv.at(-1) === this.plist))
      .map((argv) => argv.join(' ').replace(this.target, 'TARGET').replace(this.plist, 'PLIST').replace(this.domain, 'DOMAIN'))
  }

  /** What launchd did with this job, oldest first. */
  async happened<K extends LaunchdEvent['event']>(event: K): Promise<Extract<LaunchdEvent, {event: K}>[]> {
    return (await this.there.log()).filter(
      (one): one is Extract<LaunchdEvent, {event: K}> => one.event === event && 'label' in one && one.label === this.unit,
    )
  }

  /** What the launcher and the helpers said. */
  async notes(): Promise<string[]> {
    const text = (await this.machine.readText(this.log)) ?? ''
    return text.split('\n').filter((line) => line.startsWith('hermes-svc: '))
  }

  /**
   * Everything of this service: its files with mode and owner (without those that its launcher writes as it goes), whether launchd has it
   * loaded, and whether it is disabled.
   */
  async lasting(): Promise<string[]> {
    const library = this.scope === 'system' ? '/Library' : `${this.user.home}/Library`
    const files = await this.sh(LIST, [library])
    const disabled = await this.launchctl('print-disabled', this.domain)
    const own = new RegExp(`${this.unit.replaceAll('.', '\\.')}(?![\\w-])`)
    return [
      ...files.split('\n').filter((line) => own.test(line) && !line.includes('/state/')),
      ...((await this.isLoaded()) ? ['loaded'] : []),
      ...disabled.stdout.split('\n').flatMap((line) => (own.test(line) && line.includes('disabled') ? ['disabled'] : [])),
    ].sort()
  }
}

/**
 * sh program. $1: the library of launchd's and our own files. Of what ls(1) prints, mode, owner, group and path; not links, size and the
 * three words of time.
 */
const LIST = `for folder in LaunchAgents LaunchDaemons 'Application Support/hermes-svc' Logs/hermes-svc; do
  [ ! -e "$1/$folder" ] || find "$1/$folder" -exec ls -ldn {} + |
    sed -E 's/^([^ ]+) +[0-9]+ +([0-9]+) +([0-9]+) +[0-9]+ +[^ ]+ +[^ ]+ +[^ ]+ /\\1 \\2:\\3 /'
done
`
