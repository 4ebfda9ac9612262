import path from 'node:path'
import {HomeFile} from '../../gateway/contract.js'
import {type FreeSpace, HostError} from '../../host/host.js'
import {readIfAllowed, realPathIfAllowed, statIfAllowed} from '../../host/tolerant-read.js'
import type {Target} from '../../observe/where.js'
import {shellWord} from '../../text/shell-quote.js'
import {sizeText} from '../../text/size.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'
import {cureOfLogs, type Logs, lookAtLogs} from './log-size.js'

/** A folder that a service writes to. */
interface Place {
  readonly path: string
  /** What is there, as it stands before "of <service>". */
  readonly what: string
}

/** A file system that a service writes to. */
interface Disk {
  /** What is on it, the most important first. */
  readonly places: readonly Place[]
  /** Where it is mounted, if it is mounted read-only. */
  readonly readOnly: string | undefined
  /** What may still be written there; undefined if that cannot be told. */
  readonly free: FreeSpace | undefined
  /** The journal of systemd is on it. */
  readonly hasJournal: boolean
}

interface Evidence {
  /** One each, the home's first. */
  readonly disks: readonly Disk[]
  readonly logs: Logs
}

/** The records of a gateway, and ours beside them, need no more. */
const ENOUGH_BYTES = 1024 * 1024
/**
 * It is nearly full where less than this share is free, and less than so many bytes: those of the kubelet's limits for a node (nodefs.available 10 %,
 * inodesFree 5 %), since below them other programs of the machine begin to suffer too. A share alone would cry of a disk of 4 TB at 97 %, which has room
 * for years; what a gateway writes in a day is some 100 MB at most.
 */
const LOW_SHARE = 0.1
const LOW_BYTES = 1_000_000_000
const FEW_SHARE = 0.05
const FEW_FILES = 10_000

const JOURNAL = '/var/log/journal'
const TEMPORARY = '/tmp'

/** A file system of the service on which nothing can be written any more, or soon. */
export const definition: CheckDefinition<Evidence> = {
  id: 'disk',
  title: 'a disk that is full or nearly full, or a home that is mounted read-only',
  why: 'The gateway and hermes-svc cannot save anything there: messages are lost, and a gateway that you stop starts again at the next boot.',
  seeByHand: [
    ['df -h ~/.hermes /tmp', 'the free space'],
    ['df -i ~/.hermes /tmp', 'the free inodes: without one, no new file can be made'],
    ['findmnt -T ~/.hermes', '"ro" among the options: mounted read-only'],
  ],
  whatTheFixDoes:
    'Make room: doctor names large logs of the gateway and the systemd journal if they are on that disk. "hermes-svc fix log-size" shortens the logs of the gateway. A disk that is mounted read-only usually has errors: "sudo dmesg" shows them.',
  ifItComesBack:
    'Find what grows: type "du -xsh ~/.hermes/* | sort -h" now, and type it again a day later. Limit it at its source, for example the systemd journal with SystemMaxUse=.',
  needsService: true,
  isAboutHome: true,
  needsManager: false,
  look: ({target}) => ({disks: disksOf(target), logs: logsOf(target)}),
  diagnose: (scene, {disks, logs}) => disks.flatMap((disk) => ofDisk(scene, disk, logs)),
}

/** Where a service writes; only what is there. */
function placesOf({userHost, manager, service}: Target): Place[] {
  const {home} = service.profile
  const logs = [path.join(home, HomeFile.logFolder), ...(manager.logs?.files?.(service) ?? []).map((file) => path.dirname(file))]
  const all: Place[] = [
    {path: home, what: 'home'},
    ...logs.map((folder) => ({path: folder, what: 'log'})),
    {path: manager.placement.placesOf(service).memory, what: "helper's memory"},
    {path: TEMPORARY, what: 'temporary files'},
  ]
  return all.filter((place, index) => {
    // Of the home it must be known.
    const stat = index === 0 ? userHost.stat(place.path) : statIfAllowed(userHost, place.path)
    return stat?.kind === 'folder'
  })
}

/** None where they cannot be read: that is a matter of log-size. */
function logsOf(target: Target): Logs {
  try {
    return lookAtLogs(target)
  } catch (error) {
    if (error instanceof HostError) return {large: [], totalBytes: 0, largest: []}
    throw error
  }
}

/** The file systems of those places, each once. */
function disksOf(target: Target): Disk[] {
  const {host, userHost} = target
  const mountinfo = readIfAllowed(host, '/proc/self/mountinfo') ?? ''
  const lookUp = (place: string) => {
    const mount = mountOf(mountinfo, realPathIfAllowed(userHost, place))
    return {mount, key: mount?.device ?? String(statIfAllowed(userHost, place)?.device)}
  }
  const journal = statIfAllowed(host, JOURNAL)?.kind === 'folder' ? lookUp(JOURNAL).key : undefined
  const found = new Map<string, {mount: Mount | undefined; places: Place[]}>()
  for (const place of placesOf(target)) {
    const {mount, key} = lookUp(place.path)
    const known = found.get(key)
    if (known) known.places.push(place)
    else found.set(key, {mount, places: [place]})
  }
  return [...found].map(([key, {mount, places}]) => ({
    places,
    readOnly: mount?.isReadOnly ? mount.place : undefined,
    free: places[0] && userHost.freeSpace(places[0].path),
    hasJournal: key === journal,
  }))
}

function ofDisk(scene: Scene, disk: Disk, logs: Logs): Found[] {
  const {service} = scene.target
  const [first] = disk.places
  if (!first) return []
  const isHome = first.path === service.profile.home
  if (disk.readOnly !== undefined) return isHome ? [readOnly(scene, first.path, disk.readOnly)] : []
  const seen = disk.free && amiss(disk.free, service.account.uid === 0)
  if (!seen) return []
  const {kind, severity, what, evidence} = seen
  const found: Found = {
    kind,
    severity,
    what: `the disk of the ${first.what} of ${service.name} ${what}`,
    evidence: [
      `${evidence} in ${first.path}`,
      ...disk.places.slice(1).map((place) => `this disk also has the ${place.what} of ${service.name} (${place.path})`),
    ],
    cure: cureOf(scene, disk, first.path, logs),
  }
  return [
    isHome
      ? found
      : {...found, why: 'Everything that needs a new file there fails, such as attachments, tools and the delays between restarts.'},
  ]
}

function readOnly({target: {service}}: Scene, home: string, mountedAt: string): Found {
  return {
    kind: 'read-only',
    severity: 'error',
    what: `the home of ${service.name} is mounted read-only`,
    evidence: [`${home} is on the file system at ${mountedAt}`],
    cure: [
      `findmnt -T ${shellWord(home)}   # Linux remounts a disk with errors read-only: sudo dmesg | tail`,
      `sudo mount -o remount,rw ${shellWord(mountedAt)}`,
    ],
  }
}

/** What is wrong with what is free on a file system, the worst. `isRoot`: for root, whom some of it is kept for. Pure. */
function amiss(
  {bytes, rootBytes, totalBytes, files, totalFiles}: FreeSpace,
  isRoot: boolean,
): (Pick<Found, 'kind' | 'severity' | 'what'> & {readonly evidence: string}) | undefined {
  // Some file systems, those over a network among them, count nothing.
  if (totalBytes > 0) {
    const most = isRoot ? rootBytes : bytes
    if (most < ENOUGH_BYTES) {
      return {
        kind: 'full',
        severity: 'error',
        what: 'is full',
        evidence: `${sizeText(most)} are free${isRoot ? '' : ' for users other than root'}`,
      }
    }
  }
  if (files === 0) return {kind: 'no-inodes', severity: 'error', what: 'cannot take any more files', evidence: 'no inode is free'}
  if (totalBytes > 0 && bytes < Math.min(LOW_SHARE * totalBytes, LOW_BYTES)) {
    const evidence = `${sizeText(bytes)} of ${sizeText(totalBytes)} are free`
    return {kind: 'nearly-full', severity: 'warning', what: `is nearly full: ${evidence}`, evidence}
  }
  if (files !== undefined && totalFiles !== undefined && files < Math.min(FEW_SHARE * totalFiles, FEW_FILES)) {
    const evidence = `${files} of ${totalFiles} inodes are free`
    return {kind: 'few-inodes', severity: 'warning', what: `can take only a few more files: ${evidence}`, evidence}
  }
  return undefined
}

/** What to type: first what of ours fills it, then what finds the rest. */
function cureOf(scene: Scene, {places, hasJournal}: Disk, place: string, logs: Logs): string[] {
  const areLogsHere = places.some(({path: folder}) => logs.large.some((file) => path.dirname(file.path) === folder))
  const word = shellWord(place)
  return [
    ...(areLogsHere ? cureOfLogs(scene, logs) : []),
    ...(hasJournal ? ['sudo journalctl --vacuum-size=200M   # the journal is on this disk too; its size: journalctl --disk-usage'] : []),
    `df -h ${word}; df -i ${word}`,
    `du -xsh ${word}/* | sort -h | tail   # shows the largest files; make room`,
  ]
}

/** Where the file system of a path is mounted. */
interface Mount {
  readonly place: string
  readonly isReadOnly: boolean
  /** The number of the file system, which all its mounts have: `major:minor`. */
  readonly device: string
}

/** The mount of a path by the text of /proc/self/mountinfo (proc(5)); undefined where that has none. Pure. */
export function mountOf(mountinfo: string, file: string): Mount | undefined {
  let found: Mount | undefined
  for (const line of mountinfo.split('\n')) {
    const [mount = '', superblock = ''] = line.split(' - ')
    const [, , device = '', , escaped, options = ''] = mount.split(' ')
    if (escaped === undefined) continue
    const place = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    const isAbove = place === '/' || file === place || file.startsWith(`${place}/`)
    // The last one over a place is the one that is seen.
    if (!isAbove || (found && place.length < found.place.length)) continue
    const all = [...options.split(','), ...(superblock.split(' ')[2] ?? '').split(',')]
    found = {place, isReadOnly: all.includes('ro'), device}
  }
  return found
}

export const check = defineCheck(definition)
