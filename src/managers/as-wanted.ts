import type {Door} from '../host/host.js'
import type {DefinitionFile} from './manager.js'

/** True if a file of a definition is on disk with the text and the mode that it should have. */
export function isAsWanted(host: Door, {path, mode, text}: Pick<DefinitionFile, 'path' | 'mode' | 'text'>): boolean {
  const stat = host.lstat(path)
  // One of another size is not even read: it may be larger than what can be.
  return stat?.kind === 'file' && stat.mode === mode && stat.size === Buffer.byteLength(text) && host.readText(path) === text
}
