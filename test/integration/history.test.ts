import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll, expect, it} from 'vitest'
import type {Machine} from '../../src/smoke/machine.js'
import type {Scope} from '../../src/service/service.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {schemaErrors} from '../support/json-schemas.js'
import {bootTestMachine, describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

/** HERMES_SVC_RECORD=1 keeps a document as the fixture of test/schemas. */
const RECORD = process.env.HERMES_SVC_RECORD === '1' ? fileURLToPath(new URL('../fixtures/json-documents', import.meta.url)) : undefined

interface Entry {
  readonly time: string
  readonly kind: string
  readonly reason?: Record<string, unknown>
  readonly by?: {readonly who: string; readonly command?: string}
  readonly uptimeMs?: number | null
  readonly text: string
  /** Of a phase: what, about what, and its end. */
  readonly what?: string
  readonly about?: string
  readonly until?: string | null
}
interface History {
  readonly entries: readonly Entry[]
  readonly availability: readonly {readonly restarts: object; readonly outages: number; readonly percent: number; readonly upMs: number}[]
  readonly notRead: readonly {readonly source: string; readonly why: string}[]
}

async function historyOf(service: TestService, name?: string): Promise<History> {
  const {stdout} = await service.must('history', ['--since', '1h', '--json'])
  const document = JSON.parse(stdout) as {readonly histories: readonly History[]}
  expect({errors: schemaErrors('history', document), stdout}).toEqual({errors: [], stdout})
  if (RECORD !== undefined && name !== undefined) {
    fs.writeFileSync(path.join(RECORD, `history.${name}.json`), `${JSON.stringify(document, undefined, 2)}\n`)
  }
  const [history] = document.histories
  if (!history) throw new Error('no history')
  return history
}

const who = ({by}: Entry): string | undefined => (by?.who === 'command' ? `hermes-svc ${by.command}` : by?.who)

/** What lasts of a machine: the journal of systemd, and the user's home, with a service of the user in it. */
const lasting = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-lasting-')))
const binds = ['/srv/journal', '/home/ann'].map((target) => {
  const source = path.join(lasting, path.basename(target))
  fs.mkdirSync(source, {recursive: true})
  return {source, target, writable: true}
})
afterAll(() => {
  fs.rmSync(lasting, {recursive: true, force: true})
})

/** With that in place; its first user is the one whose home lasts. */
async function withWhatLasts(machine: Machine): Promise<TestService> {
  // Machines have that one in memory.
  await machine.exec(['sh', '-c', 'mount --bind /srv/journal /var/log/journal && systemctl restart systemd-journald'])
  const ann = await machine.addUser('ann', {linger: false})
  await machine.exec(['chown', `${ann.uid}:${ann.gid}`, ann.home])
  await machine.exec(['loginctl', 'enable-linger', ann.name])
  await waitFor(
    async () => (await machine.exec(['systemctl', '--user', 'is-active', 'default.target'], {user: ann})).stdout.trim() === 'active',
    'the user manager',
  )
  return TestService.make(machine, ann, {profile: 'default'})
}

const body = (machine: () => Machine) => {
  /** Whose ends were told. */
  let told: TestService
  let first: TestService

  beforeAll(async () => {
    first = await withWhatLasts(machine())
    // It is left alone until the machine goes down: two starts within ten seconds are taken for one that two witnesses tell of.
    await first.must('install', ['--heartbeat', 'off'])
  })

  /** It is stopped by systemctl, and has two seconds for it. */
  async function takesTooLong(service: TestService): Promise<void> {
    await service.sh('printf "[Service]\\nTimeoutStopSec=2\\n" >"$1.d/90-short.conf"', [service.unitFile])
    await service.systemctl('daemon-reload')
    await service.systemctl('stop', service.unit)
    expect((await service.must('history')).stdout).toContain('asked to stop, did not stop in time, and was killed by another tool')
  }
  const lastEnd = async (service: TestService) => {
    const end = (await historyOf(service)).entries.findLast(({kind}) => kind === 'end')
    return [end?.reason, end && who(end)]
  }

  // By what a user's own manager says, and that reads its journal: the rows below.
  it.each<Scope>(inCampaign(['system', 'user'], ['system']))(
    'has each end that there was, in its order, with its reason and who brought it about, and at last a stop that took too long: in %s scope',
    async (scope) => {
      const user = await machine().addUser(`told-${scope}`, {linger: scope === 'user'})
      // The third and the ninth end by themselves.
      const quick = (code: number) => ({exit_after_ms: 300, exit: {code}})
      const sequence = [{}, {}, quick(1), {}, {}, {}, {}, {}, quick(78), {}]
      // Under systemd as a manager of the machine 0.16 has itself restarted by a unit of its own too, which would come between.
      const standIn = {version: scope === 'system' ? ('0.21' as const) : ('0.16' as const), sequence}
      const service = await TestService.make(machine(), user, {scope, standIn})
      told = service
      const starts = (count: number) => waitFor(async () => (await service.starts()) >= count, `start ${count}`)
      await service.must('install', ['--restart-delay', '100ms', '--restart-delay-max', '200ms'])
      let pid = await service.comesUp()
      await service.sh('kill -KILL "$1"', [String(pid)])
      pid = await service.comesUp(pid)
      await service.sh('kill -SEGV "$1"', [String(pid)])
      // The one that ends with 1 is between the two.
      await starts(4)
      pid = await service.comesUp(pid)
      await service.sh('kill -USR1 "$1"', [String(pid)])
      pid = await service.comesUp(pid)
      await service.systemctl('stop', service.unit)
      await service.systemctl('start', service.unit)
      pid = await service.comesUp(pid)
      await service.systemctl('restart', service.unit)
      pid = await service.comesUp(pid)
      await service.must('restart')
      pid = await service.comesUp(pid)
      await service.must('stop')
      await service.run('start')
      await waitFor(async () => (await service.show('Result', 'ExecMainStatus')).join(' ') === 'exit-code 78', 'the fatal configuration')
      await service.must('start')
      pid = await service.comesUp()

      const {entries, availability, notRead} = await historyOf(service, scope === 'system' ? 'every-end' : undefined)
      const ends = entries.filter(({kind}) => kind === 'end')
      expect(ends.map((entry) => [entry.reason, who(entry)])).toEqual([
        [{kind: 'signal', signal: 'KILL', isDumped: false}, 'unknown'],
        [{kind: 'signal', signal: 'SEGV', isDumped: expect.any(Boolean) as boolean}, 'unknown'],
        [{kind: 'exit', status: 1}, 'gateway'],
        [{kind: 'planned-restart'}, 'gateway'],
        [{kind: 'stop-asked'}, 'tool'],
        [{kind: 'stop-asked'}, 'tool'],
        [{kind: expect.stringMatching(/^(planned-restart|stop-asked)$/) as string}, 'hermes-svc restart'],
        [{kind: 'stop-asked'}, 'hermes-svc stop'],
        [{kind: 'config'}, 'gateway'],
      ])
      const began = entries.filter(({kind}) => kind === 'start')
      expect(began.map(who)).toEqual([
        ...['hermes-svc install', 'manager', 'manager', 'manager', 'manager', 'tool', 'tool', 'hermes-svc restart', 'hermes-svc start'],
        'hermes-svc start',
      ])
      expect(await service.starts()).toBe(began.length)
      expect(entries.filter(({kind}) => kind === 'gap')).toEqual([])
      expect(entries.filter(({kind}) => kind === 'command').map(({text}) => text.split(',')[0])).toEqual([
        ...['hermes-svc install', 'hermes-svc restart', 'hermes-svc stop'],
        expect.stringContaining('hermes-svc start') as string,
        'hermes-svc start',
      ])
      expect(availability[0]).toMatchObject({restarts: {unplanned: 4}})
      expect(availability[0]?.percent).toBeLessThan(100)
      expect(notRead).toEqual([])
      const counters = (await hermesSvc(machine(), ['health', '--prometheus', ...service.argv('health').slice(3)], service.actor)).stdout
      const counted = (reason: string) =>
        Number(
          new RegExp(`^hermes_gateway_ends_total\\{.*profile="${service.profile}",reason="${reason}"\\} (\\d+)$`, 'm').exec(counters)?.[1],
        )
      expect([counted('signal'), counted('exit'), counted('config'), counted('oom')]).toEqual([2, 1, 1, 0])
      expect(counted('stop-asked') + counted('planned-restart')).toBe(5)
      const text = (await service.must('history')).stdout
      expect(text).toContain('killed by SIGKILL')
      expect(text).toContain('exited with 78: its configuration is wrong, so it does not start again')
      expect(text).toContain('stopped as asked by `hermes-svc stop`')

      await service.configure({deaf: ['SIGTERM'], planned_stop_watcher: false})
      await service.must('restart')
      await service.comesUp(pid)
      await takesTooLong(service)
      expect(await lastEnd(service)).toEqual([{kind: 'stop-timeout'}, 'tool'])
    },
    240_000,
  )

  // What a tick notes, and what is told of that: test/tick/notify.test.ts and test/history/timeline.test.ts; that it notes it: notify.test.ts.
  itInCampaign('has what lasted, with its end, and a stop that took too long', async () => {
    const user = await machine().addUser('ursula', {linger: true})
    const platforms = {slack: {state: 'fatal', error_message: 'invalid_auth'}, telegram: {state: 'connected'}}
    const later = {after_ms: 8000, platforms: {slack: {state: 'connected'}}}
    const deaf = {deaf: ['SIGTERM' as const], planned_stop_watcher: false}
    const service = await TestService.make(machine(), user, {standIn: {platforms, platforms_later: later, ...deaf}})
    await service.must('install', ['--heartbeat-interval', '3s', '--watchdog', 'off'])
    const pid = await service.comesUp()
    const noted = (event: string, about: string) =>
      waitFor(
        async () =>
          ((await machine().readText(`${service.home}/logs/hermes-svc.jsonl`)) ?? '').includes(`"event":"${event}","about":"${about}"`),
        `${event} of ${about}`,
        120_000,
      )
    await noted('platform-down', 'slack')
    await noted('recovered', 'slack')
    // The young are left alone.
    await waitFor(async () => Number(await service.sh('ps -o etimes= -p "$1"', [String(pid)])) > 30, 'its age', 60_000)
    await service.sh('kill -STOP "$1"', [String(pid)])
    await noted('wedged', 'gateway')
    await service.sh('kill -CONT "$1"', [String(pid)])
    await noted('recovered', 'gateway')
    await takesTooLong(service)

    const {entries} = await historyOf(service)
    const phases = entries.filter(({kind}) => kind === 'phase')
    expect(phases).toMatchObject([
      {what: 'platform-down', about: 'slack', until: expect.any(String) as string},
      {what: 'wedged', about: 'gateway', until: expect.any(String) as string},
    ])
    const ends = entries.filter(({kind}) => kind === 'end')
    expect(ends.map((entry) => [entry.reason, who(entry)])).toEqual([[{kind: 'stop-timeout'}, 'tool']])
  })

  it('says what it does not know, and reads no more than it may of logs of a gigabyte', async () => {
    const service = told
    const before = await historyOf(service)
    expect(before.entries.map(({kind}) => kind)).toContain('start')
    await service.sh(
      'cd "$1/logs" && truncate -s 1G gateway-exit-diag.log && mv hermes-svc.jsonl hermes-svc.jsonl.1 && truncate -s 1G hermes-svc.jsonl',
      [service.home],
    )
    const {notRead} = await historyOf(service)
    expect(notRead).toEqual([
      {source: `${service.home}/logs/hermes-svc.jsonl`, why: 'large', before: expect.any(String) as string},
      {source: `${service.home}/logs/gateway-exit-diag.log`, why: 'large', before: expect.any(String) as string},
    ])
  }, 120_000)

  const machines: Machine[] = []
  afterAll(async () => {
    for (const one of machines) await one.down()
  })

  // Last: the machine of all goes down.
  it('tells a loss of power from a machine that was switched off', async () => {
    const boot = async () => {
      const next = await bootTestMachine({binds})
      machines.push(next)
      return withWhatLasts(next)
    }
    // By what it notes itself: it is asked for nothing else than its history.
    const runs = (service: TestService, count: number) =>
      waitFor(async () => (await service.events()).filter(({event}) => event === 'running').length >= count, `run ${count}`)
    const pid = await first.mainPid()
    await waitFor(async () => Number(await first.sh('ps -o etimes= -p "$1"', [String(pid)])) > 11, 'its age')
    let service = first
    await machine().down()
    service = await boot()
    await runs(service, 2)
    await service.machine.exec(['systemctl', 'poweroff'])
    await waitFor(() => !fs.existsSync(`/proc/${service.machine.leaderPid}`), 'the end of the machine', 120_000)

    service = await boot()
    await runs(service, 3)
    const {entries} = await historyOf(service)
    const told = entries.filter(({kind}) => kind !== 'command' && kind !== 'gap')
    expect(
      told.map((entry) => [entry.kind, ...(entry.kind === 'boot' ? [] : [who(entry)]), ...(entry.reason ? [entry.reason] : [])]),
    ).toEqual([
      ['boot'],
      ['start', 'hermes-svc install'],
      ['end', 'machine', {kind: 'power-off', isClean: false}],
      ['boot'],
      ['start', 'machine'],
      ['end', 'machine', {kind: 'power-off', isClean: true}],
      ['boot'],
      ['start', 'machine'],
    ])
    const texts = told.filter(({kind}) => kind === 'end').map(({text}) => text)
    expect(texts[0]).toMatch(/^was still running when the machine went down/)
    expect(texts.at(-1)).toMatch(/^stopped with the machine/)
  }, 240_000)
}

await describeOnSystemd('history', body, {binds})
