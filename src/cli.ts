import type {Command} from '@oclif/core/command'
import {asksForJson, hasFlag} from './commands/base.js'
import {commandFirst, findCommand, FOREIGN_WORDS} from './commands/command-words.js'
import {type CommandModules, commandModules} from './commands/index.js'
import {type ExitStatus, ExitStatus as Status, usageError} from './errors.js'
import {forbidColours, writeDirectly} from './host/stdio.js'
import {lightConfig} from './light-config.js'
import {reportFailure} from './ui/failure.js'
import {didYouMean} from './text/suggest.js'

/** The command classes by id, for oclif's "explicit" strategy. Empty until `loadCommands` has filled it: help works from the manifest. */
export const COMMANDS: Record<string, Command.Class> = {}

/** Loads every command into COMMANDS; the build makes the manifest from it. */
export async function loadCommands(): Promise<void> {
  for (const [id, load] of Object.entries(commandModules)) COMMANDS[id] = (await load()).default as unknown as Command.Class
}

export interface RunContext {
  /** The folder of package.json, templates and dist. */
  readonly packageRoot: string
  readonly commands?: CommandModules
  /** This process runs nothing else. */
  readonly ownsProcess?: boolean
}

/**
 * Runs the program with its arguments and returns the exit status. A known command runs at once, on a light configuration; help is
 * oclif's own. Never rejects.
 */
export async function run(typed: readonly string[], context: RunContext): Promise<ExitStatus> {
  const argv = commandFirst(typed)
  const {packageRoot, commands = commandModules, ownsProcess = false} = context
  if (ownsProcess) writeDirectly()
  if (ownsProcess && hasFlag(argv, '--no-color')) forbidColours()
  try {
    const words = argv[0] === 'help' ? argv.slice(1) : argv
    const ids = Object.keys(commands)
    const found = findCommand(words, (id) => ids.includes(id))
    if (asksForHelp(argv)) return await showHelp(found ? found.id : topicOf(words, ids), packageRoot)
    const load = found && commands[found.id]
    if (load) {
      const {default: CommandClass} = await load()
      CommandClass.id = found.id
      return await new CommandClass([...found.rest], lightConfig(packageRoot)).run()
    }
    return await showHelp(topicOf(words, ids), packageRoot)
  } catch (error) {
    return reportFailure(error, asksForJson(argv))
  }
}

/** The topic that the first word names, '' if there is no word. Throws a usage error if it is neither. */
function topicOf(argv: readonly string[], ids: readonly string[]): string {
  const [word, second] = argv
  if (word === undefined || HELP_FLAGS.includes(word)) return ''
  if (word.startsWith('-')) {
    throw usageError(`type the command before its flags, not ${word} first${didYouMean(word, ['--help', '--version'])}`, [
      'hermes-svc --help',
    ])
  }
  const known = ids.map((id) => id.replaceAll(':', ' '))
  const isTopic = ids.some((id) => id.startsWith(`${word}:`))
  if (isTopic && (second === undefined || second.startsWith('-'))) return word
  const typed = isTopic ? `${word} ${second}` : word
  const foreign = Object.hasOwn(FOREIGN_WORDS, word) ? FOREIGN_WORDS[word] : undefined
  if (foreign !== undefined) throw usageError(`unknown command: ${word}`, [`hermes-svc ${foreign}`])
  throw usageError(`unknown command: ${typed}${isTopic ? didYouMean(typed, known) : commandMeant(argv, known)}`, ['hermes-svc --help'])
}

/** What was meant by a first word that is no command and no topic: one of those, or a command of a topic whose name was left out. */
function commandMeant([word = '', second = '']: readonly string[], known: readonly string[]): string {
  const within = known.find((command) => command.endsWith(` ${word}`))
  if (within !== undefined) return ` (did you mean ${within}?)`
  const both = didYouMean(`${word} ${second}`, known)
  return second !== '' && both !== ''
    ? both
    : didYouMean(word, [...known, ...known.flatMap((command) => command.split(' ').slice(0, -1)), 'help'])
}

const HELP_FLAGS = ['--help', '-h']

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv[0] === 'help' || (end === -1 ? argv : argv.slice(0, end)).some((word) => HELP_FLAGS.includes(word))
}

/** oclif's help of a command, a topic or (with '') of the program. */
async function showHelp(id: string, packageRoot: string): Promise<ExitStatus> {
  const {execute} = await import('@oclif/core/execute')
  await execute({args: [...(id ? id.split(':') : []), '--help'], dir: packageRoot})
  return Status.ok
}
