import {execFileSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type {TestProject} from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder for what suites of one run make once for all of them; empty at first, and removed at the end. */
    runFolder: string
  }
}

/** What vitest has of one run. Each project of it loads this file anew, so this cannot be a variable here. */
const ofThisRun = globalThis as {hermesSvcRunFolder?: string}

/** Name of a file in that folder: what esbuild says of each bundle. */
export const METAFILES = 'metafiles.json'
/** What suites find in any machine, and what `python3` is there. */
const PYTHON = '/usr/bin/python3'

/**
 * Builds dist/ from the source as it is now, once for all suites of a run that start the built program: their globalSetup in vitest.config.ts. The stand-in
 * gateway is compiled, too; test/smoke/stand-in.test.ts starts it as it is published.
 */
export default function build(project: TestProject): (() => void) | undefined {
  const isFirst = ofThisRun.hermesSvcRunFolder === undefined
  const folder = (ofThisRun.hermesSvcRunFolder ??= fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-run-')))
  project.provide('runFolder', folder)
  if (!isFirst) return undefined
  // Suites let accounts of their machines read in it.
  fs.chmodSync(folder, 0o755)
  const remove = () => fs.rmSync(folder, {recursive: true, force: true})
  try {
    const [program, compile, standIn] = ['../../bin/build/index.mjs', 'compile-python.py', '../../dist/stand-in/hermes'].map((name) =>
      path.join(import.meta.dirname, name),
    ) as [string, string, string]
    execFileSync(process.execPath, [program, '--metafile', path.join(folder, METAFILES)], {stdio: ['ignore', 'ignore', 'inherit']})
    if (fs.existsSync(PYTHON))
      execFileSync(PYTHON, ['-IS', '-X', 'no_debug_ranges', compile, standIn], {stdio: ['ignore', 'ignore', 'inherit']})
  } catch (error) {
    remove()
    throw error
  }
  return remove
}
