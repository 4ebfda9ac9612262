import type {Scope} from '../../src/service/service.js'
import fs from 'node:fs'
import path from 'node:path'
import {expect} from 'vitest'
import type {Finding, Severity} from '../../src/doctor/finding.js'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {PACKAGE_ROOT} from './built.js'
import {inCampaign} from './campaign.js'
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
  /** What it leaves that a later row of the same service would see. */
  readonly leaves?: string
  /** What else must be so after the fix. */
  readonly after?: (service: S) => Promise<void>
  /**
   * Where it is judged and cured in memory: what was broken is another thing to judge than in some other row of its check, and the same to find and to cure on
   * a real manager; or no command cures it. Outside of a campaign that other row, or the judgement alone, stands for it.
   */
  readonly provedBy?: string
  /** With `provedBy`: the check whose fix does the same, where it is not another row of its own check that stands for it. */
  readonly curedAs?: string
  /**
   * Where the same row is seen under another manager, or stood for, of which this one has no part: what a manager says of such a service is replayed in unit
   * tests, and how it starts, stops and restarts one is seen in its life cycle. Under this one a campaign sees it.
   */
  readonly seenIn?: string
}

/** The rows that a suite sees: in a campaign all, else those that no other row stands for. */
export function seen<R extends Pick<DoctorRow, 'id' | 'kind' | 'fix' | 'provedBy' | 'curedAs' | 'seenIn'>>(
  rows: readonly R[],
): readonly R[] {
  const without = rows.filter(({id, kind, fix, provedBy, curedAs = id, seenIn}) => {
    if (seenIn !== undefined) {
      const isThere = new RegExp(`id: '${id}',\\s+kind: '${kind}',`).test(fs.readFileSync(path.join(PACKAGE_ROOT, seenIn), 'utf8'))
      if (!isThere) throw new Error(`${seenIn} has no row of ${id} (${kind})`)
      return false
    }
    if (provedBy === undefined) return true
    const text = fs.readFileSync(path.join(PACKAGE_ROOT, provedBy), 'utf8')
    // As the program names it, as docs/doctor.md and the replayed homes do, or with how bad it is: any text has such a word as `down` otherwise.
    if (!new RegExp(`['"](${id} )?${kind}(['"]| (error|warning|unknown)\\b)`).test(text))
      throw new Error(`${provedBy} says nothing of ${id} (${kind})`)
    // What no command cures is judged, and no more.
    const isStoodFor = fix === null || rows.some((other) => other.id === curedAs && other.provedBy === undefined)
    if (!isStoodFor) throw new Error(`no row stands for ${id} (${kind})`)
    return false
  })
  return inCampaign(rows, without)
}

/** What has just happened is no finding yet. */
export const settle = () => testHost.sleep(3500)

/** The findings of `doctor` on one service, and its exit status. */
export async function doctor(service: ServiceOnMachine, args: readonly string[] = []): Promise<{exit: number | null; findings: Finding[]}> {
  const {exit, findings} = await diagnosis(service, args)
  return {exit, findings}
}

/** What `doctor` says of a service besides: the same as `status` says. */
async function diagnosis(service: ServiceOnMachine, args: readonly string[] = []) {
  const result = await service.run('doctor', ['--json', ...args])
  const {services} = result.json<{services: {actual: string; findings: Finding[]}[]}>()
  return {exit: result.code, findings: services.flatMap(({findings}) => findings), actual: services[0]?.actual}
}

/** What a row says of the service that it needs. */
type InstalledFor<S extends ServiceOnMachine> = Pick<DoctorRow<S>, 'scope' | 'standIn' | 'install'>

/** Sees rows one after the other on the same installed service where that can be: a row leaves it as it found it. */
export class DoctorRows<S extends ServiceOnMachine = TestService> {
  /** Installed, running and without a finding; by user and scope. */
  private readonly clean = new Map<string, S[]>()

  constructor(private readonly make: (row: InstalledFor<S>, user: Account) => Promise<S>) {}

  /** Rows on services under systemd. */
  static onSystemd(machine: () => Machine): DoctorRows {
    return new DoctorRows(({scope, standIn}, user) =>
      TestService.make(machine(), user, {...(scope ? {scope} : {}), ...(standIn ? {standIn} : {})}),
    )
  }

  /**
   * On an installed service of which doctor finds nothing: breaks it, sees doctor name just that, the fix cure it, and doctor clean again.
   * The service is one that a former row of this user is done with, or a new one. Two rows of one user may run side by side.
   */
  async see(row: DoctorRow<S>, user: Account): Promise<void> {
    const isPlain = row.standIn === undefined && row.install === undefined
    const free = this.freeOf(user, row.scope)
    const used = isPlain ? free.pop() : undefined
    const service = used ?? (await this.installed(row, user))
    await breakAndCure(service, row)
    if (!used) {
      // Whatever the check: no finding, no plan.
      const again = await service.run(`fix:${row.id}`, ['--yes', '--json'])
      expect({code: again.code, ...again.json<object>()}).toMatchObject({code: 0, changed: false})
    }
    if (!isPlain || row.leaves !== undefined) return
    if (row.ends === 'stopped') {
      await service.must('start')
      await settle()
    }
    free.push(service)
  }

  /** One that no row will see any more: installed, running and without a finding. */
  async take(user: Account, scope: Scope = 'user'): Promise<S> {
    return this.freeOf(user, scope).pop() ?? this.installed({scope}, user)
  }

  private freeOf(user: Account, scope: Scope = 'user'): S[] {
    const key = `${user.name} ${scope}`
    const free = this.clean.get(key) ?? []
    this.clean.set(key, free)
    return free
  }

  private async installed(row: InstalledFor<S>, user: Account): Promise<S> {
    const service = await this.make(row, user)
    await service.must('install', row.install ?? [])
    expect(await diagnosis(service)).toEqual({exit: 0, findings: [], actual: 'running'})
    return service
  }
}

async function breakAndCure<S extends ServiceOnMachine>(service: S, row: DoctorRow<S>): Promise<void> {
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
  expect(await diagnosis(service)).toEqual({exit: 0, findings: [], actual: row.ends ?? 'running'})
  await row.after?.(service)
}
