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
  static override summary = 'Compare the installed definition with the one that hermes-svc would write'
  static override description =
    `Compares the files of hermes-svc and the merged unit. If another drop-in overrides a directive of hermes-svc, the command names the directive and the file.
Changes nothing. Ends with 1 if there are differences.`
  static override examples = ['<%= config.bin %> diff', '<%= config.bin %> diff --json']
  static override bareFlags = bareDefinitionFlags
  static override flags = definitionFlags

  protected async execute(): Promise<CommandResult> {
    const target = await this.managedTarget('read')
    const {seen, settings, files, heartbeat} = await this.during('check the gateway’s program', () =>
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
      this.print('Other files override these directives, which hermes-svc needs:')
      await prepareWidths(drift)
      const rows = drift.map((entry) => [entry.directive, entry.merged || '(empty)', entry.wanted, entry.setBy ?? 'the default'])
      for (const line of table([['DIRECTIVE', 'MERGED', 'WANTED', 'SET BY'], ...rows], this.textWidth - 2).flat()) this.print(`  ${line}`)
    }
    if (seen.manager.needsReload)
      this.print(`The files have changed since ${target.manager.title} read them. To make it read them again, type: hermes-svc install`)
    const differs = changes.length > 0 || drift.length > 0 || seen.manager.needsReload
    if (!differs) this.print(`${target.service.name}: no differences`)
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
