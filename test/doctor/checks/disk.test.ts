import {describe, expect, it} from 'vitest'
import {check, mountOf} from '../../../src/doctor/checks/disk.js'
import {examined, installed, kinds} from '../../fakes/scene.js'
import type {FreeSpace} from '../../../src/host/host.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const MOUNTS = '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n30 21 8:2 / /home rw - ext4 /dev/sda2 rw,errors=remount-ro\n'

const MB = 1024 * 1024

/** A machine on whose file systems so much is free. */
async function machineWith(free: Partial<FreeSpace>, mountinfo = MOUNTS): Promise<FakeSystemd> {
  const machine = await installed({'/proc/self/mountinfo': mountinfo})
  machine.host.setFree({bytes: 5000 * MB, files: 100, ...free})
  return machine
}

describe('disk', () => {
  it('says nothing where there is room', async () => {
    expect(await kinds(await machineWith({}), check)).toEqual([])
    expect(await kinds(await machineWith({files: undefined}), check)).toEqual([])
  })

  it.each([
    [{bytes: 0}, 'full error'],
    [{bytes: MB - 1}, 'full error'],
    [{files: 0}, 'no-inodes error'],
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
