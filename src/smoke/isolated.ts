import type {Scope} from '../service/service.js'
import {ExitStatus, ServiceError} from '../errors.js'
import type {Host} from '../host/host.js'
import type {Failure} from '../ui/failure.js'
import {bootMachine, type Machine, MACHINE_NODE, MACHINE_PACKAGE} from './machine.js'
import type {SmokeStep} from './steps.js'

/** Beside its own limit, which is kept inside and cleaned up after there. */
const CLEAN_UP_MS = 60_000

export interface IsolatedOptions {
  readonly scopes: readonly Scope[]
  /** The flags that the self-test gets inside. */
  readonly flags: readonly string[]
  readonly timeoutMs: number
  readonly onStep: (step: SmokeStep) => void
  readonly signal: AbortSignal
}

/**
 * Runs the self-test in a throw-away machine, for all scopes at once, each as a user of its own; the host itself is not touched. `signal`
 * aborted takes the machine down, and is thrown. Throws exit 4 if no machine can be booted here.
 */
export async function isolatedSelfTest(host: Host, options: IsolatedOptions): Promise<SmokeStep[]> {
  const {scopes, onStep, signal} = options
  const startMs = host.monotonicMs()
  const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  // It may come when nobody waits for it any more.
  aborted.catch(() => undefined)
  const machine = await bootMachine(host, {name: 'smoke', signal})
  try {
    const steps: SmokeStep[] = []
    const add = (step: SmokeStep) => {
      steps.push(step)
      onStep(step)
    }
    const booted = {
      id: 'boot',
      group: 'machine',
      scope: null,
      name: 'boot a throw-away machine',
      outcome: 'passed',
      detail: machine.name,
    } as const
    add({...booted, durationMs: host.monotonicMs() - startMs})
    const timeoutMs = Math.max(1000, options.timeoutMs - (host.monotonicMs() - startMs))
    const runs = scopes.map((scope) => inScope(machine, scope, timeoutMs, options.flags).then((found) => found.forEach(add)))
    await Promise.race([Promise.all(runs), aborted])
    return steps
  } finally {
    await machine.down()
  }
}

async function inScope(machine: Machine, scope: Scope, timeoutMs: number, flags: readonly string[]): Promise<SmokeStep[]> {
  const user = await machine.addUser(`smoke-${scope}`, {linger: scope === 'user'})
  const limit = ['--timeout', `${Math.ceil(timeoutMs / 1000)}`]
  const argv = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, 'smoke', '--json', '--scope', scope, ...limit, ...flags]
  const execOptions = {timeoutMs: timeoutMs + CLEAN_UP_MS}
  const result =
    scope === 'user' ? await machine.exec(argv, {...execOptions, user}) : await machine.exec([...argv, '--run-as', user.name], execOptions)
  const {steps, error} = parse(result.stdout)
  if (steps) return steps
  throw new ServiceError(
    `the self-test in the throw-away machine (${scope} scope) ended with ${result.failure ?? result.code}: ${error?.message ?? result.stderr}`,
    {code: 'smoke-failed', exitStatus: ExitStatus.failed, evidence: error?.evidence ?? [], next: error?.next ?? []},
  )
}

function parse(text: string): {steps?: SmokeStep[]; error?: Failure} {
  try {
    return JSON.parse(text) as {steps?: SmokeStep[]}
  } catch {
    return {}
  }
}
