import {describe, expect, it} from 'vitest'
import {check, mountOf} from '../../../src/doctor/checks/disk.js'
import {examined, installed, kinds} from '../../fakes/scene.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const HEAD = 'Filesystem 1024-blocks Used Available Capacity Mounted on\n'
const MOUNTS = '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n30 21 8:2 / /home rw - ext4 /dev/sda2 rw,errors=remount-ro\n'

/** A machine whose df(1) says that so much is free, in KB and in files. */
async function machineWith({kb = '5000000', files = '100'}, mountinfo = MOUNTS): Promise<FakeSystemd> {
  const machine = await installed({'/proc/self/mountinfo': mountinfo})
  const read = machine.host.read.bind(machine.host)
  machine.host.read = (argv, options) =>
    argv[0] === 'df'
      ? {argv, code: 0, signal: null, stderr: '', stdout: `${HEAD}/dev/sda2 9000000 9 ${argv[2] === '-k' ? kb : files} 100% /home\n`}
      : read(argv, options)
  return machine
}

describe('disk', () => {
  it('says nothing where there is room', async () => {
    expect(await kinds(await machineWith({}), check)).toEqual([])
    expect(await kinds(await machineWith({files: '-'}), check)).toEqual([])
  })

  it.each([
    [{kb: '0'}, 'full error'],
    [{kb: '1023'}, 'full error'],
    [{files: '0'}, 'no-inodes error'],
  ])('finds one with %j', async (free, expected) => {
    expect(await kinds(await machineWith(free), check)).toEqual([expected])
  })

  it('finds one that is mounted read-only, and says which', async () => {
    const machine = await machineWith({}, MOUNTS.replace('/home rw', '/home ro'))
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'read-only', severity: 'error', isFixable: false}])
    expect(findings[0]?.cure.at(-1)).toBe('sudo mount -o remount,rw /home')
  })
})

const readOnlyMount = (mountinfo: string, file: string) => {
  const mount = mountOf(mountinfo, file)
  return mount?.isReadOnly ? mount.place : undefined
}

describe('the file system of a path', () => {
  it('is the nearest one above, and of several in one place the last', () => {
    expect(readOnlyMount(MOUNTS, '/home/user')).toBeUndefined()
    expect(readOnlyMount(MOUNTS.replace('/ / rw', '/ / ro'), '/home/user')).toBeUndefined()
    expect(readOnlyMount(MOUNTS.replace('/ / rw', '/ / ro'), '/homes')).toBe('/')
    expect(readOnlyMount(`${MOUNTS}31 30 8:2 / /home ro - ext4 /dev/sda2 rw\n`, '/home/user')).toBe('/home')
    expect(readOnlyMount('31 30 8:2 / /a\\040b rw - ext4 /dev/sda2 ro\n', '/a b/c')).toBe('/a b')
  })
})
