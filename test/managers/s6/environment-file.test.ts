import {spawnSync} from 'node:child_process'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {formatEnvironment, parseEnvironment} from '../../../src/managers/s6/environment-file.js'

const NASTY = ["it's", '$HOME `id` "x"', 'two\nlines', ' blanks ', '', '\\', "'", '#', 'ü€'] as const

describe('the environment file', () => {
  it('gives a shell exactly the values that were written', () => {
    const values = new Map(NASTY.map((value, index) => [`V${index}`, value]))
    const print = [...values.keys()].map((name) => `printf '%s\\0' "$${name}"`).join('; ')
    const {stdout} = spawnSync('/bin/sh', ['-c', `${formatEnvironment(values)}\n${print}`], {encoding: 'utf8'})
    expect(stdout.split('\0').slice(0, -1)).toEqual([...values.values()])
  })

  it('is read as it was written', () => {
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)
    const value = fc.string({unit: fc.constantFrom("'", '\\', '\n', '=', 'a', ' ', '$')})
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (entries) => {
        const values = new Map(entries)
        expect(parseEnvironment(formatEnvironment(values))).toEqual(values)
      }),
    )
  })

  it('takes nothing of what somebody wrote otherwise', () => {
    expect(parseEnvironment("A=b\nexport B=c\nexport C='d'\nrm -rf /\n")).toEqual(new Map([['C', 'd']]))
  })
})
