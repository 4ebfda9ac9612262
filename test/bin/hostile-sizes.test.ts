import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {buildSync} from 'esbuild'
import {afterAll, beforeAll, expect, it} from 'vitest'

/** Far more than all of them take, and far less than one would in time that grows with the square of its text. */
const LIMIT_MS = 150_000

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-'))
const program = path.join(folder, 'sizes.cjs')
beforeAll(() => {
  const entry = path.join(import.meta.dirname, '../support/hostile-sizes-driver.ts')
  buildSync({entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error'})
})
afterAll(() => fs.rmSync(folder, {recursive: true}))

const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], {encoding: 'utf8', timeout: LIMIT_MS})

it('whatever others write is read in time that grows with its size and no faster', {timeout: 2 * LIMIT_MS}, () => {
  const names = run('names').stdout.trim().split('\n')
  expect(names.length).toBeGreaterThan(10)
  const {stdout, stderr, signal} = run()
  // The first that is missing is the one that did not end.
  expect({done: stdout.trim().split('\n'), stderr, signal}).toEqual({done: names, stderr: '', signal: null})
})
