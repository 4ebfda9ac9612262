import {DESIRED_STATES, type DesiredState} from '../gateway/contract.js'
import {Flags} from '@oclif/core'
import {ExitStatus, usageError} from '../errors.js'
import {boot} from '../lifecycle/boot.js'
import {bootLine} from '../lifecycle/boot-report.js'
import {type CommandResult, commonFlagsWithout, dryRunFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Boot extends ServiceCommand<typeof Boot> {
  static override args = {}
  static override summary = 'Start the gateways when a container boots (s6)'
  static override description = `Makes a service directory for every profile and starts each gateway that should run.
Call the command from a script in /etc/cont-init.d. The name of the script must sort after upstream's 02-reconcile-profiles, or the script must replace that one.
At every boot, the desired state decides: what you stopped stays stopped. The end of the container does not count as a stop.
The command removes files that name processes of the previous container.
If one profile cannot start, the command reports it and starts the others. It ends with 1 only if no profile could be handled.`
  static override examples = ['<%= config.bin %> boot', '<%= config.bin %> boot --dry-run', '<%= config.bin %> boot --unrecorded stopped']
  static override baseFlags = commonFlagsWithout('profile')
  static override flags = {
    ...dryRunFlag,
    unrecorded: Flags.string({
      options: [...DESIRED_STATES],
      default: 'running',
      description: 'what to do with a gateway that does not run and has no recorded desired state',
    }),
  }

  protected async execute(): Promise<CommandResult> {
    if (this.flags.profile !== undefined) throw usageError('boot works on all profiles of the container and has no --profile')
    const target = await this.managedTarget('change')
    const {container, title} = target.manager
    if (!container) throw usageError(`boot is only for containers with s6: ${title} starts its services without it`)
    const report = await boot(target, container, {
      unrecorded: this.flags.unrecorded as DesiredState,
      dryRun: this.flags['dry-run'] === true,
    })
    if (report.skipped !== null) this.print(`hermes-svc boot: ${report.skipped}`)
    const order =
      report.reconciliation === 'after-upstream' ? 'after upstream’s own reconciliation' : 'instead of upstream’s own reconciliation'
    if (report.profiles.length > 0) this.print(`hermes-svc boot, ${order}${report.dryRun ? ' (dry run, nothing changed)' : ''}`)
    for (const profile of report.profiles) this.print(bootLine(profile))
    for (const note of report.notes) this.note(note)
    const isInVain = report.profiles.length > 0 && report.profiles.every(({action}) => action === 'failed')
    return {exitStatus: isInVain ? ExitStatus.failed : ExitStatus.ok, json: {ok: !isInVain, ...report}}
  }
}
