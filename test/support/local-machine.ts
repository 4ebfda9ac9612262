import {spawn} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import type {Account, RunResult} from '../../src/host/host.js'
import type {Machine, MachineExecOptions} from '../../src/smoke/machine.js'
import {ENTRY} from './built.js'

const DEFAULT_TIMEOUT_MS = 30_000

/**
 * This very machine in the place of a throw-away one, for a Mac that is thrown away itself: a runner of CI. Its only user is the one who
 * runs the tests; what runs as root does so by sudo.
 */
export class LocalMachine implements Machine {
  readonly name = os.hostname()
  readonly leaderPid = 1
  /** How hermes-svc is run here. */
  readonly program = [process.execPath, ENTRY]

  async exec(argv: readonly string[], options: MachineExecOptions = {}): Promise<RunResult> {
    const variables = Object.entries(options.env ?? {}).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    const withVariables = variables.length > 0 ? ['env', ...variables, ...argv] : argv
    const [program = '', ...words] = options.user ? withVariables : ['sudo', '-n', '-H', ...withVariables]
    const child = spawn(program, words, {cwd: options.cwd ?? os.homedir(), timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS})
    const text = {stdout: '', stderr: ''}
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (part: string) => {
        text[stream] += part
      })
    }
    child.stdin.end(options.input ?? '')
    return new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        resolve({argv, code: null, signal: null, ...text, failure: error.code ?? error.message})
      })
      child.once('close', (code, signal) => {
        resolve({argv, code, signal, ...text, ...(child.killed ? {failure: 'TIMEOUT'} : {})})
      })
    })
  }

  /** Nobody is added: whoever it is called, it is the user who runs the tests. */
  addUser(): Promise<Account> {
    const {uid, gid, username, homedir} = os.userInfo()
    return Promise.resolve({uid, gid, name: username, home: homedir})
  }

  readText(path: string): Promise<string | undefined> {
    return Promise.resolve(fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : undefined)
  }

  writeText(path: string, text: string, options: {readonly mode?: number} = {}): Promise<void> {
    fs.writeFileSync(path, text)
    fs.chmodSync(path, options.mode ?? 0o644)
    return Promise.resolve()
  }

  down(): Promise<void> {
    return Promise.resolve()
  }
}

/** Why the tests must not use this very machine; undefined if they may. */
export function whyNotHere(): string | undefined {
  if (process.platform !== 'darwin') return 'this is no Mac'
  return process.env.CI === 'true' ? undefined : 'only a Mac that is thrown away afterwards is used for tests: CI=true says that it is'
}
