import path from 'node:path'
import {fileURLToPath} from 'node:url'

/** The folder of package.json. */
export const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))
export const DIST = path.join(ROOT, 'dist')
