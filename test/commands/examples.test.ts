import type {CommandClass} from '../../src/commands/command-class.js'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {run} from '../../src/cli.js'
import {BaseCommand, type CommandResult} from '../../src/commands/base.js'
import {type CommandModules, commandModules} from '../../src/commands/index.js'
import type {Host} from '../../src/host/host.js'
import {shellWords} from '../../src/completion/shell-words.js'
import {serviceMachine} from '../fakes/fake-scene.js'
import {inCampaign} from '../support/campaign.js'

/** They need what no fake has: s6, a throw-away machine, a gateway in the foreground, the manager's own log. Their suites run them. */
const PARSED_ONLY = ['boot', 'smoke', 'run', 'logs', 'setup', 'autocomplete']

/** What every command is to the type checker. */
class SomeCommand extends BaseCommand<typeof BaseCommand> {
  protected execute(): Promise<CommandResult> {
    throw new Error('this is none')
  }
}
type AnyCommand = typeof SomeCommand

let output = ''
beforeEach(() => {
  output = ''
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => Boolean((output += String(text))))
})
afterEach(() => void vi.restoreAllMocks())

const examples: [id: string, example: string][] = []
for (const [id, load] of Object.entries(commandModules)) {
  const {examples: given = []} = (await load()).default as unknown as {examples?: string[]}
  it(`${id} has examples`, () => expect(given.length).toBeGreaterThan(0))
  for (const example of given) examples.push([id, example.replaceAll('<%= config.bin %>', 'hermes-svc')])
}

/** What the program is given in an example, which may be a line of a shell or of a Dockerfile. */
function argumentsOf(example: string): string[] {
  const list = /^[A-Z]+ (\[.*\])$/.exec(example)?.[1]
  if (list !== undefined) {
    const words = JSON.parse(list) as string[]
    return words.slice(words.indexOf('hermes-svc') + 1)
  }
  const [, rest] = /\bhermes-svc( [^>&|)]*|$)/.exec(example) ?? []
  if (rest === undefined) throw new Error(`this example does not run hermes-svc: ${example}`)
  return shellWords(rest.replace(/#.*$/, '').trimStart(), '/home/user').filter((word) => word !== '')
}

/** The command, with a part of it replaced, for the real dispatcher. */
function withChanged(id: string, change: (Real: AnyCommand) => AnyCommand): CommandModules {
  const load = async () => {
    const {default: Real} = (await commandModules[id]?.()) ?? {default: SomeCommand}
    return {default: change(Real as unknown as AnyCommand) as unknown as CommandClass}
  }
  return {...commandModules, [id]: load}
}

// What is shown on a terminal is shown on a real one: test/support/doctor-command-suite.ts.
const runnable = examples.filter(([id, example]) => !PARSED_ONLY.includes(id) && !example.includes('--watch'))
/** No example names a service of its own; what one does to another account, or to a profile without a home, its suites show. */
const OF_ANOTHER = /^(--run-as|--profile|-p|--env)$/
/** What does not run here as it stands; what does is parsed by that. */
const parsedOnly = examples.filter(
  (example) => !runnable.includes(example) || argumentsOf(example[1]).some((word) => OF_ANOTHER.test(word) || word === '--fix'),
)

describe('an example', () => {
  it.each(inCampaign(examples, parsedOnly))('of %s is understood by the real parser: %s', async (id, example) => {
    let parsed: unknown
    const commands = withChanged(
      id,
      (Real) =>
        class extends Real {
          // oclif takes only those that are a class's own.
          static override args = Real.args
          static override strict = Real.strict
          protected override execute(): Promise<CommandResult> {
            parsed = {id: this.ctor.id, flags: this.flags}
            return Promise.resolve({exitStatus: 0, json: undefined})
          }
        },
    )
    expect(await run(argumentsOf(example), {packageRoot: '/package', commands})).toBe(0)
    expect(output).toBe('')
    expect(parsed).toMatchObject({id})
  })

  it.each(runnable)('of %s works on a machine with a service: %s', async (id, example) => {
    const machine = serviceMachine()
    machine.comesUp()
    machine.host.put('/etc/hermes-svc.yaml', 'schemaVersion: 1\nservices: [{profile: default}]\n')
    const argv = argumentsOf(example).filter((word, index, words) => ![word, words[index - 1]].some((name) => OF_ANOTHER.test(name ?? '')))
    const Real = (await commandModules[id]?.())?.default as unknown as {flags?: object}
    const commands = withChanged(
      id,
      (Command) =>
        class extends Command {
          static override args = Command.args
          static override strict = Command.strict
          protected override createHost(): Host {
            return machine.host
          }
        },
    )
    const changes = 'dry-run' in (Real.flags ?? {}) && !argv.includes('--dry-run') ? ['--dry-run'] : []
    const status = await run([...argv.filter((word) => word !== '--fix'), ...changes], {packageRoot: machine.host.packageRoot, commands})
    expect(output).not.toContain('bug in hermes-svc')
    expect([0, 1, 3]).toContain(status)
    expect(machine.host.changes.filter(({kind}) => kind !== 'overwrite')).toEqual([])
  })
})
