import fs from 'node:fs'
import {fileURLToPath} from 'node:url'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign} from '../support/campaign.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

const INTERRUPT = fs.readFileSync(fileURLToPath(new URL('../support/interrupt-on-terminal.py', import.meta.url)), 'utf8')
/** python. argv: folders. Locks everything below them that it can open, again and again, and prints the name of each. The gateway's own lock it leaves. */
const LOCK_ALL = `
import fcntl, os, sys, time
held = {}
def lock(name):
    if name in held or name.endswith('/gateway.lock'):
        return
    try:
        held[name] = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        fcntl.flock(held[name], fcntl.LOCK_EX | fcntl.LOCK_NB)
        print(name, flush=True)
    except OSError:
        pass
while True:
    for top in sys.argv[1:]:
        for folder, folders, files in os.walk(top):
            for name in [folder] + [os.path.join(folder, file) for file in files]:
                lock(name)
    time.sleep(0.1)
`
const TIMER = 'hermes-svc-heartbeat.timer'

await describeOnSystemd('what several services of one account have in common', (machine: () => Machine) => {
  let user: Account

  beforeAll(async () => {
    user = await machine().addUser('shay')
  })

  const make = (standIn: StandInConfig = {}) => TestService.make(machine(), user, {standIn})
  const started = (service: TestService) => waitFor(async () => (await service.starts()) > 0, `a start of ${service.unit}`)
  const timerOf = async (service: TestService) => {
    const {stdout} = await service.systemctl('show', '--property=UnitFileState,ActiveState', TIMER)
    return stdout.trim().split('\n').sort()
  }
  const TICKING = ['ActiveState=active', 'UnitFileState=enabled']

  it('stays, with lingering and the gateway that needs it, when an installation that began before another one fails, and goes with the last that wants it', async () => {
    const lin = await machine().addUser('lin', {linger: false})
    const asRoot = (service: TestService, command: string, args: readonly string[] = []) =>
      hermesSvc(machine(), [command, '--profile', service.profile, '--json', '--scope', 'user', '--run-as', lin.name, ...args])
    const [failing, other] = [
      await TestService.make(machine(), lin, {standIn: {never_running: true}}),
      await TestService.make(machine(), lin),
    ]
    const lingers = async () => (await machine().readText(`/var/lib/systemd/linger/${lin.name}`)) !== undefined
    const before = await failing.lasting()
    const fails = asRoot(failing, 'install', ['--timeout', '9s'])
    await started(failing)
    expect((await asRoot(other, 'install', ['--watchdog'])).json()).toMatchObject({ok: true})
    const pid = await other.mainPid()
    expect((await fails).json()).toMatchObject({ok: false, error: {code: 'not-running'}})
    expect([await lingers(), await other.mainPid()]).toEqual([true, pid])
    expect(await timerOf(other)).toEqual(TICKING)
    expect(await other.status()).toMatchObject({exit: 0, actual: 'running'})
    expect((await asRoot(other, 'uninstall', ['--yes'])).json()).toMatchObject({ok: true})
    expect(await lingers()).toBe(false)
    // Which ends by itself a moment after that.
    await machine().exec(['systemctl', 'stop', `user@${lin.uid}.service`])
    expect(await failing.lasting()).toEqual(before)
  })

  // A campaign has more of them at once.
  it('is whole whoever writes it: several installations at once, and as many uninstallations, during which another one is installed, for which it stays', async () => {
    const [leaving, ...others] = await Promise.all([
      make({stop_takes_ms: 5000}),
      ...inCampaign([make, make, make], [make]).map((one) => one()),
    ])
    const coming = await make()
    const before = await coming.lasting()
    const allAtOnce = async (services: readonly TestService[], command: string, ...flags: readonly string[]) => {
      const results = await Promise.all(services.map((service) => service.run(command, ['--json', ...flags])))
      expect(results.map(({code, stdout}) => [code, code === 0 ? '' : stdout])).toEqual(services.map(() => [0, '']))
    }
    await allAtOnce([leaving, ...others], 'install')
    const program = await machine().readText(`${user.home}/.config/hermes-svc/heartbeat.cjs`)
    expect(program).toBe(await machine().readText(`${MACHINE_PACKAGE}/dist/heartbeat.cjs`))
    const leaves = leaving.must('uninstall')
    await waitFor(
      async () => (await machine().readText(`${leaving.home}/gateway_state.json`))?.includes('draining') === true,
      'a gateway that finishes its work',
    )
    await Promise.all([allAtOnce(others, 'uninstall', '--yes'), coming.must('install')])
    await leaves
    expect(await timerOf(coming)).toEqual(TICKING)
    await coming.must('uninstall')
    expect((await timerOf(coming))[0]).toBe('ActiveState=inactive')
    expect(await coming.lasting()).toEqual(before)
  })

  it('is waited for by nobody while another user locks all that he can open, in user scope and in system scope', async () => {
    const mallory = await machine().addUser('mallory', {linger: false})
    const services = [await make(), await TestService.make(machine(), user, {scope: 'system'})]
    const homes = services.map(({home}) => home)
    // As it is where others may look in: a home folder of before Debian 12, a gateway's home that a group shares.
    const open = 'chmod 755 "$1" "$1/.hermes"; shift; find "$@" -type d -exec chmod 755 {} +'
    await machine().exec(['sh', '-c', open, 'sh', user.home, ...homes])
    const locker = ['/usr/bin/python3', '-c', LOCK_ALL, user.home, '/run', ...homes]
    await machine().exec(['sh', '-c', 'setsid "$@" >/tmp/"$(id -un)".locks 2>&1 &', 'sh', ...locker], {user: mallory})
    const locks = async () => (await machine().readText(`/tmp/${mallory.name}.locks`)) ?? ''
    await waitFor(async () => (await locks()).includes(`${homes.at(-1)}\n`), 'homes that are locked')
    expect((await locks()).split('\n')).toEqual(expect.arrayContaining([user.home, ...homes]))
    // All that change something take the same lock.
    const commands = inCampaign(['install', 'restart', 'stop', 'start', 'uninstall'], ['install', 'uninstall'])
    for (const service of services) for (const command of commands) await service.must(command)
    await machine().exec(['pkill', '-KILL', '-u', mallory.name])
    expect(await locks()).not.toContain('.hermes-svc.lock')
    expect((await machine().exec(['find', user.home, ...homes, '-maxdepth', '1', '-name', '.hermes-svc.lock'])).stdout).toBe('')
  })

  describe('a home', () => {
    // What a key and timeout(1) do to its group, the end of a terminal does too, and what is undone after SIGINT and SIGTERM install-transaction.test.ts and
    // json-documents.test.ts see: in a campaign.
    const GROUP = [
      ['Ctrl-C on its terminal', 'key'],
      ['timeout(1), which signals its group', 'group'],
    ]
    const HANGUP = ['the end of its terminal', 'hangup']
    it.each(inCampaign([...GROUP, HANGUP], [HANGUP]))('stays locked until all is undone after %s', async (_, how = '') => {
      const service = await make({never_running: true})
      const before = await service.lasting()
      const command = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...service.argv('install')]
      const places = [service.home, service.unitFile, `${service.home}/stand-in.starts`]
      const asked = ['/usr/bin/python3', '-c', INTERRUPT, how, ...places, ...command]
      const {stdout, stderr} = await machine().exec(asked, {...service.actor, timeoutMs: 120_000})
      const seen = JSON.parse(stdout || `{"stderr": ${JSON.stringify(stderr)}}`) as {refused: number; isLeft: boolean}
      expect(seen).toMatchObject({isLeft: false, refused: expect.any(Number) as number})
      expect(seen.refused).toBeGreaterThan(0)
      expect(await service.lasting()).toEqual(before)
    })
  })
})
