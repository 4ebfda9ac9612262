import {builtinModules} from 'node:module'
import path from 'node:path'
import zlib from 'node:zlib'
import {DIST, ROOT} from './places.mjs'

/**
 * Makes each package that is imported with `import('name')` a file of its own, dist/vendor/<name>.cjs. A bundle with all of them would
 * be four times as large, and its size is paid for at each start. The names that a package exports are asked of the package itself.
 * `warm`: those that the most used commands of the bundle need: within it they come from the code cache, from a file of their own they are compiled each time.
 */
export function coldPackages(vendored, warm) {
  return {
    name: 'cold-packages',
    setup(build) {
      build.onResolve({filter: /^[^./]/}, ({path: name, kind}) => {
        if (kind !== 'dynamic-import' || warm.includes(name) || name.startsWith('node:') || builtinModules.includes(name)) return undefined
        return {path: name, namespace: 'vendor'}
      })
      build.onLoad({filter: /.*/, namespace: 'vendor'}, async ({path: name}) => {
        const file = `vendor/${name.replace(/^@/, '').replaceAll('/', '-')}.cjs`
        vendored.set(name, file)
        const names = Object.keys(await import(name))
        const exported = names
          .filter((key) => key !== 'default' && /^[A-Za-z_$][\w$]*$/.test(key))
          .map((key) => `export const ${key} = vendor.${key}`)
        if (names.includes('default')) exported.push('export default vendor.default')
        return {contents: [`const vendor = require('./${file}')`, ...exported].join('\n'), resolveDir: DIST}
      })
      build.onResolve({filter: /^\.\/vendor\//, namespace: 'vendor'}, ({path: file}) => ({path: file, external: true}))
    },
  }
}

/** For the tick, which asks the registry of managers for the places of theirs and for nothing else: the rest of a manager is not in it. */
export function onlyPlaces() {
  return {
    name: 'only-places',
    setup(build) {
      build.onResolve({filter: /^\.\//}, ({path: name, kind, importer}) => {
        const isRegistrys = kind === 'dynamic-import' && importer === path.join(ROOT, 'src/managers/index.ts')
        return isRegistrys && !name.endsWith('/paths.js') ? {path: name, namespace: 'absent'} : undefined
      })
    },
  }
}

/** For what is one file and stands alone: what would load a package, none of which it needs, fails when it is used. */
export function noPackages(what) {
  return {
    name: 'no-packages',
    setup(build) {
      build.onResolve({filter: /^[^./]/}, ({path: name, kind}) => {
        if (kind === 'entry-point' || name.startsWith('node:') || builtinModules.includes(name)) return undefined
        if (kind !== 'dynamic-import') throw new Error(`${what} must not load ${name}`)
        return {path: name, namespace: 'absent'}
      })
      build.onLoad({filter: /.*/, namespace: 'absent'}, ({path: name}) => ({
        contents: `throw new Error(${JSON.stringify(`${name} is not in ${what}`)})`,
      }))
    },
  }
}

/**
 * For what is one file, stands alone, and seldom needs these packages: each is a text in it, compressed, which is compiled when it is imported with `import('name')`. As code, what is
 * hardly ever run would still be read at each start: those of the tick cost it a tenth of a start of node, and uncompressed still half of that. `metafiles` gets what esbuild
 * says of each.
 */
export function packedPackages(esbuild, options, needed, metafiles) {
  return {
    name: 'packed-packages',
    setup(build) {
      build.onResolve({filter: /^[^./]/}, ({path: name, kind}) =>
        kind === 'dynamic-import' && needed.includes(name) ? {path: name, namespace: 'packed'} : undefined,
      )
      build.onLoad({filter: /.*/, namespace: 'packed'}, async ({path: name}) => {
        const stdin = {contents: `module.exports = require(${JSON.stringify(name)})`, resolveDir: ROOT}
        const {outputFiles, metafile} = await esbuild.build({...options, stdin, outfile: path.join(DIST, 'packed.cjs')})
        metafiles.push(metafile)
        const code = zlib.brotliCompressSync(outputFiles[0].contents).toString('base64')
        return {
          contents: `const packed = {exports: {}}
            const code = require('node:zlib').brotliDecompressSync(Buffer.from('${code}', 'base64')).toString()
            require('node:vm').compileFunction(code, ['module', 'exports', 'require'])(packed, packed.exports, require)
            module.exports = packed.exports`,
        }
      })
    },
  }
}

/**
 * Has our source take node's own modules as they are. Else each file that imports one gets a copy of it, property by property, which for
 * node:fs takes 0.3 ms every time.
 */
export function sharedBuiltins() {
  return {
    name: 'shared-builtins',
    setup(build) {
      build.onResolve({filter: /^node:/}, ({path: name, kind, importer}) =>
        kind === 'import-statement' && importer.startsWith(path.join(ROOT, 'src')) ? {path: name, namespace: 'builtin'} : undefined,
      )
      build.onLoad({filter: /.*/, namespace: 'builtin'}, ({path: name}) => ({contents: `export default require(${JSON.stringify(name)})`}))
    },
  }
}
