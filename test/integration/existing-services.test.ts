import type {Scope} from '../../src/service/service.js'
import fs from 'node:fs'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {describeOnSystemd, hermesSvc, waitFor} from '../support/machines.js'
import {STAND_IN, TestService} from '../support/test-service.js'

interface Failure {
  readonly ok: boolean
  readonly error: {readonly code: string; readonly message: string; readonly next: string[]}
}

interface Drift {
  readonly drift: readonly {readonly directive: string; readonly merged: string; readonly wanted: string; readonly setBy: string | null}[]
  readonly files: readonly {readonly path: string}[]
  readonly loaded: readonly string[]
}

const UPSTREAM_UNIT = fs.readFileSync(
  new URL('../fixtures/captures/hermes-0.16.0-systemd-252/unit-as-upstream-0.16.0-writes-it.service', import.meta.url),
  'utf8',
)

/** Makes `python3 -m hermes_cli.main` the stand-in for that user. */
const MODULE = `set -e
folder=$(python3 -c 'import site; print(site.getusersitepackages())')/hermes_cli
mkdir -p "$folder"
: >"$folder/__init__.py"
cp "$1" "$folder/main.py"
`

/** Lays out what cannot be a gateway's program or home. $1: stand-in. */
const BAD_PLACES = `set -e
mkdir -p ~/programs ~/open ~/.cache
chmod 777 ~/open
cp "$1" ~/open/hermes
cd ~/programs
printf '#!/no/such/interpreter\\n' >no-interpreter
printf '#!/usr/bin/env no-such-interpreter\\n' >no-env-interpreter
printf '#!/bin/sh\\nexec python3 -m hermes_cli_missing.main "$@"\\n' >no-module
printf '#!/bin/sh\\necho it is broken >&2; exit 7\\n' >broken
printf '#!/bin/sh\\nexit 0\\n' >not-executable
printf 'no program at all\\n' >text
chmod 755 no-* broken text
chmod 644 not-executable
cp "$1" /tmp/hermes; chmod 755 /tmp/hermes
mkdir -p ~/writable-home ~/group-home; chmod 777 ~/writable-home; chmod 770 ~/group-home; : >~/a-file
mkdir -p ~/programs/folder
`

/** The like that needs root. $1: stand-in. */
const BAD_PLACES_OF_OTHERS = `set -e
chgrp users ~bob/group-home
install -d -o mallory ~bob/others-home
install -d -o bob /tmp/temporary-home
install -D -m 755 "$1" /root/private/hermes
`

/**
 * Of what is refused: what real ids, modes and programs have a part in. The rest is judged by gateway-command.test.ts, home-check.test.ts and
 * profile.test.ts, and refused alike: a campaign sees all of it.
 */
const SEEN = new Set([
  ...['a missing Python module behind a launcher', 'a file that is no program', 'a program in a folder that the user cannot enter'],
  ...['a program that others can replace', 'a missing interpreter'],
  ...['a relative command', 'a home that all can write', "a home that another's group can write", "another user's home"],
  ...['a missing profile', 'a profile name with a slash', 'another user, without root'],
])
const seen = <T extends readonly [string, ...unknown[]]>(rows: readonly T[]): T[] =>
  inCampaign(
    [...rows],
    rows.filter(([what]) => SEEN.has(what)),
  )

await describeOnSystemd('services and files that are there already', (machine: () => Machine) => {
  // What is done to a unit of another tool is the same in both; where the files of the machine are is seen of services of our own. What alone is said of its home there:
  // test/managers/systemd/render.test.ts.
  describe.concurrent.each<Scope>(inCampaign<Scope[]>(['user', 'system'], ['user']))('in %s scope', (scope) => {
    describe.sequential('one after the other', () => existingServices(machine, scope))
  })

  describe('what is refused before anything is written', () => {
    let bob: Account
    let service: TestService
    let before: string[]

    beforeAll(async () => {
      bob = await machine().addUser('bob')
      await machine().addUser('mallory', {linger: false})
      service = await TestService.make(machine(), bob)
      await service.sh(BAD_PLACES, [STAND_IN], {user: bob})
      await service.sh(BAD_PLACES_OF_OTHERS, [STAND_IN])
      before = await listing()
    })

    const listing = async () =>
      (
        await service.sh(
          'find /home/bob /etc/systemd /etc/hermes-svc -not -path "*/.cache*" "(" -type d -printf "%p\\n" -o -printf "%p %T@\\n" ")" 2>/dev/null || :',
        )
      )
        .split('\n')
        .sort()

    const refused = async (args: readonly string[]) => {
      const result = await hermesSvc(machine(), ['install', '--json', ...args], {user: bob})
      const {error} = result.json<Failure>()
      expect(error.message.split('\n')).toHaveLength(1)
      expect(await listing()).toEqual(before)
      return {...error, code: result.code}
    }

    const COMMANDS: [string, string, RegExp][] = [
      ['a program that is missing', '/home/bob/programs/none', /\/home\/bob\/programs\/none does not exist/],
      ['a folder', '/home/bob/programs/folder', /\/home\/bob\/programs\/folder is a folder/],
      [
        'a missing interpreter',
        '/home/bob/programs/no-interpreter',
        /no-interpreter needs the interpreter "\/no\/such\/interpreter", which does not exist/,
      ],
      [
        'an interpreter that env does not find',
        '/home/bob/programs/no-env-interpreter',
        /needs the interpreter "no-such-interpreter", which does not exist/,
      ],
      [
        'a missing Python module',
        'python3 -m hermes_cli_missing.main',
        /python3 runs, but the Python module hermes_cli_missing is missing/,
      ],
      [
        'a missing Python module behind a launcher',
        '/home/bob/programs/no-module',
        /no-module runs, but the Python module hermes_cli_missing is missing/,
      ],
      ['a program that fails', '/home/bob/programs/broken', /broken --version ended with exit status 7/],
      [
        'a file without the x bit',
        '/home/bob/programs/not-executable',
        /bob is not allowed to execute \/home\/bob\/programs\/not-executable \(mode 644\)/,
      ],
      ['a file that is no program', '/home/bob/programs/text', /\/home\/bob\/programs\/text/],
      ['a program in a folder that the user cannot enter', '/root/private/hermes', /\/root\/private\/hermes.*bob cannot see it/],
      ['a program in a temporary folder', '/tmp/hermes', /\/tmp\/hermes is in a temporary folder/],
      ['a program that others can replace', '/home/bob/open/hermes', /other users can write to \/home\/bob\/open/],
    ]
    it.each(seen(COMMANDS))('refuses %s as the command', async (_what, command, message) => {
      expect(await refused(['--profile', service.profile, '--command', command])).toMatchObject({
        code: 1,
        message: expect.stringMatching(message),
      })
    })

    const FLAGS: [string, readonly string[], RegExp][] = [
      ['a relative command', ['--command', 'programs/hermes'], /--command "programs\/hermes": .*absolute path/],
      ['an empty command', ['--command', ' '], /--command " ": it is empty/],
      ['a command line with a pipe', ['--command', '/bin/true | cat'], /--command "\/bin\/true \| cat"/],
      ['a relative home', ['--home', '.hermes'], /--home must be an absolute path/],
      ['an empty home', ['--home', ''], /--home/],
      ['a missing home', ['--home', '/home/bob/nowhere'], /--home "\/home\/bob\/nowhere": does not exist/],
      ['a home that is a file', ['--home', '/home/bob/a-file'], /--home "\/home\/bob\/a-file": is not a folder/],
      ['a temporary home', ['--home', '/tmp/temporary-home'], /--home "\/tmp\/temporary-home": is in a temporary folder/],
      [
        'a home that all can write',
        ['--home', '/home/bob/writable-home'],
        /other users can write to \S*writable-home \(mode 777\)\. Type: chmod go-w/,
      ],
      ["a home that another's group can write", ['--home', '/home/bob/group-home'], /other users can write to \S*group-home \(mode 770\)/],
      ["another user's home", ['--home', '/home/bob/others-home'], /others-home belongs to mallory/],
      ['a missing profile', ['--profile', 'nobody'], /--profile nobody: home "\/home\/bob\/\.hermes\/profiles\/nobody": does not exist/],
      ['a profile name with capitals', ['--profile', 'Work'], /--profile "Work" is not a profile name/],
      ['a profile name with a slash', ['--profile', '../x'], /--profile "\.\.\/x" is not a profile name/],
      ['a profile name that begins with a dash', ['--profile=-x'], /--profile "-x" is not a profile name/],
      ['a profile name of 65 letters', ['--profile', 'a'.repeat(65)], /is not a profile name\. Use at most 64/],
      ['an empty profile name', ['--profile', ''], /--profile/],
      ['a profile name with a newline', ['--profile', 'a\nb'], /--profile "a\\nb" is not a profile name/],
      ['an unknown user', ['--scope', 'system', '--run-as', 'nobody-at-all'], /--run-as "nobody-at-all": there is no such user/],
      ['another user, without root', ['--run-as', 'mallory'], /--run-as mallory: only root/],
      ['an unknown manager', ['--manager', 'upstart'], /--manager=upstart to be one of: systemd/],
    ]
    it.each(seen(FLAGS))('refuses %s, and names the flag', async (_what, args, message) => {
      expect(await refused(args)).toMatchObject({code: 2, message: expect.stringMatching(message)})
    })

    it('refuses a service of the machine without root', async () => {
      expect(await refused(['--scope', 'system', '--profile', service.profile])).toMatchObject({
        code: 1,
        message: expect.stringContaining('Only root can change'),
      })
    })

    it('refuses a home that the user cannot see', async () => {
      const error = await refused(['--home', '/root/private/home'])
      expect(error).toMatchObject({code: 2, message: '--home "/root/private/home": cannot be reached by bob (EACCES)'})
    })

    it('refuses a home that it finds in the environment, by its name', async () => {
      const result = await hermesSvc(machine(), ['install', '--json'], {user: bob, env: {HERMES_HOME: '/tmp/temporary-home'}})
      expect(result.code).toBe(2)
      expect(result.json<Failure>().error.message).toMatch(/^HERMES_HOME "\/tmp\/temporary-home": is in a temporary folder/)
    })

    // test/lifecycle/install.test.ts.
    itInCampaign('says where it looked if there is no gateway', async () => {
      const dora = await machine().addUser('dora')
      await machine().exec(['mkdir', '/home/dora/.hermes'], {user: dora})
      const result = await hermesSvc(machine(), ['install', '--json'], {user: dora})
      expect(result.code).toBe(1)
      const {error} = result.json<{error: {message: string; evidence: string[]}}>()
      expect(error.message).toMatch(/^No gateway was found for dora/)
      expect(error.evidence).toContain('looked for /home/dora/.hermes/bin/hermes')
      expect(await machine().readText('/home/dora/.config/systemd')).toBeUndefined()
    })

    // test/lifecycle/install.test.ts; of one of the machine beside one of the user's own: apply.test.ts.
    itInCampaign('refuses a second service on the same home in the other scope', async () => {
      const ofUser = await TestService.make(machine(), bob, {scope: 'user'})
      const ofMachine = await TestService.make(machine(), bob, {scope: 'system', profile: ofUser.profile})
      const first = [ofMachine, ofUser] as const
      for (const [service, other] of [first, [ofUser, ofMachine] as const]) {
        await service.must('install')
        const result = await other.run('install', ['--json'])
        expect(result.code).toBe(1)
        expect(result.json<Failure>().error).toMatchObject({
          code: 'duplicate-service',
          message: expect.stringContaining(`is already installed in systemd (${service.scope})`),
        })
        expect(await machine().readText(other.unitFile)).toBeUndefined()
        await service.must('uninstall')
      }
    })
  })
})

function existingServices(machine: () => Machine, scope: Scope): void {
  let user: Account

  beforeAll(async () => {
    user = await machine().addUser(scope === 'user' ? 'alice' : 'alan')
    const made = await machine().exec(['sh', '-c', MODULE, 'sh', STAND_IN], {user})
    if (made.code !== 0) throw new Error(made.stderr)
  })

  const upstreamUnit = (service: TestService) => {
    const text = UPSTREAM_UNIT.replaceAll('/home/hermes/.hermes', service.home).replace(
      'gateway run',
      `--profile ${service.profile} gateway run`,
    )
    return scope === 'user'
      ? text
      : text.replace('Type=simple\n', `Type=simple\nUser=${user.name}\nGroup=${user.name}\n`).replace('default.target', 'multi-user.target')
  }

  const writeUnit = async (service: TestService, text: string) => {
    await service.sh('mkdir -p "${1%/*}"', [service.unitFile], service.actor)
    await machine().writeText(service.unitFile, text, scope === 'user' ? {user} : {})
    await service.systemctl('daemon-reload')
  }

  /** A service as upstream's installer leaves it, running. */
  const makeUpstream = async () => {
    const service = await TestService.make(machine(), user, {scope})
    await writeUnit(service, upstreamUnit(service))
    const enabled = await service.systemctl('enable', '--now', service.unit)
    if (enabled.code !== 0) throw new Error(enabled.stderr)
    await waitFor(async () => (await service.events()).some(({event}) => event === 'running'), 'the gateway')
    return service
  }

  /** With a command that was given. */
  const makeInstalled = async () => {
    const service = await TestService.make(machine(), user, {scope})
    await service.must('install', ['--heartbeat', 'off', '--command', `/usr/bin/env MY_SECRET=1 ${STAND_IN}`])
    return service
  }
  const environmentOf = async (service: TestService) => service.sh('tr "\\0" "\\n" <"/proc/$1/environ"', [String(await service.mainPid())])

  /** As it was given back: it runs. */
  let givenBack: TestService | undefined

  it("adopts upstream's unit without touching it or its gateway, and gives it back", async () => {
    const service = await makeUpstream()
    const [text, pid] = [upstreamUnit(service), await service.mainPid()]
    const identity = () => service.sh('stat -c "%i %a %U %Y" "$1"', [service.unitFile])
    const before = await identity()
    expect(await service.status()).toMatchObject({exit: 0, installed: 'foreign', actual: 'running', pid})

    const installed = await service.must('install')
    expect(installed.stdout).toMatch(/ is adopted and \w+; hermes-svc keeps its unit and adds its own restart policy/)
    expect(await machine().readText(service.unitFile)).toBe(text)
    expect(await service.mainPid()).toBe(pid)
    expect(await service.status()).toMatchObject({exit: 0, installed: 'adopted', desired: 'running', enabled: true, pid})
    expect(await service.show('RestartUSec', 'TimeoutStopUSec', 'RestartPreventExitStatus')).toEqual(['1s', '4min 10s', '78'])
    // What the unit has of itself by its WorkingDirectory= stays so: the file system of the home is mounted first.
    if (scope === 'system') expect((await service.show('RequiresMountsFor'))[0]?.split(' ')).toContain(service.home)
    expect((await service.must('diff')).stdout).toContain(': no differences')
    expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: false})

    // What is typed to systemctl goes to an adopted unit as to another one, in either scope.
    if (scope === 'user' || isCampaign) {
      if (isCampaign) await service.must('restart')
      await service.must('stop')
      expect(await service.show('ActiveState', 'Result')).toEqual(['inactive', 'success'])
      await service.must('start')
    }
    const newPid = await service.mainPid()

    const uninstalled = await service.must('uninstall')
    expect(uninstalled.stdout).toContain('the unit itself belongs to another tool and stays')
    expect(await service.mainPid()).toBe(newPid)
    expect(await identity()).toBe(before)
    expect(await service.show('RestartUSec', 'DropInPaths', 'UnitFileState')).toEqual(['5s', '', 'enabled'])
    expect(await service.status()).toMatchObject({exit: 0, installed: 'foreign', desired: null})
    const ours = [`${service.unitFile}.d`, service.support, service.runtime]
    expect(await service.sh('find "$@" -printf "%p %t\\n" 2>/dev/null || :', ours)).toBe('')
    givenBack = service
  })

  it('refuses a unit that belongs to another home, untouched', async () => {
    const service = await TestService.make(machine(), user, {scope})
    const other = await TestService.make(machine(), user, {scope})
    await writeUnit(service, upstreamUnit(service).replaceAll(service.home, other.home))
    const before = await service.snapshot()
    for (const command of inCampaign(['install', 'start', 'stop', 'restart', 'uninstall'], ['install', 'stop', 'uninstall'])) {
      const result = await service.run(command, ['--json'])
      expect([command, result.code, result.json<Failure>().error]).toMatchObject([
        command,
        1,
        {code: 'other-home', message: expect.stringContaining(other.home)},
      ])
    }
    expect(await service.snapshot()).toEqual(before)
    await service.sh('rm "$1"', [service.unitFile])
    await service.systemctl('daemon-reload')
  })

  it('does not install over a masked unit, and says how to unmask it', async () => {
    const service = await TestService.make(machine(), user, {scope})
    expect((await service.systemctl('mask', service.unit)).code).toBe(0)
    const before = await service.snapshot()
    for (const command of inCampaign(['install', 'start', 'restart'], ['install', 'restart'])) {
      const result = await service.run(command, ['--json'])
      expect(result.code).toBe(1)
      const {error} = result.json<Failure>()
      expect(error.message).toContain(`${service.unit} is masked`)
      expect(error.next).toEqual([expect.stringContaining(`systemctl ${scope === 'user' ? '--user ' : ''}unmask ${service.unit}`)])
    }
    expect(await service.status()).toMatchObject({exit: 3, installed: 'masked', actual: 'stopped'})
    expect(await service.snapshot()).toEqual(before)
    expect((await service.run('uninstall')).code).toBe(0)
    expect(await service.show('LoadState')).toEqual(['masked'])
    await service.systemctl('unmask', service.unit)
  })

  // Whose the file is, and what is in it, is told from one another without the scope.
  if (scope === 'system') return

  // test/lifecycle/install.test.ts.
  itInCampaign("leaves upstream's unit stopped if it was stopped in good order", async () => {
    const service = givenBack ?? (await makeUpstream())
    await machine().writeText(
      `${service.home}/.gateway-planned-stop.json`,
      JSON.stringify({
        target_pid: await service.mainPid(),
        target_start_time: null,
        stopper_pid: 1,
        written_at: new Date().toISOString().replace('Z', '+00:00'),
      }),
      {user},
    )
    await service.systemctl('stop', service.unit)
    expect(await service.show('ActiveState')).toEqual(['inactive'])
    await service.must('install')
    expect(await service.status()).toMatchObject({exit: 3, installed: 'adopted', desired: 'stopped', actual: 'stopped'})
    await service.must('uninstall')
  })

  let shared: Promise<TestService> | undefined
  /** It runs; each row leaves its definition as it was, until upstream rewrites it. */
  const installedOnce = () => (shared ??= makeInstalled())

  it('keeps what was edited by hand in our own files, until it is told not to', async () => {
    const service = await installedOnce()
    for (const file of [service.unitFile, service.dropIn]) {
      await service.sh('printf "%s\\n" "$2" >>"$1"', [file, '# by hand'], service.actor)
    }
    await service.systemctl('daemon-reload')
    const diff = await service.run('diff', ['--json'])
    expect([diff.code, diff.json<Drift>().files.map((file) => file.path)]).toEqual([1, [service.dropIn, service.unitFile]])
    const install = await service.must('install')
    for (const file of [service.unitFile, service.dropIn]) {
      expect(install.stdout).toContain(`kept ${file}, which was edited by hand (--force replaces it)`)
      expect(await machine().readText(file)).toContain('# by hand')
    }
    expect((await service.must('install', ['--json'])).json()).toMatchObject({changed: false})
    await service.must('install', ['--force'])
    expect((await service.must('diff')).stdout).toContain(': no differences')
  })

  it('says what of the merged unit is not as it must be', async () => {
    const service = await installedOnce()
    const lines = {
      StartLimitIntervalSec: '600',
      Restart: 'on-failure',
      RestartForceExitStatus: '',
      RestartPreventExitStatus: '1 2 SIGKILL',
      SuccessExitStatus: '',
      KillMode: 'process',
      TimeoutStopSec: '5',
      TimeoutStartSec: '5',
    }
    const text = Object.entries(lines).map(
      ([name, value]) =>
        `${name === 'StartLimitIntervalSec' ? '[Unit]\n' : ''}${name}=${value}${name === 'StartLimitIntervalSec' ? '\n[Service]' : ''}`,
    )
    const own = `${service.unitFile}.d/50-mine.conf`
    await machine().writeText(own, `${text.join('\n')}\n`, scope === 'user' ? {user} : {})
    await service.systemctl('daemon-reload')
    const {drift} = (await service.run('diff', ['--json'])).json<Drift>()
    // What adds to a list does not take our part of it away.
    const wanted = Object.keys(lines).filter((name) => name !== 'RestartPreventExitStatus')
    expect(drift.map((entry) => entry.directive).sort()).toEqual(wanted.sort())
    expect(new Set(drift.map((entry) => entry.setBy))).toEqual(new Set([own]))
    await service.sh('rm "$1"', [own])
    const stale = await service.run('diff', ['--json'])
    expect([stale.code, stale.json()]).toMatchObject([1, {needsReload: true}])
    await service.must('install')
    expect((await service.must('diff')).stdout).toContain(': no differences')
  })

  it('works on when upstream rewrites the unit that it created', async () => {
    const service = await installedOnce()
    await writeUnit(service, upstreamUnit(service))
    expect(await service.status()).toMatchObject({exit: 0, installed: 'own', actual: 'running'})
    expect((await service.must('status')).stdout).toMatch(/\binstalled +yes\n/)
    expect((await service.must('list')).stdout).not.toContain('adopted')
    expect((await service.must('diff')).stdout).toContain(': no differences')
    expect((await service.must('doctor')).stdout).toContain('no findings')
    const pid = await service.mainPid()
    expect((await service.must('install')).stdout).toContain('already up to date')
    expect(await machine().readText(service.unitFile)).toBe(upstreamUnit(service))
    expect(await service.mainPid()).toBe(pid)
  })

  it("keeps the user's own drop-ins and edits through every command, beside a unit that upstream has rewritten, and the command that was given, and takes that unit away at last, which it created", async () => {
    const service = await installedOnce()
    expect(await environmentOf(service)).toContain('MY_SECRET=1')
    const own = `${service.unitFile}.d/99-user.conf`
    const text = '# mine\n[Service]\nRestartSec=3\nEnvironment=MINE=1\n'
    await machine().writeText(own, text, scope === 'user' ? {user} : {})
    await service.systemctl('daemon-reload')

    const diff = await service.run('diff', ['--json'])
    expect(diff.code).toBe(1)
    expect(diff.json<Drift>()).toMatchObject({
      files: [],
      drift: [{directive: 'RestartSec', merged: '3s', wanted: '1s', setBy: own}],
      loaded: [service.unitFile, service.dropIn, own],
    })
    expect((await service.run('diff')).stdout).toMatch(/RestartSec +3s +1s +.*99-user\.conf/)

    await service.must('restart')
    expect(await environmentOf(service)).toContain('MY_SECRET=1')
    await service.must('install', ['--restart-delay', '2s'])
    expect(await machine().readText(own)).toBe(text)
    expect(await service.show('RestartUSec', 'Environment')).toEqual(['3s', expect.stringContaining('MINE=1')])

    // A crash waits as long as the user wants; a stop then leaves nothing that speaks of failure.
    await service.sh('kill -9 "$1"', [String(await service.mainPid())])
    await waitFor(async () => (await service.status()).actual === 'waiting', 'the wait')
    await service.must('stop')
    expect(await service.status()).toMatchObject({exit: 3, actual: 'stopped', failuresInARow: 0})

    await service.must('uninstall')
    expect(await machine().readText(own)).toBe(text)
    expect(await service.sh('ls -A "$1"', [`${service.unitFile}.d`])).toBe('99-user.conf\n')
    expect(await machine().readText(service.unitFile)).toBeUndefined()
    await service.sh('rm -r "$1"', [`${service.unitFile}.d`])
    await service.systemctl('daemon-reload')
    expect(await service.status()).toMatchObject({exit: 4, installed: 'no', actual: 'not-installed', pid: null})
    expect((await service.show('UnitFileState', 'LoadState')).join()).toBe(',not-found')
  })
}
