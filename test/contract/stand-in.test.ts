import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, expect, it} from 'vitest'
import {describeUnless} from '../support/describe-unless.js'
import {judgeGroups, type Purpose} from './claim.js'
import {Contract, versionOf} from './contract-words.js'
import {GROUPS} from './index.js'
import {killLeftovers} from './life.js'
import {standInOf} from './stand-in.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const whyNot = process.platform === 'linux' ? undefined : 'the claims are looked for in /proc'
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'contract-'))

afterAll(() => {
  killLeftovers()
  fs.rmSync(folder, {recursive: true, force: true})
})

describeUnless(whyNot, 'contract: the stand-in keeps every claim', () => {
  // What takes minutes is about a clock, which stand-in.test.ts holds to the contract; what systemd has a part in: test/integration/systemd-rules.test.ts.
  it.concurrent.each(['0.10', '0.16', '0.21'] as const)('of a gateway %s', async (version) => {
    const home = path.join(folder, version)
    fs.mkdirSync(home)
    const bench = {
      command: [path.join(ROOT, 'src/smoke/stand-in/hermes')],
      version: versionOf(version),
      contract: Contract.of(ROOT),
      folder: home,
      whyNoSystemd: 'this is the machine of the tests',
      prepare: (where: string, purpose: Purpose) =>
        fs.writeFileSync(path.join(where, 'stand-in.json'), JSON.stringify(standInOf(version, purpose))),
    }
    const outcomes = await judgeGroups(GROUPS, bench, {withSlow: false, atOnce: true})
    expect(outcomes.filter(({kind}) => kind === 'differs')).toEqual([])
    const untried = outcomes.filter(({kind}) => kind === 'not tried').map(({group}) => group)
    expect([...new Set(untried)]).toEqual(['systemd', 'beats', 'watchdog'])
    expect(outcomes.filter(({kind}) => kind === 'holds').length).toBeGreaterThan(45)
  })
})
