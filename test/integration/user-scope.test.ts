import type {ServiceReport} from '../../src/observe/report.js'
import path from 'node:path'
import fs from 'node:fs'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {shellQuote} from '../../src/text/shell-quote.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE, type MachineExecOptions} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {STAND_IN} from '../support/test-service.js'

const BIN = `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`
const NO_SUDO = fs.existsSync('/usr/bin/sudo') ? undefined : 'needs sudo: apt-get install -y sudo'
const NO_POLKIT = fs.existsSync('/usr/lib/polkit-1/polkitd') ? undefined : 'needs polkit: apt-get install -y polkitd'

/** A command that runs words inside: the program with its arguments, and as whom in what environment. */
type Way = (words: readonly string[], actor: {alice: Account; bob: Account}) => {argv: readonly string[]; options?: MachineExecOptions}

const line = (words: readonly string[]) => words.map(shellQuote).join(' ')
/** What a session of another user leaves in the environment. */
const leaked = (uid: number) => ({XDG_RUNTIME_DIR: `/run/user/${uid}`, DBUS_SESSION_BUS_ADDRESS: `unix:path=/run/user/${uid}/bus`})
const KEEP = '--preserve-env=XDG_RUNTIME_DIR,DBUS_SESSION_BUS_ADDRESS,HOME'
const NO_SESSION = {XDG_RUNTIME_DIR: undefined, DBUS_SESSION_BUS_ADDRESS: undefined}

const WAYS: Readonly<Record<string, Way>> = {
  'a login session': (words) => ({
    argv: ['systemd-run', '--quiet', '--pipe', '--wait', '--uid=alice', '--property=PAMName=login', '--', ...words],
  }),
  'su - alice': (words) => ({argv: ['su', '-', 'alice', '-c', line(words)]}),
  "su alice, with root's session leaked": (words) => ({argv: ['su', 'alice', '-c', line(words)], options: {env: leaked(0)}}),
  cron: (words, {alice}) => ({
    argv: ['env', '-i', 'PATH=/usr/bin:/bin', `HOME=${alice.home}`, '/bin/sh', '-c', line(words)],
    options: {user: alice},
  }),
  'a CI runner without HOME, session and terminal': (words, {alice}) => ({
    argv: words,
    options: {user: alice, cwd: '/', env: {...NO_SESSION, CI: 'true', HOME: '/root', USER: undefined, LOGNAME: undefined}},
  }),
  'SSH without a session': (words, {alice}) => ({
    argv: words,
    options: {user: alice, env: {...NO_SESSION, SSH_CONNECTION: '192.0.2.1 50000 192.0.2.2 22', SSH_CLIENT: '192.0.2.1 50000 22'}},
  }),
  "another user's session": (words, {alice, bob}) => ({argv: words, options: {user: alice, env: leaked(bob.uid)}}),
}

/**
 * Each of them differs from one of the others in what neither finds: a session of its own, or whose is leaked. From another user's session it is uninstalled
 * in `npm test` too.
 */
const IN_CAMPAIGN = ['su - alice', 'cron', 'SSH without a session', "another user's session"]
const waysTried = Object.keys(WAYS).filter((name) => isCampaign || !IN_CAMPAIGN.includes(name))
/** What a list goes by, it finds there, from elsewhere, or not at all. */
const LISTED = ['a login session', 'a CI runner without HOME, session and terminal']

const SUDO_WAYS: Readonly<Record<string, Way>> = {
  "sudo -u alice, with root's home and session leaked": (words) => ({
    argv: ['sudo', '-n', '-u', 'alice', KEEP, ...words],
    options: {env: leaked(0)},
  }),
  "sudo -u alice, with bob's home and session leaked": (words, {bob}) => ({
    argv: ['sudo', '-n', '-u', 'alice', KEEP, ...words],
    options: {user: bob},
  }),
}

await describeOnSystemd('user scope', (machine) => {
  const accounts = {} as {alice: Account; bob: Account}

  beforeAll(async () => {
    accounts.alice = await addUser(machine(), 'alice', {linger: false})
    accounts.bob = await addUser(machine(), 'bob', {linger: false})
    if (NO_SUDO === undefined) {
      const rules = 'bob ALL=(alice) NOPASSWD:SETENV: ALL\nalice ALL=(root) NOPASSWD:SETENV: ALL\n'
      await machine().writeText('/etc/sudoers.d/test', rules, {mode: 0o440})
    }
  })

  describe('and root', () => byRoot(machine, accounts))
  describe('by whatever way it is entered', () => ways(machine, accounts))
  describe('lingering and the user manager', () => lingering(machine, accounts))
})

/** Of users who did not linger. */
function ways(machine: () => Machine, accounts: {readonly alice: Account; readonly bob: Account}): void {
  let alice: Account
  let bob: Account

  beforeAll(async () => {
    ;({alice, bob} = accounts)
    await machine().exec(['loginctl', 'enable-linger', 'alice', 'bob'])
    const sockets = [alice, bob].map(({uid}) => `/run/user/${uid}/bus`)
    await waitFor(async () => (await machine().exec(['ls', ...sockets])).code === 0, 'the user managers')
  })

  /** Runs hermes-svc in some way; its JSON document with the exit status. */
  const by = async (way: Way, args: readonly string[]) => {
    const {argv, options} = way([MACHINE_NODE, BIN, ...args, '--json'], {alice, bob})
    const {code, stdout, stderr} = await machine().exec(argv, {timeoutMs: 90_000, ...options})
    return {code, stderr, error: undefined, ...parsed(stdout)}
  }

  const done = {error: undefined, code: 0, ok: true}
  let delaySec = 1

  /**
   * Each way makes, or changes, the one service of all: it writes as alice, and has her manager read that. The policy alone is another one, so that no
   * gateway is stopped for it.
   */
  const changes = async (way: Way, isListed: boolean) => {
    const args = ['install', '--heartbeat', 'off', '--restart-delay', `${(delaySec += 1)}s`]
    expect(await by(way, args)).toMatchObject({...done, changed: true, service: 'hermes-gateway.service'})
    if (isListed) {
      const running = {scope: 'user', account: 'alice', home: `${alice.home}/.hermes`, actual: 'running'}
      expect(await by(way, ['list'])).toMatchObject({...done, services: expect.arrayContaining([expect.objectContaining(running)])})
    }
    expect(await foreignFiles(machine(), alice)).toEqual([])
  }

  it("names HERMES_HOME if that was leaked from root's session", async () => {
    const leak: Way = (words) => ({argv: ['su', 'alice', '-c', line(words)], options: {env: {HERMES_HOME: '/root/.hermes'}}})
    const message = 'HERMES_HOME "/root/.hermes": cannot be reached by alice (EACCES)'
    expect(await by(leak, ['install'])).toMatchObject({code: 2, error: {code: 'usage', message}})
    expect(await by(leak, ['status'])).toMatchObject({code: 4, home: '/root/.hermes', actual: 'not-installed'})
  })

  it.each(waysTried)('works from %s', async (name) => {
    await changes(WAYS[name] as Way, isCampaign || LISTED.includes(name))
  })

  if (isCampaign)
    describeUnless(NO_SUDO, 'with sudo', () => {
      it.each(Object.keys(SUDO_WAYS))('works from %s', async (name) => {
        await changes(SUDO_WAYS[name] as Way, true)
      })
    })

  it('needs no bus: the private socket of systemd will do', async () => {
    const session = {user: alice}
    const noBus = 'systemctl --user stop dbus.socket dbus.service; rm -f "$XDG_RUNTIME_DIR/bus"; test -S "$XDG_RUNTIME_DIR/systemd/private"'
    expect(await machine().exec(['sh', '-c', noBus], session)).toMatchObject({code: 0})
    for (const command of [['install', '--restart-delay', '30s'], ['status'], ['stop'], ...inCampaign([['start']], [])]) {
      expect(await hermesSvc(machine(), command, session)).toMatchObject({code: 0})
    }
    expect(await machine().exec(['systemctl', '--user', 'start', 'dbus.socket'], session)).toMatchObject({code: 0})
  })

  it('is uninstalled from another session than it was installed from, and lingering stays on as it was before', async () => {
    expect(await by(WAYS["another user's session"] as Way, ['uninstall'])).toMatchObject({...done, changed: true})
    expect(await foreignFiles(machine(), alice)).toEqual([])
    expect((await machine().exec(['test', '-e', '/var/lib/systemd/linger/alice'])).code).toBe(0)
  })
}

function lingering(machine: () => Machine, accounts: {readonly alice: Account}): void {
  const svc = async (user: Account | undefined, args: readonly string[]) => {
    const result = await hermesSvc(machine(), [...args, '--json'], user ? {user} : {})
    return {code: result.code, error: undefined, ...parsed(result.stdout)}
  }
  const must = async (argv: readonly string[], options: MachineExecOptions = {}) => {
    const {code, stdout, stderr} = await machine().exec(argv, options)
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${code} ${stderr}`)
    return stdout
  }
  const isLingering = async (user: Account) => (await machine().exec(['test', '-e', `/var/lib/systemd/linger/${user.name}`])).code === 0
  /** All that an installation could leave behind, but for the journal of what was tried; and not what a gateway writes. */
  const files = async (user: Account) => {
    const ignored = ['logs', '.cache', 'gateway*', 'stand-in*', 'cron'].flatMap((name) => ['-name', name, '-prune', '-or'])
    const listed = ['-printf', '%p %y %u %m %l\\n', '-type', 'f', '-exec', 'sha256sum', '{}', ';']
    const found = await must(['find', user.home, '/etc/systemd', '/var/lib/systemd/linger', ...ignored, ...listed])
    return found.split('\n').toSorted()
  }
  const isGone = async (user: Account) => (await machine().exec(['test', '-e', `/run/user/${user.uid}`])).code !== 0
  const polkit = (verb: 'mask' | 'unmask') => must(['sh', '-c', `systemctl ${verb} --runtime polkit && systemctl stop polkit`])
  /** A session, as a login makes it, that lasts until the unit of that name is stopped. */
  const logIn = async (user: Account) => {
    await must(['systemd-run', '--quiet', `--unit=login-${user.name}`, `--uid=${user.name}`, '--property=PAMName=login', 'sleep', '1000'])
    await waitFor(async () => (await machine().exec(['test', '-S', `/run/user/${user.uid}/systemd/private`])).code === 0, 'the session')
  }

  beforeAll(async () => {
    // By default a user manager outlives the last session by ten seconds.
    await must(['mkdir', '-p', '/etc/systemd/logind.conf.d'])
    await machine().writeText('/etc/systemd/logind.conf.d/test.conf', '[Login]\nUserStopDelaySec=0\n')
    await must(['systemctl', 'restart', 'systemd-logind'])
  })

  // A service of the machine and one of the user's own, by root, above.
  itInCampaign('is turned off by the last uninstall, whichever service it was turned on for', async () => {
    const ivan = await addUser(machine(), 'ivan', {linger: false})
    const [first, second] = [[], ['--profile', 'there']].map((profile) => ['--scope', 'user', '--run-as', 'ivan', ...profile])
    for (const flags of [first, second])
      expect(await svc(undefined, ['install', ...(flags ?? [])])).toMatchObject({error: undefined, code: 0})
    expect(await svc(undefined, ['uninstall', ...(first ?? [])])).toMatchObject({error: undefined, code: 0})
    expect(await isLingering(ivan)).toBe(true)
    expect(await foreignFiles(machine(), ivan)).toEqual([])
    expect(await svc(ivan, ['install', '--profile', 'there'])).toMatchObject({code: 0, changed: false})
    expect(await svc(undefined, ['uninstall', ...(second ?? [])])).toMatchObject({error: undefined, code: 0})
    expect(await isLingering(ivan)).toBe(false)
    expect(await foreignFiles(machine(), ivan)).toEqual([])
  })

  describeUnless(NO_POLKIT, 'where polkit allows it', () => {
    it('is turned on by the user', async () => {
      const {alice} = accounts
      await must(['loginctl', 'disable-linger', 'alice'])
      await waitFor(() => isGone(alice), 'the end of the user manager')
      expect(await svc(alice, ['install', '--heartbeat', 'off'])).toMatchObject({error: undefined, code: 0, ok: true})
      expect(await isLingering(alice)).toBe(true)
      expect(await svc(alice, ['uninstall'])).toMatchObject({error: undefined, code: 0, ok: true})
      expect(await isLingering(alice)).toBe(false)
    })
  })

  describe('where nobody allows it', () => {
    let grace: Account
    beforeAll(async () => {
      grace = await addUser(machine(), 'grace', {linger: true})
      expect(await svc(grace, ['install', '--profile', 'there', '--heartbeat', 'off'])).toMatchObject({error: undefined, code: 0})
      await must(['loginctl', 'disable-linger', 'grace'])
      await waitFor(() => isGone(grace), 'the end of the user manager')
      await polkit('mask')
    })
    afterAll(async () => {
      await polkit('unmask')
    })
    const hint = {next: expect.arrayContaining(['sudo loginctl enable-linger grace'])}
    const noManager = {code: 4, error: {code: 'no-user-manager', ...hint}}
    const refused = {code: 1, error: {code: 'linger-refused', ...hint}}

    it.each([['status', '--profile', 'there'], ['list'], ['restart', '--profile', 'there'], ['uninstall', '--profile', 'there']])(
      '%s says that there is no user manager, and what starts it',
      async (...args) => {
        expect(await svc(grace, args)).toMatchObject(noManager)
      },
    )

    const calls = [[[]], [['--profile', 'there', '--env', 'A=1']]]
    it.each(calls)('install %j refuses with the exact command to run, and leaves nothing', async (args) => {
      const before = await files(grace)
      expect(await svc(grace, ['install', ...args])).toMatchObject(refused)
      expect(await files(grace)).toEqual(before)
    })

    it('install --no-linger refuses too while no user manager runs', async () => {
      const before = await files(grace)
      expect(await svc(grace, ['install', '--no-linger'])).toMatchObject(noManager)
      expect(await files(grace)).toEqual(before)
    })

    it('install --no-linger works within a session, and install alone still refuses', async () => {
      await logIn(grace)
      const before = await files(grace)
      expect(await svc(grace, ['install'])).toMatchObject(refused)
      expect(await files(grace)).toEqual(before)
      expect(await svc(grace, ['install', '--no-linger', '--heartbeat', 'off'])).toMatchObject({error: undefined, code: 0, ok: true})
      expect(await svc(grace, ['status'])).toMatchObject({code: 0, actual: 'running'})
      expect(await svc(grace, ['uninstall'])).toMatchObject({error: undefined, code: 0})
      expect(await isLingering(grace)).toBe(false)
    })

    it('is turned on again by the next install of root if it was turned off since', async () => {
      await must(['systemctl', 'stop', 'login-grace'])
      await waitFor(() => isGone(grace), 'the end of the user manager')
      const flags = ['--scope', 'user', '--run-as', 'grace', '--profile', 'there']
      expect(await svc(undefined, ['status', ...flags])).toMatchObject({code: 4})
      expect(await svc(undefined, ['install', ...flags, '--env', 'A=1'])).toMatchObject({error: undefined, code: 0, ok: true})
      const status = await svc(grace, ['status', '--profile', 'there'])
      expect(status).toMatchObject({code: 0, actual: 'running'})
      const {pid} = status as unknown as ServiceReport
      expect(await must(['sh', '-c', `tr '\\0' '\\n' </proc/${pid}/environ | grep ^A=`])).toBe('A=1\n')
    })
  })
}

/** Adds a user with the stand-in gateway where it is found. */
async function addUser(machine: Machine, name: string, options: {linger: boolean}): Promise<Account> {
  const user = await machine.addUser(name, options)
  const make = 'install -d ~/.hermes/bin ~/.hermes/profiles/there && install -m 755 "$1" ~/.hermes/bin/hermes'
  const result = await machine.exec(['sh', '-c', make, 'sh', STAND_IN], {user})
  if (result.code !== 0) throw new Error(result.stderr)
  return user
}

/** Files in a user's home, or of the user's services, that are not the user's. */
async function foreignFiles(machine: Machine, user: Account): Promise<string[]> {
  const {stdout} = await machine.exec(['find', user.home, '(', '-not', '-user', user.name, '-or', '-not', '-group', user.name, ')'])
  return stdout.split('\n').filter(Boolean)
}

function parsed(stdout: string): Record<string, unknown> {
  try {
    return JSON.parse(stdout) as Record<string, unknown>
  } catch {
    return {stdout}
  }
}

/** What root does for alice. It leaves nothing of hers installed, nor does she linger then. */
function byRoot(machine: () => Machine, accounts: {readonly alice: Account; readonly bob: Account}): void {
  let alice: Account
  let bob: Account
  /** Records with whose ids it runs, then does as the gateway. */
  const RECORDING = `#!/bin/sh\nid -u >>/srv/uids\nexec /home/alice/real/hermes "$@"\n`

  beforeAll(async () => {
    ;({alice, bob} = accounts)
    await must(['usermod', '--append', '--groups', 'video,audio', 'alice'])
    await must(['install', '-D', '--mode=755', STAND_IN, '/home/alice/real/hermes'], {user: alice})
    await must(['install', '--mode=666', '/dev/null', '/srv/uids'])
    await machine().writeText('/home/alice/.hermes/bin/hermes', RECORDING, {user: alice, mode: 0o755})
    await machine().writeText('/home/alice/.hermes/stand-in.json', '{"dump_env": ["HOME", "USER", "XDG_RUNTIME_DIR"]}', {user: alice})
  })

  const must = async (argv: readonly string[], options: MachineExecOptions = {}) => {
    const {code, stdout, stderr} = await machine().exec(argv, options)
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${code} ${stderr}`)
    return stdout
  }
  const svc = async (args: readonly string[], options: MachineExecOptions = {}) => {
    const {code, stdout} = await hermesSvc(machine(), [...args, '--json'], options)
    return {code, error: undefined, ...parsed(stdout)}
  }
  const done = {error: undefined, code: 0, ok: true}
  const isLingering = async () => (await machine().exec(['test', '-e', '/var/lib/systemd/linger/alice'])).code === 0
  const uids = async () => [...new Set((await machine().readText('/srv/uids'))?.trim().split('\n'))]

  /** What a user's session leaves to root: on the PATH that sudo may keep there are programs of hers. */
  const evil = {PATH: '/home/alice/evil:/usr/local/bin:/usr/bin:/bin', HERMES_HOME: '/root/.hermes'}
  const noneHasRun = async () => {
    expect(await machine().readText('/srv/evil')).toBe('')
    expect(await uids()).toEqual([String(alice.uid)])
    expect(await foreignFiles(machine(), alice)).toEqual([])
  }
  const ofMachine = ['--scope', 'system', '--run-as', 'alice']
  const ofHers = ['--scope', 'user', '--run-as', 'alice', '--profile', 'there']

  it.each([
    ['system', ofMachine],
    ['user', ofHers],
  ])('runs nothing that alice can write but with her ids, and shows her log, in %s scope', async (scope, flags) => {
    const programs = [
      ...['systemctl', 'loginctl', 'journalctl', 'systemd-analyze', 'getent', 'flock', 'setpriv', 'test', 'sh', 'cat', 'id', 'env', 'nice'],
      ...['sleep', 'date', 'head', 'ls', 'mv', 'rm', 'tr', 'kill', 'python3', 'hermes'],
    ]
    const text = '#!/bin/sh\necho "${0##*/} $(/usr/bin/id -u)" >>/srv/evil\nPATH=/usr/bin:/bin exec "${0##*/}" "$@"\n'
    const make = 'mkdir -p ~/evil; cat >~/evil/new; for name; do install -m 755 ~/evil/new ~/evil/"$name"; done'
    await must(['sh', '-c', make, 'sh', ...programs], {user: alice, input: text})
    await must(['install', '--mode=666', '/dev/null', '/srv/evil'])
    // What reads, stops and starts looks for its programs in one way; in which scope is another one only where that is a user's manager.
    const words = inCampaign(['install', 'status', 'list', 'diff', 'logs', 'restart', 'stop', 'start'], ['install', 'logs'])
    for (const command of scope === 'system' ? [...words, 'status', 'restart'] : words) {
      const secret = command === 'install' ? ['--env', 'TOKEN=secret'] : []
      const result = await svc([command, ...flags, ...secret], {env: evil})
      expect(result).toMatchObject({error: undefined, code: 0})
      if (command === 'logs') expect(result).toMatchObject({stdout: expect.stringContaining('Gateway running')})
    }
    await noneHasRun()
  })

  // Each row has them as the one before has left them.
  it('makes a service of the machine that runs as alice, with her home, groups and PATH, and lingering', async () => {
    const status = await svc(['status'])
    expect(status).toMatchObject({...done, scope: 'system', account: 'alice', home: '/home/alice/.hermes', actual: 'running'})
    const {pid} = status as unknown as ServiceReport
    const process = await must(['cat', `/proc/${pid}/status`])
    const groups = (await must(['id', '-G', 'alice'])).trim().split(' ').map(Number)
    const ids = (name: string) => new RegExp(`^${name}:\\s*(.*?)\\s*$`, 'm').exec(process)?.[1]?.split(/\s+/).map(Number)
    expect([ids('Uid'), ids('Gid')]).toEqual([Array(4).fill(alice.uid), Array(4).fill(alice.gid)])
    expect(ids('Groups')?.toSorted()).toEqual(groups.toSorted())
    expect(groups.length).toBe(3)
    const environment = JSON.parse((await machine().readText('/home/alice/.hermes/stand-in.env.json')) ?? '') as Record<string, string>
    expect(environment).toMatchObject({HOME: '/home/alice', USER: 'alice', HERMES_HOME: '/home/alice/.hermes'})
    expect(environment.PATH).toBe('/home/alice/.hermes/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
    expect(await isLingering()).toBe(true)
  })

  it('keeps what the service of the machine runs out of reach of alice', async () => {
    const folders = ['/etc/hermes-svc', '/etc/systemd/system']
    const files = ['-path', '/etc/hermes-svc*', '-or', '-path', '/etc/systemd/system/hermes-gateway*']
    const find = async (test: readonly string[], user?: Account) => {
      const found = await must(['find', ...folders, '(', ...files, ')', '-not', '-type', 'l', ...test], user ? {user} : {})
      return found.split('\n').filter(Boolean)
    }
    expect(await find(['(', '-not', '-user', 'root', '-or', '-not', '-group', 'root', '-or', '-perm', '/022', ')'])).toEqual([])
    expect(await find(['-writable'], alice)).toEqual([])
    const names = (await find(['-type', 'f'])).map((file) => path.basename(file))
    expect(names).toEqual(
      expect.arrayContaining(['hermes-gateway.service', 'service-helper.sh', 'settings.json', 'gateway.env', 'heartbeat.cjs']),
    )
    const secret = await machine().exec(['cat', '/etc/hermes-svc/hermes-gateway/gateway.env'], {user: bob})
    expect(secret.stderr).toContain('Permission denied')
  })

  it('finds the service of the machine also for alice, who may look at it but not change it', async () => {
    expect(await svc(['status'], {user: alice})).toMatchObject({...done, scope: 'system', account: 'alice', actual: 'running'})
    for (const command of ['stop', 'restart', 'uninstall', 'install']) {
      const refused = {
        code: 1,
        error: {code: 'needs-root', next: expect.arrayContaining([expect.stringMatching(/^run the same command with sudo/)])},
      }
      expect(await svc([command, '--scope', 'system'], {user: alice})).toMatchObject(refused)
    }
    const onlyRoot = {code: 2, error: {message: expect.stringMatching(/^--run-as root: only root/)}}
    expect(await svc(['install', '--run-as', 'root'], {user: alice})).toMatchObject(onlyRoot)
  })

  it('lists each profile in the scope in which it is installed, for alice too', async () => {
    const default_ = {profile: 'default', scope: 'system', installed: 'own', actual: 'running'}
    const services = [default_, {profile: 'there', scope: 'user', installed: 'own', actual: 'running'}]
    expect(await svc(['list'], {user: alice})).toMatchObject({...done, services})
    expect(await svc(['list', '--run-as', 'alice'])).toMatchObject({...done, services})
    const inSystemScope = [default_, {profile: 'there', installed: 'no', actual: 'orphaned'}]
    expect(await svc(['list', '--run-as', 'alice', '--scope', 'system'])).toMatchObject({...done, services: inSystemScope})
  })

  it('turns lingering off again with the last service, whichever it was turned on for, and uninstalls with no program of hers', async () => {
    for (const [flags, lingers] of [
      [ofMachine, true],
      [ofHers, false],
    ] as const) {
      expect(await svc(['uninstall', ...flags], {env: evil})).toMatchObject({...done, changed: true})
      expect(await isLingering()).toBe(lingers)
      await noneHasRun()
    }
    // That it is left on as it was before is the same for a service of the user's own, above.
    if (!isCampaign) return
    await must(['loginctl', 'enable-linger', 'alice'])
    expect(await svc(['install', '--run-as', 'alice'])).toMatchObject(done)
    expect(await svc(['uninstall', '--run-as', 'alice'])).toMatchObject(done)
    expect(await isLingering()).toBe(true)
    await must(['loginctl', 'disable-linger', 'alice'])
  })

  it('must say whose gateway it is', async () => {
    const refused = (message: RegExp) => ({code: 2, error: {message: expect.stringMatching(message)}})
    expect(await svc(['install'])).toMatchObject(refused(/^Root must name the user of the gateway/))
    expect(await svc(['install', '--run-as', 'nobody-here'])).toMatchObject(refused(/^--run-as "nobody-here": there is no such user/))
  })

  it.each([
    ['the home of another user', '/home/bob/.hermes', /^--home "\/home\/bob\/.hermes": \/home\/bob\/.hermes belongs to bob/],
    ['a link to it', '/home/alice/link', /^--home "\/home\/bob\/.hermes": \/home\/bob\/.hermes belongs to bob/],
    ['a home that alice cannot reach', '/root/hermes', /^--home "\/root\/hermes": .*alice/],
    ['a home in a folder of another user', '/home/bob/for-alice', /^--home "\/home\/bob\/for-alice": \/home\/bob belongs to bob/],
    ['a home that others can write', '/home/alice/open', /^--home "\/home\/alice\/open": other users can write to \/home\/alice\/open/],
    ['a home that does not exist', '/home/alice/nothing', /^--home "\/home\/alice\/nothing": does not exist/],
    ['a temporary home', '/tmp/hermes', /^--home "\/tmp\/hermes": is in a temporary folder/],
  ])('refuses %s', async (_, home, message) => {
    await must(['sh', '-c', 'ln -sfn /home/bob/.hermes ~/link; install -d -m 777 ~/open'], {user: alice})
    await must(['install', '-d', '-o', 'alice', '/root/hermes', '/home/bob/for-alice', '/tmp/hermes'])
    // By the same look at the home, whatever is to run in it; one shows that root takes it for a user's own service too.
    for (const scope of inCampaign(['system', 'user'], home === '/home/bob/.hermes' ? ['system', 'user'] : ['system'])) {
      const refused = {code: 2, error: {code: 'usage', message: expect.stringMatching(message)}}
      expect(await svc(['install', '--scope', scope, '--run-as', 'alice', '--home', home])).toMatchObject(refused)
    }
  })

  it("follows no link of alice's that leads out of her home", async () => {
    const listing = () => must(['find', '/etc/systemd/system', '/etc/cron.d', '/root', '-printf', '%p %i\\n'])
    const units = 'mkdir -p ~/.config/systemd; ln -s /etc/systemd/system ~/.config/systemd/user'
    await must(['sh', '-c', `${units}; rm -rf ~/.hermes/logs; ln -s /etc/cron.d ~/.hermes/logs`], {user: alice})
    const before = await listing()
    expect(await svc(['install', '--scope', 'user', '--run-as', 'alice'])).toMatchObject({code: 1})
    expect(await listing()).toBe(before)
    const others = 'rm ~/.config/systemd/user ~/.hermes/logs; ln -s /etc/cron.d/x ~/.hermes/.hermes-svc.json'
    await must(['sh', '-c', others], {user: alice})
    expect(await svc(['install', '--run-as', 'alice'])).toMatchObject({code: 1})
    expect(await listing()).toBe(before)
    await must(['rm', '/home/alice/.hermes/.hermes-svc.json'])
  })

  describeUnless(NO_SUDO, 'through sudo', () => {
    const sudo = async (...args: string[]) => {
      const {code, stdout} = await machine().exec(['sudo', '-n', MACHINE_NODE, BIN, ...args, '--json'], {user: alice, timeoutMs: 90_000})
      return {code, error: undefined, ...parsed(stdout)}
    }

    it('makes a service of the machine for the user who called sudo', async () => {
      expect(await sudo('install', '--heartbeat', 'off')).toMatchObject({...done, changed: true})
      const running = {scope: 'system', account: 'alice', home: '/home/alice/.hermes', actual: 'running'}
      expect(await svc(['status'])).toMatchObject({...done, ...running})
      // Whom it is for, as an installation does.
      if (isCampaign) expect(await sudo('status')).toMatchObject({...done, ...running})
      expect(await (isCampaign ? sudo('uninstall') : svc(['uninstall', ...ofMachine]))).toMatchObject({...done, changed: true})
      expect(await foreignFiles(machine(), alice)).toEqual([])
    })

    // Whom it is for is told by the same account, test/observe/where.test.ts; what root does for it is seen above.
    itInCampaign("makes a service of that user's own with --scope user", async () => {
      expect(await sudo('install', '--scope', 'user')).toMatchObject({...done, changed: true})
      expect(await svc(['status'], {user: alice})).toMatchObject({...done, scope: 'user', account: 'alice', actual: 'running'})
      expect(await sudo('uninstall', '--scope', 'user')).toMatchObject({...done, changed: true})
      expect(await foreignFiles(machine(), alice)).toEqual([])
    })
  })
}
