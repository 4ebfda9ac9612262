import {spawnSync} from 'node:child_process'
import {readdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import fc from 'fast-check'
import {afterEach, describe, expect, it} from 'vitest'
import {shellQuote} from '../../src/text/shell-quote.js'
import {inCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {
  cleanUp,
  HANGS_MS,
  helperService,
  HOST,
  lacks,
  NO_PROCESS,
  put,
  PYTHON,
  record,
  runHelper,
  SHELLS,
  startGateway,
  startTime,
  temporaryFolder,
} from '../support/helper-scripts.js'

afterEach(cleanUp)

const special = fc.constantFrom(...'\'"\\$`*?[]{}()<>|&;#~!% \t\n\r=-\u0001\u007féЁ€𝄞', ...['$(reboot)', "'\\''", '\\n', '%s'])
const values = fc
  .array(fc.oneof(special, fc.string({unit: 'grapheme', maxLength: 3})), {maxLength: 12})
  .map((pieces) => pieces.join('').replaceAll('\0', ''))

/** The members of a gateway's files that the helper reads. */
const FIELDS = ['pid', 'start_time', 'gateway_state', 'restart_requested', 'exit_reason', 'target_pid', 'target_start_time'] as const
const adversarial = [
  'running',
  '',
  '\\',
  '"',
  '\\"',
  '","pid":7,"',
  '":1,"start_time":2',
  '}',
  '{"pid":3}',
  '"pid": 4',
  ']',
  '\u2028',
  '\t',
]
const words = fc.oneof(fc.constantFrom(...adversarial), values)
const numbers = fc.oneof(fc.nat(), fc.constant(null), fc.constantFrom(0, 4_194_304))
/** What gateways write: these members hold words, numbers or flags, and any text stands elsewhere. */
const documents = fc.record({
  pid: numbers,
  kind: fc.constant('hermes-gateway'),
  argv: fc.array(words, {maxLength: 4}),
  start_time: numbers,
  hermes_home: words,
  gateway_state: fc.constantFrom('starting', 'running', 'draining', 'startup_failed', null),
  exit_reason: fc.constantFrom('loop_liveness_watchdog', 'graceful_shutdown', null),
  restart_requested: fc.boolean(),
  platforms: fc.dictionary(words, fc.record({error_message: words, writer_pid: fc.nat(), writer_start_time: fc.nat()})),
  target_pid: numbers,
  target_start_time: numbers,
})
/** Blanks behind colons and commas, and all but ASCII escaped, as Python's json.dumps writes. */
const asPython = (value: unknown): string =>
  JSON.stringify(value, null, 1)
    .replaceAll(/\n */g, ' ')
    .replaceAll(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
const texts = fc
  .tuple(
    documents,
    fc.constantFrom<((value: unknown) => string)[]>(
      (value) => JSON.stringify(value),
      (value) => JSON.stringify(value, null, 2),
      asPython,
    ),
  )
  .map(([value, layout]) => ({value, text: layout(value)}))

describe('shellQuote', () => {
  it('refuses NUL', () => {
    expect(() => shellQuote('a\0')).toThrow(RangeError)
  })
})

for (const [shellName, shell] of Object.entries(SHELLS)) {
  describeUnless(lacks(shell[0] ?? '', PYTHON), `values of any kind, under ${shellName}`, () => {
    /** Runs a script of these lines; returns its output. */
    const runScript = (lines: readonly string[]): string => {
      const file = join(temporaryFolder(), 'script')
      writeFileSync(file, [...lines, ''].join('\n'))
      const options = {env: {PATH: '/usr/bin:/bin'}, encoding: 'utf8', timeout: 10 * HANGS_MS, maxBuffer: 2 ** 26} as const
      const result = spawnSync(shell[0] ?? '', [...shell.slice(1), file], options)
      expect(result.stderr).toBe('')
      expect(result.status).toBe(0)
      return result.stdout
    }

    it('shellQuote carries every value through exactly', () => {
      const sample = fc.sample(values, 400)
      const output = runScript(sample.map((value) => `printf '%s\\000' ${shellQuote(value)}`))
      expect(output.split('\0').slice(0, -1)).toEqual(sample)
    })

    it('the helper works in a home of any name', () => {
      for (const homeName of fc.sample(
        values.map((value) => `h${value.replaceAll('/', '')}`),
        inCampaign(60, 5),
      )) {
        const made = helperService({homeName})
        put(made.home, 'gateway.pid', NO_PROCESS)
        expect(runHelper(shell, made, 'before-start').stderr).toContain('was cleared')
        runHelper(shell, made, 'before-stop', {MAINPID: String(process.pid)})
        expect(readdirSync(made.home)).toEqual(['.gateway-planned-stop.json'])
      }
    })

    it.each(['it\'s $HOME `x` \\ "y"', 'zwei\nZeilen\n', 'Ёжик €'])('before-start knows the gateway of the home %o', async (homeName) => {
      const made = helperService({homeName})
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid), hermes_home: made.home}))
      expect(runHelper(shell, made, 'before-start').stderr).toContain('may be a gateway of this home')
    })

    it("reads the members of gateways' files as JSON.parse does, whatever texts stand beside them", () => {
      const folder = temporaryFolder()
      const sample = fc.sample(texts, 40)
      const lines = sample.flatMap(({text}, index) => {
        writeFileSync(join(folder, String(index)), text)
        return [
          `members ${shellQuote(join(folder, String(index)))} '${FIELDS.join('|')}'`,
          ...FIELDS.map((name) => `field ${name}; printf '%s\\000' "$value"`),
        ]
      })
      const output = runScript([`. ${shellQuote(join(HOST.packageRoot, 'templates/service-helper.sh'))}`, ...lines]).split('\0')
      for (const [index, {value, text}] of sample.entries()) {
        const expected = FIELDS.map((name) => String(value[name]))
        expect(output.slice(index * FIELDS.length, (index + 1) * FIELDS.length), text).toEqual(expected)
      }
    })
  })
}
