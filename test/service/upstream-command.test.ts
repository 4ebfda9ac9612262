import {describe, expect, it} from 'vitest'
import {upstreamCommand} from '../../src/service/upstream-command.js'
import {USER} from '../fakes/fake-host.js'

const ROOT = {...USER, uid: 0, gid: 0, name: 'root', home: '/root'}
const usual = {name: 'default', root: `${USER.home}/.hermes`}

describe('upstreamCommand', () => {
  it('is what one types about the usual home', () => {
    expect(upstreamCommand({account: USER}, usual, USER, 'gateway setup')).toBe('hermes gateway setup')
  })

  it('names the profile, and a root home that is somewhere else', () => {
    expect(upstreamCommand({account: USER}, {name: 'work', root: '/srv/the bot'}, USER, 'gateway setup')).toBe(
      "HERMES_HOME='/srv/the bot' hermes -p work gateway setup",
    )
  })

  it("is typed with the other account's ids where that is not one's own", () => {
    expect(upstreamCommand({account: ROOT}, usual, USER, 'setup')).toBe(`sudo -iu ${USER.name} hermes setup`)
    expect(upstreamCommand({account: ROOT}, {...usual, root: '/srv/bot'}, USER, 'setup')).toBe(
      `sudo -iu ${USER.name} env HERMES_HOME=/srv/bot hermes setup`,
    )
  })
})
