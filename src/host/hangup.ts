import type {Host} from './host.js'

/**
 * True if this process was started with SIGHUP ignored, as nohup(1) does; listening to it would undo that. Bit 0 of SigIgn in
 * proc_pid_status(5); false where there is no /proc.
 */
export function ignoresHangup(host: Pick<Host, 'readText'>): boolean {
  const last = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(host.readText('/proc/self/status') ?? '')?.[1] ?? '0'
  return (Number.parseInt(last, 16) & 1) === 1
}
