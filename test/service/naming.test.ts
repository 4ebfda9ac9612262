import {createHash} from 'node:crypto'
import {describe, expect, it} from 'vitest'
import {serviceSuffix} from '../../src/service/naming.js'
import {resolveProfile} from '../../src/service/profile.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'

const hash = (home: string) => createHash('sha256').update(home).digest('hex').slice(0, 8)

function suffix(home: string | undefined, files: Record<string, FakeFile> = {}): string {
  const host = new FakeHost({files})
  return serviceSuffix(resolveProfile(host, '/home/user', {home}), '/home/user', (file) => host.realPath(file))
}

describe('serviceSuffix', () => {
  it('is empty for ~/.hermes and the name for its profiles', () => {
    expect(suffix(undefined)).toBe('')
    expect(suffix('/home/user/.hermes/profiles/work')).toBe('work')
  })

  it('is the same where ~/.hermes is a link', () => {
    const files: Record<string, FakeFile> = {'/home/user/.hermes': {link: '/data/h'}, '/data/h/profiles/work': {folder: true}}
    expect(suffix(undefined, files)).toBe('')
    expect(suffix('/data/h/profiles/work', files)).toBe('work')
  })

  it('is the beginning of the hash of any other home, so that two of them never share a service', () => {
    expect(suffix('/opt/data')).toBe('b7dd404e')
    expect(suffix('/opt/data/profiles/work')).toBe(hash('/opt/data/profiles/work'))
    expect(suffix('/home/user/.hermes/elsewhere')).toBe(hash('/home/user/.hermes/elsewhere'))
  })
})
