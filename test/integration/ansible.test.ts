import {execFileSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {type Machine, whyNoMachine} from '../../src/smoke/machine.js'
import {Controller, MODULE_PYTHON, type Played} from '../support/ansible.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {doctor} from '../support/doctor-row.js'
import {bootTestMachine, testHost} from '../support/machines.js'
import {packPackage, type Packed} from '../support/packed.js'
import {systemd257Root} from '../support/systemd-257-root.js'
import {TestService} from '../support/test-service.js'

/** A value that the document takes from the environment, and one that it contains. */
const SECRETS = ['swordfish', 'open-sesame'] as const
/** A value that differs on the Debian 13. */
const ON_ONE = "{{ 5 if inventory_hostname == 'debian13' else 3 }}"
/** Everything is to go from the Debian 12, and from there alone. */
const GONE_FROM_ONE = {hermes_svc_state: "{{ 'absent' if inventory_hostname == 'debian12' else 'present' }}"}
const DOCUMENT = '/etc/hermes-svc.json'
const NODE = '/usr/local/bin/node'
const INSTALLED = '/usr/local/lib/node_modules/hermes-svc'
const NEXT_VERSION = '0.2.0'
/** sh program. $1: a package's file. $2: its next version, in which the helper and the drop-in are others. */
const UPDATE = `set -e
tar -xzf "$1"
cd package
sed -i 's/"version": "[^"]*"/"version": "${NEXT_VERSION}"/' package.json
# The build has compiled the templates: this package goes by those that are changed here.
sed -i 's/COMPILED_TEMPLATES\\[name\\]/undefined/' dist/cli.cjs dist/doctor.cjs
sed -i '2i # Of another version.' templates/service-helper.sh
sed -i 's/^KillMode=mixed/SendSIGHUP=no\\n&/' templates/systemd/10-hermes-svc.conf.ejs
tar -czf "$2" -C .. package
`
const APPLY = 'Apply the document'
const APPLY_MODULE = fs.readFileSync(path.join(testHost.packageRoot, 'deploy/ansible/plugins/modules/apply.py'), 'utf8')
const INSTALL = 'Install the package'
const WRITE = 'Write the document'
const REMOVAL = ['Uninstall all services', 'Remove the document', 'Remove the package']
const REMOVED_PLACES = [
  INSTALLED,
  '/usr/local/bin/hermes-svc',
  DOCUMENT,
  '/etc/hermes-svc',
  '/etc/systemd/system/hermes-*',
  '~ann/.config/hermes-svc',
]

/** A machine of the inventory, with the services that are declared on it. */
interface Member {
  readonly machine: Machine
  /** One of a user's own, and one of the machine. */
  readonly services: readonly [TestService, TestService]
}

const hosts = inCampaign(['debian12', 'debian13'] as const, ['debian12'] as const)
const debian13 = isCampaign ? await systemd257Root() : undefined
const hasAnsible = testHost.which('ansible-playbook', process.env.PATH ?? '') !== undefined
const reason =
  whyNoMachine(testHost) ??
  (debian13 && ('reason' in debian13 ? debian13.reason : whyNoMachine(testHost, debian13.root))) ??
  (hasAnsible ? undefined : 'needs Ansible: apt-get install -y ansible-core')

// A run of the role takes ten seconds of a processor for each machine. Outside of a campaign it is one machine, with a run that brings everything and one that takes everything
// away, and the module alone between them; two at once, of which one fails or is gone, are what Ansible makes of them.
describeUnless(reason, `the role for Ansible, on ${inCampaign('a Debian 12 and a Debian 13 at once', 'a Debian 12')}`, () => {
  const controller = new Controller()
  const members = {} as Record<'debian12' | 'debian13', Member>
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-ansible-test-'))
  let packed: Packed
  let next: string

  beforeAll(async () => {
    packed = packPackage()
    next = path.join(scratch, 'next.tgz')
    if (isCampaign) execFileSync('sh', ['-c', UPDATE, 'sh', path.join(packed.folder, packed.filename), next], {cwd: scratch})
    const how = {debian12: {}, debian13: {ansible_become_method: 'su'}}
    await controller.setUp(Object.fromEntries(hosts.map((host) => [host, how[host]])))
    const npm = path.dirname(path.dirname(fs.realpathSync(execFileSync('sh', ['-c', 'command -v npm'], {encoding: 'utf8'}).trim())))
    const binds = [
      MODULE_PYTHON,
      {source: fs.realpathSync(process.execPath), target: NODE},
      {source: npm, target: '/usr/local/lib/node_modules/npm'},
    ]
    const boot = async (name: keyof typeof members, root: string) => {
      const machine = await bootTestMachine({root, binds})
      const [ann, hermes] = [await machine.addUser('ann'), await machine.addUser('hermes', {linger: false})]
      await machine.exec(['ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm'])
      const installed = Object.create(machine, {program: {value: [NODE, `${INSTALLED}/bin/hermes-svc.cjs`]}}) as Machine
      members[name] = {
        machine,
        services: [
          await TestService.make(installed, ann, {profile: 'default'}),
          await TestService.make(installed, hermes, {profile: 'default', scope: 'system'}),
        ],
      }
      controller.connect(name, machine)
    }
    const roots = {debian12: '/', debian13: debian13 && 'root' in debian13 ? debian13.root : ''}
    await Promise.all(hosts.map((host) => boot(host, roots[host])))
  })
  afterAll(async () => {
    await Promise.all(Object.values(members).map(({machine}) => machine.down()))
    fs.rmSync(scratch, {recursive: true})
    controller.tearDown()
  })

  const declared = (value = '3', tarball = path.join(packed.folder, packed.filename)) => ({
    hermes_svc_tarball: tarball,
    hermes_svc_services: [
      {profile: 'default', scope: 'user', account: 'ann', watchdog: value, env: {LEVEL: value}},
      {profile: 'default', scope: 'system', account: 'hermes', env: {TOKEN_0: {fromEnv: 'TOKEN_OF_HERMES'}, TOKEN_1: SECRETS[1]}},
    ],
    hermes_svc_environment: {TOKEN_OF_HERMES: SECRETS[0]},
    hermes_svc_doctor: true,
  })
  const changes = (played: Played) => hosts.map((host) => played.changed(host))
  const done = (played: Played, code = 0) => expect(played.code, played.output).toBe(code)
  const pids = () => Promise.all(hosts.map((host) => Promise.all(members[host].services.map((service) => service.mainPid()))))
  const starts = () => Promise.all(hosts.map((host) => Promise.all(members[host].services.map((service) => service.starts()))))
  const sh = (host: (typeof hosts)[number], program: string) => members[host].services[0].sh(program)

  // What is reported there in place of a plan: test/ansible-role.test.ts.
  itInCampaign('reports in check mode what a run would do on a machine that has nothing yet, and does nothing', async () => {
    const played = await controller.play(declared(), ['--check', '--diff'])
    done(played)
    expect(changes(played)).toEqual(hosts.map(() => [INSTALL, WRITE, 'Tell what would be installed']))
    for (const host of hosts) expect(await sh(host, `ls -d ${INSTALLED} ${DOCUMENT} 2>/dev/null; true`)).toBe('')
  })

  it('installs the package and the services of both scopes, and prints no secret with -vvvv and --diff', async () => {
    const played = await controller.play(declared(), ['-vvvv', '--diff'])
    done(played)
    expect(changes(played)).toEqual(hosts.map(() => [INSTALL, WRITE, APPLY]))
    expect(played.output).toContain('SSH: EXEC')
    expect(played.output).toContain('hermes-gateway.service (ann, user): install')
    for (const secret of SECRETS) expect(played.output).not.toContain(secret)
    const lookedAt = played.rows.filter(({task}) => task === 'Run doctor on the services').map(({outcome}) => outcome)
    expect(lookedAt).toEqual(hosts.map(() => 'ok'))
    const checksum = createHash('sha256')
      .update(fs.readFileSync(path.join(packed.folder, packed.filename)))
      .digest('hex')
    for (const host of hosts) {
      expect(await sh(host, `cat ${INSTALLED}/.installed-from`)).toBe(checksum)
      const [ofUser, ofMachine] = members[host].services
      expect(await ofUser.status()).toMatchObject({actual: 'running', scope: 'user', enabled: true})
      expect(await ofMachine.status()).toMatchObject({actual: 'running', scope: 'system', enabled: true})
      expect(await sh(host, `stat -c '%U %a' ${DOCUMENT}`)).toBe('root 600\n')
      expect(await sh(host, `journalctl --quiet --no-pager | grep -E '${SECRETS.join('|')}' || true`)).toBe('')
      const environ = await ofMachine.sh('tr "\\0" "\\n" <"/proc/$1/environ"', [String(await ofMachine.mainPid())])
      expect(environ.split('\n')).toEqual(expect.arrayContaining(SECRETS.map((secret, index) => `TOKEN_${index}=${secret}`)))
      const {result} = played.rows.find((row) => row.host === host && row.task === 'Set the facts') ?? {}
      const services = [
        {account: 'ann', scope: 'user', actual: 'running'},
        {account: 'hermes', scope: 'system', actual: 'running'},
      ]
      expect(result).toMatchObject({ansible_facts: {hermes_svc_facts: {version: packed.version, services}}})
    }
  })

  // In a campaign by runs of the role, where a change can be compared with its plan word for word; when the role installs a package: test/ansible-role.test.ts.
  if (!isCampaign) {
    it('has a module that reports in check mode the change of a value, which is then one restart, and changes nothing when it is run again', async () => {
      const {machine, services} = members.debian12
      const vars = declared('5')
      const args = {
        ...{document: {schemaVersion: 1, services: vars.hermes_svc_services}, environment: vars.hermes_svc_environment},
        program: `${INSTALLED}/bin/hermes-svc.cjs`,
      }
      const module = async (isCheck: boolean) => {
        const input = JSON.stringify({ANSIBLE_MODULE_ARGS: {...args, _ansible_check_mode: isCheck, _ansible_diff: true}})
        const {code, stdout, stderr} = await machine.exec(['python3', '-c', APPLY_MODULE], {input, timeoutMs: 90_000})
        expect({code, stdout, stderr}).toMatchObject({code: 0, stderr: ''})
        for (const secret of SECRETS) expect(stdout).not.toContain(secret)
        return JSON.parse(stdout) as {changed: boolean; diff: {prepared: string}}
      }
      const [before, [began]] = [await pids(), await starts()]
      const planned = await module(true)
      expect(planned.changed).toBe(true)
      expect(planned.diff.prepared).toContain('hermes-gateway.service (ann, user): change, restart (watchdog 3 -> 5, env.LEVEL)\n')
      expect([await pids(), await starts()]).toEqual([before, [began]])

      expect(await module(false)).toMatchObject({changed: true, diff: planned.diff})
      expect(await starts()).toEqual([[(began?.[0] ?? 0) + 1, began?.[1]]])
      const after = await pids()
      expect(after[0]?.[1]).toBe(before[0]?.[1])
      expect(await services[0].status()).toMatchObject({actual: 'running'})
      expect(await module(false)).toMatchObject({changed: false, diff: {prepared: ''}})
      expect(await pids()).toEqual(after)
    })
  }

  itInCampaign('changes nothing when it is run again', async () => {
    const before = await pids()
    const played = await controller.play(declared())
    done(played)
    expect(changes(played)).toEqual([[], []])
    expect(await pids()).toEqual(before)
  })

  itInCampaign(
    'reports in check mode the change of one value on one machine, which is then one restart there and nothing else, and a removal, which it does not do',
    async () => {
      const [before, began] = [await pids(), await starts()]
      const text = await sh('debian13', `cat ${DOCUMENT}`)
      const planned = await controller.play({...declared(ON_ONE), ...GONE_FROM_ONE}, ['--check', '--diff'])
      done(planned)
      expect(changes(planned)).toEqual([REMOVAL, [WRITE, APPLY]])
      expect(planned.output).toContain('hermes-gateway.service (ann, user): change, restart (watchdog 3 -> 5, env.LEVEL)')
      expect([await pids(), await sh('debian13', `cat ${DOCUMENT}`)]).toEqual([before, text])

      const played = await controller.play(declared(ON_ONE), ['--diff'])
      done(played)
      expect(changes(played)).toEqual([[], [WRITE, APPLY]])
      const shown = (of: Played) => of.rows.find(({host, task}) => host === 'debian13' && task === APPLY)?.result.diff
      expect(shown(played)).toEqual(shown(planned))
      expect(played.rows.filter(({task}) => task === 'Run doctor on the services').map(({host, outcome}) => [host, outcome])).toEqual([
        ['debian13', 'ok'],
      ])
      for (const secret of SECRETS) expect(planned.output + played.output).not.toContain(secret)
      expect(await starts()).toEqual([began[0], [(began[1]?.[0] ?? 0) + 1, began[1]?.[1]]])
      expect((await pids())[0]).toEqual(before[0])
    },
  )

  itInCampaign('updates hermes-svc and what it wrote while the gateways go on, and removes everything from the other machine', async () => {
    const [, before] = await pids()
    const played = await controller.play({...declared(ON_ONE, next), ...GONE_FROM_ONE})
    done(played)
    expect(changes(played)).toEqual([REMOVAL, [INSTALL, APPLY]])
    expect(await Promise.all(members.debian13.services.map((service) => service.mainPid()))).toEqual(before)
    expect(await sh('debian13', '/usr/local/bin/hermes-svc --version')).toContain(`hermes-svc/${NEXT_VERSION} `)
    for (const service of members.debian13.services) {
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      expect(await service.show('SendSIGHUP', 'NeedDaemonReload')).toEqual(['no', 'no'])
    }
    expect(await sh('debian12', `ls -d ${REMOVED_PLACES.join(' ')} 2>/dev/null; true`)).toBe('')
  })

  itInCampaign('installs again what was removed, and changes nothing on the other machine', async () => {
    const [, before] = await pids()
    const played = await controller.play(declared(ON_ONE, next))
    done(played)
    expect(changes(played)).toEqual([[INSTALL, WRITE, APPLY], []])
    expect((await pids())[1]).toEqual(before)
  })

  itInCampaign('keeps a file that was edited by hand, warns of it, and changes nothing', async () => {
    const [before, [service]] = [await pids(), members.debian12.services]
    await service.sh('echo "# by hand" >>"$1"', [service.dropIn], service.actor)
    await service.systemctl('daemon-reload')
    const played = await controller.play(declared(ON_ONE, next))
    done(played)
    expect(changes(played)).toEqual([[], []])
    // Ansible breaks a warning into lines.
    const bare = (text: string) => text.replace(/\s+/g, '')
    const warning = `hermes-gateway.service (ann, user): kept ${service.dropIn}, which was edited by hand (force replaces it)`
    expect(bare(played.output)).toContain(bare(warning))
    expect(await pids()).toEqual(before)
  })

  itInCampaign('fails with the reason on the machine where a gateway does not start, and the other machine is done', async () => {
    await members.debian13.services[0].configure({exit_on_start: {code: 78}})
    const played = await controller.play({...declared('7', next), hermes_svc_force: true})
    done(played, 2)
    expect(played.changed('debian12')).toEqual([WRITE, APPLY])
    expect(played.stats).toMatchObject({debian12: {failures: 0}, debian13: {failures: 1}})
    const failed = played.rows.find(({outcome}) => outcome === 'failed')
    expect(failed).toMatchObject({host: 'debian13', task: APPLY, result: {rc: 1, changed: false}})
    expect(failed?.result.msg).toMatch(/^hermes-gateway\.service \(ann, user\): .*\n[^]*next: /)
    await members.debian13.services[0].configure({})
  })

  itInCampaign('does the other machine if one cannot be reached in the middle, and the next run does that one', async () => {
    let isCut = false
    const played = await controller.play(declared('8', next), [], (text) => {
      if (isCut || !text.includes(`[hermes.svc.gateway : ${WRITE}]`)) return
      isCut = true
      controller.connect('debian13', undefined)
    })
    controller.connect('debian13', members.debian13.machine)
    done(played, 4)
    expect(played.stats).toMatchObject({debian12: {failures: 0, unreachable: 0}, debian13: {unreachable: 1}})
    expect(played.changed('debian12')).toEqual([WRITE, APPLY])
    const mended = await controller.play(declared('8', next))
    done(mended)
    expect(mended.changed('debian12')).toEqual([])
    expect(mended.changed('debian13')).toContain(APPLY)
    for (const service of hosts.flatMap((host) => members[host].services)) {
      expect(await service.status()).toMatchObject({actual: 'running'})
    }
  })

  it(`removes everything${inCampaign(' from both machines', '')}`, async () => {
    const played = await controller.play({...declared(), hermes_svc_state: 'absent'})
    done(played)
    expect(changes(played)).toEqual(hosts.map(() => REMOVAL))
    for (const host of hosts) expect(await sh(host, `ls -d ${REMOVED_PLACES.join(' ')} 2>/dev/null; true`)).toBe('')
  })

  itInCampaign('removes nothing where nothing is left', async () => {
    const again = await controller.play({...declared(), hermes_svc_state: 'absent'})
    done(again)
    expect(changes(again)).toEqual([[], []])
  })

  itInCampaign('works as the account of the connection alone, on its own services', async () => {
    for (const host of hosts) await sh(host, 'echo prefix=/home/ann/.local >~ann/.npmrc')
    const vars = {
      ...declared(),
      ...{ansible_user: 'ann', hermes_svc_become: false, hermes_svc_services: [{profile: 'default', watchdog: 4}]},
      ...{hermes_svc_document: '/home/ann/hermes-svc.json', hermes_svc_program: '/home/ann/.local/bin/hermes-svc'},
    }
    const played = await controller.play(vars)
    done(played)
    expect(changes(played)).toEqual(hosts.map(() => [INSTALL, WRITE, APPLY]))
    for (const host of hosts) {
      const [service] = members[host].services
      const report = await service.sh('"$1" "$2" status --json', [NODE, '/home/ann/.local/bin/hermes-svc'], service.actor)
      expect(JSON.parse(report)).toMatchObject({account: 'ann', scope: 'user', actual: 'running'})
      expect(await sh(host, 'stat -c "%U %a" /home/ann/hermes-svc.json')).toBe('ann 600\n')
    }
    const removed = await controller.play({...vars, hermes_svc_state: 'absent'})
    done(removed)
    for (const host of hosts) expect(await sh(host, 'ls -d ~ann/.local/bin/hermes-svc ~ann/hermes-svc.json 2>/dev/null; true')).toBe('')
  })

  itInCampaign('does the other machine if one goes down in the middle', async () => {
    let down: Promise<void> | undefined
    const played = await controller.play(declared(), [], (text) => {
      if (text.includes(`[hermes.svc.gateway : ${WRITE}]`)) down ??= members.debian13.machine.down()
    })
    await down
    done(played, 4)
    expect(played.stats).toMatchObject({debian12: {failures: 0, unreachable: 0}, debian13: {unreachable: 1}})
    for (const service of members.debian12.services) expect(await service.status()).toMatchObject({actual: 'running'})
  })
})
