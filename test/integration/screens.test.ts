import fs from 'node:fs'
import {fileURLToPath} from 'node:url'
import {expect, it} from 'vitest'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {inCampaign} from '../support/campaign.js'
import {describeOnSystemd} from '../support/machines.js'
import {onTerminal, terminalEnd} from '../support/terminal.js'
import {TestService} from '../support/test-service.js'

/** HERMES_SVC_RECORD=1 keeps what is seen as what has to be seen. */
const RECORD = process.env.HERMES_SVC_RECORD === '1'
const PROGRAM = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`]
const fixture = (columns: number) => fileURLToPath(new URL(`../fixtures/screens-${columns}.txt`, import.meta.url))

/** What a person types in a session of everyday, with what happens before it. */
const SESSION: readonly {readonly typed: string; readonly before?: 'freeze'}[] = [
  {typed: 'install'},
  {typed: 'list'},
  {typed: 'status'},
  {typed: 'restart'},
  {typed: 'doctor'},
  {typed: 'status', before: 'freeze'},
  {typed: 'doctor'},
  {typed: 'fix missing-heartbeat --yes'},
  {typed: 'stop'},
  {typed: 'uninstall'},
]

await describeOnSystemd('the screens of a session', (machine) => {
  // What fits a narrow one fits a wide one, where a campaign sees that the room is used.
  const widths: [number, string][] = [
    [80, 'ann'],
    [120, 'bob'],
  ]
  it.each(inCampaign(widths, widths.slice(0, 1)))(
    'are at %i columns as they were recorded, and only what is copied is longer than a line',
    async (columns, name) => {
      const user = await machine().addUser(name)
      const service = await TestService.make(machine(), user, {profile: 'default'})
      const screens: string[] = []
      for (const {typed, before} of SESSION) {
        if (before === 'freeze') await service.kill('STOP')
        const argv = onTerminal([...PROGRAM, ...typed.split(' ')], [], {columns, env: {NO_COLOR: '1'}})
        const {stdout, stderr} = await machine().exec(argv, {user, timeoutMs: 110_000})
        const end = await terminalEnd(stdout || stderr, columns)
        expect(end.wrapped.filter((line) => !/^ *(?:hermes-svc |Read more: |kill )/.test(line))).toEqual([])
        screens.push(`$ hermes-svc ${typed}\n${steady(end.screen)}\n(exit status ${end.code})\n`)
      }
      const session = screens.join('\n')
      if (RECORD) fs.writeFileSync(fixture(columns), session)
      expect(session).toBe(fs.readFileSync(fixture(columns), 'utf8'))
    },
  )
})

/** A screen without what is another at each run: pids, times, sizes, and the blanks that make room for them. */
function steady(screen: string): string {
  return screen
    .replaceAll(/\b(pid|kill -[A-Z]+) \d+/g, '$1 N')
    .replaceAll(/\b(?:\d+ min|[\d.]+ m?s)\b/g, 'T')
    .split('\n')
    .map((line) =>
      (/^(?:PROFILE|default) /.test(line) ? line.replaceAll(/\d+ MB\b|\b\d+\b/g, 'N').replaceAll(/ {2,}/g, '  ') : line).trimEnd(),
    )
    .join('\n')
}
