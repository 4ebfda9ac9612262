import {beforeAll} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {describeHealth} from '../support/health-suite.js'
import {describeLogs} from '../support/logs-suite.js'
import {describeOnSystemd} from '../support/machines.js'
import {describeManyProfiles} from '../support/many-profiles-suite.js'
import {describeReadOnly, readOnlyBinds} from '../support/read-only-suite.js'
import {describeUsedAgain} from '../support/used-again-suite.js'

await describeOnSystemd(
  'what only looks',
  (machine) => {
    let [alice, ivy, alma]: Account[] = []
    beforeAll(async () => {
      alice = await machine().addUser('alice')
      ivy = await machine().addUser('ivy')
      alma = await machine().addUser('alma')
    })

    describeUsedAgain(machine, () => alma as Account)
    describeReadOnly(machine, () => alice as Account)
    describeHealth(
      machine,
      () => alice as Account,
      () => ivy as Account,
    )
    describeLogs(
      machine,
      () => alice as Account,
      () => alma as Account,
    )
    describeManyProfiles(machine, () => ivy as Account)
  },
  {binds: readOnlyBinds},
)
