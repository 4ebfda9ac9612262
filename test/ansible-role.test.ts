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

  it('plans in check mode where hermes-svc is installed, and tells how many services there would be where it is not', () => {
    const [, tell, apply] = yaml<{name: string; when: unknown}[]>('roles/gateway/tasks/services.yml')
    expect(tell).toMatchObject({name: 'Tell what would be installed', when: ['ansible_check_mode', "hermes_svc_installed == ''"]})
    expect(apply).toMatchObject({name: 'Apply the document', when: "not (ansible_check_mode and hermes_svc_installed == '')"})
  })

  it('installs a package file where there is none, and one that differs from what was installed, which it records; no run of the role has another reason to', () => {
    interface Block {
      readonly name: string
      readonly when: unknown
      readonly block: readonly {
        readonly name: string
        readonly 'ansible.builtin.copy'?: {readonly content?: string; readonly dest: string}
      }[]
    }
    const tasks = yaml<Block[]>('roles/gateway/tasks/package.yml')
    const read = tasks.find(({name}) => name === 'Read which package file was installed') as Block & {
      'ansible.builtin.slurp': {src: string}
    }
    const install = tasks.find(({name}) => name === 'Install the given package file')
    expect(install?.when).toEqual([
      "hermes_svc_tarball != ''",
      "hermes_svc_installed == '' or hermes_svc_installed_from.content | default('') | b64decode != hermes_svc_given.stat.checksum",
    ])
    const record = install?.block.find(({name}) => name === 'Record which package file was installed')?.['ansible.builtin.copy']
    expect(record).toMatchObject({content: '{{ hermes_svc_given.stat.checksum }}', dest: read['ansible.builtin.slurp'].src})
  })

  it('changes nothing in check mode by a command: one that runs in it and changes something asks for a version in its place', () => {
    interface Task {
      readonly block?: readonly Task[]
      readonly check_mode?: boolean
      readonly changed_when?: boolean
      readonly 'ansible.builtin.command'?: {readonly argv: unknown}
    }
    const flat = (tasks: readonly Task[]): Task[] => tasks.flatMap((task) => [task, ...flat(task.block ?? [])])
    const names = fs.readdirSync(path.join(ROOT, 'deploy/ansible/roles/gateway/tasks'))
    const tasks = names.flatMap((name) => flat(yaml<Task[]>(`roles/gateway/tasks/${name}`)))
    const changing = tasks.filter((task) => task.check_mode === false && task.changed_when === true)
    expect(changing.map((task) => String(task['ansible.builtin.command']?.argv))).toEqual([
      ...[
        expect.stringContaining("['uninstall', '--global'"),
        expect.stringContaining('else arguments'),
        expect.stringContaining('else arguments'),
      ],
    ])
    for (const task of changing)
      expect(String(task['ansible.builtin.command']?.argv)).toContain("(['--version'] if ansible_check_mode else ")
  })

  it('has a row for each variable in its README', () => {
    const rows = [...read('deploy/ansible/README.md').matchAll(/^\| `(hermes_svc_\w+)` \|/gm)].map(([, name]) => name)
    expect(rows.sort()).toEqual(Object.keys(specs.main.options).sort())
  })
})
