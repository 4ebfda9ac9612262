import type {Target} from '../observe/where.js'
import type {Check} from './check.js'
import {type Diagnosis, examine} from './examine.js'
import {confirmed} from './look-again.js'
import {observeScenes} from './scene.js'

export interface DiagnoseOptions {
  /** How long the event loop of a gateway may show no sign of life. */
  readonly wedgeWindowMs: number
  /** The service was named, not found among all of them. */
  readonly isNamed: boolean
  /** No scope was asked for. */
  readonly anyScope: boolean
}

/** What the checks say of each service, with what only the moment of the look explains left out. Reads only. */
export async function diagnose(targets: readonly Target[], checks: readonly Check[], options: DiagnoseOptions): Promise<Diagnosis[]> {
  const scenes = await observeScenes(targets, options)
  return confirmed(await Promise.all(scenes.map((scene) => examine(scene, checks))), checks, options)
}
