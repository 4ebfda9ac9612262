import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest'
import {ENTRY} from '../support/built.js'
import {describeUnless} from '../support/describe-unless.js'

// A package with the real entry and a bundle that says which source it was compiled from. V8 takes a cache for a source of the same
// length, so a cache of the other one shows in what is printed.
const bundle = (word: 'mine' | 'evil') => `// hermes-svc 9.9.9
exports.run = async (argv) => { console.log('${word} ' + argv.join(' ')); return Number(argv.find((word) => /^\\d+$/.test(word)) ?? 0) }
`
/** One for all commands, and those of the quick ones. */
const BUNDLES = ['cli.cjs', 'look.cjs', 'doctor.cjs']
const isRoot = process.geteuid?.() === 0
/** An unprivileged user: ours, or nobody if we are root. */
const uid = isRoot ? 65534 : (process.geteuid?.() ?? 0)
const gid = isRoot ? 65534 : (process.getegid?.() ?? 0)

let scratch: string
let home: string

function makePackage(name: 'mine' | 'evil'): string {
  const root = path.join(scratch, name)
  fs.mkdirSync(path.join(root, 'bin'), {recursive: true})
  fs.mkdirSync(path.join(root, 'dist'))
  const entry = path.join(root, 'bin', 'hermes-svc.cjs')
  fs.copyFileSync(ENTRY, entry)
  for (const file of BUNDLES) fs.writeFileSync(path.join(root, 'dist', file), bundle(name))
  fs.writeFileSync(path.join(root, 'package.json'), '{"name": "hermes-svc", "version": "9.9.9"}')
  return entry
}

let mine: string
let evil: string

beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-cache-'))
  fs.chmodSync(scratch, 0o755)
  mine = makePackage('mine')
  evil = makePackage('evil')
})
afterAll(() => fs.rmSync(scratch, {recursive: true}))
beforeEach(() => {
  home = fs.mkdtempSync(path.join(scratch, 'home-'))
  fs.chmodSync(home, 0o755)
  fs.chownSync(home, uid, gid)
})

const {PATH = ''} = process.env

/** Runs the entry as the unprivileged user with that environment only. */
function run(entry: string, args: readonly string[], env: Readonly<Record<string, string>> = {HOME: home}) {
  const options = {encoding: 'utf8', env: {PATH, ...env}, uid, gid, timeout: 20_000} as const
  const {status, stdout, stderr} = spawnSync(process.execPath, [entry, ...args], options)
  return {status, stdout, stderr}
}

function statusOfEmptyRun(): number | null {
  return spawnSync(process.execPath, ['-e', '0'], {uid, gid, cwd: '/'}).status
}

const cacheFolder = () => path.join(home, '.cache', 'hermes-svc')

function cacheFiles(folder = cacheFolder()): string[] {
  return fs.existsSync(folder) ? fs.readdirSync(folder).map((name) => path.join(folder, name)) : []
}

/** The cache of the other package, under the name that ours has. */
let ofEvil: {readonly name: string; readonly bytes: Buffer} | undefined

/** Puts the cache of the other package in the place of ours, as somebody who can write there would. */
function plantEvil(): string {
  ofEvil ??= makeOfEvil()
  const target = path.join(cacheFolder(), ofEvil.name)
  for (const folder of [path.dirname(cacheFolder()), cacheFolder()]) {
    fs.mkdirSync(folder, {mode: 0o700})
    fs.chownSync(folder, uid, gid)
  }
  fs.writeFileSync(target, ofEvil.bytes, {mode: 0o600})
  fs.chownSync(target, uid, gid)
  return target
}

function makeOfEvil(): NonNullable<typeof ofEvil> {
  const [target, source] = [mine, evil].map((entry) => {
    const elsewhere = fs.mkdtempSync(path.join(scratch, 'home-'))
    fs.chownSync(elsewhere, uid, gid)
    run(entry, ['x'], {HOME: elsewhere})
    return cacheFiles(path.join(elsewhere, '.cache', 'hermes-svc'))[0]
  })
  if (!target || !source) throw new Error('no cache was written')
  return {name: path.basename(target), bytes: fs.readFileSync(source)}
}

/** The node of a root user's home is nobody else's to run. */
const whyNoUser = statusOfEmptyRun() === 0 ? undefined : `user ${uid} may not run ${process.execPath}`

describeUnless(whyNoUser, 'the code cache of a user', () => {
  it.each([0, 1, 3, 4])(
    'is written after a run that ended with %i: a service that is down is looked at more often than one that is up',
    (status) => {
      expect(run(mine, ['x', String(status)]).status).toBe(status)
      expect(cacheFiles()).toHaveLength(1)
    },
  )

  it('is for its owner alone, and then kept', () => {
    expect(run(mine, ['x', 'y'])).toEqual({status: 0, stdout: 'mine x y\n', stderr: ''})
    const [file, ...others] = cacheFiles()
    expect(others).toEqual([])
    expect(path.basename(file ?? '')).toContain(`9.9.9-${process.version}-${process.arch}-`)
    const before = fs.statSync(file ?? '')
    expect({uid: before.uid, mode: before.mode & 0o777}).toEqual({uid, mode: 0o600})
    expect(fs.statSync(cacheFolder()).mode & 0o777).toBe(0o700)
    run(mine, ['x'])
    expect(fs.statSync(file ?? '').ino).toBe(before.ino)
  })

  it('is what is run (so it must be safe)', () => {
    plantEvil()
    expect(run(mine, ['x']).stdout).toBe('evil x\n')
  })

  it.each([2, 130])('is not written after a run that ended with %i, before it did anything', (status) => {
    expect(run(mine, ['x', String(status)]).status).toBe(status)
    expect(cacheFiles()).toEqual([])
  })

  it('is another one for each command, and for help', () => {
    for (const args of [['status'], ['list'], ['status', '--help'], ['list', '--help']]) run(mine, args)
    expect(
      cacheFiles()
        .map((file) => /-([a-z]+)\.bin$/.exec(file)?.[1])
        .sort(),
    ).toEqual(['list', 'other', 'status'])
  })

  it('is made anew when it is damaged', () => {
    run(mine, ['x'])
    const [file = ''] = cacheFiles()
    const size = fs.statSync(file).size
    fs.writeFileSync(file, 'damaged')
    expect(run(mine, ['x'])).toEqual({status: 0, stdout: 'mine x\n', stderr: ''})
    expect(fs.statSync(file).size).toBeGreaterThan(size / 2)
  })

  it('belongs to one build of the source, also when that has the same size and modification time', () => {
    plantEvil()
    const source = path.join(path.dirname(path.dirname(mine)), 'dist', 'cli.cjs')
    const {atime, mtime} = fs.statSync(source)
    fs.writeFileSync(source, bundle('mine'))
    fs.utimesSync(source, atime, mtime)
    // Ours has another name from now on.
    ofEvil = undefined
    expect(run(mine, ['x']).stdout).toBe('mine x\n')
  })

  it.each([
    ['its folder can be written by others', () => fs.chmodSync(cacheFolder(), 0o777)],
    ['its file can be written by the group', (file: string) => fs.chmodSync(file, 0o620)],
    [
      'its file is a link',
      (file: string) => {
        fs.renameSync(file, `${file}.moved`)
        fs.symlinkSync(`${file}.moved`, file)
      },
    ],
    ['its file has a second name', (file: string) => fs.linkSync(file, path.join(home, 'second'))],
    [
      'its folder is a link',
      () => {
        fs.renameSync(cacheFolder(), path.join(home, 'moved'))
        fs.symlinkSync(path.join(home, 'moved'), cacheFolder())
      },
    ],
    ['the folder above can be written by others', () => fs.chmodSync(path.join(home, '.cache'), 0o777)],
    ['the home can be written by others', () => fs.chmodSync(home, 0o777)],
  ])('is not used if %s', (_, spoil) => {
    spoil(plantEvil())
    expect(run(mine, ['x'])).toEqual({status: 0, stdout: 'mine x\n', stderr: ''})
  })

  it('goes to XDG_CACHE_HOME where that is set', () => {
    const base = path.join(home, 'elsewhere')
    run(mine, ['x'], {HOME: home, XDG_CACHE_HOME: base})
    expect(cacheFiles()).toEqual([])
    expect(cacheFiles(path.join(base, 'hermes-svc'))).toHaveLength(1)
  })

  it.each([
    ["the home is another user's", {HOME: '/usr'}],
    ['there is no home', {}],
    ['the home is no absolute path', {HOME: '.'}],
    ['the folder cannot be made', {HOME: '/', XDG_CACHE_HOME: '/proc/nope/x'}],
    ['the folder is below a file', {HOME: '/', XDG_CACHE_HOME: '/etc/passwd/x'}],
  ])('is done without, silently, if %s', (_, env: Record<string, string>) => {
    expect(run(mine, ['x'], env)).toEqual({status: 0, stdout: 'mine x\n', stderr: ''})
    expect(cacheFiles()).toEqual([])
  })

  it('is neither read nor written with HERMES_SVC_NO_CACHE=1', () => {
    const off = {HOME: home, HERMES_SVC_NO_CACHE: '1'}
    run(mine, ['x'], off)
    expect(cacheFiles()).toEqual([])
    plantEvil()
    expect(run(mine, ['x'], off).stdout).toBe('mine x\n')
  })

  it('does not grow without end', () => {
    run(mine, ['x'])
    for (let index = 0; index < 100; index++) fs.writeFileSync(path.join(cacheFolder(), `old-${index}.bin`), '')
    run(mine, ['y'])
    expect(cacheFiles()).toHaveLength(1)
  })
})

function whyNoMountNamespace(): string | undefined {
  if (!isRoot) return 'it takes root'
  const {status} = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/var/cache'])
  return status === 0 ? undefined : 'no mount namespace can be made'
}

describeUnless(whyNoMountNamespace(), 'the code cache of root', () => {
  /** Runs the entry as root where /var/cache is another one, after a preparation; then lists what is in it. */
  function runAsRoot(preparation: string, env: Readonly<Record<string, string>> = {}) {
    const script = `mount -t tmpfs -o mode=0755 tmpfs /var/cache && ${preparation} && "$0" "$1" x && find -L /var/cache -type f`
    const argv = ['--mount', 'sh', '-c', script, process.execPath, mine]
    return spawnSync('unshare', argv, {encoding: 'utf8', env: {PATH, HOME: home, ...env}})
  }

  it('is in /var/cache, whatever HOME and XDG_CACHE_HOME say', () => {
    const {stdout, stderr} = runAsRoot(':', {XDG_CACHE_HOME: path.join(home, 'x')})
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^mine x\n\/var\/cache\/hermes-svc\/9\.9\.9-\S+-x\.bin\n$/)
    expect(fs.readdirSync(home)).toEqual([])
  })

  it.each([
    ["is another user's", 'mkdir /var/cache/hermes-svc && chown 65534 /var/cache/hermes-svc'],
    ['can be written by a group', 'mkdir -m 0770 /var/cache/hermes-svc'],
    ['is a link', 'mkdir /var/cache/real && ln -s real /var/cache/hermes-svc'],
    ['is in a folder that others can write', 'chmod 1777 /var/cache'],
  ])('is not used if its folder %s', (_, preparation) => {
    const {stdout, stderr} = runAsRoot(preparation)
    expect({stdout, stderr}).toEqual({stdout: 'mine x\n', stderr: ''})
  })
})
