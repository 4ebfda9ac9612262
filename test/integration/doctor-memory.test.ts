import {beforeAll, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {memoryRows} from '../support/doctor-memory-rows.js'
import {DoctorRows} from '../support/doctor-row.js'
import {describeOnAnotherKernel} from '../support/describe-unless.js'
import {describeOnSystemd, testHost} from '../support/machines.js'

const controllers = testHost.readText('/sys/fs/cgroup/cgroup.controllers')?.trim().split(' ') ?? []
const reason = controllers.includes('memory') ? undefined : 'control groups of the second version do not count memory on this machine'

if (reason !== undefined) describeOnAnotherKernel(reason, 'doctor and memory')
else
  await describeOnSystemd('doctor and memory', (machine) => {
    const rows = DoctorRows.onSystemd(machine)
    const users: Account[] = []
    beforeAll(async () => {
      for (const row of memoryRows) users.push(await machine().addUser(`u-${row.kind}`))
    })

    it.each(memoryRows.map((row, index) => [row, index] as const))('$0.id $0.kind: $0.how', async (row, index) => {
      const user = users[index]
      if (user) await rows.see(row, user)
    })
  })
