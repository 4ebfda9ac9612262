import {type Door, HostError} from '../host/host.js'
import {readProcess} from './process.js'
import type {ProcessRecord} from './records.js'

/** The machine's own PID namespace (PROC_PID_INIT_INO, linux/proc_ns.h), from which every process is seen; see pid_namespaces(7). */
const MACHINE_NAMESPACE = 'pid:[4026531836]'

/** The PID namespace of this process, in the kernel's words; undefined where there are none, or where it may not be looked at. */
export function pidNamespace(host: Door): string | undefined {
  try {
    return host.readLink('/proc/self/ns/pid')
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** True where processes outside this PID namespace, such as those of another container on the same home, are not seen. */
export function isInnerNamespace(host: Door): boolean {
  const namespace = pidNamespace(host)
  return namespace !== undefined && namespace !== MACHINE_NAMESPACE
}

/**
 * Why a record can only be of a process outside this PID namespace, such as the gateway of another container on the same home: that no such
 * pid is in the process table then proves nothing. Undefined if the record may be of here, and always where the whole machine is seen.
 */
export function whyElsewhere(host: Door, {pid, startTime}: ProcessRecord): string | undefined {
  try {
    if (!isInnerNamespace(host)) return undefined
    const firstStart = readProcess(host, 1)?.startTime
    const isOlder = startTime !== undefined && firstStart !== undefined && startTime < firstStart
    if (isOlder) return 'it started before every process that is visible here'
    const lastPid = Number(host.readText('/proc/sys/kernel/ns_last_pid') ?? NaN)
    return pid > lastPid ? 'no process here has had a pid that high yet' : undefined
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** The pid by which a process knows itself: another one than ours for it if it is in an inner PID namespace (NSpid, proc_pid_status(5)). */
export function innermostPid(host: Door, pid: number): number {
  const numbers = /^NSpid:\s+(.*)$/m.exec(host.readText(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(numbers?.split(/\s+/).at(-1) ?? pid)
}
