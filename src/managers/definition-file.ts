import type {Account, Door} from '../host/host.js'
import {temporariesOf} from '../host/tolerant-read.js'
import type {Step} from '../plan/plan.js'
import type {DefinitionFile} from './manager.js'

/** A file of a definition: anybody may read it, and what it says holds from the next reload on, unless `more` says otherwise. */
export function definitionFile(path: string, text: string, more: Partial<Omit<DefinitionFile, 'path' | 'text'>> = {}): DefinitionFile {
  return {path, text, mode: 0o644, secret: false, isProgram: false, needsRestart: false, edited: false, ...more}
}

/** True if a file of a definition is on disk with the text and the mode that it should have. */
export function isAsWanted(host: Door, {path, mode, text}: Pick<DefinitionFile, 'path' | 'mode' | 'text'>): boolean {
  const stat = host.lstat(path)
  // One of another size is not even read: it may be larger than what can be.
  return stat?.kind === 'file' && stat.mode === mode && stat.size === Buffer.byteLength(text) && host.readText(path) === text
}

/** Those of some files that are there, and what interrupted writes of them have left. */
export function onDisk(host: Door, files: readonly string[]): string[] {
  return files.flatMap((file) => [...[file].filter((one) => host.lstat(one) !== undefined), ...temporariesOf(host, file)])
}

export function writeStep({path, text, mode, isProgram}: DefinitionFile, as: Account | undefined): Step {
  return {kind: 'write-file', why: `write ${path}`, path, text, mode, isProgram, as}
}

export function makeFolderStep(path: string, as: Account | undefined, mode = 0o755): Step {
  return {kind: 'make-folder', why: `make ${path}`, path, mode, as, besideOthers: true}
}

/** `forGood`: see the kind of step. */
export function removeFileStep(path: string, as: Account | undefined, forGood = false): Step {
  return {kind: 'remove-file', why: `remove ${path}`, path, as, ...(forGood ? {forGood} : {})}
}

export function removeFolderStep(path: string, as: Account | undefined): Step {
  return {kind: 'remove-folder', why: `remove ${path} if it is empty`, path, as}
}

/** What is in a folder at the moment at which it is done, such as what a helper or a tick has noted since it was planned. */
export function emptyFolderStep(path: string, as: Account): Step {
  return {kind: 'empty-folder', why: `empty ${path}`, path, as}
}
