import {describe, expect, it} from 'vitest'
import {recordedSettings, tickWish} from '../../src/service/recorded-settings.js'
import {formatSettings, type ServiceSettings} from '../../src/service/settings.js'
import {FakeHost, USER} from '../fakes/fake-host.js'
import {SETTINGS} from '../fakes/settings.js'

const without: ServiceSettings = {...SETTINGS, heartbeat: {...SETTINGS.heartbeat, enabled: false}}
const others: ServiceSettings = {...SETTINGS, account: 'ann'}

describe('recordedSettings', () => {
  it('has the settings of every folder that holds some', () => {
    const files = {'/etc/x/a/settings.json': formatSettings(SETTINGS), '/etc/x/b/settings.json': '{', '/etc/x/heartbeat.cjs': ''}
    expect([...recordedSettings(new FakeHost({files}), '/etc/x')]).toEqual([['a', SETTINGS]])
  })

  it('has none where nothing is installed', () => {
    expect(recordedSettings(new FakeHost({}), '/etc/x').size).toBe(0)
  })
})

describe('tickWish', () => {
  it('serves what is recorded and what is to be', () => {
    const {wanting, isAbout, isProgramWanted} = tickWish(new Map([['a', SETTINGS]]), 'b', SETTINGS, USER)
    expect([wanting.length, isAbout, isProgramWanted]).toEqual([2, true, true])
  })

  it('leaves out the service that goes, and those without a heartbeat', () => {
    expect(tickWish(new Map([['a', SETTINGS]]), 'a', undefined, USER)).toEqual({wanting: [], isAbout: true, isProgramWanted: false})
    expect(tickWish(new Map([['a', SETTINGS]]), 'a', without, USER)).toMatchObject({wanting: [], isProgramWanted: false})
  })

  it("leaves another account's to that account's own tick, which needs the program", () => {
    expect(tickWish(new Map([['a', others]]), 'b', undefined, USER)).toEqual({wanting: [], isAbout: false, isProgramWanted: true})
  })

  it('is not about a service that is not there and goes on not being there', () => {
    expect(tickWish(new Map([['a', SETTINGS]]), 'b', undefined, USER)).toEqual({wanting: [SETTINGS], isAbout: false, isProgramWanted: true})
  })
})
