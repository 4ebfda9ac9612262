import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'
import {commandModules} from '../src/commands/index.js'
import {checkModules} from '../src/doctor/checks/index.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const README = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const table = README.slice(README.indexOf('doctor:begin'), README.indexOf('doctor:end')).split('\n').slice(3, -1)

/** How the rows of the doctor suites break a service, in the words of the tests. */
const broken = ['test/integration', 'test/support'].flatMap((folder) =>
  fs
    .readdirSync(path.join(ROOT, folder))
    .filter((name) => name.startsWith('doctor-'))
    .flatMap((name) => [...fs.readFileSync(path.join(ROOT, folder, name), 'utf8').matchAll(/^ +how: (?:'(.+)'|"(.+)"),$/gm)])
    .map(([, single, double]) => single ?? double ?? ''),
)

describe('the README', () => {
  it('has a row for every check, and for no other', () => {
    expect([...new Set(table.map((row) => /^\| `([a-z-]+)` /.exec(row)?.[1]))].sort()).toEqual(Object.keys(checkModules).sort())
  })

  it('has a row for everything that the tests break, in their words', () => {
    expect(broken.length).toBeGreaterThan(60)
    expect(broken.filter((how) => !table.some((row) => row.includes(`| ${how} |`)))).toEqual([])
  })

  it('names every command', () => {
    const commands = Object.keys(commandModules).filter((id) => !id.includes(':'))
    expect(commands.filter((id) => !README.includes(`\`${id}\``) && !README.includes(`\`${id} <`))).toEqual([])
  })
})
