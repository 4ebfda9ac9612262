import path from 'node:path'
import {HomeFile} from '../../gateway/contract.js'
import {type Account, type Door, type FileStat, HostError} from '../../host/host.js'
import {closedMode, isRoots, mayOthersWrite} from '../../host/roots-alone.js'
import type {Step} from '../../plan/plan.js'
import {otherWriterOf} from '../../service/home-check.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'

/** What the gateway itself writes in its home, and we. */
const NAMES = [
  ...[HomeFile.pid, HomeFile.lock, HomeFile.state, '.hermes-svc.json', HomeFile.stateFolder, HomeFile.heartbeat],
  ...[HomeFile.logFolder, HomeFile.log, HomeFile.agentLog, HomeFile.errorsLog, HomeFile.exitLog, 'logs/hermes-svc.jsonl'],
]
const OTHERS = 0o077

interface Place {
  readonly path: string
  readonly stat: FileStat
  /** Name of its owner, where it matters. */
  readonly owner: string
}

/** A file with values, and whose it must be. */
interface SecretPlace extends Place {
  readonly rightful: Account | undefined
}

/** A link that the account can turn, to what is neither its own nor below its home directory. */
interface LinkOut {
  readonly path: string
  readonly leadsTo: string
  /** Name of the owner of what is there. */
  readonly owner: string
}

interface Evidence {
  /** Undefined for one that is not there, or that a link leads out of. */
  readonly home: Place | undefined
  readonly isHomeOpen: boolean
  /** Links out of the home; what lies behind them is nobody's to judge or to mend from here. */
  readonly linksOut: readonly LinkOut[]
  /** Files of the home that are root's. */
  readonly roots: readonly Place[]
  /** Root may give those back: only root can have put the home where it is, or it lies below the account's home directory. */
  readonly isGivable: boolean
  /** Files of the home that a third account has. */
  readonly others: readonly Place[]
  /** Files of ours that their own account may not read. */
  readonly closed: readonly Place[]
  /** Files with values that others can read. */
  readonly exposed: readonly SecretPlace[]
}

/** Files that the gateway cannot write, or that other users can. */
export const definition: CheckDefinition<Evidence> = {
  id: 'file-access',
  title: 'files of the gateway that belong to another user, or that other users can read or write',
  why: 'The gateway cannot write files of another user, so its next start can fail.',
  seeByHand: [
    ['ls -la ~/.hermes ~/.hermes/logs', 'owner and mode of each file'],
    ['find ~/.hermes -maxdepth 2 ! -user "$(id -un)" -ls', 'files that belong to another user'],
    ['namei -l ~/.hermes', 'owner and mode of each folder on the way, and links'],
  ],
  whatTheFixDoes:
    'The fix gives files that root owns back to the user of the gateway, which needs root: "sudo hermes-svc fix file-access". It also removes the rights of other users from the home and from files with tokens. It does not change files of a third user or links that lead out of the home.',
  ifItComesBack:
    'Something runs as root in the home, most often "sudo hermes" or a container that runs as root. Run those commands as the user of the gateway.',
  needsService: true,
  isAboutHome: true,
  needsManager: false,
  look: ({target: {host, userHost, service, manager}}) => {
    const {account, profile} = service
    const homeLinks = linksOnTheWay(userHost, profile.named ?? profile.home)
    const base = realOf(userHost, account.home)
    const isBelow = (file: string) => file.startsWith(`${base}/`)
    const homeOut = homeLinks.flatMap((link) => linkOut(userHost, link, account, isBelow))
    // What lies behind a link to elsewhere is not the home's.
    if (homeOut.length > 0)
      return {home: undefined, isHomeOpen: false, linksOut: homeOut, roots: [], isGivable: false, others: [], closed: [], exposed: []}
    // A link to elsewhere that is the account's own is as good as a folder; the way to it is walked without the link.
    const home = homeLinks.length > 0 ? profile.home : (profile.named ?? profile.home)
    const [homePlace] = placesAt(userHost, home, account)
    const all = NAMES.flatMap((name) => placesAt(userHost, path.join(home, name), account))
    const links = all.filter(({stat}) => stat.kind === 'link').map((place) => place.path)
    const places = all.filter((place) => !links.includes(place.path) && !links.includes(path.dirname(place.path)))
    const inHome = [...(homePlace ? [homePlace] : []), ...places]
    const owner = manager.placement.owner(service)
    const eyes: Door = owner ? userHost : host
    return {
      home: homePlace,
      isHomeOpen:
        homePlace !== undefined &&
        mayOthersWrite(homePlace.stat) &&
        otherWriterOf(userHost, home, account)?.startsWith(`other users can write to ${home} `) === true,
      linksOut: links.flatMap((link) => linkOut(userHost, link, account, isBelow)),
      roots: inHome.filter(({stat}) => stat.uid === 0 && account.uid !== 0),
      isGivable: homeLinks.length === 0 || isBelow(realOf(userHost, home)),
      others: inHome.filter(({stat}) => stat.uid !== 0 && stat.uid !== account.uid),
      closed: places.filter(
        ({stat, path: file}) => file.endsWith('/.hermes-svc.json') && stat.uid === account.uid && (stat.mode & 0o400) === 0,
      ),
      exposed: manager.definition
        .ownFiles(service)
        .filter(({role}) => role === 'secrets')
        .flatMap(({path: file, owner: own = owner ?? host.accountOf(0)}) =>
          placesAt(eyes, file, account).map((place): SecretPlace => ({...place, rightful: own})),
        )
        .filter(({stat, rightful}) => stat.kind === 'file' && (stat.uid !== (rightful?.uid ?? 0) || (stat.mode & OTHERS) !== 0)),
    }
  },
  diagnose: (scene, evidence) => [
    ...foundLinksOut(scene, evidence),
    ...foundOpenHome(scene, evidence),
    ...foundForeign(scene, evidence),
    ...foundClosed(evidence),
    ...foundExposed(scene, evidence),
  ],
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene, evidence, found) => ({
      title: `set owner and mode of files of ${scene.target.service.name}`,
      steps: found.flatMap(({kind}) => stepsFor(scene, evidence, kind)),
      outcome: `the files of ${scene.target.service.name} have the right owner and mode`,
    }),
  },
}

/**
 * The links on the way to a place that somebody else than root can turn, in order. Those of root's own, in folders that nobody else can write, are as
 * good as folders.
 */
function linksOnTheWay(eyes: Door, named: string): string[] {
  const links: string[] = []
  let isRootsAlone = true
  let place = ''
  for (const part of named.split('/').filter(Boolean)) {
    const folder = lookAt(eyes, place || '/')
    isRootsAlone &&= folder !== undefined && isRoots(folder)
    place = `${place}/${part}`
    if (lookAt(eyes, place)?.kind === 'link' && !isRootsAlone) links.push(place)
  }
  return links
}

/** What a link leads to, if that is a file or folder which is neither the account's nor below its home directory. */
function linkOut(eyes: Door, link: string, account: Account, isBelow: (file: string) => boolean): LinkOut[] {
  const leadsTo = realOf(eyes, link)
  const stat = lookAt(eyes, leadsTo)
  const isPlain = stat?.kind === 'file' || stat?.kind === 'folder'
  return isPlain && stat.uid !== account.uid && !isBelow(leadsTo) ? [{path: link, leadsTo, owner: ownerName(eyes, stat, account)}] : []
}

/** Where a path leads; the path itself where that cannot be told. */
function realOf(eyes: Door, file: string): string {
  try {
    return eyes.realPath(file) ?? file
  } catch (error) {
    if (error instanceof HostError) return file
    throw error
  }
}

/** What is at a path; undefined also for what may not be looked at, of which the folder above is the finding. */
function lookAt(eyes: Door, file: string): FileStat | undefined {
  try {
    return eyes.lstat(file)
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

function placesAt(eyes: Door, file: string, account: Account): Place[] {
  const stat = lookAt(eyes, file)
  return stat ? [{path: file, stat, owner: ownerName(eyes, stat, account)}] : []
}

function ownerName(eyes: Door, {uid}: FileStat, account: Account): string {
  return uid === account.uid ? account.name : (eyes.accountOf(uid)?.name ?? `uid ${uid}`)
}

function stepsFor({target: {service}}: Scene, {home, roots, closed, exposed}: Evidence, kind: string): Step[] {
  const {account} = service
  const setMode = ({path: file}: Place, mode: number, as: Account | undefined): Step => ({
    kind: 'set-access',
    why: `set the mode of ${file} to ${mode.toString(8)}`,
    path: file,
    mode,
    as: as?.uid === 0 ? undefined : as,
  })
  const give = ({path: file}: Place, owner: Account): Step => ({
    kind: 'set-access',
    why: `give ${file} to ${owner.name}`,
    path: file,
    owner,
    // A home elsewhere: root itself has named it, or put it there.
    ...(home && owner.uid !== 0 && !home.path.startsWith(`${account.home}/`) && file.startsWith(home.path) ? {within: home.path} : {}),
    as: owner.uid === 0 ? undefined : owner,
  })
  switch (kind) {
    case 'home-open':
      return home ? [setMode(home, closedMode(home.stat), account)] : []
    case 'foreign-owner':
      return roots.map((place) => give(place, account))
    case 'record-closed':
      return closed.map((place) => setMode(place, 0o600, account))
    default:
      return exposed
        .filter(isMendable)
        .flatMap((place) => [
          ...(place.rightful && place.stat.uid !== place.rightful.uid ? [give(place, place.rightful)] : []),
          setMode(place, 0o600, place.rightful),
        ])
  }
}

/** Root gives back what is its own, and takes back what it must have; what a third account has is not for it to give. */
function isMendable({stat, rightful}: SecretPlace): boolean {
  return rightful === undefined || rightful.uid === 0 || stat.uid === 0 || stat.uid === rightful.uid
}

function foundLinksOut({target: {service}}: Scene, {linksOut}: Evidence): Found[] {
  if (linksOut.length === 0) return []
  return [
    {
      kind: 'link-out',
      severity: 'warning',
      what: `${linksOut.length === 1 ? 'a link leads' : `${linksOut.length} links lead`} out of the home of ${service.name}, to files that do not belong to ${service.account.name}`,
      why: 'The gateway cannot write there, and hermes-svc changes nothing there: whoever controls the link would control what root changes.',
      evidence: linksOut.map(({path: file, leadsTo, owner}) => `${file} leads to ${leadsTo}, which belongs to ${owner}`),
      isFixable: false,
      cure: linksOut.map(
        ({path: file}) => `ls -ld ${file}   # point it to a folder of ${service.account.name}, or replace it with a folder`,
      ),
      explains: ['desired-state'],
    },
  ]
}

function foundOpenHome({target: {service}}: Scene, {home, isHomeOpen}: Evidence): Found[] {
  if (!home || !isHomeOpen) return []
  return [
    {
      kind: 'home-open',
      severity: 'warning',
      what: `other users can write to the home of ${service.name}: ${home.path} has mode ${home.stat.mode.toString(8)}`,
      why: 'Whoever can write there can change what the gateway reads and runs.',
    },
  ]
}

/** Root gives back what is root's; what a third account has is for a person to decide. */
function foundForeign({target: {host, service}}: Scene, {roots, others, isGivable}: Evidence): Found[] {
  const {account} = service
  const found = (kind: string, places: readonly Place[], isFixable: boolean): Found[] =>
    places.length === 0
      ? []
      : [
          {
            kind,
            severity: 'warning',
            what: `${places.length === 1 ? '1 file' : `${places.length} files`} in the home of ${service.name} ${places.length === 1 ? 'does' : 'do'} not belong to ${account.name}`,
            evidence: places.map(({path: file, owner}) => `${file} belongs to ${owner}`),
            explains: ['desired-state'],
            ...(isFixable
              ? {}
              : {isFixable: false, cure: places.map(({path: file}) => `sudo chown --no-dereference ${account.name}: ${file}`)}),
          },
        ]
  return [...found('foreign-owner', roots, host.account.uid === 0 && isGivable), ...found('third-owner', others, false)]
}

function foundClosed({closed}: Evidence): Found[] {
  return closed.map(({path: file, stat}) => ({
    kind: 'record-closed',
    severity: 'warning',
    what: `${file}, which records whether the gateway should run, cannot be read (mode ${stat.mode.toString(8)})`,
    why: 'hermes-svc cannot tell whether the gateway should run.',
    explains: ['desired-state'],
  }))
}

function foundExposed({target: {host}}: Scene, {exposed}: Evidence): Found[] {
  return exposed.map((place) => ({
    kind: 'secrets-open',
    severity: 'warning',
    what: `other users can read the gateway's variables: ${place.path} has mode ${place.stat.mode.toString(8)} and belongs to ${place.owner}`,
    why: 'Every user of the machine can read the tokens in it.',
    ...(isMendable(place)
      ? {}
      : {isFixable: false, cure: [`sudo chown --no-dereference ${place.rightful?.name ?? host.account.name}: ${place.path}`]}),
  }))
}

export const check = defineCheck(definition)
