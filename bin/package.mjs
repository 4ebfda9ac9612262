// npm run package [-- --out FOLDER] [--json]: makes the file that is published and installed, hermes-svc-<version>.tgz, of what is built. It is what npm packs of
// this folder, with a package.json without the scripts and the development packages of a clone: npm warns of `prepare` at each install of it.
import {execFileSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
/** Fields of package.json that say something to whoever works on it alone. */
const OF_A_CLONE = ['scripts', 'devDependencies']

const {values} = parseArgs({options: {out: {type: 'string', default: '.'}, json: {type: 'boolean', default: false}}})
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-pack-'))
try {
  const [{filename}] = pack(ROOT, scratch)
  execFileSync('tar', ['-xzf', path.join(scratch, filename), '-C', scratch])
  const folder = path.join(scratch, 'package')
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  for (const field of OF_A_CLONE) delete manifest[field]
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  const packed = pack(folder, path.resolve(values.out))
  process.stdout.write(values.json ? `${JSON.stringify(packed)}\n` : `${packed[0].filename}\n`)
} finally {
  fs.rmSync(scratch, {recursive: true})
}

/** What `npm pack --json` says of the package that it made of a folder. */
function pack(folder, destination) {
  const argv = ['pack', '--json', '--ignore-scripts', '--pack-destination', destination]
  return JSON.parse(execFileSync('npm', argv, {cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']}))
}
