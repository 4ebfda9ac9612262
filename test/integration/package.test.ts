import {execFileSync, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {whyNoMachine} from '../../src/smoke/machine.js'
import {ensureBuilt, PACKAGE_ROOT} from '../support/built.js'
import {describeUnless} from '../support/describe-unless.js'
import {testHost} from '../support/machines.js'

const MAX_PACKED_BYTES = 2_000_000

interface Packed {
  readonly filename: string
  readonly version: string
  readonly size: number
  readonly files: readonly {readonly path: string; readonly mode: number}[]
}

let scratch: string
let packed: Packed
let program: string

/** Runs the installed program with only the system's own programs on PATH. */
function run(...args: string[]) {
  const env = {PATH: `${path.dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: os.homedir()}
  const {status, stdout, stderr} = spawnSync(program, args, {encoding: 'utf8', cwd: scratch, env})
  return {status, stdout, stderr}
}

describe('the package that npm packs', () => {
  beforeAll(() => {
    ensureBuilt()
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-package-'))
    const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch], {
      cwd: PACKAGE_ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    packed = (JSON.parse(output) as [Packed])[0]
    fs.writeFileSync(path.join(scratch, 'package.json'), '{"private": true}')
    const install = ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${packed.filename}`]
    execFileSync('npm', install, {cwd: scratch, stdio: ['ignore', 'ignore', 'inherit']})
    program = path.join(scratch, 'node_modules', '.bin', 'hermes-svc')
  })
  afterAll(() => fs.rmSync(scratch, {recursive: true, force: true}))

  it('is small', () => {
    expect(packed.size).toBeLessThanOrEqual(MAX_PACKED_BYTES)
  })

  it('holds what runs, the templates, the licences, and nothing else', () => {
    const paths = packed.files.map((file) => file.path)
    const needed = [
      'LICENSE',
      'README.md',
      'bin/hermes-svc.cjs',
      'dist/THIRD-PARTY-LICENSES.txt',
      'dist/cli.cjs',
      'dist/doctor.cjs',
      'dist/help.txt',
      'dist/look.cjs',
      'dist/stand-in/hermes',
      'oclif.manifest.json',
      'package.json',
    ]
    expect(paths).toEqual(expect.arrayContaining(needed))
    const foreseen = /^(LICENSE|README\.md|package\.json|oclif\.manifest\.json|bin\/hermes-svc\.cjs|(dist|templates)\/.*)$/
    expect(paths.filter((file) => !foreseen.test(file) || file.endsWith('.tmp'))).toEqual([])
    const executable = packed.files.filter(({mode}) => (mode & 0o111) !== 0).map((file) => file.path)
    expect(executable).toEqual(expect.arrayContaining(['bin/hermes-svc.cjs', 'dist/stand-in/hermes']))
  })

  it('needs no other package', () => {
    const installed = fs.readdirSync(path.join(scratch, 'node_modules')).filter((name) => !name.startsWith('.'))
    expect(installed).toEqual(['hermes-svc'])
  })

  it('tells its version and its help where it is installed', () => {
    expect(run('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(`^hermes-svc/${packed.version} `) as string,
      stderr: '',
    })
    expect(run('--help')).toMatchObject({status: 0, stdout: expect.stringContaining('COMMANDS') as string, stderr: ''})
    expect(run('status', '--json', '--help')).toMatchObject({status: 0, stdout: expect.stringContaining('USAGE') as string, stderr: ''})
  })

  describeUnless(whyNoMachine(testHost), 'on a throw-away systemd', () => {
    it('passes its own self-test', () => {
      const {status, stdout, stderr} = run('smoke', '--isolated', '--json')
      expect({status, stderr, document: JSON.parse(stdout) as unknown}).toMatchObject({status: 0, document: {schemaVersion: 1, ok: true}})
    })
  })
})
