import {describe, expect, it} from 'vitest'
import {judgeYaml} from '../../src/gateway/yaml-check.js'

const inShort = async (text: string) => {
  const judgement = await judgeYaml(text)
  if (judgement.kind === 'good') return judgement.top
  return judgement.kind === 'broken' ? `${judgement.fault.line}:${judgement.fault.column} ${judgement.fault.reason}` : judgement.kind
}

// What the gateway's own reader, PyYAML 6.0, makes of each was seen.
describe('a text of YAML that the gateway takes', () => {
  it.each([
    ['a mapping', 'model:\n  default: x\n'],
    ['a byte order mark', '\ufeffa: 1\n'],
    ['line ends of Windows', 'a: 1\r\nb:\r\n  c: 2\r\n'],
    ['a key twice', 'a: 1\na: 2\n'],
    ['a comment right behind a quote', 'a: "x"#y\n'],
    ['quotes that go on further left', 'a:\n  b: "one\ntwo"\n  c: 1\n'],
    ['brackets that go on further left', 'a:\n  b: [one,\ntwo\n]\n  c: {x: 1,\ny: "z]"}\n'],
    ['tabs in quotes, comments and blocks of text', 'a: "x\ty"\t# z\tz\nb: |\n  x\ty\n\t\n'.replace('"\t#', '" #').replace('\n\t\n', '\n')],
    ['an alias and a merge', 'a: &x\n  b: 1\nc:\n  <<: *x\n'],
    ['words of YAML 1.1', 'a: on\nb: 12:30:45\nc: 0o7\nd: !!binary aGk=\n'],
  ])('%s', async (_, text) => {
    expect(await inShort(text)).toBe('mapping')
  })

  it.each([
    ['', 'empty'],
    ['# nothing\n', 'empty'],
    ['{}', 'empty'],
    ['[]', 'empty'],
    ['false', 'empty'],
    ['- a\n', 'list'],
    ['hello', 'text'],
    ['a:1', 'text'],
  ])('%j is %s', async (text, top) => {
    expect(await inShort(text)).toBe(top)
  })
})

describe('a text of YAML that the gateway does not take', () => {
  it.each([
    ['a colon too many', 'a: 1\nb: c: d\n', /^2:\d+ /],
    ['an indentation that fits nothing', 'a:\n    b: 1\n  c: 2\n', /^3:\d+ /],
    ['a name without a value', 'a: 1\nb\nc: 2\n', /^2:1 /],
    ['a tab', 'a:\n\tb: 1\n', /^2:1 YAML does not allow a tab here$/],
    ['a tab behind a value', 'a: b\t\nc: 1\n', /^1:5 YAML does not allow a tab/],
    ['quotes without an end', 'a: 1\nb: "x\nc: 2\n', /^2:4 Missing closing "quote/],
    ['quotes that end in the next ones', 'b: "x\nc: "y"\n', /^1:4 Missing closing "quote/],
    ['brackets without an end', 'a: [1, 2\nb: 3\n', /^2:1 /],
    ['a placeholder in braces', 'a: 1\nb: {{ token }}\n', /^2:\d+ a list or mapping cannot be the name of a setting/],
    ['an unknown tag', 'a: !env TOKEN\n', /^1:4 Unresolved tag/],
    ['an alias of nothing', 'a: *x\n', /^1:4 there is no anchor x$/],
    ['a merge of a text', 'a: &x 1\nb:\n  <<: *x\n', /^3:3 the value of << must be a mapping/],
    ['two documents', 'a: 1\n---\nb: 2\n', /^2:1 /],
    ['a reserved character', 'a: @x\n', /^1:4 /],
    ['an escape that there is not', 'a: "C:\\d"\n', /^1:\d+ /],
    ['a control character', 'a: 1\nb: x\u0001y\n', /^2:5 YAML does not allow the character U\+0001$/],
    ['marks of a merge', 'a: 1\n<<<<<<< HEAD\nb: 2\n=======\n', /^2:1 /],
  ])('%s', async (_, text, place) => {
    expect(await inShort(text)).toMatch(place)
  })
})

describe('a text of YAML that is made to take long', () => {
  it.each([
    ['opening braces', '{'.repeat(8192)],
    ['opening brackets, a line each', '[\n'.repeat(8192)],
    ['lists within lists', '- '.repeat(20_000)],
    ['an indentation that grows', Array.from({length: 3000}, (_, index) => `${' '.repeat(index)}a:`).join('\n')],
    ['names within names', '? '.repeat(20_000)],
  ])('%s: cannot be told', async (_, text) => {
    expect(await inShort(text)).toBe('cannot-tell')
  })
})
