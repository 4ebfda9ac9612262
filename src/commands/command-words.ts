/** The command that the first words name, `fix x` as well as `fix:x`, and the words after it; undefined if they name none. Pure. */
export function findCommand(
  words: readonly string[],
  isCommand: (id: string) => boolean,
): {readonly id: string; readonly rest: readonly string[]} | undefined {
  for (const length of [2, 1]) {
    const id = words.slice(0, length).join(':')
    if (words.length >= length && isCommand(id)) return {id, rest: words.slice(length)}
  }
  return undefined
}

/** What people type for a command of another name. */
const ALIASES: Readonly<Record<string, string>> = {ls: 'list', ps: 'list', version: '--version'}
/** Words of systemctl, of brew and the like, with what does here what is meant by them. They are not run: some do more than those who type them expect. */
export const FOREIGN_WORDS: Readonly<Record<string, string>> = {
  enable: 'start',
  disable: 'stop',
  reload: 'restart',
  info: 'status',
  remove: 'uninstall',
  update: 'fix outdated --all',
  upgrade: 'fix outdated --all',
}
/** Flags that may stand before the command; those that say which service is meant have a value. */
const WITH_VALUE = ['-p', '--profile', '--home', '--manager', '--scope', '--run-as']
const WITHOUT_VALUE = ['--json', '--verbose', '--no-color']

/** The words with the command first, and by its own name: `-p work ls` is `list -p work`. Others are left as they are. Pure. */
export function commandFirst(words: readonly string[]): readonly string[] {
  let count = 0
  for (let word = words[0]; word !== undefined; word = words[count]) {
    if (WITH_VALUE.includes(word) && count + 2 < words.length) count += 2
    else if (WITHOUT_VALUE.includes(word) || WITH_VALUE.some((flag) => word?.startsWith(`${flag}=`)) || /^-p./.test(word)) count += 1
    else break
  }
  const [command, ...rest] = words.slice(count)
  if (command === undefined || command.startsWith('-')) return words
  const own = Object.hasOwn(ALIASES, command) ? (ALIASES[command] ?? command) : command
  if (count === 0) return [own, ...rest]
  // Behind all words of the command, which may be of a topic, and before what is no flag any more.
  const end = rest.includes('--') ? rest.indexOf('--') : rest.length
  return [own, ...rest.slice(0, end), ...words.slice(0, count), ...rest.slice(end)]
}
