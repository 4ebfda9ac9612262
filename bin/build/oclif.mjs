// All that we do to the compiled files of oclif, and why. Without it `status` takes 0.29 times the CPU time of `node -e 0` more (measured on
// 4.14.0, `npm run bench -- startup`), so it stays. test/bin/oclif.test.ts says what to look at when oclif is upgraded.
import fs from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'
import {DIST, ROOT} from './places.mjs'

export const OCLIF_VERSION = '4.14.0'
const OCLIF_ENTRY = '@oclif/core/execute'
/**
 * The parts of oclif, and of what it is made of, that only its help and its own reports of errors need. Within the bundle they are taken
 * from the vendored oclif, which has all of it.
 */
export const COLD_OCLIF_PARTS = [
  'config/index.js',
  'debug',
  'errors/errors/pretty-print.js',
  'errors/handle.js',
  'help/index.js',
  'help/util.js',
  'ux/index.js',
  'ux/list.js',
  'ux/theme.js',
  'wrap-ansi',
]
const require = createRequire(import.meta.url)

/** Gives our source, where it imports the index of oclif, only the parts that commands are made of; the index would load all of it. */
export function slimIndex() {
  return {
    name: 'slim-index-of-oclif',
    setup(build) {
      build.onResolve({filter: /^@oclif\/core$/}, ({kind}) =>
        kind === 'import-statement' ? {path: 'index', namespace: 'slim-oclif'} : undefined,
      )
      build.onLoad({filter: /.*/, namespace: 'slim-oclif'}, () => ({
        contents: ['Args', 'Flags'].map((name) => `export * as ${name} from '@oclif/core/${name.toLowerCase()}'`).join('\n'),
        resolveDir: ROOT,
      }))
    },
  }
}

/** See COLD_OCLIF_PARTS. */
export function coldParts(oclif) {
  return {
    name: 'cold-parts-of-oclif',
    setup(build) {
      const found = new Set()
      build.onResolve({filter: /^[.\w]/}, ({path: name, importer, kind}) => {
        if (kind !== 'require-call' || !importer.startsWith(oclif)) return undefined
        const part = name.startsWith('.') ? path.relative(oclif, require.resolve(path.resolve(path.dirname(importer), name))) : name
        if (!COLD_OCLIF_PARTS.includes(part)) return undefined
        found.add(part)
        return {path: part, namespace: 'cold-oclif'}
      })
      build.onLoad({filter: /.*/, namespace: 'cold-oclif'}, ({path: part}) => ({
        contents: `module.exports = require('./vendor/oclif-core-execute.cjs').parts[${JSON.stringify(part)}]`,
        resolveDir: DIST,
      }))
      build.onResolve({filter: /^\.\/vendor\//, namespace: 'cold-oclif'}, ({path: file}) => ({path: file, external: true}))
      build.onEnd(() => {
        const missing = COLD_OCLIF_PARTS.filter((part) => !found.has(part))
        if (missing.length > 0) throw new Error(`oclif has changed: nothing asks for ${missing.join(', ')}`)
      })
    },
  }
}

/** The entry of each vendored file: all that the package exports; of oclif its cold parts too. */
export function vendorEntries(vendored, oclif) {
  return {
    name: 'vendor-entries',
    setup(build) {
      build.onResolve({filter: /^vendor-entry:/}, ({path: name}) => ({path: name.slice('vendor-entry:'.length), namespace: 'vendor-entry'}))
      build.onLoad({filter: /.*/, namespace: 'vendor-entry'}, async ({path: name}) => {
        const lines = [`export * from '${name}'`]
        if ('default' in (await import(name))) lines.push(`export {default} from '${name}'`)
        if (name === OCLIF_ENTRY) {
          const parts = COLD_OCLIF_PARTS.map(
            (part) => `get '${part}'() { return require(${JSON.stringify(part.endsWith('.js') ? path.join(oclif, part) : part)}) }`,
          )
          lines.push(`export const parts = {${parts.join(', ')}}`)
        }
        return {contents: lines.join('\n'), resolveDir: name === OCLIF_ENTRY ? oclif : ROOT}
      })
    },
  }
}

/**
 * Makes oclif load its parts when they are first used instead of all at once: `const a_1 = require('./a')` becomes a getter. To parse
 * the arguments of a command takes a tenth of oclif, so this is worth more than everything else together.
 */
export function lazyRequires(oclif) {
  return {
    name: 'lazy-requires',
    setup(build) {
      build.onLoad({filter: /\.js$/}, ({path: file}) => {
        if (!file.startsWith(oclif)) return undefined
        return {contents: withLazyRequires(file, withoutStdout(path.relative(oclif, file), fs.readFileSync(file, 'utf8'))), loader: 'js'}
      })
    },
  }
}

/**
 * It relies on how TypeScript 5 writes CommonJS, so the version of oclif is fixed. Throws for a source that looks otherwise.
 */
export function withLazyRequires(file, source) {
  const declaration = /^(?:const|var) (\w+_\d+) = ((?:__importDefault\(|__importStar\()?require\("[^"]+"\)\)?);\n/gm
  const getters = []
  const names = []
  let contents = source.replace(declaration, (_, name, value) => {
    names.push(name)
    getters.push(`get ${name}() { const value = ${value}; Object.defineProperty(this, '${name}', {value}); return value }`)
    return ''
  })
  for (const name of names) contents = contents.replace(new RegExp(`(?<![\\w.$])${name}(?![\\w$])`, 'g'), `lazy.${name}`)
  const strict = '"use strict";\n'
  if (!contents.startsWith(strict) || /^(?:const|var) \w+_\d+ = .*require\(/m.test(contents) || /\blazy\b(?!\.)/.test(contents)) {
    throw new Error(`${file} is not written as expected; see withLazyRequires in bin/build/oclif.mjs`)
  }
  return `${strict}const lazy = {${getters.join(', ')}};\n${contents.slice(strict.length)}`
}

/** oclif touches stdout when it is loaded, to swallow EPIPE. We write without node's stream, which takes longer to load than oclif. */
export function withoutStdout(file, source) {
  if (file !== 'command.js') return source
  const parts = source.split(/^process\.stdout\.on\('error', \(err\) => \{\n(?: .*\n)*\}\);\n/m)
  if (parts.length !== 2) throw new Error(`${file} of oclif is not written as expected; see withoutStdout in bin/build/oclif.mjs`)
  return parts.join('')
}

export function oclifFolder() {
  const file = require.resolve('@oclif/core/package.json')
  const {version} = JSON.parse(fs.readFileSync(file, 'utf8'))
  if (version !== OCLIF_VERSION) throw new Error(`@oclif/core is ${version}, but bin/build/oclif.mjs was written for ${OCLIF_VERSION}`)
  return path.join(path.dirname(file), 'lib') + path.sep
}
