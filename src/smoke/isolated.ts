import {ExitStatus, ServiceError} from '../errors.js'
import type {Host} from '../host/host.js'
import type {Scope} from '../managers/manager.js'
import {bootMachine, MACHINE_NODE, MACHINE_PACKAGE} from './machine.js'
import type {SmokeStep} from './self-test.js'

const SELF_TEST_TIMEOUT_MS = 300_000
const USER = 'smoke'

/**
 * Runs the self-test in a throw-away machine, for the given scopes one after the other; the host itself is not touched. Throws exit 4 if no
 * machine can be booted here.
 */
export async function isolatedSelfTest(host: Host, scopes: readonly Scope[], onStep: (step: SmokeStep) => void): Promise<SmokeStep[]> {
  const steps: SmokeStep[] = []
  const add = (step: SmokeStep) => {
    steps.push(step)
    onStep(step)
  }
  const startMs = host.monotonicMs()
  const machine = await bootMachine(host, {name: 'smoke'})
  try {
    const user = await machine.addUser(USER)
    add({name: 'boot a throw-away machine', ok: true, durationMs: host.monotonicMs() - startMs, detail: machine.name})
    for (const scope of scopes) {
      const argv = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, 'smoke', '--json', '--scope', scope]
      const result =
        scope === 'user'
          ? await machine.exec(argv, {user, timeoutMs: SELF_TEST_TIMEOUT_MS})
          : await machine.exec([...argv, '--run-as', USER], {timeoutMs: SELF_TEST_TIMEOUT_MS})
      const document = parse(result.stdout)
      if (!document.steps) {
        throw new ServiceError(
          `the self-test in the throw-away machine ended with ${result.failure ?? result.code}: ${document.error?.message ?? result.stderr}`,
          {
            code: 'smoke-failed',
            exitStatus: ExitStatus.failed,
            evidence: document.error?.evidence ?? [],
          },
        )
      }
      for (const step of document.steps) add({...step, name: `${scope} scope: ${step.name}`})
      if (document.steps.some((step) => !step.ok)) break
    }
    return steps
  } finally {
    await machine.down()
  }
}

function parse(text: string): {steps?: SmokeStep[]; error?: {message: string; evidence: string[]}} {
  try {
    return JSON.parse(text) as {steps?: SmokeStep[]}
  } catch {
    return {}
  }
}
