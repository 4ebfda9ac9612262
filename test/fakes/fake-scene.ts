import type {Service} from '../../src/service/service.js'
import {heartbeatPaths} from '../../src/managers/systemd/paths.js'
import type {Check, FixOptions} from '../../src/doctor/check.js'
import {examine} from '../../src/doctor/examine.js'
import type {Finding} from '../../src/doctor/finding.js'
import type {Scene} from '../../src/doctor/scene.js'
import type {Account} from '../../src/host/host.js'
import type {Target} from '../../src/observe/where.js'
import {systemdManager} from './managers.js'
import {formatSettings, type ServiceSettings} from '../../src/service/settings.js'
import {CAPTURED_HOME, capturedFiles, capturedLocks, capturedShow} from './captures.js'
import {FakeHost} from './fake-host.js'
import {type FakeProcess, processFiles} from './fake-process.js'
import {FakeSystemd} from './fake-systemd.js'
import {runPlan} from './run-plan.js'
import {sceneOf as sceneOfTarget} from './scene.js'
import {SETTINGS} from './settings.js'
import {showCommand} from './systemctl.js'

const SUPPORT = '/home/user/.config/hermes-svc/hermes-gateway'
const OLD_MS = 10_000
const HERTZ_MS = 10

/** What a service of the fake machine is when doctor looks at it. */
export interface FakeService {
  readonly desired?: 'running' | 'stopped' | null
  /** It is stopped until the boot after the one of this name; the fake machine's is `this-boot`. */
  readonly stoppedInBoot?: string
  /** False: another tool's unit, without settings of ours. */
  readonly isOwn?: boolean
  readonly settings?: Partial<ServiceSettings>
  readonly enabled?: boolean
}

/** A machine with an installed service that is stopped, and has been for a while; `comesUp` and the like make it something else. */
export function serviceMachine({
  desired = 'running',
  stoppedInBoot,
  isOwn = true,
  settings,
  enabled = true,
}: FakeService = {}): FakeSystemd {
  const machine = new FakeSystemd()
  machine.addUnit(
    `${isOwn ? '# Written by hermes-svc\n' : ''}[Service]\nEnvironment=HERMES_HOME=${machine.home}\n[Install]\nWantedBy=default.target\n`,
  )
  machine.shown = {...machine.shown, UnitFileState: enabled ? 'enabled' : 'disabled'}
  Object.assign(machine.timer, {isEnabled: true, isActive: true})
  if (isOwn) machine.host.put(`${SUPPORT}/settings.json`, formatSettings({...SETTINGS, ...settings}))
  if (desired !== null) {
    machine.host.put(
      `${machine.home}/.hermes-svc.json`,
      JSON.stringify({schemaVersion: 1, desiredState: desired, since: 'then', by: 'install', stoppedInBoot}),
    )
  }
  // This very process, by whose start the age of others is told.
  addProcess(machine, {pid: machine.host.pid, startTime: machine.host.monotonicMs() / HERTZ_MS, argv: ['node']})
  return machine
}

/** Puts a process there, and nothing else of it. */
export function addProcess({host}: Pick<FakeSystemd, 'host'>, process: FakeProcess): void {
  for (const [file, content] of Object.entries(processFiles(process))) host.put(file, content)
  host.setAlive(process.pid, true)
}

/** Writes a file of the home that is some time old, as JSON unless it is a text. */
export function leave({host, home}: FakeSystemd, name: string, value: unknown, ageMs = OLD_MS): void {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  host.put(`${home}/${name}`, {text, modifiedMs: host.nowMs() - ageMs})
}

/** What doctor sees of a service at this moment. */
export function sceneOf({target}: Pick<FakeSystemd, 'target'>, isNamed = true): Promise<Scene> {
  return sceneOfTarget(target, {isNamed})
}

/** What a check finds on a machine. */
export async function find(machine: Pick<FakeSystemd, 'target'>, check: Check): Promise<readonly Finding[]> {
  return (await examine(await sceneOf(machine), [check])).findings
}

/** The findings of a check, each as "kind severity: what". */
export async function found(machine: Pick<FakeSystemd, 'target'>, check: Check): Promise<string[]> {
  return (await find(machine, check)).map(({kind, severity, what}) => `${kind} ${severity}: ${what}`)
}

/** Plans the cure of what a check finds, lets something happen in between, and applies it. */
export async function cure(
  machine: FakeSystemd,
  check: Check,
  options: FixOptions = {},
  meanwhile: () => void = () => undefined,
): Promise<void> {
  const {plans} = await examine(await sceneOf(machine), [check])
  const plan = await plans.get(check.id)?.(options)
  if (!plan) throw new Error(`${check.id} finds nothing that it cures`)
  meanwhile()
  await runPlan(machine.host, plan)
}

/** A situation that was captured from a real gateway under upstream's own unit, some time later. */
export function captured(situation: string): {readonly target: Target; readonly host: FakeHost} {
  const account: Account = {uid: 1001, gid: 1001, name: 'hermes', home: '/home/hermes'}
  const service: Service = {profile: {name: 'default', home: CAPTURED_HOME, root: CAPTURED_HOME}, name: 'hermes-gateway.service', account}
  const shown = capturedShow(situation)
  const {timer, service: tick} = heartbeatPaths('user', account)
  const changedMs = Math.max(
    ...['StateChangeTimestampMonotonic', 'ExecMainStartTimestampMonotonic'].map((name) => Number(shown[name]) / 1000),
  )
  const host = new FakeHost({
    account,
    nowMs: Date.parse('2026-11-22T02:48:30Z'),
    monotonicMs: changedMs + OLD_MS,
    files: {
      ...capturedFiles(situation),
      '/run/user/1001/bus': {kind: 'socket', uid: 1001, gid: 1001},
      '/run/user/1001': {folder: true, mode: 0o700, uid: 1001, gid: 1001},
    },
    commands: [
      {...showCommand('user', account, [service], [shown]), times: Infinity},
      {...showCommand('user', account, [service, {name: timer}, {name: tick}], [shown]), times: Infinity},
    ],
  })
  for (const name of ['gateway.pid', 'gateway_state.json']) {
    const file = `${CAPTURED_HOME}/${name}`
    const text = host.readText(file)
    if (text !== undefined) host.put(file, {text, modifiedMs: host.nowMs() - OLD_MS})
  }
  host.put('/proc/locks', capturedLocks(situation, host.stat(`${CAPTURED_HOME}/gateway.lock`)?.inode ?? 0))
  return {host, target: {host, userHost: host, manager: systemdManager(host, 'user', account), service, homeFlag: 'home'}}
}
