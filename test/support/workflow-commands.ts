/** A workflow command, as GitHub's runner understands it. */
interface WorkflowCommand {
  readonly command: string
  readonly properties: Readonly<Record<string, string>>
  readonly data: string
}

/** In the runner's order: the percent sign last, so that nothing is unescaped twice. */
const DATA = [
  ['%0D', '\r'],
  ['%0A', '\n'],
  ['%25', '%'],
] as const
const PROPERTY = [
  ['%0D', '\r'],
  ['%0A', '\n'],
  ['%3A', ':'],
  ['%2C', ','],
  ['%25', '%'],
] as const

const unescape = (text: string, mappings: readonly (readonly [string, string])[]) =>
  mappings.reduce((left, [escaped, character]) => left.replaceAll(escaped, character), text)

/**
 * Reads the workflow commands of a program's output by the rules of GitHub's runner (actions/runner, src/Runner.Common/ActionCommand.cs, TryParseV2):
 * one a line, blanks before it allowed; the first `::` after the name ends the properties, which commas part.
 */
export function readWorkflowCommands(output: string): WorkflowCommand[] {
  return output.split(/\r\n|\r|\n/).flatMap((line) => {
    const text = line.trimStart()
    const end = text.indexOf('::', 2)
    if (!text.startsWith('::') || end < 0) return []
    const [command = '', ...rest] = text.slice(2, end).split(' ')
    const pairs = rest.join(' ').trim().split(',').filter(Boolean)
    const properties = pairs.flatMap((pair) => {
      const [, name, value] = /^([^=]*)=([^]+)$/.exec(pair) ?? []
      return name && value ? [[name, unescape(value, PROPERTY)] as const] : []
    })
    return [{command, properties: Object.fromEntries(properties), data: unescape(text.slice(end + 2), DATA)}]
  })
}
