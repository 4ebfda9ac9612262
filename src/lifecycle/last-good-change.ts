import type {Target} from '../observe/where.js'
import type {Step} from '../plan/plan.js'
import {lastGoodTraces} from '../service/last-good.js'

/** Takes away what the tick has kept of the home's configuration, which nothing uses any more. */
export function forgetLastGood({userHost, service: {profile, account}}: Target): Step[] {
  const {files, folders} = lastGoodTraces(userHost, profile.home)
  return [
    ...files.map((path): Step => ({kind: 'remove-file', why: `remove ${path}`, path, as: account})),
    ...folders.map((path): Step => ({kind: 'remove-folder', why: `remove ${path} if it is empty`, path, as: account})),
  ]
}
