import type {DeclaredFacts, Difference, Drift} from '../lifecycle/declared.js'
import {type InstallRequest, weighInstall} from '../lifecycle/install.js'
import {changedNotify, notifyOf} from '../lifecycle/notify-change.js'
import type {NotifySettings} from '../notify/notify-file.js'
import type {Target} from '../observe/where.js'
import {parseSettings, type ServiceSettings} from '../service/settings.js'
import {NOTIFY_SETTING_NAMES, notifySettingOf} from './notify-settings.js'
import {SETTING_NAMES, settingOf} from './setting-list.js'
import {recordedState} from '../service/desired-state.js'

/** What is seen of a declared service; `request`: what is declared of it. Reads only. Throws as `weighInstall`. */
export async function declaredFacts(target: Target, request: InstallRequest): Promise<DeclaredFacts> {
  const {manager, service} = target
  const {rendered, decision, steps} = await weighInstall(target, request)
  const {seen, settings, environment, files, heartbeat} = rendered
  const {installed, activity, enabled, settings: before} = seen.manager
  // As it would be recorded: a manager has its own word in what it cannot do, such as running an agent of a session without a login.
  const record = files.find(({path}) => path === manager.placement.placesOf(service).settings)
  const after = parseSettings(record?.text) ?? settings
  const told = notifyOf(target)
  const differing =
    installed === 'no' || !before
      ? []
      : [
          ...settingDifferences(before, after),
          ...variableDifferences(manager.definition.readEnvironment(service), environment),
          ...notifyDifferences(told, changedNotify(told, request.notify ?? {})),
        ]
  const edited = [...files, ...heartbeat.files].filter((file) => file.edited)
  const ours = new Set(files.map((file) => file.path))
  // By what was installed: what is declared anew is no drift.
  const overridden = (before && manager.definition.drift?.(seen.manager, before)) ?? []
  const drift: Drift[] = [
    ...edited.map((file) => ({kind: 'edited' as const, path: file.path, isKept: !request.force})),
    ...overridden
      .filter(({setBy}) => setBy !== undefined && !ours.has(setBy))
      .map((directive) => ({kind: 'overridden' as const, ...directive})),
  ]
  const desired = recordedState(seen.desired)
  return {installed, activity, enabled, desired, decision, hasSteps: steps.length > 0, differing, drift}
}

function settingDifferences(before: ServiceSettings, after: ServiceSettings): Difference[] {
  return SETTING_NAMES.flatMap((name) => {
    const show = settingOf(name)?.show
    const [from, to] = [show?.(before) ?? null, show?.(after) ?? null]
    return from === to ? [] : [{name, from, to}]
  })
}

/** Their values are not shown. */
function variableDifferences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Difference[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name))
  return names.map((name) => ({name: `env.${name}`, from: null, to: null}))
}

/** As they may be shown: one secret may look like another. */
function notifyDifferences(before: NotifySettings, after: NotifySettings): Difference[] {
  return NOTIFY_SETTING_NAMES.flatMap((name) => {
    const setting = notifySettingOf(name)
    if (!setting || JSON.stringify(setting.values(before)) === JSON.stringify(setting.values(after))) return []
    const [from, to] = [setting.show(before), setting.show(after)]
    return [from === to ? {name, from: null, to: null} : {name, from, to}]
  })
}
