import {expect} from 'vitest'
import type {Finding, Severity} from '../../src/doctor/finding.js'
import type {Account} from '../../src/host/host.js'
import type {Scope} from '../../src/managers/manager.js'
import type {Machine} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {testHost} from './machines.js'
import type {ServiceOnMachine} from './service-on-machine.js'
import {TestService} from './test-service.js'

/** One way to break a real service, what doctor must say of it, and what must be so after the fix. */
export interface DoctorRow<S extends ServiceOnMachine = TestService> {
  /** Id of the check, and of the fix. */
  readonly id: string
  readonly kind: string
  readonly severity: Severity
  /** How the service is broken, for the name of the test and the table of docs/doctor.md. */
  readonly how: string
  /** What doctor must say. */
  readonly what: RegExp
  readonly scope?: Scope
  readonly standIn?: StandInConfig
  /** Flags of the install before. */
  readonly install?: readonly string[]
  readonly break: (service: S) => Promise<void>
  /** Flags of the fix, beside --yes. Null: no command cures it, and `cure` says what does. */
  readonly fix?: readonly string[] | null
  /** Does by hand what a finding says that only a person can do. */
  readonly cureByHand?: (service: S) => Promise<void>
  /** What the service is in the end; default: running. */
  readonly ends?: 'running' | 'stopped'
  /** What else must be so after the fix. */
  readonly after?: (service: S) => Promise<void>
}

/** What has just happened is no finding yet. */
export const settle = () => testHost.sleep(3500)

/** The findings of `doctor` on one service, and its exit status. */
export async function doctor(service: ServiceOnMachine, args: readonly string[] = []): Promise<{exit: number | null; findings: Finding[]}> {
  const result = await service.run('doctor', ['--json', ...args])
  const {services} = result.json<{services: {findings: Finding[]}[]}>()
  return {exit: result.code, findings: services.flatMap(({findings}) => findings)}
}

/** `seeRowOf` on a service of its own under systemd. */
export async function seeRow(machine: Machine, user: Account, row: DoctorRow): Promise<void> {
  const service = await TestService.make(machine, user, {
    ...(row.scope ? {scope: row.scope} : {}),
    ...(row.standIn ? {standIn: row.standIn} : {}),
  })
  await seeRowOf(service, row)
}

/** Installs a service, sees that doctor finds nothing, breaks it, and sees doctor name just that, the fix cure it, and doctor clean again. */
export async function seeRowOf<S extends ServiceOnMachine>(service: S, row: DoctorRow<S>): Promise<void> {
  await service.must('install', row.install ?? [])
  expect(await doctor(service)).toEqual({exit: 0, findings: []})
  await row.break(service)
  const broken = await doctor(service)
  expect(broken.findings.map(({id, kind, severity}) => ({id, kind, severity}))).toEqual([
    {id: row.id, kind: row.kind, severity: row.severity},
  ])
  expect(broken.findings[0]?.what).toMatch(row.what)
  expect(broken.exit).toBe(row.severity === 'unknown' ? 4 : row.severity === 'info' ? 0 : 1)
  if (row.fix === null) {
    expect((await service.run(`fix:${row.id}`, ['--yes'])).code).not.toBe(0)
  } else {
    const fixed = await service.run(`fix:${row.id}`, ['--yes', ...(row.fix ?? [])])
    expect({code: fixed.code, stdout: fixed.stdout, stderr: fixed.code === 0 ? '' : fixed.stderr}).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^Fixed: /) as string,
      stderr: '',
    })
  }
  await row.cureByHand?.(service)
  expect(await doctor(service)).toEqual({exit: 0, findings: []})
  expect(await service.status()).toMatchObject(row.ends === 'stopped' ? {actual: 'stopped', exit: 3} : {actual: 'running', exit: 0})
  await row.after?.(service)
  const again = await service.run(`fix:${row.id}`, ['--yes', '--json'])
  expect({code: again.code, ...again.json<object>()}).toMatchObject({code: 0, changed: false})
  await service.must('uninstall')
}
