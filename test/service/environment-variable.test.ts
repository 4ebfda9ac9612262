import {describe, expect, it} from 'vitest'
import {refusedVariableName, refusedVariableValue} from '../../src/service/environment-variable.js'

describe('refusedVariableName', () => {
  it.each(['A', 'TELEGRAM_BOT_TOKEN', '_x1', 'PATH'])('takes %s', (name) => {
    expect(refusedVariableName(name)).toBeUndefined()
  })

  it.each(['', '1A', 'A-B', 'A B', 'é', 'A='])('refuses %j, which is no name', (name) => {
    expect(refusedVariableName(name)).toMatch(/^not the name of a variable/)
  })

  it('refuses what the definition decides on', () => {
    expect(refusedVariableName('HERMES_HOME')).toMatch(/the service sets this variable itself/)
  })

  it('refuses what the manager tells by it', () => {
    expect(refusedVariableName('MAINPID')).toMatch(/^the service manager sets this variable/)
  })
})

describe('refusedVariableValue', () => {
  it.each(['', 'a\tb\nc', 'é🎉', '"\\$`%', '\u00a0\u2028'])('takes %j', (value) => {
    expect(refusedVariableValue(value)).toBeUndefined()
  })

  it.each(['\0', '\r', '\u001b', '\u007f', '\ud800', '\uffff', '\ufdd0', '\u{1fffe}'])('refuses %j', (value) => {
    expect(refusedVariableValue(`a${value}b`)).toMatch(/control character|Unicode|UTF-8|noncharacter|NUL/)
  })
})
