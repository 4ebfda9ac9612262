import {spawnSync} from 'node:child_process'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {DEFAULT_RESTART_POLICY} from '../../src/service/restart-policy.js'
import {HELPER_NAME, helperText, helperWords, toolPath} from '../../src/service/service-helper.js'
import {describeUnless} from '../support/describe-unless.js'
import {HOST, lacks} from '../support/helper-scripts.js'

const VIEW = {home: '/h', state: '/s', policy: DEFAULT_RESTART_POLICY}

describe('the service helper', () => {
  it('is one short file for all services, without placeholders', () => {
    const text = helperText(HOST)
    expect(text).toMatch(/^#!\/bin\/sh\n# Written by hermes-svc/)
    expect(text).not.toContain('<%')
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(150)
  })

  it('is told by words what differs from service to service', () => {
    const places = ['home=/h', 'state=/s']
    expect(helperWords('before-start', VIEW)).toEqual(['before-start', ...places, 'first-ms=1000', 'cap-ms=120000'])
    expect(helperWords('before-stop', VIEW)).toEqual(['before-stop', ...places])
    expect(helperWords('reload', VIEW)).toEqual(['reload', ...places])
    const delays = ['first-ms=1000', 'cap-ms=120000', 'forget-ms=300000', 'planned-ms=30000']
    expect(helperWords('after-exit', VIEW)).toEqual(['after-exit', ...places, ...delays])
  })

  it('refuses a policy that is none', () => {
    expect(() => helperWords('before-start', {...VIEW, policy: {...VIEW.policy, capMs: 0}})).toThrow(RangeError)
  })
})

describe('a standard tool', () => {
  it('is named where the machine lacks it', () => {
    const host = new Proxy(HOST, {get: (target, name) => (name === 'which' ? () => undefined : (Reflect.get(target, name) as unknown))})
    expect(() => toolPath(host, 'sleep')).toThrow('The service needs sleep')
  })
})

describeUnless(lacks('shellcheck'), 'shellcheck', () => {
  it('finds nothing in the service helper', () => {
    const result = spawnSync('shellcheck', ['-s', 'sh', join(HOST.packageRoot, 'templates', HELPER_NAME)], {encoding: 'utf8'})
    expect([result.status, result.stdout]).toEqual([0, ''])
  })
})
