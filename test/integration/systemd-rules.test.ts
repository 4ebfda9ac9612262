import fs from 'node:fs'
import path from 'node:path'
import {build} from 'esbuild'
import type {ServiceReport} from '../../src/observe/report.js'
import {beforeAll, expect, it} from 'vitest'
import type {Finding} from '../../src/doctor/finding.js'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import type {Report} from '../contract/main.js'
import {describeOnSystemd, hermesSvc, machineBehind, waitFor} from '../support/machines.js'
import {STAND_IN} from '../support/test-service.js'

// What systemd, logind and journald do by rules of their own, and units as people write them by hand.

/** Takes away whatever a row has left of its user: units, home, runtime files. */
const LEAVE_NOTHING = `cd || exit
units=$(cd .config/systemd/user 2>/dev/null && ls | grep -E '[.](service|timer)$')
[ -z "$units" ] || systemctl --user stop $units
find . -mindepth 1 -delete && rm -rf "$XDG_RUNTIME_DIR"/hermes-svc-* && systemctl --user daemon-reload && systemctl --user reset-failed
`
/** Makes the home of a user with the stand-in, and a unit. $1: stand-in. $2: name of the unit. $3: its text. */
const MAKE = `set -e
mkdir -p ~/.hermes/bin ~/.config/systemd/user
install -m 755 "$1" ~/.hermes/bin/hermes
[ -n "$2" ] || exit 0
printf %s "$3" >~/.config/systemd/user/"$2"
systemctl --user daemon-reload
`
const INSTALL = '[Install]\nWantedBy=default.target\n'
const BY_HAND = `[Service]\nExecStart=%h/.hermes/bin/hermes gateway run\nEnvironment=HERMES_HOME=%h/.hermes\nRestart=always\nRestartSec=1\n`

await describeOnSystemd("systemd's own rules", (machine: () => Machine) => {
  let ann: Account
  let guest: Account
  beforeAll(async () => {
    ann = await machine().addUser('ann')
    guest = await machine().addUser('guest')
  })
  const must = async (user: Account | undefined, program: string, ...args: string[]) => {
    const result = await machine().exec(['sh', '-c', program, 'sh', ...args], user ? {user} : {})
    if (result.code !== 0) throw new Error(`${program}: ${result.code}\n${result.stdout}\n${result.stderr}`)
    return result.stdout
  }
  /** As a new user: ann in nearly all rows, and guest where there are two. */
  const freshUser = async (user = ann) => {
    await must(user, LEAVE_NOTHING)
    return user
  }
  const userWith = async (unit = '', text = '', whom = ann) => {
    const user = await freshUser(whom)
    await must(user, MAKE, STAND_IN, unit, text)
    return user
  }
  const run = async (user: Account, ...args: string[]) => {
    const result = await hermesSvc(machine(), args, {user})
    if (result.code !== 0) throw new Error(`${args.join(' ')}: ${result.code}\n${result.stdout}\n${result.stderr}`)
    return result
  }
  const status = async (user: Account, ...args: string[]) =>
    (await hermesSvc(machine(), ['status', '--json', ...args], {user})).json<ServiceReport>()
  const findings = async (user: Account, ...args: string[]) => {
    const result = await hermesSvc(machine(), ['doctor', '--json', ...args], {user})
    return result.json<{services: {findings: Finding[]}[]}>().services.flatMap((one) => one.findings)
  }
  const ids = async (user: Account) => (await findings(user)).map(({id, kind}) => `${id} ${kind}`)

  it('a unit without an [Install] section is not started at boot, and start sees to it', async () => {
    const user = await userWith('hermes-gateway.service', BY_HAND)
    expect(await status(user)).toMatchObject({enabled: false})
    await run(user, 'start')
    expect(await status(user)).toMatchObject({enabled: true, actual: 'running'})
    // Nothing is said of a program that is named by %h, which runs.
    expect(await ids(user)).not.toContain('definition-broken program')
    await run(user, 'stop')
    expect(await status(user)).toMatchObject({enabled: false})
  })

  // What the words of a unit lead to: test/doctor/checks/definition-broken.test.ts, and that of %h above.
  itInCampaign(
    'a program that is named by its name, and an interpreter by env without a PATH, are found as systemd finds them',
    async () => {
      const user = await userWith('hermes-gateway.service', `${BY_HAND.replace('%h', '/usr/bin/env python3 %h')}${INSTALL}`)
      for (const start of ['python3 %h/.hermes/bin/hermes', '%h/.hermes/bin/hermes']) {
        await must(
          user,
          'sed -i "s|^ExecStart=.*|ExecStart=$1 gateway run|" .config/systemd/user/hermes-gateway.service; systemctl --user daemon-reload',
          start,
        )
        await must(user, 'systemctl --user restart hermes-gateway.service')
        await waitFor(async () => (await status(user)).gatewayState === 'running', start)
        expect(await ids(user), start).not.toContain('definition-broken program')
      }
    },
  )

  it('what another unit runs, whatever its name, is left to that unit, which is named', async () => {
    const user = await userWith('bot.service', '[Service]\nExecStart=%h/start-bot\nRestart=always\nRestartSec=1\n')
    await must(
      user,
      'printf "#!/bin/sh\\n%s gateway run\\n" "$HOME/.hermes/bin/hermes" >start-bot; chmod 755 start-bot; systemctl --user start bot.service',
    )
    const found = await waitFor(async () => (await findings(user)).find(({id}) => id === 'orphan-gateway'), 'the gateway')
    expect(found).toMatchObject({kind: 'other-service', isFixable: false, cure: ['systemctl --user disable --now bot.service']})
    const refused = await hermesSvc(machine(), ['install', '--json'], {user})
    expect(refused.json<{error: {next: string[]}}>().error.next[0]).toContain('systemctl --user disable --now bot.service')
  })

  it('a unit of any name, though it is a link, is found by the home that it runs, stays when it is stopped, is worked with and adopted under that name, and given back', async () => {
    const user = await userWith()
    await must(
      user,
      'mkdir dot; printf %s "$1" >dot/my-bot.service; ln -s ../../../dot/my-bot.service .config/systemd/user/; systemctl --user daemon-reload',
      BY_HAND + INSTALL,
    )
    await must(user, 'systemctl --user enable --now my-bot.service')
    await waitFor(async () => (await status(user)).actual === 'running', 'the gateway')
    expect(await status(user)).toMatchObject({service: 'my-bot.service', installed: 'foreign', enabled: true})
    expect(await ids(user)).not.toContainEqual(expect.stringMatching(/^(orphan-gateway|not-installed|duplicate-supervisor) /))
    const state = () => must(user, 'ls .config/systemd/user; systemctl --user is-enabled my-bot.service || :')
    const isStoppedAndStarted = async () => {
      await run(user, 'stop')
      expect(await state()).toMatch(/my-bot\.service\n[^]*linked\n$/)
      await run(user, 'start')
      expect(await state()).toMatch(/enabled\n$/)
    }
    await isStoppedAndStarted()
    await run(user, 'install')
    expect(await status(user)).toMatchObject({service: 'my-bot.service', installed: 'adopted', actual: 'running'})
    expect(await must(user, 'cd .config/systemd/user; ls; ls my-bot.service.d')).toMatch(
      /^default.target.wants\n[^]*my-bot.service.d\n[^]*10-hermes-svc.conf\n/,
    )
    expect(await findings(user)).toEqual([])
    // Of an adopted unit as of one of ours.
    if (isCampaign) await run(user, 'restart')
    await isStoppedAndStarted()
    expect(await status(user)).toMatchObject({service: 'my-bot.service', actual: 'running', desired: 'running', enabled: true})
    await run(user, 'uninstall', '--yes')
    expect(
      await must(user, 'ls .config/systemd/user; systemctl --user is-enabled my-bot.service; systemctl --user is-active my-bot.service'),
    ).toBe('default.target.wants\nmy-bot.service\nenabled\nactive\n')
  })

  it('a unit of the machine of any name is found by its user, without a flag', async () => {
    const user = await userWith()
    const text = `[Service]\nUser=ann\nExecStart=/home/ann/.hermes/bin/hermes gateway run\nRestart=always\n${INSTALL}`
    await must(
      undefined,
      'printf %s "$1" >/etc/systemd/system/bot-of-all.service; systemctl daemon-reload; systemctl start bot-of-all',
      text.replace('default.target', 'multi-user.target'),
    )
    await waitFor(async () => (await status(user)).actual === 'running', 'the gateway')
    expect(await status(user)).toMatchObject({service: 'bot-of-all.service', scope: 'system', account: 'ann'})
    await must(undefined, 'systemctl stop bot-of-all; rm /etc/systemd/system/bot-of-all.service; systemctl daemon-reload')
  })

  // Judged by the control group: test/doctor/checks/orphan-gateway.test.ts; that a control group is read, and its unit named: "what another unit runs", above.
  itInCampaign("a gateway of this home in another user's manager is named with its user, though its unit has the same name", async () => {
    const user = await userWith()
    await freshUser(guest)
    await run(user, 'install')
    await run(user, 'stop')
    await must(undefined, 'chmod -R a+rwX "$1"; chmod a+x "$2"', `${user.home}/.hermes`, user.home)
    const unit = BY_HAND.replaceAll('%h', user.home)
    await must(guest, MAKE, STAND_IN, 'hermes-gateway.service', unit)
    await must(guest, 'systemctl --user start hermes-gateway.service')
    const found = await waitFor(async () => (await findings(user)).find(({id}) => id === 'orphan-gateway'), 'the gateway')
    expect(found).toMatchObject({
      kind: 'other-service',
      what: expect.stringContaining('hermes-gateway.service of user guest') as string,
      isFixable: false,
    })
    // As it is printed, but for sudo, which root does without.
    await must(undefined, `${found?.cure[0]?.replace('sudo -u guest', 'setpriv --reuid=guest --regid=guest --init-groups env')}`)
    expect(await ids(user)).not.toContainEqual(expect.stringMatching(/^orphan-gateway /))
  })

  // By when the gateway was started and what was changed since: test/doctor/checks/definition-broken.test.ts.
  itInCampaign('a program that only the unit sees is not missing while its gateway runs', async () => {
    const user = await userWith()
    const text = `[Service]\nUser=ann\nBindReadOnlyPaths=/home/ann/.hermes/bin:/mnt/bin\nExecStart=/mnt/bin/hermes gateway run\nEnvironment=HERMES_HOME=/home/ann/.hermes\nRestart=always\n${INSTALL}`
    await must(
      undefined,
      'printf %s "$1" >/etc/systemd/system/hermes-gateway.service; systemctl daemon-reload; systemctl start hermes-gateway',
      text,
    )
    await waitFor(async () => (await status(user)).actual === 'running', 'the gateway')
    // systemd has made the place of what it binds, before it started the gateway.
    expect(await must(user, 'ls -A /mnt/bin')).toBe('')
    expect(await ids(user)).not.toContain('definition-broken program')
    // What was changed since then could have been a program that was taken away.
    await must(undefined, 'sleep 2; touch /mnt/bin')
    expect(await ids(user)).toContain('definition-broken program')
    await must(undefined, 'systemctl stop hermes-gateway; rm /etc/systemd/system/hermes-gateway.service; systemctl daemon-reload')
  })

  // test/doctor/checks/definition-broken.test.ts; that such a file is read: "the home of a unit comes from a file of variables too".
  itInCampaign('an interpreter is looked for on the PATH that a file of variables sets', async () => {
    const text = `${BY_HAND.replace('ExecStart=%h/.hermes/bin/hermes', 'EnvironmentFile=%h/variables\nExecStart=%h/start')}${INSTALL}`
    const user = await userWith('hermes-gateway.service', text)
    await must(
      user,
      `mkdir tools; ln -s /usr/bin/python3 tools/snake; echo "PATH=$HOME/tools:/usr/bin:/bin" >variables
       sed '1s|.*|#!/usr/bin/env snake|' .hermes/bin/hermes >start; chmod 755 start; systemctl --user start hermes-gateway.service`,
    )
    await waitFor(async () => (await status(user)).actual === 'running', 'the gateway')
    await must(user, 'systemctl --user stop hermes-gateway.service')
    expect(await ids(user)).not.toContain('definition-broken program')
    await must(user, 'rm tools/snake')
    expect(await ids(user)).toContain('definition-broken program')
  })

  // Of the same verdict: test/doctor/checks/desired-state.test.ts; of processes that are not shown: verdict-live.test.ts.
  itInCampaign('where /proc is not there doctor cannot tell, as status cannot', async () => {
    const user = await userWith()
    await run(user, 'install')
    const blind = {
      program: ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /proc && exec "$@"', 'sh'],
      exec: machine().exec.bind(machine()),
    }
    const as = (...args: string[]) =>
      hermesSvc({...blind, program: [...blind.program, MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`]}, [
        ...args,
        '--json',
        '--scope',
        'user',
        '--run-as',
        'ann',
      ])
    // What was started a moment ago is left time by doctor.
    await must(user, 'sleep 4')
    const [seen, doctor] = [await as('status'), await as('doctor')]
    expect([seen.code, seen.json<ServiceReport>().actual, doctor.code]).toEqual([4, 'unknown', 4])
    expect(doctor.json<{services: {findings: Finding[]}[]}>().services[0]?.findings).toMatchObject([
      {id: 'desired-state', kind: 'untold', severity: 'unknown'},
    ])
  })

  it('the home of a unit comes from a file of variables too', async () => {
    const text = `${BY_HAND.replace('Environment=HERMES_HOME=%h/.hermes', 'EnvironmentFile=%h/variables')}${INSTALL}`
    const user = await userWith('hermes-gateway.service', text)
    await must(user, 'mkdir agent; echo HERMES_HOME=$HOME/agent >variables; systemctl --user start hermes-gateway.service')
    const refused = await hermesSvc(machine(), ['install', '--json'], {user})
    expect([refused.code, refused.json<{error: {code: string}}>().error.code]).toEqual([1, 'other-home'])
    // Asked about that home it is found under the plain name that older gateways gave it.
    await waitFor(async () => (await status(user, '--home', `${user.home}/agent`)).actual === 'running', 'the gateway')
    expect(await status(user, '--home', `${user.home}/agent`)).toMatchObject({service: 'hermes-gateway.service'})
  })

  it("another account's service is nobody else's", async () => {
    const [other, user] = [await userWith('', '', guest), await userWith()]
    const text = `[Service]\nUser=guest\nExecStart=/home/guest/.hermes/bin/hermes gateway run\nEnvironment=HERMES_HOME=/home/guest/.hermes\n`
    await must(
      undefined,
      'printf %s "$1" >/etc/systemd/system/hermes-gateway.service; systemctl daemon-reload; systemctl start hermes-gateway',
      text,
    )
    expect(await status(user)).toMatchObject({home: `${user.home}/.hermes`, installed: 'no'})
    expect(await status(other)).toMatchObject({home: `${other.home}/.hermes`, scope: 'system'})
    await must(undefined, 'sed -i s/User=guest/User=gone/ /etc/systemd/system/hermes-gateway.service; systemctl daemon-reload')
    const asRoot = await hermesSvc(machine(), ['status', '--json'], {})
    expect([asRoot.code, asRoot.json<{error: {message: string}}>().error.message]).toEqual([4, expect.stringContaining('User=gone')])
    await must(undefined, 'systemctl stop hermes-gateway; rm /etc/systemd/system/hermes-gateway.service; systemctl daemon-reload')
  })

  // What is odd of them has nothing to do with one another: outside of a campaign one account has all of it.
  const NAMES: readonly [string, string, string][] = [
    ['a letter outside ASCII', 'jörg', ''],
    ['a backslash', 'CORP\\alice', ''],
    ['a uid below 1000', 'svcbot', '--system'],
  ]
  const ALL: typeof NAMES = [['a letter outside ASCII, a backslash and a uid below 1000', 'CORP\\jörg', '--system']]
  it.each(inCampaign([...ALL, ...NAMES], ALL))(
    'an account with %s can install, root sees its log, and a folder of units that is a link stays when the service is uninstalled',
    async (_what, name, flag) => {
      await must(undefined, 'useradd --badname --create-home --user-group $2 "$1" && loginctl enable-linger "$1"', name, flag)
      const [uid, gid] = (await must(undefined, 'id -u "$1"; id -g "$1"', name)).split('\n').map(Number)
      const user: Account = {name, uid: uid ?? 0, gid: gid ?? 0, home: `/home/${name}`}
      await waitFor(async () => (await machine().exec(['test', '-S', `/run/user/${uid}/bus`])).code === 0, 'the user manager')
      await must(
        user,
        'mkdir -p dot/systemd/user .config .hermes/bin; ln -s ../dot/systemd .config/systemd; install -m 755 "$1" .hermes/bin/hermes',
        STAND_IN,
      )
      await run(user, 'install')
      expect(await findings(user)).toEqual([])
      const logs = await hermesSvc(machine(), ['logs', '--scope', 'user', '--run-as', name], {})
      expect({code: logs.code, stderr: logs.stderr}).toEqual({code: 0, stderr: ''})
      expect(logs.stdout).toContain('Gateway running')
      await run(user, 'uninstall', '--yes')
      expect(await must(user, 'readlink .config/systemd; find dot/systemd -type f')).toBe('../dot/systemd\n')
    },
  )

  it('a home that even root may not read, as on NFS with root_squash, is reached with the ids of its user', async () => {
    const user = await userWith()
    await must(undefined, 'chmod 700 "$1"', user.home)
    const squashed = await machineBehind(
      machine(),
      ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all', '--'],
      'squashed',
    )
    const asRoot = (...args: string[]) => hermesSvc(squashed, [...args, '--scope', 'user', '--run-as', user.name])
    // Doctor has nothing to say of it: it runs, and its home was read.
    for (const args of [['install', '--heartbeat', 'off'], ...inCampaign([['restart'], ['stop'], ['start'], ['status']], []), ['doctor']]) {
      const result = await asRoot(...args)
      if (result.code !== 0) throw new Error(`${args.join(' ')}: ${result.code}\n${result.stdout}\n${result.stderr}`)
    }
    expect((await asRoot('uninstall', '--yes')).code).toBe(0)
  })

  // The same of two file systems and a lock: verdict-live.test.ts.
  itInCampaign('a gateway of another file system is not taken for the own one, though their locks have one inode number', async () => {
    const users = [await freshUser(), await freshUser(guest)]
    for (const user of users) {
      await must(
        undefined,
        'install -d -o "$1" -g "$1" -m 700 "$2/.hermes"; mount -t tmpfs -o uid="$3",mode=700 tmpfs "$2/.hermes"',
        user.name,
        user.home,
        String(user.uid),
      )
      await must(user, MAKE, STAND_IN, '', '')
      await run(user, 'install')
    }
    const inodes = await Promise.all(users.map((user) => must(user, 'stat -c %i .hermes/gateway.lock')))
    expect(inodes[0]).toBe(inodes[1])
    const [, second] = users as [Account, Account]
    await must(second, 'systemctl --user kill -s KILL hermes-gateway.service; systemctl --user stop hermes-gateway.service')
    const health = await hermesSvc(machine(), ['health', '--probe', 'liveness'], {user: second})
    expect([health.code, health.json<{alive: boolean}>().alive]).toEqual([1, false])
    await run(second, 'start')
    for (const user of users) {
      await run(user, 'uninstall', '--yes')
      await must(undefined, 'umount "$1/.hermes"', user.home)
    }
  })

  // 0.16 is the stand-in of all other suites; what each does without systemd: test/contract/stand-in.test.ts.
  it.each(inCampaign(['0.16', '0.21'] as const, ['0.21'] as const))(
    'the stand-in of a gateway %s keeps every claim of the contract about a service of systemd',
    async (version) => {
      const user = await freshUser()
      const root = path.resolve(import.meta.dirname, '../..')
      const program = '/var/tmp/contract.mjs'
      const entryPoints = [path.join(root, 'test/contract/main.ts')]
      const banner = {js: "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url);"}
      const {outputFiles} = await build({
        entryPoints,
        bundle: true,
        write: false,
        platform: 'node',
        format: 'esm',
        logLevel: 'error',
        banner,
      })
      await machine().writeText(program, outputFiles[0]?.text ?? '')
      const folder = `/var/tmp/contract-${version}`
      await must(user, 'mkdir "$1"', folder)
      const contract = fs.readFileSync(path.join(root, 'src/gateway/contract.ts'), 'utf8')
      const request = {command: [STAND_IN], contract, folder, withSlow: false, only: ['systemd'], standIn: version}
      await machine().writeText(`${folder}/request.json`, JSON.stringify(request), {user})
      const {code, stdout, stderr} = await machine().exec([MACHINE_NODE, program, `${folder}/request.json`], {user, timeoutMs: 240_000})
      expect({code, stderr}).toMatchObject({code: 0})
      const {outcomes} = JSON.parse(stdout) as Report
      // It installs nothing, so it has no text of a unit that it could write: tests do that in its stead.
      expect(outcomes.filter(({id, kind}) => kind !== 'holds' && id !== 'systemd.rewrites')).toEqual([])
      expect(outcomes.length).toBeGreaterThan(5)
    },
  )

  it('the home that the user manager itself sets is seen of a gateway that does not run, too', async () => {
    // Its manager keeps the variable: the last row.
    const user = await freshUser()
    await must(user, 'mkdir -p .config/environment.d agent .hermes; echo "HERMES_HOME=$HOME/agent" >.config/environment.d/50-hermes.conf')
    await must(undefined, 'systemctl restart "user@$1.service"', String(user.uid))
    await must(user, MAKE, STAND_IN, 'hermes-gateway.service', BY_HAND.replace(/Environment=.*\n/, '') + INSTALL)
    const refused = await hermesSvc(machine(), ['install', '--json'], {user})
    expect([refused.code, refused.json<{error: {code: string}}>().error.code]).toEqual([1, 'other-home'])
  })
})
