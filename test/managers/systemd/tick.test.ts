import {expect, it} from 'vitest'
import {tickState} from '../../../src/managers/systemd/tick.js'

const NEVER_THERE = {LoadState: 'not-found', ActiveState: 'inactive', UnitFileState: '', NeedDaemonReload: 'no'}
const RUNS = {LoadState: 'loaded', ActiveState: 'active', UnitFileState: 'enabled', NeedDaemonReload: 'no'}

// As systemd 252 said it after an installation was undone while its first tick ran; the next timer was refused: "unit to trigger not loaded".
it('has systemd read the units of a tick anew where they changed, and where it keeps a failed one that it did not find', () => {
  const needsReload = (timer: object, service: object) =>
    tickState([
      {...NEVER_THERE, ...timer},
      {...NEVER_THERE, ...service},
    ]).needsReload
  expect(needsReload({}, {})).toBe(false)
  expect(needsReload({}, {ActiveState: 'failed'})).toBe(true)
  expect(needsReload(RUNS, {...RUNS, ActiveState: 'failed'})).toBe(false)
  expect(needsReload(RUNS, {...RUNS, NeedDaemonReload: 'yes'})).toBe(true)
})
