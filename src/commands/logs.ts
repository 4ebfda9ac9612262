import {Flags} from '@oclif/core'
import {ExitStatus, ServiceError} from '../errors.js'
import {gatewayLogFile} from '../lifecycle/log-tail.js'
import type {CommandResult} from './base.js'
import {ServiceCommand} from './service-command.js'

const DEFAULT_LINES = 50
const PEEK_TIMEOUT_MS = 5000

export default class Logs extends ServiceCommand<typeof Logs> {
  static override summary = "Show the gateway's log"
  static override description = `From the service manager's log; from the gateway's own file where that may not be read. With --json one JSON object a line.`
  static override examples = ['<%= config.bin %> logs -n 100', '<%= config.bin %> logs -f', '<%= config.bin %> logs --since "1 hour ago"']
  static override flags = {
    lines: Flags.integer({char: 'n', min: 0, max: 1_000_000, description: `how many lines (default: ${DEFAULT_LINES}; with --since: all)`}),
    follow: Flags.boolean({char: 'f', description: 'go on showing new lines until interrupted'}),
    since: Flags.string({description: 'from this time on, as journalctl takes it: "2026-11-22 10:00", "1 hour ago"', helpValue: '<time>'}),
  }

  protected async execute(): Promise<CommandResult> {
    const target = this.target('read')
    const {since, follow, json} = this.flags
    const lines = this.flags.lines ?? (since === undefined ? DEFAULT_LINES : -1)
    const host = target.manager.scope === 'user' ? target.userHost : target.host
    const peek = target.manager.logCommand(target.service, {lines: 1, follow: false, since: undefined, json: false})
    const peeked = host.read(peek.argv, {env: peek.env, timeoutMs: PEEK_TIMEOUT_MS})
    let command = target.manager.logCommand(target.service, {lines, follow, since, json})
    if (peeked.stdout.trim() === '') {
      const file = gatewayLogFile(target.service.profile.home)
      if (target.userHost.stat(file) === undefined) {
        throw new ServiceError(`There is no log of ${target.service.name}: nothing in the manager's log that may be read, and no ${file}`, {
          code: 'no-log',
          exitStatus: ExitStatus.cannotTell,
          evidence: peeked.stderr.split('\n').filter(Boolean),
          next: ['hermes-svc status'],
        })
      }
      this.note(`Nothing of ${target.service.name} can be read in the manager's log; this is ${file}`)
      if (since !== undefined) this.note('--since has no effect on a file; its last lines are shown')
      command = {argv: ['tail', '-n', String(lines < 0 ? DEFAULT_LINES : lines), ...(follow ? ['-F'] : []), '--', file], env: peek.env}
      if (json) return this.fileAsJson(target.userHost.read(command.argv.filter((word) => word !== '-F'), {env: command.env}).stdout)
    }
    const code = await host.attach(command.argv, {env: command.env})
    // Following ends with Ctrl-C: that is how it is meant to end.
    const interrupted = follow && (code === 130 || code === 2)
    return {exitStatus: code === 0 || interrupted ? ExitStatus.ok : ExitStatus.failed, json: undefined}
  }

  private fileAsJson(text: string): CommandResult {
    for (const line of text.split('\n').filter(Boolean)) process.stdout.write(`${JSON.stringify({MESSAGE: line})}\n`)
    return {exitStatus: ExitStatus.ok, json: undefined}
  }
}
