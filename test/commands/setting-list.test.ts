import {describe, expect, it} from 'vitest'
import {setRequest, unsetRequest} from '../../src/commands/config-set.js'
import {definitionFlags, definitionRequest} from '../../src/commands/definition-flags.js'
import {SETTING_NAMES, settingOf, together} from '../../src/commands/setting-list.js'
import {ServiceError} from '../../src/errors.js'
import {FakeHost} from '../fakes/fake-host.js'
import {withResources} from '../../src/service/resources.js'
import {OTHER_VALUES} from '../fakes/setting-values.js'
import {SETTINGS as RECORDED} from '../fakes/settings.js'

const host = new FakeHost({env: {TOKEN: 'from here'}})
describe('the settings of a service', () => {
  it('have each a flag of install of the same name, and no flag is without one but those of variables', () => {
    expect(Object.keys(definitionFlags).filter((name) => name !== 'env' && name !== 'unset-env')).toEqual(SETTING_NAMES)
    expect(Object.keys(OTHER_VALUES)).toEqual(SETTING_NAMES)
  })

  it.each(SETTING_NAMES)('%s is the same by config set and by its flag, is shown as it is typed, and is unset to its default', (name) => {
    const [setting, value = ''] = [settingOf(name), OTHER_VALUES[name]]
    const request = setRequest(host, [`${name}=${value}`])
    expect(request).toEqual(definitionRequest(host, {[name]: name === 'linger' ? false : value}))
    const changed = {
      ...RECORDED,
      ...(request.command === undefined ? {} : {command: [request.command], commandIsGiven: true}),
      ...(request.linger === undefined ? {} : {linger: request.linger}),
      policy: {...RECORDED.policy, ...request.policy},
      heartbeat: {...RECORDED.heartbeat, ...request.heartbeat},
      resources: withResources(RECORDED.resources, request.resources),
    }
    expect(setting?.show(changed)).toBe(value)
    expect(setting?.isGiven?.(changed) ?? true).toBe(true)
    expect(setting?.isGiven?.(RECORDED) ?? false).toBe(false)
    const unset = unsetRequest(host, [name])
    if (name === 'command') expect(unset.findsCommand).toBe(true)
    else
      expect(
        setting?.show({
          ...changed,
          linger: unset.linger ?? true,
          policy: {...changed.policy, ...unset.policy},
          heartbeat: {...changed.heartbeat, ...unset.heartbeat},
          resources: withResources(changed.resources, unset.resources),
        }),
      ).toBe(setting?.defaultText)
  })

  it('go together with variables in one request', () => {
    const request = setRequest(host, ['watchdog=5', 'env.A=1=2', 'restart-delay=2s', 'env.TOKEN', 'restart-delay-max=3s'])
    expect(request).toMatchObject({policy: {firstMs: 2000, capMs: 3000}, heartbeat: {watchdogTicks: 5}})
    expect([...request.environment]).toEqual([
      ['A', '1=2'],
      ['TOKEN', 'from here'],
    ])
    expect([...unsetRequest(host, ['env.A', 'linger']).environment]).toEqual([['A', undefined]])
  })

  it.each([
    [['restart-delay=soon'], 'restart-delay "soon": must be a time'],
    [['heartbeat=off', 'heartbeat-interval=5s'], 'cannot be used with --heartbeat off'],
    [['env.2=x'], '--env'],
    [['env.NOT_SET_HERE'], 'NOT_SET_HERE is not set in your environment'],
    [['memory-max=lots'], 'memory-max "lots": must be a size of at least 64M'],
    [['memory-max=63M'], 'must be a size of at least 64M'],
    [['memory-high=101%'], 'must be a size of at least 64M'],
    [['nice=20'], 'nice "20": must be a whole number, -20 (first) to 19 (last), or none'],
    [['cpu-weight=0'], 'cpu-weight "0": must be a whole number, 1 to 10000'],
    [['watchdog=0'], 'watchdog "0": must be a number of ticks'],
  ])('refuse %j in one sentence', (words, message) => {
    const refusal = () => setRequest(host, words)
    expect(refusal).toThrow(ServiceError)
    expect(refusal).toThrow(message)
  })

  it('ask for nothing if none is named', () => {
    expect(together([])).toEqual({policy: {}, heartbeat: {}, resources: {}})
  })
})
