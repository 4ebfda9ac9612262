import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {mirrorBackEdit} from '../../src/lifecycle/desired-mirror.js'
import {mirror as mirrored} from '../support/mirror.js'
import {captured} from '../fakes/captures.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'
import type {DesiredState} from '../../src/gateway/contract.js'

const HOME = '/home/user/.hermes'
const FILE = `${HOME}/gateway_state.json`

const machine = (state: string | FakeFile) => new FakeHost({files: {[FILE]: state}})

const mirrorIn = (host: FakeHost, desired: DesiredState, gatewayRuns: boolean) =>
  mirrored({host, userHost: host}, HOME, desired, gatewayRuns)
const takeBack = (host: FakeHost, desired: DesiredState, before: DesiredState | undefined) =>
  host.editInPlace(FILE, mirrorBackEdit(desired, before))

/** Mirrors into a state file; its text afterwards and what was returned. */
function mirror(state: string | FakeFile, desired: DesiredState, gatewayRuns: boolean) {
  const host = machine(state)
  const said = mirrorIn(host, desired, gatewayRuns)
  return {said, text: host.texts()[FILE], changes: host.changes}
}

const other = (desired: DesiredState): DesiredState => (desired === 'running' ? 'stopped' : 'running')
const words = fc.constantFrom<DesiredState>('running', 'stopped')
/** Strings and keys that look like the field. */
const tricky = fc.constantFrom(
  'desired_state',
  '"desired_state":"running"',
  ',"desired_state":"stopped"',
  '\\',
  '\\"',
  '{',
  '}',
  ',',
  'é',
  '\u2028',
  '__proto__',
)
const value = fc.letrec<{value: unknown}>((tie) => ({
  value: fc.oneof(
    {maxDepth: 3},
    fc.constantFrom(null, true, 0, -1.5, 12345678901),
    fc.string(),
    tricky,
    words,
    fc.array(tie('value'), {maxLength: 3}),
    fc.dictionary(fc.oneof(fc.string(), tricky), tie('value'), {maxKeys: 3}),
  ),
})).value
/** Members before and after the field, none of them called like it. */
const members = fc.array(
  fc.tuple(
    fc.oneof(fc.string(), tricky).filter((key) => key !== 'desired_state'),
    value,
  ),
  {maxLength: 4},
)
/** How Python's json.dumps and JavaScript's write, and by hand. */
const styles = fc.constantFrom(
  {comma: ',', colon: ':', end: ''},
  {comma: ', ', colon: ': ', end: ''},
  {comma: ',\n  ', colon: ' : ', end: '\n'},
)

const member =
  (colon: string) =>
  ([key, content]: readonly [string, unknown]) =>
    `${JSON.stringify(key)}${colon}${JSON.stringify(content)}`

describe('a field that is there', () => {
  it('is overwritten in place, and no other byte changes', () => {
    fc.assert(
      fc.property(members, members, words, fc.boolean(), styles, (before, after, desired, gatewayRuns, {comma, colon, end}) => {
        const make = (state: string) =>
          `{${[...before, ['desired_state', state] as const, ...after].map(member(colon)).join(comma)}${end}}${end}`
        const {said, text, changes} = mirror(make(other(desired)), desired, gatewayRuns)
        expect(text).toBe(make(desired))
        expect(said).toBe(true)
        expect(changes).toMatchObject([{kind: 'overwrite', bytes: desired}])
      }),
    )
  })

  it('is left alone if it says so already', () => {
    expect(mirror('{"desired_state":"running"}', 'running', true)).toMatchObject({said: true, changes: []})
  })

  it('is the last one if there are two', () => {
    expect(mirror('{"desired_state":"running","desired_state":"running"}', 'stopped', false).text).toBe(
      '{"desired_state":"running","desired_state":"stopped"}',
    )
  })

  it.each([
    '{"desired_state":"paused"}',
    '{"desired_state":null}',
    '{"desired_state":"st\\u006fpped"}',
    '{"desired_state":{"desired_state":"stopped"}}',
  ])('is left alone if it is something else: %s', (text) => {
    expect(mirror(text, 'running', false)).toEqual({said: false, text, changes: []})
  })
})

describe('a field that is missing', () => {
  it('is inserted if no gateway runs, and every other byte stays', () => {
    fc.assert(
      fc.property(members, words, styles, (others, desired, {comma, colon, end}) => {
        const text = `{${others.map(member(colon)).join(comma)}${end}}${end}`
        const result = mirror(text, desired, false)
        expect(result.said).toBe(true)
        expect(result.text?.replace(new RegExp(`,?"desired_state":"${desired}"(?=\\s*}\\s*$)`), '')).toBe(text)
        expect(JSON.parse(result.text ?? '')).toEqual(Object.assign(JSON.parse(text) as object, {desired_state: desired}))
      }),
    )
  })

  it('is not inserted while a gateway runs, whose own write could be lost', () => {
    const text = '{"platforms":{"desired_state":"running"}}'
    expect(mirror(text, 'stopped', true)).toEqual({said: false, text, changes: []})
  })

  it('keeps mode, owner and every number of the file as they are', () => {
    const text = '{"n":12345678901234567890,"f":1.0}'
    const host = machine({text, mode: 0o640})
    const before = host.stat(FILE)
    expect(mirrorIn(host, 'stopped', false)).toBe(true)
    expect(host.texts()[FILE]).toBe('{"n":12345678901234567890,"f":1.0,"desired_state":"stopped"}')
    expect(host.stat(FILE)).toMatchObject({mode: 0o640, inode: before?.inode, uid: before?.uid})
  })

  it('is a whole document to whoever reads between any two writes', () => {
    const before = '{"gateway_state":"stopped","platforms":{}}\n'
    const host = machine(before)
    const texts: string[] = []
    const edit = host.editInPlace.bind(host)
    host.editInPlace = (file, plan) => {
      const isThere = edit(file, plan)
      texts.push(host.texts()[FILE] ?? '')
      return isThere
    }
    mirrorIn(host, 'stopped', false)
    const documents = texts.map((text) => JSON.parse(text) as unknown)
    const old: unknown = JSON.parse(before)
    expect(documents[0]).toEqual(old)
    expect(documents.at(-1)).toEqual({...(old as object), desired_state: 'stopped'})
    // A file that grows and changes at once is torn for a reader who takes it in two pieces.
    expect(texts.map((text) => text.length)).toEqual([texts[0]?.length, texts[0]?.length, texts[0]?.length])
  })

  it('comes into a file that a real gateway wrote', () => {
    const before = captured('after-hermes-gateway-stop', 'gateway_state.json') ?? ''
    expect(mirror(before, 'stopped', false).text).toBe(before.replace(/}$/, ',"desired_state":"stopped"}'))
  })

  it('takes the blanks that a killed command left', () => {
    const killed = '{"gateway_state":"stopped"}' + ' '.repeat(26)
    expect(mirror(killed, 'stopped', false).text).toBe('{"gateway_state":"stopped","desired_state":"stopped"}')
  })
})

describe('a file that must be left alone', () => {
  it('is never created', () => {
    const host = new FakeHost({files: {[HOME]: {folder: true}}})
    expect(mirrorIn(host, 'stopped', false)).toBe(false)
    expect(host.changes).toEqual([])
  })

  it.each(['', '{"desired_state":"running"', '[]', 'null', '"desired_state"', '7'])('is not touched if it is damaged: %s', (text) => {
    expect(mirror(text, 'stopped', false)).toEqual({said: false, text, changes: []})
  })

  it('is not touched if it may not be', () => {
    const host = machine({text: '{"desired_state":"running"}', mode: 0o444, uid: 0})
    expect(() => mirrorIn(host, 'stopped', false)).toThrow('EACCES')
    expect(host.changes).toEqual([])
  })
})

describe('a gateway that writes at the same time', () => {
  /** A machine on which the gateway replaces the file after each of the first changes to it, by what `texts` has in turn. */
  function racing(texts: readonly string[]) {
    const host = machine('{"desired_state":"running"}')
    const left = [...texts]
    const edit = host.editInPlace.bind(host)
    host.editInPlace = (file, plan) => {
      const isThere = edit(file, plan)
      const next = left.shift()
      if (next !== undefined) host.put(FILE, next)
      return isThere
    }
    return host
  }

  it('has its new file written to as well', () => {
    const host = racing(['{"gateway_state":"draining","desired_state":"running"}'])
    expect(mirrorIn(host, 'stopped', true)).toBe(true)
    expect(host.texts()[FILE]).toBe('{"gateway_state":"draining","desired_state":"stopped"}')
  })

  it('wins in the end if it never stops', () => {
    const host = racing(Array.from({length: 99}, (_, index) => `{${' '.repeat(index + 1)}"desired_state":"running"}`))
    expect(mirrorIn(host, 'stopped', true)).toBe(false)
  })
})

describe('taking the mirror back', () => {
  it.each([
    ['a word that was overwritten', '{"desired_state": "running", "pid": 5}', 'running', true],
    ['a field that was added', '{"gateway_state":"stopped"}', undefined, false],
    ['a field that was added to nothing', '{}', undefined, false],
  ] as const)('leaves the document as it was: %s', (_, state, before, gatewayRuns) => {
    const host = machine(state)
    expect(mirrorIn(host, 'stopped', gatewayRuns)).toBe(true)
    takeBack(host, 'stopped', before)
    expect(JSON.parse(host.texts()[FILE] ?? '')).toEqual(JSON.parse(state))
  })

  it.each([
    ['says something else by now', '{"desired_state":"running"}'],
    ['was written by another tool, in another way', '{"desired_state" : "stopped"}'],
    ['is damaged', '{"desired_state":"stop'],
  ])('leaves a file alone that %s', (_, state) => {
    const host = machine(state)
    takeBack(host, 'stopped', undefined)
    expect(host.changes).toEqual([])
  })
})
