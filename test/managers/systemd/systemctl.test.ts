import {describe, expect, it} from 'vitest'
import type {RunOptions, RunResult} from '../../../src/host/host.js'
import {Systemctl} from '../../../src/managers/systemd/systemctl.js'
import {FakeHost, USER} from '../../fakes/fake-host.js'

/** A machine whose manager answers a look or does not. */
class Machine extends FakeHost {
  readonly limits: (number | undefined)[] = []
  isSilent = false

  override read(argv: readonly string[], options: RunOptions = {}): RunResult {
    this.limits.push(options.timeoutMs)
    const answer = {argv, code: 0, signal: null, stdout: 'Id=a.service\nLoadState=not-found\n', stderr: ''}
    return this.isSilent ? {...answer, code: null, stdout: '', failure: 'TIMEOUT'} : answer
  }
}

describe('a manager that does not answer', () => {
  it('is not waited for as long at the next looks, until it answers again', () => {
    const machine = new Machine()
    const look = () => {
      try {
        new Systemctl(machine, 'system', USER).show(['Id', 'LoadState'], ['a.service'])
      } catch (error) {
        expect(error).toMatchObject({exitStatus: 4})
      }
      return machine.limits.at(-1)
    }
    machine.isSilent = true
    const [first = 0, second = 0] = [look(), look()]
    expect(second).toBeLessThan(first)
    machine.isSilent = false
    expect([look(), look()]).toEqual([second, first])
  })
})
