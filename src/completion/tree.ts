/** Of what the commands consist, as the build writes it to dist/completion.json from oclif's manifest. */
export interface CommandTree {
  /** By id, `topic:command` within a topic. */
  readonly commands: Readonly<Record<string, CommandShape>>
  /** What a topic is about, by its name. */
  readonly topics: Readonly<Record<string, string>>
  /** What `help` tells of besides commands, by the word that is typed for it. */
  readonly helpPages: Readonly<Record<string, string>>
}

export interface CommandShape {
  readonly about: string
  readonly flags: readonly FlagShape[]
  /** The values of each argument; `profile`: the names of profiles. */
  readonly args: readonly (readonly string[] | 'profile')[]
  /** Values of the last argument, of which any number may stand there. */
  readonly rest?: readonly string[]
}

export interface FlagShape {
  readonly name: string
  readonly char?: string
  readonly about: string
  /** Absent: it takes no value. `optional`: its value may be left out. */
  readonly value?: 'needed' | 'optional'
  /** All values that it takes. */
  readonly options?: readonly string[]
  /** It may be given more than once; several values of `list` can stand in one word, with commas. */
  readonly multiple?: true
  readonly list?: true
  /** Names of flags that it cannot stand beside. */
  readonly exclusive?: readonly string[]
}

interface ManifestFlag {
  readonly name: string
  readonly type: 'boolean' | 'option'
  readonly char?: string
  readonly description?: string
  readonly options?: readonly string[]
  readonly multiple?: boolean
  readonly delimiter?: string
  readonly allowNo?: boolean
  readonly hidden?: boolean
  readonly exclusive?: readonly string[]
}

/** A command in oclif's manifest; `bareFlags` is ours (BaseCommand.bareFlags). */
export interface ManifestCommand {
  readonly summary?: string
  readonly flags: Readonly<Record<string, ManifestFlag>>
  readonly args: Readonly<Record<string, {readonly options?: readonly string[]}>>
  readonly bareFlags?: Readonly<Record<string, string>>
}

/** What completion needs of oclif's manifest. */
export function commandTree(
  commands: Readonly<Record<string, ManifestCommand>>,
  topics: CommandTree['topics'],
  helpPages: CommandTree['helpPages'],
): CommandTree {
  const shapes = Object.entries(commands).map(([id, {summary = '', flags, args, bareFlags = {}}]) => {
    const shape: CommandShape = {
      about: summary,
      flags: [...Object.values(flags).flatMap((flag) => flagShapes(flag, flag.name in bareFlags)), HELP],
      args: Object.entries(args).flatMap(([name, {options = []}]) => (name === 'check' ? [] : [name === 'profile' ? name : options])),
      ...('check' in args ? {rest: checkIds(commands)} : {}),
    }
    return [id, shape] as const
  })
  return {commands: Object.fromEntries(shapes), topics, helpPages}
}

/** Each check has its fix. */
function checkIds(commands: Readonly<Record<string, ManifestCommand>>): string[] {
  return Object.keys(commands).flatMap((id) => (id.startsWith('fix:') ? [id.slice('fix:'.length)] : []))
}

const HELP: FlagShape = {name: 'help', about: 'show what this command does and its flags'}

function flagShapes(flag: ManifestFlag, isBare: boolean): FlagShape[] {
  if (flag.hidden) return []
  const {name, char, description: about = '', options, multiple, delimiter, exclusive} = flag
  const shape: FlagShape = {
    name,
    about,
    ...(char ? {char} : {}),
    ...(flag.type === 'option' ? {value: isBare ? 'optional' : 'needed'} : {}),
    ...(options ? {options} : {}),
    ...(multiple ? {multiple} : {}),
    ...(delimiter === ',' ? {list: true} : {}),
    ...(exclusive ? {exclusive} : {}),
  }
  return flag.allowNo ? [shape, {name: `no-${name}`, about: `not: ${about}`, exclusive: [name]}] : [shape]
}
