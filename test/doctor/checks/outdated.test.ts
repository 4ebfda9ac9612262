import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/outdated.js'
import {check as driftCheck} from '../../../src/doctor/checks/definition-drift.js'
import {check as helperCheck} from '../../../src/doctor/checks/helper-missing.js'
import type {Scene} from '../../../src/doctor/scene.js'
import type {DefinitionFile} from '../../../src/managers/manager.js'
import {FakeHost} from '../../fakes/fake-host.js'
import {AGENT, SUPPORT as LAUNCHD_SUPPORT} from '../../fakes/fake-launchd.js'
import {LaunchdTarget} from '../../fakes/launchd-scene.js'
import {PACKAGE_VERSION} from '../../fakes/package-files.js'
import {s6Manager} from '../../fakes/managers.js'
import {HERMES, ROOT, S6_SERVICE, S6_SETTINGS, s6Files, SLOT} from '../../fakes/s6.js'
import {DROP_IN, examined, fix, foreign, installed, kinds, SUPPORT, UNIT} from '../../fakes/scene.js'

const PACKAGE = '/usr/lib/node_modules/hermes-svc'

/** The package becomes another version, some of whose templates end otherwise. */
function update(host: FakeHost, version: string, ...templates: readonly string[]): void {
  host.put(`${PACKAGE}/package.json`, JSON.stringify({version}))
  for (const name of templates) {
    const file = `${PACKAGE}/templates/${name}`
    host.put(file, `${host.texts()[file] ?? ''}# of ${version}\n`)
  }
}

describe('outdated', () => {
  it('says nothing of what this version wrote, of what another one wrote just so, and of what is not ours', async () => {
    const machine = await installed()
    expect(await kinds(machine, check)).toEqual([])
    update(machine.host, '9.0.0')
    expect(await kinds(machine, check)).toEqual([])
    expect(await kinds(foreign(), check)).toEqual([])
  })

  it('does not render anything where the version is the same', async () => {
    const machine = await installed()
    update(machine.host, PACKAGE_VERSION, 'service-helper.sh')
    expect(await kinds(machine, check)).toEqual([])
  })

  it('names both versions and what differs, and its fix writes that and the version', async () => {
    const machine = await installed()
    const pid = machine.shown.MainPID
    update(machine.host, '1.10.0', 'service-helper.sh', 'systemd/10-hermes-svc.conf.ejs')
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([
      {
        kind: 'older',
        severity: 'warning',
        isSafe: true,
        what: `hermes-svc ${PACKAGE_VERSION} wrote hermes-gateway.service; version 1.10.0 would change service-helper.sh, 10-hermes-svc.conf`,
        cure: ['hermes-svc fix outdated'],
      },
    ])
    await fix(machine, check)
    expect(await kinds(machine, check)).toEqual([])
    expect(machine.shown.MainPID).toBe(pid)
    expect(machine.host.texts()[`${SUPPORT}/settings.json`]).toContain('"writtenBy": "1.10.0"')
  })

  it('says when a restart is needed, which `doctor --fix` does not do', async () => {
    const machine = await installed()
    const template = `${PACKAGE}/templates/systemd/gateway.service.ejs`
    update(machine.host, '2.0.0')
    const text = machine.host.texts()[template] ?? ''
    machine.host.put(template, text.replace('Description=', 'Documentation=man:other(1)\nDescription='))
    expect((await examined(machine, check)).findings).toMatchObject([{isSafe: true}])
    machine.host.put(template, text.replace('StandardOutput=', 'UMask=0077\nStandardOutput='))
    const {findings, interrupts} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'older', isSafe: false}])
    expect(findings[0]?.cure[0]).toMatch(/^hermes-svc fix outdated {3}# also restarts the gateway/)
    expect(interrupts).toBe(true)
    machine.goesDown()
    expect((await examined(machine, check)).findings).toMatchObject([{isSafe: true}])
  })

  it('tells a newer version from an older one by its numbers, and how to go back to it', async () => {
    const machine = await installed()
    update(machine.host, '1.2.0', 'service-helper.sh')
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'newer'}])
    expect(findings[0]?.cure[1]).toBe(`npm install -g hermes-svc@${PACKAGE_VERSION}   # or go back to the version that wrote it`)
  })

  it('leaves to others what was edited by hand', async () => {
    const machine = await installed()
    machine.host.put(DROP_IN, `${machine.host.texts()[DROP_IN] ?? ''}# mine\n`)
    update(machine.host, '2.0.0', 'systemd/10-hermes-svc.conf.ejs')
    expect(await kinds(machine, check)).toEqual([])
    expect(await kinds(machine, driftCheck)).toEqual(['edited info'])
  })

  it('is the only one to speak of a directive and of a helper that another version had otherwise', async () => {
    const machine = await installed()
    update(machine.host, '2.0.0')
    machine.shown.RestartUSec = '5s'
    machine.host.drop(`${SUPPORT}/service-helper.sh`)
    expect(await kinds(machine, driftCheck)).toEqual([])
    expect(await kinds(machine, helperCheck)).toEqual([])
    expect((await examined(machine, check)).findings[0]?.evidence[0]).toBe(
      `${SUPPORT}/service-helper.sh does not exist: hermes-svc ${PACKAGE_VERSION} did not write it`,
    )
  })

  it('finds what only that version had, such as the helpers of a service each of before there was one for all', async () => {
    const machine = await installed()
    const former = ['after-exit.sh', 'before-start.sh', 'before-stop.sh'].map((name) => `${SUPPORT}/${name}`)
    for (const file of former) machine.host.put(file, '')
    update(machine.host, '2.0.0')
    expect((await examined(machine, check)).findings[0]?.evidence).toEqual([
      ...former.map((file) => `${file} is left over from hermes-svc 1.2.3: this version does not write it`),
      'no restart is needed',
    ])
    await fix(machine, check)
    for (const file of former) expect(machine.host.texts()[file]).toBeUndefined()
    expect(machine.host.texts()[UNIT]).toBeDefined()
    expect(await kinds(machine, check)).toEqual([])
  })

  describe('under launchd', () => {
    it('a helper needs no restart; a property list does, since launchd goes by the one that it has loaded', async () => {
      const machine = await LaunchdTarget.installed()
      update(machine.host, '2.0.0')
      expect(await machine.find(check)).toEqual([])
      update(machine.host, '2.0.0', 'service-helper.sh', 'launchd/launcher.sh.ejs')
      expect(await machine.find(check)).toMatchObject([{kind: 'older', isSafe: true}])
      expect(await machine.fix(check)).toEqual([])
      expect(await machine.find(check)).toEqual([])
      expect(machine.host.texts()[`${LAUNCHD_SUPPORT}/settings.json`]).toContain('"writtenBy": "2.0.0"')

      const template = `${PACKAGE}/templates/launchd/gateway.plist.ejs`
      update(machine.host, '3.0.0')
      machine.host.put(
        template,
        (machine.host.texts()[template] ?? '').replace('<key>Label</key>', '<key>Nice</key><integer>1</integer>$&'),
      )
      expect(await machine.find(check)).toMatchObject([{kind: 'older', isSafe: false}])
      expect((await machine.fix(check)).map((call) => call.split(' ')[0])).toEqual(expect.arrayContaining(['bootout', 'bootstrap']))
      expect(await machine.find(check)).toEqual([])
      expect(machine.host.texts()[AGENT]).toContain('<key>Nice</key>')
    })
  })

  it('a launcher of before there was one helper needs a restart under launchd, and has its own helpers until that is over', async () => {
    const machine = await LaunchdTarget.installed()
    const [launcher, former] = [`${LAUNCHD_SUPPORT}/hermes-gateway-launcher`, `${LAUNCHD_SUPPORT}/before-start.sh`]
    machine.host.put(launcher, {text: '#!/bin/sh\nbefore_start=$support/before-start.sh\n', mode: 0o755})
    machine.host.put(former, {text: '', mode: 0o755})
    machine.host.drop(`${LAUNCHD_SUPPORT}/service-helper.sh`)
    update(machine.host, '2.0.0')
    expect(await machine.find(check)).toMatchObject([{kind: 'older', isSafe: false}])
    const wasThere: boolean[] = []
    const run = machine.host.run.bind(machine.host)
    machine.host.run = (argv, options) => {
      wasThere.push(machine.host.texts()[former] !== undefined)
      return run(argv, options)
    }
    expect(await machine.fix(check)).not.toEqual([])
    expect([wasThere.length > 0, wasThere.includes(false)]).toEqual([true, false])
    expect(machine.host.texts()[former]).toBeUndefined()
    expect(machine.host.texts()[launcher]).toContain('service-helper.sh')
    expect(await machine.find(check)).toEqual([])
  })

  describe('under s6', () => {
    const slot = (files: readonly DefinitionFile[]) => Object.fromEntries(files.map(({path, text, mode}) => [path, {text, mode}]))

    /** A slot that version 1.0.0 wrote, as this version sees it. */
    async function findings(...templates: readonly string[]) {
      const settings = {...S6_SETTINGS, heartbeat: {...S6_SETTINGS.heartbeat, enabled: false}, writtenBy: '1.0.0'}
      const before = new FakeHost({account: ROOT, accounts: [HERMES], files: s6Files()})
      const files = slot(await s6Manager(before).definition.render(S6_SERVICE, settings, new Map()))
      const host = new FakeHost({account: ROOT, accounts: [HERMES], files: {...s6Files(), ...files}})
      update(host, '1.1.0', ...templates)
      const manager = s6Manager(host)
      const seen = {manager: {service: S6_SERVICE, installed: 'own', settings}, verdict: {pid: 167}}
      const target = {host, userHost: host, manager, service: S6_SERVICE, homeFlag: 'home'}
      return (await check.examine({target, seen, processes: {}} as unknown as Scene)).findings
    }

    it('the scripts of a slot need no restart, the one that starts the gateway does', async () => {
      expect(await findings()).toEqual([])
      expect(await findings('s6/finish.ejs', 's6/run.ejs')).toMatchObject([
        {kind: 'older', isSafe: true, evidence: [`${SLOT}/finish is not what this version writes`, expect.any(String), expect.any(String)]},
      ])
      expect(await findings('s6/start.sh.ejs')).toMatchObject([{kind: 'older', isSafe: false}])
    })
  })
})
