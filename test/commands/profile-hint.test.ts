import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import List from '../../src/commands/list.js'
import Stop from '../../src/commands/stop.js'
import type {Host} from '../../src/host/host.js'
import {lightConfig} from '../../src/light-config.js'
import {serviceMachine} from '../fakes/fake-scene.js'

let stderr = ''
beforeEach(() => {
  stderr = ''
  vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += String(text))))
})
afterEach(() => void vi.restoreAllMocks())

const machine = serviceMachine()
machine.host.put(`${machine.home}/profiles/work`, {folder: true})

async function told(Command: typeof List | typeof Stop, ...args: string[]): Promise<string> {
  class OnMachine extends (Command as typeof List) {
    protected override createHost(): Host {
      return machine.host
    }
  }
  OnMachine.id = 'it'
  await new OnMachine(args, lightConfig('/package')).run()
  return stderr
}

describe('a profile whose name was mistyped', () => {
  it('is told, with the one that was probably meant', async () => {
    expect(await told(List, '-p', 'wrok')).toBe('There is no profile wrok (did you mean work?)\n')
    stderr = ''
    expect(await told(Stop, '--profile', 'wor', '--dry-run')).toMatch(/^There is no profile wor \(did you mean work\?\)\n/)
  })

  it('is left to the command where none is near', async () => {
    expect(await told(List, '-p', 'completely-other')).toBe('')
    expect(await told(List, '-p', 'work')).toBe('')
  })
})
