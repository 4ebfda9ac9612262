import {ExitStatus, ServiceError} from '../../../errors.js'
import {type CheckDefinition, commandLine, defineCheck} from '../../../doctor/check.js'
import type {Found} from '../../../doctor/finding.js'
import type {Scene} from '../../../doctor/scene.js'
import {waitUntilUp} from '../../../lifecycle/wait.js'
import type {Done, Step} from '../../../plan/plan.js'
import {shellWord} from '../../../text/shell-quote.js'
import {isExternal, whyNoLog} from '../failures.js'
import {logSteps} from '../hand-over.js'

interface Evidence {
  /** Logs that launchd cannot open, and why. */
  readonly faults: readonly {readonly log: string; readonly why: string; readonly isExternal: boolean}[]
}

const EX_CONFIG = '78'
const START_MS = 90_000

/** launchd opens a job's logs before it starts its program; if it cannot, the job ends with 78, and nothing says so anywhere. */
export const definition: CheckDefinition<Evidence> = {
  id: 'log-path',
  title: 'a log file that launchd cannot open, so that the job ends with exit status 78 before the gateway starts',
  why: 'launchd does not start a program whose log it cannot open, and it reports no error.',
  seeByHand: [
    ['launchctl print gui/$(id -u)/ai.hermes.gateway', '"last exit code = 78: EX_CONFIG", and "stdout path": the log'],
    ['ls -l ~/Library/Logs/hermes-svc', 'who owns the log, and whether it is a file'],
    ['df ~/Library/Logs/hermes-svc', 'which disk the log is on: it should be the system disk'],
  ],
  whatTheFixDoes:
    'The fix removes the log that launchd cannot open, and launchd creates it again. The contents of the log are lost. If the gateway is down, the fix starts it. For a log on another disk, the finding says what to type.',
  ifItComesBack:
    'Something changes the owner of the log, such as a command with sudo. If the finding names another disk, move the folder back to the system disk, or install a daemon, whose log is in /Library/Logs.',
  needsService: true,
  needsManager: true,
  managers: ['launchd'],
  look: ({target: {host, service}, seen}) => {
    const {StandardOutPath, StandardErrorPath} = seen.manager.directives
    const logs = [...new Set([StandardOutPath, StandardErrorPath])].filter((log) => log !== undefined)
    return {
      faults: logs.flatMap((log) => {
        const why = whyNoLog(host, log, service.account)
        return why === undefined ? [] : [{log, why, isExternal: isExternal(host, log)}]
      }),
    }
  },
  diagnose: (scene, {faults}) => {
    const {manager} = scene.seen
    // Our launcher never ends with 78: launchd says so of what it could not start.
    const isSilent = manager.installed === 'own' && manager.directives['last exit code'] === EX_CONFIG && manager.mainPid === undefined
    if (faults.length === 0 && !isSilent) return []
    const found: Found = {
      kind: faults.length === 0 ? 'silent-78' : faults.some((fault) => fault.isExternal) ? 'external' : 'unwritable',
      severity: manager.mainPid === undefined ? 'error' : 'warning',
      what:
        faults.length === 0
          ? `launchd could not start ${manager.service.name}: the job ended with 78 before its program ran`
          : `launchd cannot start ${manager.service.name}: ${faults.map(({why}) => why).join('; ')}`,
      evidence: isSilent && faults.length > 0 ? ['the job ended with 78 before its program ran'] : [],
      explains: ['fatal-config', 'crash-loop', 'desired-state', 'stale-state', 'stale-marker', 'missing-heartbeat', 'not-loaded'],
    }
    return [{...found, ...cureOf(scene, found.kind)}]
  },
  fix: {
    // What the log held is lost.
    isSafe: false,
    interrupts: false,
    plan: (scene, {faults}, _found, {timeoutMs}) => {
      const {target, seen} = scene
      const isDown = seen.verdict.state === 'dead'
      return {
        title: `let launchd create the log of ${target.service.name} again`,
        steps: [...faults.flatMap(({log}) => renewSteps(scene, log)), ...(isDown ? target.manager.control.restart(target.service) : [])],
        ...(isDown
          ? {
              verify: async (progress) => {
                await waitUntilUp(target, {previousPid: undefined, timeoutMs: timeoutMs ?? START_MS, progress})
              },
              lasts: true,
            }
          : {}),
        outcome: `launchd can open the log of ${target.service.name}`,
      }
    },
  },
}

/** launchd makes it anew, but not in a folder of root's. A folder that holds something is not ours to remove. */
function renewSteps({target: {host, userHost, manager, service}}: Scene, log: string): Step[] {
  const isUsers = manager.placement.owner(service) !== undefined
  const doer = isUsers ? userHost : host
  const act = async (): Promise<Done> => {
    if (host.lstat(log)?.kind !== 'folder') return doer.removeFile(log) ? {changed: true, what: log} : {changed: false}
    if (!doer.removeFolder(log))
      throw new ServiceError(`${log} is a folder that is not empty`, {
        ...{code: 'log-path', exitStatus: ExitStatus.failed, next: [`ls -la ${shellWord(log)}   # move its contents to another place`]},
      })
    return {changed: true, what: log}
  }
  return [{kind: 'act', why: `remove ${log}`, act}, ...(isUsers ? [] : logSteps(host, log, service.account))]
}

function cureOf(scene: Scene, kind: string): Partial<Found> {
  const {installed} = scene.seen.manager
  if (kind === 'unwritable' && installed === 'own') return {}
  const search = `log show --last 1h --predicate 'process == "launchd" AND eventMessage CONTAINS "${scene.target.service.name}"'`
  const daemon = `sudo hermes-svc install --run-as ${scene.target.service.account.name}   # runs it as a daemon, whose log is in /Library/Logs`
  const cure =
    installed !== 'own'
      ? ['hermes gateway uninstall', `${commandLine(scene, 'install')}   # puts the log on the system disk`]
      : kind === 'external'
        ? [commandLine(scene, 'uninstall'), daemon]
        : [search, commandLine(scene, 'install --force')]
  return {isFixable: false, cure}
}

export const check = defineCheck(definition)
