import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {buildSync} from 'esbuild'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {inCampaign} from '../support/campaign.js'

const MB = 1024 * 1024
/** Of what each has to read, in bytes: a campaign gives it all that it can have, which is four times as much. */
const SIZE = inCampaign(MB, MB / 4)
/**
 * Of the processor, for each: far more than it takes, and far less than in time that grows with the square of its text. As that would, it grows with the
 * square of the size, so that both sizes tell the same.
 */
const LIMIT_MS = 144_000 * (SIZE / MB) ** 2
/** For all of them, however much else the machine does: what has not ended then would not end. */
const END_MS = 200_000

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-'))
const program = path.join(folder, 'sizes.cjs')
beforeAll(() => {
  const entry = path.join(import.meta.dirname, '../support/hostile-sizes-driver.ts')
  buildSync({entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error'})
})
afterAll(() => fs.rmSync(folder, {recursive: true}))

it('whatever others write is read in time that grows with its size and no faster', {timeout: 2 * END_MS}, () => {
  const {stdout, stderr, signal} = spawnSync(process.execPath, [program, String(SIZE)], {encoding: 'utf8', timeout: END_MS})
  const [names = '', ...lines] = stdout.trim().split('\n')
  const done = lines.map((line) => ({name: line.slice(line.indexOf(' ') + 1), ms: parseInt(line, 10)}))
  // The first that is missing is the one that did not end.
  expect({done: done.map(({name}) => name), stderr, signal}).toEqual({done: JSON.parse(names), stderr: '', signal: null})
  expect(done.length).toBeGreaterThan(10)
  expect(done.filter(({ms}) => ms > LIMIT_MS)).toEqual([])
})
