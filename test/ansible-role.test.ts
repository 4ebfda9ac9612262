import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'
import {parse} from 'yaml'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8')
const yaml = <T>(file: string) => parse(read(`deploy/ansible/${file}`)) as T

interface Option {
  readonly default?: unknown
}

describe('the collection for Ansible', () => {
  const specs = yaml<{argument_specs: Record<'main' | 'facts', {options: Record<string, Option>}>}>(
    'roles/gateway/meta/argument_specs.yml',
  ).argument_specs

  it('has the version of the package', () => {
    expect(yaml<{version: string}>('galaxy.yml').version).toBe((JSON.parse(read('package.json')) as {version: string}).version)
  })

  it('has the defaults that its specification of arguments says', () => {
    const said = Object.entries(specs.main.options).filter(([, option]) => option.default !== undefined)
    expect(yaml('roles/gateway/defaults/main.yml')).toEqual(Object.fromEntries(said.map(([name, option]) => [name, option.default])))
  })

  it('has a row for each variable in its README', () => {
    const rows = [...read('deploy/ansible/README.md').matchAll(/^\| `(hermes_svc_\w+)` \|/gm)].map(([, name]) => name)
    expect(rows.sort()).toEqual(Object.keys(specs.main.options).sort())
  })
})
