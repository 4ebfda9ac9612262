import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'

const SCHEMA = fileURLToPath(new URL('../fixtures/junit.xsd', import.meta.url))

/** Why no JUnit report can be read here; undefined if one can. */
export const noXmllint: string | undefined = spawnSync('xmllint', ['--version']).error
  ? 'xmllint is missing: apt-get install -y libxml2-utils'
  : undefined

/** What libxml2 finds wrong with a JUnit report, by a schema of the form that CI servers read; empty if nothing. */
export function junitComplaints(xml: string): string {
  const {status, stderr, error} = spawnSync('xmllint', ['--nonet', '--noout', '--schema', SCHEMA, '-'], {input: xml, encoding: 'utf8'})
  if (error) throw error
  return status === 0 ? '' : stderr
}
