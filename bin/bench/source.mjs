import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {MEASURE} from './measure.mjs'

export const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))

/** What is needed of the source and of the tests, which is TypeScript and exported by no bundle. */
export async function loadSource() {
  const {build} = await import('esbuild')
  const file = path.join(ROOT, 'dist', `bench-${process.pid}.mjs`)
  await build({
    stdin: {
      contents: ['src/smoke/machine', 'src/host/node-host', 'test/support/restart-situations']
        .map((name) => `export * from './${name}.js'`)
        .join('\n'),
      resolveDir: ROOT,
    },
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  })
  try {
    return await import(pathToFileURL(file).href)
  } finally {
    fs.rmSync(file)
  }
}

/** The containers of the tests, without the test runner. */
export async function loadContainers() {
  const {build} = await import('esbuild')
  const support = path.join(ROOT, 'test', 'support')
  const file = path.join(ROOT, 'dist', `bench-containers-${process.pid}.mjs`)
  const noRunner = {
    name: 'no-runner',
    setup(build) {
      build.onResolve({filter: /^vitest$/}, () => ({path: 'vitest', namespace: 'no-runner'}))
      const names = ['afterAll', 'beforeAll', 'describe', 'it']
      const contents = names.map((name) => `export const ${name} = () => undefined`).join('\n')
      build.onLoad({filter: /.*/, namespace: 'no-runner'}, () => ({contents}))
    },
  }
  await build({
    entryPoints: [path.join(support, 's6-container.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    plugins: [noRunner],
    define: {'import.meta.url': JSON.stringify(pathToFileURL(path.join(support, 's6-container.ts')).href)},
    logLevel: 'error',
  })
  try {
    return await import(pathToFileURL(file).href)
  } finally {
    fs.rmSync(file)
  }
}

/**
 * A throw-away machine with a user and the built program: `run` runs a command as that user and gives what it printed, `measure` measures rows there (see
 * measure.mjs). Or the reason why there is none here.
 */
export async function withMachine(name, use) {
  const {bootMachine, createNodeHost, whyNoMachine, MACHINE_NODE, MACHINE_PACKAGE} = await loadSource()
  const host = createNodeHost(ROOT)
  const reason = whyNoMachine(host)
  if (reason) return {reason}
  const program = '/opt/hermes-svc/measure.mjs'
  const machine = await bootMachine(host, {name, binds: [{source: MEASURE, target: program}]})
  try {
    const user = await machine.addUser('bench')
    const run = async (argv, options = {}) => {
      const result = await machine.exec(argv, {user, timeoutMs: 300_000, ...options})
      if (result.code !== 0) throw new Error(`${argv.join(' ').slice(0, 200)}: ${result.stderr || result.stdout}`)
      return result.stdout
    }
    const measureThere = async (rows, rounds) => {
      const file = '/var/tmp/rows.json'
      await machine.writeText(file, JSON.stringify(rows), {user})
      return JSON.parse(await run([MACHINE_NODE, program, file, String(rounds)]))
    }
    const gateway = `${MACHINE_PACKAGE}/dist/stand-in/hermes`
    return await use({user, run, measure: measureThere, node: MACHINE_NODE, entry: `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, gateway})
  } finally {
    await machine.down()
  }
}
