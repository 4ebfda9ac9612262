import {spawn} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import type {Machine} from '../../src/smoke/machine.js'

const SUPPORT = path.dirname(fileURLToPath(import.meta.url))
const COLLECTION = path.resolve(SUPPORT, '../../deploy/ansible')
/** What each machine has for the Python of Ansible's modules, and where: test/support/ansible-python. */
export const MODULE_PYTHON = {source: path.join(SUPPORT, 'ansible-python'), target: '/opt/ansible-python'}
/** Limit of one run, in ms: far longer than any run takes. */
const LIMIT_MS = 280_000

/** The result of a task on a machine, as test/support/ansible-callback writes it. */
export interface Row {
  readonly host: string
  readonly task: string
  readonly outcome: 'ok' | 'changed' | 'failed' | 'unreachable'
  readonly result: Readonly<Record<string, unknown>>
}
/** Counts of tasks on a machine, in Ansible's own words. */
export interface Stats {
  readonly ok: number
  readonly changed: number
  readonly failures: number
  readonly unreachable: number
}
export interface Played {
  readonly code: number | null
  readonly output: string
  readonly rows: readonly Row[]
  readonly stats: Readonly<Record<string, Stats>>
  /** The tasks that changed something on a machine. */
  changed(host: string): string[]
}

/** A controller that has the collection as it is packed. Its machines are throw-away machines, which it enters with test/support/ansible-ssh.sh in the place of ssh. */
export class Controller {
  private readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-ansible-'))
  private runs = 0

  /** Installs the collection from its folder, as docs/fleet.md says. Throws with what ansible-galaxy says. */
  async setUp(hosts: Readonly<Record<string, Readonly<Record<string, unknown>>>>): Promise<void> {
    fs.mkdirSync(path.join(this.folder, 'machines'))
    fs.writeFileSync(
      path.join(this.folder, 'inventory.json'),
      JSON.stringify({
        all: {
          children: {gateways: {hosts}},
          vars: {ansible_python_interpreter: `/usr/bin/env PYTHONPATH=${MODULE_PYTHON.target} /usr/bin/python3`},
        },
      }),
    )
    const play = [{hosts: 'gateways', gather_facts: false, roles: ['hermes.svc.gateway']}]
    fs.writeFileSync(path.join(this.folder, 'play.json'), JSON.stringify(play))
    // It asks a thousand times a second whether a task is done, unless told otherwise, and it cannot be told by a variable.
    fs.writeFileSync(path.join(this.folder, 'ansible.cfg'), '[defaults]\ninternal_poll_interval = 0.05\n')
    const argv = ['collection', 'install', '--offline', '-p', path.join(this.folder, 'collections'), COLLECTION]
    const {code, output} = await this.run('ansible-galaxy', argv)
    if (code !== 0) throw new Error(output)
  }

  /** Makes a machine reachable under this name; undefined makes the name unreachable. */
  connect(host: string, machine: Machine | undefined): void {
    const file = path.join(this.folder, 'machines', host)
    if (machine) fs.writeFileSync(file, String(machine.leaderPid))
    else fs.rmSync(file)
  }

  /** Runs the role on all machines. `onOutput` gets each piece of the output. */
  async play(vars: object, args: readonly string[] = [], onOutput?: (text: string) => void): Promise<Played> {
    const rowsFile = path.join(this.folder, `rows-${(this.runs += 1)}`)
    const varsFile = path.join(this.folder, 'vars.json')
    fs.writeFileSync(varsFile, JSON.stringify(vars))
    fs.writeFileSync(rowsFile, '')
    const argv = [path.join(this.folder, 'play.json'), '--extra-vars', `@${varsFile}`, ...args]
    const {code, output} = await this.run('ansible-playbook', argv, rowsFile, onOutput)
    const lines = fs.readFileSync(rowsFile, 'utf8').split('\n').filter(Boolean)
    const all = lines.map((line) => JSON.parse(line) as Row & {stats?: Stats})
    const rows = all.filter(({stats}) => stats === undefined)
    const stats = Object.fromEntries(all.flatMap((row) => (row.stats ? [[row.host, row.stats]] : [])))
    const changed = (host: string) => rows.filter((row) => row.host === host && row.outcome === 'changed').map(({task}) => task)
    return {code, output, rows, stats, changed}
  }

  private async run(program: string, argv: readonly string[], rowsFile = '', onOutput?: (text: string) => void) {
    const env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      LANG: 'C.UTF-8',
      PYTHONDONTWRITEBYTECODE: '1',
      ANSIBLE_CONFIG: path.join(this.folder, 'ansible.cfg'),
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_LOCALHOST_WARNING: 'false',
      ANSIBLE_INVENTORY: path.join(this.folder, 'inventory.json'),
      ANSIBLE_COLLECTIONS_PATH: path.join(this.folder, 'collections'),
      ANSIBLE_CALLBACK_PLUGINS: path.join(SUPPORT, 'ansible-callback'),
      ANSIBLE_CALLBACKS_ENABLED: 'rows',
      ANSIBLE_SSH_EXECUTABLE: path.join(SUPPORT, 'ansible-ssh.sh'),
      ANSIBLE_SSH_TRANSFER_METHOD: 'piped',
      ANSIBLE_PIPELINING: 'true',
      ANSIBLE_TEST_MACHINES: path.join(this.folder, 'machines'),
      ANSIBLE_TEST_ROWS: rowsFile,
    }
    const child = spawn(program, argv, {env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS, killSignal: 'SIGKILL'})
    let output = ''
    const take = (data: Buffer) => {
      output += data.toString()
      onOutput?.(data.toString())
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
    return {code, output}
  }

  tearDown(): void {
    fs.rmSync(this.folder, {recursive: true, force: true})
  }
}
