import {describe, expect, it} from 'vitest'
import {codeOnDisk, commitAt} from '../../src/gateway/code.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'

const CHECKOUT = '/home/user/.hermes/hermes-agent'
const VENV = `${CHECKOUT}/venv`
const [A, B, C] = ['a'.repeat(40), 'b'.repeat(40), 'c'.repeat(40)]
const line = (from: string, to: string, atSec: number, message = 'pull: Fast-forward') =>
  `${from} ${to} Ann <ann@b.example> ${atSec} +0200\t${message}\n`
const GIT = {
  [`${CHECKOUT}/.git/HEAD`]: 'ref: refs/heads/main\n',
  [`${CHECKOUT}/.git/refs/heads/main`]: `${B}\n`,
  [`${CHECKOUT}/.git/logs/HEAD`]: line('0'.repeat(40), A, 1000, 'clone: from https://b.example') + line(A, B, 2000),
  [`${CHECKOUT}/hermes_cli/__init__.py`]: '"""x"""\n__version__ = "0.20.3"\n',
}
const INFO = `${VENV}/lib/python3.11/site-packages/hermes_agent-0.20.1.dist-info`
const EDITABLE = {[`${INFO}/direct_url.json`]: JSON.stringify({url: `file://${CHECKOUT}`, dir_info: {editable: true}})}

const account = {uid: 1000, gid: 1000, name: 'user', home: '/home/user'}
const look = (files: Readonly<Record<string, FakeFile | string>>, ...words: string[]) => codeOnDisk(new FakeHost({account, files}), words)

describe('the code of a gateway', () => {
  it.each([
    ['its program', [`${CHECKOUT}/hermes_cli/main.py`, 'gateway', 'run'], {}],
    ['the launcher of its environment', [`${VENV}/bin/hermes`, 'gateway', 'run'], EDITABLE],
    ['the python of its environment', [`${VENV}/bin/python3`, '-m', 'hermes_cli.main', 'gateway', 'run'], EDITABLE],
    [
      'a link to its launcher',
      ['/home/user/.local/bin/hermes'],
      {...EDITABLE, '/home/user/.local/bin/hermes': {link: `${VENV}/bin/hermes`}, [`${VENV}/bin/hermes`]: ''},
    ],
  ])('is found by %s, with where its checkout was and is', (_, words, files) => {
    expect(look({...GIT, ...files}, ...words)).toEqual({
      place: CHECKOUT,
      commit: B,
      version: '0.20.3',
      moves: [
        {from: '0'.repeat(40), to: A, atSec: 1000},
        {from: A, to: B, atSec: 2000},
      ],
    })
  })

  it('is that of its packages where they are no editable ones', () => {
    const place = `${VENV}/lib/python3.11/site-packages`
    const files = {[`${INFO}/METADATA`]: '', [`${place}/hermes_agent_tools-3.dist-info/METADATA`]: ''}
    const found = {place, commit: undefined, version: '0.20.1', moves: []}
    expect(look(files, `${VENV}/bin/hermes`)).toEqual(found)
    expect(look(files, `${place}/hermes_cli/main.py`)).toEqual(found)
  })

  it.each([
    ['words without a path', ['-c', 'hermes', 'gateway']],
    ['a launcher in no environment', ['/usr/local/bin/hermes']],
    ['a program in a folder without git, whatever its python has', ['/srv/code/hermes_cli/main.py', `${VENV}/bin/python`]],
  ])('is not known by %s', (_, words) => {
    expect(look({...GIT, ...EDITABLE}, ...words)).toBeUndefined()
  })

  it.each([
    ['a commit without a branch', {[`${CHECKOUT}/.git/HEAD`]: `${C}\n`}],
    [
      'a packed branch',
      {
        [`${CHECKOUT}/.git/HEAD`]: 'ref: refs/heads/old\n',
        [`${CHECKOUT}/.git/packed-refs`]: `# pack-refs\n${B} refs/heads/older\n${C} refs/heads/old\n`,
      },
    ],
    [
      'a worktree',
      {
        '/srv/tree/.git': 'gitdir: /srv/main/.git/worktrees/tree\n',
        '/srv/main/.git/worktrees/tree/HEAD': 'ref: refs/heads/dev\n',
        '/srv/main/.git/worktrees/tree/commondir': '../..\n',
        '/srv/main/.git/refs/heads/dev': `${C}\n`,
      },
      '/srv/tree',
    ],
  ])('is at %s', (_, files, root = CHECKOUT) => {
    expect(look({...GIT, ...files}, `${root}/hermes_cli/main.py`)).toMatchObject({commit: C})
  })

  it('is at no commit where git says none, or leads out', () => {
    const of = (head: string) =>
      look({...GIT, [`${CHECKOUT}/.git/HEAD`]: head, '/home/user/.hermes/secret': B}, `${CHECKOUT}/hermes_cli/main.py`)?.commit
    expect([of('ref: refs/../../../secret'), of('ref: refs/heads/gone'), of('no commit'), of('')]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('was at a commit once, as far as git remembers', () => {
    const found = (text: string) =>
      look({...GIT, [`${CHECKOUT}/.git/logs/HEAD`]: text}, `${CHECKOUT}/hermes_cli/main.py`) ?? expect.unreachable()
    const all = found(line(A, B, 1000) + 'no line of git\n' + line(B, C, 2000))
    expect([500, 1000, 1999, 2000].map((sec) => commitAt(all, sec * 1000))).toEqual([A, B, B, C])
    expect(commitAt(found(''), 1)).toBeUndefined()
    expect(commitAt(found(line('0'.repeat(40), A, 1000)), 1)).toBeUndefined()
    const long = found(line(A, B, 1) + line(B, C, 2, 'x'.repeat(65_400)) + line(C, A, 3))
    expect(long.moves).toEqual([{from: C, to: A, atSec: 3}])
  })
})
