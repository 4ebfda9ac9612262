/**
 * Upstream's rule for a gateway's command line, by whole words: a program named `hermes`, or a word with hermes_cli (module or file) in it
 * (a launcher may name it in the script that it passes with -c), then `gateway` followed by `run`, by nothing, or by `restart` (hosts
 * without a supervisor run it inside that); or a `hermes-gateway` program.
 */
export function isGatewayCommandLine(argv: readonly string[]): boolean {
  const words = withoutProfileFlag(argv)
  if (words.some((word) => baseName(word) === 'hermes-gateway' || word.endsWith('gateway/run.py'))) return true
  const launcher = words.findIndex(
    (word) => word.includes('hermes_cli.main') || word.includes('hermes_cli/main.py') || baseName(word) === 'hermes',
  )
  if (launcher < 0) return false
  const gateway = words.indexOf('gateway', launcher + 1)
  if (gateway < 0) return false
  const verb = words.slice(gateway + 1).find((word) => !word.startsWith('-'))
  return verb === undefined || verb === 'run' || verb === 'restart'
}

/** The profile that a command line names with -p or --profile, by whole words; undefined if it names none. */
export function profileOfCommandLine(argv: readonly string[]): string | undefined {
  for (const [index, word] of argv.entries()) {
    if (word === '-p' || word === '--profile') return argv[index + 1]
    const joined = /^(?:-p|--profile)=(.*)$/.exec(word)
    if (joined) return joined[1]
  }
  return undefined
}

function withoutProfileFlag(argv: readonly string[]): string[] {
  return argv.filter((word, index) => !/^(-p|--profile)(=|$)/.test(word) && !['-p', '--profile'].includes(argv[index - 1] ?? ''))
}

function baseName(word: string): string {
  return word.slice(word.lastIndexOf('/') + 1)
}
