import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ServiceError} from '../../src/errors.js'
import type {Account} from '../../src/host/host.js'
import {findGatewayCommand, parseCommandFlag, proveGatewayCommand, searchGateways} from '../../src/service/gateway-command.js'
import {shellQuote} from '../../src/text/shell-quote.js'
import {FAKE_TEMPORARY_FOLDER, type FakeCommand, type FakeFile, FakeHost, type FakeMachine, USER} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const program = (more: Partial<FakeFile> = {}): FakeFile => ({text: '#!/bin/sh\n', mode: 0o755, ...more})
const SHELL = {'/bin/sh': program({text: '\u007fELF'}), '/opt': {folder: true} as const}
const ROOT: Account = {uid: 0, gid: 0, name: 'root', home: '/root'}

function failure(work: () => unknown): ServiceError {
  try {
    work()
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe('findGatewayCommand', () => {
  const find = (files: Record<string, FakeFile>, machine: FakeMachine = {}) =>
    findGatewayCommand(new FakeHost({files, ...machine}), HOME, USER).argv

  it('takes the launcher of the checkout under the home before anything else', () => {
    const files = {
      [`${HOME}/hermes-agent/.hermes/bin/hermes`]: program(),
      [`${HOME}/hermes-agent/venv/bin/hermes`]: program(),
      [`${HOME}/bin/hermes`]: program(),
      '/usr/bin/hermes': program(),
    }
    expect(find(files)).toEqual([`${HOME}/hermes-agent/.hermes/bin/hermes`])
  })

  it("takes the virtual environment's own launcher before its python", () => {
    const files = {[`${HOME}/hermes-agent/venv/bin/hermes`]: program(), [`${HOME}/hermes-agent/venv/bin/python`]: program()}
    expect(find(files)).toEqual([`${HOME}/hermes-agent/venv/bin/hermes`])
  })

  it('takes the module where there is only a python', () => {
    expect(find({[`${HOME}/.venv/bin/python`]: program()})).toEqual([`${HOME}/.venv/bin/python`, '-m', 'hermes_cli.main'])
  })

  it('leaves out what the user may not execute', () => {
    const files = {
      [`${HOME}/bin/hermes`]: program({mode: 0o644}),
      '/usr/bin/hermes': program({mode: 0o700, uid: 0}),
      '/usr/local/bin/hermes': program(),
    }
    expect(find(files)).toEqual(['/usr/local/bin/hermes'])
  })

  it("looks on the user's own PATH, and where it installs programs", () => {
    expect(find({'/opt/x/hermes': program()}, {env: {PATH: 'here:/opt/x:/usr/bin'}})).toEqual(['/opt/x/hermes'])
    expect(find({'/home/user/.local/bin/hermes': program()}, {env: {}})).toEqual(['/home/user/.local/bin/hermes'])
  })

  it("does not look on the PATH of somebody else, such as root's", () => {
    const host = new FakeHost({
      account: ROOT,
      accounts: [USER],
      env: {PATH: '/root/bin'},
      files: {'/root/bin/hermes': program(), '/usr/bin/hermes': program()},
    })
    expect(findGatewayCommand(host, HOME, USER).argv).toEqual(['/usr/bin/hermes'])
  })

  it('goes on where a folder of PATH may not be searched', () => {
    const files: Record<string, FakeFile> = {
      '/srv/closed': {folder: true, mode: 0o700},
      '/srv/closed/hermes': program(),
      '/usr/bin/hermes': program(),
    }
    expect(find(files, {env: {PATH: '/srv/closed'}})).toEqual(['/usr/bin/hermes'])
  })

  it('says where it looked if there is none', () => {
    const error = failure(() => find({}, {env: {PATH: '/opt/x'}}))
    expect(error).toMatchObject({code: 'gateway-not-found', exitStatus: 1})
    expect(error.evidence).toEqual(
      expect.arrayContaining(
        [`${HOME}/hermes-agent/venv/bin/hermes`, `${HOME}/venv/bin/python`, '/opt/x/hermes', '/home/user/.local/bin/hermes'].map(
          (file) => `looked for ${file}`,
        ),
      ),
    )
  })
})

describe('searchGateways', () => {
  const search = (files: Record<string, FakeFile>) =>
    searchGateways(new FakeHost({files}), HOME, USER).found.map(({argv}) => argv.join(' '))

  it('has all gateways, the one that a service runs by itself first', () => {
    const venv = {[`${HOME}/hermes-agent/venv/bin/hermes`]: program(), [`${HOME}/hermes-agent/venv/bin/python`]: program()}
    expect(search({...venv, '/usr/bin/hermes': program()})).toEqual([`${HOME}/hermes-agent/venv/bin/hermes`, '/usr/bin/hermes'])
    expect(search({})).toEqual([])
  })

  it('has one gateway once, whatever it is called', () => {
    const link = {link: `${HOME}/hermes-agent/venv/bin/hermes`}
    const files = {[`${HOME}/hermes-agent/venv/bin/hermes`]: program(), '/home/user/.local/bin/hermes': link}
    expect(search(files as Record<string, FakeFile>)).toEqual([`${HOME}/hermes-agent/venv/bin/hermes`])
  })
})

describe('parseCommandFlag', () => {
  const parse = (value: string, files: Record<string, FakeFile> = {}) =>
    parseCommandFlag(new FakeHost({files, env: {PATH: '/usr/bin'}}), value)

  it('takes the path of a file as it stands', () => {
    expect(parse('/opt/my "gateway" $1', {'/opt/my "gateway" $1': program()})).toEqual(['/opt/my "gateway" $1'])
  })

  it('takes a command line apart as a shell does', () => {
    expect(parse(`/opt/my\\ python -m "hermes_cli.main" 'a b' ''`)).toEqual(['/opt/my python', '-m', 'hermes_cli.main', 'a b', ''])
  })

  it('gives back every word that was quoted for a shell', () => {
    const word = fc.string({unit: 'grapheme'}).filter((text) => !/[\0\ufffd]/.test(text) && !/\p{Noncharacter_Code_Point}/u.test(text))
    fc.assert(
      fc.property(fc.array(word, {maxLength: 4}), (args) => {
        expect(parse(['/opt/hermes', ...args].map(shellQuote).join(' '))).toEqual(['/opt/hermes', ...args])
      }),
    )
  })

  it('finds a program by its name', () => {
    expect(parse('hermes -v', {'/usr/bin/hermes': program()})).toEqual(['/usr/bin/hermes', '-v'])
  })

  it.each([
    ['', 'is empty'],
    [' ', 'is empty'],
    ["''", 'is empty'],
    ['bin/hermes', 'absolute path'],
    ['./hermes', 'absolute path'],
    ['hermes', 'hermes is not on PATH'],
    ['/opt/hermes $HOME', 'expands and pipes nothing'],
    ['/opt/hermes ${', 'expands and pipes nothing'],
    ['/opt/hermes | tee log', 'expands and pipes nothing'],
    ['/opt/hermes "a', 'quote that is not closed'],
    ['"/opt/a\nb"', 'control character'],
    ['/opt/hermes \ufffe', 'U+FFFE'],
  ])('refuses %j, and names the flag and the reason', (value, why) => {
    const error = failure(() => parse(value))
    expect(error.exitStatus).toBe(2)
    expect(error.message).toContain(`--command ${JSON.stringify(value)}: `)
    expect(error.message).toContain(why)
  })
})

describe('proveGatewayCommand', () => {
  const ENV = {PATH: '/usr/bin', HERMES_HOME: HOME}
  const ARGV = ['/opt/hermes', '-m', 'x']
  const THROW_AWAY = FAKE_TEMPORARY_FOLDER
  const probe = (more: Partial<FakeCommand> = {}): FakeCommand => ({
    argv: [...ARGV, '--version'],
    via: 'run',
    as: 'user',
    env: {...ENV, HERMES_HOME: THROW_AWAY, PYTHONDONTWRITEBYTECODE: '1'},
    ...more,
  })

  async function prove(
    files: Record<string, FakeFile>,
    commands: readonly FakeCommand[] = [],
    argv: readonly string[] = ARGV,
  ): Promise<void> {
    const host = new FakeHost({account: ROOT, accounts: [USER], files: {...SHELL, ...files}, commands})
    try {
      await proveGatewayCommand(host, argv, USER, ENV)
    } finally {
      expect(host.stat(THROW_AWAY)).toBeUndefined()
    }
    host.assertAllUsed()
  }

  async function refused(...args: Parameters<typeof prove>): Promise<ServiceError> {
    const error: unknown = await prove(...args).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ServiceError)
    return error as ServiceError
  }

  it("runs --version as the service's user, in exactly its environment, but with a home to throw away", async () => {
    await prove({'/opt/hermes': program()}, [probe()])
  })

  describe('where a network can be withheld', () => {
    const files = {'/opt/hermes': program(), '/usr/bin/unshare': program()}
    const apart = (more: Partial<FakeCommand> = {}): FakeCommand =>
      probe({argv: ['/usr/bin/unshare', '--user', '--map-current-user', '--net', '--', ...ARGV, '--version'], ...more})

    it('runs it without one', async () => {
      await prove(files, [apart()])
    })

    it('runs it again with one if it fails, as a wrapper does that fetches its secrets, and goes by that', async () => {
      await prove(files, [apart({code: 1, stderr: 'doppler: no route to host'}), probe()])
      const error = await refused(files, [apart({failure: 'TIMEOUT'}), probe({code: 3, stderr: 'boom'})])
      expect(error.message).toContain('ended with exit status 3')
    })
  })

  it("leads to the home's programs from the home to throw away, for a wrapper that names its own by the home", async () => {
    const seen: unknown[] = []
    const effect = (host: FakeHost) => seen.push(host.list(THROW_AWAY), host.readLink(`${THROW_AWAY}/venv`))
    const ofHome = {[`${HOME}/venv/bin/python`]: program(), [`${HOME}/logs`]: {folder: true} as const, [`${HOME}/.env`]: {text: 'TOKEN=1'}}
    await prove({'/opt/hermes': program(), ...ofHome}, [probe({effect})])
    expect(seen).toEqual([['venv'], `${HOME}/venv`])
  })

  it.each<[string, Record<string, FakeFile>, string]>([
    ['does not exist', {}, '/opt/hermes does not exist, or user cannot see it'],
    [
      'cannot be seen by the user',
      {'/opt': {folder: true, mode: 0o700}, '/opt/hermes': program()},
      'does not exist, or user cannot see it',
    ],
    ['is a folder', {'/opt/hermes': {folder: true}}, '/opt/hermes is a folder, not a program'],
    ['the user may not execute', {'/opt/hermes': program({mode: 0o700})}, 'user is not allowed to execute /opt/hermes (mode 700)'],
    ['somebody else can replace', {'/opt/hermes': program({mode: 0o777})}, 'other users can write to /opt/hermes'],
    [
      'is reached by a link that somebody else can replace',
      {'/opt/hermes': {link: '/usr/bin/hermes'}, '/opt': {folder: true, mode: 0o777}, '/usr/bin/hermes': program()},
      'other users can write to /opt ',
    ],
    [
      'lies in a folder that somebody else can write, behind a link',
      {'/opt/hermes': {link: '/srv/x/hermes'}, '/srv/x': {folder: true, mode: 0o777}, '/srv/x/hermes': program()},
      'other users can write to /srv/x ',
    ],
    ['is gone after a reboot, behind a link', {'/opt/hermes': {link: '/tmp/hermes'}, '/tmp/hermes': program()}, 'in a temporary folder'],
    [
      'lacks its interpreter',
      {'/opt/hermes': program({text: '#!/opt/venv/bin/python -u\n'})},
      'needs the interpreter "/opt/venv/bin/python"',
    ],
    [
      'lacks the interpreter that env would look for',
      {'/opt/hermes': program({text: '#!/usr/bin/env -S python3 -u\n'}), '/usr/bin/env': program()},
      'needs the interpreter "python3"',
    ],
    ['has line ends of Windows', {'/opt/hermes': program({text: '#!/bin/sh\r\nexit\r\n'})}, 'needs the interpreter "/bin/sh\\r"'],
    [
      'has an interpreter that the user cannot see',
      {'/opt/hermes': program({text: '#!/root/python\n'}), '/root': {folder: true, mode: 0o700}, '/root/python': program()},
      'or which user cannot see',
    ],
  ])('refuses a program that %s', async (_, files, why) => {
    const error = await refused(files)
    expect(error).toMatchObject({code: 'gateway-command', exitStatus: 1})
    expect(error.message).toContain(why)
  })

  it('takes an interpreter that env finds in the environment of the service', async () => {
    const files = {'/opt/hermes': program({text: '#!/usr/bin/env A=1 python3\n'}), '/usr/bin/env': program(), '/usr/bin/python3': program()}
    await prove(files, [probe()])
  })

  it.each(['/tmp/hermes', '/var/tmp/x/hermes', '/run/user/1000/hermes', '/opt/../tmp/hermes'])(
    'refuses %s, which is temporary',
    async (file) => {
      const error = await refused({[file.replace('/opt/..', '')]: program()}, [], [file])
      expect(error.message).toContain('temporary folder')
    },
  )

  it.each<[string, Partial<FakeCommand>, string]>([
    [
      'a missing module',
      {code: 1, stderr: "Traceback\nModuleNotFoundError: No module named 'hermes_cli.main'\n"},
      'the Python module hermes_cli.main is missing',
    ],
    ['an exit status', {code: 3, stderr: 'boom\n'}, '/opt/hermes -m x --version ended with exit status 3'],
    ['a signal', {signal: 'SIGSEGV'}, 'ended with SIGSEGV'],
    ['a program that never answers', {failure: 'TIMEOUT'}, 'did not answer within 30 s'],
    ['a program that cannot be started', {failure: 'EACCES'}, 'ended with EACCES'],
  ])('tells of %s', async (_, answer, why) => {
    expect((await refused({'/opt/hermes': program()}, [probe(answer)])).message).toContain(why)
  })

  it('shows the last lines of what it printed', async () => {
    const stderr = Array.from({length: 30}, (_, index) => `line ${index}\n`).join('\n')
    const error = await refused({'/opt/hermes': program()}, [probe({code: 1, stderr})])
    expect(error.evidence).toEqual(Array.from({length: 10}, (_, index) => `line ${index + 20}`))
  })
})
