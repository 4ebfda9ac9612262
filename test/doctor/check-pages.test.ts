import {describe, expect, it} from 'vitest'
import {commandModules} from '../../src/commands/index.js'
import {loadChecks} from '../../src/doctor/checks/index.js'
import {byHandGroups, checkHelp, fixConsequences} from '../../src/ui/check-help.js'

/** What a machine has without us, or its service manager brings. */
const SYSTEM_PROGRAMS = new Set(
  'awk cat codesign crontab date df dmesg du find findmnt free fuser getfacl git grep head id launchctl ls lsof namei ps python3 readlink sed sh sort ss stat systemctl systemd-analyze journalctl loginctl tail tr xattr'.split(
    ' ',
  ),
)
const isSystemProgram = (name: string) => SYSTEM_PROGRAMS.has(name) || /^s6-[a-z]+$/.test(name)

/** 80 columns without the indent and the sign before a command. */
const LONGEST = 76

const checks = await loadChecks()

/** The programs that a line of a shell runs: the first word of each command in it, without what only lends rights. */
function programsOf(line: string): string[] {
  const withoutQuotes = line.replace(/'[^']*'|"[^"]*"/g, 'quoted')
  const commands = withoutQuotes.split(/\|\||&&|[|;]|\$\(/).map((one) => one.trim().replace(/^sudo (?:-u \S+ )?/, ''))
  return commands.map((one) => one.split(/[ )]/)[0] ?? '').filter((word) => word !== '')
}

/** The commands of ours that a text names in quotation marks, as ids. */
function ownCommandsIn(text: string): string[] {
  return [...text.matchAll(/"(?:sudo )?hermes-svc ([a-z-]+)(?: ([a-z][a-z-]*))?/g)].map(([, word = '', next = '']) =>
    word === 'fix' || word === 'config' || word === 'notify' ? `${word}:${next}` : word,
  )
}

describe.each(checks)('the page of $id', (check) => {
  const {whatTheFixDoes, ifItComesBack} = check
  const groups = byHandGroups(check)
  const byHand = groups.flatMap(({commands}) => commands)

  it('shows it by hand with commands of the system, and says what each of them shows', () => {
    expect(byHand.flatMap(([command]) => programsOf(command)).filter((name) => !isSystemProgram(name))).toEqual([])
    expect(byHand.filter(([command, shows]) => command === '' || shows === '' || /[\n#]/.test(command + shows))).toEqual([])
    for (const {commands} of groups) expect([1, 2, 3]).toContain(commands.length)
  })

  it('fits a terminal of 80 columns in the help, so that no command is broken', () => {
    expect(byHand.flat().filter((text) => text.length > LONGEST)).toEqual([])
  })

  it('has commands for every manager that the check is about, or the same for all', () => {
    const named = groups.flatMap(({manager}) => manager ?? [])
    if (named.length > 0 && check.managers) expect(named.toSorted()).toEqual([...check.managers].sort())
  })

  it('names only commands that there are', () => {
    const unknown = ownCommandsIn(`${whatTheFixDoes} ${ifItComesBack}`).filter((id) => !Object.hasOwn(commandModules, id))
    expect(unknown).toEqual([])
  })

  it('is in sentences', () => {
    for (const text of [check.why, whatTheFixDoes, ifItComesBack]) expect(text).toMatch(/^(?:["A-Z]|launchd |s6 |systemd )[^]*\.$/)
    expect(check.title).not.toMatch(/\.$/)
  })
})

describe('the help of a fix', () => {
  const [plain] = checks
  if (!plain) throw new Error('there is no check')
  const check = {...plain, id: 'thing', why: 'It falls.', hasFix: true, isSafe: false, interrupts: true}

  it('says what the fix does, whether it stops the gateway and who applies it, and how to see it by hand', () => {
    const texts = {whatTheFixDoes: 'It mends.', ifItComesBack: 'See why.', seeByHand: {systemd: [['ls -l', 'the files'] as const]}}
    expect(checkHelp({...check, ...texts}).split('\n')).toEqual([
      ...['It falls.', 'It mends.', 'The fix can stop or restart the gateway.'],
      ...['"hermes-svc doctor --fix" does not apply it.', '', 'If it comes back:', 'See why.', ''],
      ...['To see it without hermes-svc:', 'With systemd:', '# the files', '$ ls -l'],
    ])
  })

  it('says so where a fix is safe, and where there is none', () => {
    expect(fixConsequences({...check, isSafe: true, interrupts: false})).toEqual([
      'The fix does not stop a running gateway.',
      '"hermes-svc doctor --fix" applies it.',
    ])
    expect(fixConsequences({...check, isSafe: true, interrupts: false, unsafe: 'at night'})).toContain(
      '"hermes-svc doctor --fix" applies it, except at night.',
    )
    expect(fixConsequences({...check, hasFix: false})).toEqual([])
    expect(checkHelp({...check, hasFix: false, whatTheFixDoes: 'Free some space.'})).toContain('No command can fix this.\nFree some space.')
  })
})
