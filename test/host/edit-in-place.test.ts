import {execFileSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {InPlaceWrite} from '../../src/host/host.js'
import {createNodeHost} from '../../src/host/node-host.js'

const host = createNodeHost('/')
let folder = ''
let file = ''

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'edit-in-place-'))
  file = path.join(folder, 'file')
  fs.writeFileSync(file, 'one two three')
})

afterEach(() => fs.rmSync(folder, {recursive: true}))

const put = (offset: number, text: string): InPlaceWrite => ({offset, bytes: Buffer.from(text)})
const text = () => fs.readFileSync(file, 'utf8')

describe('an edit in place', () => {
  it('changes bytes of the very file, or makes it longer', () => {
    const {ino, mode} = fs.statSync(file)
    expect(host.editInPlace(file, (content) => put(content.indexOf('two'), 'TWO'))).toBe(true)
    expect(host.editInPlace(file, (content) => put(content.length, '   '))).toBe(true)
    expect(text()).toBe('one TWO three   ')
    expect(fs.statSync(file)).toMatchObject({ino, mode})
    expect(fs.readdirSync(folder)).toEqual(['file'])
  })

  it('leaves the file alone, its time too, if there is nothing to be written', () => {
    const before = fs.statSync(file)
    expect(host.editInPlace(file, () => undefined)).toBe(true)
    expect(fs.statSync(file)).toMatchObject({mtimeMs: before.mtimeMs, ctimeMs: before.ctimeMs})
  })

  it.each([
    [
      'replaced',
      (content: string) => {
        fs.writeFileSync(`${file}.new`, content)
        fs.renameSync(`${file}.new`, file)
      },
    ],
    ['changed', (content: string) => fs.writeFileSync(file, content)],
  ])('looks again at a file that was %s in between', (_, meddle) => {
    const seen: string[] = []
    const edited = host.editInPlace(file, (content) => {
      seen.push(content.toString())
      if (seen.length === 1) meddle('four two')
      return put(content.indexOf('two'), 'TWO')
    })
    expect([edited, seen, text()]).toEqual([true, ['one two three', 'four two'], 'four TWO'])
  })

  it('never touches a file that has lost its place', () => {
    fs.linkSync(file, path.join(folder, 'old'))
    host.editInPlace(file, (content) => {
      if (content.includes('one')) {
        fs.writeFileSync(`${file}.new`, 'four two')
        fs.renameSync(`${file}.new`, file)
      }
      return put(0, 'X')
    })
    expect([text(), fs.readFileSync(path.join(folder, 'old'), 'utf8')]).toEqual(['Xour two', 'one two three'])
  })

  it('gives up on a file that changes all the time', () => {
    let length = 0
    const edit = () => {
      fs.writeFileSync(file, 'x'.repeat((length += 1)))
      return put(0, 'y')
    }
    expect(() => host.editInPlace(file, edit)).toThrow(expect.objectContaining({code: 'EBUSY'}))
    expect(text()).not.toContain('y')
  })

  it('does not make a file, nor edit what is none', () => {
    const never = () => {
      throw new Error('asked')
    }
    expect(host.editInPlace(`${file}.absent`, never)).toBe(false)
    expect(fs.readdirSync(folder)).toEqual(['file'])
    fs.symlinkSync('file', path.join(folder, 'link'))
    execFileSync('mkfifo', [path.join(folder, 'fifo')])
    for (const [name, code] of [
      ['link', 'ELOOP'],
      ['fifo', 'EINVAL'],
      ['', 'EISDIR'],
    ] as const) {
      expect(() => host.editInPlace(path.join(folder, name), never)).toThrow(expect.objectContaining({code}))
    }
  })
})
