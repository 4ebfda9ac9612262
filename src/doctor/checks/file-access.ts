import path from 'node:path'
import type {Account, FileStat} from '../../host/host.js'
import type {Step} from '../../plan/plan.js'
import {otherWriterOf} from '../../service/home-check.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'

/** What the gateway itself writes in its home, and we. */
const NAMES = [
  ...['gateway.pid', 'gateway.lock', 'gateway_state.json', '.hermes-svc.json', 'state', 'state/gateway.heartbeat'],
  ...['logs', 'logs/gateway.log', 'logs/agent.log', 'logs/errors.log', 'logs/gateway-exit-diag.log', 'logs/hermes-svc.jsonl'],
]
const OTHERS = 0o077
const WRITE = 0o022

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

interface Evidence {
  readonly home: Place | undefined
  readonly isHomeOpen: boolean
  /** Files of the home with another owner than its account. */
  readonly foreign: readonly Place[]
  /** Files of ours that their own account may not read. */
  readonly closed: readonly Place[]
  /** Files with values that others can read. */
  readonly exposed: readonly SecretPlace[]
}

/** Files that the gateway cannot write, or others can. */
export const definition: CheckDefinition<Evidence> = {
  id: 'file-access',
  title: 'files that belong to somebody else, or that others can read or write',
  why: 'The gateway cannot write what belongs to somebody else, and then fails at its next start.',
  needsService: true,
  needsManager: false,
  look: ({target: {host, service, manager}}) => {
    const {home} = service.profile
    const at = (file: string): Place[] => {
      const stat = host.lstat(file)
      if (!stat) return []
      const owner = stat.uid === service.account.uid ? service.account.name : (host.accountOf(stat.uid)?.name ?? `uid ${stat.uid}`)
      return [{path: file, stat, owner}]
    }
    const [homePlace] = at(home)
    // What lies behind a link to elsewhere is not the home's.
    const linked = ['state', 'logs'].filter((folder) => host.lstat(path.join(home, folder))?.kind === 'link')
    const places = NAMES.filter((name) => !linked.includes(path.dirname(name))).flatMap((name) => at(path.join(home, name)))
    const secrets = manager.ownFiles(service).filter(({role}) => role === 'secrets')
    return {
      home: homePlace,
      isHomeOpen:
        homePlace !== undefined &&
        (homePlace.stat.mode & WRITE) !== 0 &&
        otherWriterOf(host, home, service.account)?.startsWith(`${home} can be written`) === true,
      foreign: [...(homePlace ? [homePlace] : []), ...places].filter(({stat}) => stat.uid !== service.account.uid && stat.kind !== 'link'),
      closed: places.filter(
        ({stat, path: file}) => file.endsWith('/.hermes-svc.json') && stat.uid === service.account.uid && (stat.mode & 0o400) === 0,
      ),
      exposed: secrets
        .flatMap(({path: file, owner = manager.owner(service) ?? host.accountOf(0)}) =>
          at(file).map((place): SecretPlace => ({...place, rightful: owner})),
        )
        .filter(({stat, rightful}) => stat.kind === 'file' && (stat.uid !== (rightful?.uid ?? 0) || (stat.mode & OTHERS) !== 0)),
    }
  },
  diagnose: (scene, evidence) => [
    ...foundOpenHome(scene, evidence),
    ...foundForeign(scene, evidence),
    ...foundClosed(evidence),
    ...foundExposed(evidence),
  ],
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene, evidence, found) => ({
      title: `set the owners and modes of files of ${scene.target.service.name}`,
      steps: found.flatMap(({kind}) => stepsFor(scene, evidence, kind)),
      outcome: `the files of ${scene.target.service.name} belong to whom they should`,
    }),
  },
}

function stepsFor({target: {service, manager, host}}: Scene, {home, foreign, closed, exposed}: Evidence, kind: string): Step[] {
  const {account} = service
  const set = ({path: file}: Place, change: {mode?: number; owner?: typeof account}, as = manager.owner(service)): Step => ({
    kind: 'set-access',
    why: change.owner ? `give ${file} to ${change.owner.name}` : `set the mode of ${file} to ${(change.mode ?? 0).toString(8)}`,
    // With an account's own ids the links on the way are of no harm; root must not be led anywhere by them.
    path: as ? path.join(host.realPath(path.dirname(file)) ?? path.dirname(file), path.basename(file)) : file,
    ...change,
    as,
  })
  switch (kind) {
    case 'home-open':
      return home ? [set(home, {mode: home.stat.mode & ~WRITE}, account)] : []
    case 'foreign-owner':
      return foreign.map((place) => set(place, {owner: account}, undefined))
    case 'record-closed':
      return closed.map((place) => set(place, {mode: 0o600}, account))
    default:
      return exposed.map((place) => set(place, {mode: 0o600, ...ownerIfNeeded(place.rightful, place)}, undefined))
  }
}

function ownerIfNeeded<A extends {uid: number}>(owner: A | undefined, {stat}: Place): {owner?: A} {
  return owner && stat.uid !== owner.uid ? {owner} : {}
}

function foundOpenHome({target: {service}}: Scene, {home, isHomeOpen}: Evidence): Found[] {
  if (!home || !isHomeOpen) return []
  return [
    {
      kind: 'home-open',
      severity: 'warning',
      what: `others can write in the home of ${service.name}: ${home.path} has mode ${home.stat.mode.toString(8)}`,
      why: 'Whoever can write there can change what the gateway runs and reads, as its user.',
    },
  ]
}

function foundForeign({target: {host, service}}: Scene, {foreign}: Evidence): Found[] {
  if (foreign.length === 0) return []
  const owners = foreign.map(({path: file, owner}) => `${file} belongs to ${owner}`)
  const {account} = service
  return [
    {
      kind: 'foreign-owner',
      severity: 'warning',
      what: `${foreign.length} ${foreign.length === 1 ? 'file' : 'files'} in the home of ${service.name} do not belong to ${account.name}`,
      evidence: owners,
      explains: ['desired-state'],
      // Only root may give files away.
      ...(host.account.uid === 0
        ? {}
        : {isFixable: false, cure: foreign.map(({path: file}) => `sudo chown --no-dereference ${account.name}: ${file}`)}),
    },
  ]
}

function foundClosed({closed}: Evidence): Found[] {
  return closed.map(({path: file, stat}) => ({
    kind: 'record-closed',
    severity: 'warning',
    what: `${file}, which records whether the gateway should run, cannot be read (mode ${stat.mode.toString(8)})`,
    why: 'Whether the gateway should run cannot be told.',
    explains: ['desired-state'],
  }))
}

function foundExposed({exposed}: Evidence): Found[] {
  return exposed.map(({path: file, stat, owner}) => ({
    kind: 'secrets-open',
    severity: 'warning',
    what: `others can read the gateway's variables: ${file} has mode ${stat.mode.toString(8)} and belongs to ${owner}`,
    why: 'Tokens in it can be read by every user of the machine.',
  }))
}

export const check = defineCheck(definition)
