import path from 'node:path'
import {ExitStatus, ServiceError} from '../errors.js'
import {editJson} from '../gateway/edit-json.js'
import {takesNothing} from '../host/errno.js'
import {type Account, type Door, type FileStat, type Host, HostError, MAX_OWN_TEXT_BYTES} from '../host/host.js'
import {temporariesOf} from '../host/tolerant-read.js'
import {writeOver} from '../host/write-over.js'
import {type AppliedStep, isFailure, type Progress, type RunStep, type Step} from './plan.js'
import {signalAndWait} from './signal.js'

// How each kind of step is done: one place for each.

/** Of the folders that several services have in common. */
const PARENT_MODE = 0o755

/** What a step has changed. */
export type Result = Omit<AppliedStep, 'step' | 'durationMs'>

/** Notes what undoes a step, be it half done; it does nothing where nothing was done. */
export type NoteUndo = (why: string, run: (progress: Progress) => unknown) => void

type Single = Exclude<Step, {kind: 'shared'}>

/**
 * Does one step, if its condition holds; `before`: what came of those before it. What undoes it is noted before it begins, since it may fail when half of
 * it is done. Throws ServiceError, or HostError for a system call that failed.
 */
export async function perform(
  own: Host,
  step: Single,
  progress: Progress,
  undo: NoteUndo,
  before: readonly AppliedStep[],
): Promise<Result> {
  if (step.onlyIf?.holds(before) === false) return {changed: false}
  try {
    return await doStep(own, step, progress, undo)
  } catch (error) {
    if (step.isRecord && error instanceof HostError && takesNothing(error)) {
      const warning = `could not ${step.why}: ${error.message}; once the disk can be written again, run: ${step.isRecord.again}`
      return {changed: false, warning}
    }
    if (!step.mayFail || !(isFailure(error) || error instanceof HostError)) throw error
    return {changed: false, note: error.message}
  }
}

async function doStep(own: Host, step: Single, progress: Progress, undo: NoteUndo): Promise<Result> {
  const host: Door = step.as ? own.as(step.as) : own
  switch (step.kind) {
    case 'make-folder': {
      const goes = (folder: string) => undo(`remove ${folder}`, () => host.lstat(folder) && host.removeFolder(folder))
      if (host.lstat(step.path) === undefined) goes(step.path)
      return {changed: makeFolder(host, step, goes)}
    }
    case 'write-file': {
      const old = snapshot(host, step.path)
      if (old?.text === step.text && old.stat.mode === step.mode) return {changed: false}
      undo(old ? `restore ${step.path}` : `remove ${step.path}`, () => restore(host, step.path, old))
      const text = writeOver(host, step)
      sweep(host, step.path)
      return {changed: true, before: sha256(old?.text), after: sha256(text)}
    }
    case 'remove-file': {
      if (step.forGood) return {changed: host.removeFile(step.path)}
      const old = snapshot(host, step.path)
      if (!old) return {changed: false}
      undo(`restore ${step.path}`, () => restore(host, step.path, old))
      host.removeFile(step.path)
      return {changed: true, before: sha256(old.text), after: null}
    }
    case 'set-access':
      return {changed: setAccess(own, host, step, undo)}
    case 'remove-folder': {
      const old = host.stat(step.path)
      if (old) undo(`create ${step.path}`, () => host.makeFolder(step.path, old.mode))
      return {changed: host.removeFolder(step.path)}
    }
    case 'empty-folder': {
      const names = host.list(step.path) ?? []
      const wanted = names.filter((name) => step.names?.includes(name) ?? true)
      return {changed: wanted.filter((name) => host.removeFile(path.join(step.path, name))).length > 0}
    }
    case 'run':
      await runOrThrow(host, step)
      return {changed: true}
    case 'edit-json': {
      const {takeBack} = step
      const edited = {before: undefined as unknown, changed: false}
      if (takeBack) undo(`revert: ${step.why}`, () => edited.changed && host.editInPlace(step.path, takeBack(edited.before)))
      Object.assign(edited, editJson(host, step, step.edit()))
      return {changed: edited.changed}
    }
    case 'signal':
      return signalAndWait({host: own, userHost: own.as(step.as ?? own.account)}, step, progress)
    case 'ask-manager':
      return {changed: await step.ask(progress)}
    case 'wait-until':
      return {changed: false, came: await step.until(progress)}
    case 'on-undo':
      undo(step.run.why, (undoing) => performSteps(own, [step.run], undoing))
      return {changed: false}
    case 'act': {
      const done = await step.act(progress)
      return done.changed ? {changed: true, note: done.what} : {changed: false}
    }
  }
}

/**
 * Performs steps within another step, e.g. a stop that comes up while the end is waited for. They are not undone, and no lock is taken for them:
 * that is for whoever acts. Resolves with what came of each.
 */
export async function performSteps(host: Host, steps: readonly Step[], progress: Progress): Promise<AppliedStep[]> {
  const applied: AppliedStep[] = []
  for (const step of steps) {
    if (step.kind === 'shared') {
      if (step.onlyIf?.holds(applied) !== false) applied.push(...(await performSteps(host, await step.again(), progress)))
    } else {
      const startMs = host.monotonicMs()
      const result = await perform(host, step, progress, () => undefined, applied)
      applied.push({step, durationMs: host.monotonicMs() - startMs, ...result})
    }
  }
  return applied
}

/** Only root gives things away, so that is done with its own ids; a mode is set with those of the step. */
/** `goes`: notes that a folder is to go again if this is undone, the last one noted first. */
function makeFolder(
  host: Door,
  {path: folder, mode, besideOthers}: Extract<Step, {kind: 'make-folder'}>,
  goes: (folder: string) => void,
): boolean {
  try {
    return host.makeFolder(folder, mode)
  } catch (error) {
    if (!besideOthers || !(error instanceof HostError) || error.code !== 'ENOENT') throw error
    const parent = path.dirname(folder)
    for (const one of [parent, folder]) goes(one)
    host.makeFolder(parent, PARENT_MODE)
    return host.makeFolder(folder, mode)
  }
}

function setAccess(own: Host, host: Door, step: Extract<Step, {kind: 'set-access'}>, undo: NoteUndo): boolean {
  const {path, mode, owner, within} = step
  const old = host.lstat(path)
  const isNewOwner = owner !== undefined && old?.uid !== owner.uid
  const isNewMode = mode !== undefined && old?.mode !== mode
  if (isNewOwner) {
    const former = host.accountOf(old?.uid ?? 0)
    const giveBack = (to: Account) => host.lstat(path)?.uid !== to.uid && own.setOwner(path, to, within ?? owner.home)
    if (former) undo(`give ${path} back to ${former.name}`, () => giveBack(former))
    own.setOwner(path, owner, within)
  }
  if (isNewMode) {
    if (old) undo(`restore the mode of ${path}`, () => host.lstat(path)?.mode !== old.mode && host.setMode(path, old.mode))
    host.setMode(path, mode)
  }
  return isNewOwner || isNewMode
}

/** Runs a step's program. Throws a ServiceError with what it printed if it does not end with 0. */
async function runOrThrow(host: Door, {argv, why, env, timeoutMs}: RunStep): Promise<void> {
  const result = await host.run(argv, {env, ...(timeoutMs === undefined ? {} : {timeoutMs})})
  if (result.code === 0) return
  const said = result.failure ?? (result.stderr.trim() || `exit status ${result.code ?? result.signal}`)
  // A program of many lines says less than what it is for.
  const message = `${argv.some((word) => word.includes('\n')) ? `hermes-svc could not ${why}` : argv.join(' ')}: ${said}`
  throw new ServiceError(message, {code: 'command-failed', exitStatus: ExitStatus.failed, next: ['hermes-svc doctor']})
}

interface Snapshot {
  readonly text: string
  readonly stat: FileStat
}

function snapshot(host: Door, path: string): Snapshot | undefined {
  const stat = host.lstat(path)
  if (!stat) return undefined
  if (stat.kind !== 'file') throw new HostError(stat.kind === 'link' ? 'ELOOP' : 'EEXIST', path, `a ${stat.kind} is in the place of`)
  // What is taken away may be put back, a long log too.
  return {text: host.readText(path, MAX_OWN_TEXT_BYTES) ?? '', stat}
}

/** Puts back what a file was, or that there was none; nothing is written where it is so. */
function restore(host: Door, path: string, old: Snapshot | undefined): void {
  const now = host.lstat(path)
  if (!old) {
    if (now) host.removeFile(path)
    return
  }
  if (now?.kind === 'file' && now.mode === old.stat.mode && host.readText(path, MAX_OWN_TEXT_BYTES) === old.text) return
  const bytes = Buffer.from(old.text)
  const whenFull = (content: Buffer) => (content.length === bytes.length ? {offset: 0, bytes} : undefined)
  writeOver(host, {path, text: old.text, mode: old.stat.mode, whenFull})
}

/** Takes away what a write of this file that was killed has left: whoever changes it holds the lock that is for it, so none is under way. */
function sweep(host: Door, path: string): void {
  try {
    for (const left of temporariesOf(host, path)) host.removeFile(left)
  } catch (error) {
    // It is found by doctor, and does no harm.
    if (!(error instanceof HostError)) throw error
  }
}

function sha256(text: string | undefined): string | null {
  if (text === undefined) return null
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex')
}
