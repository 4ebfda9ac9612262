import {describe, expect, it} from 'vitest'
import {renderTemplate} from '../../src/service/template.js'
import {FakeHost} from '../fakes/fake-host.js'

const PACKAGE = '/usr/lib/node_modules/hermes-svc'
const render = (source: string, view: Readonly<Record<string, unknown>>) =>
  renderTemplate(new FakeHost({files: {[`${PACKAGE}/templates/systemd/x.ejs`]: source}}), 'systemd/x.ejs', view)

describe('renderTemplate', () => {
  it('puts values in as they are, since they come in the syntax of the target', async () => {
    expect(await render('A=<%= v.a %>\n', {a: `<&>"'\\$%n\n`})).toBe(`A=<&>"'\\$%n\n\n`)
  })

  it('knows conditions and loops', async () => {
    expect(
      await render('<% if (v.on) { -%>\non\n<% } -%>\n<% for (const x of v.list) { -%>\n<%= x %>\n<% } -%>\n', {on: true, list: [1, 2]}),
    ).toBe('on\n1\n2\n')
  })

  it('refuses a name that the view lacks, wherever it is used', async () => {
    await expect(render('<%= v.a %><%= v.missing %>', {a: 1})).rejects.toThrow('template systemd/x.ejs uses missing, which its view lacks')
    await expect(render('<% if (v.missing) { %>x<% } %>', {})).rejects.toThrow('missing')
  })

  it('takes a value of undefined for given', async () => {
    expect(await render('<% if (v.a) { %>x<% } %>', {a: undefined})).toBe('')
  })

  it('tells of a package that is incomplete', async () => {
    await expect(renderTemplate(new FakeHost(), 'systemd/none.ejs', {})).rejects.toThrow(
      `the package is incomplete: ${PACKAGE}/templates/systemd/none.ejs is missing`,
    )
  })
})
