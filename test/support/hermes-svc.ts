import {setTimeout} from 'node:timers/promises'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE, type MachineExecOptions} from '../../src/smoke/machine.js'

// Apart from machines.ts, since the benchmark uses it too, which is no test.

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** stdout as the one JSON document that it must be. Throws, with all the output, if it is not. */
  json<T = Record<string, unknown>>(): T
}

/** A machine, and how hermes-svc is run in it if not as the package that each throw-away machine has. */
type MachineWithProgram = Pick<Machine, 'exec'> & {readonly program?: readonly string[]}

/** Runs hermes-svc inside, as the package that the machine has. */
export async function hermesSvc(
  machine: MachineWithProgram,
  args: readonly string[],
  options: MachineExecOptions = {},
): Promise<CommandResult> {
  const program = machine.program ?? [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`]
  const result = await machine.exec([...program, ...args], {timeoutMs: 90_000, ...options})
  const {code, stdout, stderr, failure} = result
  const output = `hermes-svc ${args.join(' ')}: ${failure ?? `exit ${code}`}\n${stdout}\n${stderr}`
  if (failure !== undefined) throw new Error(output)
  return {
    code,
    stdout,
    stderr,
    json<T>(): T {
      try {
        return JSON.parse(stdout) as T
      } catch {
        throw new Error(`no JSON on stdout: ${output}`)
      }
    },
  }
}

/** Between two questions; a question that takes long, or was asked for long, is asked less often, so that whatever is waited for has the processor. */
const PAUSE_MS = 50
/** Pauses in the time that a question takes, and of that which it was asked for. */
const [PAUSE_OF_QUESTION, PAUSE_OF_WAIT] = [5, 1 / 8]

/** Far longer than any event takes on a machine that does much else, and shorter than a test may take: nothing is proved by a time. */
const EVENT_LIMIT_MS = 240_000

/** Asks until the answer is neither undefined nor false, and returns it; throws after the time limit, with what the last question threw. */
export async function waitFor<T>(
  ask: () => T | Promise<T>,
  what: string,
  timeoutMs = EVENT_LIMIT_MS,
): Promise<Exclude<T, undefined | false>> {
  const beganMs = performance.now()
  for (;;) {
    const askedMs = performance.now()
    let cause: unknown
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>
    } catch (error) {
      cause = error
    }
    const nowMs = performance.now()
    if (nowMs > beganMs + timeoutMs) throw new Error(`after ${timeoutMs} ms still waiting for ${what}`, {cause})
    await setTimeout(Math.max(PAUSE_MS, PAUSE_OF_QUESTION * (nowMs - askedMs), PAUSE_OF_WAIT * (nowMs - beganMs)))
  }
}
