import {ExitStatus} from '../errors.js'
import {observeWith} from '../lifecycle/observe.js'
import {servedBy} from '../lifecycle/served.js'
import {report} from '../lifecycle/status.js'
import {listText} from '../ui/status-text.js'
import type {CommandResult} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class List extends ServiceCommand<typeof List> {
  static override summary = 'List all profiles with their services, or with -p one of them'
  static override description = 'Reads only; one call of the service manager, however many profiles there are.'
  static override examples = ['<%= config.bin %> list', '<%= config.bin %> list --json']

  protected execute(): Promise<CommandResult> {
    const targets = this.flags.profile === undefined ? this.allTargets('read') : [this.target('read')]
    // The manager is asked only for what is on disk: an unknown unit costs it a search of all its folders.
    const installed = targets.filter((target) => target.manager.isOnDisk(target.service))
    const seen = targets[0]?.manager.observe(installed.map((target) => target.service)) ?? []
    const byName = new Map(seen.map((observation) => [observation.service.name, observation]))
    const nowMs = this.host.monotonicMs()
    const reports = targets.map((target) => {
      const observation = byName.get(target.service.name) ?? target.manager.notInstalled(target.service)
      return report(observeWith(target, observation), target.manager, nowMs, servedBy(target))
    })
    for (const line of listText(reports)) this.print(line)
    return Promise.resolve({exitStatus: ExitStatus.ok, json: {services: reports}})
  }
}
