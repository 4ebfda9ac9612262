import {Flags} from '@oclif/core'
import {ExitStatus, ServiceError} from '../errors.js'
import {resolveTarget} from '../lifecycle/target.js'
import type {Scope} from '../managers/manager.js'
import type {SmokeStep} from '../smoke/self-test.js'
import {duration} from '../ui/text.js'
import type {CommandResult} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Smoke extends ServiceCommand<typeof Smoke> {
  static override summary = 'Try everything end to end, with a stand-in gateway under a throw-away name'
  static override description =
    `On this machine's own service manager; where there is none, or with --isolated, as root in a throw-away machine that boots one
(Debian packages systemd-container, dbus-user-session, libpam-systemd, python3). Everything is taken away again. Ends with 4 if neither is possible.`
  static override examples = ['<%= config.bin %> smoke', '<%= config.bin %> smoke --isolated --junit smoke.xml']
  static override flags = {
    isolated: Flags.boolean({description: "do not touch this machine's own services: boot a throw-away one"}),
    junit: Flags.string({description: 'write the result as JUnit XML too', helpValue: '<file>'}),
  }

  protected async execute(): Promise<CommandResult> {
    const startMs = this.host.monotonicMs()
    const onStep = (step: SmokeStep) => {
      this.print(`${step.ok ? 'ok    ' : 'FAILED'}  ${duration(step.durationMs).padStart(7)}  ${step.name}: ${step.detail}`)
    }
    const isolated = this.flags.isolated || this.hasNoManager()
    const steps = isolated ? await this.isolated(onStep) : await this.onThisMachine(onStep)
    const ok = steps.every((step) => step.ok)
    const totalMs = this.host.monotonicMs() - startMs
    if (this.flags.junit !== undefined) {
      const {junitXml} = await import('../smoke/junit.js')
      const path = process.getBuiltinModule('node:path')
      this.host.writeAtomic(path.resolve(this.flags.junit), junitXml(steps), 0o644)
    }
    this.print(ok ? `All ${steps.length} steps passed in ${duration(totalMs)}.` : 'The self-test failed; everything was taken away again.')
    return {exitStatus: ok ? ExitStatus.ok : ExitStatus.failed, json: {ok, isolated, durationMs: totalMs, steps}}
  }

  private async isolated(onStep: (step: SmokeStep) => void): Promise<SmokeStep[]> {
    const {isolatedSelfTest} = await import('../smoke/isolated.js')
    const scopes: Scope[] = this.flags.scope === undefined ? ['user', 'system'] : [this.flags.scope as Scope]
    return isolatedSelfTest(this.host, scopes, onStep)
  }

  private async onThisMachine(onStep: (step: SmokeStep) => void): Promise<SmokeStep[]> {
    const {selfTest, whyNoSmoke} = await import('../smoke/self-test.js')
    const reason = whyNoSmoke(this.host)
    if (reason) throw new ServiceError(reason, {code: 'no-python', exitStatus: ExitStatus.cannotTell})
    const {manager, service} = resolveTarget(
      this.host,
      {...this.targetFlags, profile: undefined, home: undefined, scope: this.flags.scope ?? this.defaultScope()},
      'read',
    )
    const signal = this.cancelSignal
    return selfTest(this.host, {
      scope: manager.scope,
      manager: this.flags.manager,
      account: service.account,
      onStep,
      cancelled: () => signal.aborted,
    })
  }

  private defaultScope(): Scope {
    return this.host.account.uid === 0 ? 'system' : 'user'
  }

  private hasNoManager(): boolean {
    try {
      resolveTarget(this.host, this.targetFlags, 'read')
      return false
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'no-manager') return true
      throw error
    }
  }
}
