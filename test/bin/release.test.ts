import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, describe, expect, it} from 'vitest'
import {parse} from 'yaml'
import {PACKAGE_ROOT} from '../support/built.js'
import {isCampaign} from '../support/campaign.js'

const CHANGELOG = '# Changelog\n\n## [Unreleased]\n\n## [2.1.0] - 2026-12-01\n\n### Fixed\n\n- this\n\n## [2.0.0] - 2026-11-30\n\n- that\n'

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-release-'))
afterAll(() => fs.rmSync(scratch, {recursive: true, force: true}))

let trees = 0

/** A tree with the scripts of a release, of version 2.1.0 unless told otherwise. */
function tree(made: {version?: string; locked?: string; changelog?: string; repository?: string} = {}): string {
  const {version = '2.1.0', locked = version, changelog = CHANGELOG, repository = 'github:someone/hermes-svc'} = made
  const root = path.join(scratch, String((trees += 1)))
  fs.mkdirSync(root)
  fs.cpSync(path.join(PACKAGE_ROOT, '.ci'), path.join(root, '.ci'), {recursive: true})
  fs.writeFileSync(path.join(root, 'package.json'), JSON.stringify({name: 'hermes-svc', version, repository}))
  fs.writeFileSync(path.join(root, 'package-lock.json'), JSON.stringify({name: 'hermes-svc', version: locked}))
  fs.writeFileSync(path.join(root, 'CHANGELOG.md'), changelog)
  return root
}

function run(root: string, script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const {status, stdout, stderr} = spawnSync(path.join(root, '.ci', script), args, {encoding: 'utf8', env: {...process.env, ...env}})
  return {status, stdout, stderr}
}

describe('what is checked before a tag is published', () => {
  it('lets a tag through that is the version, and shows just its entry of the changelog', () => {
    const {status, stdout, stderr} = run(tree(), 'check-release', ['v2.1.0'])
    expect({status, stderr}).toEqual({status: 0, stderr: ''})
    expect(stdout).toContain('## [2.1.0] - 2026-12-01\n\n### Fixed\n\n- this\n')
    expect(stdout).not.toContain('that')
  })

  it.each([
    ['another tag', {}, 'v2.1.1', /the tag is v2\.1\.1, and package\.json says 2\.1\.0/],
    [
      'a placeholder in the place of the repository',
      {repository: 'github:OWNER/hermes-svc'},
      'v2.1.0',
      /no address of the repository yet: .* in: package\.json/,
    ],
    ['a tag without its v', {}, '2.1.0', /the tag is 2\.1\.0/],
    ['a lock file of another version', {locked: '2.0.0'}, 'v2.1.0', /package-lock\.json says 2\.0\.0/],
    ['no entry', {version: '2.2.0'}, 'v2.2.0', /has no "## \[2\.2\.0\] - YYYY-MM-DD"/],
    ['an entry without a date', {changelog: '## [2.1.0]\n\n- this\n'}, 'v2.1.0', /has no "## \[2\.1\.0\] - /],
    ['an empty entry', {changelog: '## [2.1.0] - 2026-12-01\n\n## [2.0.0] - 2026-11-30\n\n- that\n'}, 'v2.1.0', /is empty/],
  ])('refuses %s', (_, made, tag, why) => {
    const {status, stderr} = run(tree(made), 'check-release', [tag])
    expect({status, stderr}).toEqual({status: 1, stderr: expect.stringMatching(why) as string})
  })
})

describe('publishing', () => {
  // It builds anew what the suites beside it run. What is packed: test/integration/package.test.ts.
  if (isCampaign)
    it('is tried without being done: packed as npm would, and linted', {timeout: 120_000}, () => {
      const {status, stdout, stderr} = run(PACKAGE_ROOT, 'publish', ['--dry-run'])
      expect(status).toBe(0)
      expect(stdout + stderr).toMatch(/package\/dist\/cli\.cjs/)
      expect(stdout).toContain('All good!')
    })

  it('publishes the file that was packed, and states where it was built', () => {
    const root = tree()
    const npm = `#!/bin/sh\necho "$@" >>"${root}/calls"\ncase $1 in run) echo hermes-svc-2.1.0.tgz ;; esac\n`
    fs.writeFileSync(path.join(root, 'npm'), npm, {mode: 0o755})
    expect(run(root, 'publish', [], {PATH: `${root}:${process.env.PATH ?? ''}`}).status).toBe(0)
    expect(fs.readFileSync(path.join(root, 'calls'), 'utf8')).toBe(
      'run -s package\npublish --provenance --access public hermes-svc-2.1.0.tgz\n',
    )
    expect(run(root, 'publish', ['--now']).status).toBe(2)
  })

  it('is done for a tag alone, after all tests, by scripts that are there', () => {
    const text = fs.readFileSync(path.join(PACKAGE_ROOT, '.github/workflows/publish.yml'), 'utf8')
    const workflow = parse(text) as {
      on: object
      jobs: Record<'tests' | 'npm', {needs?: string; permissions?: object; steps: {run?: string}[]}>
    }
    expect(workflow.on).toEqual({push: {tags: ['v*']}})
    const {tests, npm} = workflow.jobs
    expect(npm).toMatchObject({needs: 'tests', permissions: {contents: 'read', 'id-token': 'write'}})
    const commands = (steps: {run?: string}[]) => steps.flatMap(({run: command}) => command ?? [])
    expect(commands(tests.steps)).toEqual(['.ci/check-release "$GITHUB_REF_NAME"', '.ci/run'])
    expect(commands(npm.steps)).toEqual(['npm ci', '.ci/check-release "$GITHUB_REF_NAME"', '.ci/publish --dry-run', '.ci/publish'])
    for (const script of ['check-release', 'run', 'publish']) fs.accessSync(path.join(PACKAGE_ROOT, '.ci', script), fs.constants.X_OK)
  })
})
