import path from 'node:path'
import {type ConfigFault, type ConfigJudgement, faultText, judgeConfig, MAX_CONFIG_BYTES} from '../../gateway/config-check.js'
import {CheckoutFile, HomeFile, UpstreamCommand} from '../../gateway/contract.js'
import {type UnderUpdate, updateUnderWay} from '../../gateway/update-marks.js'
import type {AccountHost} from '../../host/host.js'
import {type KeptConfig, lastGoodConfig, stampOf} from '../../service/last-good.js'
import {upstreamCommand} from '../../service/upstream-command.js'
import {shellWord} from '../../text/shell-quote.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'

interface Evidence extends ConfigJudgement {
  /** The last config.yaml that a gateway has worked with; undefined where none was kept, or where it is not asked for. */
  readonly kept: KeptConfig | undefined
  /** config.yaml as it is, if it is a file of its own, which can be put back. */
  readonly broken: string | undefined
  readonly update: UnderUpdate | undefined
}

/** What breaks the next start of the gateway: a damaged configuration, or an update that did not finish. */
export const definition: CheckDefinition<Evidence> = {
  id: 'config',
  title: 'a configuration that the gateway cannot load, or an update that did not finish',
  why: 'At its next start the gateway ignores every setting and uses its defaults. Its exit status does not show this.',
  seeByHand: [
    [`python3 -c "import yaml; yaml.safe_load(open(0))" <~/.hermes/${HomeFile.config}`, 'the line of the error'],
    ['ls -l ~/.hermes/config.yaml ~/.hermes/.env ~/.hermes/.hermes-svc/last-good', 'the files, and versions that worked'],
    [`ls -l ~/.hermes/hermes-agent/${CheckoutFile.halfInstalled}`, 'this file exists if an update did not finish'],
  ],
  whatTheFixDoes:
    'The fix restores the last config.yaml that the gateway worked with, and keeps the broken file beside it. It shows the difference first. Edit the file yourself if your changes should stay. An update that did not finish needs "hermes update".',
  ifItComesBack:
    'Some program writes the file again, such as an editor or an agent that changes its own settings. "ls -l" shows when the file was changed: compare that time with "hermes-svc history".',
  needsService: true,
  isAboutHome: true,
  needsManager: false,
  look: async ({target, seen}) => {
    const {userHost, service} = target
    const {home} = service.profile
    const judged = await judgeConfig(userHost, home)
    const isMendable = judged.faults.some((fault) => isAboutText(fault))
    return {
      ...judged,
      kept: isMendable ? await lastGoodConfig(userHost, home) : undefined,
      broken: isMendable ? brokenText(userHost, path.join(home, HomeFile.config)) : undefined,
      update: updateUnderWay(target, service.profile, seen.manager.settings?.command ?? []),
    }
  },
  diagnose: (scene, evidence) => [
    ...evidence.faults.map((fault) => foundFault(scene, evidence, fault)),
    ...evidence.unsure.map((what): Found => ({kind: 'cannot-tell', severity: 'unknown', what})),
    ...(evidence.update ? [foundUpdate(scene, evidence.update)] : []),
  ],
  fix: {
    // What somebody has written is theirs to take back.
    isSafe: false,
    interrupts: false,
    plan: ({target: {userHost, service}}, {kept, broken}) => {
      if (kept === undefined || broken === undefined) throw new Error('there is no configuration to go back to')
      const {home} = service.profile
      const file = path.join(home, HomeFile.config)
      const aside = `${file}.broken-${stampOf(userHost.nowMs()).slice(0, 14)}`
      const onlyIf = {when: 'the file has not changed since the check', holds: () => brokenText(userHost, file) === broken}
      const {mode = 0o600} = userHost.lstat(file) ?? {}
      return {
        title: `restore the ${HomeFile.config} of ${new Date(kept.atMs).toISOString()}`,
        steps: [
          // Values of it may be secrets, and what differs is shown below.
          {
            kind: 'write-file',
            why: `keep the broken file as ${aside}`,
            path: aside,
            text: broken,
            mode: 0o600,
            secret: true,
            as: service.account,
            onlyIf,
          },
          {
            kind: 'write-file',
            why: `restore the last version that worked (${kept.path})`,
            path: file,
            text: kept.text,
            mode,
            as: service.account,
            onlyIf,
          },
        ],
        outcome: `${file} is the version of ${new Date(kept.atMs).toISOString()} again; the broken file is ${aside}`,
      }
    },
  },
}

const isAboutText = ({kind}: ConfigFault): boolean => kind === 'unparsable' || kind === 'wrong-type'

/** The text of a config.yaml that is a file, byte for byte; undefined for a link, which leads to what is elsewhere, and for what is no UTF-8. */
function brokenText(userHost: AccountHost, file: string): string | undefined {
  if (userHost.lstat(file)?.kind !== 'file') return undefined
  const bytes = userHost.readPart(file, 0, MAX_CONFIG_BYTES)?.bytes
  const text = bytes?.toString('utf8')
  return text !== undefined && bytes?.equals(Buffer.from(text)) ? text : undefined
}

function foundFault(scene: Scene, {kept, broken}: Evidence, fault: ConfigFault): Found {
  const {account, profile} = scene.target.service
  const isOfConfig = fault.file === path.join(profile.home, HomeFile.config)
  if (!isAboutText(fault)) {
    return {
      kind: fault.kind,
      severity: 'error',
      what: faultText(fault),
      ...(isOfConfig ? {} : {why: 'At its next start the gateway lacks all variables of this file, including its tokens.'}),
      isFixable: false,
      cure: [`ls -l ${shellWord(fault.file)}   # make it a file that ${account.name} can read`],
    }
  }
  const isFixable = kept !== undefined && broken !== undefined
  const edit = `\${EDITOR:-nano} ${shellWord(fault.file)}`
  return {
    kind: fault.kind,
    severity: 'error',
    what: faultText(fault),
    evidence: [
      kept
        ? `${kept.path} is the last version that worked`
        : 'there is no version that worked: hermes-svc keeps one after a gateway has run with it for five minutes',
    ],
    isFixable,
    cure: [
      edit,
      ...(isFixable ? [`${commandLine(scene, 'fix config')}   # or restore the last version that worked; the command shows it first`] : []),
    ],
    // Without its settings it has no platforms, and may end for that.
    explains: ['fatal-config', 'chat-setup'],
  }
}

function foundUpdate({target: {host, service}, seen}: Scene, {kind, mark, pid, checkout}: UnderUpdate): Found {
  const where = checkout === undefined ? '' : ` in ${checkout}`
  if (kind === 'works') {
    return {
      kind: 'update-running',
      severity: 'info',
      what: `an update of the gateway is running${where} (pid ${pid})`,
      why: 'A gateway that starts now may load half of the update.',
      evidence: [mark],
      isFixable: false,
      cure: [],
    }
  }
  const {command} = seen.manager.settings ?? {}
  return {
    kind: 'update-cut-off',
    severity: 'warning',
    what: `an update of the gateway did not finish${where}: the code is new, but packages may be missing`,
    why: 'A gateway that starts now may lack packages that it needs.',
    evidence: [mark],
    isFixable: false,
    cure: [
      `${upstreamCommand(host, service.profile, service.account, UpstreamCommand.update, command?.length ? command : undefined)}   # finishes the update`,
    ],
  }
}

export const check = defineCheck(definition)
