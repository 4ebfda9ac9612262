import {ExitStatus, ServiceError} from '../errors.js'
import {howToBegin} from '../lifecycle/first-contact.js'
import {ownCommand} from '../lifecycle/own-command.js'
import {renderService} from '../lifecycle/definition.js'
import {fileDiff} from '../ui/plan-text.js'
import {prepareWidths, table} from '../text/layout.js'
import type {CommandResult} from './base.js'
import {bareDefinitionFlags, definitionFlags, definitionRequest} from './definition-flags.js'
import {ServiceCommand} from './service-command.js'

export default class Diff extends ServiceCommand<typeof Diff> {
  static override summary = 'Show how the installed definition differs from the rendered one'
  static override description =
    `Compares our files, and the merged unit: whatever another drop-in makes of a directive that hermes-svc owns is shown, with the file that
sets it. Reads only. Ends with 1 if there are differences.`
  static override examples = ['<%= config.bin %> diff', '<%= config.bin %> diff --json']
  static override bareFlags = bareDefinitionFlags
  static override flags = definitionFlags

  protected async execute(): Promise<CommandResult> {
    const target = await this.managedTarget('read')
    const {seen, settings, files, heartbeat} = await this.during('prove the gateway’s program', () =>
      renderService(target, definitionRequest(this.host, this.flags)),
    )
    if (seen.manager.installed === 'no') {
      throw new ServiceError(`${target.service.name} is not installed in ${target.manager.title}`, {
        code: 'not-installed',
        exitStatus: ExitStatus.cannotTell,
        next: [...howToBegin(target), ownCommand(target, 'render')],
      })
    }
    const changes: {path: string; diff: string[]}[] = []
    for (const file of [...files, ...heartbeat.files]) {
      const diff = await fileDiff(target.host, {...file, as: file.as ?? target.manager.placement.owner(target.service)})
      if (diff.length > 0) changes.push({path: file.path, diff})
    }
    const drift = target.manager.definition.drift?.(seen.manager, settings) ?? []
    const ours = new Set(files.map((file) => file.path))
    const others = seen.manager.definitionPaths.filter((path) => !ours.has(path))
    if (others.length > 0) this.print(`Merged from: ${seen.manager.definitionPaths.join(', ')}`)
    for (const change of changes) for (const line of change.diff) this.print(line)
    if (drift.length > 0) {
      this.print('Merged from all files, these directives have other values than hermes-svc needs:')
      await prepareWidths(drift)
      const rows = drift.map((entry) => [entry.directive, entry.merged || '(empty)', entry.wanted, entry.setBy ?? 'the default'])
      for (const line of table([['DIRECTIVE', 'MERGED', 'WANTED', 'SET BY'], ...rows], this.textWidth - 2).flat()) this.print(`  ${line}`)
    }
    if (seen.manager.needsReload)
      this.print(`${target.manager.title} has not read the files as they are on disk now; hermes-svc install has it do so.`)
    const differs = changes.length > 0 || drift.length > 0 || seen.manager.needsReload
    if (!differs) this.print(`${target.service.name} is as rendered`)
    return {
      exitStatus: differs ? ExitStatus.failed : ExitStatus.ok,
      json: {
        service: target.service.name,
        profile: target.service.profile.name,
        files: changes,
        drift: drift.map((entry) => ({...entry, setBy: entry.setBy ?? null})),
        needsReload: seen.manager.needsReload,
        loaded: seen.manager.definitionPaths,
      },
    }
  }
}
