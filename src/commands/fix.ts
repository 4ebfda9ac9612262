import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import type {CommandClass} from './command-class.js'
import {DESIRED_STATES, type DesiredState} from '../gateway/contract.js'
import {Flags} from '@oclif/core'
import type {Check} from '../doctor/check.js'
import {loadChecks} from '../doctor/checks/index.js'
import {planCure} from '../doctor/fix.js'
import {byHandGroups, checkHelp, fixConsequences} from '../ui/check-help.js'
import {confirmPlan} from '../ui/confirm.js'
import {allFlag, type CommandResult, dryRunFlag, timeoutFlag, wedgeWindowFlag, yesFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

const fixFlags = {...allFlag, ...dryRunFlag, ...yesFlag, ...timeoutFlag, ...wedgeWindowFlag}
const desiredFlag = {
  desired: Flags.string({
    description: 'the desired state from now on (default: the recorded one)',
    options: [...DESIRED_STATES],
  }),
}

/** The command `fix <id>` of one check. */
export async function fixCommand(id: string): Promise<CommandClass> {
  const [check] = await loadChecks([id])
  if (!check) throw new Error(`there is no check ${id}`)
  return commandFor(check)
}

function commandFor(check: Check): CommandClass {
  class Fix extends ServiceCommand<typeof Fix> {
    /** What docs/doctor.md is made of. */
    static readonly page = {check, groups: byHandGroups(check), consequences: fixConsequences(check)}
    static override summary = `${check.hasFix ? 'Fix' : 'Say what to do about'} ${check.title}`
    static override description = checkHelp(check)
    static override examples = [`<%= config.bin %> fix ${check.id} --dry-run`, `<%= config.bin %> fix ${check.id} --yes`]
    static override flags = {...fixFlags, ...(check.takesDesired ? desiredFlag : {})}

    protected execute(): Promise<CommandResult> {
      const {timeout: timeoutMs, 'wedge-window': wedgeWindowMs = DEFAULT_WEDGE_WINDOW_MS, yes} = this.flags
      const {desired} = this.flags as {desired?: DesiredState}
      const makePlan = async (target: Parameters<typeof planCure>[0]) =>
        (await planCure(target, check, {timeoutMs, wedgeWindowMs, desired})).plan
      return this.runForAll(`fix ${check.id}`, makePlan, {confirm: (plan) => confirmPlan(this.host, plan, yes)})
    }
  }
  return Fix
}
