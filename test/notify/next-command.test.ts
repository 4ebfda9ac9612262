import {describe, expect, it} from 'vitest'
import {nextCommand} from '../../src/notify/next-command.js'

const DEFAULT = {scope: 'user', profile: 'default', home: '/home/ann/.hermes', accountHome: '/home/ann'} as const

describe('the command to type about an event', () => {
  it.each([
    ['of the default profile', DEFAULT, 'hermes-svc doctor --fix'],
    ['of another profile', {...DEFAULT, profile: 'work', home: '/home/ann/.hermes/profiles/work'}, 'hermes-svc doctor --fix -p work'],
    ['of a home elsewhere', {...DEFAULT, home: '/srv/my hermes'}, "hermes-svc doctor --fix --home '/srv/my hermes'"],
    ['of the machine', {...DEFAULT, scope: 'system' as const}, 'sudo hermes-svc doctor --fix'],
  ])('means the service %s', (_, service, command) => {
    expect(nextCommand('down', service)).toBe(command)
  })
})
