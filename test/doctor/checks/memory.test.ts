import {describe, expect, it} from 'vitest'
import {check, machineOf} from '../../../src/doctor/checks/memory.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'
import {examined, installed, kinds} from '../../fakes/scene.js'

const MB = 1024 ** 2
const GROUP = '/user.slice/hermes-gateway.service'
const meminfo = (totalMb: number, swapMb: number) => `MemTotal: ${totalMb * 1024} kB\nMemFree: 1 kB\nSwapTotal:       ${swapMb * 1024} kB\n`

interface Memory {
  readonly usedMb?: number
  readonly maxMb?: number
  readonly highMb?: number
  readonly kills?: number
  readonly swapMb?: number
}

async function machineWith({usedMb = 100, maxMb, highMb, kills = 0, swapMb = 0}: Memory): Promise<FakeSystemd> {
  const machine = await installed({'/proc/meminfo': meminfo(1000, swapMb)})
  machine.shown.ControlGroup = GROUP
  const put = (name: string, text: string) => machine.host.put(`/sys/fs/cgroup${GROUP}/${name}`, text)
  put('memory.current', `${usedMb * MB}\n`)
  put('memory.max', maxMb === undefined ? 'max\n' : `${maxMb * MB}\n`)
  put('memory.high', highMb === undefined ? 'max\n' : `${highMb * MB}\n`)
  put('memory.events', `oom 1\noom_kill ${kills}\n`)
  return machine
}

/** The home's journal says that it ended so, that long ago. */
function ended(machine: FakeSystemd, result: string, agoMs: number, restarts = '1'): void {
  const time = new Date(machine.host.nowMs() - agoMs).toISOString()
  const end = {time, event: 'end', code: 'killed', status: 'KILL', result, uptimeMs: 5, reason: 'failure', failures: 1, delayMs: 1000}
  machine.host.put(`${machine.home}/logs/hermes-svc.jsonl`, `${JSON.stringify(end)}\n`)
  machine.shown.NRestarts = restarts
}

describe('memory', () => {
  it.each<[string, Memory]>([
    ['without a limit', {}],
    ['below its limits', {maxMb: 120, highMb: 115}],
    ['over 80 % of a machine that has swap', {usedMb: 900, swapMb: 100}],
    ['with 80 % of a machine', {usedMb: 800}],
  ])('says nothing of one %s', async (_, memory) => {
    expect(await kinds(await machineWith(memory), check)).toEqual([])
  })

  it('says nothing where nothing counts memory', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
  })

  it.each<[string, Memory, string]>([
    ['a child that was killed', {kills: 1, maxMb: 101}, 'child-killed warning'],
    ['one near the limit at which it is killed', {maxMb: 110}, 'near-limit warning'],
    ['one near the limit at which it is slowed down', {highMb: 110, maxMb: 1000}, 'near-limit warning'],
    ['one that has nearly all of a machine without swap', {usedMb: 801}, 'near-all warning'],
  ])('finds %s', async (_, memory, expected) => {
    expect(await kinds(await machineWith(memory), check)).toEqual([expected])
  })

  it('finds a gateway that was killed, until somebody starts it by hand, or a day is over; and what comes of that is no finding of its own', async () => {
    const machine = await machineWith({kills: 1})
    ended(machine, 'oom-kill', 60_000)
    const {findings, plan} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'gateway-killed', severity: 'error', isFixable: false}])
    expect(findings[0]?.explains).toContain('crash-loop')
    expect(plan).toBeUndefined()
    ended(machine, 'oom-kill', 60_000, '0')
    expect(await kinds(machine, check)).toEqual(['child-killed warning'])
    ended(machine, 'oom-kill', 25 * 3_600_000)
    expect(await kinds(machine, check)).toEqual(['child-killed warning'])
    ended(machine, 'signal', 60_000)
    expect(await kinds(machine, check)).toEqual(['child-killed warning'])
  })

  it('says what to type: to change a limit of ours, or to look whose it is', async () => {
    const machine = await machineWith({maxMb: 110})
    const cure = async () => (await examined(machine, check)).findings[0]?.cure.at(-1)
    expect(await cure()).toBe('systemctl status -- hermes-gateway.service   # shows which file sets MemoryMax=; raise it there')
    const file = `/home/user/.config/hermes-svc/hermes-gateway/settings.json`
    machine.host.put(file, JSON.stringify({...(JSON.parse(machine.host.readText(file) ?? '') as object), resources: {memoryMax: '110M'}}))
    expect(await cure()).toBe('hermes-svc config set memory-max=165M   # or memory-max=none, for no limit')
  })
})

describe('the memory of the machine', () => {
  it('is what proc_meminfo(5) says, or is not known', () => {
    expect(machineOf(meminfo(2, 1))).toEqual({totalBytes: 2 * MB, swapBytes: MB})
    for (const text of [undefined, '', 'MemTotal: 5 kB\n', 'MemTotal: much kB\nSwapTotal: 0 kB\n']) expect(machineOf(text)).toBeUndefined()
  })
})
