import path from 'node:path'
import {GatewayVariable, HomeFile, DEFAULT_PROFILE} from '../../gateway/contract.js'
import {profileOfCommandLine} from '../../gateway/command-line.js'
import {shellQuote} from '../../text/shell-quote.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import {reinstall} from '../reinstall.js'

interface Evidence {
  readonly file: string
  /** The profile that the file names, if the command lets the gateway follow it. */
  readonly followed: string | undefined
  readonly commandLine: string
  /** The command without what it is to do; undefined where that cannot be told for certain. */
  readonly command: readonly string[] | undefined
}

/** A variable of the image's own slots, in which upstream does not look into the file. */
const NOT_FOLLOWED = `${GatewayVariable.s6SupervisedChild}=`
/** What upstream's own units have behind `gateway run`, and a service of ours does without. */
const DROPPED_FLAGS = ['--replace']

/** `hermes profile use NAME` writes `<root>/active_profile`, and a gateway of the root home without a profile flag follows it. */
export const definition: CheckDefinition<Evidence> = {
  id: 'active-profile',
  title: 'a service of the default profile whose gateway follows `hermes profile use` into the home of another profile',
  why: 'The gateway starts in the home of that other profile, beside or instead of the gateway that belongs there.',
  seeByHand: {
    systemd: [
      [`cat ~/.hermes/${HomeFile.activeProfile}`, 'the profile that "hermes profile use" has set'],
      ['systemctl --user cat hermes-gateway', 'ExecStart= has no --profile'],
    ],
    launchd: [
      [`cat ~/.hermes/${HomeFile.activeProfile}`, 'the profile that "hermes profile use" has set'],
      ['launchctl print gui/$(id -u)/ai.hermes.gateway', 'the arguments have no --profile'],
    ],
    s6: [
      [`cat ~/.hermes/${HomeFile.activeProfile}`, 'the profile that "hermes profile use" has set'],
      ['cat /run/service/gateway-default/run', 'the command has no --profile'],
    ],
  },
  whatTheFixDoes: 'The fix writes the definition again, with a command that names the default profile, and restarts the gateway.',
  ifItComesBack:
    'Another tool has written the definition again without a profile, most often the gateway itself during an update. Type "hermes-svc diff" to see what differs.',
  needsService: true,
  needsManager: true,
  look: ({target: {manager, service, userHost}, seen}) => {
    const {commandLine, command} = manager.definition.evidence(seen.manager)
    const file = path.join(service.profile.root, HomeFile.activeProfile)
    const isPinned = service.profile.name !== DEFAULT_PROFILE || profileOfCommandLine(command) !== undefined
    const isFollowed = !isPinned && !seen.manager.environment.some((entry) => entry.startsWith(NOT_FOLLOWED))
    const named = isFollowed && command.length > 0 ? userHost.readText(file)?.trim() : undefined
    return {file, followed: named === DEFAULT_PROFILE ? undefined : named || undefined, commandLine, command: programOf(command)}
  },
  diagnose: ({seen: {manager, verdict}, target}, {file, followed, commandLine, command}) => {
    if (followed === undefined || manager.broken !== undefined) return []
    const isStillHere = verdict.state === 'alive' && verdict.pid !== undefined
    const isOurs = manager.installed === 'own'
    const isFixable = isOurs || command !== undefined
    return [
      {
        kind: 'followed',
        severity: isStillHere ? 'warning' : 'error',
        what: `${manager.service.name} ${isStillHere ? 'will start its next gateway' : 'starts its gateway'} in the home of profile ${JSON.stringify(followed)}: its command names no profile, and "hermes profile use" has set this one`,
        evidence: [`${file} names ${JSON.stringify(followed)}`, `it runs: ${commandLine}`],
        isFixable,
        ...(isFixable
          ? {}
          : {
              cure: [
                `${target.manager.scope === 'user' ? '"${EDITOR:-vi}"' : 'sudoedit'} ${manager.definitionPaths[0] ?? ''}   # add --profile=default after: gateway run`,
                target.manager.byHand('reload', manager.service.name),
                'hermes profile use default   # or do this instead',
              ],
            }),
        explains: ['desired-state', 'stale-state', 'stale-marker', 'missing-heartbeat'],
      },
    ]
  },
  fix: {
    isSafe: false,
    interrupts: true,
    plan: async (scene, {command}, _found, options) => {
      const {settings} = scene.seen.manager
      const isKnown = settings?.createdDefinition === true || settings?.commandIsGiven === true
      const request = isKnown || command === undefined ? {} : {command: command.map(shellQuote).join(' ')}
      const plan = await reinstall(scene, options, request)
      return {...plan, outcome: `the command of ${scene.target.service.name} names the default profile`}
    },
  },
}

/** Ours gets the words as they are, so none may be something that its manager would still expand. */
function programOf(words: readonly string[]): readonly string[] | undefined {
  const gateway = words.lastIndexOf('gateway')
  if (gateway < 1 || words[gateway + 1] !== 'run' || words.some((word) => /[$%]/.test(word))) return undefined
  return words.slice(gateway + 2).every((word) => DROPPED_FLAGS.includes(word)) ? words.slice(0, gateway) : undefined
}

export const check = defineCheck(definition)
