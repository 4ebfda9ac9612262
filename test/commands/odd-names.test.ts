import {describe, expect, it} from 'vitest'
import {definitionRequest} from '../../src/commands/definition-flags.js'
import {parseShow} from '../../src/managers/systemd/show.js'
import {FakeHost} from '../fakes/fake-host.js'

/** What every object of JavaScript has from its prototype. */
const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']

describe('a name that every object has', () => {
  it.each(NAMES)('is one like any other for a variable: %s', (name) => {
    const {environment} = definitionRequest(new FakeHost(), {env: [`${name}=x`]})
    expect([...environment]).toEqual([[name, 'x']])
  })

  it.each(NAMES)('is not a variable that is set here: %s', (name) => {
    expect(() => definitionRequest(new FakeHost(), {env: [name]})).toThrow(`--env ${name}: ${name} is not set in your environment`)
  })

  it.each(NAMES)('is a property of a unit only if systemctl says so: %s', (name) => {
    expect(parseShow('A=b\n')[0]?.[name]).toBeUndefined()
    expect(parseShow(`${name}=b\n`)[0]?.[name]).toBe('b')
  })
})
