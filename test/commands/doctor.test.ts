import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import Doctor from '../../src/commands/doctor.js'
import type {Host} from '../../src/host/host.js'
import {lightConfig} from '../../src/light-config.js'
import type {FakeSystemd} from '../fakes/fake-systemd.js'
import {installed} from '../fakes/scene.js'

let stdout = ''
beforeEach(() => {
  stdout = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((stdout += String(text))))
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterEach(() => void vi.restoreAllMocks())

interface Fixed {
  readonly ok: boolean
  readonly fixes: readonly {readonly id: string; readonly ok: boolean}[]
}

/** Runs doctor on a machine; how often systemd was asked for the service meanwhile. */
async function doctor({host}: FakeSystemd, ...args: readonly string[]): Promise<{readonly looks: number; readonly document: Fixed}> {
  class OnMachine extends Doctor {
    static override id = 'doctor'
    protected override createHost(): Host {
      return host
    }
  }
  const read = vi.spyOn(host, 'read')
  stdout = ''
  await new OnMachine(['--json', ...args], lightConfig('/package')).run()
  const looks = read.mock.calls.filter(([argv]) => argv.includes('show') && argv.includes('hermes-gateway.service')).length
  read.mockRestore()
  return {looks, document: JSON.parse(stdout) as Fixed}
}

const MARKER = '/home/user/.hermes/.drain_request.json'

describe('doctor --fix', () => {
  it('looks once for what to fix and once for what is left, however many checks there are', async () => {
    const machine = await installed()
    const {looks} = await doctor(machine)
    expect(looks).toBeGreaterThan(0)
    const fixed = await doctor(machine, '--fix')
    expect(fixed.document.fixes).toEqual([])
    expect(fixed.looks).toBe(2 * looks)
  })

  it('looks again after each fix, and cures all that is safe', async () => {
    const machine = await installed()
    machine.host.put(MARKER, {text: '{}', modifiedMs: 0})
    const {document} = await doctor(machine, '--fix')
    expect(document.fixes).toMatchObject([{id: 'stale-marker', ok: true}])
    expect(machine.host.texts()[MARKER]).toBeUndefined()
  })
})
