import fs from 'node:fs'
import path from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {sweepHomes} from '../../src/lifecycle/boot-sweep.js'
import {describeUnless} from '../support/describe-unless.js'
import {cleanUp, HOST, lacks, put, startPython, temporaryFolder} from '../support/helper-scripts.js'
import {ownDoors} from '../support/doors.js'

afterEach(cleanUp)

describeUnless(lacks('flock'), 'sweeping homes', () => {
  /** A home with what a gateway leaves behind. */
  function home(): string {
    const folder = path.join(temporaryFolder(), 'home')
    fs.mkdirSync(folder)
    // No process has that number: pid_max is 2^22 at most (proc(5)).
    for (const name of ['gateway.pid', 'gateway.lock', 'processes.json']) put(folder, name, {pid: 5_000_000, start_time: 1})
    put(folder, 'gateway_state.json', {gateway_state: 'running'})
    return folder
  }

  const sweep = async (folder: string, dryRun = false) => (await sweepHomes(ownDoors(HOST), [folder], dryRun)).get(folder)

  it('takes away what names processes, and nothing else', async () => {
    const folder = home()
    expect(await sweep(folder)).toEqual({removed: ['gateway.pid', 'processes.json', 'gateway.lock'], kept: undefined})
    expect(fs.readdirSync(folder)).toEqual(['gateway_state.json'])
    expect(await sweep(folder)).toEqual({removed: [], kept: undefined})
  })

  it('says with a dry run what it would, and touches nothing', async () => {
    const folder = home()
    const before = fs.readdirSync(folder)
    expect((await sweep(folder, true))?.removed.toSorted()).toEqual(['gateway.lock', 'gateway.pid', 'processes.json'])
    expect(fs.readdirSync(folder)).toEqual(before)
  })

  it('leaves a home alone whose lock is held, whatever its record says', async () => {
    const folder = home()
    await startPython(`f=open(${JSON.stringify(path.join(folder, 'gateway.lock'))},'a'); fcntl.flock(f,fcntl.LOCK_EX); print(1,flush=True)`)
    const before = fs.readdirSync(folder)
    expect(await sweep(folder)).toMatchObject({removed: [], kept: expect.stringContaining('held') as string})
    expect(fs.readdirSync(folder)).toEqual(before)
  })

  it('removes a link, and not what it leads to', async () => {
    const folder = home()
    const other = path.join(folder, 'precious')
    fs.writeFileSync(other, 'x')
    fs.rmSync(path.join(folder, 'gateway.pid'))
    fs.symlinkSync(other, path.join(folder, 'gateway.pid'))
    await sweep(folder)
    expect(fs.readdirSync(folder).toSorted()).toEqual(['gateway_state.json', 'precious'])
  })

  it('does many homes, one that is gone among them', async () => {
    const [first, second] = [home(), home()]
    const gone = path.join(first, 'gone')
    const swept = await sweepHomes(ownDoors(HOST), [first, gone, second], false)
    expect(swept.get(gone)).toEqual({removed: [], kept: 'the home does not exist'})
    expect([swept.get(first)?.removed.length, swept.get(second)?.removed.length]).toEqual([3, 3])
  })
})
