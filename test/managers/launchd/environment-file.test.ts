import {spawnSync} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import fc from 'fast-check'
import {afterEach, describe, expect, it} from 'vitest'
import {formatEnvironment, parseEnvironment, refusedVariable} from '../../../src/managers/launchd/environment-file.js'
import {DEFINITION_VARIABLE} from '../../../src/managers/launchd/plist.js'
import {shellQuote} from '../../../src/text/shell-quote.js'
import {renderTemplate} from '../../../src/service/template.js'
import {anyCharacter} from '../../support/any-text.js'
import {describeUnless} from '../../support/describe-unless.js'
import {cleanUp, HOST, lacks, PYTHON, SHELLS, temporaryFolder} from '../../support/helper-scripts.js'
import {inCampaign} from '../../support/campaign.js'

afterEach(cleanUp)

/** What a shell, printf, or a reader of lines gives a meaning; and names that scripts use themselves. */
const NASTY = [
  '',
  ' ',
  '\n',
  '\n\n',
  ' a ',
  '\\',
  '\\\\',
  '\\0101',
  '\\n',
  '%s',
  '$(id)',
  '`id`',
  "it's",
  '"',
  '#',
  'a=b',
  '\t',
  '\r',
  '\u007f',
  'é🦊',
  '\u2028',
]
const value = fc
  .oneof(fc.constantFrom(...NASTY), fc.string({unit: anyCharacter, maxLength: 20}), fc.string({maxLength: 20}))
  .filter((text) => !text.includes('\0') && text.isWellFormed())
const name = fc.oneof(
  fc.constantFrom('line', 'value', 'IFS', 'PATH', 'LC_ALL', 'home', 'PS4', 'ENV', 'n'),
  fc.stringMatching(/^T_[A-Za-z0-9_]{1,6}$/),
)
const environment = fc.uniqueArray(fc.tuple(name, value), {selector: ([each]) => each, maxLength: 8}).map((pairs) => new Map(pairs))

describe('the environment file', () => {
  it('is read back by us as what was put in, one line a variable', () => {
    fc.assert(
      fc.property(environment, (values) => {
        const text = formatEnvironment(values)
        expect(text.split('\n')).toHaveLength(values.size + 2)
        expect(parseEnvironment(text)).toEqual(values)
      }),
    )
  })

  it("has no names that are a shell's own, some of which it would evaluate", () => {
    for (const name of ['OPTIND', 'SECONDS', 'BASH_ENV', 'BASHOPTS', 'UID', '_', '_hermes_svc_line'])
      expect(refusedVariable(name), name).toBeDefined()
    for (const name of ['PATH', 'IFS', 'UID_X', 'BASHFUL', 'TOKEN']) expect(refusedVariable(name), name).toBeUndefined()
  })

  it('has lines of others kept out', () => {
    expect(Object.fromEntries(parseEnvironment('# A=1\nexport B=2\n=3\nC=4\n'))).toEqual({C: '4'})
  })
})

for (const [shellName, shell] of Object.entries(SHELLS)) {
  describeUnless(lacks(shell[0] ?? '', PYTHON), `start-gateway.sh, under ${shellName}`, () => {
    it('gives the gateway exactly the variables that were put in', async () => {
      const folder = temporaryFolder()
      const [file, program, script] = ['gateway.env', 'gateway.py', 'start-gateway.sh'].map((each) => join(folder, each)) as [
        string,
        string,
        string,
      ]
      writeFileSync(program, 'import json,os,sys\nprint(json.dumps(dict(os.environ)))')
      writeFileSync(
        script,
        await renderTemplate(HOST, 'launchd/start-gateway.sh.ejs', {
          definitionVariable: DEFINITION_VARIABLE,
          home: shellQuote(folder),
          environmentFile: shellQuote(file),
          command: [PYTHON, program].map(shellQuote).join(' '),
          keepAwake: true,
        }),
      )
      for (const values of fc.sample(environment, inCampaign(15, 5))) {
        writeFileSync(file, formatEnvironment(values))
        const result = spawnSync(shell[0] ?? '', [...shell.slice(1), script], {
          env: {PATH: '/usr/bin:/bin', KEPT: '1', [DEFINITION_VARIABLE]: '0'},
          encoding: 'utf8',
        })
        expect(result.stderr).not.toContain('cannot set')
        const got = JSON.parse(result.stdout) as Record<string, string>
        for (const [each, wanted] of values) expect([each, got[each]]).toEqual([each, wanted])
        expect(got.KEPT).toBe('1')
        const known = [...values.keys(), 'PATH', 'KEPT', 'PWD', 'OLDPWD', 'SHLVL', '_', 'LC_CTYPE']
        expect(Object.keys(got).filter((each) => !known.includes(each))).toEqual([])
      }
    })
  })
}
