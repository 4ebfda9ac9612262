import {type DesiredState} from '../gateway/contract.js'
import {ownCommand} from '../lifecycle/own-command.js'
import type {Manager} from '../managers/manager.js'
import type {Plan} from '../plan/plan.js'
import type {Finding, Found} from './finding.js'
import type {Scene} from './scene.js'

/** What a fix was told. */
export interface FixOptions {
  /** What should be so, where a finding leaves that open (`fix desired-state --desired`). */
  readonly desired?: DesiredState | undefined
  /** Bounds what waits for a gateway; undefined: as long as it may take. */
  readonly timeoutMs?: number | undefined
}

/** How a check's findings are cured. */
export interface Fix<E> {
  /** `doctor --fix` applies it unasked: it does not stop a working gateway, loses nothing, and decides nothing for the operator. */
  readonly isSafe: boolean
  /** It stops or restarts the gateway, so a command that runs inside that gateway must not apply it. A finding may say otherwise. */
  readonly interrupts: boolean
  /** It may need to be told what should be so (`--desired`). */
  readonly takesDesired?: boolean
  /**
   * Plans the cure; reads only. Steps check again at the moment of acting whatever could have changed. Whether the finding is gone is
   * seen to by the caller. Throws a usage error where the operator has to decide something.
   */
  readonly plan: (scene: Scene, evidence: E, found: readonly Found[], options: FixOptions) => Plan | Promise<Plan>
}

/**
 * What a person types to see a finding without hermes-svc: one to three commands of the system, each with what its output shows (a phrase that follows
 * `#`). They are written for the default profile in user scope: `~/.hermes`, and the service that systemd calls hermes-gateway. At most 76 characters
 * each, so that help does not break them.
 */
export type ByHand = readonly (readonly [command: string, shows: string])[]

/**
 * One known failure: how it is found and how it is fixed. `E` is what it looks at beyond the scene.
 */
export interface CheckDefinition<E> {
  /** Stable, kebab-case; also the name of `fix <id>`. */
  readonly id: string
  /** What it finds, for lists and help; a phrase without a full stop. */
  readonly title: string
  /** One sentence: what happens if nobody acts. */
  readonly why: string
  /** How to see it by hand: the same commands everywhere, or those of each manager. For the help of `fix <id>` and docs/doctor.md. */
  readonly seeByHand: ByHand | Readonly<Partial<Record<Manager['kind'], ByHand>>>
  /**
   * One to three sentences, `"` around what is typed: what the fix changes, or what a person has to do if the check has no fix. Whether the fix can stop the gateway, and whether
   * `doctor --fix` applies it, follows from `fix`: say it here only where a finding differs from that.
   */
  readonly whatTheFixDoes: string
  /** When `doctor --fix` leaves out a fix that is safe otherwise: what follows "except", such as "while the gateway runs". */
  readonly unsafe?: string
  /** One to three sentences, `"` around what is typed: the usual cause, and the command that shows it. */
  readonly ifItComesBack: string
  /** It says nothing of a service that is not installed. */
  readonly needsService: boolean
  /** It goes by the home as well, so it has something to say also where no service manager is: of what nothing, or a `hermes-svc run`, keeps alive. */
  readonly isAboutHome?: true
  /** It goes by what the manager says, and says nothing where that cannot be asked. */
  readonly needsManager: boolean
  /** It is about these kinds of manager, and says nothing under another. */
  readonly managers?: readonly Manager['kind'][]
  /** Reads what it needs beyond the scene; no lock, no write, no signal. A HostError becomes "cannot tell". */
  readonly look: (scene: Scene) => E | Promise<E>
  /** Pure: the same scene and evidence give the same findings. */
  readonly diagnose: (scene: Scene, evidence: E) => Found[]
  readonly fix?: Fix<E>
}

/** What came of one check of one service. */
export interface Examination {
  readonly findings: readonly Finding[]
  /** Plans the cure of what was found; undefined where nothing was found that a fix cures. */
  readonly plan: ((options: FixOptions) => Promise<Plan>) | undefined
  /** That cure ends or restarts the gateway. */
  readonly interrupts: boolean
}

/** A check with what it looks at closed in. */
export interface Check
  extends Pick<
    CheckDefinition<unknown>,
    | 'id'
    | 'title'
    | 'why'
    | 'seeByHand'
    | 'whatTheFixDoes'
    | 'unsafe'
    | 'ifItComesBack'
    | 'needsService'
    | 'isAboutHome'
    | 'needsManager'
    | 'managers'
  > {
  readonly hasFix: boolean
  /** `doctor --fix` applies its fix, unless a finding says otherwise. */
  readonly isSafe: boolean
  /** Its fix can stop or restart the gateway, unless a finding says otherwise. */
  readonly interrupts: boolean
  readonly takesDesired: boolean
  /** Throws HostError where something cannot be read, anything else where the check itself is broken. */
  readonly examine: (scene: Scene) => Promise<Examination>
}

/** Makes a check of its definition. */
export function defineCheck<E>(definition: CheckDefinition<E>): Check {
  const {id, title, why, seeByHand, whatTheFixDoes, unsafe, ifItComesBack, needsService, isAboutHome, needsManager, managers, fix} =
    definition
  return {
    ...{id, title, why, seeByHand, whatTheFixDoes, ifItComesBack, needsService, needsManager},
    ...(unsafe ? {unsafe} : {}),
    ...(isAboutHome ? {isAboutHome} : {}),
    ...(managers === undefined ? {} : {managers}),
    hasFix: fix !== undefined,
    isSafe: fix?.isSafe ?? false,
    interrupts: fix?.interrupts ?? false,
    takesDesired: fix?.takesDesired ?? false,
    examine: async (scene) => {
      const evidence = await definition.look(scene)
      const found = definition.diagnose(scene, evidence)
      const findings = found.map((one) => finish(definition, scene, one))
      const curable = found.filter((_, index) => findings[index]?.isFixable)
      const plan = fix && curable.length > 0 ? async (options: FixOptions) => fix.plan(scene, evidence, curable, options) : undefined
      const interrupts = curable.some((one) => one.interrupts ?? fix?.interrupts ?? false)
      return {findings, plan, interrupts}
    },
  }
}

function finish<E>({id, why, fix}: CheckDefinition<E>, scene: Scene, found: Found): Finding {
  const isFixable = found.isFixable ?? (fix !== undefined && found.severity !== 'unknown')
  return {
    id,
    kind: found.kind,
    severity: found.severity,
    what: found.what,
    why: found.why ?? why,
    evidence: found.evidence ?? [],
    cure: found.cure ?? (isFixable ? [commandLine(scene, `fix ${id}`)] : []),
    isFixable,
    isSafe: isFixable && (found.isSafe ?? fix?.isSafe ?? false),
    explains: found.explains ?? [],
  }
}

/** A command of ours about the scene's service, as it is typed; `hermes-svc fix stale-state -p work`. */
export function commandLine({target}: Pick<Scene, 'target'>, words: string): string {
  return ownCommand(target, words)
}
