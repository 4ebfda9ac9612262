import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign} from './campaign.js'
import {onTerminal, terminalEnd} from './terminal.js'
import {PUSHED, PUSHER, pushersSeen, SEEN, TAKE_PLACES, UNTIL_PUSHED} from './pusher.js'
import type {TestService} from './test-service.js'

interface Row {
  readonly args: readonly string[]
  readonly endAfterSec?: number
}

/** The programs that are started with an account's ids. */
const PROGRAMS = ['systemctl', 'journalctl', 'test', 'sh', 'kill', 'ps', 'getent', 'df']

const isSome = (count: number) => count > 0

/** What a machine needs for them. */
export const hostileTerminalBinds = [{source: PUSHER, target: '/opt/push-at-terminal.py'}]

/**
 * Tests of a suite on a machine, with a service in user scope of one of its users, whose gateway runs; the last ones: that user's programs are others from then
 * on.
 */
export function describeHostileTerminal(machine: () => Machine, ofWhom: () => TestService): void {
  describe('a program of another account that root’s command starts', () => {
    let alice: Account

    beforeAll(async () => {
      const service = ofWhom()
      alice = service.user
      // What ticks has no terminal, and would be counted.
      await service.systemctl('stop', 'hermes-svc-heartbeat.timer')
      await service.sh(TAKE_PLACES, ['/opt/push-at-terminal.py', String(alice.uid), ...PROGRAMS])
    }, 120_000)

    /** Runs a program of root's on a terminal of its own; what came of it there, and what the account's programs saw. */
    const onRootsTerminal = async (argv: readonly string[]) => {
      await machine().exec(['sh', '-c', `umask 0; : >${SEEN}`])
      const {stdout, stderr} = await machine().exec(onTerminal(['sh', '-c', UNTIL_PUSHED, 'sh', ...argv], []), {timeoutMs: 110_000})
      if (stdout === '') throw new Error(stderr)
      const {output} = await terminalEnd(stdout)
      const seen = pushersSeen(await machine().readText(SEEN))
      return {output, seen, late: seen.filter(({isLate}) => isLate).length}
    }
    const hermesSvc = (...args: readonly string[]) => [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...args]
    const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

    it('could push characters into root’s terminal if it were started there: this machine lets it', async () => {
      const asAlice = ['setpriv', `--reuid=${alice.uid}`, `--regid=${alice.gid}`, '--init-groups', '--']
      const {output, seen} = await onRootsTerminal([...asAlice, 'env', PATH, 'test', '-e', '/'])
      const pushed = {program: 'test', reached: expect.toSatisfy(isSome) as number, pushed: expect.toSatisfy(isSome) as number}
      expect(seen).toMatchObject([
        {...pushed, isLate: false},
        {...pushed, isLate: true},
      ])
      expect(output).toContain(PUSHED)
    })

    // One that only looks, with more programs than any other, and one that also changes something.
    const REPRESENTATIVES: readonly Row[] = [{args: ['doctor', '--wedge-window', '1s']}, {args: ['restart', '--timeout', '60s']}]
    const rows = inCampaign(
      [
        ...REPRESENTATIVES,
        {args: ['status', '--wedge-window', '1s']},
        {args: ['diff']},
        {args: ['logs', '-n', '5']},
        {args: ['logs', '-f'], endAfterSec: 3},
        {args: ['install']},
      ],
      REPRESENTATIVES,
    )
    it.each(rows)('has no terminal of $args.0', async ({args, endAfterSec}) => {
      const command = hermesSvc(...args, '--scope', 'user', '--run-as', alice.name)
      const bounded = endAfterSec === undefined ? command : ['timeout', '--foreground', '--signal=INT', String(endAfterSec), ...command]
      const {output, seen, late} = await onRootsTerminal(bounded)
      // The journal is root's own to read: there no program of the account's is started at all.
      expect([seen.length > 0, late > 0], output).toEqual([args[0] !== 'logs', args[0] !== 'logs'])
      expect(seen.filter(({reached, pushed}) => reached > 0 || pushed > 0)).toEqual([])
      expect(output).not.toContain(PUSHED)
    })
  })
}
