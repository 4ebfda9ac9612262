import {ownerDoor} from '../host/account-door.js'
import type {Account, Host} from '../host/host.js'
import {outcomeOf, type Plan, singleSteps, type Step} from '../plan/plan.js'
import {sentence} from '../text/layout.js'

/** A plan in brief: its phases with how many files each touches, and the steps that belong to none. */
export function planSummary(host: Host, plan: Plan): string[] {
  if (plan.steps.length === 0) return [outcomeOf(plan)]
  const parts: {readonly words: string; readonly steps: ShownStep[]}[] = []
  for (const step of shownSteps(plan)) {
    const words = step.phase ?? sentence(step.why)
    const last = parts.at(-1)
    if (last?.words === words) last.steps.push(step)
    else parts.push({words, steps: [step]})
  }
  const verify = plan.verify && plan.verifyPhase !== undefined ? [plan.verifyPhase] : []
  return [
    `Would ${plan.title}:`,
    ...[...parts.map(({words, steps}) => words + filesText(host, steps)), ...verify].map((line) => `  ${line}`),
  ]
}

/** ` (2 new files, 1 changed)`; nothing where no file is written or removed. */
function filesText(host: Host, steps: readonly ShownStep[]): string {
  const isThere = (file: {readonly path: string; readonly as?: Account | undefined}) =>
    ownerDoor(host, file.as).lstat(file.path) !== undefined
  const written = steps.filter((step) => step.kind === 'write-file')
  const changed = written.filter(isThere).length
  const fresh = written.length - changed
  const removed = steps.filter((step) => step.kind === 'remove-file' && isThere(step)).length
  const counted = [
    [fresh, 'new'],
    [changed, 'changed'],
    [removed, 'removed'],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]))
  return counted.length === 0 ? '' : ` (files: ${counted.join(', ')})`
}

/** A plan as --dry-run prints it: each step, and for each file what would change in it. Secrets are never shown. */
export async function planText(host: Host, plan: Plan): Promise<string[]> {
  if (plan.steps.length === 0) return [outcomeOf(plan)]
  const lines = [`Would ${plan.title}:`]
  for (const step of shownSteps(plan)) {
    lines.push(`  ${sentence(step.why)}`)
    lines.push(...howText(step).map((line) => `      ${line}`))
    if (step.kind === 'write-file') lines.push(...(await fileDiff(host, step)).map((line) => `      ${line}`))
  }
  return lines
}

/** How a step is done, beyond what it is for. */
function howText(step: ShownStep): string[] {
  const lines = step.onlyIf ? [`only if ${step.onlyIf.when}`] : []
  if (step.kind === 'run') lines.push(`$ ${step.argv.join(' ')}`)
  if (step.kind === 'edit-json') lines.push(`${step.field}: ${JSON.stringify(step.value)}`)
  if (step.kind === 'signal' && step.waitMs > 0) {
    const isCutShort = step.answerMs !== undefined && step.answerMs < step.waitMs
    lines.push(
      `waits at most ${inSeconds(step.waitMs)} for its end${isCutShort ? `, but only ${inSeconds(step.answerMs)} if the gateway does not react` : ''}`,
    )
  }
  if (step.kind === 'wait-until' && step.limitMs !== undefined) lines.push(`at most ${inSeconds(step.limitMs)}`)
  return lines
}

function inSeconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}

/** A plan as --dry-run --json shows it (src/schemas/change.schema.json). Secrets are never shown. */
export async function planJson(host: Host, plan: Plan): Promise<object> {
  const steps: object[] = []
  for (const step of shownSteps(plan)) steps.push(await stepJson(host, step))
  return {title: plan.title, steps}
}

/** Permission bits as four octal digits. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/** A program in place of its text. */
export function programText(text: string): string {
  return `(a program of ${Math.ceil(Buffer.byteLength(text) / 1024)} kB)`
}

/** A file as it should be. */
interface WantedFile {
  readonly path: string
  readonly text: string
  readonly mode: number
  readonly secret?: boolean
  readonly isProgram?: boolean
  /** Whose file it is, if not root's or one's own. */
  readonly as?: Account | undefined
}

/** The change of one file as a unified diff, and of its mode; of a secret one, or of a program of ours, only that it changes. */
export async function fileDiff(host: Host, file: WantedFile): Promise<string[]> {
  const mode = ownerDoor(host, file.as).lstat(file.path)?.mode
  const modeLine = mode === undefined || mode === file.mode ? [] : [`(mode ${octal(mode)} of ${file.path} becomes ${octal(file.mode)})`]
  return [...modeLine, ...(await textDiff(host, file))]
}

/** Lines of a file that differ and are shown; one of ours has some hundred. */
const MOST_EDITS = 2000

async function textDiff(host: Host, {path, text: wanted, secret, isProgram, as}: WantedFile): Promise<string[]> {
  const installed = ownerDoor(host, as).readText(path)
  if (installed === wanted) return []
  if (isProgram) return [`${path}: ${programText(wanted)}, ${installed === undefined ? 'new' : 'another version'}`]
  if (secret) return [installed === undefined ? `(new; its values are not shown)` : `(changes; its values are not shown)`]
  const {createTwoFilesPatch} = await import('diff')
  const from = installed === undefined ? '/dev/null' : path
  const patch = createTwoFilesPatch(from, path, installed ?? '', wanted, 'installed', 'rendered', {maxEditLength: MOST_EDITS})
  // The work grows with the lines that differ times all lines.
  if (patch === undefined) return [`${path}: more than ${MOST_EDITS} of its lines differ`]
  // Without the lines above the two names, which say nothing more.
  const lines = patch.split('\n')
  return lines.slice(
    lines.findIndex((line) => line.startsWith('--- ')),
    -1,
  )
}

type ShownStep = Exclude<Step, {readonly kind: 'on-undo' | 'shared'}>

/** What would be done if nothing fails. */
function shownSteps(plan: Plan): ShownStep[] {
  return singleSteps(plan.steps).filter((step) => step.kind !== 'on-undo')
}

async function stepJson(host: Host, step: ShownStep): Promise<object> {
  return {kind: step.kind, why: step.why, when: step.onlyIf?.when ?? null, ...(await membersOf(host, step))}
}

async function membersOf(host: Host, step: ShownStep): Promise<object> {
  switch (step.kind) {
    case 'run':
      return {argv: step.argv}
    case 'write-file': {
      const {path, mode, text, secret = false, isProgram = false} = step
      const shown = secret ? null : isProgram ? programText(text) : text
      return {path, mode: octal(mode), secret, text: shown, diff: await fileDiff(host, step)}
    }
    case 'make-folder':
      return {path: step.path, mode: octal(step.mode)}
    case 'set-access':
      return {path: step.path, mode: step.mode === undefined ? null : octal(step.mode), owner: step.owner?.name ?? null}
    case 'remove-file':
    case 'remove-folder':
      return {path: step.path}
    case 'empty-folder':
      return {path: step.path, names: step.names ?? null}
    case 'edit-json':
      return {path: step.path, field: step.field, value: step.value}
    case 'signal':
      return {pid: step.process.pid, signal: step.signal, waitMs: step.waitMs, answerMs: step.answerMs ?? null}
    case 'ask-manager':
      return {request: step.request, name: step.name, domain: step.domain ?? null}
    case 'wait-until':
      return {limitMs: step.limitMs ?? null}
    case 'act':
      return {}
  }
}
