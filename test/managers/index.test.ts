import {describe, expect, it} from 'vitest'
import {detectManager, managersHere} from '../../src/managers/index.js'
import {type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'
import {refusal} from '../support/refusal.js'

const SYSTEMD: Record<string, FakeFile> = {'/run/systemd/system': {folder: true}}

describe('detectManager', () => {
  it('finds systemd where it runs', async () => {
    expect(await detectManager(new FakeHost({files: SYSTEMD}), undefined, 'user', USER)).toMatchObject({kind: 'systemd', scope: 'user'})
    expect((await detectManager(new FakeHost({files: SYSTEMD}), 'systemd', 'system', USER)).title).toBe('systemd (system)')
  })

  it('cannot tell where it does not, and says what runs instead, and what keeps a gateway alive there', async () => {
    const error = await refusal(() => detectManager(new FakeHost({files: {'/proc/1/comm': 'tini\n'}}), undefined, 'user', USER))
    expect(error).toMatchObject({code: 'no-manager', exitStatus: 4, message: expect.stringContaining('(PID 1 is tini)') as string})
    expect(error).toMatchObject({next: [expect.stringMatching(/^hermes-svc run /), expect.stringMatching(/^hermes-svc smoke --isolated /)]})
  })

  it('finds launchd where there is a launchctl', async () => {
    const files = {'/bin/launchctl': {mode: 0o755}}
    expect(await detectManager(new FakeHost({files, platform: 'darwin'}), undefined, 'user', USER)).toMatchObject({
      kind: 'launchd',
      scope: 'user',
    })
    expect((await detectManager(new FakeHost({files: {...files, ...SYSTEMD}}), 'launchd', 'system', USER)).title).toBe('launchd (system)')
    expect((await detectManager(new FakeHost({files: {...files, ...SYSTEMD}}), undefined, 'user', USER)).kind).toBe('systemd')
  })

  it('cannot tell where the manager that was asked for is not the one of this machine', async () => {
    const launchd = await refusal(() => detectManager(new FakeHost({files: SYSTEMD}), 'launchd', 'user', USER))
    expect(launchd).toMatchObject({exitStatus: 4, message: '--manager launchd: this machine has no launchd; systemd runs here'})
    const systemd = await refusal(() => detectManager(new FakeHost({files: {'/bin/launchctl': {mode: 0o755}}}), 'systemd', 'user', USER))
    expect(systemd.exitStatus).toBe(4)
  })

  it('refuses a manager that it does not know, and names those that it does', async () => {
    const error = await refusal(() => detectManager(new FakeHost({files: SYSTEMD}), 'upstart', 'user', USER))
    expect(error).toMatchObject({exitStatus: 2, message: '--manager upstart is not known. Use one of: systemd, launchd, s6, run'})
  })

  const CONTAINER: Record<string, FakeFile | string> = {'/proc/1/comm': 's6-svscan\n', '/run/s6/basedir': {folder: true}}

  it('finds s6 where it is PID 1 of a container, in one scope for all', async () => {
    expect(await detectManager(new FakeHost({files: CONTAINER}), undefined, 'user', USER)).toMatchObject({kind: 's6', scope: 'system'})
  })

  it.each<[string, Record<string, FakeFile | string>]>([
    ['without the folder of s6-overlay', {'/proc/1/comm': 's6-svscan\n'}],
    ['that is not PID 1', {'/proc/1/comm': 'tini\n', '/run/s6/basedir': {folder: true}}],
  ])('does not take an s6 %s for one', async (_, files) => {
    expect((await refusal(() => detectManager(new FakeHost({files}), undefined, 'user', USER))).code).toBe('no-manager')
  })

  it('believes a flag and a variable, the flag first', async () => {
    const env = {HERMES_SVC_MANAGER: 's6'}
    expect((await detectManager(new FakeHost({files: SYSTEMD, env}), undefined, 'user', USER)).kind).toBe('s6')
    expect((await detectManager(new FakeHost({files: SYSTEMD, env}), 'systemd', 'user', USER)).kind).toBe('systemd')
    expect((await refusal(() => detectManager(new FakeHost({files: CONTAINER}), 'systemd', 'user', USER))).code).toBe('no-manager')
    const unknown = new FakeHost({env: {HERMES_SVC_MANAGER: 'upstart'}})
    expect((await refusal(() => detectManager(unknown, undefined, 'user', USER))).message).toContain(
      'HERMES_SVC_MANAGER=upstart is not known',
    )
  })

  it('is not led astray by programs of systemd that do not run', async () => {
    expect(
      (await refusal(() => detectManager(new FakeHost({files: {'/usr/bin/systemctl': {mode: 0o755}}}), undefined, 'user', USER)))
        .exitStatus,
    ).toBe(4)
  })
})

describe('managersHere', () => {
  const launchctl = {'/bin/launchctl': {mode: 0o755}}

  it('has all that are seen, and the one alone that the environment names', async () => {
    expect(await managersHere(new FakeHost({files: SYSTEMD}))).toEqual(['systemd'])
    expect(await managersHere(new FakeHost({files: launchctl}))).toEqual(['launchd'])
    expect(await managersHere(new FakeHost({files: {...SYSTEMD, ...launchctl}}))).toEqual(['systemd', 'launchd'])
    expect(await managersHere(new FakeHost({files: SYSTEMD, env: {HERMES_SVC_MANAGER: 's6'}}))).toEqual(['s6'])
  })

  it('says what keeps a gateway alive where there is none', async () => {
    const error = await refusal(() => managersHere(new FakeHost({files: {'/proc/1/comm': 'tini\n'}})))
    expect(error).toMatchObject({exitStatus: 4, next: expect.arrayContaining([expect.stringMatching(/^hermes-svc run /)]) as string[]})
  })
})
