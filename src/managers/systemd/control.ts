import path from 'node:path'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {RunStep, Step} from '../../plan/plan.js'
import type {Scope, Service} from '../../service/service.js'
import type {Control} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {ownerIn} from '../two-scopes.js'
import {definitionPaths, runtimeFolderOf} from './paths.js'
import {PENDING_PROPERTIES, pendingRestartPattern, pendingRestarts} from './pending-restart.js'
import type {Systemd} from './systemctl.js'

const LINKS_TIMEOUT_MS = 10_000
/** What a boot, or the start of a user manager, brings up. */
const BOOT_TARGET: Readonly<Record<Scope, string>> = {user: 'default.target', system: 'multi-user.target'}

/** See Control. */
export function control(systemd: Systemd): Control {
  const {scope, files, systemctl} = systemd
  const unitOf = (service: Service) => definitionPaths(scope, service).unit
  const change = (why: string, ...words: string[]) => systemctl.change(why, words)
  const tolerant = (why: string, ...words: string[]): RunStep => ({...change(why, ...words), mayFail: true})
  const resetFailed = ({name}: Service) => tolerant('reset the failed state of the unit', 'reset-failed', name)
  // A start by hand must not wait for a delay that earlier failures earned, nor be refused for them.
  const forgetFailures = (service: Service): Step[] => [
    resetFailed(service),
    {
      kind: 'remove-file',
      why: 'reset the count of failures',
      path: path.join(runtimeFolderOf(scope, service), 'failures'),
      as: service.account,
    },
  ]
  const settle = (service: Service): RunStep[] => [
    resetFailed(service),
    // There is nothing to clean where systemd has removed the folder by itself, and it refuses for a unit that is active.
    tolerant('reset the count of failures', 'clean', '--what=runtime', service.name),
  ]
  return {
    enable: (service) => {
      const text = readIfAllowed(files, unitOf(service))
      // Of a unit that does not say what starts it (no [Install] section) systemctl enable makes nothing, and ends with 0.
      const isMute = text !== undefined && !/^[ \t]*\[Install\]/m.test(text)
      return [change('start the service at every boot', ...(isMute ? ['add-wants', BOOT_TARGET[scope]] : ['enable']), service.name)]
    },
    disable: (service, options) => disabling(systemd, unitOf(service), options),
    start: (service) => [...forgetFailures(service), change('start the gateway', 'start', '--no-block', service.name)],
    stop: ({name}) => [change('stop the gateway', 'stop', '--no-block', name)],
    restart: (service) => [...forgetFailures(service), change('restart the gateway', 'restart', '--no-block', service.name)],
    abort: (service) => [
      change('stop the gateway', 'stop', '--no-block', service.name),
      tolerant('kill the remaining processes of the service', 'kill', '--signal=SIGKILL', service.name),
      change('wait until the gateway has ended', 'stop', service.name),
      ...settle(service),
    ],
    settle,
    callOffRestart: (service) => {
      // Without a user manager nothing waits under it.
      const shown = systemctl.answers() ? systemctl.showMatching(PENDING_PROPERTIES, pendingRestartPattern(service)) : []
      const names = pendingRestarts(service, shown)
      // One that has done its work meanwhile is not known any more.
      return names.length === 0 ? [] : [tolerant('cancel the restart that the gateway was asked for', 'stop', ...names)]
    },
  }
}

/** Has systemd read the units as they are on disk. */
export function reload({systemctl}: Systemd): RunStep[] {
  return [systemctl.change('make systemd read the definition', ['daemon-reload'])]
}

/**
 * Keeps a unit from being started at boot. Of a unit whose file is a link (home-manager, stow, `systemctl link`) systemctl disable takes that away
 * too, and with it the unit: of such a one only the links that have it started go. `isReadLater`: see Control.
 */
export function disabling(systemd: Systemd, unit: string, {isReadLater = false}: {isReadLater?: boolean} = {}): RunStep[] {
  const {systemctl, account} = systemd
  const why = 'keep the service stopped after a reboot'
  const name = path.basename(unit)
  if (!isLinked(systemd, unit)) return [systemctl.change(why, ['disable', ...(isReadLater ? ['--no-reload'] : []), name])]
  const links = ['wants', 'requires', 'upholds'].map((kind) => `"$0"/*.${kind}/"$1"`).join(' ')
  const argv = ['/bin/sh', '-c', `rm -f -- ${links}`, path.dirname(unit), name]
  const unlink: RunStep = {kind: 'run', why, argv, env: systemctl.env, timeoutMs: LINKS_TIMEOUT_MS, as: ownerIn(systemd, {account})}
  return [unlink, ...(isReadLater ? [] : reload(systemd))]
}

export function isLinked({files}: Systemd, unit: string): boolean {
  return orNoAccess(() => files.lstat(unit)?.kind === 'link')
}
