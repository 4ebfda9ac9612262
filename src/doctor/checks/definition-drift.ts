import {ownerDoor} from '../../host/account-door.js'
import type {DirectiveDrift} from '../../managers/manager.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {hasOurPolicy, reinstall} from '../reinstall.js'
import type {Scene} from '../scene.js'
import {isOfAnotherVersion} from './outdated.js'
import type {CheckId} from './index.js'

interface Evidence {
  readonly drifts: readonly DirectiveDrift[]
  readonly edited: readonly string[]
  readonly missing: readonly string[]
  /** Files of ours in which our policy stood, and that another tool has written over. */
  readonly replaced: readonly string[]
  readonly isLimitHit: boolean
}

/** The settings in force differ from what hermes-svc wrote. */
export const definition: CheckDefinition<Evidence> = {
  id: 'definition-drift',
  title: 'a definition that differs from what hermes-svc installed',
  why: 'The restart policy no longer holds: restart delays, planned stops and the time to finish work depend on these settings.',
  seeByHand: {
    systemd: [
      ['systemctl --user cat hermes-gateway', 'all files of the unit; the last line that sets something wins'],
      ['systemctl --user show hermes-gateway -p NeedDaemonReload', '"yes" if systemd has not read a change'],
      ['ls -l ~/.config/systemd/user/hermes-gateway.service.d', 'when each file was changed, and by whom'],
    ],
    launchd: [
      ['cat ~/Library/LaunchAgents/ai.hermes.gateway.plist', 'look for settings that you did not install'],
      ['launchctl print gui/$(id -u)/ai.hermes.gateway', 'what launchd has loaded'],
    ],
    s6: [['ls -l /run/service/gateway-default', 'when each file was changed, and by whom']],
  },
  whatTheFixDoes:
    'The fix restores the files that were installed and makes the service manager read them. It keeps your own files and your edits: if one of them overrides the policy, doctor names the file, and you decide. If another tool has replaced the whole definition, the fix restarts the gateway.',
  unsafe: 'if another tool has replaced the whole definition',
  ifItComesBack:
    'Another tool rewrites the definition, such as an update of the gateway or a configuration manager. Put your own settings into a drop-in or into that tool, and type "hermes-svc diff" to see what differs.',
  needsService: true,
  needsManager: true,
  look: ({target: {manager, host, service}, seen}) => {
    const {settings, isRewritten, definitionPaths} = seen.manager
    const replaced = isRewritten && !hasOurPolicy(seen) ? definitionPaths : []
    if (!hasOurPolicy(seen) || !settings) return {drifts: [], edited: [], missing: [], replaced, isLimitHit: false}
    const roles = settings.createdDefinition ? ['definition', 'policy'] : ['policy']
    const missing = manager.definition
      .ownFiles(service)
      .filter(({role, path}) => roles.includes(role) && ownerDoor(host, manager.placement.owner(service)).lstat(path) === undefined)
    return {
      drifts: manager.definition.drift?.(seen.manager, settings) ?? [],
      edited: manager.definition.editedFiles?.(service) ?? [],
      missing: missing.map(({path}) => path),
      replaced,
      isLimitHit: manager.definition.evidence(seen.manager).startFailure?.kind === 'limit',
    }
  },
  diagnose: (scene, {drifts, edited, missing, replaced, isLimitHit}) => {
    const {service, broken, needsReload} = scene.seen.manager
    if (broken !== undefined) return []
    const explains: readonly CheckId[] = isLimitHit ? ['stop-timeout'] : ['stop-timeout', 'start-limit']
    if (replaced.length > 0) {
      const what = `another tool, such as the gateway's own update, has replaced ${replaced.join(' and ')}, and the restart policy is gone`
      return [
        {
          ...{kind: 'replaced', severity: 'warning', what, isSafe: false},
          explains: ['start-limit', 'stop-timeout', 'not-loaded', 'desired-state', 'definition-broken', 'path'],
        },
      ]
    }
    if (missing.length > 0) {
      const what = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} gone`
      return [{kind: 'file-missing', severity: 'warning', interrupts: false, what, evidence: drifts.map(inWords), explains}]
    }
    if (needsReload) {
      const what = `the definition of ${service.name} was changed on disk, and the service manager has not read the change`
      return [{kind: 'not-loaded', severity: 'warning', interrupts: false, what, evidence: scene.seen.manager.definitionPaths, explains}]
    }
    return [...overridden(scene, drifts, edited, explains), ...editedByHand(scene, drifts, edited, explains)]
  },
  fix: {
    isSafe: true,
    interrupts: true,
    // What runs by another tool's text has nothing of our policy.
    plan: (scene, {replaced}, _found, options) => reinstall(scene, options, {keepRunning: replaced.length === 0}),
  },
}

/** A file of somebody else's overrides ours, or ours was written by another version of hermes-svc. */
function overridden(scene: Scene, drifts: readonly DirectiveDrift[], edited: readonly string[], explains: readonly CheckId[]): Found[] {
  const {seen, target} = scene
  const own = target.manager.definition.ownFiles(target.service).map(({path}) => path)
  const theirs = drifts.filter(({setBy}) => setBy !== undefined && !own.includes(setBy))
  const ours = drifts.filter((drift) => !theirs.includes(drift) && !edited.includes(drift.setBy ?? ''))
  const named = (list: readonly DirectiveDrift[]) => list.map(({directive}) => directive).join(', ')
  const editor = target.manager.scope === 'user' ? '"${EDITOR:-vi}"' : 'sudoedit'
  const reload = target.manager.byHand('reload', target.service.name)
  const found: Found[] = []
  if (theirs.length > 0) {
    const files = [...new Set(theirs.map(({setBy}) => setBy ?? ''))]
    found.push({
      kind: 'overridden',
      severity: 'warning',
      what: `${named(theirs)} of ${seen.manager.service.name} ${theirs.length === 1 ? 'is' : 'are'} set by ${files.join(' and ')}`,
      evidence: theirs.map(inWords),
      cure: [
        ...files.map((file) => `${editor} ${file}   # if you agree, remove ${named(theirs.filter(({setBy}) => setBy === file))} from it`),
        reload,
      ],
      isFixable: false,
      explains,
    })
  }
  // The check outdated names what another version wrote.
  if (ours.length > 0 && !isOfAnotherVersion(scene)) {
    const what = `${named(ours)} of ${seen.manager.service.name} ${ours.length === 1 ? 'differs' : 'differ'} from what hermes-svc installed`
    found.push({kind: 'outdated', severity: 'warning', interrupts: false, what, evidence: ours.map(inWords), explains})
  }
  return found
}

function editedByHand(scene: Scene, drifts: readonly DirectiveDrift[], edited: readonly string[], explains: readonly CheckId[]): Found[] {
  if (edited.length === 0) return []
  const broken = drifts.filter(({setBy}) => edited.includes(setBy ?? ''))
  return [
    {
      kind: 'edited',
      severity: broken.length > 0 ? 'warning' : 'info',
      what: `${edited.join(' and ')} ${edited.length === 1 ? 'was' : 'were'} edited by hand; hermes-svc keeps the edits`,
      ...(broken.length > 0 ? {} : {why: 'The next version of hermes-svc cannot update an edited file without losing the edits.'}),
      evidence: broken.map(inWords),
      cure: [commandLine(scene, 'diff'), `${commandLine(scene, 'install --force')}   # discards the edits; your own drop-ins stay`],
      isFixable: false,
      explains: broken.length > 0 ? explains : [],
    },
  ]
}

function inWords({directive, wanted, merged, setBy}: DirectiveDrift): string {
  return `${directive} is ${merged || 'not set'}${setBy === undefined ? '' : ` (${setBy})`}, but should be ${wanted}`
}

export const check = defineCheck(definition)
