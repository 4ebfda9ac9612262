import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/definition-broken.js'
import type {FakeFile} from '../../fakes/fake-host.js'
import {processFiles} from '../../fakes/fake-process.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'
import {examined, fix, foreign, installed, kinds} from '../../fakes/scene.js'

const OTHER = '/home/user/.hermes/bin/hermes'
const PROGRAM = {text: '#!/bin/sh\n', mode: 0o755}

describe('definition-broken', () => {
  it('says nothing of a definition whose parts are all there', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
    expect(await kinds(foreign(), check)).toEqual([])
  })

  it.each<[string, Record<string, string>, string]>([
    ['masked', {LoadState: 'masked'}, 'masked error'],
    ['refused', {LoadState: 'bad-setting'}, 'refused error'],
    ['whose home is temporary and gone', {Environment: 'HERMES_HOME=/tmp/x'}, 'home-missing error'],
    ['whose working directory is gone', {WorkingDirectory: '/home/user/checkout'}, 'folder error'],
    ['that could not execute its program', {ActiveState: 'failed', ExecMainCode: '1', ExecMainStatus: '203'}, 'start-failed error'],
  ])('finds one %s', async (_name, shown, expected) => {
    expect(await kinds(foreign(shown), check)).toEqual([expected])
  })

  it('finds a home that is there and temporary', async () => {
    const machine = foreign({Environment: 'HERMES_HOME=/tmp/x'})
    machine.host.put('/tmp/x', {folder: true})
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'home-temporary', isFixable: false}])
  })

  it('finds a folder in the place of the home that has nothing of ours in it, such as that of a file system that is yet to be mounted', async () => {
    const machine = await installed()
    machine.goesDown('activating', 'auto-restart', 1)
    expect(await kinds(machine, check)).toEqual([])
    machine.host.drop(`${machine.home}/.hermes-svc.json`)
    machine.host.drop(`${machine.home}/logs`)
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'home-unmarked', severity: 'error', isFixable: false}])
    expect(findings[0]?.cure[0]).toContain(`findmnt --target ${machine.home}`)
    machine.host.put(`${machine.home}/logs/hermes-svc.jsonl`, '{}\n')
    expect(await kinds(machine, check)).toEqual([])
  })

  it.each<[string, {text: string; mode: number} | undefined, RegExp]>([
    ['is gone', undefined, /\/usr\/bin\/hermes does not exist/],
    ['is not executable', {text: '#!/bin/sh\n', mode: 0o644}, /not executable \(mode 644\)/],
    ['has no interpreter', {text: '#!/opt/python\n', mode: 0o755}, /needs the interpreter \/opt\/python/],
  ])('says so if the program %s', async (_name, program, what) => {
    const machine = await installed()
    machine.host.drop('/usr/bin/hermes')
    if (program) machine.host.put('/usr/bin/hermes', program)
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'program', severity: 'error', isFixable: false}])
    expect(findings[0]?.what).toMatch(what)
    expect(findings[0]?.explains).toContain('crash-loop')
  })

  it.each<[string, string, Record<string, FakeFile>]>([
    ['by the home directory', '%h/.local/bin/hermes gateway run', {'/home/user/.local/bin/hermes': PROGRAM}],
    ['by name', 'python3 /home/user/x gateway run', {'/usr/bin/python3': PROGRAM}],
    [
      'by env, without a PATH',
      '/opt/hermes gateway run',
      {'/opt/hermes': {text: '#!/usr/bin/env python3\n', mode: 0o755}, '/usr/bin/python3': PROGRAM},
    ],
    ['by a specifier that cannot be told', '/opt/%b/hermes gateway run', {}],
  ])('says nothing of a program that is named %s', async (_name, command, files) => {
    const machine = foreign({Environment: 'HERMES_HOME=/home/user/.hermes'}, command)
    for (const [file, content] of Object.entries(files)) machine.host.put(file, content)
    expect(await kinds(machine, check)).toEqual([])
  })

  it("looks for an interpreter on the user manager's own PATH where the unit sets none, and finds that it is missing there too", async () => {
    const machine = foreign({Environment: ''}, '/opt/hermes gateway run')
    machine.host.put('/opt/hermes', {text: '#!/usr/bin/env uv\n', mode: 0o755})
    expect((await examined(machine, check)).findings[0]?.what).toContain('needs the interpreter uv')
    machine.managerEnvironment.PATH = '/home/user/.cargo/bin:/usr/bin'
    machine.host.put('/home/user/.cargo/bin/uv', PROGRAM)
    expect(await kinds(machine, check)).toEqual([])
  })

  describe('of a gateway that was started on this very definition', () => {
    /** It was started a minute after the unit was written, and now is another minute later. */
    async function started(command: string, files: Record<string, FakeFile | string> = {}): Promise<FakeSystemd> {
      const machine = foreign({}, command)
      for (const [file, content] of Object.entries(files)) machine.host.put(file, content)
      await machine.host.sleep(120_000)
      const entry = {...processFiles({pid: machine.host.pid, startTime: 100_000, argv: ['node'], env: {}})}
      for (const [file, content] of Object.entries(entry)) machine.host.put(file, content)
      machine.comesUp('running', {startTime: 100_000 - 6000})
      return machine
    }

    it.each<[string, string, Record<string, FakeFile | string>]>([
      ['a program that is nowhere, such as one in a RootDirectory=', '/opt/hermes/bin/hermes gateway run', {'/opt': {folder: true}}],
      [
        'an interpreter that is nowhere, such as one on a PATH of environment.d',
        '/opt/hermes gateway run',
        {'/opt/hermes': {text: '#!/usr/bin/env uv\n', mode: 0o755}, '/usr/local/bin': {folder: true}, '/usr/local/sbin': {folder: true}},
      ],
    ])('says nothing of %s', async (_, command, files) => {
      const machine = await started(command, files)
      expect(await kinds(machine, check)).toEqual([])
      // It has ended: that it can start is not proved any more.
      machine.goesDown('activating', 'auto-restart', 1)
      expect(await kinds(machine, check)).toEqual(['program error'])
    })

    it('says nothing of a folder that is nowhere', async () => {
      const machine = await started('/usr/bin/hermes gateway run', {'/srv': {folder: true}})
      machine.shown.WorkingDirectory = '/srv/work'
      expect(await kinds(machine, check)).toEqual([])
      machine.host.put('/srv', {folder: true})
      expect(await kinds(machine, check)).toEqual(['folder error'])
    })

    it.each<[string, (machine: FakeSystemd) => void]>([
      ['the program was taken away since', (machine) => machine.host.put('/opt', {folder: true})],
      ['the unit was changed since', (machine) => machine.host.put(machine.unit, machine.host.readText(machine.unit) ?? '')],
      ['systemd has not read the unit as it is', (machine) => Object.assign(machine.shown, {NeedDaemonReload: 'yes'})],
    ])('finds it where %s', async (_, change) => {
      const machine = await started('/opt/hermes/bin/hermes gateway run', {'/opt': {folder: true}})
      change(machine)
      expect(await kinds(machine, check)).toEqual(['program error'])
    })
  })

  it('looks for an interpreter on the PATH that a file of variables sets', async () => {
    const machine = foreign({EnvironmentFiles: '/etc/default/hermes (ignore_errors=no)'}, '/opt/hermes gateway run')
    machine.host.put('/opt/hermes', {text: '#!/usr/bin/env uv\n', mode: 0o755})
    machine.host.put('/etc/default/hermes', 'PATH="/opt/tools:/usr/bin"\n')
    expect(await kinds(machine, check)).toEqual(['program error'])
    machine.host.put('/opt/tools/uv', PROGRAM)
    expect(await kinds(machine, check)).toEqual([])
  })

  it('finds that a program in the home directory is gone', async () => {
    const {findings} = await examined(foreign({}, '%h/.local/bin/hermes gateway run'), check)
    expect(findings[0]?.what).toContain('/home/user/.local/bin/hermes does not exist')
  })

  it('renders the definition anew where there is another gateway', async () => {
    const machine = await installed()
    machine.host.drop('/usr/bin/hermes')
    machine.host.put(OTHER, PROGRAM)
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'program', isFixable: true, isSafe: false}])
    machine.goesDown('activating', 'auto-restart', 127)
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'program', isFixable: true, isSafe: true}])
    await fix(machine, check)
    expect(machine.host.texts()[machine.unit]).toContain(`ExecStart=:"${OTHER}" "gateway" "run"`)
  })

  it("gives another tool's unit the gateway that there is in our drop-in, and only if the operator says so", async () => {
    const machine = foreign({}, '/gone/hermes gateway run')
    machine.host.put(OTHER, PROGRAM)
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'program', isFixable: true, isSafe: false}])
    await fix(machine, check)
    expect(machine.host.texts()[`${machine.unit}.d/10-hermes-svc.conf`]).toContain(`ExecStart=:"${OTHER}" "gateway" "run"`)
  })
})
