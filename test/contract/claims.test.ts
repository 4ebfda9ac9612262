import fs from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {expectedOf} from './claim.js'
import {Contract, versionOf} from './contract-words.js'
import {GROUPS} from './index.js'
import {type Recorded, tableText} from './table.js'
import {UNCLAIMED} from './unclaimed.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const contract = Contract.of(ROOT)
const claims = GROUPS.flatMap((group) => group.claims)
const recorded = JSON.parse(fs.readFileSync(path.join(ROOT, 'docs/contract.json'), 'utf8')) as Recorded

describe('the claims', () => {
  it('see each entry of the contract, or it is said why not', () => {
    const seen = new Set(claims.flatMap(({entry, also = []}) => (entry === undefined ? also : [entry, ...also])))
    const unseen = contract.names.filter((name) => !seen.has(name))
    expect(contract.names.length).toBeGreaterThan(60)
    expect(unseen.sort()).toEqual(Object.keys(UNCLAIMED).sort())
    expect([...seen].filter((name) => !contract.names.includes(name))).toEqual([])
  })

  it('have an id each', () => {
    const ids = claims.map(({id}) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('go by the versions that the contract names', () => {
    const text = [
      'export const A = {',
      '  /** One. @holds 0.16 to 0.17 gateway/x.py */',
      "  one: 'one',",
      '  /** None. @holds none */',
      "  none: 'none',",
      '} as const',
      '/** Two. @holds 0.9 gateway/x.py */',
      "export const TWO = 'two'",
    ]
    const read = Contract.parse(text.join('\n'))
    const versions = ['0.8.3', '0.9.0', '0.16.2', '0.17.9', '0.18.0', '1.0.0'].map(versionOf)
    expect(read.names).toEqual(['A.one', 'A.none', 'TWO'])
    expect(versions.map((version) => read.holds('A.one', version))).toEqual([false, false, true, true, false, false])
    expect(versions.map((version) => read.holds('TWO', version))).toEqual([false, true, true, true, true, true])
    expect(versions.some((version) => read.holds('A.none', version))).toBe(false)
    expect(() => read.holds('B', [0, 1])).toThrow('the contract has no B')
  })
})

describe('what was seen of real gateways', () => {
  it('is as the contract has it, for every version that was run', () => {
    expect(recorded.versions.length).toBeGreaterThan(2)
    const differing = recorded.versions.flatMap(({version, seen}) =>
      claims.flatMap((claim) => {
        const expected = expectedOf(claim, contract, versionOf(version))
        const value = seen[claim.id]
        return value === undefined || expected === null || value === expected ? [] : [`${version}: ${claim.id}: ${value}, not ${expected}`]
      }),
    )
    expect(differing).toEqual([])
  })

  it('stands in docs/contract.md as it was recorded: npm run contract -- --table', () => {
    const ids = new Set(claims.map(({id}) => id))
    expect(recorded.versions.flatMap(({seen}) => Object.keys(seen)).filter((id) => !ids.has(id))).toEqual([])
    expect(fs.readFileSync(path.join(ROOT, 'docs/contract.md'), 'utf8')).toBe(tableText(recorded))
  })
})
