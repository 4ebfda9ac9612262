import {Args} from '@oclif/core'
import {ExitStatus, usageError} from '../errors.js'
import {BaseCommand, type CommandResult} from './base.js'

const SHELLS = ['bash', 'fish', 'zsh'] as const
type Shell = (typeof SHELLS)[number]

const INSTALL: Readonly<Record<Shell, readonly string[]>> = {
  bash: [
    'For this shell:',
    '  eval "$(hermes-svc autocomplete bash)"',
    'For every shell from now on, add that line to ~/.bashrc; or, with the package bash-completion:',
    '  mkdir -p ~/.local/share/bash-completion/completions',
    '  hermes-svc autocomplete bash > ~/.local/share/bash-completion/completions/hermes-svc',
  ],
  fish: [
    'For this shell:',
    '  hermes-svc autocomplete fish | source',
    'For every shell from now on:',
    '  hermes-svc autocomplete fish > ~/.config/fish/completions/hermes-svc.fish',
  ],
  zsh: [
    'For this shell:',
    '  eval "$(hermes-svc autocomplete zsh)"',
    'For every shell from now on, add that line to ~/.zshrc, after the one with compinit; or, in a folder of your $fpath:',
    '  hermes-svc autocomplete zsh > "${fpath[1]}/_hermes-svc"',
  ],
}

export default class Autocomplete extends BaseCommand<typeof Autocomplete> {
  static override summary = 'Print the completion script for a shell, or say how to install it'
  static override description =
    `The Tab key then completes commands, findings, flags, their values, and the profiles that there are at that moment. The script asks the
installed hermes-svc each time, so it need not be made anew after an upgrade. Without a shell it says how to install it for yours.`
  static override examples = [
    '<%= config.bin %> autocomplete',
    'eval "$(<%= config.bin %> autocomplete bash)"',
    '<%= config.bin %> autocomplete zsh',
  ]
  static override args = {shell: Args.string({options: [...SHELLS], description: 'the shell that the script is for'})}

  protected async execute(): Promise<CommandResult> {
    if (this.flags.json) throw usageError('--json: a script for a shell is no document')
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
