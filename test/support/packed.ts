import {execFileSync} from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import {inject} from 'vitest'
import {PACKAGE_ROOT} from './built.js'

/** What `npm run package` made. */
export interface Packed {
  /** A folder that holds nothing but the package, which anybody can read. All suites of a run share it: nothing is to be changed in it. */
  readonly folder: string
  /** Name of the package's file in it. */
  readonly filename: string
  readonly version: string
  /** Bytes. */
  readonly size: number
  readonly integrity: string
  readonly files: readonly {readonly path: string; readonly mode: number}[]
}

/** Far more than packing takes. Whoever waits blocks its worker, so that vitest could not end it. */
const LIMIT_MS = 120_000
const POLL_MS = 50

/** The package as it was built for this run. Whichever suite of the run asks first packs it, the others wait for that: npm takes seconds for it. */
export function packPackage(): Packed {
  const place = path.join(inject('runFolder'), 'packed')
  const said = path.join(inject('runFolder'), 'packed.json')
  if (isMineToMake(place)) {
    // Through a name of its own: who sees the file sees all of it.
    fs.writeFileSync(`${said}.tmp`, JSON.stringify(pack(place)))
    fs.renameSync(`${said}.tmp`, said)
  }
  for (const endsAt = Date.now() + LIMIT_MS; !fs.existsSync(said); sleepSync(POLL_MS)) {
    if (Date.now() > endsAt) throw new Error(`no package in ${place}: the suite that was to pack it has failed`)
  }
  return JSON.parse(fs.readFileSync(said, 'utf8')) as Packed
}

/** Whether no other suite has begun with it. */
function isMineToMake(folder: string): boolean {
  try {
    fs.mkdirSync(folder, {mode: 0o755})
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function pack(folder: string): Packed {
  const argv = [path.join(PACKAGE_ROOT, 'bin', 'package.mjs'), '--json', '--out', folder]
  const output = execFileSync(process.execPath, argv, {encoding: 'utf8'})
  const [packed] = JSON.parse(output) as [Omit<Packed, 'folder'>]
  return {...packed, folder}
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
