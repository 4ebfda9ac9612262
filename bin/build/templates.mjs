import fs from 'node:fs'
import path from 'node:path'
import {ROOT} from './places.mjs'

/** Puts the templates of the package into a bundle as functions, so that nothing has to be compiled, nor ejs loaded, to render one. */
export function compiledTemplates() {
  return {
    name: 'compiled-templates',
    setup(build) {
      build.onLoad({filter: /\/src\/service\/compiled-templates\.ts$/}, async () => {
        const {default: ejs} = await import('ejs')
        const folder = path.join(ROOT, 'templates')
        const names = fs.readdirSync(folder, {recursive: true}).filter((name) => name.endsWith('.ejs'))
        const entries = names.sort().map((name) => {
          // As src/service/template.ts has it; ejs calls what escapes a value escapeFn.
          const options = {strict: true, _with: false, destructuredLocals: ['v'], compileDebug: false}
          const template = new ejs.Template(fs.readFileSync(path.join(folder, name), 'utf8'), options)
          template.compile()
          return `${JSON.stringify(name)}(locals) { const escapeFn = String; ${template.source} }`
        })
        return {contents: `export const COMPILED_TEMPLATES = {${entries.join(',\n')}}`, loader: 'js'}
      })
    },
  }
}
