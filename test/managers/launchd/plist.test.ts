import {execFileSync, spawnSync} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import fc from 'fast-check'
import {afterEach, describe, expect, it} from 'vitest'
import {
  DEFINITION_VARIABLE,
  isEdited,
  isOwn,
  member,
  parsePlist,
  type PlistView,
  refusedPlistText,
  renderPlist,
  xmlText,
} from '../../../src/managers/launchd/plist.js'
import {anyCharacter} from '../../support/any-text.js'
import {describeUnless} from '../../support/describe-unless.js'
import {cleanUp, HOST, lacks, PYTHON, temporaryFolder} from '../../support/helper-scripts.js'
import {inCampaign} from '../../support/campaign.js'

afterEach(cleanUp)

const DTD = join(HOST.packageRoot, 'test/fixtures/plist.dtd')
/** More than chance would bring: what XML gives a meaning, blanks at the ends, line ends, characters that take four bytes. */
const NASTY = [
  '',
  ' ',
  '\n',
  '\r\n',
  '\r',
  '\t a ',
  ' a',
  'a ',
  '&amp;',
  '&#10;',
  '<!-- x -->',
  ']]>',
  '<![CDATA[x]]>',
  '"\'',
  '--',
  'é',
  '🦊',
  '\u007f',
  '\u0085',
  '\u2028',
  '%s${x}$(y)`z`',
  'a\nb\n',
]
/** Any text that XML can carry. */
const text = fc
  .oneof(fc.constantFrom(...NASTY), fc.string({unit: anyCharacter, maxLength: 30}), fc.string({maxLength: 30}))
  .filter((value) => refusedPlistText(value) === undefined)
/** Readers differ on the name of a member that is there twice, so names are told apart by more than what is random. */
const view = fc.record({
  label: text,
  arguments: fc.array(text, {maxLength: 6}),
  workingDirectory: text,
  environment: fc
    .array(fc.tuple(text, text), {maxLength: 5})
    .map((pairs) => pairs.map(([name, value], index) => [`${index}${name}`, value] as const)),
  user: text,
  sessionType: fc.constantFrom('', 'Aqua', 'Background'),
  throttleSec: fc.nat(),
  exitTimeoutSec: fc.nat(),
  openFiles: fc.nat(),
  nice: fc.integer({min: -20, max: 19}).map(String),
  logFile: text,
})

type View = PlistView & {
  label: string
  arguments: string[]
  environment: (readonly [string, string])[]
  user: string
  sessionType: string
  workingDirectory: string
  logFile: string
}

const render = (values: PlistView) => renderPlist(HOST, 'launchd/gateway.plist.ejs', values)

/** What a reader must find. */
function expected(values: View, definition: unknown): Record<string, unknown> {
  return {
    Label: values.label,
    ProgramArguments: values.arguments,
    WorkingDirectory: values.workingDirectory,
    EnvironmentVariables: Object.fromEntries([...values.environment, [DEFINITION_VARIABLE, definition]]),
    ...(values.user === '' ? {} : {UserName: values.user}),
    ...(values.sessionType === '' ? {} : {LimitLoadToSessionType: values.sessionType}),
    RunAtLoad: true,
    KeepAlive: {SuccessfulExit: false},
    ThrottleInterval: values.throttleSec,
    ExitTimeOut: values.exitTimeoutSec,
    ProcessType: 'Interactive',
    Nice: Number(values.nice),
    Umask: 0o077,
    SoftResourceLimits: {NumberOfFiles: values.openFiles},
    StandardOutPath: values.logFile,
    StandardErrorPath: values.logFile,
  }
}

const samples = async (count: number): Promise<{values: View; rendered: string}[]> =>
  Promise.all(fc.sample(view, count).map(async (values) => ({values: values as unknown as View, rendered: await render(values)})))

/** Python's reader, for files in XML or in Apple's binary form; it tells them as JSON. */
function pythonReads(files: readonly string[]): unknown[] {
  const code = 'import json,plistlib,sys\nprint(json.dumps([plistlib.load(open(name,"rb")) for name in sys.argv[1:]]))'
  return JSON.parse(execFileSync(PYTHON, ['-c', code, ...files], {encoding: 'utf8'})) as unknown[]
}

describe('a property list', () => {
  it('is read back by us as what was put in', async () => {
    for (const {values, rendered} of await samples(inCampaign(200, 50))) {
      const value = parsePlist(rendered)
      expect(value).toEqual(expected(values, member(member(value, 'EnvironmentVariables'), DEFINITION_VARIABLE)))
    }
  })

  it('refuses what no XML can carry', () => {
    for (const bad of ['\u0000', '\u0001', '\u000b', '\u001f', '\ud800', '\uffff', '\ufffd']) {
      expect(refusedPlistText(`a${bad}`), JSON.stringify(bad)).toBeDefined()
      expect(() => xmlText(`a${bad}`)).toThrow(RangeError)
    }
    for (const good of NASTY) expect(refusedPlistText(good), JSON.stringify(good)).toBeUndefined()
  })

  it('is known for ours, and an edit by hand is told', async () => {
    const [sample] = await samples(1)
    const rendered = sample?.rendered ?? ''
    expect([isOwn(rendered), isEdited(rendered)]).toEqual([true, false])
    expect(isEdited(rendered.replace('<integer>63</integer>', '<integer>18</integer>'))).toBe(true)
    expect(isEdited(`${rendered}<!-- mine -->\n`)).toBe(true)
    expect(isEdited(rendered.replace(/^<!-- Checksum.*\n/m, ''))).toBe(true)
    // Another version has other words there.
    expect(isEdited(rendered.replace(/^(<!-- Checksum: \S+) .*$/m, '$1 (other words) -->'))).toBe(false)
    expect(isOwn(rendered.replaceAll(/<!--.*-->\n/g, ''))).toBe(false)
  })

  it('names its own text in a variable, which changes with it', async () => {
    const definition = async (values: PlistView) =>
      member(member(parsePlist(await render(values)), 'EnvironmentVariables'), DEFINITION_VARIABLE)
    const [values] = fc.sample(view, 1)
    if (!values) throw new Error('no sample')
    expect(await definition(values)).toMatch(/^[0-9a-f]{16}$/)
    expect(await definition(values)).toBe(await definition(values))
    expect(await definition({...values, label: `${values.label}x`})).not.toBe(await definition(values))
  })

  it.each([
    ['nothing', ''],
    ['what is not a property list', '<html></html>'],
    ['a binary one', 'bplist00\u0001'],
    ['one that is cut off', '<plist version="1.0"><dict><key>A</key><string>b</string>'],
    ['a member without a name', '<plist version="1.0"><dict><string>b</string></dict></plist>'],
  ])('is undefined for %s', (_, broken) => {
    expect(parsePlist(broken)).toBeUndefined()
  })

  it('is read as other tools write it', () => {
    const other =
      '<?xml version="1.0"?>\r\n<plist version="1.0">\r\n<dict><key>A</key><array/><key>B</key><dict></dict><key>C</key><real>1.5</real><key>D</key><true></true><key>E</key><string/></dict></plist>'
    expect(parsePlist(other)).toEqual({A: [], B: {}, C: 1.5, D: true, E: ''})
  })
})

describeUnless(lacks(PYTHON), 'a property list, read by plistlib of Python', () => {
  it('has exactly the values that were put in', async () => {
    const folder = temporaryFolder()
    const all = await samples(inCampaign(150, 50))
    const files = all.map(({rendered}, index) => {
      writeFileSync(join(folder, `${index}.plist`), rendered)
      return join(folder, `${index}.plist`)
    })
    const read = pythonReads(files)
    for (const [index, {values}] of all.entries()) expect(read[index]).toEqual(expected(values, definitionIn(read[index])))
  })
})

describeUnless(lacks('plistutil', PYTHON), 'a property list, read by libplist', () => {
  it('has exactly the values that were put in', async () => {
    const folder = temporaryFolder()
    const all = await samples(inCampaign(60, 10))
    const files = all.map(({rendered}, index) => {
      const file = join(folder, `${index}.plist`)
      writeFileSync(file, rendered)
      // Its own form of JSON knows no control characters; the binary one has lengths, and nothing to escape.
      execFileSync('plistutil', ['-i', file, '-o', `${file}.binary`])
      return `${file}.binary`
    })
    const read = pythonReads(files)
    for (const [index, {values}] of all.entries()) expect(read[index]).toEqual(expected(values, definitionIn(read[index])))
  })
})

describeUnless(lacks('xmllint'), 'a property list, read by libxml2', () => {
  it('is valid, and has exactly the texts that were put in, in their order', async () => {
    const folder = temporaryFolder()
    const all = (await samples(inCampaign(40, 20))).map(({values, rendered}, index) => {
      const file = join(folder, `${index}.plist`)
      writeFileSync(file, rendered)
      return {file, texts: [values.label, ...values.arguments, values.workingDirectory, ...values.environment.map(([, value]) => value)]}
    })
    const files = all.map(({file}) => file)
    const valid = spawnSync('xmllint', ['--nonet', '--noout', '--dtdvalid', DTD, ...files], {encoding: 'utf8'})
    // It says that it did not fetch the document type of Apple's.
    expect(valid.status, valid.stderr).toBe(0)
    const [separator, end] = ['=6f1d0c5e=', '=9b27e1aa=']
    // One expression for all: of a file with fewer texts it also says what stands behind them.
    const paths = Array.from({length: Math.max(...all.map(({texts}) => texts.length))}, (_, index) => `string((//string)[${index + 1}])`)
    const path = `concat(${paths.map((one) => `${one}, '${separator}'`).join(', ')}, '${end}')`
    const outputs = execFileSync('xmllint', ['--nonet', '--xpath', path, ...files], {encoding: 'utf8'}).split(`${end}\n`)
    expect(all.map(({texts}, index) => outputs[index]?.split(separator).slice(0, texts.length))).toEqual(all.map(({texts}) => texts))
  })

  it('would not be valid with what we never write', () => {
    const file = join(temporaryFolder(), 'x.plist')
    writeFileSync(file, '<plist version="1.0"><dict><key>A</key></dict></plist>')
    expect(spawnSync('xmllint', ['--nonet', '--noout', '--dtdvalid', DTD, file]).status).not.toBe(0)
  })
})

function definitionIn(value: unknown): unknown {
  const {EnvironmentVariables} = value as {EnvironmentVariables?: Record<string, unknown>}
  return EnvironmentVariables?.[DEFINITION_VARIABLE]
}
