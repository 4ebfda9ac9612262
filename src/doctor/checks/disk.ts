import {shellWord} from '../../service/shell-quote.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import {oncePerLook} from '../once-per-look.js'
import type {Scene} from '../scene.js'

interface Evidence {
  /** Where the file system of the home is mounted, if it is mounted read-only. */
  readonly readOnly: string | undefined
  /** KB, and files, that the account may still write there; undefined if that cannot be told. */
  readonly freeKb: number | undefined
  readonly freeFiles: number | undefined
}

/** The records of a gateway, and ours beside them, need no more. */
const ENOUGH_KB = 1024
/** A network that does not answer is no full disk. */
const TIMEOUT_MS = 5000

/** Asked once a file system and account. */
const freeOf = oncePerLook(({target: {userHost, service}}: Scene): Pick<Evidence, 'freeKb' | 'freeFiles'> => {
  const available = (flag: string) => {
    const {code, stdout} = userHost.read(['df', '-P', flag, service.profile.home], {timeoutMs: TIMEOUT_MS})
    const [, total, , free] = code === 0 ? (stdout.trimEnd().split('\n').at(-1)?.split(/\s+/) ?? []) : []
    // Some file systems count no files.
    return free === undefined || !/^\d+$/.test(free) || !(Number(total) > 0) ? undefined : Number(free)
  }
  return {freeKb: available('-k'), freeFiles: available('-i')}
})

/** A home in which nothing can be written any more. */
export const definition: CheckDefinition<Evidence> = {
  id: 'disk',
  title: 'a home that cannot be written: its disk is full, or mounted read-only',
  why: 'Neither the gateway nor hermes-svc can record what they do there: messages are lost, and a stop is forgotten at the next boot.',
  needsService: true,
  needsManager: false,
  look: (scene) => {
    const {host, userHost, service} = scene.target
    const {home} = service.profile
    if (userHost.stat(home)?.kind !== 'folder') return {readOnly: undefined, freeKb: undefined, freeFiles: undefined}
    const mount = mountOf(host.readText('/proc/self/mountinfo') ?? '', home)
    return {readOnly: mount?.isReadOnly ? mount.place : undefined, ...freeOf(scene, `${service.account.uid} ${mount?.place ?? home}`)}
  },
  diagnose: ({target: {service}}, {readOnly, freeKb, freeFiles}) => {
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
    if (freeKb !== undefined && freeKb < ENOUGH_KB) {
      return found(
        'full',
        `the disk of the home of ${service.name} is full`,
        [`${freeKb} KB are free for ${service.account.name} in ${home}`],
        make,
      )
    }
    if (freeFiles === 0)
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
