import type {Check} from './check.js'
import {type Diagnosis, examine} from './examine.js'
import type {Finding} from './finding.js'
import {observeScenes, type SceneOptions} from './scene.js'

/**
 * What compares the manager's word with files and processes, which are looked at a moment later: a gateway that is restarted in between
 * looks as if one of them were wrong.
 */
const RACY = ['stale-state', 'zombie-pid', 'orphan-gateway', 'desired-state', 'stale-marker', 'leftover-processes']
/** A restart is through with what it changes by then, or is still seen to be under way. */
const PAUSE_MS = 300

/**
 * The diagnoses without the findings that only a race explains, and with those that only a race hides: of a service that is being started once more
 * its manager has forgotten for a moment how the last start ended. See `withoutRaces` and `pastTheStart`.
 */
export async function confirmed(diagnoses: readonly Diagnosis[], checks: readonly Check[], options: SceneOptions): Promise<Diagnosis[]> {
  return withoutRaces(await pastTheStart(diagnoses, checks, options), checks, options)
}

async function pastTheStart(diagnoses: readonly Diagnosis[], checks: readonly Check[], options: SceneOptions): Promise<Diagnosis[]> {
  const again = await lookAgain(diagnoses.filter(isStartedOnceMore), checks, options)
  return diagnoses.map((diagnosis) => again.get(diagnosis) ?? diagnosis)
}

function isStartedOnceMore({findings, scene}: Diagnosis): boolean {
  const {activity, restarts} = scene.seen.manager
  return (activity === 'starting' || activity === 'waiting') && restarts > 0 && !findings.some(({severity}) => severity === 'error')
}

/** What a second look says of these, a moment later. */
async function lookAgain(
  diagnoses: readonly Diagnosis[],
  checks: readonly Check[],
  options: SceneOptions,
): Promise<ReadonlyMap<Diagnosis, Diagnosis>> {
  const [first] = diagnoses
  if (!first) return new Map()
  await first.scene.target.host.sleep(PAUSE_MS)
  const scenes = await observeScenes(
    diagnoses.map(({scene}) => scene.target),
    {...options, anyScope: false},
  )
  const seconds = await Promise.all(scenes.map((scene) => examine(scene, checks)))
  return new Map(
    diagnoses.flatMap((diagnosis) => {
      const second = seconds.find(({scene}) => scene.target === diagnosis.scene.target)
      return second ? [[diagnosis, second]] : []
    }),
  )
}

/**
 * The diagnoses without the findings that only a race explains: where there are some that could be, a second look is taken, and what that does
 * not confirm is no finding. What the second look alone finds is left to the next one.
 */
async function withoutRaces(diagnoses: readonly Diagnosis[], checks: readonly Check[], options: SceneOptions): Promise<Diagnosis[]> {
  const doubtful = diagnoses.filter(({findings, scene}) => findings.some(isDoubtful) && scene.seen.verdict.state !== 'wedged')
  const ids = new Set(doubtful.flatMap(({findings}) => findings.filter(isDoubtful).map(({id}) => id)))
  const again = await lookAgain(
    doubtful,
    checks.filter(({id}) => ids.has(id)),
    options,
  )
  return diagnoses.map((diagnosis) => {
    const second = again.get(diagnosis)
    return second ? withoutUnconfirmed(diagnosis, second.findings) : diagnosis
  })
}

function isDoubtful({id, severity}: Finding): boolean {
  return RACY.includes(id) && severity !== 'info'
}

function withoutUnconfirmed(diagnosis: Diagnosis, second: readonly Finding[]): Diagnosis {
  const isLasting = (one: Finding) => !isDoubtful(one) || second.some(({id, kind}) => id === one.id && kind === one.kind)
  return {...diagnosis, findings: diagnosis.findings.filter(isLasting)}
}
