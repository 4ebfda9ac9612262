import {describe, expect, it} from 'vitest'
import {faultText, judgeConfig} from '../../src/gateway/config-check.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'

const judged = async (files: Record<string, FakeFile | string>) => {
  const named = Object.entries(files).map(([name, content]) => [`${HOME}/${name}`, content] as const)
  const {faults, unsure} = await judgeConfig(new FakeHost({files: Object.fromEntries(named)}), HOME)
  return {faults: faults.map((fault) => `${fault.kind} ${faultText(fault)}`), unsure}
}

describe('the configuration of a home', () => {
  it('has no fault where there is none, where both files can be read, and where it is what people write', async () => {
    expect(await judged({})).toEqual({faults: [], unsure: []})
    expect(await judged({'config.yaml': 'a: 1\n', '.env': 'TOKEN=x\nno variable\n'})).toEqual({faults: [], unsure: []})
    const odd = '# mine\r\nmodel: {default: "x",\r\nprovider: y}\r\nmodel: twice\r\n'
    expect(await judged({'config.yaml': odd})).toEqual({faults: [], unsure: []})
  })

  it('is told with file, line and column where it does not parse', async () => {
    const {faults} = await judged({'config.yaml': 'model:\n  default: x\n bad: [\n'})
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(/^unparsable \/home\/user\/\.hermes\/config\.yaml:3:\d+: \w/)
  })

  it.each([
    ['- a\n', 'it is a list'],
    ['hello\n', 'it is a single text'],
  ])('is no %j', async (text, why) => {
    const {faults} = await judged({'config.yaml': text})
    expect(faults).toEqual([expect.stringContaining(`wrong-type ${HOME}/config.yaml: ${why}`)])
  })

  it('must be readable by its user, and be files', async () => {
    const {faults} = await judged({'config.yaml': {text: 'a: 1\n', uid: 0, gid: 0, mode: 0o600}, '.env': {folder: true}})
    expect(faults).toEqual([
      `unreadable ${HOME}/config.yaml: user cannot read it (EACCES)`,
      `unreadable ${HOME}/.env: user cannot read it (EISDIR)`,
    ])
  })

  it('is not judged where it is too large', async () => {
    const {faults, unsure} = await judged({'config.yaml': 'a: 1\n'.repeat(300_000)})
    expect(faults).toEqual([])
    expect(unsure).toEqual([`hermes-svc cannot tell whether ${HOME}/config.yaml is valid: it is larger than 1 MB`])
  })
})
