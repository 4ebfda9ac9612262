import {findCommand} from '../commands/command-words.js'
import type {CommandShape, CommandTree, FlagShape} from './tree.js'

/** One word that could stand in the place of the one under the cursor, and what it means. */
export interface Candidate {
  readonly word: string
  readonly about: string
}

/** What can stand under the cursor: some words, or what the shell itself knows how to complete. */
export type Completion =
  | {readonly kind: 'words'; readonly candidates: readonly Candidate[]}
  | {readonly kind: 'files' | 'folders' | 'users'}

/** What is looked up only when it is asked for. */
export interface LiveValues {
  /** Profiles of the home, or of the account, that the flags on the line name. */
  profiles(flags: {readonly home?: string | undefined; readonly runAs?: string | undefined}): readonly Candidate[]
  /** Names of the variables in the environment. */
  variables(): readonly string[]
}

/** What is known of a command line up to the cursor. */
interface Typed {
  /** Names of the flags on it, with the last value of each. */
  readonly flags: ReadonlyMap<string, string>
  /** The flag whose value is under the cursor. */
  readonly pending: FlagShape | undefined
  /** How many arguments that are no flags. */
  readonly count: number
  /** A `--` ended the flags. */
  readonly isOver: boolean
}

const NOTHING: Completion = {kind: 'words', candidates: []}
/** Flags whose values the shell completes. */
const SHELL_KIND: Readonly<Record<string, 'files' | 'folders' | 'users'>> = {
  home: 'folders',
  'run-as': 'users',
  command: 'files',
  junit: 'files',
  report: 'files',
  html: 'files',
}

/**
 * What can stand in the place of the last of some words, which follow the program's name. Nothing is left out because it does not begin like
 * that word: how words match is the shell's own matter, or the caller's.
 */
export function complete(tree: CommandTree, words: readonly string[], live: LiveValues): Completion {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const isHelp = before[0] === 'help'
  const path = isHelp ? before.slice(1) : before
  const {command, id, topic, rest} = find(tree, path)
  if (!command) {
    if (path.length > (topic === undefined ? 0 : 1)) return NOTHING
    if (current.startsWith('-')) return theseWords(flagsOf([...(topic === undefined ? [VERSION] : []), HELP]))
    return theseWords(topic === undefined ? firstWords(tree, isHelp) : wordsOfTopic(tree, topic))
  }
  if (isHelp) return theseWords(id !== undefined && rest.length === 0 ? wordsOfTopic(tree, id) : [])
  const typed = read(command, rest)
  if (typed.isOver) return NOTHING
  if (typed.pending && !(typed.pending.value === 'optional' && current.startsWith('-'))) {
    return valuesOf(tree, typed.pending, typed, '', current, live)
  }
  const [, name, value] = /^--([a-z-]+)=(.*)$/s.exec(current) ?? []
  if (name !== undefined) {
    const flag = command.flags.find((known) => known.name === name && known.value !== undefined)
    return flag ? valuesOf(tree, flag, typed, `--${name}=`, value ?? '', live) : NOTHING
  }
  // A command can have others below its name.
  const below = id !== undefined && rest.length === 0 ? wordsOfTopic(tree, id) : []
  if (below.length > 0 && !current.startsWith('-')) return theseWords(below)
  const values = command.args[typed.count]
  if (values === 'profile' && !current.startsWith('-') && current !== '') {
    return theseWords(live.profiles({home: typed.flags.get('home'), runAs: typed.flags.get('run-as')}))
  }
  if (values && values !== 'profile' && !current.startsWith('-')) return theseWords(values.map((word) => ({word, about: ''})))
  if (command.rest && current !== '' && !current.startsWith('-')) {
    return theseWords(command.rest.filter((word) => !rest.includes(word)).map((word) => ({word, about: ''})))
  }
  return theseWords(flagsOf(command.flags.filter((flag) => isPossible(flag, command, typed))))
}

const HELP: FlagShape = {name: 'help', about: 'show the commands'}
const VERSION: FlagShape = {name: 'version', about: 'show the version'}

function theseWords(candidates: readonly Candidate[]): Completion {
  return {kind: 'words', candidates}
}

/** The command that words name, with the words after it; or the topic that they are in so far. */
function find(
  {commands, topics}: CommandTree,
  words: readonly string[],
): {command?: CommandShape | undefined; id?: string; topic?: string; rest: readonly string[]} {
  const [first = '', second] = words
  const found = findCommand(words, (id) => Object.hasOwn(commands, id))
  if (found) return {command: commands[found.id], id: found.id, rest: found.rest}
  return Object.hasOwn(topics, first) && second === undefined ? {topic: first, rest: []} : {rest: words}
}

function firstWords({commands, topics, helpPages}: CommandTree, isHelp: boolean): Candidate[] {
  const ids = Object.keys(commands).filter((id) => !id.includes(':'))
  const pages = Object.entries(helpPages).map(([word, about]) => ({word, about}))
  const found = [
    ...ids.map((word) => ({word, about: commands[word]?.about ?? ''})),
    ...Object.entries(topics).flatMap(([word, about]) => (ids.includes(word) ? [] : [{word, about}])),
    ...(isHelp ? pages : [{word: 'help', about: 'show what a command does and its flags'}]),
  ]
  return found.sort((a, b) => (a.word < b.word ? -1 : 1))
}

function wordsOfTopic({commands}: CommandTree, topic: string): Candidate[] {
  return Object.entries(commands).flatMap(([id, {about}]) =>
    id.startsWith(`${topic}:`) ? [{word: id.slice(topic.length + 1), about}] : [],
  )
}

function read({flags}: CommandShape, words: readonly string[]): Typed {
  const found = new Map<string, string>()
  let pending: FlagShape | undefined
  let count = 0
  for (const word of words) {
    if (pending && !(pending.value === 'optional' && word.startsWith('-'))) {
      found.set(pending.name, word)
      pending = undefined
      continue
    }
    pending = undefined
    if (word === '--') return {flags: found, pending, count, isOver: true}
    const [, name, char, value] = /^(?:--([^=]+)|-([A-Za-z]))(?:=?(.+))?$/s.exec(word) ?? []
    const flag = flags.find((known) => (name === undefined ? known.char !== undefined && known.char === char : known.name === name))
    if (!word.startsWith('-')) count++
    if (!flag) continue
    found.set(flag.name, value ?? '')
    if (flag.value !== undefined && value === undefined && !word.endsWith('=')) pending = flag
  }
  return {flags: found, pending, count, isOver: false}
}

function isPossible(flag: FlagShape, {flags: all}: CommandShape, {flags: typed}: Typed): boolean {
  if (typed.has(flag.name) && !flag.multiple) return false
  if (flag.exclusive?.some((name) => typed.has(name))) return false
  return !all.some(({name, exclusive}) => typed.has(name) && exclusive?.includes(flag.name))
}

function flagsOf(flags: readonly FlagShape[]): Candidate[] {
  return flags.map(({name, about}) => ({word: `--${name}`, about}))
}

/** `start`: what stands before the value in the same word; `value`: what is typed of it. */
function valuesOf(tree: CommandTree, flag: FlagShape, typed: Typed, start: string, value: string, live: LiveValues): Completion {
  const shellKind = SHELL_KIND[flag.name]
  if (shellKind && !flag.options) return {kind: shellKind}
  if (!flag.list) return theseWords(listed(valuesFor(tree, flag, typed, live), start))
  const comma = value.lastIndexOf(',') + 1
  const taken = value.slice(0, comma).split(',')
  const left = valuesFor(tree, flag, typed, live).filter(({word}) => !taken.includes(word))
  return theseWords(listed(left, start + value.slice(0, comma)))
}

function listed(candidates: readonly Candidate[], start: string): Candidate[] {
  return candidates.map(({word, about}) => ({word: start + word, about}))
}

function valuesFor(tree: CommandTree, flag: FlagShape, {flags}: Typed, live: LiveValues): readonly Candidate[] {
  const bare = (words: readonly string[]) => words.map((word) => ({word, about: ''}))
  if (flag.options) return bare(flag.options)
  switch (flag.name) {
    case 'profile':
      return live.profiles({home: flags.get('home'), runAs: flags.get('run-as')})
    case 'only':
    case 'skip':
      return findings(tree)
    case 'fix':
      return [...bare(['all', 'safe', 'none']), ...findings(tree)]
    case 'env':
    case 'unset-env':
      return bare(live.variables())
    case 'watchdog':
      return bare(['off'])
    default:
      return []
  }
}

/** Each check has its fix, whose summary is what it is about. */
function findings(tree: CommandTree): readonly Candidate[] {
  return wordsOfTopic(tree, 'fix').map(({word, about}) => ({word, about: about.replace(/^(?:Fix|Say what to do about) /, '')}))
}
