import fs from 'node:fs'
import net from 'node:net'
import {fileURLToPath} from 'node:url'
import type {RunResult} from '../../src/host/host.js'
import {MACHINE_NODE} from '../../src/smoke/machine.js'
import {isCampaign} from './campaign.js'
import {waitFor} from './hermes-svc.js'

const [PROGRAM, USED_AGAIN] = ['runner.py', 'used-again.cjs'].map((name) =>
  fs.readFileSync(fileURLToPath(new URL(`../support/${name}`, import.meta.url)), 'utf8'),
) as [string, string]
/** Longer than any suite takes. */
export const RUNNER_LIMIT_MS = 86_400_000

/** What is to be run inside. */
export interface InnerProgram {
  readonly argv: readonly string[]
  readonly uid: number
  readonly gid: number
  readonly cwd: string
  /** The whole of it. */
  readonly env: Readonly<Record<string, string>>
  readonly input?: string
  readonly timeoutMs: number
}

interface Answer {
  readonly id: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly failure?: string
  /** Bytes that follow. */
  readonly stdout: number
  readonly stderr: number
}

/**
 * One process inside a machine or a container that starts programs there for the tests. A program that is let in from outside each time costs five more
 * processes, and the fork of a process as large as a worker of vitest: three quarters of what such a small program takes, and there are thousands of them.
 */
export class Runner {
  private readonly waiting = new Map<
    number,
    {argv: readonly string[]; resolve: (result: RunResult) => void; reject: (error: Error) => void}
  >()
  private requests = 0
  private bytes: Buffer = Buffer.alloc(0)
  private ended: Error | undefined

  private constructor(private readonly socket: net.Socket) {
    socket.unref()
    socket.on('data', (data: Buffer) => {
      this.bytes = this.bytes.length === 0 ? data : Buffer.concat([this.bytes, data])
      this.read()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.ended = new Error('what runs programs inside has ended')
      for (const {reject} of this.waiting.values()) reject(this.ended)
      this.waiting.clear()
    })
  }

  /**
   * `start` runs a program inside, as root, until the machine ends; `root`: the folder by which its files are seen from outside. The runner listens at
   * `/run/NAME`, which must not be there yet.
   */
  static async start(start: (argv: readonly string[]) => Promise<{stderr: string}>, root: string, name = 'test-runner'): Promise<Runner> {
    const ended: {how?: unknown} = {}
    const program = start(['/usr/bin/python3', '-I', '-S', '-c', PROGRAM, `/run/${name}`, USED_AGAIN])
    program.then(
      ({stderr}) => (ended.how = stderr),
      (error: unknown) => (ended.how = error),
    )
    const socket = await waitFor(() => {
      if ('how' in ended) throw new Error(`no program can be run inside: ${String(ended.how)}`)
      return connected(`${root}/run/${name}`)
    }, 'what runs programs inside')
    return new Runner(socket)
  }

  /** False once the machine, or the process inside, has ended. */
  get isThere(): boolean {
    return this.ended === undefined
  }

  /** Rejects only if the machine ends before the program does. */
  run({argv, uid, gid, cwd, env, input = '', timeoutMs}: InnerProgram): Promise<RunResult> {
    const again = input === '' ? usedAgain(argv, env) : null
    if (this.ended) return Promise.reject(this.ended)
    const id = (this.requests += 1)
    return new Promise((resolve, reject) => {
      this.waiting.set(id, {argv, resolve, reject})
      this.socket.ref()
      this.socket.write(`${JSON.stringify({id, argv, uid, gid, cwd, env, input, again, limit: timeoutMs / 1000})}\n`)
    })
  }

  private read(): void {
    for (;;) {
      const end = this.bytes.indexOf('\n')
      if (end === -1) return
      const {id, stdout, stderr, ...how} = JSON.parse(this.bytes.toString('utf8', 0, end)) as Answer
      const start = end + 1
      if (this.bytes.length < start + stdout + stderr) return
      const text = {
        stdout: this.bytes.toString('utf8', start, start + stdout),
        stderr: this.bytes.toString('utf8', start + stdout, start + stdout + stderr),
      }
      this.bytes = this.bytes.subarray(start + stdout + stderr)
      const asked = this.waiting.get(id)
      this.waiting.delete(id)
      if (this.waiting.size === 0) this.socket.unref()
      asked?.resolve({argv: asked.argv, ...how, ...text})
    }
  }
}

/** Of an environment, what node or a library reads when it starts, and not again. */
const READ_AT_START = /^(NODE_|UV_|LD_|LC_|LANG|TZ$|SSL_)/
/** Where a container has node. */
export const CONTAINER_NODE = '/opt/node'
/** The node that every machine and every container has; others are what is tested. */
const NODES = [MACHINE_NODE, CONTAINER_NODE]
/** They print through programs of their own, are stopped by signals, or have a terminal. */
const IN_A_PROCESS_OF_ITS_OWN = ['run', 'logs', 'setup', 'smoke']

/**
 * For hermes-svc, and not in a campaign: what a process of node must have been started with so that it can run it after others (used-again.cjs). Null for a
 * program that has a process of its own.
 */
function usedAgain([node = '', file, ...words]: readonly string[], env: Readonly<Record<string, string>>): string | null {
  if (isCampaign || !NODES.includes(node) || !file?.endsWith('/bin/hermes-svc.cjs')) return null
  if (words.some((word) => IN_A_PROCESS_OF_ITS_OWN.includes(word))) return null
  return JSON.stringify(
    Object.entries(env)
      .filter(([name]) => READ_AT_START.test(name))
      .sort(),
  )
}

/** True of the command line of a process in which hermes-svc runs again and again, as `pgrep -a` prints it. */
export function isUsedAgain(commandLine: string): boolean {
  return /node - \d+ \d+$/.test(commandLine)
}

function connected(path: string): Promise<net.Socket | undefined> {
  if (!fs.existsSync(path)) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const socket = net.connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}
