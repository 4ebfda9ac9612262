import type {Scope} from '../service/service.js'
import {Flags} from '@oclif/core'
import {ExitStatus, ServiceError} from '../errors.js'
import {resolveManaged} from '../observe/where.js'
import {selectSteps, type SmokeStep, type Step, type StepOutcome} from '../smoke/steps.js'
import {cancelledError} from '../ui/failure.js'
import {duration} from '../text/layout.js'
import {annotationsFlag, type CommandResult, commonFlagsWithout, durationFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

const DEFAULT_TIMEOUT_MS = 300_000
const INSIDE_MS = 60_000
const WORDS: Readonly<Record<StepOutcome, string>> = {
  passed: 'ok',
  failed: 'FAILED',
  'not-reached': 'not run',
}

/** What the flags ask for. */
interface Run {
  readonly steps: readonly Step[]
  readonly timeoutMs: number
  readonly onStep: (step: SmokeStep) => void
  /** Aborted by Ctrl-C and the like, or at the end of the time. */
  readonly signal: AbortSignal
}

export default class Smoke extends ServiceCommand<typeof Smoke> {
  static override args = {}
  static override summary = 'Test hermes-svc on this machine, with a stand-in gateway under a throw-away name'
  static override description =
    `First it tests install, start, stop and the other steps in the life of a service. Then it breaks the service in four ways, and tests that doctor finds each breakage and that fix repairs it.
Uses the service manager of this machine. With --isolated, or if there is no service manager, the test boots a throw-away machine with one.
The throw-away machine needs root and the Debian packages systemd-container, dbus-user-session, libpam-systemd and python3.
The test removes everything that it made, also after Ctrl-C. If it is killed, the next run of smoke removes what is left.
Ends with 4 if neither way is possible on this machine.`
  static override examples = [
    '<%= config.bin %> smoke',
    '<%= config.bin %> smoke --isolated --junit smoke.xml',
    '<%= config.bin %> smoke --only doctor',
  ]
  static override baseFlags = commonFlagsWithout('profile', 'home')
  static override flags = {
    ...annotationsFlag,
    isolated: Flags.boolean({description: 'do not touch the services of this machine: boot a throw-away machine for the test'}),
    only: Flags.string({
      description: 'run only these steps or groups (life-cycle, doctor) and the steps they need, separated by commas',
      helpValue: '<names>',
      multiple: true,
      delimiter: ',',
    }),
    junit: Flags.string({description: 'also write the result to this file as JUnit XML', helpValue: '<file>'}),
    timeout: durationFlag('--timeout', 'how long the test may take (default: 5m)'),
  }

  protected async execute(): Promise<CommandResult> {
    const startMs = this.host.monotonicMs()
    const steps = selectSteps(this.flags.only)
    const timeoutMs = this.flags.timeout ?? DEFAULT_TIMEOUT_MS
    const isolated = this.flags.isolated || (await this.hasNoManager())
    // Inside, the machine keeps the limit itself, says at which step it was, and cleans up.
    const limitMs = timeoutMs + (isolated ? INSIDE_MS : 0)
    const done = await this.limited(limitMs, (signal) => {
      const run: Run = {steps, timeoutMs, onStep: (step) => this.show(step), signal}
      return isolated ? this.isolated(run) : this.onThisMachine(run)
    })
    const durationMs = this.host.monotonicMs() - startMs
    const ok = done.every(({outcome}) => outcome === 'passed')
    if (this.flags.junit !== undefined) {
      const {junitXml} = await import('../smoke/junit.js')
      const path = process.getBuiltinModule('node:path')
      this.host.writeAtomic(path.resolve(this.flags.junit), junitXml(done, durationMs), 0o644)
    }
    await this.annotate(({stepAnnotations}) => stepAnnotations(done))
    this.print(
      ok ? `All ${done.length} steps passed in ${duration(durationMs)}.` : 'The self-test failed. It has removed everything that it made.',
    )
    return {exitStatus: ok ? ExitStatus.ok : ExitStatus.failed, json: {ok, isolated, durationMs, steps: done}}
  }

  /** Runs something that ends early, in good order, when its signal is aborted: by Ctrl-C and the like, or at the end of the time. */
  private async limited<T>(timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(timedOut(timeoutMs)), timeoutMs)
    const cancel = this.cancelSignal
    cancel.addEventListener('abort', () => {
      this.note('Cancelled: removing everything that the test made. To leave this to the next run of smoke, press Ctrl-C again.')
      limit.abort(cancelledError())
    })
    try {
      return await run(limit.signal)
    } finally {
      clearTimeout(timer)
    }
  }

  private show({outcome, durationMs, scope, name, detail}: SmokeStep): void {
    const where = scope === null ? '' : `${scope} scope: `
    this.print(`${WORDS[outcome].padEnd(7)} ${duration(durationMs).padStart(7)}  ${where}${name}: ${detail}`)
  }

  private async isolated(run: Run): Promise<SmokeStep[]> {
    const {isolatedSelfTest} = await import('../smoke/isolated.js')
    const scopes: Scope[] = this.flags.scope === undefined ? ['user', 'system'] : [this.flags.scope as Scope]
    return isolatedSelfTest(this.host, {...run, scopes, flags: (this.flags.only ?? []).flatMap((name) => ['--only', name])})
  }

  private async onThisMachine(run: Run): Promise<SmokeStep[]> {
    const [{selfTest}, {whyNoStandIn}] = await Promise.all([import('../smoke/self-test.js'), import('../smoke/throw-away.js')])
    const reason = whyNoStandIn(this.host)
    if (reason) throw new ServiceError(reason, {code: 'no-python', exitStatus: ExitStatus.cannotTell})
    const {manager, service} = await resolveManaged(
      this.host,
      {...this.targetFlags, profile: undefined, home: undefined, scope: this.flags.scope ?? this.defaultScope()},
      'read',
    )
    return selfTest(this.host, {...run, scope: manager.scope, manager: this.flags.manager, account: service.account})
  }

  private defaultScope(): Scope {
    return this.host.account.uid === 0 ? 'system' : 'user'
  }

  private async hasNoManager(): Promise<boolean> {
    try {
      await resolveManaged(this.host, this.targetFlags, 'read')
      return false
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'no-manager') return true
      throw error
    }
  }
}

function timedOut(timeoutMs: number): ServiceError {
  return new ServiceError(`the test did not end within ${timeoutMs / 1000} s, its time limit (--timeout)`, {
    code: 'smoke-timeout',
    exitStatus: ExitStatus.failed,
  })
}
