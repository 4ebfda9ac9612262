import {spawnSync} from 'node:child_process'

const PROMTOOL = 'promtool'

/** Why promtool cannot be asked here; undefined if it can. */
export const noPromtool: string | undefined = spawnSync(PROMTOOL, ['--version']).error
  ? 'promtool is missing: apt-get install -y prometheus'
  : undefined

/** What promtool says of a text for node_exporter; empty if it finds nothing wrong with it, style included. */
export function promtoolComplaints(text: string): string {
  const {status, stdout, stderr, error} = spawnSync(PROMTOOL, ['check', 'metrics'], {input: text, encoding: 'utf8'})
  if (error) throw error
  return `${stdout}${stderr}${status === 0 ? '' : `exit status ${status}`}`
}

/** What promtool says of a file of rules; throws, with its words, if it refuses it. */
export function promtoolRules(verb: 'check' | 'test', file: string): string {
  const {status, stdout, stderr, error} = spawnSync(PROMTOOL, [verb, 'rules', file], {encoding: 'utf8'})
  if (error) throw error
  if (status !== 0) throw new Error(`${stdout}${stderr}`)
  return stdout
}
