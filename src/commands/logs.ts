import {Flags} from '@oclif/core'
import {ExitStatus, ServiceError} from '../errors.js'
import {gatewayLogFile, logReader} from '../lifecycle/log-tail.js'
import type {CommandResult} from './base.js'
import {writeDocument, writeLine} from '../ui/failure.js'
import {ServiceCommand} from './service-command.js'

const DEFAULT_LINES = 50
const PEEK_TIMEOUT_MS = 5000
const SIGINT_STATUS = 128 + 2
const SIGPIPE_STATUS = 128 + 13

export default class Logs extends ServiceCommand<typeof Logs> {
  static override summary = "Show the gateway's log"
  static override description =
    `From the service manager's log; from the gateway's own file where that may not be read. With --json one JSON object a line.`
  static override examples = ['<%= config.bin %> logs -n 100', '<%= config.bin %> logs -f', '<%= config.bin %> logs --since "1 hour ago"']
  static override flags = {
    lines: Flags.integer({char: 'n', min: 0, max: 1_000_000, description: `how many lines (default: ${DEFAULT_LINES}; with --since: all)`}),
    follow: Flags.boolean({char: 'f', description: 'go on showing new lines until interrupted'}),
    since: Flags.string({description: 'from this time on, as journalctl takes it: "2026-11-22 10:00", "1 hour ago"', helpValue: '<time>'}),
  }

  private hasNoReader = false

  protected async execute(): Promise<CommandResult> {
    const target = await this.target('read')
    const {since, follow, json} = this.flags
    const lines = this.flags.lines ?? (since === undefined ? DEFAULT_LINES : -1)
    const {logs} = target.manager
    // Refused before anything else is looked at.
    const full = logs?.command(target.service, {lines, follow, since, json})
    const peek = logs?.command(target.service, {lines: 1, follow: false, since: undefined, json: false})
    const peeked = peek && logReader(target, peek).read(peek.argv, {env: peek.env, timeoutMs: PEEK_TIMEOUT_MS})
    if (!full || !peeked || peeked.stdout.trim() === '') {
      const file = gatewayLogFile(target.service.profile.home)
      if (target.userHost.stat(file) === undefined) {
        const managers = logs ? "nothing in the manager's log that may be read, and " : ''
        throw new ServiceError(`There is no log of ${target.service.name}: ${managers}no ${file}`, {
          code: 'no-log',
          exitStatus: ExitStatus.cannotTell,
          evidence: (peeked?.stderr ?? '').split('\n').filter(Boolean),
          next: ['hermes-svc status'],
        })
      }
      if (logs) this.note(`Nothing of ${target.service.name} can be read in the manager's log; this is ${file}`)
      if (since !== undefined) this.note('--since has no effect on a file; its last lines are shown')
      const argv = ['tail', '-n', String(lines < 0 ? DEFAULT_LINES : lines), ...(follow ? ['-F'] : []), '--', file]
      return this.ended(await target.userHost.attach(argv, {...(peek ? {env: peek.env} : {}), onLine: this.lineWriter(json)}))
    }
    // journalctl's own JSON has its own escapes.
    const isDocument = json && !full.isPlain
    const options = {env: full.env, ...(isDocument ? {} : {onLine: this.lineWriter(json)})}
    return this.ended(await logReader(target, full).attach(full.argv, options))
  }

  /** Writes a line of the log; as JSON as journalctl(1) would have it: a document with the field for the text alone. Ends all once nobody reads on. */
  private lineWriter(json: boolean): (line: string) => void {
    return (line) => {
      const isRead = json ? writeDocument('stdout', JSON.stringify({MESSAGE: line})) : writeLine('stdout', line)
      if (isRead || this.hasNoReader) return
      this.hasNoReader = true
      // `attach` passes it on to the program that it runs.
      this.host.signal(this.host.pid, 'SIGTERM')
    }
  }

  /** Following ends with Ctrl-C: that is how it is meant to end. That nobody reads on (`| head`) is no failure either. */
  private ended(code: number): CommandResult {
    const isFine = this.hasNoReader || code === 0 || code === SIGPIPE_STATUS || (this.flags.follow && code === SIGINT_STATUS)
    return {exitStatus: isFine ? ExitStatus.ok : ExitStatus.failed, json: undefined}
  }
}
