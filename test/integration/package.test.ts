import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {whyNoMachine} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign} from '../support/campaign.js'
import {PACKAGE_ROOT} from '../support/built.js'
import {describeUnless} from '../support/describe-unless.js'
import {ACTION_SHELL, actionStep, outputsOf} from '../support/github-action.js'
import {testHost} from '../support/machines.js'
import {type Packed, packPackage} from '../support/packed.js'

const MAX_PACKED_BYTES = 2_000_000

let scratch: string
let packed: Packed
let installed: {readonly status: number | null; readonly stderr: string}
/** By the action: where its program is. */
let said: string
let modules: string
let program: string

/** Runs the installed program with only the system's own programs on PATH. */
function run(...args: string[]) {
  const env = {PATH: `${path.dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: scratch}
  const {status, stdout, stderr} = spawnSync(program, args, {encoding: 'utf8', cwd: scratch, env})
  return {status, stdout, stderr}
}

describe('the package that npm packs', () => {
  beforeAll(() => {
    packed = packPackage()
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-package-'))
    fs.copyFileSync(path.join(packed.folder, packed.filename), path.join(scratch, packed.filename))
    // With scripts, as a user installs it, by the step of our action, which does not show npm's warnings.
    const step = actionStep('install', {version: packed.filename}, {'github.action_path': PACKAGE_ROOT, 'runner.temp': scratch})
    const [bash, ...args] = ACTION_SHELL
    const output = path.join(scratch, 'out')
    const env = {PATH: process.env.PATH, HOME: os.homedir(), ...step.env, GITHUB_OUTPUT: output, npm_config_offline: 'true'}
    installed = spawnSync(bash, [...args, step.run.replace(' --loglevel=error', '')], {cwd: scratch, encoding: 'utf8', env})
    said = outputsOf(fs.readFileSync(output, 'utf8'))['program'] ?? ''
    modules = path.join(scratch, 'hermes-svc', 'node_modules')
    program = path.join(modules, '.bin', 'hermes-svc')
  })
  afterAll(() => fs.rmSync(scratch, {recursive: true, force: true}))

  it('is installed without a warning by the step of the action, which says where its program is', () => {
    expect(installed).toMatchObject({status: 0, stderr: ''})
    expect(said).toBe(path.join(modules, 'hermes-svc/bin/hermes-svc.cjs'))
    expect(fs.realpathSync(said)).toBe(fs.realpathSync(program))
  })

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
      'dist/complete.cjs',
      'dist/completion.json',
      'dist/stand-in/hermes',
      'man/hermes-svc.1',
      'oclif.manifest.json',
      'package.json',
    ]
    expect(paths).toEqual(expect.arrayContaining(needed))
    const foreseen =
      /^(LICENSE|README\.md|package\.json|oclif\.manifest\.json|bin\/hermes-svc\.cjs|man\/hermes-svc\.1|docs\/[a-z]+\.md|(deploy|dist|templates)\/.*)$/
    expect(paths.filter((file) => !foreseen.test(file) || file.endsWith('.tmp'))).toEqual([])
    const executable = packed.files.filter(({mode}) => (mode & 0o111) !== 0).map((file) => file.path)
    expect(executable).toEqual(expect.arrayContaining(['bin/hermes-svc.cjs', 'dist/stand-in/hermes']))
  })

  it('has a bill of its materials that names what its licences name', () => {
    const read = (file: string) => fs.readFileSync(path.join(modules, 'hermes-svc/dist', file), 'utf8')
    const {bomFormat, components} = JSON.parse(read('sbom.cdx.json')) as {
      bomFormat: string
      components: readonly {name: string; group?: string; version: string; purl: string}[]
    }
    expect(bomFormat).toBe('CycloneDX')
    const named = components.map(({name, group, version}) => `${group === undefined ? '' : `${group}/`}${name} ${version}`)
    const licensed = [...read('THIRD-PARTY-LICENSES.txt').matchAll(/^(\S+ \d+\.\d+\.\S+) \(/gm)].map(([, entry]) => entry)
    expect(named.sort()).toEqual(licensed.sort())
    expect(named).toContainEqual(expect.stringMatching(/^@oclif\/core /))
    expect(components.find(({name}) => name === 'execa')?.purl).toMatch(/^pkg:npm\/execa@\d/)
  })

  it('needs no other package', () => {
    const names = fs.readdirSync(modules).filter((name) => !name.startsWith('.'))
    expect(names).toEqual(['hermes-svc'])
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

  const runs: [string[], RegExp][] = [
    [['doctor'], /^hermes-svc: This machine has no service manager|\d+ checks(, |$)/m],
    [['render', '--command', '/bin/true'], /^hermes-svc: This machine has no service manager|ExecStart=|<plist /m],
    [['smoke', '--help'], /^USAGE\n {2}\$ hermes-svc smoke/m],
    [['run', '--help'], /^USAGE\n {2}\$ hermes-svc run/m],
    [['fix', 'outdated', '--help'], /^USAGE\n {2}\$ hermes-svc fix outdated/m],
  ]
  // A help that is made on the spot is seen above; that of smoke is in a file that nothing else here has loaded.
  it.each(inCampaign(runs, runs.slice(0, 3)))('runs %j where it is installed, without a stack trace', (args, says) => {
    const {status, stdout, stderr} = run(...args)
    expect(stdout + stderr).toMatch(says)
    expect(stdout + stderr).not.toMatch(/^\s+at /m)
    expect([0, 1, 4]).toContain(status)
  })

  it('has no script, and depends on nothing', () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(modules, 'hermes-svc/package.json'), 'utf8')) as Record<string, object>
    const {scripts, dependencies, devDependencies, optionalDependencies, peerDependencies} = manifest
    expect({scripts, dependencies, devDependencies, optionalDependencies, peerDependencies}).toEqual({})
  })

  // Each machine of the tests has the package's files and no others: smoke.test.ts takes all steps there, node-versions has a machine of its own made for some of
  // them, and the role for Ansible installs this very file.
  if (!isCampaign) return
  describeUnless(whyNoMachine(testHost), 'on a throw-away systemd', () => {
    it('passes its own self-test', () => {
      const {status, stdout, stderr} = run('smoke', '--isolated', '--json')
      expect({status, stderr, document: JSON.parse(stdout) as unknown}).toMatchObject({status: 0, document: {schemaVersion: 1, ok: true}})
    })
  })
})
