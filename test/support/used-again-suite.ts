import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign} from './campaign.js'

const PROGRAM = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`]

/** Tests of a suite on a machine, with one of its users who has had no command of ours yet. */
export function describeUsedAgain(machine: () => Machine, ofWhom: () => Account): void {
  describe('a command that runs in the process of others before it', () => {
    let user: Account
    beforeAll(async () => {
      user = ofWhom()
      await machine().exec(['mkdir', '-m', '700', `${user.home}/.hermes`], {user})
    })

    const shared = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      machine().exec([...PROGRAM, ...words], {user, env})
    const alone = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      machine().exec(['env', ...PROGRAM, ...words], {user, env})
    const processes = async () =>
      Number((await machine().exec(['pgrep', '-c', '-u', user.name, '-f', `^${MACHINE_NODE} - `])).stdout.trim())
    const told = ({code, stdout, stderr}: Awaited<ReturnType<typeof shared>>) => ({code, stdout, stderr})

    const lines: readonly (readonly [what: string, line: string])[] = [
      ['a finding', 'doctor'],
      ['a failure', 'start'],
      ['wrong usage as a document', 'stop --scope both --json'],
      ['what a first command writes', 'config set start-limit-burst 10 --dry-run'],
      // As these do. In a campaign each has a process of its own, and all other suites expect of that what they expect of a shared one.
      ...inCampaign<readonly (readonly [string, string])[]>(
        [
          ['a status that cannot be told', 'status'],
          ['a document', 'status --json'],
          ['wrong usage', 'restart --nonsense'],
          ['an unknown command', 'remove'],
          ['help', 'doctor --help'],
          ['a version', '--version'],
        ],
        [],
      ),
    ]
    it.each(lines)('prints and ends as in one of its own: %s (%s)', async (_name, line) => {
      const words = line.split(' ')
      const expected = told(await alone(words))
      expect([told(await shared(words)), told(await shared(words))]).toEqual([expected, expected])
    })

    it('has its own environment and nothing of the one before', async () => {
      const [home, profile] = [await shared(['status', '--json'], {HERMES_HOME: `${user.home}/other`}), await shared(['status', '--json'])]
      expect([home, profile].map(({stdout}) => (JSON.parse(stdout) as {home?: string}).home)).toEqual([
        `${user.home}/other`,
        `${user.home}/.hermes`,
      ])
    })

    it.skipIf(isCampaign)('shares one process with all others of its user, and gets another one where that was killed', async () => {
      expect(await processes()).toBe(1)
      await machine().exec(['pkill', '-KILL', '-u', user.name, '-f', `^${MACHINE_NODE} - `])
      expect(told(await shared(['--version']))).toEqual(told(await alone(['--version'])))
      expect(await processes()).toBe(1)
    })
  })
}
