import {expect, it} from 'vitest'
import {debianMirror} from './systemd-257-root.js'

it('takes the mirror from which the running release comes', () => {
  const oneLine = ['# deb http://old.example/debian bookworm main\ndeb [arch=amd64] https://tools.example/apt bookworm stable\n']
  const deb822 = [
    '# Types: deb\nTypes: deb deb-src\nURIs: http://mirror.example/debian/\n http://second.example/debian\n' +
      'Suites: bookworm bookworm-updates\nComponents: main\n\n' +
      'Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n',
  ]
  expect(debianMirror({oneLine, deb822, codename: 'bookworm'})).toBe('http://mirror.example/debian/')
})

it('reads sources in the one-line style', () => {
  const source = 'deb-src http://src.example/debian bookworm main\n'
  const binary = 'deb [signed-by=/k.gpg arch=amd64] http://a.example/debian bookworm contrib main\n'
  expect(debianMirror({oneLine: [source + binary], deb822: [], codename: 'bookworm'})).toBe('http://a.example/debian')
})

it('leaves the choice to debootstrap where the sources name no http mirror', () => {
  const stanza = (uri: string, more = '') => `Types: deb\nURIs: ${uri}\nSuites: bookworm\nComponents: main\n${more}`
  expect(debianMirror({oneLine: [], deb822: [stanza('mirror+file:/etc/apt/mirrors/debian.list')], codename: 'bookworm'})).toBeUndefined()
  expect(debianMirror({oneLine: [], deb822: [stanza('http://off.example/debian', 'Enabled: no\n')], codename: 'bookworm'})).toBeUndefined()
})

it('leaves the choice to debootstrap on another distribution', () => {
  expect(debianMirror({oneLine: ['deb http://a.example/ubuntu noble main'], deb822: [], codename: undefined})).toBeUndefined()
})
