import {describe, expect, it} from 'vitest'
import {complete, type LiveValues} from '../../src/completion/complete.js'
import {commandTree, type ManifestCommand} from '../../src/completion/tree.js'

const text = (name: string, more: object = {}) => ({name, type: 'option' as const, description: `the ${name}`, ...more})
const yes = (name: string, more: object = {}) => ({name, type: 'boolean' as const, description: `to ${name}`, ...more})
const named = (...flags: ManifestCommand['flags'][string][]) => Object.fromEntries(flags.map((flag) => [flag.name, flag]))

const COMMANDS: Record<string, ManifestCommand> = {
  status: {
    summary: 'Show it',
    args: {},
    flags: named(
      text('profile', {char: 'p'}),
      text('home'),
      text('run-as'),
      text('scope', {options: ['user', 'system']}),
      yes('all', {exclusive: ['profile']}),
      yes('secret', {hidden: true}),
    ),
  },
  install: {
    summary: 'Install it',
    args: {},
    bareFlags: {watchdog: '3'},
    flags: named(text('env', {multiple: true}), text('watchdog'), yes('linger', {allowNo: true}), yes('yes', {char: 'y'}), text('timeout')),
  },
  doctor: {summary: 'Look', args: {}, flags: named(text('only', {multiple: true, delimiter: ','}))},
  autocomplete: {summary: 'Print it', args: {shell: {options: ['bash', 'zsh']}}, flags: {}},
  'fix:one': {summary: 'Fix the one thing', args: {}, flags: named(yes('yes'))},
  'fix:two': {summary: 'Say what to do about the other', args: {}, flags: {}},
}
const TREE = commandTree(COMMANDS, {fix: 'Cure things'}, {files: 'what is used'})

const live: LiveValues = {
  profiles: ({home = 'standard', runAs = 'me'}) => [{word: 'work', about: `${home} of ${runAs}`}],
  variables: () => ['TOKEN', 'PATH'],
}

function words(...typed: string[]): string[] {
  const completion = complete(TREE, typed, live)
  if (completion.kind !== 'words') throw new Error(`the shell completes ${completion.kind}`)
  return completion.candidates.map(({word}) => word)
}

describe('what can stand under the cursor', () => {
  it.each([
    [[''], ['autocomplete', 'doctor', 'fix', 'help', 'install', 'status']],
    [[], ['autocomplete', 'doctor', 'fix', 'help', 'install', 'status']],
    [['-'], ['--version', '--help']],
    [
      ['fix', ''],
      ['one', 'two'],
    ],
    [['fix', '-'], ['--help']],
    [
      ['help', ''],
      ['autocomplete', 'doctor', 'files', 'fix', 'install', 'status'],
    ],
    [
      ['help', 'fix', ''],
      ['one', 'two'],
    ],
    [['help', 'status', ''], []],
    [['nonsense', ''], []],
    [['fix', 'nonsense', ''], []],
    [['constructor', ''], []],
  ])('after %j are %j', (typed, expected) => {
    expect(words(...typed)).toEqual(expected)
  })

  it('says of each what it is about', () => {
    expect(complete(TREE, ['fix', ''], live)).toMatchObject({candidates: [{about: 'Fix the one thing'}, {}]})
    expect(complete(TREE, ['doctor', '--only', ''], live)).toMatchObject({candidates: [{about: 'the one thing'}, {about: 'the other'}]})
    expect(complete(TREE, ['f'], live)).toMatchObject({candidates: expect.arrayContaining([{word: 'fix', about: 'Cure things'}])})
  })

  it('are findings, and words for all of them, for what setup is to repair', () => {
    const setup = {summary: 'Set it up', args: {}, flags: named(text('fix', {multiple: true, delimiter: ','}))}
    const found = complete(commandTree({...COMMANDS, setup}, {}, {}), ['setup', '--fix', ''], live)
    expect(found).toMatchObject({candidates: ['all', 'safe', 'none', 'one', 'two'].map((word) => ({word}))})
  })

  it('are the flags that can still be given', () => {
    expect(words('status', '')).toEqual(['--profile', '--home', '--run-as', '--scope', '--all', '--help'])
    expect(words('status', '-p', 'x', '--')).toEqual(['--home', '--run-as', '--scope', '--help'])
    expect(words('status', '--all', '-')).toEqual(['--home', '--run-as', '--scope', '--help'])
    expect(words('install', '--env', 'A=b', '--no-linger', '-y', '-')).toEqual(['--env', '--watchdog', '--timeout', '--help'])
    expect(words('fix', 'one', '-')).toEqual(['--yes', '--help'])
    expect(words('fix:one', '--yes', '-')).toEqual(['--help'])
    expect(words('status', '--', '-')).toEqual([])
  })

  it('are the values of the flag before it', () => {
    expect(words('status', '--scope', 's')).toEqual(['user', 'system'])
    expect(words('status', '--scope=s')).toEqual(['--scope=user', '--scope=system'])
    expect(words('install', '--env', '')).toEqual(['TOKEN', 'PATH'])
    expect(words('install', '--timeout', '')).toEqual([])
    expect(words('status', '--all=')).toEqual([])
  })

  it('are the profiles of the home, or the account, that the line names', () => {
    const about = (...typed: string[]) => complete(TREE, typed, live)
    expect(about('status', '-p', '')).toEqual({kind: 'words', candidates: [{word: 'work', about: 'standard of me'}]})
    expect(about('status', '--home', '/h', '--run-as=ann', '--profile', '')).toMatchObject({candidates: [{about: '/h of ann'}]})
    expect(about('status', '--home=/h', '--profile=w')).toMatchObject({candidates: [{word: '--profile=work', about: '/h of me'}]})
  })

  it('is the next of a list with commas, without those that are there', () => {
    expect(words('doctor', '--only', 'one,')).toEqual(['one,two'])
    expect(words('doctor', '--only=tw')).toEqual(['--only=one', '--only=two'])
  })

  it('may be the value of a flag that needs none, or the next flag', () => {
    expect(words('install', '--watchdog', '')).toEqual(['off'])
    expect(words('install', '--watchdog', '--')).toContain('--env')
    expect(words('install', '--watchdog', '--env', '')).toEqual(['TOKEN', 'PATH'])
  })

  it('are the values of an argument', () => {
    expect(words('autocomplete', '')).toEqual(['bash', 'zsh'])
    expect(words('autocomplete', 'bash', '')).toEqual(['--help'])
  })

  it.each([
    ['--home', 'folders'],
    ['--run-as', 'users'],
  ])('is left to the shell for %s', (flag, kind) => {
    expect(complete(TREE, ['status', flag, ''], live)).toEqual({kind})
    expect(complete(TREE, ['status', `${flag}=x`], live)).toEqual({kind})
  })
})
