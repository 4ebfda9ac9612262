import {installerOf} from '../../managers/installing.js'
import {ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import type {DefinitionFile} from '../../managers/manager.js'
import {isTemporaryPath} from '../../host/host.js'
import {ownVersion} from '../../service/own-version.js'
import type {ServiceSettings} from '../../service/settings.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import {heartbeatOf} from '../heartbeat-of.js'
import {oncePerLook} from '../once-per-look.js'
import {hasOurPolicy, reinstall} from '../reinstall.js'
import type {Scene} from '../scene.js'

interface Evidence {
  /** The version that wrote the definition; undefined if it recorded none. */
  readonly writtenBy: string | undefined
  /** This version. */
  readonly version: string
  /** What this version would write otherwise, edits by hand aside. */
  readonly differing: readonly string[]
  /** Helpers that this version has and that one had not. */
  readonly added: readonly string[]
  /** What that version had and this one has not. */
  readonly leftover: readonly string[]
  /** Of those the ones that the gateway has read, so that it has to be started anew. */
  readonly restartFor: readonly string[]
}

const versionOf = oncePerLook(({target: {host}}): string => ownVersion(host))

/** True if another version of hermes-svc wrote a service's definition, be it the same or not. */
export function isOfAnotherVersion(scene: Scene): boolean {
  const {settings} = scene.seen.manager
  return settings !== undefined && settings.writtenBy !== versionOf(scene, '')
}

/** What another version of hermes-svc wrote, and this one would write otherwise. */
export const definition: CheckDefinition<Evidence | undefined> = {
  id: 'outdated',
  title: 'a definition, helper or heartbeat that another version of hermes-svc wrote, and that this version would write differently',
  why: 'The service lacks the protection against known failures that this version of hermes-svc adds.',
  seeByHand: {
    systemd: [
      ['grep writtenBy ~/.config/hermes-svc/hermes-gateway/settings.json', 'the version of hermes-svc that wrote the service'],
      ['systemctl --user cat hermes-gateway', 'the unit and its drop-ins'],
    ],
    launchd: [
      ['grep writtenBy ~/Library/Application\\ Support/hermes-svc/*/settings.json', 'the version of hermes-svc that wrote each service'],
      ['cat ~/Library/LaunchAgents/ai.hermes.gateway.plist', 'the property list'],
    ],
    s6: [
      ['grep writtenBy /run/service/gateway-default/settings.json', 'the version of hermes-svc that wrote the service'],
      ['cat /run/service/gateway-default/run', 'the run script'],
    ],
  },
  whatTheFixDoes:
    'The fix writes the definition, the service helper and the heartbeat again with this version, and keeps your settings. It restarts the gateway only if the gateway reads one of the changed files when it starts.',
  unsafe: 'if the gateway must be restarted',
  ifItComesBack:
    'Two installations of hermes-svc, with different versions, look after the same service: for example one in your home and one in the system. Remove one of them.',
  needsService: true,
  needsManager: true,
  look: async (scene) => {
    const {settings} = scene.seen.manager
    // Rendered only where it may have something to say: it takes longer than all other checks.
    return settings && hasOurPolicy(scene.seen) && isOfAnotherVersion(scene)
      ? compare(scene, await rendered(scene, settings), settings.writtenBy)
      : undefined
  },
  diagnose: (scene, evidence) => {
    if (!evidence || scene.seen.manager.broken !== undefined) return []
    const {writtenBy, version, differing, added, leftover, restartFor} = evidence
    const files = [...differing, ...added, ...leftover]
    if (files.length === 0) return []
    const {service} = scene.seen.manager
    const isNewer = writtenBy !== undefined && isLater(writtenBy, version)
    const writer = writtenBy === undefined ? 'an earlier hermes-svc' : `hermes-svc ${writtenBy}`
    const needsRestart = restartFor.length > 0 && scene.seen.verdict.pid !== undefined
    return [
      {
        kind: isNewer ? 'newer' : 'older',
        severity: 'warning',
        what: `${writer} wrote ${service.name}; version ${version} would change ${files.map((file) => path.basename(file)).join(', ')}`,
        evidence: [
          ...differing.map((file) => `${file} is not what this version writes`),
          ...added.map((file) => `${file} does not exist: ${writer} did not write it`),
          ...leftover.map((file) => `${file} is left over from ${writer}: this version does not write it`),
          needsRestart
            ? `a restart is needed: the gateway read ${restartFor.map((file) => path.basename(file)).join(', ')} when it started`
            : 'no restart is needed',
        ],
        cure: [
          commandLine(scene, 'fix outdated') + (needsRestart ? '   # also restarts the gateway, after it has finished its work' : ''),
          ...(isNewer ? [`npm install -g hermes-svc@${writtenBy}   # or go back to the version that wrote it`] : []),
        ],
        isSafe: !needsRestart,
        interrupts: needsRestart,
        explains: ['stop-timeout'],
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: true,
    plan: (scene, _evidence, _found, options) => reinstall(scene, options),
  },
}

/** The files of a service as this version writes them, from what was chosen when it was installed. */
async function rendered(scene: Scene, settings: ServiceSettings): Promise<DefinitionFile[]> {
  const {manager, service} = scene.target
  const files = await manager.definition.render(service, settings, manager.definition.readEnvironment(service))
  return settings.heartbeat.enabled ? [...files, ...((await heartbeatOf(scene))?.files ?? [])] : files
}

function compare(scene: Scene, files: readonly DefinitionFile[], writtenBy: string | undefined): Evidence {
  const {manager, service} = scene.target
  const door = ownerDoor(scene.target.host, manager.placement.owner(service))
  const helpers = manager.definition.ownFiles(service).flatMap((file) => (file.role === 'helper' ? [file.path] : []))
  // The record of what was chosen is none of what was made of it.
  const made = files.filter(
    (file) => path.basename(file.path) !== path.basename(manager.placement.placesOf(service).settings) && !file.edited,
  )
  const differing = made.filter((file) => {
    const text = door.readText(file.path)
    return text !== undefined && text !== file.text
  })
  const added = made.filter((file) => helpers.includes(file.path) && door.lstat(file.path) === undefined)
  const wanted = [...files.map((file) => file.path), manager.placement.placesOf(service).restartDue]
  const leftover = installerOf(manager)
    .leftovers(service, wanted)
    .filter((file) => !isTemporaryPath(file))
  const paths = (list: readonly DefinitionFile[]) => list.map((file) => file.path)
  return {
    writtenBy,
    version: versionOf(scene, ''),
    differing: paths(differing),
    added: paths(added),
    leftover,
    restartFor: paths([...differing, ...added].filter((file) => file.needsRestart)),
  }
}

/** By the three numbers of both versions. */
function isLater(version: string, than: string): boolean {
  const [one, other] = [version, than].map((text) => text.split(/[.+-]/, 3).map(Number))
  const at = [0, 1, 2].find((place) => one?.[place] !== other?.[place])
  return at !== undefined && (one?.[at] ?? 0) > (other?.[at] ?? 0)
}

export const check = defineCheck(definition)
