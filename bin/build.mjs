// Builds dist/ and oclif.manifest.json from src/: one bundle of our own code (cli.cjs), smaller ones for commands that should be quick, one file for each package that is imported with
// `import()`, so only when it is needed (vendor/), the help texts, the heartbeat tick, the stand-in gateway, the JSON schemas, and the
// licences of what is in it. `--metafile FILE` writes there what esbuild says of each bundle.
import fs from 'node:fs'
import {builtinModules, createRequire} from 'node:module'
import path from 'node:path'
import {fileURLToPath} from 'node:url'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const DIST = path.join(ROOT, 'dist')
const OCLIF_VERSION = '4.14.0'
const OCLIF_ENTRY = '@oclif/core/execute'
/**
 * The parts of oclif, and of what it is made of, that only its help and its own reports of errors need. Within the bundle they are taken
 * from the vendored oclif, which has all of it.
 */
const COLD_OCLIF_PARTS = [
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
/** Bundles beside the one of all commands; bin/hermes-svc.cjs knows them. */
const QUICK_COMMANDS = {look: ['status', 'list', 'health'], doctor: ['doctor']}
const require = createRequire(import.meta.url)

const esbuild = await import('esbuild').catch((error) => {
  process.stderr.write(`cannot build: ${error.message}\nThe build needs the development packages: npm install --include=dev\n`)
  process.exit(1)
})

/** What both builds share. */
const common = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Names stay, for the sake of stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  charset: 'ascii',
  metafile: true,
  write: false,
  logLevel: 'warning',
  // oclif asks for these only to run a program from TypeScript source.
  external: ['typescript', 'ts-node', 'tsx'],
  // A script that comes from a code cache cannot use import() on Node 20. This makes each a deferred require.
  supported: {'dynamic-import': false},
}

await build()

async function build() {
  const oclif = oclifFolder()
  const {name, version} = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  const vendored = new Map()
  const bundles = await Promise.all(
    Object.entries({cli: undefined, ...QUICK_COMMANDS}).map(([output, commands]) =>
      esbuild.build({
        ...common,
        entryPoints: {[output]: 'src/cli.ts'},
        outdir: DIST,
        // Read by the entry, which saves it reading package.json.
        banner: {js: `// ${name} ${version}`},
        plugins: [
          sharedBuiltins(),
          // What looks renders nothing.
          ...(output === 'look' ? [] : [compiledTemplates()]),
          slimIndex(),
          onlyCommands(commands),
          coldPackages(vendored),
          coldParts(oclif),
          lazyRequires(oclif),
        ],
      }),
    ),
  )
  const heartbeat = await esbuild.build({
    ...common,
    entryPoints: {heartbeat: 'src/heartbeat-entry.ts'},
    outdir: DIST,
    // Without the version, so that a release that changes nothing in it leaves it as it is where it is installed.
    banner: {js: `// The heartbeat tick of ${name}`},
    plugins: [sharedBuiltins(), noPackages('the tick')],
  })
  const completion = await esbuild.build({
    ...common,
    entryPoints: {complete: 'src/complete-entry.ts'},
    outdir: DIST,
    plugins: [sharedBuiltins(), noPackages('completion')],
  })
  const vendor = await esbuild.build({
    ...common,
    entryPoints: Object.fromEntries([...vendored].map(([name, file]) => [file.replace(/\.cjs$/, ''), `vendor-entry:${name}`])),
    outdir: DIST,
    outExtension: {'.js': '.cjs'},
    plugins: [vendorEntries(vendored, oclif), lazyRequires(oclif)],
  })

  fs.mkdirSync(path.join(DIST, 'vendor'), {recursive: true})
  const alone = [heartbeat, completion].flatMap(({outputFiles}) => outputFiles)
  const outputs = [...bundles.flatMap(({outputFiles}) => outputFiles), ...alone, ...vendor.outputFiles]
  for (const output of outputs) write(output.path.replace(/\.js$/, '.cjs'), ascii(output.text))
  keepOnly(
    path.join(DIST, 'vendor'),
    [...vendored.values()].map((file) => path.basename(file)),
  )

  const metafiles = [...bundles, heartbeat, vendor].map(({metafile}) => metafile)
  write(path.join(DIST, 'THIRD-PARTY-LICENSES.txt'), licences(metafiles))
  if (process.argv[2] === '--metafile') fs.writeFileSync(process.argv[3], JSON.stringify(metafiles))
  copyStandIn()
  copySchemas()
  await writeManifestAndHelp()
}

/** Puts the templates of the package into a bundle as functions, so that nothing has to be compiled, nor ejs loaded, to render one. */
function compiledTemplates() {
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

/** Leaves all commands but some out of a bundle; none of them if there is nothing said. */
function onlyCommands(commands) {
  return {
    name: 'only-commands',
    setup(build) {
      if (!commands) return
      build.onLoad({filter: /\/src\/commands\/index\.ts$/}, () => {
        const lines = commands.map((command) => `${command}: () => import('./${command}.js'),`)
        return {contents: `export const commandModules = {${lines.join('')}}`, loader: 'ts'}
      })
    },
  }
}

/**
 * Makes each package that is imported with `import('name')` a file of its own, dist/vendor/<name>.cjs. A bundle with all of them would
 * be four times as large, and its size is paid for at each start. The names that a package exports are asked of the package itself.
 */
function coldPackages(vendored) {
  return {
    name: 'cold-packages',
    setup(build) {
      build.onResolve({filter: /^[^./]/}, ({path: name, kind}) => {
        if (kind !== 'dynamic-import' || name.startsWith('node:') || builtinModules.includes(name)) return undefined
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

/** For what is one file and stands alone: what would load a package, none of which it needs, fails when it is used. */
function noPackages(what) {
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
 * Has our source take node's own modules as they are. Else each file that imports one gets a copy of it, property by property, which for
 * node:fs takes 0.3 ms every time.
 */
function sharedBuiltins() {
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

/** Gives our source, where it imports the index of oclif, only the parts that commands are made of; the index would load all of it. */
function slimIndex() {
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
function coldParts(oclif) {
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
function vendorEntries(vendored, oclif) {
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
 * It relies on how TypeScript 5 writes CommonJS, so the version of oclif is fixed, and a file that looks otherwise fails the build.
 */
function lazyRequires(oclif) {
  const declaration = /^(?:const|var) (\w+_\d+) = ((?:__importDefault\(|__importStar\()?require\("[^"]+"\)\)?);\n/gm
  return {
    name: 'lazy-requires',
    setup(build) {
      build.onLoad({filter: /\.js$/}, ({path: file}) => {
        if (!file.startsWith(oclif)) return undefined
        const source = withoutStdout(path.relative(oclif, file), fs.readFileSync(file, 'utf8'))
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
          throw new Error(`${file} is not written as expected; see lazyRequires in bin/build.mjs`)
        }
        return {contents: `${strict}const lazy = {${getters.join(', ')}};\n${contents.slice(strict.length)}`, loader: 'js'}
      })
    },
  }
}

/** oclif touches stdout when it is loaded, to swallow EPIPE. We write without node's stream, which takes longer to load than oclif. */
function withoutStdout(file, source) {
  if (file !== 'command.js') return source
  const parts = source.split(/^process\.stdout\.on\('error', \(err\) => \{\n(?: .*\n)*\}\);\n/m)
  if (parts.length !== 2) throw new Error(`${file} of oclif is not written as expected; see withoutStdout in bin/build.mjs`)
  return parts.join('')
}

function oclifFolder() {
  const file = require.resolve('@oclif/core/package.json')
  const {version} = JSON.parse(fs.readFileSync(file, 'utf8'))
  if (version !== OCLIF_VERSION) throw new Error(`@oclif/core is ${version}, but bin/build.mjs was written for ${OCLIF_VERSION}`)
  return path.join(path.dirname(file), 'lib') + path.sep
}

/** The text in ASCII, so that the entry can read it as bytes. esbuild has seen to it but for regular expressions, where escapes do. */
function ascii(text) {
  return text.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Whoever runs the program while it is built gets the old file or the new one. What would not change is left alone, with its times. */
function write(file, content, mode = 0o644) {
  const old = fs.existsSync(file) && fs.readFileSync(file)
  if (old && old.equals(Buffer.from(content)) && (fs.statSync(file).mode & 0o777) === mode) return
  const temporary = `${file}.${process.pid}.tmp`
  fs.writeFileSync(temporary, content, {mode})
  fs.chmodSync(temporary, mode)
  fs.renameSync(temporary, file)
}

function keepOnly(folder, names) {
  for (const name of fs.readdirSync(folder)) if (!names.includes(name) && !name.endsWith('.tmp')) fs.rmSync(path.join(folder, name))
}

function copyStandIn() {
  const source = path.join(ROOT, 'src', 'smoke', 'stand-in', 'hermes')
  if (!fs.existsSync(source)) return
  fs.mkdirSync(path.join(DIST, 'stand-in'), {recursive: true})
  write(path.join(DIST, 'stand-in', 'hermes'), fs.readFileSync(source), 0o755)
}

function copySchemas() {
  const source = path.join(ROOT, 'src', 'schemas')
  const folder = path.join(DIST, 'schemas')
  const names = fs.readdirSync(source)
  fs.mkdirSync(folder, {recursive: true})
  for (const name of names) write(path.join(folder, name), fs.readFileSync(path.join(source, name)))
  keepOnly(folder, names)
}

/** Name, version and licence text of every package that has a part in the outputs. */
function licences(metafiles) {
  const folders = new Set()
  for (const {outputs} of metafiles) {
    for (const {inputs} of Object.values(outputs)) {
      for (const input of Object.keys(inputs)) {
        const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]
        if (folder) folders.add(folder)
      }
    }
  }
  const texts = [...folders].sort().map((folder) => {
    const {name, version, license} = JSON.parse(fs.readFileSync(path.join(ROOT, folder, 'package.json'), 'utf8'))
    const file = fs.readdirSync(path.join(ROOT, folder)).find((entry) => /^(licen[cs]e|copying)/i.test(entry))
    if (!file) throw new Error(`${folder} holds no licence text, so it cannot be shipped`)
    const text = fs.readFileSync(path.join(ROOT, folder, file), 'utf8').trim()
    return `${name} ${version} (${license ?? 'see below'})\n\n${text}\n`
  })
  return `The files of this folder contain parts of the following packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`
}

/** The manifest that oclif's help is made from, and the help of the root, each topic and each command as plain text of 80 columns. */
async function writeManifestAndHelp() {
  // Read by oclif when it is loaded, which is why it is imported after this.
  Object.assign(process.env, {OCLIF_COLUMNS: '80', NO_COLOR: '1', FORCE_COLOR: '0'})
  const {Config, Help, Plugin} = await import('@oclif/core')
  const {loadCommands} = require(path.join(DIST, 'cli.cjs'))
  const {commandTree} = require(path.join(DIST, 'complete.cjs'))
  await loadCommands()
  const plugin = new Plugin({root: ROOT, type: 'core', ignoreManifest: true, errorOnManifestCreate: true, respectNoCacheDefault: true})
  await plugin.load()
  write(path.join(ROOT, 'oclif.manifest.json'), `${JSON.stringify(plugin.manifest, undefined, 2)}\n`)
  const about = Object.entries(plugin.pjson.oclif.topics).map(([name, {description}]) => [name, description])
  write(path.join(DIST, 'completion.json'), JSON.stringify(commandTree(plugin.manifest.commands, Object.fromEntries(about))))

  let text = ''
  class TextHelp extends Help {
    log(...lines) {
      text += `${lines.join('\n')}\n`
    }
  }
  const load = async () => {
    const config = await Config.load({root: ROOT})
    // The platform and node of the build are not those of the user.
    return Object.assign(config, {userAgent: `${config.name}/${config.version}`})
  }
  const render = async (id) => {
    text = ''
    // Rendering changes the ids in a configuration, so each has its own.
    await new TextHelp(await load(), {stripAnsi: true}).showHelp(id.split(':').filter(Boolean))
    return `${text.trim()}\n`
  }
  write(path.join(DIST, 'help.txt'), await render(''))
  const {commands, topics} = await load()
  const folder = path.join(DIST, 'help')
  fs.mkdirSync(folder, {recursive: true})
  const files = new Map(
    [...commands.map(({id}) => id), ...topics.map(({name}) => name)].map((id) => [`${id.replaceAll(':', '.')}.txt`, id]),
  )
  for (const [name, id] of files) write(path.join(folder, name), await render(id))
  keepOnly(folder, [...files.keys()])
}
