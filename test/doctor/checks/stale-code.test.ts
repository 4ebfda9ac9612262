import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/stale-code.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'
import {examined, fix, installed, kinds} from '../../fakes/scene.js'

const HOME = '/home/user/.hermes'
const CHECKOUT = `${HOME}/hermes-agent`
const STATE = `${HOME}/gateway_state.json`
const [A, B] = ['a'.repeat(40), 'b'.repeat(40)]

const says = (machine: FakeSystemd, fields: object) =>
  machine.host.put(STATE, JSON.stringify({...(JSON.parse(machine.host.texts()[STATE] ?? '{}') as object), ...fields}))

/** A gateway that runs in a checkout, which goes on to B so many seconds after it was started. */
async function moved(afterSec: number, commit = B): Promise<FakeSystemd> {
  const machine = await installed()
  machine.comesUp('running', {argv: ['/usr/bin/python3', `${CHECKOUT}/hermes_cli/main.py`, 'gateway', 'run']})
  const startedSec = startOf(machine) / 1000
  machine.host.put(`${CHECKOUT}/.git/HEAD`, `${commit}\n`)
  const move = (from: string, to: string, at: number) => `${from} ${to} Ann <a@b.example> ${Math.floor(at)} +0000\tpull\n`
  machine.host.put(`${CHECKOUT}/.git/logs/HEAD`, move('0'.repeat(40), A, startedSec - 1000) + move(A, B, startedSec + afterSec))
  machine.host.put(`${CHECKOUT}/hermes_cli/__init__.py`, '__version__ = "0.20.3"\n')
  return machine
}

/** When its gateway was started; ms since the epoch. */
function startOf({host, shown}: FakeSystemd): number {
  const ticks = Number(/\) \S+(?: \S+){18} (\d+)/.exec(host.texts()[`/proc/${shown.MainPID}/stat`] ?? '')?.[1])
  return host.nowMs() - host.monotonicMs() + ticks * 10
}

describe('stale-code', () => {
  it('finds a checkout that has gone on since the gateway was started, with both commits', async () => {
    const {findings} = await examined(await moved(60), check)
    expect(findings).toMatchObject([{kind: 'checkout', severity: 'warning', isFixable: true, isSafe: false}])
    expect(findings[0]?.what).toMatch(
      /^the gateway \(pid \d+\) runs aaaaaaaaaa, and \/home\/user\/\.hermes\/hermes-agent has bbbbbbbbbb \(version 0\.20\.3\)$/,
    )
    expect(findings[0]?.evidence.at(-1)).toMatch(/^the checkout moved on from commit aaaaaaaaaa at \d{4}-/)
  })

  it('goes by what the gateway says that it runs, where it says it', async () => {
    const machine = await moved(60)
    says(machine, {code_sha: B, code_version: '0.20.3'})
    expect(await kinds(machine, check)).toEqual([])
    says(machine, {code_sha: A.slice(0, 12), code_version: '0.20.1'})
    expect((await examined(machine, check)).findings[0]?.what).toContain('runs aaaaaaaaaa (version 0.20.1), and')
    says(machine, {pid: 1})
    expect((await examined(machine, check)).findings[0]?.what).toContain('runs aaaaaaaaaa, and')
  })

  it.each([
    ['moved before it was started', () => moved(-60)],
    ['moved, and back again', () => moved(60, A)],
  ])('says nothing of a checkout that was %s', async (_, make) => {
    expect(await kinds(await make(), check)).toEqual([])
  })

  it('says nothing where git remembers nothing, in the midst of an update, and of a gateway that is down', async () => {
    const machine = await moved(60)
    machine.host.drop(`${CHECKOUT}/.git/logs/HEAD`)
    expect(await kinds(machine, check)).toEqual([])
    const updated = await moved(60)
    updated.host.put(`${CHECKOUT}/pyproject.toml`, '')
    updated.host.put(`${CHECKOUT}/.update-incomplete`, 'pid=4242\n')
    expect(await kinds(updated, check)).toEqual([])
    const down = await moved(60)
    down.goesDown()
    expect(await kinds(down, check)).toEqual([])
  })

  it('finds another version of a package, if the gateway says which one it runs', async () => {
    const machine = await installed({'/opt/venv/lib/python3.12/site-packages/hermes_agent-0.21.2.dist-info/METADATA': ''})
    machine.comesUp('running', {argv: ['/opt/venv/bin/python3', '/opt/venv/bin/hermes', 'gateway', 'run']})
    expect(await kinds(machine, check)).toEqual([])
    says(machine, {code_version: '0.21.0'})
    expect((await examined(machine, check)).findings).toMatchObject([
      {
        kind: 'package',
        what: expect.stringMatching(
          /runs version 0\.21\.0, and \/opt\/venv\/lib\/python3\.12\/site-packages has version 0\.21\.2$/,
        ) as string,
      },
    ])
  })

  it('restarts it where nothing is in hand, and leaves one alone that does not tell', async () => {
    const machine = await moved(60)
    const before = machine.shown.MainPID
    await expect(fix(machine, check)).rejects.toMatchObject({code: 'cannot-tell-idle', exitStatus: 4})
    expect(machine.shown.MainPID).toBe(before)
    const drains = () => {
      if (machine.host.changes.some(({kind}) => kind === 'signal')) {
        machine.comesUp()
        return
      }
      const isAsked = machine.host.texts()[`${HOME}/.drain_request.json`] !== undefined
      says(machine, {gateway_state: isAsked ? 'draining' : 'running', active_agents: 0})
      machine.host.after(500, drains)
    }
    machine.host.after(500, drains)
    await fix(machine, check)
    expect(machine.shown.MainPID).not.toBe(before)
  })
})
