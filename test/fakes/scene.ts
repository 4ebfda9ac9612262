import {observeScenes, type Scene} from '../../src/doctor/scene.js'
import type {Target} from '../../src/lifecycle/target.js'

/** The scene of one service of a fake machine, as `doctor` sees it when it is asked for that service alone. */
export async function sceneOf(target: Target, isNamed = true): Promise<Scene> {
  const [scene] = await observeScenes([target], {wedgeWindowMs: 1000, isNamed, anyScope: false})
  if (!scene) throw new Error('nothing was observed')
  return scene
}
