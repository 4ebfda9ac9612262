import {expect, it} from 'vitest'
import {loadChecks} from '../../src/doctor/checks/index.js'
import {UNSAFE_FIXES} from './hostile-homes.js'

it('names each check whose cure doctor --fix leaves to a person under systemd, as one that is tried at a hostile home', async () => {
  const unsafe = (await loadChecks()).filter(({hasFix, isSafe, managers}) => hasFix && !isSafe && managers?.includes('systemd') !== false)
  expect(unsafe.map(({id}) => id).toSorted()).toEqual([...UNSAFE_FIXES].toSorted())
})
