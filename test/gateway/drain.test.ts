import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {readDrain, stopTimeoutSec} from '../../src/gateway/drain.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'

function drainOf(config?: string | FakeFile, variables?: string | FakeFile) {
  const files: Record<string, string | FakeFile> = {[HOME]: {folder: true}}
  if (config !== undefined) files[`${HOME}/config.yaml`] = config
  if (variables !== undefined) files[`${HOME}/.env`] = variables
  return readDrain(new FakeHost({files}), HOME)
}

describe('readDrain', () => {
  it('assumes the longest default of any version where nothing is configured', async () => {
    expect(await drainOf()).toEqual({drainSec: 180, cronDrainSec: 30, afterTurnSec: 1800})
  })

  it('reads config.yaml', async () => {
    expect(await drainOf('agent:\n  restart_drain_timeout: 0\n  cron_drain_timeout: "12.5"\n')).toEqual({
      drainSec: 0,
      cronDrainSec: 12.5,
      afterTurnSec: 1800,
    })
  })

  it('lets the variables in .env win', async () => {
    const variables = 'A=1\nexport HERMES_RESTART_DRAIN_TIMEOUT = "90" # comment\nHERMES_CRON_DRAIN_TIMEOUT=0\n'
    expect(await drainOf('agent:\n  restart_drain_timeout: 5\n  cron_drain_timeout: 6\n', variables)).toEqual({
      drainSec: 90,
      cronDrainSec: 0,
      afterTurnSec: 1800,
    })
  })

  it('takes the last of several lines for one variable', async () => {
    expect(await drainOf(undefined, 'HERMES_RESTART_DRAIN_TIMEOUT=1\nHERMES_RESTART_DRAIN_TIMEOUT=2\n')).toMatchObject({drainSec: 2})
  })

  it('does not take the next line for the value of an empty one', async () => {
    expect(await drainOf(undefined, 'HERMES_RESTART_DRAIN_TIMEOUT=\n7\n')).toMatchObject({drainSec: 180})
  })

  it('does not take a line that is commented out, or another variable', async () => {
    expect(
      await drainOf(undefined, '# HERMES_RESTART_DRAIN_TIMEOUT=1\nXHERMES_RESTART_DRAIN_TIMEOUT=2\nHERMES_RESTART_DRAIN_TIMEOUT_X=3\n'),
    ).toMatchObject({
      drainSec: 180,
    })
  })

  it.each(['-1', '.inf', '.nan', 'soon', '[1]', 'true', 'null', '""'])('takes %s for nothing', async (value) => {
    expect(await drainOf(`agent:\n  restart_drain_timeout: ${value}\n`)).toMatchObject({drainSec: 180})
  })

  it.each(['a: [', 'just text', '- 1', 'agent: 7', '\u0000'])('takes the defaults for a configuration that is none: %j', async (config) => {
    expect(await drainOf(config)).toEqual({drainSec: 180, cronDrainSec: 30, afterTurnSec: 1800})
  })

  it('takes the defaults for what it may not read', async () => {
    const closed = {text: 'agent:\n  restart_drain_timeout: 5\n', mode: 0o600, uid: 0}
    expect(await drainOf(closed, closed)).toEqual({drainSec: 180, cronDrainSec: 30, afterTurnSec: 1800})
  })
})

describe('stopTimeoutSec', () => {
  it.each([
    [0, 30, 70],
    [180, 30, 250],
    [0, 0, 70],
    [0, 600, 640],
    [0.2, 0, 71],
  ])('is that of upstream for a drain of %d s and %d s for scheduled work', (drainSec, cronDrainSec, expected) => {
    expect(stopTimeoutSec({drainSec, cronDrainSec})).toBe(expected)
  })

  it('always leaves the gateway its drain and 70 s, or its scheduled work and 40 s, whichever is more', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.integer({min: 1, max: 100_000}), (drainSec, cronDrainSec) => {
        expect(stopTimeoutSec({drainSec, cronDrainSec})).toBe(Math.max(drainSec + 70, cronDrainSec + 40))
      }),
    )
  })
})
