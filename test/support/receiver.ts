import fs from 'node:fs'
import path from 'node:path'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import {waitFor} from './machines.js'

const PROGRAM = fs.readFileSync(path.join(import.meta.dirname, 'receiver.py'), 'utf8')

/** One request that a receiver took; `answer` is what it said, a status or `hang`. */
export interface Taken {
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly answer: string
  /** Seconds since the epoch. */
  readonly at: number
}

/** An HTTP server within a machine, which is told of a gateway. */
export class Receiver {
  private constructor(
    private readonly machine: Machine,
    private readonly folder: string,
    readonly port: number,
  ) {}

  static async start(machine: Machine, user: Account, port: number): Promise<Receiver> {
    const folder = `${user.home}/receiver-${port}`
    await machine.exec(['mkdir', folder], {user})
    await machine.writeText(`${folder}/receiver.py`, PROGRAM, {user})
    const receiver = new Receiver(machine, folder, port)
    await receiver.run()
    return receiver
  }

  /** Lets it go; it lives for as long as the machine, or until `end`. */
  async run(): Promise<void> {
    const {machine, folder, port} = this
    const unit = `--unit=receiver-${port}`
    await machine.exec(['systemd-run', '--collect', unit, 'python3', `${folder}/receiver.py`, String(port), folder])
    const isUp = async () => (await machine.exec(['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`])).code === 0
    await waitFor(isUp, 'the receiver')
  }

  async end(): Promise<void> {
    await this.machine.exec(['systemctl', 'stop', `receiver-${this.port}.service`])
  }

  /** What it answers from now on: a status, or `hang`. */
  async answers(answer: string): Promise<void> {
    await this.machine.writeText(`${this.folder}/answer`, answer)
  }

  async taken(): Promise<Taken[]> {
    const text = (await this.machine.readText(`${this.folder}/received`)) ?? ''
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Taken)
  }

  /** The kinds of the events that it took with a good answer, in their order; of several services in one list. */
  async told(): Promise<string[]> {
    const good = (await this.taken()).filter(({method, answer}) => method === 'POST' && answer === '200')
    return good.map(({body}) => (JSON.parse(body) as {type: string}).type.replace('hermes-svc.', ''))
  }

  /** Waits until it was told that, so many times in all. */
  async until(kind: string, times = 1): Promise<void> {
    await waitFor(async () => (await this.told()).filter((one) => one === kind).length >= times, `a message "${kind}"`, 120_000)
  }
}
