import type {Scope} from '../../src/service/service.js'
import path from 'node:path'
import fc from 'fast-check'
import type {Account} from '../../src/host/host.js'
import {shellQuote} from '../../src/text/shell-quote.js'
import type {InstallRequest} from './install-driver.js'
import {nastyPath, nastyText, nastyValue} from './nasty-values.js'

/** Room for a home's own files below PATH_MAX (4096 bytes, the NUL included). */
const LONGEST_PATH_BYTES = 3800
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** What is chosen at random for an installation; paths are relative. */
interface Choice {
  readonly home: string
  readonly profile: string | undefined
  readonly program: string
  readonly args: readonly string[]
  readonly variables: ReadonlyMap<string, string>
  /** How `--command` is written; `whole`: the path of the program as it stands, and no arguments. */
  readonly quoting: 'single' | 'double' | 'whole'
  /** The variables are named, and their values taken from the caller's environment. */
  readonly inherited: boolean
  /** What it may take of the machine; nothing is limited that is not named. */
  readonly resources: {
    readonly memoryHigh?: Limit
    readonly memoryMax?: Limit
    readonly nice?: number
    readonly cpuWeight?: number
  }
}

/** A limit of memory as it is typed, and what that is in bytes on a machine that has so many. */
interface Limit {
  readonly text: string
  readonly bytes: (machineBytes: number) => number
}

const variableName = fc.oneof(
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/).map((name) => `T_${name}`),
  fc.constantFrom('PATH', 'LANG', 'TZ', 'IFS', 'PWD', '_', 'SHELL', 'XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS', 'NODE_OPTIONS'),
)

const memoryLimit: fc.Arbitrary<Limit> = fc.oneof(
  fc.integer({min: 64, max: 4096}).map((number) => ({text: `${number}M`, bytes: () => number * 1024 ** 2})),
  fc.integer({min: 1, max: 64}).map((number) => ({text: `${number}.5g`, bytes: () => (number + 0.5) * 1024 ** 3})),
  fc.integer({min: 64 * 1024 ** 2, max: 2 ** 40}).map((number) => ({text: String(number), bytes: () => number})),
  fc.integer({min: 1, max: 100}).map((number) => ({text: `${number}%`, bytes: (machine: number) => (machine * number) / 100})),
)

export const installChoice: fc.Arbitrary<Choice> = fc.record({
  home: nastyPath,
  profile: fc.oneof(fc.constant(undefined), fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,63}$/)),
  program: nastyPath,
  args: fc.array(fc.oneof(nastyText({blanks: 3, controls: 2}), fc.constantFrom(';', '', '#', '$$', 'y%'.repeat(9000))), {maxLength: 4}),
  variables: fc.array(fc.tuple(variableName, nastyValue), {maxLength: 3}).map((entries) => new Map(entries)),
  quoting: fc.constantFrom('single', 'double', 'whole'),
  inherited: fc.boolean(),
  resources: fc.record(
    {memoryHigh: memoryLimit, memoryMax: memoryLimit, nice: fc.nat(19), cpuWeight: fc.integer({min: 1, max: 10_000})},
    {requiredKeys: []},
  ),
})

/** A home directory of a user that a line of passwd(5) can hold, without the folder that it is in. */
export const accountHomeName = nastyText({blanks: 0, controls: 0}).map((name) => name.replace(/[/:\n]/g, ''))

/** How a refusal begins, and what else it says. */
interface Refusal {
  readonly flag: string
  readonly reason: RegExp
}

/** One installation: what is asked for, and what must come of it. */
export interface InstallCase {
  readonly account: Account
  readonly request: InstallRequest
  readonly resources: Choice['resources']
  /** The gateway's own home: below the root home if a profile is named. */
  readonly home: string
  readonly program: string
  /** The gateway's whole command line. */
  readonly argv: readonly string[]
  /** The variables that were given by flag. */
  readonly variables: Readonly<Record<string, string>>
  /** The PATH that the unit gives it. */
  readonly unitPath: string
  /** It must be refused for one of these; if there are none it must not be refused. */
  readonly refusals: readonly Refusal[]
}

/** Makes a choice an installation in a folder; `index` keeps it apart from others. The account must have a folder ~/.local/bin. */
export function installCase(choice: Choice, index: number, folder: string, scope: Scope, account: Account): InstallCase {
  const root = `${folder}/h${index}/${choice.home}`
  const program = `${folder}/p${index}/${choice.program}/gateway`
  const isWhole = choice.quoting === 'whole'
  const args = isWhole ? [] : choice.args
  const home = choice.profile === undefined ? root : `${root}/profiles/${choice.profile}`
  const quote = choice.quoting === 'double' ? (word: string) => `"${word.replace(/["\\$`]/g, '\\$&')}"` : shellQuote
  const command = isWhole ? program : [program, ...args].map(quote).join(' ')
  const profile = choice.profile === undefined ? [] : ['--profile', choice.profile]
  const variables = [...choice.variables].flatMap(([name, value]) => ['--env', choice.inherited ? name : `${name}=${value}`])
  const programFolder = path.dirname(program)
  const refused = (flag: string, reason: RegExp | undefined): Refusal[] => (reason ? [{flag, reason}] : [])
  const {memoryHigh, memoryMax, nice, cpuWeight} = choice.resources
  const given = {'memory-high': memoryHigh?.text, 'memory-max': memoryMax?.text, nice, 'cpu-weight': cpuWeight}
  const resources = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]))
  return {
    account,
    resources: choice.resources,
    home,
    program,
    request: {
      args: ['--scope', scope, '--run-as', account.name, '--home', root, ...profile, '--command', command, ...variables, ...resources],
      env: choice.inherited ? Object.fromEntries(choice.variables) : {},
    },
    argv: [program, ...args, ...profile, 'gateway', 'run', ...(choice.profile === undefined ? ['--profile=default'] : [])],
    variables: Object.fromEntries(choice.variables),
    // A colon cannot be within an entry of PATH.
    unitPath: [...(programFolder.includes(':') ? [] : [programFolder]), `${account.home}/.local/bin`, ...SYSTEM_FOLDERS].join(':'),
    refusals: [
      ...[...choice.variables].flatMap(([name, value]) => refused(`--env ${name}`, refusedValue(value))),
      ...refused('--memory-high', refusedTogether(memoryHigh, memoryMax)),
      ...refused('--home', refusedHome(home)),
      ...refused(`--run-as ${account.name}`, refusedPath(account.home)),
      ...refused('--command', isWhole ? refusedWhole(program) : (refusedPath(program) ?? args.map(refusedText).find(Boolean))),
    ],
  }
}

function refusedTogether(high: Limit | undefined, max: Limit | undefined): RegExp | undefined {
  if (!high || !max || high.text.endsWith('%') !== max.text.endsWith('%')) return undefined
  return high.bytes(100) > max.bytes(100) ? /must not be higher than --memory-max/ : undefined
}

const TOO_LONG = /is too long/

/** Why a path cannot be in a definition at all. */
function refusedPath(value: string): RegExp | undefined {
  if (Buffer.byteLength(value) > LONGEST_PATH_BYTES || value.split('/').some((name) => Buffer.byteLength(name) > 255)) return TOO_LONG
  return /[\u0000-\u001f\u007f]/.test(value) ? /contains a control character/ : refusedText(value)
}

/** A program without quotes around it is taken as it stands if there is such a file, which a path that is too long rules out. */
function refusedWhole(value: string): RegExp | undefined {
  const refused = refusedPath(value)
  return refused === TOO_LONG ? /is too long|expands and pipes nothing|has a quote/ : refused
}

/** A home is also a setting of its own, which takes the rest of its line. */
function refusedHome(value: string): RegExp | undefined {
  return refusedPath(value) ?? (value.endsWith(' ') ? /ends in a space/ : value.endsWith('\\') ? /ends in a backslash/ : undefined)
}

function refusedValue(value: string): RegExp | undefined {
  return /[\u0000-\u0008\u000b-\u001f\u007f]/.test(value) ? /contains a control character/ : refusedText(value)
}

/** What no definition can hold: noncharacters, and what stands for bytes that are no UTF-8. */
function refusedText(value: string): RegExp | undefined {
  if (value.includes('\ufffd')) return /U\+FFFD/
  return /\p{Noncharacter_Code_Point}/u.test(value) ? /a noncharacter/ : undefined
}
