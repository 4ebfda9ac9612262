import fs from 'node:fs'
import type {ChangeResult} from '../../src/commands/service-command.js'
import Install from '../../src/commands/install.js'
import {ExitStatus} from '../../src/errors.js'
import type {Target} from '../../src/observe/where.js'
import {lightConfig} from '../../src/light-config.js'
import {applyPlan} from '../../src/plan/apply.js'
import type {Plan} from '../../src/plan/plan.js'

/** One installation to be tried. */
export interface InstallRequest {
  /** Arguments of `hermes-svc install`. */
  readonly args: readonly string[]
  /** Variables that the command sees beside its own. */
  readonly env: Readonly<Record<string, string>>
}

export interface InstallOutcome {
  readonly status: number
  /** Why it was refused; undefined if it was not. */
  readonly message?: string
  /** The service that the plan is for. */
  readonly service?: string
  /** Paths of the files that were written. */
  readonly written: readonly string[]
}

/**
 * Program for tests of many installations. For each InstallRequest on stdin it runs the real `install` as far as to its plan, and of that
 * plan the steps that make folders and write files outside of the home. argv: package root. Prints InstallOutcome[] as JSON.
 */
async function main(packageRoot: string): Promise<void> {
  const outcomes: InstallOutcome[] = []
  for (const one of JSON.parse(fs.readFileSync(0, 'utf8')) as InstallRequest[]) outcomes.push(await tryCase(packageRoot, one))
  process.stdout.write(JSON.stringify(outcomes))
}

async function tryCase(packageRoot: string, {args, env}: InstallRequest): Promise<InstallOutcome> {
  const before = {...process.env}
  Object.assign(process.env, env)
  const command = new PlannedInstall([...args, '--json'], lightConfig(packageRoot))
  const {status, printed} = await captureStdout(() => command.run())
  for (const name of Object.keys(env)) {
    if (before[name] === undefined) delete process.env[name]
    else process.env[name] = before[name]
  }
  if (!command.planned) {
    const {error} = JSON.parse(printed) as {error: {message: string; evidence: string[]}}
    return {status, message: [error.message, ...error.evidence].join('\n'), written: []}
  }
  const {target, plan} = command.planned
  const inHome = `${target.service.profile.home}/`
  const steps = plan.steps.filter((step) => (step.kind === 'make-folder' || step.kind === 'write-file') && !step.path.startsWith(inHome))
  const silent = () => undefined
  await applyPlan(
    target.host,
    {title: plan.title, steps, outcome: ''},
    {begin: silent, progress: silent, end: silent, close: silent},
    () => false,
  )
  const written = steps.flatMap((step) => (step.kind === 'write-file' ? [step.path] : []))
  return {status, service: target.service.name, written}
}

/** `install` that makes its plan and keeps it. */
class PlannedInstall extends Install {
  static override id = 'install'
  planned: {target: Target; plan: Plan} | undefined

  protected override async runChange(target: Target, _command: string, makePlan: () => Plan | Promise<Plan>): Promise<ChangeResult> {
    this.planned = {target, plan: await makePlan()}
    return {exitStatus: ExitStatus.ok, json: undefined, outcome: null}
  }
}

async function captureStdout(run: () => Promise<number>): Promise<{status: number; printed: string}> {
  let printed = ''
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = (text: string | Uint8Array) => {
    printed += String(text)
    return true
  }
  try {
    return {status: await run(), printed}
  } finally {
    process.stdout.write = write
  }
}

void main(process.argv[2] ?? '')
