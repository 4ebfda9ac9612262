import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {isCampaign} from '../support/campaign.js'
import {describeOnSystemd} from '../support/machines.js'

const PROGRAM = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`]

// In a campaign each has a process of its own.
await describeOnSystemd('a command that runs in the process of others before it', (machine) => {
  let user: Account
  beforeAll(async () => {
    user = await machine().addUser('ann')
    await machine().exec(['mkdir', '-m', '700', `${user.home}/.hermes`], {user})
  })

  const shared = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    machine().exec([...PROGRAM, ...words], {user, env})
  const alone = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    machine().exec(['env', ...PROGRAM, ...words], {user, env})
  const processes = async () => Number((await machine().exec(['pgrep', '-c', '-u', user.name, '-f', `^${MACHINE_NODE} - `])).stdout.trim())
  const told = ({code, stdout, stderr}: Awaited<ReturnType<typeof shared>>) => ({code, stdout, stderr})

  it.each([
    ['a status that cannot be told', 'status'],
    ['a document', 'status --json'],
    ['a finding', 'doctor'],
    ['a failure', 'start'],
    ['wrong usage', 'restart --nonsense'],
    ['wrong usage as a document', 'stop --scope both --json'],
    ['an unknown command', 'remove'],
    ['help', 'doctor --help'],
    ['a version', '--version'],
    ['what a first command writes', 'config set start-limit-burst 10 --dry-run'],
  ])('prints and ends as in one of its own: %s (%s)', async (_name, line) => {
    const words = line.split(' ')
    const expected = told(await alone(words))
    expect([told(await shared(words)), told(await shared(words))]).toEqual([expected, expected])
  })

  it('has its own environment and nothing of the one before', async () => {
    const [home, profile] = [await shared(['status', '--json'], {HERMES_HOME: '/home/ann/other'}), await shared(['status', '--json'])]
    expect([home, profile].map(({stdout}) => (JSON.parse(stdout) as {home?: string}).home)).toEqual([
      '/home/ann/other',
      '/home/ann/.hermes',
    ])
  })

  it.skipIf(isCampaign)('shares one process with all others of its user, and gets another one where that was killed', async () => {
    expect(await processes()).toBe(1)
    await machine().exec(['pkill', '-KILL', '-u', user.name, '-f', `^${MACHINE_NODE} - `])
    expect(told(await shared(['--version']))).toEqual(told(await alone(['--version'])))
    expect(await processes()).toBe(1)
  })
})
