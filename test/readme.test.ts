import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'
import {commandModules} from '../src/commands/index.js'
import {checkModules, loadChecks} from '../src/doctor/checks/index.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const README = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const COMMANDS = fs.readFileSync(path.join(ROOT, 'docs/commands.md'), 'utf8')

/** The rows between two marks, without the table's head. */
function rowsOf(file: string, mark: string): string[] {
  const text = fs.readFileSync(path.join(ROOT, file), 'utf8')
  return text
    .slice(text.indexOf(`${mark}:begin`), text.indexOf(`${mark}:end`))
    .split('\n')
    .slice(3, -1)
}

/** How the rows of the doctor suites break a service, in the words of the tests. */
const broken = ['test/integration', 'test/support'].flatMap((folder) =>
  fs
    .readdirSync(path.join(ROOT, folder))
    .filter((name) => name.startsWith('doctor-'))
    .flatMap((name) => [...fs.readFileSync(path.join(ROOT, folder, name), 'utf8').matchAll(/^ +how: (?:'(.+)'|"(.+)"),$/gm)])
    .map(([, single, double]) => single ?? double ?? ''),
)

describe('the README', () => {
  it('is read in a few minutes', () => {
    expect(README.split('\n').length).toBeLessThanOrEqual(200)
  })
})

describe('docs/commands.md', () => {
  it('names every command', () => {
    const commands = Object.keys(commandModules).filter((id) => !id.includes(':'))
    expect(commands.filter((id) => !COMMANDS.includes(`\`${id}\``) && !COMMANDS.includes(`\`${id} <`))).toEqual([])
  })
})

describe('docs/doctor.md', () => {
  const table = rowsOf('docs/doctor.md', 'doctor')

  it('has a section for every check, with its own words, which doctor links to', async () => {
    const text = fs.readFileSync(path.join(ROOT, 'docs/doctor.md'), 'utf8')
    for (const {id, title, why} of await loadChecks()) expect(text).toContain(`\n### ${id}\n\n**What it means:** ${title}. ${why}\n`)
  })

  it('has a row for every check, and for no other', () => {
    expect([...new Set(table.map((row) => /^\| `([a-z-]+)` /.exec(row)?.[1]))].sort()).toEqual(Object.keys(checkModules).sort())
  })

  it('has a row for everything that the tests break, in their words', () => {
    expect(broken.length).toBeGreaterThan(60)
    expect(broken.filter((how) => !table.some((row) => row.includes(`| ${how} |`)))).toEqual([])
  })
})

describe('the links of the documents', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    ...fs
      .readdirSync(path.join(ROOT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ]

  /** As the web pages of code hosts make them of headings. */
  const anchorsOf = (file: string) =>
    [...fs.readFileSync(path.join(ROOT, file), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )

  it.each(documents)('of %s lead to what is there', (document) => {
    const links = [...fs.readFileSync(path.join(ROOT, document), 'utf8').matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
    const dead = links.filter(([, file = '', anchor]) => {
      const target = file === '' ? document : path.join(path.dirname(document), file)
      return !fs.existsSync(path.join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
    expect(dead.map(([link]) => link)).toEqual([])
  })

  it('has the session of setup that was recorded on a real systemd', () => {
    const session = fs.readFileSync(path.join(ROOT, 'test/fixtures/setup-session.txt'), 'utf8')
    expect(COMMANDS).toContain(`<!-- setup:begin -->\n\`\`\`console\n${session}\`\`\`\n<!-- setup:end -->`)
  })

  it('has every question of setup with its flag', () => {
    const section = COMMANDS.slice(COMMANDS.indexOf('## Setup\n'), COMMANDS.indexOf('## Commands\n'))
    const flags = ['manager', 'run-as', 'profile', 'scope', 'fix', 'command', 'linger', 'no-linger', 'heartbeat', 'watchdog', 'notify']
    expect(flags.filter((flag) => !section.includes(`\`--${flag}`))).toEqual([])
  })
})
