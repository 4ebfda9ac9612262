import {DESIRED_STATES, type DesiredState} from '../gateway/contract.js'
import {Flags} from '@oclif/core'
import {ExitStatus, usageError} from '../errors.js'
import {boot} from '../lifecycle/boot.js'
import {bootLine} from '../lifecycle/boot-report.js'
import {type CommandResult, dryRunFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Boot extends ServiceCommand<typeof Boot> {
  static override args = {}
  static override summary = 'At the boot of a container: make the slots of all profiles, and start those that should run'
  static override description =
    `For s6, as a script in /etc/cont-init.d that sorts behind upstream's own 02-reconcile-profiles, or in its place. What the operator recorded
(start, stop) holds over any number of boots; the end of the container is no stop. Files that name processes of the former container are
taken away. A profile that cannot be started is reported, and the others start: the command fails only if it could do nothing at all.`
  static override examples = ['<%= config.bin %> boot', '<%= config.bin %> boot --dry-run', '<%= config.bin %> boot --unrecorded stopped']
  static override flags = {
    ...dryRunFlag,
    unrecorded: Flags.string({
      options: [...DESIRED_STATES],
      default: 'running',
      description: 'what becomes of a gateway that was stopped, or never ran, and of which nobody recorded what is wanted',
    }),
  }

  protected async execute(): Promise<CommandResult> {
    if (this.flags.profile !== undefined) throw usageError('--profile: boot is about all profiles of the container')
    const target = await this.managedTarget('change')
    const {container, title} = target.manager
    if (!container) throw usageError(`boot is for containers with s6; ${title} starts its services by itself`)
    const report = await boot(target, container, {
      unrecorded: this.flags.unrecorded as DesiredState,
      dryRun: this.flags['dry-run'] === true,
    })
    if (report.skipped !== null) this.print(`hermes-svc boot: ${report.skipped}`)
    const order =
      report.reconciliation === 'after-upstream' ? 'after upstream’s own reconciliation' : 'instead of upstream’s own reconciliation'
    if (report.profiles.length > 0) this.print(`hermes-svc boot, ${order}${report.dryRun ? ' (only planned)' : ''}`)
    for (const profile of report.profiles) this.print(bootLine(profile))
    for (const note of report.notes) this.note(note)
    const isInVain = report.profiles.length > 0 && report.profiles.every(({action}) => action === 'failed')
    return {exitStatus: isInVain ? ExitStatus.failed : ExitStatus.ok, json: {ok: !isInVain, ...report}}
  }
}
