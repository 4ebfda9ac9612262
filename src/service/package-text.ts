import path from 'node:path'
import type {Host} from '../host/host.js'

/** The text of a file of the package's templates, by its folders and name. */
export function packageText(host: Host, ...place: readonly string[]): string {
  const file = path.join(host.packageRoot, 'templates', ...place)
  const text = host.readText(file)
  if (text === undefined) throw new Error(`the package is incomplete: ${file} is missing`)
  return text
}
