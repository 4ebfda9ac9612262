import {ExitStatus, ServiceError} from '../errors.js'
import {configuredDrain} from '../gateway/drain.js'
import {howToBegin} from '../lifecycle/first-contact.js'
import {notifyOf} from '../lifecycle/notify-change.js'
import {ownCommand} from '../lifecycle/own-command.js'
import {requireInstalled} from '../lifecycle/start.js'
import type {DirectiveDrift} from '../managers/manager.js'
import {observe, type Observation} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import type {ServiceSettings} from '../service/settings.js'
import {prepareWidths, table} from '../text/layout.js'
import type {CommandResult} from './base.js'
import {ServiceCommand} from './service-command.js'
import {NOTIFY_SETTING_NAMES, NOTIFY_SETTINGS} from './notify-settings.js'
import {SETTING_NAMES, settingOf} from './setting-list.js'

/** Where the value of a setting comes from. `found`: it was looked for; `home`: the gateway's own configuration. */
export type SettingSource = 'default' | 'given' | 'found' | 'home'

/** One setting, as `config --json` shows it. */
export interface SettingReport {
  readonly name: string
  readonly value: string
  /** Null: it has none of its own. */
  readonly default: string | null
  readonly from: SettingSource
}

export default class Config extends ServiceCommand<typeof Config> {
  static override summary = 'Show the settings of a service, and where each value comes from'
  static override description = `Changes nothing. To change a setting, use "config set" or "config unset", or run install again.
Shows the names of the gateway's variables, but not their values. If another file overrides a directive of hermes-svc, the command shows that below the settings.`
  static override examples = ['<%= config.bin %> config', '<%= config.bin %> config -p work --json']

  protected async execute(): Promise<CommandResult> {
    const target = await this.target('read')
    const {seen, settings} = settingsOf(target)
    const rows = await settingReports(target, settings)
    const environment = [...target.manager.definition.readEnvironment(target.service).keys()]
    const overridden = target.manager.definition.drift?.(seen.manager, settings) ?? []
    await this.show(target, rows, environment, overridden)
    const {service, manager} = target
    return {
      exitStatus: ExitStatus.ok,
      json: {
        ...{service: service.name, profile: service.profile.name, manager: manager.kind, scope: manager.scope, settings: rows, environment},
        overridden: overridden.map((entry) => ({...entry, setBy: entry.setBy ?? null})),
      },
    }
  }

  private async show(
    {manager}: Target,
    settings: readonly SettingReport[],
    environment: readonly string[],
    overridden: readonly DirectiveDrift[],
  ): Promise<void> {
    const words = manager.installer ? SOURCES : {...SOURCES, given: 'flag of hermes-svc run'}
    const rows = [
      ...settings.map(({name, value, from}) => [name, value, words[from]]),
      ...environment.map((name) => [`env.${name}`, '…', words.given]),
    ]
    const others = overridden.map(({directive, merged, wanted, setBy}) => [directive, merged || '(empty)', wanted, setBy ?? 'the default'])
    await prepareWidths([rows, others])
    for (const line of table([['SETTING', 'VALUE', 'FROM'], ...rows], this.textWidth).flat()) this.print(line)
    if (others.length === 0) return
    this.print('Other files override these directives, which hermes-svc needs:')
    for (const line of table([['DIRECTIVE', 'MERGED', 'WANTED', 'SET BY'], ...others], this.textWidth - 2).flat()) this.print(`  ${line}`)
  }
}

const SOURCES: Readonly<Record<SettingSource, string>> = {
  default: 'default',
  given: 'install or config set',
  found: 'found',
  home: "config.yaml in the gateway's home",
}

/** What was chosen for an installed service, or for one in the foreground. Throws a ServiceError (exit 4) where nothing was. */
export function settingsOf(target: Target): {readonly seen: Observation; readonly settings: ServiceSettings} {
  const seen = observe(target)
  const {installed, settings} = seen.manager
  if (settings && installed !== 'no') return {seen, settings}
  const {manager, service} = target
  // Where nothing keeps it, that says how it is run.
  if (!manager.installer) requireInstalled(target, seen)
  const what = installed === 'no' ? 'is not installed in' : 'has no settings from hermes-svc in'
  throw new ServiceError(`${service.name} ${what} ${manager.title}`, {
    code: 'not-installed',
    exitStatus: ExitStatus.cannotTell,
    next: installed === 'no' ? howToBegin(target) : [ownCommand(target, 'install')],
  })
}

/** Every setting, those that the gateway's own configuration decides too. */
export async function settingReports(target: Target, settings: ServiceSettings): Promise<SettingReport[]> {
  const {userHost, service} = target
  const own = SETTING_NAMES.flatMap((name) => {
    const setting = settingOf(name)
    if (!setting) return []
    const value = setting.show(settings)
    const isGiven = setting.isGiven?.(settings) ?? value !== setting.defaultText
    const from: SettingSource = isGiven ? 'given' : name === 'command' ? 'found' : 'default'
    return [{name, value, default: name === 'command' ? null : setting.defaultText, from}]
  })
  const notify = notifyOf(target)
  const told = NOTIFY_SETTING_NAMES.map((name): SettingReport => {
    const {show, defaultText} = NOTIFY_SETTINGS[name]
    const value = show(notify)
    return {name, value, default: defaultText, from: value === defaultText ? 'default' : 'given'}
  })
  const drain = await configuredDrain(userHost, service.profile.home)
  const ofHome = (name: string, seconds: number, configured: number | undefined): SettingReport => ({
    ...{name, value: `${seconds}s`, default: null, from: configured === undefined ? 'default' : 'home'},
  })
  return [
    ...own,
    ...told,
    ofHome('drain-timeout', settings.drainSec, drain.drainSec),
    ofHome('cron-drain-timeout', settings.cronDrainSec, drain.cronDrainSec),
  ]
}
