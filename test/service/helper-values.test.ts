import {spawnSync} from 'node:child_process'
import {mkdirSync, readdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import fc from 'fast-check'
import {afterEach, describe, expect, it} from 'vitest'
import {isGatewayCommandLine, profileOfCommandLine} from '../../src/gateway/process.js'
import {type HelperPart, renderHelperParts} from '../../src/service/helpers.js'
import {DEFAULT_RESTART_POLICY} from '../../src/service/restart-policy.js'
import {shellQuote} from '../../src/service/shell-quote.js'
import {describeUnless} from '../support/describe-unless.js'
import {
  cleanUp,
  HANGS_MS,
  helperService,
  HOST,
  type Json,
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

/** The members of a record that the helpers read, in the order in which `readAll` gives them. */
const FIELDS = ['pid', 'start_time', 'hermes_home', 'gateway_state', 'restart_requested'] as const
const keys = fc.oneof(
  {weight: 3, arbitrary: fc.constantFrom(...FIELDS)},
  fc.constantFrom('pid"', 'pid\\', '"pid', 'p\nid', ' pid', '', 'active_work'),
  fc.string({maxLength: 6}),
)
const adversarial = ['running', '', '\\', '\\\\', '"', '\\"', '","pid":7,"', '":1,"start_time":2', '}', '{"pid":3}', ']', '\u2028', '\t']
const scalars = fc.oneof(
  fc.integer(),
  fc.constantFrom(null, true, false, 0, -1, 1e21, 1.5, 4_194_304),
  fc.constantFrom(...adversarial),
  values,
)
const documents = fc.dictionary(
  keys,
  fc.oneof(
    {weight: 3, arbitrary: scalars},
    fc.jsonValue({maxDepth: 4}),
    fc.array(fc.dictionary(keys, scalars), {maxLength: 3}),
    fc.dictionary(keys, scalars),
  ),
)
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
      (value) => JSON.stringify(value, null, '\t').replaceAll('\n', '\r\n'),
      asPython,
    ),
  )
  .map(([value, layout]) => ({value: JSON.parse(layout(value)) as Json, text: layout(value), isAscii: layout === asPython}))

describe('shellQuote', () => {
  it('refuses NUL', () => {
    expect(() => shellQuote('a\0')).toThrow(RangeError)
  })
})

for (const [shellName, shell] of Object.entries(SHELLS)) {
  describeUnless(lacks(shell[0] ?? '', PYTHON), `values of any kind, under ${shellName}`, () => {
    /** Runs a script made of parts of the helpers and lines of its own; returns its output. */
    const runScript = async (parts: readonly HelperPart[], lines: readonly string[]): Promise<string> => {
      const file = join(temporaryFolder(), 'script')
      writeFileSync(file, [await renderHelperParts(HOST, {home: '/h', policy: DEFAULT_RESTART_POLICY}, parts), ...lines, ''].join('\n'))
      const options = {env: {PATH: '/usr/bin:/bin'}, encoding: 'utf8', timeout: HANGS_MS, maxBuffer: 2 ** 26} as const
      const result = spawnSync(shell[0] ?? '', [...shell.slice(1), file], options)
      expect(result.stderr).toBe('')
      expect(result.status).toBe(0)
      return result.stdout
    }

    /** For each text whether `read_record` took it for a record, then what it read. */
    const readAll = async (all: readonly string[]): Promise<string[][]> => {
      const show = FIELDS.map((name) => `"$record_${name}"`).join(' ')
      const lines = all.map((text) => `read_record ${shellQuote(text)} && ok=yes || ok=no; printf '%s\\000' "$ok" ${show}`)
      const fields = (await runScript(['common', 'record'], lines)).split('\0')
      return all.map((_, index) => fields.slice(index * 6, index * 6 + 6))
    }

    it('shellQuote carries every value through exactly', async () => {
      const sample = fc.sample(values, 400)
      const output = await runScript(
        [],
        sample.map((value) => `printf '%s\\000' ${shellQuote(value)}`),
      )
      expect(output.split('\0').slice(0, -1)).toEqual(sample)
    })

    it('the helpers work in a home of any name', async () => {
      for (const homeName of fc.sample(
        values.map((value) => `h${value.replaceAll('/', '')}`),
        15,
      )) {
        const made = await helperService({homeName})
        put(made.home, 'gateway.pid', NO_PROCESS)
        expect(runHelper(shell, made, 'before-start.sh').stderr).toContain('was cleared')
        runHelper(shell, made, 'before-stop.sh', {MAINPID: String(process.pid)})
        expect(readdirSync(made.home)).toEqual(['.gateway-planned-stop.json'])
      }
    })

    it.each(['it\'s $HOME `x` \\ "y"', 'zwei\nZeilen\n', 'Ёжик €'])('before-start knows the gateway of the home %o', async (homeName) => {
      const made = await helperService({homeName})
      const pid = await startGateway(made, {HERMES_HOME: made.home})
      put(made.home, 'gateway.pid', record(pid, {start_time: startTime(pid), hermes_home: made.home}))
      expect(runHelper(shell, made, 'before-start.sh').stderr).toContain('may be a gateway of this home')
    })

    it('reads the top level of every JSON object as JSON.parse does', async () => {
      const sample = fc.sample(texts, 500)
      const rows = await readAll(sample.map(({text}) => text))
      for (const [index, {value, text, isAscii}] of sample.entries()) {
        const expected = FIELDS.map((name) => {
          const member = value[name]
          if (member === undefined || (typeof member === 'object' && member !== null)) return ''
          if (typeof member !== 'string') return JSON.stringify(member)
          const written = isAscii ? asPython(member) : JSON.stringify(member)
          return written.includes('\\') ? '"\\' : `"${member}`
        })
        expect(rows[index], text).toEqual(['yes', ...expected])
      }
    })

    it('reads nothing from half of an object, nor from what is none', async () => {
      const halves = fc
        .sample(fc.tuple(texts, fc.double({min: 0, max: 1, noNaN: true, maxExcluded: true})), 300)
        .map(([{text}, part]) => text.slice(0, Math.floor(text.length * part)))
      const others = ['[]', '[{"pid":1}]', '{"pid":1}x', '{"pid":1}{"pid":2}', '{"pid":1}}', 'null', '"pid":1', '1 2', '0x10', '007']
      const all = [...halves, ...others]
      for (const [index, row] of (await readAll(all)).entries()) expect(row, all[index]).toEqual(['no', '', '', '', '', ''])
    })

    it('takes the last of two members of one name', async () => {
      expect(await readAll(['{"pid":1,"pid":2}', '{"pid":1,"pid":{"pid":3}}', '{"pid":"x","pid":null}'])).toEqual([
        ['yes', '2', '', '', '', ''],
        ['yes', '', '', '', '', ''],
        ['yes', 'null', '', '', '', ''],
      ])
    })

    it('reads command lines as the rest of hermes-svc does', async () => {
      const words = fc.constantFrom(
        ...['python3', '-m', '-I', 'hermes_cli.main', '/opt/x/hermes_cli/main.py', 'hermes', '/usr/bin/hermes', 'hermes2'],
        ...['gateway', 'gateway2', 'run', 'restart', 'status', '-v', '--replace', '--profile=ops', '-p=ops', 'gateway/run.py'],
        ...['/x/gateway/run.py', 'hermes-gateway', '/x/hermes-gateway', 'a b', 'x\ny'],
      )
      const flags = fc.tuple(fc.constantFrom('-p', '--profile'), fc.constantFrom('ops', 'gateway', 'run'))
      const commandLines = fc
        .array(fc.oneof({weight: 5, arbitrary: words.map((word) => [word])}, flags), {minLength: 1, maxLength: 6})
        .map((pieces) => pieces.flat())
      const folder = temporaryFolder()
      const sample = fc.sample(commandLines, 300)
      const lines = sample.map((argv, index) => {
        const process = join(folder, String(index))
        mkdirSync(process)
        writeFileSync(join(process, 'cmdline'), `${argv.join('\0')}\0`)
        // The helper reads /proc/<pid>/cmdline.
        return `read_command '..${process}'; printf '%s\\000%s\\000' "$is_gateway" "$command_profile"`
      })
      const output = (await runScript(['common', 'linux-identity', 'identity'], lines)).split('\0')
      for (const [index, argv] of sample.entries()) {
        expect(output[2 * index], argv.join(' ')).toBe(isGatewayCommandLine(argv) ? 'yes' : 'no')
        const flagCount = argv.filter((word) => /^(-p|--profile)/.test(word)).length
        if (flagCount === 1) expect(output[2 * index + 1], argv.join(' ')).toBe(profileOfCommandLine(argv))
      }
    })
  })
}
