import {describe, expect, it} from 'vitest'
import type {RunResult} from '../../src/host/host.js'
import {boot} from '../../src/lifecycle/boot.js'
import {bootLine, bootLogFile} from '../../src/lifecycle/boot-report.js'
import {resolveTarget} from '../../src/observe/where.js'
import {formatSettings} from '../../src/service/settings.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'
import {HERMES, ROOT, S6_SETTINGS, s6Files, slotArgv} from '../fakes/s6.js'

const STAGING = '/run/service/.hermes-svc-boot/gateway-default'
const own = (text: string): FakeFile => ({text, uid: HERMES.uid, gid: HERMES.gid})

/** A container whose s6 does all that it is told, and notes it. */
class Container extends FakeHost {
  readonly ran: string[][] = []

  constructor(files: Record<string, FakeFile | string> = {}, env: Record<string, string> = {}) {
    super({
      account: ROOT,
      accounts: [HERMES],
      env,
      files: {
        ...s6Files(),
        '/opt/hermes/bin/hermes': {mode: 0o755},
        '/run/s6/container_environment/PATH': '/opt/hermes/bin:/usr/bin:/bin',
        '/opt/data/stand-in.json': own('{}'),
        ...files,
      },
    })
    this.as = () => this
  }

  override async run(argv: readonly string[]): Promise<RunResult> {
    await Promise.resolve()
    this.ran.push([...argv])
    return {argv, code: 0, signal: null, stdout: '', stderr: ''}
  }

  async boot(dryRun = false) {
    const target = await resolveTarget(this, {}, 'change')
    if (!target.manager.container) throw new Error('no container')
    return boot(target, target.manager.container, {unrecorded: 'running', dryRun})
  }
}

describe('boot', () => {
  it('builds the slots beside their places, those that stay down with a down file', async () => {
    const container = new Container({
      '/opt/data/profiles/work/SOUL.md': own(''),
      '/opt/data/profiles/work/.hermes-svc.json': own('{"schemaVersion":1,"desiredState":"stopped","since":"x","by":"stop"}'),
    })
    const {profiles, reconciliation} = await container.boot()
    expect(reconciliation).toBe('instead-of-upstream')
    expect(profiles.map(({service, action}) => [service, action])).toEqual([
      ['gateway-default', 'start'],
      ['gateway-work', 'keep-down'],
    ])
    const texts = container.texts()
    expect(texts[`${STAGING}/run`]).toContain('# Written by hermes-svc')
    expect(texts[`${STAGING}/boot-reason`]).toBe(`${profiles[0]?.reason}\n`)
    expect([`${STAGING}/down` in texts, '/run/service/.hermes-svc-boot/gateway-work/down' in texts]).toEqual([true, true])
    expect(container.ran.at(-1)).toEqual(slotArgv('release', '/run/service/gateway-default'))
    expect(container.ran).toContainEqual(['s6-svscanctl', '-a', '/run/service'])
  })

  it('keeps what the operator chose, and takes neither account nor home from where the gateway can write', async () => {
    const chosen = {...S6_SETTINGS, account: 'root', home: '/root', command: ['/opt/other'], commandIsGiven: true, resources: {nice: 7}}
    const container = new Container({
      '/opt/data/.hermes-svc/settings.json': own(formatSettings(chosen)),
      '/opt/data/.hermes-svc/gateway.env': own("export COLOUR='blue'\n"),
    })
    await container.boot()
    const start = container.texts()[`${STAGING}/helpers/start.sh`] ?? ''
    expect(start).toContain("exec '/usr/bin/nice' '-n' '7' '/opt/other' 'gateway' 'run'")
    expect(start).toContain("export HERMES_HOME='/opt/data'")
    expect(container.texts()[`${STAGING}/run`]).toContain("'/command/s6-setuidgid' 'hermes'")
    expect(start).toContain('gateway.env')
    const kept = container.texts()['/opt/data/.hermes-svc/settings.json'] ?? ''
    const asChosen = {command: ['/opt/other'], commandIsGiven: true, resources: {nice: 7}}
    expect(JSON.parse(kept)).toMatchObject({account: 'hermes', home: '/opt/data', ...asChosen})
  })

  it('changes nothing with --dry-run, and comes to the same decisions', async () => {
    const container = new Container()
    const planned = await container.boot(true)
    expect([container.changes, container.ran]).toEqual([[], []])
    expect((await container.boot()).profiles.map(({action, reason}) => [action, reason])).toEqual(
      planned.profiles.map(({action, reason}) => [action, reason]),
    )
  })

  it.each<[string, Record<string, FakeFile>, Record<string, string>]>([
    [
      'the state of the default gateway',
      {'/opt/data/gateway_state.json': own('{"gateway_state":"running","served_profiles":["work"]}')},
      {},
    ],
    ['the configuration', {'/opt/data/config.yaml': own('gateway:\n  multiplex_profiles: true\n')}, {}],
    ['a variable', {}, {GATEWAY_MULTIPLEX_PROFILES: 'true'}],
  ])('makes no slot of a profile that is served, by %s', async (_, files, env) => {
    const container = new Container({'/opt/data/profiles/work/SOUL.md': own(''), ...files}, env)
    expect((await container.boot()).profiles.map(({action}) => action)).toEqual(['start', 'served'])
    expect(Object.keys(container.texts()).filter((name) => name.includes('gateway-work'))).toEqual([])
  })

  it("says that it comes after upstream's own, by its script or by its slots", async () => {
    const script = {'/etc/cont-init.d/02-reconcile-profiles': {mode: 0o755}}
    expect((await new Container(script).boot()).reconciliation).toBe('after-upstream')
    const slot = {'/run/service/gateway-default/run': '#!/bin/sh\n'}
    expect((await new Container(slot).boot()).reconciliation).toBe('after-upstream')
  })

  it('brings a slot that is there up to date in its place, and then has it as wanted', async () => {
    const container = new Container({'/run/service/gateway-default/run': '#!/bin/sh\n', '/run/service/gateway-default/down': ''})
    await container.boot()
    const texts = container.texts()
    expect(texts['/run/service/gateway-default/run']).toContain('# Written by hermes-svc')
    expect('/run/service/gateway-default/down' in texts).toBe(false)
    expect(container.ran.some((argv) => argv.at(-1) === '/run/service/gateway-default' && argv.at(-2) === '-u')).toBe(true)
  })

  it('reports each profile whose gateway cannot be found, and does not throw', async () => {
    const container = new Container()
    container.drop('/opt/hermes/bin/hermes')
    expect((await container.boot()).profiles).toMatchObject([
      {action: 'failed', isFinding: true, reason: expect.stringContaining('No gateway was found') as string},
    ])
  })

  it('starts the others, whatever one profile has in its files', async () => {
    const hostile = ['{"desiredState":"running","by":{"toString":1}}', 'null', '{"desiredState":', '[[[[']
    const files = hostile.map((text, index) => [`/opt/data/profiles/p${index}/.hermes-svc.json`, own(text)] as const)
    const marks = hostile.map((_, index) => [`/opt/data/profiles/p${index}/SOUL.md`, own('')] as const)
    const container = new Container(Object.fromEntries([...files, ...marks]))
    expect((await container.boot()).profiles.map(({profile, action}) => [profile, action])).toEqual([
      ['default', 'start'],
      ...hostile.map((_, index) => [`p${index}`, 'start']),
    ])
  })

  it.each(['.hermes-svc.json', 'config.yaml'])(
    'reports what nobody foresaw about one profile as that, and starts the others: %s',
    async (name) => {
      const container = new Container({'/opt/data/profiles/work/SOUL.md': own('')})
      const readText = container.readText.bind(container)
      container.readText = (file) => {
        if (file === `/opt/data/profiles/work/${name}`) throw new TypeError('cannot convert')
        return readText(file)
      }
      const {profiles} = await container.boot()
      expect(profiles.map(({profile, action}) => [profile, action])).toEqual([
        ['default', 'start'],
        ['work', 'failed'],
      ])
      expect(profiles[1]).toMatchObject({isFinding: true, reason: 'TypeError: cannot convert (this is a bug in hermes-svc)'})
      expect(container.texts()[`${STAGING}/run`]).toContain('# Written by hermes-svc')
    },
  )

  it('starts all though nothing of the former container can be taken away', async () => {
    const container = new Container({'/opt/data/gateway.pid': own('{}'), '/opt/data/gateway.lock': own('')})
    const run = container.run.bind(container)
    container.run = (argv: readonly string[]) => {
      if (argv.includes('/opt/data')) throw new TypeError('no more processes')
      return run(argv)
    }
    expect((await container.boot()).profiles).toMatchObject([
      {action: 'start', notSwept: expect.stringContaining('no more processes') as string},
    ])
  })

  it('reports those that s6 does not take up', async () => {
    const container = new Container()
    const run = container.run.bind(container)
    container.run = (argv: readonly string[]) => {
      if (argv[0] === 's6-svscanctl') throw new TypeError('no more processes')
      return run(argv)
    }
    expect((await container.boot()).profiles).toMatchObject([
      {action: 'failed', reason: expect.stringContaining('no more processes') as string},
    ])
  })

  it('writes a line a profile into the boot log, whose older half goes when it is long', async () => {
    const log = bootLogFile('/opt/data')
    const container = new Container({[log]: own(`${'an old line\n'.repeat(30_000)}the last\n`)})
    const {profiles} = await container.boot()
    const lines = container.texts()[log]?.trimEnd().split('\n') ?? []
    expect(lines.at(-1)).toContain(`instead-of-upstream ${bootLine(profiles[0] as (typeof profiles)[0])}`)
    expect(lines.at(-2)).toBe('the last')
    expect(lines.length).toBeLessThan(12_000)
  })
})

describe('bootLine', () => {
  it('is one line, with what was removed or why nothing was', () => {
    const profile = {
      profile: 'work',
      service: 'gateway-work',
      home: '/h',
      action: 'start',
      reason: 'it "ran"\nhere',
      isFinding: false,
    } as const
    expect(bootLine({...profile, swept: ['gateway.pid'], notSwept: null})).toBe(
      'profile=work action=start reason="it \\"ran\\"\\nhere; removed gateway.pid"',
    )
    expect(bootLine({...profile, reason: 'x', swept: [], notSwept: 'held'})).toBe(
      'profile=work action=start reason="x; kept its runtime files: held"',
    )
  })
})
