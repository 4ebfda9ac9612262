import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {ServiceReport} from '../../src/observe/report.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {type CommandResult, describeOnSystemd, hermesSvc} from '../support/machines.js'
import {schemaErrors} from '../support/json-schemas.js'
import {TestService} from '../support/test-service.js'

const FILE = '/etc/hermes-svc.yaml'
const SECRET = 'swordfish'
/** One tick of three is enough to be seen. */
const TICKLESS = 'heartbeat: off'
/** sh. $1: a file. $2…: a program, which is killed at the first change of that file; it ends as the program did. */
const KILLED_AT_CHANGE = `file=$1; shift
sum() { cksum "$file" 2>/dev/null; }
before=$(sum)
"$@" &
while [ "$(sum)" = "$before" ] && kill -0 $! 2>/dev/null; do :; done
kill -KILL $!; wait $!`

interface Row {
  readonly service: string
  readonly acts: readonly string[]
  readonly changed: boolean
  readonly differing: readonly {readonly name: string}[]
  readonly drift: readonly object[]
}
interface Document {
  readonly ok: boolean
  readonly changed: boolean
  readonly services: readonly Row[]
}

await describeOnSystemd('the services of a machine as one document', (machine) => {
  let ann: Account
  /** Two of a user's own, and one of the machine that runs as another one. */
  let first: TestService
  let second: TestService
  let third: TestService
  let all: TestService[]

  beforeAll(async () => {
    ann = await machine().addUser('ann')
    const bob = await machine().addUser('bob')
    first = await TestService.make(machine(), ann, {profile: 'default'})
    second = await TestService.make(machine(), ann, {profile: 'work'})
    third = await TestService.make(machine(), bob, {profile: 'default', scope: 'system'})
    all = [first, second, third]
    await machine().writeText('/etc/token', `${SECRET}\n`)
  })

  const declare = (...changes: readonly string[]) => {
    const [a = '', b = '', c = ''] = changes
    const services = [`profile: default, scope: user, account: ann, ${TICKLESS}, ${a}`, `profile: work, scope: user, account: ann, ${b}`]
    const more = inCampaign(c, TICKLESS)
    const lines = [...services, `profile: default, scope: system, account: bob, env: {TOKEN: {fromFile: /etc/token}}, ${more}`]
    return machine().writeText(FILE, `schemaVersion: 1\nservices:\n${lines.map((line) => `  - {${line}}\n`).join('')}`)
  }
  const apply = (args: readonly string[] = []) => hermesSvc(machine(), ['apply', FILE, ...args])
  const applied = async (args: readonly string[] = [], code = 0): Promise<Document> => {
    const result = await apply(['--json', ...args])
    expect(result, result.stdout + result.stderr).toMatchObject({code})
    expect(result.stdout + result.stderr).not.toContain(SECRET)
    expect(schemaErrors('apply', result.json())).toEqual([])
    return result.json<Document>()
  }
  const acts = ({services}: Document) => services.map((row) => row.acts)
  const pids = () => Promise.all(all.map((service) => service.mainPid()))
  const reports = (): Promise<(ServiceReport & {exit: number | null})[]> => Promise.all(all.map((service) => service.status()))

  // What is to be done is decided, and done to one service, in memory too (test/commands/apply.test.ts): here it is what has to do with several of them, with several
  // users and both scopes. What a change, a stop, a start and a failed change are to a real service is that of the command alone.
  it('installs three in two scopes, and changes nothing when it is run again', async () => {
    await declare('', 'watchdog: 4, env: {LEVEL: info}')
    if (isCampaign) {
      expect(acts(await applied(['--dry-run']))).toEqual([['install'], ['install'], ['install']])
      expect((await reports()).map(({installed}) => installed)).toEqual(['no', 'no', 'no'])
    }

    expect(await applied()).toMatchObject({ok: true, changed: true})
    expect(await reports()).toMatchObject(all.map(({unit}) => ({service: unit, actual: 'running', desired: 'running', enabled: true})))
    const before = await pids()
    const again = await applied()
    expect(again).toMatchObject({ok: true, changed: false})
    expect(acts(again)).toEqual([[], [], []])
    expect(await pids()).toEqual(before)
    // The value went where the gateway reads it, and nowhere else.
    expect(await third.sh('cat "$1/gateway.env"', [third.support])).toContain(SECRET)
  })

  /** Applies, by `how`, what changes the second one alone. */
  const changesTheSecond = async (how: () => Promise<Document>) => {
    const before = await pids()
    const starts = await Promise.all(all.map((service) => service.starts()))
    const changed = await how()
    expect(changed.services).toMatchObject([
      {acts: [], changed: false},
      {acts: ['change', 'restart'], changed: true},
      {acts: [], changed: false},
    ])
    const after = await pids()
    expect([after[0], after[2]]).toEqual([before[0], before[2]])
    expect(after[1]).not.toBe(before[1])
    expect(await Promise.all(all.map((service) => service.starts()))).toEqual([starts[0], (starts[1] ?? 0) + 1, starts[2]])
    return changed.services[1]
  }

  // As what takes a credential, below.
  itInCampaign('restarts the one whose value has changed, once, and none of the others', async () => {
    await declare('', 'watchdog: 5, env: {LEVEL: debug}')
    const second = await changesTheSecond(applied)
    expect(second).toMatchObject({differing: [{name: 'watchdog', from: '4', to: '5'}, {name: 'env.LEVEL'}]})
  })

  it('prints by export what changes nothing when it is applied, with references in the place of values', async () => {
    const exported = await hermesSvc(machine(), ['export'])
    expect(exported, exported.stderr).toMatchObject({code: 0})
    expect(exported.stdout).not.toContain(SECRET)
    expect(exported.stdout).toMatch(/profile: work\n {4}scope: user\n {4}account: ann\n {4}state: running\n {4}watchdog: [45]\n/)
    await machine().writeText('/etc/exported.yaml', exported.stdout)
    const argv = [
      'env',
      `TOKEN=${SECRET}`,
      `LEVEL=${inCampaign('debug', 'info')}`,
      MACHINE_NODE,
      `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`,
      'apply',
      '/etc/exported.yaml',
    ]
    const result = await machine().exec(argv, {timeoutMs: 90_000})
    expect(result, result.stderr).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Services: 3, all match the document; nothing was changed\n$/m),
    })
    // A user exports what is theirs.
    const own = await hermesSvc(machine(), ['export', '--json'], {user: ann})
    expect(own.json<{services: {account: string}[]}>().services.map(({account}) => account)).toEqual(['ann', 'ann'])
  })

  // test/commands/apply.test.ts; on a real manager as by install: existing-services.test.ts.
  itInCampaign('keeps what was changed by hand and says so, and replaces it with --force', async () => {
    const ours = await first.sh('cat "$1"', [first.dropIn])
    // Beside what is edited there is somebody else's file: what that says stays so, and is shown.
    const program = 'echo "# by hand" >>"$1"; printf "[Service]\\nRestart=no\\n" >"$2.d/90-mine.conf"; systemctl --user daemon-reload'
    await first.sh(program, [first.dropIn, first.unitFile], {user: ann})
    const mine = {kind: 'overridden', directive: 'Restart', merged: 'no', setBy: `${first.unitFile}.d/90-mine.conf`}
    const edited = (kept: boolean) =>
      expect.arrayContaining([expect.objectContaining({kind: 'edited', path: first.dropIn, kept})]) as unknown
    const other = expect.arrayContaining([expect.objectContaining(mine)]) as unknown
    const kept = await applied()
    expect(kept).toMatchObject({changed: false, services: [{acts: []}, {}, {}]})
    expect(kept.services[0]?.drift).toEqual(edited(true))
    expect(kept.services[0]?.drift).toEqual(other)
    const replaced = (await applied(['--force'])).services[0]
    expect(replaced).toMatchObject({changed: true, drift: edited(false)})
    expect(replaced?.drift).toEqual(other)
    expect(await first.sh('cat "$1"', [first.dropIn])).toBe(ours)
    expect(await first.show('Restart')).toEqual(['no'])
    await first.sh('rm "$1.d/90-mine.conf"', [first.unitFile])
    await first.systemctl('daemon-reload')
  })

  // test/commands/apply.test.ts; on a real manager as by stop and start: lifecycle.test.ts.
  itInCampaign('stops what is declared stopped, over a reboot too, and starts it again', async () => {
    await declare('', 'state: stopped, watchdog: 5, env: {LEVEL: debug}')
    expect(acts(await applied())).toEqual([[], ['stop'], []])
    expect(await second.status()).toMatchObject({actual: 'stopped', desired: 'stopped', enabled: false})
    expect((await applied()).changed).toBe(false)
    await declare('', 'watchdog: 5, env: {LEVEL: debug}')
    expect(acts(await applied())).toEqual([[], ['start'], []])
    expect(await second.status()).toMatchObject({actual: 'running', enabled: true})
  })

  // As an installation that is killed is completed by the next one (install-transaction.test.ts), each for itself.
  itInCampaign('mends when it is run again what a kill -9 in the middle has left', async () => {
    // What is declared of each changes it, and more has to follow.
    for (const [index, file] of [first, second].map(({support}) => `${support}/gateway.env`).entries()) {
      const env = `env: {LEVEL: round-${index}}`
      await declare(env, `watchdog: 5, ${env}`, `watchdog: ${index + 4}`)
      const program = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, 'apply', FILE]
      const killed = await machine().exec(['sh', '-c', KILLED_AT_CHANGE, 'sh', file, ...program], {timeoutMs: 90_000})
      expect(killed, file).toMatchObject({code: 137})
      expect(await applied(), file).toMatchObject({ok: true, changed: true})
      const again = await applied()
      expect(acts(again), `killed at a change of ${file}`).toEqual([[], [], []])
      for (const service of [first, second]) {
        expect(await service.sh('tr "\\0" "\\n" <"/proc/$1/environ"', [String(await service.mainPid())])).toContain(`LEVEL=round-${index}`)
      }
    }
    const doctor = await hermesSvc(machine(), ['doctor', '--all', '--scope', 'user', '--run-as', 'ann'])
    expect(doctor, doctor.stdout + doctor.stderr).toMatchObject({code: 0})
  })

  // test/commands/apply.test.ts; how the one is undone: install-transaction.test.ts.
  itInCampaign('does the others where one cannot come up, which stays as it was, and ends with 1', async () => {
    await second.configure({exit_on_start: {code: 78}})
    await declare('env: {LEVEL: last}', 'watchdog: 7, env: {A: b}', 'watchdog: 9')
    const result = await apply(['--json'])
    expect(result, result.stderr).toMatchObject({code: 1})
    expect(result.json<Document>().services).toMatchObject([
      {changed: true},
      {changed: false, error: {code: 'not-running'}},
      {changed: true},
    ])
    expect(await second.sh('cat "$1/settings.json"', [second.support])).toContain('"watchdogTicks": 5')
    await second.configure({})
    await second.must('start')
  })

  it('takes a credential of the unit that runs it, and one of the machine, and restarts the one whose values those are, once, and none of the others', async () => {
    await declare(
      inCampaign('env: {LEVEL: last}', ''),
      'watchdog: 7, env: {TOKEN: {fromCredential: of-unit}, OTHER: {fromCredential: of-machine}}',
      'watchdog: 9',
    )
    await third.sh('mkdir -p /etc/credstore && printf one >/etc/credstore/of-machine')
    const run = ['systemd-run', '--wait', '--pipe', '--collect', '--quiet', '-p', 'SetCredential=of-unit:two', MACHINE_NODE]
    await changesTheSecond(async () => {
      const result = await machine().exec([...run, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, 'apply', FILE, '--json'], {timeoutMs: 90_000})
      expect(result, result.stdout + result.stderr).toMatchObject({code: 0})
      return JSON.parse(result.stdout) as Document
    })
    const environ = await second.sh('tr "\\0" "\\n" <"/proc/$1/environ"', [String(await second.mainPid())])
    expect(environ.split('\n')).toEqual(expect.arrayContaining(['TOKEN=two', 'OTHER=one']))
  })

  it('uninstalls what is not declared with --prune alone, of whichever user, leaves nothing of it, and so moves a service to the other scope', async () => {
    const moved = 'profile: work, scope: system, account: ann'
    const kept = `profile: default, scope: user, account: ann, ${TICKLESS}, ${inCampaign('env: {LEVEL: last}', '')}`
    await machine().writeText(FILE, `schemaVersion: 1\nservices: [{${moved}}, {${kept}}]\n`)
    const before = await pids()
    const refused = await applied([], 1)
    expect(refused).toMatchObject({changed: false, services: [{error: {code: 'duplicate-service'}}, {acts: []}, {acts: []}, {acts: []}]})
    const left: CommandResult = await apply()
    expect(left.stdout).toContain('not in the document, stays as it is')
    expect(await pids()).toEqual(before)
    const pruned = await applied(['--prune'])
    expect(pruned).toMatchObject({ok: true, changed: true})
    expect(pruned.services.map(({service, acts}) => [service, acts])).toEqual([
      [second.unit, ['install']],
      [first.unit, []],
      [third.unit, ['uninstall']],
      [second.unit, ['uninstall']],
    ])
    expect((await reports()).map(({installed}) => installed)).toEqual(['own', 'no', 'no'])
    expect(await first.mainPid()).toBe(before[0])
    const report = await hermesSvc(machine(), ['status', '-p', 'work', '--scope', 'system', '--run-as', 'ann', '--json'])
    expect(report.json()).toMatchObject({actual: 'running', scope: 'system'})
    expect(
      await first.sh('ls -d /etc/hermes-svc/hermes-gateway "$1" "$2" "$2.d" 2>/dev/null; true', [second.support, second.unitFile]),
    ).toBe('')
  })
})
