import {ExitStatus} from '../errors.js'
import {renderService} from '../lifecycle/definition.js'
import {octal, programText} from '../ui/plan-text.js'
import type {CommandResult} from './base.js'
import {bareDefinitionFlags, definitionFlags, definitionRequest} from './definition-flags.js'
import {ServiceCommand} from './service-command.js'

export default class Render extends ServiceCommand<typeof Render> {
  static override summary = 'Print the definition that hermes-svc would write on this machine'
  static override description = 'Changes nothing. Does not show the values of variables.'
  static override examples = ['<%= config.bin %> render', '<%= config.bin %> render --profile work']
  static override bareFlags = bareDefinitionFlags
  static override flags = definitionFlags

  protected async execute(): Promise<CommandResult> {
    const target = await this.managedTarget('read')
    const {files, heartbeat, environment} = await this.during('check the gateway’s program', () =>
      renderService(target, definitionRequest(this.host, this.flags)),
    )
    const shown = [...files, ...heartbeat.files].map((file) => ({
      path: file.path,
      mode: octal(file.mode),
      secret: file.secret,
      text: file.secret ? [...environment.keys()].map((name) => `${name}=…\n`).join('') : file.text,
    }))
    const programs = heartbeat.files.filter((file) => file.isProgram).map((file) => file.path)
    for (const file of shown) {
      this.print(`### ${file.path} (mode ${file.mode})`)
      this.printText(programs.includes(file.path) ? `${programText(file.text)}\n` : file.text)
    }
    return {exitStatus: ExitStatus.ok, json: {service: target.service.name, profile: target.service.profile.name, files: shown}}
  }
}
