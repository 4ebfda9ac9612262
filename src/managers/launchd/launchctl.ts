import type {Account, Host, RunResult} from '../../host/host.js'
import type {RunStep} from '../../plan/plan.js'
import {LAUNCHCTL_PATH} from './detect.js'
import {answerOf, lookFailed, notUnderstood} from './failures.js'
import {parseDisabled, parsePrint, type PrintedJob} from './print.js'

const READ_TIMEOUT_MS = 20_000
const CHANGE_TIMEOUT_MS = 60_000

/** What launchd said of a job in one domain: the job, or that it has none of that label, or that there is no such domain. */
export type Shown = PrintedJob | 'not-loaded' | 'no-domain'

/** Talks to launchd by launchctl(1). Never uses load, unload or submit: they end with 0 whatever came of it. */
export class Launchctl {
  /** Of this very process; launchd moves none from one session to another. */
  private ownSession: string | undefined

  constructor(private readonly host: Host) {}

  /** Looks at a job. Throws exit 4 for any answer that is not understood. */
  print(domain: string, label: string): Shown {
    const result = this.read(['print', `${domain}/${label}`])
    const answer = answerOf(result)
    if (answer === 'not-loaded' || answer === 'no-domain') return answer
    if (answer !== 'done') throw lookFailed(result)
    const job = parsePrint(result.stdout)
    // Older systems leave the domain out.
    if (job === undefined || ![label, `${domain}/${label}`].includes(job.target)) throw notUnderstood(result)
    return job
  }

  /** Labels to whether they are disabled; of others nothing was ever said, so they are not. Throws exit 4 if that cannot be told. */
  disabled(domain: string): ReadonlyMap<string, boolean> {
    const result = this.read(['print-disabled', domain])
    if (answerOf(result) !== 'done') throw lookFailed(result)
    const found = parseDisabled(result.stdout)
    if (!found) throw notUnderstood(result)
    return found
  }

  /** True if launchd has that domain. Throws exit 4 if that cannot be told. */
  hasDomain(domain: string): boolean {
    const result = this.read(['print', domain])
    const answer = answerOf(result)
    if (answer === 'done') return true
    if (answer === 'no-domain' || answer === 'not-loaded') return false
    throw lookFailed(result)
  }

  /** True if this very process runs in a session of that kind of the account's own: much cheaper than a look at the domain. */
  isOwnSession(account: Account, kind: string): boolean {
    if (this.host.account.uid !== account.uid) return false
    this.ownSession ??= this.managerName()
    return this.ownSession === kind
  }

  private managerName(): string | undefined {
    const result = this.read(['managername'])
    return result.code === 0 ? result.stdout.trim() : undefined
  }

  /** Changes something; the answer is the caller's to judge. */
  change(words: readonly string[], timeoutMs = CHANGE_TIMEOUT_MS): Promise<RunResult> {
    return this.host.run(['launchctl', ...words], {env: launchctlEnvironment(), timeoutMs})
  }

  /** A change as a step of a plan, for those that can be judged by their exit status alone. */
  step(why: string, words: readonly string[]): RunStep {
    return {kind: 'run', why, argv: ['launchctl', ...words], env: launchctlEnvironment(), timeoutMs: CHANGE_TIMEOUT_MS}
  }

  private read(words: readonly string[]): RunResult {
    return this.host.read(['launchctl', ...words], {env: launchctlEnvironment(), timeoutMs: READ_TIMEOUT_MS})
  }
}

/** Nothing of the caller's is passed on but what the system itself sets. */
export function launchctlEnvironment(): Record<string, string> {
  return {PATH: LAUNCHCTL_PATH, LC_ALL: 'C'}
}
