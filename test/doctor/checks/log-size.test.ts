import {describe, expect, it, vi} from 'vitest'
import {check} from '../../../src/doctor/checks/log-size.js'
import {HostError} from '../../../src/host/host.js'
import {LaunchdTarget} from '../../fakes/launchd-scene.js'
import {examined, fix, installed, kinds} from '../../fakes/scene.js'

const LOGS = '/home/user/.hermes/logs'
const LOG = `${LOGS}/gateway-exit-diag.log`
const LARGE = {text: 'first\nlast\n', size: 150_000_000}

describe('log-size', () => {
  it('says nothing of small logs, of none, or of a large file that a link leads to', async () => {
    const machine = await installed({[LOG]: {text: '', size: 90_000_000}, '/var/big': LARGE})
    machine.host.put(`${LOGS}/link.log`, {link: '/var/big'})
    expect(await kinds(machine, check)).toEqual([])
  })

  it('finds a large file with its size, and keeps its end', async () => {
    const machine = await installed({[LOG]: LARGE})
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'large-file', what: `${LOG} has 150 MB`, isFixable: true, isSafe: false}])
    await fix(machine, check)
    expect(await kinds(machine, check)).toEqual([])
    expect(machine.host.texts()[LOG]).toContain('last\n')
  })

  it('leaves one alone that a process has open, which would go on writing to what was taken away', async () => {
    const machine = await installed({[LOG]: LARGE})
    machine.host.put('/proc/777/fd/3', {link: LOG})
    const {findings, plan} = await examined(machine, check)
    expect(findings).toMatchObject([
      {kind: 'large-file', isFixable: false, cure: ['hermes-svc stop', 'hermes-svc fix log-size', 'hermes-svc start']},
    ])
    expect(findings[0]?.evidence.at(-1)).toContain('pid 777 has /home/user/.hermes/logs/gateway-exit-diag.log open')
    expect(plan).toBeUndefined()
  })

  it('keeps the end of one that has itself filled the disk', async () => {
    const machine = await installed({[LOG]: LARGE})
    const {plan} = await examined(machine, check)
    const [step] = (await plan?.({}))?.steps ?? []
    if (step?.kind !== 'act') throw new Error('there is no such step')
    const {userHost} = machine.target
    const write = vi.spyOn(Object.getPrototypeOf(userHost) as typeof userHost, 'writeAtomic')
    // There is no room for what is kept, only for nothing at all.
    write.mockImplementationOnce(() => {
      throw new HostError('ENOSPC', LOG, 'cannot write')
    })
    expect(await step.act(() => undefined)).toMatchObject({changed: true})
    expect(write.mock.calls.map(([file, text]) => [file, text])).toEqual([
      [LOG, LARGE.text],
      [LOG, ''],
      [LOG, LARGE.text],
    ])
    write.mockRestore()
    expect(machine.host.texts()[LOG]).toBe(LARGE.text)
  })

  it('looks again before it shortens one', async () => {
    const machine = await installed({[LOG]: LARGE})
    const {plan} = await examined(machine, check)
    machine.host.put('/proc/777/fd/3', {link: LOG})
    const [step] = (await plan?.({}))?.steps ?? []
    if (step?.kind !== 'act') throw new Error('there is no such step')
    await expect(async () => step.act(() => undefined)).rejects.toMatchObject({code: 'log-in-use'})
    expect(machine.host.texts()[LOG]).toBe(LARGE.text)
  })

  it('finds a folder of many files that is too large as a whole', async () => {
    const files = Object.fromEntries(Array.from({length: 12}, (_, index) => [`${LOGS}/gateway.log.${index}`, {text: '', size: 90_000_000}]))
    expect((await examined(await installed(files), check)).findings).toMatchObject([{kind: 'large-folder', isFixable: false}])
  })

  it('empties one that launchd appends to in its place, whoever has it open, and keeps its end beside it', async () => {
    const machine = await LaunchdTarget.installed()
    const log = '/home/user/Library/Logs/hermes-svc/ai.hermes.gateway.log'
    machine.host.put(log, LARGE)
    machine.host.put('/proc/777/fd/3', {link: log})
    expect(await machine.find(check)).toMatchObject([{kind: 'large-file', what: `${log} has 150 MB`, isFixable: true, isSafe: false}])
    const {plan} = await check.examine(await machine.scene())
    const [step] = (await plan?.({}))?.steps ?? []
    expect(step).toMatchObject({
      kind: 'run',
      argv: ['sh', '-c', expect.any(String), 'rotate', log, '10000000', '1000000', '64000'],
      as: {name: 'user'},
    })
  })
})
