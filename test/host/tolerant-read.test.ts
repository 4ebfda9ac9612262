import {describe, expect, it} from 'vitest'
import {listIfAllowed, readIfAllowed, realPathIfAllowed, statIfAllowed} from '../../src/host/tolerant-read.js'
import {FakeHost} from '../fakes/fake-host.js'

const host = new FakeHost({
  files: {
    '/srv/open/a': 'text',
    '/srv/open/link': {link: '/srv/open/a'},
    '/srv/closed/b': {text: 'secret', uid: 0, mode: 0o600},
    '/srv/closed': {folder: true, uid: 0, mode: 0o700},
  },
})

describe('readIfAllowed', () => {
  it('reads what may be read', () => {
    expect(readIfAllowed(host, '/srv/open/a')).toBe('text')
  })

  it.each(['/srv/open/none', '/srv/closed/b'])('finds nothing in %s', (file) => {
    expect(readIfAllowed(host, file)).toBeUndefined()
  })
})

describe('listIfAllowed', () => {
  it('names what is in a folder', () => {
    expect(listIfAllowed(host, '/srv/open').sort()).toEqual(['a', 'link'])
  })

  it.each(['/srv/none', '/srv/closed'])('names nothing of %s', (folder) => {
    expect(listIfAllowed(host, folder)).toEqual([])
  })
})

describe('realPathIfAllowed', () => {
  it('follows links', () => {
    expect(realPathIfAllowed(host, '/srv/open/link')).toBe('/srv/open/a')
  })

  it('leaves a path as it is that ends in nothing', () => {
    expect(realPathIfAllowed(host, '/srv/open/none')).toBe('/srv/open/none')
  })
})

describe('statIfAllowed', () => {
  it('tells what is at a path, links followed', () => {
    expect(statIfAllowed(host, '/srv/open/link')?.kind).toBe('file')
    expect(statIfAllowed(host, '/srv/open')?.kind).toBe('folder')
  })

  it('tells nothing where there is nothing', () => {
    expect(statIfAllowed(host, '/srv/open/none')).toBeUndefined()
  })

  it('tells nothing of what is in a folder that may not be looked into', () => {
    expect(statIfAllowed(host, '/srv/closed/b')).toBeUndefined()
  })
})
