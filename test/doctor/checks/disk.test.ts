import {describe, expect, it} from 'vitest'
import {check, mountOf} from '../../../src/doctor/checks/disk.js'
import {examined, installed, kinds, sceneOf} from '../../fakes/scene.js'
import type {FreeSpace} from '../../../src/host/host.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const MOUNTS = '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n30 21 8:2 / /home rw - ext4 /dev/sda2 rw,errors=remount-ro\n'

const MB = 1024 * 1024
const GB = 1000 ** 3

/** A machine on whose file systems so much is free. */
async function machineWith(free: Partial<FreeSpace>, mountinfo = MOUNTS): Promise<FakeSystemd> {
  const machine = await installed({'/proc/self/mountinfo': mountinfo})
  machine.host.setFree(free, '/home')
  return machine
}

describe('disk', () => {
  it.each([
    ['where there is room', {}],
    ['where no inodes are counted', {files: undefined, totalFiles: undefined}],
    ['where nothing is counted, as over some networks', {bytes: 0, totalBytes: 0}],
    ['of a disk of 4 TB at 97 %', {bytes: 120 * GB, totalBytes: 4000 * GB}],
    ['of a small one that has room', {bytes: 60 * MB, totalBytes: 100 * MB}],
    ['of a large one with few inodes by share', {files: 20_000, totalFiles: 2 ** 24}],
    ['of a small one with few inodes by number', {files: 900, totalFiles: 1000}],
  ])('says nothing %s', async (_, free) => {
    expect(await kinds(await machineWith(free), check)).toEqual([])
  })

  it.each([
    [{bytes: 0}, 'full error'],
    [{bytes: MB - 1}, 'full error'],
    [{files: 0}, 'no-inodes error'],
    [{bytes: 0, files: 0}, 'full error'],
    [{bytes: 0.9 * GB, totalBytes: 20 * GB}, 'nearly-full warning'],
    [{bytes: 9 * MB, totalBytes: 100 * MB}, 'nearly-full warning'],
    [{files: 9000, totalFiles: 1_000_000}, 'few-inodes warning'],
    [{files: 4, totalFiles: 100}, 'few-inodes warning'],
    [{bytes: 0.9 * GB, totalBytes: 20 * GB, files: 4, totalFiles: 100}, 'nearly-full warning'],
  ])('finds one with %j', async (free, expected) => {
    expect(await kinds(await machineWith(free), check)).toEqual([expected])
  })

  it('goes by what root may write where it is a service of root, and warns before the others cannot write', async () => {
    const free = {bytes: 0, rootBytes: 400 * MB, totalBytes: 10 * GB}
    const machine = await machineWith(free)
    expect(await kinds(machine, check)).toEqual(['full error'])
    const {target} = machine
    const scene = await sceneOf({...target, service: {...target.service, account: {...target.service.account, uid: 0}}})
    expect((await check.examine(scene)).findings).toMatchObject([{kind: 'nearly-full'}])
  })

  it('names each file system once, with what is on it', async () => {
    const machine = await machineWith({bytes: 50 * MB, totalBytes: 1 * GB})
    machine.host.put('/tmp', {folder: true, mode: 0o1777, uid: 0, gid: 0})
    machine.host.put('/home/user/.hermes/logs/gateway.log', 'a line')
    const {findings} = await examined(machine, check)
    expect(findings.map(({what, evidence}) => [what, evidence])).toEqual([
      [
        'the disk of the home of hermes-gateway.service is nearly full: 52 MB of 1.0 GB are free',
        [
          '52 MB of 1.0 GB are free in /home/user/.hermes',
          'this disk also has the log of hermes-gateway.service (/home/user/.hermes/logs)',
        ],
      ],
    ])
  })

  it('finds one that has the temporary files alone, and says what comes of it', async () => {
    const machine = await machineWith({}, `${MOUNTS}31 21 0:40 / /tmp rw - tmpfs tmpfs rw\n`)
    machine.host.put('/tmp', {folder: true, mode: 0o1777, uid: 0, gid: 0})
    machine.host.setFree({bytes: 0, totalBytes: 100 * MB}, '/tmp')
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([
      {
        kind: 'full',
        what: 'the disk of the temporary files of hermes-gateway.service is full',
        why: expect.stringContaining('attachments') as string,
      },
    ])
  })

  it('says what of the logs, and of the journal, to type first where they are on it', async () => {
    const machine = await machineWith({bytes: 50 * MB, totalBytes: 1 * GB}, '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n')
    const cure = async () => (await examined(machine, check)).findings[0]?.cure
    const last = [
      'df -h /home/user/.hermes; df -i /home/user/.hermes',
      'du -xsh /home/user/.hermes/* | sort -h | tail   # shows the largest files; make room',
    ]
    expect(await cure()).toEqual(last)
    machine.host.put('/var/log/journal', {folder: true, mode: 0o755, uid: 0, gid: 0})
    machine.host.put('/home/user/.hermes/logs/errors.log', {text: '', size: 300 * MB})
    expect(await cure()).toEqual(['hermes-svc fix log-size', expect.stringMatching(/^sudo journalctl --vacuum-size=/), ...last])
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
