import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import {afterAll, beforeEach, describe, expect, it} from 'vitest'
import {endOfLog, LogFollower, newestLines, numberedLog} from '../../src/host/log-file.js'
import {createNodeHost} from '../../src/host/node-host.js'
import {inCampaign} from '../support/campaign.js'

const HOST = createNodeHost('/')
const ROOT = fs.mkdtempSync(path.join(os.tmpdir(), 'log-file-'))
let count = 0
let file = ''

beforeEach(() => {
  const folder = path.join(ROOT, String((count += 1)))
  fs.mkdirSync(folder)
  file = path.join(folder, 'a.log')
})
afterAll(() => fs.rmSync(ROOT, {recursive: true}))

const log = () => numberedLog(file)
const newest = () => [...newestLines(HOST, log())]
/** As logging.handlers.RotatingFileHandler does it, with two former files. */
const rotate = () => {
  for (const [from, to] of [
    [`${file}.1`, `${file}.2`],
    [file, `${file}.1`],
  ] as const) {
    if (fs.existsSync(from)) fs.renameSync(from, to)
  }
}

describe('newestLines', () => {
  it('has the lines of all files, the newest first', () => {
    fs.writeFileSync(`${file}.10`, 'a\n')
    fs.writeFileSync(`${file}.2`, 'b\n\nc\n')
    fs.writeFileSync(`${file}.1.gz`, 'x\n')
    fs.writeFileSync(file, 'd\nwithout an end')
    expect(newest()).toEqual(['without an end', 'd', 'c', '', 'b', 'a'])
  })

  it('is the content turned round, whatever the lines are, and wherever they are cut', () => {
    const line = fc.oneof(
      fc.string({unit: fc.constantFrom('a', 'ü', ' ', '€')}),
      fc.integer({min: 60_000, max: 65_000}).map((length) => 'x'.repeat(length)),
    )
    fc.assert(
      fc.property(fc.array(fc.array(line, {minLength: 1, maxLength: 6}), {maxLength: 3}), (files) => {
        for (const [index, lines] of files.entries())
          fs.writeFileSync(index === 0 ? file : `${file}.${index}`, lines.map((one) => `${one}\n`).join(''))
        expect(newest().map((one) => one.length)).toEqual(files.flatMap((lines) => [...lines].reverse()).map((one) => one.length))
        for (const index of files.keys()) fs.rmSync(index === 0 ? file : `${file}.${index}`)
      }),
      {numRuns: inCampaign(30, 10)},
    )
  })

  it('reads no more than is asked for', () => {
    fs.writeFileSync(file, 'a line\n'.repeat(200_000))
    let read = 0
    const counting = Object.create(HOST, {
      readPart: {value: (name: string, offset: number, bytes: number) => ((read += bytes), HOST.readPart(name, offset, bytes))},
    }) as typeof HOST
    expect(newestLines(counting, log()).next().value).toBe('a line')
    expect(read).toBeLessThan(100_000)
  })

  it('shows the beginning of a line that is too long', () => {
    fs.writeFileSync(file, `begin${'x'.repeat(1_000_000)}\nb\n`)
    const lines = newest()
    expect(lines.map((line) => line.slice(0, 5))).toEqual(['b', 'begin'])
    expect(lines[1]?.length).toBe(64 * 1024)
  })

  it('goes on in the right file where it is rotated in between', () => {
    fs.writeFileSync(file, Array.from({length: 30_000}, (_, index) => `line ${index}\n`).join(''))
    const lines = newestLines(HOST, log())
    const got = [lines.next().value as string]
    rotate()
    fs.writeFileSync(file, 'new\n'.repeat(50_000))
    got.push(...lines)
    expect(got).toEqual(Array.from({length: 30_000}, (_, index) => `line ${29_999 - index}`))
  })

  it.each([
    ['a FIFO', () => HOST.read(['mkfifo', file])],
    ['a folder', () => fs.mkdirSync(file)],
    ['nothing', () => undefined],
  ])('has none where there is %s', (_what, make) => {
    make()
    expect(newest()).toEqual([])
  })
})

describe('LogFollower', () => {
  it('has each line once it is whole, over rotations, cuts and replacements', () => {
    fs.writeFileSync(file, 'old\nhalf')
    const follower = new LogFollower(HOST, log(), endOfLog(HOST, log()))
    expect(follower.read()).toEqual([])
    fs.appendFileSync(file, ' a line\nnext\n')
    expect(follower.read()).toEqual(['half a line', 'next'])
    fs.appendFileSync(file, 'last of the first\n')
    rotate()
    fs.writeFileSync(file, 'first of the second\n')
    rotate()
    fs.writeFileSync(file, 'first of the third\n')
    expect(follower.read()).toEqual(['last of the first', 'first of the second', 'first of the third'])
    // As copytruncate of logrotate(8), and as `fix log-size`.
    fs.truncateSync(file)
    expect(follower.read()).toEqual([])
    fs.appendFileSync(file, 'cut\n')
    expect(follower.read()).toEqual(['cut'])
    // The file system may give the new one the number of the old one.
    fs.rmSync(file)
    fs.writeFileSync(file, 'replaced by a longer one\n')
    expect(follower.read()).toEqual(['replaced by a longer one'])
    fs.rmSync(file)
    expect(follower.read()).toEqual([])
    fs.writeFileSync(file, 'it is back\n')
    expect(follower.read()).toEqual(['it is back'])
  })

  it('begins with a file that comes later', () => {
    const follower = new LogFollower(HOST, log(), endOfLog(HOST, log()))
    expect(follower.read()).toEqual([])
    fs.writeFileSync(file, 'a\nb')
    expect(follower.read()).toEqual(['a'])
  })

  it('loses nothing and has nothing twice, however writes, rotations and reads mix', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('write', 'write', 'half', 'rotate', 'read'), {maxLength: 40}), (acts) => {
        for (const name of fs.readdirSync(path.dirname(file))) fs.rmSync(path.join(path.dirname(file), name))
        fs.writeFileSync(file, '')
        const follower = new LogFollower(HOST, log(), endOfLog(HOST, log()))
        const [written, got]: [string[], string[]] = [[], []]
        let half = ''
        let rotations = 0
        for (const act of [...acts, 'read']) {
          if (act === 'write') {
            fs.appendFileSync(file, `line ${written.length}\n`)
            written.push(`${half}line ${written.length}`)
            half = ''
          } else if (act === 'half') {
            fs.appendFileSync(file, '.')
            half += '.'
          } else if (act === 'rotate' && half === '' && rotations < 2) {
            // More of them than former files are kept lose what nobody has read.
            rotate()
            fs.writeFileSync(file, '')
            rotations += 1
          } else if (act === 'read') {
            got.push(...follower.read())
            rotations = 0
          }
        }
        expect(got).toEqual(written)
      }),
      {numRuns: inCampaign(200, 25)},
    )
  })
})
