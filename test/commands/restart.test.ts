import {describe, expect, it} from 'vitest'
import Restart from '../../src/commands/restart.js'
import type {Host} from '../../src/host/host.js'
import {lightConfig} from '../../src/light-config.js'
import {installed} from '../fakes/scene.js'
import {capturedOutput} from '../support/captured-output.js'

const said = capturedOutput()

describe('restart --force', () => {
  it.each(['--drain-timeout', '--answer-timeout'])(
    'refuses %s, which is about the request that it leaves out, and restarts nothing',
    async (flag) => {
      const machine = await installed()
      machine.comesUp()
      const before = machine.verbs.length
      class OnMachine extends Restart {
        static override id = 'restart'
        static override flags = Restart.flags
        protected override createHost(): Host {
          return machine.host
        }
      }
      expect(await new OnMachine(['--force', flag, '5m'], lightConfig('/package')).run()).toBe(2)
      expect(said.stderr).toContain(`${flag}=300000 cannot also be provided when using --force`)
      expect(machine.verbs.slice(before)).toEqual([])
    },
  )
})
