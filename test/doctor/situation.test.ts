import {expect, it} from 'vitest'
import {processAgeMs} from '../../src/doctor/situation.js'
import {readProcesses} from '../../src/gateway/process.js'
import {readProcessTable} from '../../src/gateway/process-table.js'
import {FakeHost} from '../fakes/fake-host.js'
import {processFiles} from '../fakes/fake-process.js'

it('a process is as old as the clock of the process table says, also to a command that has been running for long', () => {
  const [own, other] = [
    {pid: 4242, startTime: 9000, argv: ['node']},
    {pid: 900, startTime: 9100, argv: ['hermes', 'gateway', 'run']},
  ]
  const host = new FakeHost({ownAgeMs: 60_000, files: {...processFiles(own), ...processFiles(other)}})
  const scene = {processes: readProcessTable(host), target: {host}, monotonicMs: host.monotonicMs()} as unknown as Parameters<
    typeof processAgeMs
  >[0]
  expect(readProcesses(host, [other.pid]).map((process) => processAgeMs(scene, process))).toEqual([59_000])
})
