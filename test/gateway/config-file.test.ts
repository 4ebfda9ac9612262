import {describe, expect, it} from 'vitest'
import {configSection} from '../../src/gateway/config-file.js'

const section = (text: string) => Object.fromEntries(configSection(text, 'agent'))

describe('a section of config.yaml', () => {
  it.each([
    ['a block', 'model: x\nagent:\n  a: 5\n  b: "12.5"\n  c: \'on\'\nother:\n  a: 6\n', {a: '5', b: '12.5', c: 'on'}],
    ['comments and empty lines', '# x\nagent:  # mine\n\n    # y\n    a: 5 # seconds\n    "b": "x#y" # z\n', {a: '5', b: 'x#y'}],
    ['members of members', 'agent:\n  deep:\n    a: 7\n  a: 5\n', {deep: '', a: '5'}],
    ['braces', 'agent: {a: 5, "b": true}\n', {a: '5', b: 'true'}],
    ['a key twice, the last counts', 'agent:\n  a: 5\n  a: 6\n', {a: '6'}],
    ['a section twice', 'agent:\n  a: 5\nx: 1\nagent:\n  a: 6\n', {a: '6'}],
    ['quotes around its name', '"agent":\n  a: 5\n', {a: '5'}],
    ['line ends of Windows', 'agent:\r\n  a: 5\r\n', {a: '5'}],
  ])('is read with %s', (_, text, expected) => {
    expect(section(text)).toEqual(expected)
  })

  it.each([
    ['blocks', 'x: 1\nagent:\n  a: 1\n  deep:\n    a: 5\n    # y\n    b: {c: 7}\n  b: 2\n'],
    ['braces in a block', 'agent:\n    deep: {a: 5, b: {c: 1, d: 2}} # z\n    b: 2\n'],
    ['braces in braces', 'agent: {a: 1, deep: {a: 5, b: [1, 2]}, b: 2}\n'],
  ])('is read within another one from %s', (_, text) => {
    const found = configSection(text, 'agent', 'deep')
    expect([found.get('a'), [...found.keys()]]).toEqual(['5', ['a', 'b']])
    expect([configSection(text, 'deep').size, configSection(text, 'agent', 'other').size]).toEqual([0, 0])
  })

  it.each(['', 'agent: 7', 'agents:\n  a: 5', 'x:\n  agent:\n    a: 5', '- agent', 'agent: [a, b]', '\u0000'])(
    'is empty without one: %j',
    (text) => {
      expect(section(text)).toEqual({})
    },
  )
})
