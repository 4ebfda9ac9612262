import {execFileSync} from 'node:child_process'
import path from 'node:path'

let isBuilt = false

/** Builds dist/ from the source as it is now, once for all suites of a run that start the built program: their globalSetup in vitest.config.ts. */
export default function build(): void {
  if (isBuilt) return
  const program = path.join(import.meta.dirname, '../../bin/build/index.mjs')
  execFileSync(process.execPath, [program], {stdio: ['ignore', 'ignore', 'inherit']})
  isBuilt = true
}
