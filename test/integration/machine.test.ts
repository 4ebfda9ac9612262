import {type ChildProcessWithoutNullStreams, spawn, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {build} from 'esbuild'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'
import type {ServiceError} from '../../src/errors.js'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE, whyNoMachine} from '../../src/smoke/machine.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {bootTestMachine, describeOnSystemd, machineBehind, type SystemdVersion, testHost, waitFor} from '../support/machines.js'

const textOf = async (machine: Machine, argv: readonly string[], user?: Account) =>
  (await machine.exec(argv, user ? {user} : {})).stdout.trim()

/** sh. Stops what has started it, and ends with 7 when it is told to. */
const STOP_PARENT = 'echo $PPID >/run/stopped; kill -STOP $PPID; until [ -e /run/go ]; do sleep 0.05; done; exit 7'

/** What is the same whether a program is let in one by one, as `smoke --isolated` does it, or started from inside, as tests do. */
function runsPrograms(machine: () => Machine, user: () => Account): void {
  const text = (argv: readonly string[], as?: Account) => textOf(machine(), argv, as)

  it('passes arguments, input and exit status through as they are', async () => {
    const argv = ['', 'a b', "'", '"', '$HOME', '\\n', 'line\nline', '*', '--', 'hällo']
    const result = await machine().exec(['sh', '-c', 'printf "%s\\0" "$@"; cat; exit 42', 'sh', ...argv], {input: 'in\nput', user: user()})
    expect(result.stdout).toBe([...argv, 'in\nput'].join('\0'))
    expect(result.code).toBe(42)
  })

  it('gives a user the environment of a login, changed as asked', async () => {
    const env = {EXTRA: 'x y', XDG_RUNTIME_DIR: undefined}
    const show = 'echo "$USER $HOME $PWD $EXTRA ${XDG_RUNTIME_DIR-none} $(id -un) $(id -Gn)"'
    const result = await machine().exec(['sh', '-c', show], {user: user(), env})
    expect(result.stdout).toBe('ann /home/ann /home/ann x y none ann ann\n')
    expect(await text(['sh', '-c', 'echo $XDG_RUNTIME_DIR $VITEST'], user())).toBe(`/run/user/${user().uid}`)
  })

  it('kills inside what takes too long', async () => {
    const result = await machine().exec(['sh', '-c', 'echo begun; sleep 987; echo ended'], {timeoutMs: 5000})
    expect(result).toMatchObject({failure: 'TIMEOUT', code: null, stdout: 'begun\n'})
    const left = await text(['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -c "sleep 98[7]"'])
    expect(left).toBe('0')
  })

  it('reads and writes files', async () => {
    await machine().writeText('/home/ann/note', 'hällo\n', {user: user(), mode: 0o600})
    expect(await machine().readText('/home/ann/note')).toBe('hällo\n')
    expect(await text(['stat', '--format=%U %a', '/home/ann/note'])).toBe('ann 600')
    expect(await machine().readText('/home/ann/nothing')).toBeUndefined()
    await expect(machine().writeText('/no/such/folder/file', '')).rejects.toMatchObject({code: 'machine-failed'})
  })

  it('tells by which signal it ended, and 127 or 126 where it could not be started', async () => {
    const end = async (argv: readonly string[]) => {
      const {code, signal} = await machine().exec(argv)
      return signal ?? code
    }
    const ends = [['sh', '-c', 'kill -TERM $$'], ['sh', '-c', 'kill -KILL $$'], ['/no/such/program'], ['/etc/passwd']].map(end)
    expect(await Promise.all(ends)).toEqual(['SIGTERM', 'SIGKILL', 127, 126])
  })

  it('has no terminal, no signal that is ignored, umask 022, and the cgroup of PID 1', async () => {
    const show =
      'umask; grep -E "^Sig(Ign|Blk)" /proc/self/status; [ "$(cat /proc/self/cgroup)" = "$(cat /proc/1/cgroup)" ] && echo same; : </dev/tty'
    const {stdout, code} = await machine().exec(['sh', '-c', show])
    expect(
      stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => line.replace(/\s+/, ' ')),
    ).toEqual(['0022', 'SigBlk: 0000000000000000', 'SigIgn: 0000000000000000', 'same'])
    expect(code).not.toBe(0)
  })

  it('answers many at once, and passes what is no text and what is large', async () => {
    const numbers = Array.from({length: 20}, (_, index) => index)
    const replies = await Promise.all(
      numbers.map((number) => text(['sh', '-c', 'sleep 0.$(($1 % 3)); echo "$1"', 'sh', String(number)], user())),
    )
    expect(replies).toEqual(numbers.map(String))
    const large = await machine().exec(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x; printf "\\377" >&2'])
    expect({length: large.stdout.length, stderr: large.stderr}).toEqual({length: 3_000_000, stderr: '\ufffd'})
  })
}

// On the other one quadlet, journeys and the role for Ansible run.
for (const version of inCampaign<readonly SystemdVersion[]>(['host', '257'], ['host'])) {
  await describeOnSystemd(
    'a throw-away machine',
    (machine) => {
      let ann: Account
      beforeAll(async () => {
        ann = await machine().addUser('ann')
      })

      const text = (argv: readonly string[], user?: Account) => textOf(machine(), argv, user)

      it('has a real systemd as PID 1', async () => {
        expect(await text(['readlink', '/proc/1/exe'])).toMatch(/\/lib\/systemd\/systemd$/)
        expect(await text(['systemctl', 'is-system-running'])).toBe('running')
      })

      it('runs the user manager of a user who is not logged in', async () => {
        expect(await text(['systemctl', '--user', 'is-system-running'], ann)).toBe('running')
        expect(await text(['loginctl', 'show-user', 'ann', '--property=Linger', '--value'])).toBe('yes')
      })

      it('runs a user service and lets its user read its journal', async () => {
        const run = await machine().exec(['systemd-run', '--user', '--wait', '--unit=hello', 'echo', 'hello from a service'], {user: ann})
        expect(run.code).toBe(0)
        const journal = () => text(['journalctl', '--user', '--unit=hello', '--output=cat'], ann)
        await waitFor(async () => (await journal()).includes('hello from a service'), 'the line')
      })

      it('answers calls to logind', async () => {
        const bob = await machine().addUser('bob', {linger: false})
        expect(await text(['ls', '/var/lib/systemd/linger'])).toBe('ann')
        expect((await machine().exec(['systemctl', '--user', 'is-system-running'], {user: bob})).code).not.toBe(0)
        expect((await machine().exec(['loginctl', 'enable-linger', 'bob'])).code).toBe(0)
        await waitFor(async () => (await text(['systemctl', '--user', 'is-system-running'], bob)) === 'running', 'the user manager of bob')
      })

      it('brings none of the services, users and files of homes that the root folder has', async () => {
        expect(await text(['ls', '/etc/systemd/system'])).toBe('default.target')
        expect(await text(['ls', '/home'])).toMatch(/^ann(\nbob)?$/)
        const services = await text(['systemctl', 'list-units', '--type=service', '--state=running', '--plain', '--no-legend'])
        expect(services.split('\n').map((line) => line.split(' ')[0]?.replace(/\d+/, 'UID'))).toEqual(
          expect.arrayContaining(['dbus.service', 'systemd-journald.service', 'systemd-logind.service', 'user@UID.service']),
        )
        expect(services.split('\n').filter((line) => !line.startsWith('user@')).length).toBe(3)
      })

      it('ends a program as ever after all that is inside was stopped for a moment, as a machine that powers itself off does it', async () => {
        // `$PPID` is what keeps the time limit: the first of this program's processes that is inside.
        const ended = machine().exec(['sh', '-c', STOP_PARENT])
        const state = async () =>
          text(['sh', '-c', 'read -r pid </run/stopped && sed -n "s/^State:\\t\\(.\\).*/\\1/p" "/proc/$pid/status"'])
        await waitFor(async () => (await state()) === 'T', 'the program that was stopped')
        expect((await machine().exec(['sh', '-c', 'kill -CONT "$(cat /run/stopped)" && : >/run/go'])).code).toBe(0)
        expect(await ended).toMatchObject({code: 7, signal: null})
      })

      it('has a network of its own that leads nowhere', async () => {
        const interfaces = (await text(['cat', '/proc/net/dev'])).split('\n').slice(2)
        expect(interfaces.map((line) => line.trim().split(':')[0])).toEqual(['lo'])
      })

      it('has node and the package for every user, and nobody can change them', async () => {
        expect(await text([MACHINE_NODE, '--version'], ann)).toBe(process.version)
        const manifest = fs.readFileSync(`${testHost.packageRoot}/package.json`, 'utf8')
        expect(await text(['cat', `${MACHINE_PACKAGE}/package.json`], ann)).toBe(manifest.trim())
        expect(await text(['stat', '--format=%U %a', MACHINE_PACKAGE])).toBe('root 755')
        expect((await machine().exec(['touch', `${MACHINE_PACKAGE}/package.json`])).stderr).toContain('Read-only file system')
        expect((await machine().exec(['chmod', '0700', MACHINE_NODE])).stderr).toContain('Read-only file system')
      })

      if (version === '257') {
        it('has the systemd of a Debian 13, which knows RestartSteps', async () => {
          expect((await machine().exec(['systemctl', '--version'])).stdout).toMatch(/^systemd 257\b/)
          const show = await machine().exec(['systemctl', 'show', '--property=RestartSteps', 'dbus.service'])
          expect(show.stdout).toBe('RestartSteps=0\n')
        })
      } else {
        describe("a program in it, by the machine's own door", () => runsPrograms(machine, () => ann))

        describe("a program in it, by the tests' runner", () => {
          let inner: Machine
          beforeAll(async () => {
            inner = await machineBehind(machine(), [], 'inner')
          })
          runsPrograms(
            () => inner,
            () => ann,
          )
        })
      }
    },
    {versions: [version], door: 'own'},
  )
}

/** What the host would still show of a machine. */
function traces(name: string, pidNamespace: string | null): string[] {
  const found: string[] = []
  const short = name.replace(/^hermes-svc-/, '')
  for (const pid of fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const read = <T>(look: () => T) => {
      try {
        return look()
      } catch {
        return undefined // the process has just ended
      }
    }
    const commandLine = read(() => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
    if (commandLine.includes(`machine-${short}`)) found.push(`process ${pid}: ${commandLine}`)
    if (pidNamespace !== null && read(() => fs.readlinkSync(`/proc/${pid}/ns/pid`)) === pidNamespace) found.push(`process ${pid} inside`)
    const mounts = read(() => fs.readFileSync(`/proc/${pid}/mountinfo`, 'utf8')) ?? ''
    if (mounts.includes(`machine-${short}`)) found.push(`mount seen by ${pid}`)
  }
  const groups = spawnSync('find', ['/sys/fs/cgroup', '-name', `*${short}*`], {encoding: 'utf8'}).stdout
  found.push(
    ...groups
      .split('\n')
      .filter(Boolean)
      .map((group) => `cgroup ${group}`),
  )
  found.push(
    ...fs
      .readdirSync('/run')
      .filter((file) => file.includes(short))
      .map((file) => `/run/${file}`),
  )
  return found
}

/** Waits until the host shows nothing of a machine; throws with what is left. */
async function untilGone(name: string, pidNamespace: string | null): Promise<void> {
  let left: readonly string[] = []
  const isGone = () => {
    left = traces(name, pidNamespace)
    return left.length === 0
  }
  await waitFor(isGone, `the end of machine ${name}`).catch((cause: unknown) => {
    throw new Error(`left of machine ${name}: ${left.join(', ')}`, {cause})
  })
}

const pidNamespaceOf = (pid: number) => fs.readlinkSync(`/proc/${pid}/ns/pid`)

describeUnless(whyNoMachine(testHost), 'a throw-away machine and its host', () => {
  const machines: Machine[] = []
  const owners: ChildProcessWithoutNullStreams[] = []
  let folder: string
  let owner: string

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-'))
    owner = path.join(folder, 'owner.cjs')
    const source = fileURLToPath(new URL('../support/machine-owner.ts', import.meta.url))
    await build({entryPoints: [source], outfile: owner, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error'})
  })
  afterEach(async () => {
    await Promise.all(machines.splice(0).map((machine) => machine.down()))
    for (const child of owners.splice(0)) child.kill('SIGKILL')
  })
  afterAll(() => {
    fs.rmSync(folder, {recursive: true})
  })

  const boot = async (options: Parameters<typeof bootTestMachine>[0] = {}) => {
    const machine = await bootTestMachine(options)
    machines.push(machine)
    return machine
  }

  /** Another process that owns a machine. */
  const bootByOwner = async (name: string) => {
    const child = spawn(process.execPath, [owner, testHost.packageRoot, name])
    owners.push(child)
    const line = await new Promise<string>((resolve, reject) => {
      let stderr = ''
      child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
      child.stdout.once('data', (data: Buffer) => resolve(data.toString()))
      child.once('exit', (code) => reject(new Error(`exit ${code}: ${stderr}`)))
    })
    const {name: fullName, leaderPid} = JSON.parse(line) as {name: string; leaderPid: number}
    return {child, name: fullName, leaderPid, namespace: pidNamespaceOf(leaderPid)}
  }

  // As while it boots, below, when less of it is there that could end it.
  itInCampaign('ends without a trace when its owner is killed', async () => {
    const {child, name, namespace} = await bootByOwner('killed')
    expect(traces(name, namespace)).not.toEqual([])
    child.kill('SIGKILL')
    await untilGone(name, namespace)
  })

  it('ends without a trace when its owner is killed while it boots', async () => {
    const child = spawn(process.execPath, [owner, testHost.packageRoot, 'early'])
    owners.push(child)
    const name = `early-${child.pid}`
    await waitFor(() => traces(name, null).some((trace) => trace.startsWith('cgroup') || trace.startsWith('mount')), 'the first trace')
    child.kill('SIGKILL')
    await untilGone(name, null)
  })

  it('dies with its keeper, and the next boots remove what the keeper could not', async () => {
    const {name, leaderPid, namespace} = await bootByOwner('orphaned')
    const parentOf = (pid: number) => Number(/^PPid:\s*(\d+)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    const keeper = parentOf(parentOf(parentOf(leaderPid)))
    process.kill(keeper, 'SIGKILL')
    await waitFor(() => traces(name, namespace).every((trace) => !trace.startsWith('process')), 'the death of the machine')
    expect(fs.readdirSync('/run')).toContain(`hermes-svc-machine-${name.replace('hermes-svc-', '')}`)
    // A starved machine takes long to die, and the boot goes on without waiting for it.
    for (let boots = 0; boots < 3 && traces(name, namespace).length > 0; boots++) await (await boot()).down()
    await untilGone(name, namespace)
  })

  it('sees files and folders of the host that it is given, wherever they are, can be the host of another one, as one whose PID 1 is systemd, runs beside another one, each with users, units and files of its own, does not take the name of one that runs, leaves no process, mount, cgroup or file behind when it is taken down, which can be done twice, or powers itself off, and says so when it is used after that', async () => {
    const source = path.join(folder, 'a:b c')
    fs.mkdirSync(source)
    fs.writeFileSync(path.join(source, 'file'), 'from the host')
    const binds = [
      {source, target: '/srv/odd:name'},
      {source: path.join(source, 'file'), target: '/srv/writable', writable: true},
      {source: owner, target: '/opt/owner.cjs'},
    ]
    const [one, two] = await Promise.all([boot({binds}), boot({name: 'same'})])
    expect(await one.readText('/srv/odd:name/file')).toBe('from the host')
    expect((await one.exec(['touch', '/srv/odd:name/file'])).stderr).toContain('Read-only file system')
    await one.writeText('/srv/writable', 'from inside')
    expect(fs.readFileSync(path.join(source, 'file'), 'utf8')).toBe('from inside')

    const inner = await one.exec([MACHINE_NODE, '/opt/owner.cjs', MACHINE_PACKAGE, 'inner'], {timeoutMs: 60_000})
    expect(inner.stderr).toBe('')
    expect(JSON.parse(inner.stdout)).toMatchObject({userManager: 'running'})
    const look = 'ls -d /run/hermes-svc-* /tmp/nspawn-*; systemctl list-units --no-legend --plain "hermes-svc-*"; ls /home'
    expect((await one.exec(['sh', '-c', look])).stdout).toBe('')

    const namespaces = [one, two].map(({leaderPid}) => pidNamespaceOf(leaderPid)) as [string, string]
    const [annOne, annTwo] = await Promise.all([one.addUser('ann'), two.addUser('ann')])
    await one.writeText('/home/ann/only-here', 'x', {user: annOne})
    await one.writeText('/var/lib/written-inside', 'x')
    await one.writeText('/tmp/written-inside', 'x')
    expect(await two.readText('/home/ann/only-here')).toBeUndefined()
    const start = ['systemd-run', '--user', '--unit=only-here', 'sleep', '1000']
    expect((await one.exec(start, {user: annOne})).code).toBe(0)
    expect((await one.exec(['systemctl', '--user', 'is-active', 'only-here'], {user: annOne})).stdout).toBe('active\n')
    expect((await two.exec(['systemctl', '--user', 'is-active', 'only-here'], {user: annTwo})).stdout).toBe('inactive\n')

    expect(traces(one.name, namespaces[0])).not.toEqual([])
    await one.down()
    expect(traces(one.name, namespaces[0])).toEqual([])
    expect(fs.existsSync('/var/lib/written-inside') || fs.existsSync('/tmp/written-inside')).toBe(false)
    await one.down()
    await expect(one.exec(['true'])).rejects.toMatchObject({code: 'machine-gone'})

    await expect(boot({name: 'same'})).rejects.toThrow('exists already')
    expect((await two.exec(['systemctl', 'is-system-running'])).stdout).toBe('running\n')
    await two.exec(['systemctl', 'poweroff', '--force'])
    await untilGone(two.name, namespaces[1])
    await two.down()
  })

  it('says what failed when it does not boot', async () => {
    const bind = {source: path.join(folder, 'no-such-file'), target: '/srv/x'}
    const error = await boot({binds: [bind]}).catch((reason: unknown) => reason)
    expect(error).toMatchObject({code: 'machine-failed'})
    expect((error as ServiceError).evidence.join('\n')).toContain(bind.source)
  })
})

describeUnless(testHost.account.uid === 0 ? undefined : 'needs root', 'a throw-away machine that cannot be', () => {
  it('says that it needs root', () => {
    const nobody = testHost.accountOf('nobody')
    if (!nobody) throw new Error('no account named nobody')
    expect(whyNoMachine({...testHost, account: nobody})).toBe('a throw-away machine needs root')
  })

  it('names the packages that its root folder lacks', () => {
    const empty = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-'))
    try {
      expect(whyNoMachine(testHost, empty)).toContain(`in ${empty}: `)
      expect(whyNoMachine(testHost, empty)).toMatch(/systemd dbus dbus-user-session libpam-systemd passwd python3$/)
    } finally {
      fs.rmdirSync(empty)
    }
  })
})
