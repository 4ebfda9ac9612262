import {type Door, HostError} from '../host/host.js'
import {TOOL_ENVIRONMENT} from './process-darwin.js'

const LSOF = '/usr/sbin/lsof'
const TIMEOUT_MS = 20_000
/** -w no warnings, -n -P no names of hosts and ports, +L link counts; fields: pid, descriptor, lock, links, inode, name. */
const OPTIONS = ['-w', '-n', '-P', '+L', '-F', 'pflkin']

/** A file that a process has open by a descriptor with a number. */
export interface OpenFile {
  readonly pid: number
  readonly fd: number
  /** lsof(8), "LOCK": "W" and "w" write locks, "u" and "U" locks of both kinds. undefined where nothing is told, as on macOS. */
  readonly lock: string | undefined
  /** Undefined if it is not told. */
  readonly links: number | undefined
  readonly inode: number | undefined
  readonly name: string
}

/**
 * Lists open files by lsof(8), those of other users only as root; `selection`: its options that say which. Changes nothing, locks nothing.
 * Throws HostError if lsof cannot be run, or says that it failed.
 */
export function listOpenFiles(host: Door, selection: readonly string[]): OpenFile[] {
  const result = host.read([LSOF, ...OPTIONS, ...selection], {env: TOOL_ENVIRONMENT, timeoutMs: TIMEOUT_MS})
  if (result.failure !== undefined) throw new HostError(result.failure, LSOF, 'cannot run')
  // It ends with 1 where it found nothing, or not all that it was asked for, as well as where it failed; then it says why.
  const isFine = result.code === 0 || (result.code === 1 && (result.stdout !== '' || result.stderr === ''))
  if (!isFine) throw new HostError('EIO', LSOF, `unexpected answer (${result.stderr.trim().split('\n')[0] ?? ''}) from`)
  return parseLsof(result.stdout)
}

/** Parses the output of `lsof -F pflkin`: a line a field, its name the first letter; "p" begins a process, "f" a file (lsof(8), OUTPUT). */
export function parseLsof(text: string): OpenFile[] {
  const files: OpenFile[] = []
  let pid = 0
  let fields = new Map<string, string>()
  const finish = () => {
    const [fd, name] = [fields.get('f') ?? '', fields.get('n')]
    if (pid > 0 && /^\d+$/.test(fd) && name !== undefined) {
      const lock = fields.get('l')?.trim()
      files.push({
        pid,
        fd: Number(fd),
        lock: lock === '' ? undefined : lock,
        links: numberOf(fields.get('k')),
        inode: numberOf(fields.get('i')),
        name,
      })
    }
    fields = new Map()
  }
  for (const line of text.split('\n')) {
    const [field, value] = [line.slice(0, 1), line.slice(1)]
    if (field === 'p' || field === 'f') finish()
    if (field === 'p') pid = /^\d+$/.test(value) ? Number(value) : 0
    else fields.set(field, value)
  }
  finish()
  return files
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}
