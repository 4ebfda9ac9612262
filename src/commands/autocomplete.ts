import {ExitStatus, usageError} from '../errors.js'
import {argument} from './argument.js'
import {BaseCommand, type CommandResult, commonFlagsWithout} from './base.js'

const SHELLS = ['bash', 'fish', 'zsh'] as const
type Shell = (typeof SHELLS)[number]

const INSTALL: Readonly<Record<Shell, readonly string[]>> = {
  bash: [
    'For this shell:',
    '  eval "$(hermes-svc autocomplete bash)"',
    'For every new shell, add that line to ~/.bashrc. If you have the package bash-completion, type this instead:',
    '  mkdir -p ~/.local/share/bash-completion/completions',
    '  hermes-svc autocomplete bash > ~/.local/share/bash-completion/completions/hermes-svc',
  ],
  fish: [
    'For this shell:',
    '  hermes-svc autocomplete fish | source',
    'For every new shell:',
    '  hermes-svc autocomplete fish > ~/.config/fish/completions/hermes-svc.fish',
  ],
  zsh: [
    'For this shell:',
    '  eval "$(hermes-svc autocomplete zsh)"',
    'For every new shell, add that line to ~/.zshrc, below the line with compinit. Or put the script in a folder of your $fpath:',
    '  hermes-svc autocomplete zsh > "${fpath[1]}/_hermes-svc"',
  ],
}

export default class Autocomplete extends BaseCommand<typeof Autocomplete> {
  static override summary = 'Print the completion script for a shell, or say how to install it'
  static override description = `With the script, the Tab key completes commands, findings, flags, values and the names of your profiles.
The script asks the installed hermes-svc each time, so you do not need to install it again after an upgrade.
Without the name of a shell, the command shows how to install the script for your shell.`
  static override examples = [
    '<%= config.bin %> autocomplete',
    'eval "$(<%= config.bin %> autocomplete bash)"',
    '<%= config.bin %> autocomplete zsh',
  ]
  static override baseFlags = commonFlagsWithout('profile', 'home', 'manager', 'scope', 'run-as', 'json')
  static override args = {shell: argument({options: [...SHELLS], description: 'the shell to print the script for'})}

  protected async execute(): Promise<CommandResult> {
    if (this.flags.json) throw usageError('autocomplete prints a shell script and has no --json')
    const shell = this.args.shell as Shell | undefined
    for (const line of shell ? this.script(shell) : this.advice()) this.print(line)
    return {exitStatus: ExitStatus.ok, json: undefined}
  }

  private script(shell: Shell): string[] {
    const file = `${this.host.packageRoot}/templates/completion/hermes-svc.${shell}`
    const text = this.host.readText(file)
    if (text === undefined) throw new Error(`the package is incomplete: ${file} is missing`)
    return text.trimEnd().split('\n')
  }

  private advice(): string[] {
    const own = SHELLS.find((shell) => this.host.env.SHELL?.endsWith(`/${shell}`))
    return (own ? [own] : SHELLS).flatMap((shell, index) => [...(index > 0 ? [''] : []), `Completion for ${shell}.`, ...INSTALL[shell]])
  }
}
