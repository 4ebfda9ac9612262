import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'
import {commandFirst} from '../../src/commands/command-words.js'
import {ownCommand} from '../../src/lifecycle/own-command.js'
import {withGivenFlags} from '../../src/observe/place.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'

const words = (line: string) => commandFirst(line.split(' ')).join(' ')

describe('commands as people type them', () => {
  it.each([
    ['ls', 'list'],
    ['ps --json', 'list --json'],
    ['version', '--version'],
    ['-p work status', 'status -p work'],
    ['--profile=work --json ls', 'list --profile=work --json'],
    ['-pwork --scope system fix stale-state --yes', 'fix stale-state --yes -pwork --scope system'],
    ['-p work run -- --verbose', 'run -p work -- --verbose'],
    ['--home /a/b logs -f', 'logs -f --home /a/b'],
  ])('%s is %s', (typed, meant) => expect(words(typed)).toBe(meant))

  it.each(['status -p work', '--help', '--version', '-p', '-p work', '--banana status', '-p status', ''])('%j stays as it is', (typed) =>
    expect(words(typed)).toBe(typed),
  )
})

describe('what is to be typed next', () => {
  const given = {profile: 'work', scope: 'system', manager: 's6', runAs: 'al ice'}

  it('is about the service that was meant', () => {
    expect(withGivenFlags('hermes-svc install', given)).toBe("hermes-svc install -p work --manager s6 --scope system --run-as 'al ice'")
    expect(withGivenFlags('sudo hermes-svc start   # again', {home: '/a'})).toBe('sudo hermes-svc start --home /a   # again')
    expect(withGivenFlags('hermes-svc uninstall --scope user', given)).toBe(
      "hermes-svc uninstall --scope user -p work --manager s6 --run-as 'al ice'",
    )
    expect(withGivenFlags('hermes-svc status -p other', {profile: 'work', home: '/a'})).toBe('hermes-svc status -p other')
  })

  it.each([
    'hermes-svc logs --help',
    'hermes-svc list',
    'hermes-svc smoke --isolated',
    'hermes gateway run',
    'run the same command with sudo',
    'run the same command with --scope user   # for a service of your own',
  ])('%s stays as it is', (line) => expect(withGivenFlags(line, given)).toBe(line))

  it('has what was given where it is made for a service, too', () => {
    const target = {...new FakeSystemd().target, given: {manager: 'systemd', runAs: 'user'}}
    expect(ownCommand(target, 'fix stale-state')).toBe('hermes-svc fix stale-state --manager systemd --run-as user')
  })

  it('is changed by it in every line of the source that a failure has as its advice, but where that is about no service', () => {
    const source = fileURLToPath(new URL('../../src', import.meta.url))
    const files = fs.readdirSync(source, {recursive: true, encoding: 'utf8'}).filter((file) => file.endsWith('.ts'))
    const lines = files.flatMap((file) =>
      [...fs.readFileSync(path.join(source, file), 'utf8').matchAll(/next: \[([^\]]*)\]/g)].flatMap(([, list = '']) =>
        [...list.matchAll(/'((?:sudo )?hermes-svc [^']*)'/g)].map(([, line = '']) => line),
      ),
    )
    const unchanged = lines.filter((line) => withGivenFlags(line, given) === line)
    expect(lines.length).toBeGreaterThan(20)
    expect(unchanged.filter((line) => !/^hermes-svc (?:list|smoke|boot)\b|--help/.test(line))).toEqual([])
  })
})
