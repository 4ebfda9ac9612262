import {execFileSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {PACKAGE_ROOT} from './built.js'

/** What `npm run package` made. */
export interface Packed {
  /** A new folder that holds nothing but the package; whoever packs removes it. */
  readonly folder: string
  /** Name of the package's file in it. */
  readonly filename: string
  readonly version: string
  /** Bytes. */
  readonly size: number
  readonly integrity: string
  readonly files: readonly {readonly path: string; readonly mode: number}[]
}

/** Packs the package as it was built. */
export function packPackage(): Packed {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-package-'))
  const argv = [path.join(PACKAGE_ROOT, 'bin', 'package.mjs'), '--json', '--out', folder]
  const output = execFileSync(process.execPath, argv, {encoding: 'utf8'})
  const [packed] = JSON.parse(output) as [Omit<Packed, 'folder'>]
  return {...packed, folder}
}
