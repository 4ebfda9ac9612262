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
