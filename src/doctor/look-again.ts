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
 * The diagnoses without the findings that only a race explains: where there are some that could be, a second look is taken, and what that does
 * not confirm is no finding. What the second look alone finds is left to the next one.
 */
export async function confirmed(diagnoses: readonly Diagnosis[], checks: readonly Check[], options: SceneOptions): Promise<Diagnosis[]> {
  const doubtful = diagnoses.filter(({findings, scene}) => findings.some(isDoubtful) && scene.seen.verdict.state !== 'wedged')
  const [first] = doubtful
  if (!first) return [...diagnoses]
  await first.scene.target.host.sleep(PAUSE_MS)
  const ids = new Set(doubtful.flatMap(({findings}) => findings.filter(isDoubtful).map(({id}) => id)))
  const again = checks.filter(({id}) => ids.has(id))
  const scenes = await observeScenes(
    doubtful.map(({scene}) => scene.target),
    {...options, anyScope: false},
  )
  const seconds = await Promise.all(scenes.map((scene) => examine(scene, again)))
  return diagnoses.map((diagnosis) => {
    const {target} = diagnosis.scene
    const second = doubtful.includes(diagnosis) ? seconds.find(({scene}) => scene.target === target) : undefined
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
