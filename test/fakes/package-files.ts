import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {FakeFile} from './fake-host.js'

const TEMPLATES = join(import.meta.dirname, '../../templates')
/** The version that the fake machine's package has. */
export const PACKAGE_VERSION = '1.2.3'

/** The package's own manifest, templates and tick at the fake machine's package root, and the standard tools that a definition calls. */
export function packageFiles(packageRoot = '/usr/lib/node_modules/hermes-svc'): Record<string, FakeFile> {
  const files: Record<string, FakeFile> = {
    [`${packageRoot}/dist/heartbeat.cjs`]: {text: '// the tick\n'},
    [`${packageRoot}/package.json`]: {text: JSON.stringify({version: PACKAGE_VERSION})},
  }
  for (const name of readdirSync(TEMPLATES, {recursive: true, encoding: 'utf8'}).filter((entry) => /\.(?:ejs|sh)$/.test(entry))) {
    files[`${packageRoot}/templates/${name}`] = {text: readFileSync(join(TEMPLATES, name), 'utf8')}
  }
  for (const tool of ['head', 'nice', 'rm', 'sleep', 'systemd-inhibit', 'systemd-run']) files[`/usr/bin/${tool}`] = {text: '', mode: 0o755}
  return files
}
