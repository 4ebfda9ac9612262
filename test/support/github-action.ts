import fs from 'node:fs'
import {parse} from 'yaml'

/** Our composite action, as far as it is used. */
export interface Action {
  readonly inputs: Readonly<Record<string, {readonly description: string; readonly default: string}>>
  readonly outputs: Readonly<Record<string, {readonly value: string}>>
  readonly runs: {readonly steps: readonly ActionStep[]}
}

interface ActionStep {
  readonly id: string
  readonly env: Readonly<Record<string, string>>
  readonly run: string
}

export function readAction(): Action {
  return parse(fs.readFileSync(new URL('../../action.yml', import.meta.url), 'utf8')) as Action
}

/** One step of the action, and its environment as the runner would set it, for these inputs and other contexts (`github.action_path`). */
export function actionStep(id: string, inputs: Readonly<Record<string, string>>, contexts: Readonly<Record<string, string>>) {
  const action = readAction()
  const step = action.runs.steps.find((one) => one.id === id)
  if (!step) throw new Error(`action.yml has no step ${id}`)
  const given = Object.entries(action.inputs).map(([name, input]) => [`inputs.${name}`, inputs[name] ?? input.default] as const)
  const values: Readonly<Record<string, string>> = {...contexts, ...Object.fromEntries(given)}
  const env = Object.entries(step.env).map(([name, text]) => {
    const value = text.replace(/\$\{\{ ([\w.-]+) \}\}/g, (_, expression: string) => {
      if (values[expression] === undefined) throw new Error(`the test does not know ${expression}`)
      return values[expression]
    })
    return [name, value] as const
  })
  return {run: step.run, env: Object.fromEntries(env)}
}

/** How GitHub's runner starts a script with `shell: bash`. */
export const ACTION_SHELL = ['bash', '--noprofile', '--norc', '-eo', 'pipefail', '-c'] as const

/** The outputs that a step has written to $GITHUB_OUTPUT. */
export const outputsOf = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/^([\w-]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]))
