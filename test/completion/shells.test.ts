import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {checkModules} from '../../src/doctor/checks/index.js'
import {ENTRY, PACKAGE_ROOT, runBuilt} from '../support/built.js'
import {inCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'

const TERMINAL = path.join(PACKAGE_ROOT, 'test', 'support', 'shell-in-terminal.py')
/** Where the Tab key is pressed once, and where a key is pressed that puts all that could stand there on the line. */
const TAB = '\t'
const ALL = '\u0014'
const MARK = 'END\r\n'

/** In place of the program, once the line is complete: says what it would have been given. The completion asks the real one. */
const SHOW_ARGUMENTS = `hermes-svc() { printf '\\nARGS'; printf '<%s>' "$@"; printf 'E%s\\n' ND; }`

let scratch: string
let home: string

beforeAll(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-completion-')))
  home = path.join(scratch, "a root's home")
  for (const profile of ['work', 'play', 'wörk', 'odd name', "it's", '$(touch pwned)', 'x;reboot'])
    fs.mkdirSync(path.join(home, 'profiles', profile), {recursive: true})
  fs.mkdirSync(path.join(scratch, 'other', 'profiles', 'elsewhere'), {recursive: true})
  fs.mkdirSync(path.join(scratch, 'bin'))
  fs.writeFileSync(path.join(scratch, 'bin', 'hermes-svc'), `#!/bin/sh\nexec '${process.execPath}' '${ENTRY}' "$@"\n`, {mode: 0o755})
  fs.writeFileSync(path.join(scratch, 'report file.json'), '')
})
afterAll(() => fs.rmSync(scratch, {recursive: true}))

type Cases = readonly (readonly [typed: string, args: readonly string[]])[]

interface ShellUnderTest {
  readonly name: string
  /** It is seen with the script already, which it gets in another way here. */
  readonly isAnotherWayIn?: true
  readonly argv: (folder: string) => readonly string[]
  readonly setup: string
}

const BASH: ShellUnderTest = {
  name: 'bash',
  argv: (folder) => ['bash', '--noprofile', '--rcfile', path.join(folder, 'rc'), '-i'],
  setup: `PS1=; bind 'set enable-bracketed-paste off'; bind '"\\C-t": insert-completions'`,
}
const SHELLS: readonly ShellUnderTest[] = [
  {...BASH, setup: `${BASH.setup}\neval "$(hermes-svc autocomplete bash)"`},
  {
    ...BASH,
    name: 'bash with bash-completion, which finds the script by its name',
    isAnotherWayIn: true,
    setup: `${BASH.setup}
mkdir -p "$HOME/.local/share/bash-completion/completions"
hermes-svc autocomplete bash > "$HOME/.local/share/bash-completion/completions/hermes-svc"
. /usr/share/bash-completion/bash_completion`,
  },
  {
    name: 'zsh',
    argv: () => ['zsh', '-i'],
    setup: `PS1=; unsetopt zle_bracketed_paste prompt_sp; autoload -U compinit; compinit -u -D
zle -C all-matches complete-word _generic; bindkey '^T' all-matches
zstyle ':completion:all-matches:*' insert yes; zstyle ':completion:all-matches::::' completer _all_matches _complete
eval "$(hermes-svc autocomplete zsh)"`,
  },
  {
    name: 'zsh that has the script on its fpath',
    isAnotherWayIn: true,
    argv: () => ['zsh', '-i'],
    setup: `PS1=; unsetopt zle_bracketed_paste prompt_sp; mkdir -p "$HOME/functions"; fpath=("$HOME/functions" $fpath)
hermes-svc autocomplete zsh > "$HOME/functions/_hermes-svc"; autoload -U compinit; compinit -u -D
zle -C all-matches complete-word _generic; bindkey '^T' all-matches
zstyle ':completion:all-matches:*' insert yes; zstyle ':completion:all-matches::::' completer _all_matches _complete`,
  },
]

/** Types lines into a shell with the completion, and returns the arguments that the program would have been given for each. */
function type(shell: ShellUnderTest, lines: readonly string[]): string[][] {
  const folder = fs.mkdtempSync(path.join(scratch, 'shell-'))
  const rc = `cd '${scratch}'\n${shell.setup}\n${SHOW_ARGUMENTS}\nprintf 'E%s\\n' ND\n`
  for (const name of ['rc', '.zshrc']) fs.writeFileSync(path.join(folder, name), rc)
  const env = {
    ...{PATH: `${path.join(scratch, 'bin')}:${process.env.PATH}`, HOME: folder, ZDOTDIR: folder, TERM: 'dumb', LC_ALL: 'C.UTF-8'},
    ...{HERMES_HOME: home, TELEGRAM_BOT_TOKEN: 'x'},
  }
  const job = {argv: shell.argv(folder), env, lines: lines.map((line) => `${line}\n`), mark: MARK}
  const {status, stdout, stderr} = spawnSync('python3', [TERMINAL, JSON.stringify(job)], {encoding: 'utf8'})
  if (status !== 0) throw new Error(stderr)
  return (JSON.parse(stdout) as string[]).map((shown) => {
    const [, args] = /\nARGS<([^]*?)>END\r\n/.exec(shown) ?? []
    if (args === undefined) throw new Error(`the program was not called: ${JSON.stringify(shown)}`)
    return args.replaceAll('\r\n', '\n').split('><')
  })
}

const absent = ['bash', 'fish', 'zsh', 'python3', '/usr/share/bash-completion/bash_completion'].find(
  (needed) => spawnSync('sh', ['-c', 'command -v "$0" || test -e "$0"', needed]).status !== 0,
)

describeUnless(absent && `there is no ${absent}`, 'completion', () => {
  it.each(SHELLS.map((shell) => [shell.name, shell] as const))('completes what is typed into %s', {timeout: 120_000}, (_, shell) => {
    // What is found by whom is the same for all of them (complete.test.ts): what each shell does itself, with its words, quotes and files, is seen of each.
    const ofAll = inCampaign<Cases>(
      [
        [`hermes-svc sta${ALL}`, ['start', 'status']],
        [`hermes-svc fix zom${TAB}`, ['fix', 'zombie-pid']],
        [`hermes-svc help fix lin${TAB}`, ['help', 'fix', 'linger']],
        [`hermes-svc autocomplete z${TAB}`, ['autocomplete', 'zsh']],
        [`hermes-svc status --scope s${TAB}`, ['status', '--scope', 'system']],
        [`hermes-svc start --no-c${TAB}`, ['start', '--no-color']],
        [`hermes-svc status --profile "pl${TAB}`, ['status', '--profile', 'play']],
        [`hermes-svc frobnicate x${TAB}`, ['frobnicate', 'x']],
      ],
      [],
    )
    const ofEach: Cases = [
      // Commands, findings.
      [`hermes-svc unin${TAB}`, ['uninstall']],
      [`hermes-svc fix ${ALL}`, ['fix', ...Object.keys(checkModules).sort()]],
      [`hermes-svc doctor --only path,stale-m${TAB}`, ['doctor', '--only', 'path,stale-marker']],
      // Flags and their values.
      [`hermes-svc status --wedge${TAB} 5s`, ['status', '--wedge-window', '5s']],
      [`hermes-svc status --scope=s${TAB}`, ['status', '--scope=system']],
      [`hermes-svc status --scope=${ALL}`, ['status', '--scope=system', ...(shell.name.startsWith('zsh') ? ['--scope=user'] : ['user'])]],
      [`hermes-svc install --env TELEGRAM_B${TAB} --dry${TAB}`, ['install', '--env', 'TELEGRAM_BOT_TOKEN', '--dry-run']],
      // Profiles as they are at that moment; never a folder that is no profile.
      [`hermes-svc status -p ${ALL}`, ['status', '-p', 'default', 'play', 'work']],
      [`mkdir "$HERMES_HOME/profiles/just-made"; hermes-svc made`, ['made']],
      [`hermes-svc status -p ju${TAB}`, ['status', '-p', 'just-made']],
      [`rmdir "$HERMES_HOME/profiles/just-made"; hermes-svc gone`, ['gone']],
      [`hermes-svc status -p ju${TAB}`, ['status', '-p', 'ju']],
      [`hermes-svc status --home '${scratch}/other' -p el${TAB}`, ['status', '--home', `${scratch}/other`, '-p', 'elsewhere']],
      [`hermes-svc status --home=${scratch}/other -p el${TAB}`, ['status', `--home=${scratch}/other`, '-p', 'elsewhere']],
      // What the shell completes itself, quotes included.
      // zsh takes the slash away again at the end of the line.
      [`hermes-svc status --home ./a${TAB}`, ['status', '--home', `./a root's home${shell.name.startsWith('zsh') ? '' : '/'}`]],
      [`hermes-svc doctor --report ./rep${TAB}`, ['doctor', '--report', './report file.json']],
      [`hermes-svc install --run-as daem${TAB}`, ['install', '--run-as', 'daemon']],
      // Nothing, where nothing can stand.
      [`hermes-svc status -- x${TAB}`, ['status', '--', 'x']],
    ]
    // How the script gets into a shell makes no difference to what it does there.
    const cases = shell.isAnotherWayIn ? inCampaign([...ofAll, ...ofEach], ofEach.slice(0, 3)) : [...ofAll, ...ofEach]
    const typed = type(
      shell,
      cases.map(([line]) => line),
    )
    const sorted = (args: readonly string[] | undefined, [line]: readonly [string, unknown]) =>
      line.includes(ALL) ? [...(args ?? [])].sort() : args
    expect(cases.map((entry, index) => [entry[0], sorted(typed[index], entry)])).toEqual(
      cases.map((entry) => [entry[0], sorted(entry[1], entry)]),
    )
    expect(fs.existsSync(path.join(scratch, 'pwned'))).toBe(false)
  })

  it('completes what is typed into fish', {timeout: 120_000}, () => {
    const empty: readonly string[] = []
    const cases: readonly (readonly [typed: string, words: readonly string[]])[] = [
      ['hermes-svc unin', ['uninstall']],
      ['hermes-svc fix zom', ['zombie-pid']],
      ['hermes-svc fix ', Object.keys(checkModules).sort()],
      ['hermes-svc help fix lin', ['linger']],
      ['hermes-svc help exit', ['exit-status']],
      ['hermes-svc autocomplete ', ['bash', 'fish', 'zsh']],
      ['hermes-svc doctor path stale-m', ['stale-marker']],
      ['hermes-svc doctor --only path,stale-m', ['path,stale-marker']],
      ['hermes-svc status --wedge', ['--wedge-window']],
      ['hermes-svc status --scope ', ['system', 'user']],
      ['hermes-svc status --scope=s', ['--scope=system']],
      ['hermes-svc install --env TELEGRAM_B', ['TELEGRAM_BOT_TOKEN']],
      ['hermes-svc status -p ', ['default', 'play', 'work']],
      ['hermes-svc status --profile "pl', ['play']],
      [`hermes-svc status --home '${scratch}/other' -p el`, ['elsewhere']],
      [`hermes-svc status --home=${scratch}/other -p el`, ['elsewhere']],
      ['hermes-svc status --home ./oth', ['./other/']],
      ['hermes-svc status --home=./oth', ['--home=./other/']],
      ['hermes-svc doctor --report ./rep', ['./report file.json']],
      ['hermes-svc install --run-as daem', ['daemon']],
      ['hermes-svc status -- x', empty],
      ['hermes-svc frobnicate x', empty],
    ]
    const folder = fs.mkdtempSync(path.join(scratch, 'shell-'))
    const env = {
      ...{PATH: `${path.join(scratch, 'bin')}:${process.env.PATH}`, HOME: folder, TERM: 'dumb', LC_ALL: 'C.UTF-8'},
      ...{HERMES_HOME: home, TELEGRAM_BOT_TOKEN: 'x'},
    }
    const script = `cd '${scratch}'; hermes-svc autocomplete fish | source; for line in $argv; echo "> $line"; complete --do-complete $line; end`
    const {stdout, stderr} = spawnSync('fish', ['--no-config', '-c', script, ...cases.map(([line]) => line)], {encoding: 'utf8', env})
    expect(stderr).toBe('')
    const [, ...answers] = stdout.split(/^> .*\n/m)
    const found = answers.map((answer) =>
      answer
        .split('\n')
        .flatMap((line) => line.split('\t')[0] || [])
        .sort(),
    )
    expect(cases.map(([line], index) => [line, found[index]])).toEqual(cases)
    expect(fs.existsSync(path.join(scratch, 'pwned'))).toBe(false)
  })

  it.each(['bash', 'fish', 'zsh'])('has a script for %s that the shell itself finds nothing wrong with', (shell) => {
    const {stdout, status} = runBuilt(['autocomplete', shell])
    expect(status).toBe(0)
    const file = path.join(scratch, `script.${shell}`)
    fs.writeFileSync(file, stdout)
    expect(spawnSync(shell, ['-n', file], {encoding: 'utf8'})).toMatchObject({status: 0, stderr: ''})
  })
})
