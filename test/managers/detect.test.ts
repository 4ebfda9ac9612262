import {describe, expect, it} from 'vitest'
import {ServiceError} from '../../src/errors.js'
import {detectManager} from '../../src/managers/detect.js'
import {type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'

const SYSTEMD: Record<string, FakeFile> = {'/run/systemd/system': {folder: true}}

function refusal(work: () => unknown): ServiceError {
  try {
    work()
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
  throw new Error('it was not refused')
}

describe('detectManager', () => {
  it('finds systemd where it runs', () => {
    expect(detectManager(new FakeHost({files: SYSTEMD}), undefined, 'user', USER)).toMatchObject({kind: 'systemd', scope: 'user'})
    expect(detectManager(new FakeHost({files: SYSTEMD}), 'systemd', 'system', USER).title).toBe('systemd (system)')
  })

  it('cannot tell where it does not, and says what runs instead', () => {
    const error = refusal(() => detectManager(new FakeHost({files: {'/proc/1/comm': 'tini\n'}}), undefined, 'user', USER))
    expect(error).toMatchObject({code: 'no-manager', exitStatus: 4, message: expect.stringContaining('(PID 1 is tini)') as string})
  })

  it('refuses a manager that it does not know, and names those that it does', () => {
    const error = refusal(() => detectManager(new FakeHost({files: SYSTEMD}), 'upstart', 'user', USER))
    expect(error).toMatchObject({exitStatus: 2, message: '--manager upstart is not known; it is one of: systemd, s6'})
  })

  it('is not led astray by programs of systemd that do not run', () => {
    expect(
      refusal(() => detectManager(new FakeHost({files: {'/usr/bin/systemctl': {mode: 0o755}}}), undefined, 'user', USER)).exitStatus,
    ).toBe(4)
  })
})
