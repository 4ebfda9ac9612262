import {type DoctorRow, settle} from './doctor-row.js'
import type {ServiceOnMachine} from './service-on-machine.js'

// A home on a file system of its own that has little room, under any manager.

/** The stopped service's home as it is, on a small file system over it. `options`: of tmpfs. */
async function smallHome(service: ServiceOnMachine, options: string): Promise<void> {
  const program =
    'cp -a "$1" "$1.kept" && mount -t tmpfs -o "$2" tmpfs "$1" && chown --reference="$1.kept" "$1" && chmod --reference="$1.kept" "$1" && cp -a "$1.kept/." "$1/"'
  await service.must('stop')
  await service.sh(program, [service.home, options])
}

const unmount = async (service: ServiceOnMachine) => {
  await service.sh('umount "$1" && rm -r "$1.kept"', [service.home])
}

export const fullDisk: DoctorRow<ServiceOnMachine> = {
  id: 'disk',
  kind: 'full',
  severity: 'error',
  how: 'the file system of the home filled to the last block',
  provedBy: 'test/doctor/checks/disk.test.ts',
  what: /the disk of the home of .* is full/,
  break: async (service) => {
    await smallHome(service, 'size=3m')
    await service.sh('cat /dev/zero >"$1/logs/fill" || :', [service.home])
    await settle()
  },
  fix: null,
  cureByHand: unmount,
  ends: 'stopped',
}

export const nearlyFullDisk: DoctorRow<ServiceOnMachine> = {
  id: 'disk',
  kind: 'nearly-full',
  severity: 'warning',
  how: 'the file system of the home filled up to its last twentieth',
  provedBy: 'test/doctor/checks/disk.test.ts',
  what: /the disk of the home of .* is nearly full: \d\.?\d? MB of 105 MB are free/,
  break: async (service) => {
    await smallHome(service, 'size=100m')
    await service.sh('fallocate -l $(($(stat -f -c "%a * %S" "$1") - 5000000)) "$1/fill"', [service.home])
    await settle()
  },
  fix: null,
  cureByHand: unmount,
  ends: 'stopped',
}

export const fewInodes: DoctorRow<ServiceOnMachine> = {
  id: 'disk',
  kind: 'few-inodes',
  severity: 'warning',
  how: 'files without content in the home until few inodes are left',
  provedBy: 'test/doctor/checks/disk.test.ts',
  what: /the disk of the home of .* can take only a few more files: 20 of 2000 inodes are free/,
  break: async (service) => {
    await smallHome(service, 'size=100m,nr_inodes=2000')
    await service.sh('mkdir "$1/many" && cd "$1/many" && seq $(($(stat -f -c %d .) - 20)) | xargs touch', [service.home])
    await settle()
  },
  fix: null,
  cureByHand: unmount,
  ends: 'stopped',
}

export const noInodes: DoctorRow<ServiceOnMachine> = {
  ...fewInodes,
  kind: 'no-inodes',
  severity: 'error',
  how: 'files without content in the home until no inode is left',
  what: /the disk of the home of .* cannot take any more files/,
  provedBy: 'test/doctor/checks/disk.test.ts',
  break: async (service) => {
    await smallHome(service, 'size=100m,nr_inodes=2000')
    await service.sh('mkdir "$1/many" && cd "$1/many" && seq $(stat -f -c %d .) | xargs touch', [service.home])
    await settle()
  },
}
