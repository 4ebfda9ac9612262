import type {FreeSpace} from '../../host/host.js'
import {shellWord} from '../../text/shell-quote.js'
import {type CheckDefinition, defineCheck} from '../check.js'

interface Evidence {
  /** Where the file system of the home is mounted, if it is mounted read-only. */
  readonly readOnly: string | undefined
  /** What may still be written there; undefined if that cannot be told. */
  readonly free: FreeSpace | undefined
}

/** The records of a gateway, and ours beside them, need no more. */
const ENOUGH_BYTES = 1024 * 1024

/** A home in which nothing can be written any more. */
export const definition: CheckDefinition<Evidence> = {
  id: 'disk',
  title: 'a home that cannot be written: its disk is full, or mounted read-only',
  why: 'Neither the gateway nor hermes-svc can record what they do there: messages are lost, and a stop is forgotten at the next boot.',
  needsService: true,
  isAboutHome: true,
  needsManager: false,
  look: ({target: {host, userHost, service}}) => {
    const {home} = service.profile
    if (userHost.stat(home)?.kind !== 'folder') return {readOnly: undefined, free: undefined}
    const mount = mountOf(host.readText('/proc/self/mountinfo') ?? '', home)
    return {readOnly: mount?.isReadOnly ? mount.place : undefined, free: userHost.freeSpace(home)}
  },
  diagnose: ({target: {service}}, {readOnly, free}) => {
    const {home} = service.profile
    const place = shellWord(home)
    const found = (kind: string, what: string, evidence: string[], cure: string[]) => [
      {kind, severity: 'error' as const, what, evidence, cure},
    ]
    if (readOnly !== undefined) {
      return found(
        'read-only',
        `the home of ${service.name} is mounted read-only`,
        [`${home} is on the file system at ${readOnly}`],
        [`findmnt -T ${place}   # a disk with errors is mounted so: sudo dmesg | tail`, `sudo mount -o remount,rw ${shellWord(readOnly)}`],
      )
    }
    const make = [`df -h ${place}; df -i ${place}`, `du -xsh ${place}/* | sort -h | tail   # make room`]
    if (free && free.bytes < ENOUGH_BYTES) {
      return found(
        'full',
        `the disk of the home of ${service.name} is full`,
        [`${Math.floor(free.bytes / 1024)} KB are free for ${service.account.name} in ${home}`],
        make,
      )
    }
    if (free?.files === 0)
      return found('no-inodes', `the disk of the home of ${service.name} takes no more files`, [`no inode is free in ${home}`], make)
    return []
  },
}

/** Where the file system of a path is mounted. */
interface Mount {
  readonly place: string
  readonly isReadOnly: boolean
}

/** The mount of a path by the text of /proc/self/mountinfo (proc(5)); undefined where that has none. Pure. */
export function mountOf(mountinfo: string, file: string): Mount | undefined {
  let found: Mount | undefined
  for (const line of mountinfo.split('\n')) {
    const [mount = '', superblock = ''] = line.split(' - ')
    const [, , , , escaped, options = ''] = mount.split(' ')
    if (escaped === undefined) continue
    const place = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    const isAbove = place === '/' || file === place || file.startsWith(`${place}/`)
    // The last one over a place is the one that is seen.
    if (!isAbove || (found && place.length < found.place.length)) continue
    const all = [...options.split(','), ...(superblock.split(' ')[2] ?? '').split(',')]
    found = {place, isReadOnly: all.includes('ro')}
  }
  return found
}

export const check = defineCheck(definition)
