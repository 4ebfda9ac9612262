import type {Check, Examination, FixOptions} from '../../src/doctor/check.js'
import {observeScenes, type Scene} from '../../src/doctor/scene.js'
import {planInstall} from '../../src/lifecycle/install.js'
import type {Target} from '../../src/observe/where.js'
import {upstreamUnit} from './captures.js'
import type {FakeFile} from './fake-host.js'
import {FakeSystemd} from './fake-systemd.js'
import {runPlan} from './run-plan.js'

const HOME = '/home/user/.hermes'
export const UNIT = '/home/user/.config/systemd/user/hermes-gateway.service'
export const DROP_IN = `${UNIT}.d/10-hermes-svc.conf`
export const SUPPORT = '/home/user/.config/hermes-svc/hermes-gateway'
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** What systemd shows of a unit of ours beside its state. */
const MERGED = {
  ...{Restart: 'always', RestartUSec: '1s', StartLimitIntervalUSec: '10s', StartLimitBurst: '200', KillMode: 'mixed'},
  ...{
    RestartForceExitStatus: '75',
    SuccessExitStatus: '75',
    RestartPreventExitStatus: '78',
    RuntimeDirectoryPreserve: 'restart',
    OOMPolicy: 'continue',
  },
  ...{TimeoutStartUSec: '3min', TimeoutStopUSec: '4min 10s', DropInPaths: DROP_IN, WorkingDirectory: `!${HOME}`},
  Environment: `PATH=${SYSTEM_PATH} HERMES_HOME=${HOME}`,
}

const TOOLS = Object.fromEntries(['env', 'ls', 'git'].map((tool) => [`/usr/bin/${tool}`, {text: '', mode: 0o755}]))

/** A machine on which hermes-svc has installed a service that runs. */
export async function installed(files: Readonly<Record<string, FakeFile | string>> = {}): Promise<FakeSystemd> {
  const machine = new FakeSystemd({...TOOLS, ...files})
  await runPlan(machine.host, await planInstall(machine.target, REQUEST))
  Object.assign(machine.shown, MERGED)
  return machine
}

/** A machine with a running service of upstream's, of which hermes-svc knows nothing. `command`: what it starts. */
export function foreign(shown: Readonly<Record<string, string>> = {}, command = '/usr/bin/hermes gateway run'): FakeSystemd {
  const machine = new FakeSystemd(TOOLS)
  machine.addUnit(
    upstreamUnit()
      .replaceAll('/home/hermes', '/home/user')
      .replace(/^ExecStart=.*$/m, `ExecStart=${command}`),
  )
  machine.comesUp()
  Object.assign(machine.shown, MERGED, {RestartUSec: '5s', TimeoutStopUSec: '3min 30s', WorkingDirectory: HOME, DropInPaths: ''}, shown)
  return machine
}

const REQUEST = {environment: new Map<string, string>(), policy: {}, heartbeat: {}, timeoutMs: 10_000, force: false}

/** The scene of one service of a fake machine, as `doctor` sees it when it is asked for that service alone. */
export async function sceneOf(target: Target, changed: Partial<Scene> = {}): Promise<Scene> {
  const [scene] = await observeScenes([target], {wedgeWindowMs: 1000, isNamed: true, anyScope: false})
  if (!scene) throw new Error('nothing was observed')
  return {...scene, ...changed}
}

/** What a check says of it. */
export async function examined(machine: FakeSystemd, check: Check, changed: Partial<Scene> = {}): Promise<Examination> {
  return check.examine(await sceneOf(machine.target, changed))
}

/** The kinds of what a check finds, and how much each matters. */
export async function kinds(machine: FakeSystemd, check: Check, changed: Partial<Scene> = {}): Promise<string[]> {
  const {findings} = await examined(machine, check, changed)
  return findings.map(({kind, severity}) => `${kind} ${severity}`)
}

/** Applies the fix of what a check finds. */
export async function fix(machine: FakeSystemd, check: Check, options: FixOptions = {timeoutMs: 10_000}): Promise<void> {
  const {plan} = await examined(machine, check)
  if (!plan) throw new Error('there is nothing that a fix cures')
  await runPlan(machine.host, await plan(options))
}

/** Records what the operator wants. */
export function wants(machine: FakeSystemd, desiredState: 'running' | 'stopped'): void {
  machine.host.put(`${HOME}/.hermes-svc.json`, JSON.stringify({schemaVersion: 1, desiredState, since: '2026-01-01T00:00:00Z', by: 'test'}))
}
