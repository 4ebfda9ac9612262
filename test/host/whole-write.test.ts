import {execFile, execFileSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {promisify} from 'node:util'
import {buildSync} from 'esbuild'
import {afterEach, beforeAll, describe, expect, it, vi} from 'vitest'
import {isTemporaryOf, isTemporaryPath, temporaryPath} from '../../src/host/host.js'
import {addLine, makeFolderWhole, replaceFile} from '../../src/host/whole-write.js'

const SOURCE = path.join(import.meta.dirname, '../../src/host/whole-write.ts')
let folder: string
let built: string

beforeAll(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'whole-write-')))
  built = path.join(folder, 'built.cjs')
  buildSync({entryPoints: [SOURCE], bundle: true, platform: 'node', format: 'cjs', outfile: built})
  return () => fs.rmSync(folder, {recursive: true})
})
afterEach(() => vi.restoreAllMocks())

let places = 0
/** The path of a file that is not there, alone in its folder. */
function newPlace(): string {
  const place = path.join(folder, String((places += 1)))
  fs.mkdirSync(place)
  return path.join(place, 'file')
}
const namesBeside = (file: string) => fs.readdirSync(path.dirname(file)).sort()
const failsWith = (code: string) => () => {
  throw Object.assign(new Error(code), {code})
}
/** fsync(2) of folders fails; that of files does not. */
function failToSyncFolders(code: string): void {
  const real = fs.fsyncSync
  vi.spyOn(fs, 'fsyncSync').mockImplementation((fd) => (fs.fstatSync(fd).isDirectory() ? failsWith(code)() : real(fd)))
}

/** A program that has `replaceFile` and `addLine`, and may not make a file longer than that many times 512 bytes. */
function limited(blocks: string, program: string, file: string) {
  const script = 'ulimit -f "$1"; exec "$2" -e "$3" "$4"'
  const text = `const {addLine, replaceFile} = require(${JSON.stringify(built)}); const file = process.argv[1]; ${program}`
  return promisify(execFile)('sh', ['-c', script, 'sh', blocks, process.execPath, text, file])
}

describe('replaceFile', () => {
  it('leaves no temporary file', () => {
    const file = newPlace()
    replaceFile(file, 'one', 0o640)
    replaceFile(file, 'two', 0o600)
    expect([fs.readFileSync(file, 'utf8'), fs.statSync(file).mode & 0o7777]).toEqual(['two', 0o600])
    expect(namesBeside(file)).toEqual(['file'])
  })

  it('is not kept from it by what is in the place of a temporary file, and does not write through it', () => {
    const [file, victim] = [newPlace(), newPlace()]
    fs.writeFileSync(victim, 'precious')
    fs.mkdirSync(path.join(path.dirname(file), '.file.hermes-svc-tmp'))
    fs.symlinkSync(victim, temporaryPath(file, '0'))
    replaceFile(file, 'whole', 0o644)
    expect(fs.readFileSync(victim, 'utf8')).toBe('precious')
    expect(fs.lstatSync(file).isFile()).toBe(true)
    expect(namesBeside(file)).toEqual(['.file.hermes-svc-tmp', '.file.~0.hermes-svc-tmp', 'file'])
  })

  it('never puts what another process has half written of the same file in its place, and hinders none', async () => {
    const file = newPlace()
    fs.writeFileSync(file, 'aaa')
    const rounds = (letter: string) => `for (let n = 0; n < 40; n++) replaceFile(file, '${letter}'.repeat(100000), 0o600)`
    const writers = Promise.all(['a', 'b', 'c'].map((letter) => limited('unlimited', rounds(letter), file)))
    const read = new Set<string>()
    let isDone = false
    const ended = writers.finally(() => (isDone = true))
    while (!isDone) {
      read.add(fs.readFileSync(file, 'utf8'))
      await new Promise((done) => setTimeout(done, 1))
    }
    await ended
    expect([...read].map((text) => text.replaceAll(/^(a|b|c)\1*$/g, '')).filter(Boolean)).toEqual([])
    expect([...read].map(({length}) => length).filter((length) => length !== 3 && length !== 100000)).toEqual([])
    expect(namesBeside(file)).toEqual(['file'])
  })

  it('leaves the former file, and nothing beside it, where there is no room', async () => {
    const file = newPlace()
    fs.writeFileSync(file, 'old')
    await expect(limited('1', "replaceFile(file, 'x'.repeat(5000), 0o600)", file)).rejects.toThrow('EFBIG')
    expect(fs.readFileSync(file, 'utf8')).toBe('old')
    expect(namesBeside(file)).toEqual(['file'])
  })

  it.each(['EINVAL', 'ENOTSUP', 'EACCES'])('is content where a file system cannot sync a folder (%s)', (code) => {
    const file = newPlace()
    failToSyncFolders(code)
    replaceFile(file, 'new', 0o600)
    expect(fs.readFileSync(file, 'utf8')).toBe('new')
  })

  it('tells of a folder that could not be synced for a fault, when the new file is in place', () => {
    const file = newPlace()
    failToSyncFolders('EIO')
    expect(() => replaceFile(file, 'new', 0o600)).toThrow('EIO')
    expect(fs.readFileSync(file, 'utf8')).toBe('new')
    expect(namesBeside(file)).toEqual(['file'])
  })

  it('waits for nobody where the folder has become a FIFO when it is to be synced', () => {
    const file = newPlace()
    const place = path.dirname(file)
    const rename = fs.renameSync
    let writer: number | undefined
    vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      rename(from, to)
      rename(place, `${place}.away`)
      execFileSync('mkfifo', [place])
      // Whoever opens it to read would wait for ever without this, which no test could tell of.
      writer = fs.openSync(place, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
    })
    expect(() => replaceFile(file, 'new', 0o600)).toThrow('ENOTDIR')
    fs.closeSync(writer ?? -1)
  })
})

describe('addLine', () => {
  it('takes half a line back that there was no room for', async () => {
    const file = newPlace()
    addLine(file, 'one', 0o600)
    await expect(limited('1', "addLine(file, 'x'.repeat(5000), 0o600)", file)).rejects.toThrow('EFBIG')
    expect(fs.readFileSync(file, 'utf8')).toBe('one\n')
  })

  it('never adds to half a line that somebody else has left', () => {
    const file = newPlace()
    fs.writeFileSync(file, 'one\nhal')
    addLine(file, 'two', 0o600)
    addLine(file, 'three', 0o600)
    expect(fs.readFileSync(file, 'utf8')).toBe('one\nhal\ntwo\nthree\n')
  })
})

describe('makeFolderWhole', () => {
  it('makes none that it cannot give its mode', () => {
    const place = newPlace()
    vi.spyOn(fs, 'chmodSync').mockImplementation(failsWith('EPERM'))
    expect(() => makeFolderWhole(place, 0o700)).toThrow('EPERM')
    expect(fs.existsSync(place)).toBe(false)
  })
})

describe('temporary names', () => {
  it('are told from all others, those of earlier versions too', () => {
    const own = path.basename(temporaryPath('/d/a.b', 'f00'))
    expect(
      [own, '.a.b.hermes-svc-tmp', '.a.hermes-svc-tmp', '.a.b.c.hermes-svc-tmp', 'a.b'].filter((name) => isTemporaryOf('a.b', name)),
    ).toEqual([own, '.a.b.hermes-svc-tmp'])
    expect(isTemporaryPath(own)).toBe(true)
  })
})
