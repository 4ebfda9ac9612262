import type {CommandClass} from './command-class.js'
import {checkModules} from '../doctor/checks/index.js'

export type CommandModules = Readonly<Record<string, () => Promise<{default: CommandClass}>>>

/** Command id (`topic:command` within a topic) to the module whose default export is its class: one line a command. Each check has its fix. */
export const commandModules: CommandModules = {
  ...fixCommands(),
  apply: () => import('./apply.js'),
  autocomplete: () => import('./autocomplete.js'),
  boot: () => import('./boot.js'),
  config: () => import('./config.js'),
  'config:get': () => import('./config-get.js'),
  'config:set': () => import('./config-set.js'),
  'config:unset': () => import('./config-unset.js'),
  diff: () => import('./diff.js'),
  doctor: () => import('./doctor.js'),
  export: () => import('./export.js'),
  fix: () => import('./fix-list.js'),
  health: () => import('./health.js'),
  heartbeat: () => import('./heartbeat.js'),
  history: () => import('./history.js'),
  install: () => import('./install.js'),
  list: () => import('./list.js'),
  logs: () => import('./logs.js'),
  'notify:add': () => import('./notify-add.js'),
  'notify:list': () => import('./notify-list.js'),
  'notify:remove': () => import('./notify-remove.js'),
  'notify:test': () => import('./notify-test.js'),
  render: () => import('./render.js'),
  restart: () => import('./restart.js'),
  run: () => import('./run.js'),
  setup: () => import('./setup.js'),
  smoke: () => import('./smoke.js'),
  start: () => import('./start.js'),
  status: () => import('./status.js'),
  stop: () => import('./stop.js'),
  uninstall: () => import('./uninstall.js'),
}

function fixCommands(): CommandModules {
  const load = async (id: string) => ({default: await (await import('./fix.js')).fixCommand(id)})
  return Object.fromEntries(Object.keys(checkModules).map((id) => [`fix:${id}`, () => load(id)]))
}
