// Builds dist/ and oclif.manifest.json from src/: one bundle of our own code (cli.cjs), smaller ones for commands that should be quick, one file for each package that is imported with
// `import()`, so only when it is needed (vendor/), the help texts, the heartbeat tick, the stand-in gateway, the JSON schemas, and the
// licences of what is in it. `--metafile FILE` writes there what esbuild says of each bundle.
import fs from 'node:fs'
import path from 'node:path'
import {writeManifestAndHelp} from './help.mjs'
import {licences} from './licences.mjs'
import {sbom} from './sbom.mjs'
import {coldParts, lazyRequires, oclifFolder, slimIndex, vendorEntries} from './oclif.mjs'
import {coldPackages, noPackages, onlyPlaces, packedPackages, sharedBuiltins} from './packages.mjs'
import {DIST, ROOT} from './places.mjs'
import {compiledTemplates} from './templates.mjs'
import {linesOfOwnSource} from './source-map.mjs'
import {keepOnly, write} from './write.mjs'

/** Bundles beside the one of all commands; bin/hermes-svc.cjs knows them. */
const QUICK_COMMANDS = {look: ['status', 'list', 'health'], doctor: ['doctor']}
/** Whatever changes a service runs programs, which takes half a start of node less so. */
const WARM = ['execa']
/** What the tick needs to tell somebody of something: to run a command, and to get out of a network through a proxy; and to see whether a configuration can be read. */
const PACKED = ['execa', 'proxy-from-env', 'https-proxy-agent', 'yaml']
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
        outExtension: {'.js': '.cjs'},
        // Beside the bundle and not named in it: a bundle that names one starts slower (`doctor` 4.9 in place of 4.6 x node -e 0).
        sourcemap: 'external',
        sourcesContent: false,
        // Read by the entry, which saves it reading package.json.
        banner: {js: `// ${name} ${version}`},
        plugins: [
          sharedBuiltins(),
          // What looks renders nothing.
          ...(output === 'look' ? [] : [compiledTemplates()]),
          slimIndex(),
          onlyCommands(commands),
          coldPackages(vendored, output === 'cli' ? WARM : []),
          coldParts(oclif),
          lazyRequires(oclif),
        ],
      }),
    ),
  )
  const packed = []
  const heartbeat = await esbuild.build({
    ...common,
    entryPoints: {heartbeat: 'src/heartbeat-entry.ts'},
    outdir: DIST,
    // Without the version, so that a release that changes nothing in it leaves it as it is where it is installed.
    banner: {js: `// The heartbeat tick of ${name}`},
    plugins: [sharedBuiltins(), onlyPlaces(), packedPackages(esbuild, common, PACKED, packed), noPackages('the tick')],
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
  for (const {path: file, text} of outputs) {
    const isMap = file.endsWith('.map')
    write(file.replace(/\.js$/, '.cjs'), isMap ? linesOfOwnSource(text) : ascii(text))
  }
  keepOnly(
    path.join(DIST, 'vendor'),
    [...vendored.values()].map((file) => path.basename(file)),
  )

  const metafiles = [...[...bundles, heartbeat, vendor].map(({metafile}) => metafile), ...packed]
  write(path.join(DIST, 'THIRD-PARTY-LICENSES.txt'), licences(metafiles))
  write(path.join(DIST, 'sbom.cdx.json'), sbom(metafiles))
  if (process.argv[2] === '--metafile') fs.writeFileSync(process.argv[3], JSON.stringify(metafiles))
  copyStandIn()
  copySchemas()
  await writeManifestAndHelp()
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

/** The text in ASCII, so that the entry can read it as bytes. esbuild has seen to it but for regular expressions, where escapes do. */
function ascii(text) {
  return text.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
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
