import {describe, expect, it, vi} from 'vitest'
import Doctor from '../../src/commands/doctor.js'
import type {Host} from '../../src/host/host.js'
import {lightConfig} from '../../src/light-config.js'
import type {FakeSystemd} from '../fakes/fake-systemd.js'
import {installed} from '../fakes/scene.js'
import {capturedOutput} from '../support/captured-output.js'

const said = capturedOutput()

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
  said.stdout = ''
  await new OnMachine(['--json', ...args], lightConfig('/package')).run()
  const looks = read.mock.calls.filter(([argv]) => argv.includes('show') && argv.includes('hermes-gateway.service')).length
  read.mockRestore()
  return {looks, document: JSON.parse(said.stdout) as Fixed}
}

/** The exit status of doctor, and the ids of the checks that looked. */
async function typed(machine: FakeSystemd, ...args: readonly string[]): Promise<{status: number; checks?: readonly string[]}> {
  class OnMachine extends Doctor {
    static override id = 'doctor'
    // oclif takes what is a class's own.
    static override args = Doctor.args
    static override strict = Doctor.strict
    protected override createHost(): Host {
      return machine.host
    }
  }
  said.stdout = ''
  const status = await new OnMachine([...args, '--json'], lightConfig('/package')).run()
  const {services} = JSON.parse(said.stdout) as {services?: readonly {checks: readonly string[]}[]}
  return {status, ...(services?.[0] ? {checks: services[0].checks} : {})}
}

describe('doctor with words', () => {
  it('looks only with the checks that are named, in the order of the checks', async () => {
    const machine = await installed()
    expect(await typed(machine, 'stale-marker', 'path')).toMatchObject({checks: ['path', 'stale-marker']})
    expect(await typed(machine, 'path', '--only', 'stale-marker')).toMatchObject({checks: ['path', 'stale-marker']})
  })

  it('takes a word that names no check for the profile', async () => {
    const machine = await installed()
    machine.host.put('/home/user/.hermes/profiles/paths/config.yaml', '')
    const {status, checks} = await typed(machine, 'paths', 'disk')
    expect({status, checks}).toEqual({status: 0, checks: ['disk']})
  })

  it.each([
    [['zombi-pid'], 'there is no check and no profile zombi-pid (did you mean zombie-pid?)'],
    [['work', 'play'], 'work and play: at least one of them is not a check'],
    [['path', '--skip', 'disk'], '--skip cannot be used together with names of checks'],
    [['path', 'work', '--all'], 'type either the profile work or --all, not both'],
    [['--list-checks', '--fix'], 'The following error occurred:\n  --fix=true cannot also be provided when using --list-checks'],
    [['--list-checks', '--notify'], 'The following error occurred:\n  --notify=true cannot also be provided when using --list-checks'],
    [['--list-checks', '--report', 'x'], 'The following error occurred:\n  --report=x cannot also be provided when using --list-checks'],
  ])('refuses %j', async (args, reason) => {
    const {status} = await typed(await installed(), ...args)
    expect({status, message: (JSON.parse(said.stdout) as {error: {message: string}}).error.message}).toEqual({status: 2, message: reason})
  })
})

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
