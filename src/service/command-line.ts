/** What a shell would do more with than to take it as it stands (POSIX XCU 2.2 to 2.7), when it is not quoted. */
const EXPANDED = /[$`|&;<>()*?[\n]/

/**
 * Splits a command line into words as a POSIX shell does: blanks apart, quotes and backslashes as in XCU 2.2. Nothing is expanded, so
 * what a shell would expand must be quoted. Returns the reason, a text that follows the value in a message, if it is no such line.
 */
export function splitCommandLine(text: string): {readonly words: readonly string[]} | {readonly refused: string} {
  const words: string[] = []
  const expanded = {refused: 'is more than a program and its arguments. A service expands and pipes nothing: quote special characters'}
  let word: string | undefined
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? ''
    if (character === ' ' || character === '\t') {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (character === "'") {
      const end = text.indexOf("'", index + 1)
      if (end < 0) return {refused: 'has a quote that is not closed'}
      word = (word ?? '') + text.slice(index + 1, end)
      index = end
    } else if (character === '"') {
      const [, inner] = /^"((?:[^"\\]|\\[^])*)"/.exec(text.slice(index)) ?? []
      if (inner === undefined) return {refused: 'has a quote that is not closed'}
      if (/^(?:[^\\]|\\[^])*?[$`]/.test(inner)) return expanded
      word = (word ?? '') + inner.replace(/\\([$`"\\\n])/g, (_, escaped: string) => (escaped === '\n' ? '' : escaped))
      index += inner.length + 1
    } else if (character === '\\') {
      const escaped = text[++index]
      if (escaped === undefined) return {refused: 'ends in a backslash'}
      if (escaped !== '\n') word = (word ?? '') + escaped
    } else if (EXPANDED.test(character) || ('#~'.includes(character) && word === undefined)) {
      return expanded
    } else {
      word = (word ?? '') + character
    }
  }
  return {words: word === undefined ? words : [...words, word]}
}
