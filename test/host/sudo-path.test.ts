import {describe, expect, it} from 'vitest'
import {type Typed, typedWithSudo} from '../../src/host/sudo-path.js'

const NVM = '/home/ann/.nvm/versions/node/v22.1.0/bin'
const typed = (line: string, present: readonly string[] = [], more: Partial<Typed> = {}) =>
  typedWithSudo(line, {
    platform: 'linux',
    node: `${NVM}/node`,
    entry: `${NVM}/hermes-svc`,
    exists: (file) => present.includes(file),
    ...more,
  })

describe('advice with sudo', () => {
  it('stands as it is where sudo finds the program', () => {
    expect(typed('sudo hermes-svc setup', ['/usr/local/bin/hermes-svc'])).toBe('sudo hermes-svc setup')
    expect(typed('sudo hermes-svc setup', [], {platform: 'darwin'})).toBe('sudo hermes-svc setup')
    expect(typed('hermes-svc setup')).toBe('hermes-svc setup')
  })

  it('names the program by its path where a version manager has it, and its node too', () => {
    expect(typed('needs root (sudo hermes-svc setup)')).toBe(`needs root (sudo ${NVM}/node ${NVM}/hermes-svc setup)`)
    expect(typed('sudo hermes-svc …', ['/usr/bin/node'])).toBe(`sudo ${NVM}/hermes-svc …`)
    expect(typed('run the same command with sudo', ['/usr/bin/node'])).toBe(`run the same command with sudo: sudo ${NVM}/hermes-svc …`)
  })
})
