import {codeOnDisk, type CodeOnDisk, commitAt} from '../../gateway/code.js'
import {HomeFile} from '../../gateway/contract.js'
import {recordOf, stateOf} from '../../gateway/observation.js'
import {ageMs} from '../../gateway/process.js'
import {updateUnderWay} from '../../gateway/update-marks.js'
import {planRestart} from '../../lifecycle/restart.js'
import {idleStep} from '../../lifecycle/when-idle.js'
import {DEFAULT_WEDGE_WINDOW_MS} from '../../observe/ask-loop.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'

interface Evidence {
  readonly disk: CodeOnDisk
  /** What the gateway says that it runs. */
  readonly says: {readonly commit: string | undefined; readonly version: string | undefined}
  /** Ms since the epoch. */
  readonly startedMs: number
}

/** How long `fix` waits for a gateway that is at work; a person waits for it. */
const IDLE_WITHIN_MS = 120_000
/** Of a commit, as git shortens it in a repository of that size. */
const SHORT = 10

/** An update that nobody restarted the gateway for: what it loads later is of another version than what it has loaded. */
export const definition: CheckDefinition<Evidence | undefined> = {
  id: 'stale-code',
  title: 'a gateway that runs a different version of its code than the one on disk',
  why: 'The gateway loads some modules late, and mixing two versions can fail in the middle of a turn. The gateway also lacks the fixes of the update.',
  seeByHand: [
    ['git -C ~/.hermes/hermes-agent log -1', 'the commit on disk'],
    ['git -C ~/.hermes/hermes-agent reflog --date=iso -n 3', 'when the checkout last moved to another commit'],
    ['ps -axo lstart,args | grep "[g]ateway run"', 'when the gateway started'],
  ],
  whatTheFixDoes:
    'The fix waits up to two minutes for the gateway to become idle, and then restarts it. If the gateway stays busy, the fix changes nothing.',
  ifItComesBack: 'The update of the gateway does not restart it. Type "hermes-svc restart --when-idle" after each update.',
  needsService: true,
  needsManager: false,
  look: ({target, seen}) => {
    const {host, userHost, service} = target
    const {pid, state: life} = seen.verdict
    const living = pid === undefined || life !== 'alive' ? undefined : seen.gateway.processes.get(pid)
    if (!living) return undefined
    // It restarts the gateway by itself once it is done, or was cut off, and that is another finding.
    if (updateUnderWay(target, service.profile, seen.manager.settings?.command ?? [])) return undefined
    const record = recordOf(seen.gateway.pidRecord)
    const disk = codeOnDisk(userHost, [...(record && record.pid === pid ? record.argv : []), ...living.argv])
    if (!disk) return undefined
    const state = stateOf(seen.gateway.state)
    const isItsOwn = state?.process?.pid === pid
    const says = {commit: isItsOwn ? state?.codeSha : undefined, version: isItsOwn ? state?.codeVersion : undefined}
    return {disk, says, startedMs: host.nowMs() - ageMs(host, living)}
  },
  diagnose: (scene, evidence) => {
    if (!evidence) return []
    const {disk, says} = evidence
    const {pid} = scene.seen.verdict
    const text = differing(evidence)
    if (!text) return []
    const finding: Found = {
      kind: disk.commit === undefined ? 'package' : 'checkout',
      severity: 'warning',
      what: `the gateway (pid ${pid}) runs ${text.runs}, and ${disk.place} has ${text.has}`,
      evidence: [
        `the gateway was started at ${new Date(evidence.startedMs).toISOString()}`,
        ...(says.commit === undefined && says.version === undefined ? [] : [`${HomeFile.state} says which code it runs`]),
        ...moveText(disk, evidence.startedMs),
      ],
      cure: [
        `${commandLine(scene, 'fix stale-code')}   # restarts the gateway if it becomes idle within two minutes`,
        `${commandLine(scene, 'restart --when-idle')}   # or waits longer for it to become idle`,
      ],
    }
    return [finding]
  },
  fix: {
    isSafe: false,
    interrupts: true,
    plan: async ({target}, _evidence, _found, {timeoutMs}) => {
      const plan = await planRestart(target, {force: false, timeoutMs: undefined, wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS, times: {}})
      return {...plan, steps: [idleStep(target, timeoutMs ?? IDLE_WITHIN_MS), ...plan.steps]}
    },
  },
}

/** What it runs and what is on the disk, in words; undefined where they are the same, or one of them is not known. */
function differing({disk, says, startedMs}: Evidence): {readonly runs: string; readonly has: string} | undefined {
  const {commit, version} = disk
  const ran = says.commit ?? commitAt(disk, startedMs)
  if (commit !== undefined && ran !== undefined) {
    if (commit.startsWith(ran) || ran.startsWith(commit)) return undefined
    return {runs: named(ran, says.version), has: named(commit, version)}
  }
  if (version === undefined || says.version === undefined || version === says.version) return undefined
  return {runs: `version ${says.version}`, has: `version ${version}`}
}

function named(commit: string, version: string | undefined): string {
  return `${commit.slice(0, SHORT)}${version === undefined ? '' : ` (version ${version})`}`
}

function moveText({moves}: CodeOnDisk, startedMs: number): string[] {
  const first = moves.find(({atSec}) => atSec * 1000 > startedMs)
  return first ? [`the checkout moved on from commit ${first.from.slice(0, SHORT)} at ${new Date(first.atSec * 1000).toISOString()}`] : []
}

export const check = defineCheck(definition)
