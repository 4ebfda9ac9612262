import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'

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
