import path from 'node:path'
import type {Document} from 'yaml'
import {ExitStatus} from '../errors.js'
import {GatewayVariable, STANDARD_ROOT} from '../gateway/contract.js'
import {notifyOf} from '../lifecycle/notify-change.js'
import {inventory} from '../observe/inventory.js'
import {observe} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import {ownVersion} from '../service/own-version.js'
import {visible} from '../text/visible.js'
import type {CommandResult} from './base.js'
import {type Exported, exportMachine, type InstalledService} from './machine-export.js'
import {MACHINE_SCHEMA_FILE} from './machine-schema.js'
import {ServiceCommand} from './service-command.js'
import {recordedState} from '../service/desired-state.js'

export default class Export extends ServiceCommand<typeof Export> {
  static override summary = 'Print a document of the installed services, for apply on this or another machine'
  static override description =
    `Changes nothing. The document never contains the values of variables or of notification targets. It refers to environment variables instead.
The first lines of the document list the variables to set before you type apply.
Root sees the services of the machine and of every user. Other users see their own.`
  static override examples = [
    '<%= config.bin %> export >services.yaml',
    '<%= config.bin %> export -p work',
    '<%= config.bin %> export --json',
  ]

  protected async execute(): Promise<CommandResult> {
    const {targets, untold} = await this.during('find the installed services', () => this.meant())
    const services = targets.flatMap((target) => installed(target) ?? [])
    const exported = exportMachine(services)
    if (!this.flags.json) this.printText(await textOf(exported, ownVersion(this.host)))
    for (const {what, why} of untold) this.note(`hermes-svc: the document leaves out ${what}: ${why}`)
    return {exitStatus: untold.length > 0 ? ExitStatus.cannotTell : ExitStatus.ok, json: exported.document}
  }

  private async meant(): ReturnType<typeof inventory> {
    const {profile, home, scope, manager, 'run-as': account} = this.flags
    if (profile !== undefined || home !== undefined) return {targets: [await this.managedTarget('read')], untold: []}
    const {targets, untold} = await inventory(this.host, manager)
    const isMeant = ({manager: {scope: own}, service}: Target) =>
      (scope === undefined || own === scope) &&
      (account === undefined || [service.account.name, String(service.account.uid)].includes(account))
    return {targets: targets.filter(isMeant), untold}
  }
}

/** All that the document says of a service; undefined if it is none of ours. */
function installed(target: Target): InstalledService | undefined {
  const {manager, service} = target
  const seen = observe(target)
  const {settings, installed: how} = seen.manager
  if (!settings || (how !== 'own' && how !== 'adopted')) return undefined
  const {name, root} = service.profile
  const usual = manager.container?.variable(GatewayVariable.home)?.trim() || path.join(service.account.home, STANDARD_ROOT)
  return {
    profile: name,
    home: root === (target.userHost.realPath(usual) ?? usual) ? undefined : root,
    scope: manager.container ? undefined : manager.scope,
    account: service.account.name,
    state: recordedState(seen.desired),
    settings,
    notify: notifyOf(target),
    environment: manager.definition.readEnvironment(service),
  }
}

/** The document as YAML. What is not printable is in double quotes, where YAML has the escapes with which it is printed. */
async function textOf({document, variables}: Exported, version: string): Promise<string> {
  const yaml = await import('yaml')
  const made: Document = new yaml.Document(document)
  yaml.visit(made, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === 'string' && visible(scalar.value) !== scalar.value) scalar.type = yaml.Scalar.QUOTE_DOUBLE
    },
  })
  const lines = [
    `# yaml-language-server: $schema=https://unpkg.com/hermes-svc@${version}/dist/schemas/${MACHINE_SCHEMA_FILE}`,
    ...(variables.length === 0
      ? []
      : ['# Set these variables before you type hermes-svc apply, or replace fromEnv with fromFile or fromCredential:']),
    ...variables.map(({name, meant}) => `#   ${name}: ${meant}`),
  ]
  const text = made.toString({lineWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER})
  return [...lines, text.trimEnd()].join('\n')
}
