import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {DEFAULT_RESTART_POLICY} from '../../src/service/restart-policy.js'
import {DEFAULT_HEARTBEAT, formatSettings, type HeartbeatSettings, parseSettings} from '../../src/service/settings.js'
import {SETTINGS} from '../fakes/settings.js'

const withMember = (name: string, value: unknown) => JSON.stringify({...SETTINGS, [name]: value})

describe('the record of settings', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.string({unit: 'grapheme'}), fc.array(fc.string({unit: 'grapheme'})), fc.boolean(), (home, command, flag) => {
        const settings = {...SETTINGS, home, command, linger: flag, turnedLingerOn: !flag}
        expect(parseSettings(formatSettings(settings))).toEqual(settings)
      }),
    )
  })

  it('has what the service may take only where somebody chose it', () => {
    expect(formatSettings(SETTINGS)).not.toContain('resources')
    const resources = {memoryHigh: '80%', memoryMax: '1.5G', nice: -5, cpuWeight: 50}
    expect(parseSettings(formatSettings({...SETTINGS, resources}))?.resources).toEqual(resources)
    expect(parseSettings(formatSettings({...SETTINGS, resources: {}}))).toEqual(SETTINGS)
  })

  it('is text that ends in a newline', () => {
    expect(formatSettings(SETTINGS)).toMatch(/}\n$/)
  })

  it('may have members that a later version adds', () => {
    expect(parseSettings(withMember('later', 1))).toMatchObject(SETTINGS)
  })

  it('is unknown if a time in it has no end', () => {
    for (const name of ['drainSec', 'cronDrainSec']) {
      expect(parseSettings(formatSettings(SETTINGS).replace(new RegExp(`"${name}": \\d+`), `"${name}": 1e999`))).toBeUndefined()
    }
  })

  it('takes over nothing that it does not know', () => {
    const nested = {...SETTINGS, later: 1, policy: {...SETTINGS.policy, later: 1}, heartbeat: {...SETTINGS.heartbeat, later: 1}}
    expect(parseSettings(JSON.stringify(nested))).toEqual({...SETTINGS, heartbeat: {...SETTINGS.heartbeat, watchdogIsGiven: true}})
  })

  it('is unknown if there is none', () => {
    expect(parseSettings(undefined)).toBeUndefined()
  })

  it.each(['', '{', 'null', '7', '[]', '{}', formatSettings(SETTINGS).slice(0, -4)])('is unknown if it is damaged: %j', (text) => {
    expect(parseSettings(text)).toBeUndefined()
  })

  it.each<[string, unknown]>([
    ['schemaVersion', 2],
    ['scope', 'machine'],
    ['home', undefined],
    ['account', 5],
    ['command', 'hermes'],
    ['command', ['hermes', 1]],
    ['commandIsGiven', 'yes'],
    ['turnedLingerOn', undefined],
    ['policy', undefined],
    ['policy', {...DEFAULT_RESTART_POLICY, capMs: '2m'}],
    ['policy', {...DEFAULT_RESTART_POLICY, firstMs: 0}],
    ['drainSec', null],
    ['cronDrainSec', -1],
    ['linger', 0],
    ['domain', 5],
    ['writtenBy', '1 2; rm'],
    ['heartbeat', 'on'],
    ['heartbeat', {enabled: 'yes'}],
    ['heartbeat', {intervalSec: '60'}],
    ['heartbeat', {watchdogTicks: 0.5}],
    ['resources', 'all'],
    ['resources', {memoryMax: 'lots'}],
    ['resources', {memoryHigh: '1G\nExecStart=/bin/evil'}],
    ['resources', {nice: 0.5}],
    ['resources', {cpuWeight: '50'}],
  ])('is unknown if %s is %j', (name, value) => {
    expect(parseSettings(withMember(name, value))).toBeUndefined()
  })

  describe('the watchdog', () => {
    const recorded = (heartbeat: object) => parseSettings(JSON.stringify({...SETTINGS, heartbeat}))?.heartbeat.watchdogTicks
    const written = (heartbeat: Partial<HeartbeatSettings>) =>
      (JSON.parse(formatSettings({...SETTINGS, heartbeat: {...DEFAULT_HEARTBEAT, ...heartbeat}})) as {heartbeat: object}).heartbeat

    it('that nobody has said anything of follows the default, also in a record of when that was off', () => {
      expect(recorded({enabled: true, intervalSec: 60, watchdogTicks: null})).toBe(3)
      expect(recorded({enabled: true, intervalSec: 60})).toBe(3)
      expect(written({})).toEqual({enabled: true, intervalSec: 60, watchdogTicks: null})
    })

    it.each<Partial<HeartbeatSettings>>([{watchdogTicks: null}, {watchdogTicks: 3, watchdogIsGiven: true}, {watchdogTicks: 7}])(
      'stays what somebody has said: %j',
      (said) => {
        expect(recorded(written(said))).toBe(said.watchdogTicks)
        expect(written(said)).not.toEqual(written({}))
      },
    )
  })
})
