import type {Door, Doors} from '../host/host.js'
import {readIfAllowed} from '../host/tolerant-read.js'

/** The main thread of a process at one moment, from /proc/<pid>/task/<pid>/ (proc_pid_task(5)). */
export interface LoopSample {
  /** ms on the monotonic clock. */
  readonly atMs: number
  readonly state: string
  readonly voluntarySwitches: number
  /** User CPU time so far, in clock ticks of 10 ms. */
  readonly userTicks: number
  /** The kernel function that the thread sleeps in; undefined if it may not be seen or it does not sleep. */
  readonly waitsIn: string | undefined
}

/**
 * Whether an event loop was seen working. `blocked`, `spinning`: not once in the whole window; `unknown`: neither was proved; `hidden`: the
 * system shows nobody's.
 */
export interface LoopVerdict {
  readonly loop: 'alive' | 'blocked' | 'spinning' | 'unknown' | 'hidden'
  readonly evidence: string
}

const TICK_MS = 10
/**
 * A loop that spins wants a whole core. On a busy machine it does not get one, and other threads of the interpreter make it wait for moments:
 * what counts is that it was ready to run in this share of the samples.
 */
const SPINNING_SHARE = 0.8
/**
 * A loop that works sleeps after each event. On a machine that leaves it hardly a core it is ready to run nearly always all the same, so what it ran for
 * between two sleeps tells it from one that spins, which only the interpreter's lock makes sleep, every 5 ms at most.
 */
const SPINNING_MS_A_SWITCH = 3
const SAMPLE_EVERY_MS = 20
/** Between two samples lies so much only where this process was not run: it was stopped, or its machine paused. So often that begins the window anew. */
const HELD_MS = 1000
const MOST_HELD = 2

/**
 * One look at a process's main thread; undefined if the process is gone, or where the system shows no such thing. What it waits in the kernel shows
 * to the process's own user, and to root only with CAP_SYS_PTRACE, which containers are not given: so that is asked with the account's ids.
 */
function sampleLoop({host, userHost}: Doors, pid: number): LoopSample | undefined {
  if (showsNoLoops(host)) return undefined
  const read = (name: string, door: Door = host): string | undefined => readIfAllowed(door, `/proc/${pid}/task/${pid}/${name}`)
  const stat = read('stat')
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (!fields) return undefined
  const isShown = (text: string | undefined) => text !== undefined && text !== '' && text !== '0'
  const own = read('wchan')?.trim()
  const waitsIn = isShown(own) || fields[0] === 'R' ? own : read('wchan', userHost)?.trim()
  return {
    atMs: host.monotonicMs(),
    state: fields[0] ?? '',
    userTicks: Number(fields[11]),
    voluntarySwitches: Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(read('status') ?? '')?.[1]),
    waitsIn: isShown(waitsIn) ? waitsIn : undefined,
  }
}

/**
 * True if the main thread waits in epoll at this moment, as the event loop of an idle gateway does nearly always. Stricter than `watchLoop`,
 * since a blocking call to a network library sleeps in poll or select.
 */
export function glanceAtLoop(doors: Doors, pid: number): boolean {
  const sample = sampleLoop(doors, pid)
  return sample?.state === 'S' && /^(?:do_)?(?:ep_poll|epoll_p?wait)/.test(sample.waitsIn ?? '')
}

/**
 * Looks at the main thread until it is seen waiting for events, `windowMs` at most. An idle loop is there nearly always, so a working one
 * takes one look. For gateways that have neither heartbeat nor control socket. `signal` ends it early.
 */
export async function watchLoop(doors: Doors, pid: number, windowMs: number, signal?: AbortSignal): Promise<LoopVerdict> {
  const {host} = doors
  if (showsNoLoops(host)) {
    return {loop: 'hidden', evidence: 'macOS does not show event loops, and this version of the gateway has no socket to ask'}
  }
  const samples: LoopSample[] = []
  let endMs = host.monotonicMs() + windowMs
  let timesHeld = 0
  for (;;) {
    const sample = sampleLoop(doors, pid)
    if (!sample) return {loop: 'unknown', evidence: 'the process ended during the check'}
    // Whoever held this process may have held that one too: what it did not do meanwhile says nothing of it.
    if (timesHeld < MOST_HELD && sample.atMs - (samples.at(-1)?.atMs ?? sample.atMs) > HELD_MS) {
      timesHeld += 1
      samples.length = 0
      endMs = sample.atMs + windowMs
    }
    samples.push(sample)
    if (isEventWait(sample.waitsIn) || sample.atMs >= endMs || signal?.aborted) return judgeLoop(samples)
    await host.sleep(Math.min(SAMPLE_EVERY_MS, Math.max(1, endMs - sample.atMs)))
  }
}

/**
 * Judges samples of one main thread, oldest first. Waiting for events in any of them proves the loop. Else, over the whole window, frozen
 * switches of a sleeping thread are a blocked loop, and a full core a spinning one: as measured on the real gateway 0.16. Long synchronous
 * work on the loop looks the same while it lasts, so the window must be longer than that.
 */
export function judgeLoop(samples: readonly LoopSample[]): LoopVerdict {
  const [first, last] = [samples[0], samples.at(-1)]
  if (!first || !last) return {loop: 'unknown', evidence: 'its main thread could not be observed'}
  if (samples.some((sample) => isEventWait(sample.waitsIn))) return {loop: 'alive', evidence: 'its event loop waits for events'}
  const windowMs = last.atMs - first.atMs
  const seconds = (windowMs / 1000).toFixed(1)
  const switches = last.voluntarySwitches - first.voluntarySwitches
  const cpuMs = (last.userTicks - first.userTicks) * TICK_MS
  const numbers = `${switches} voluntary switches and ${cpuMs} ms of CPU in ${seconds} s`
  if (samples.length < 2 || windowMs <= 0)
    return {loop: 'unknown', evidence: 'its event loop was not seen waiting for events at this moment'}
  if (samples.every((sample) => sample.state === 'S' && sample.waitsIn !== undefined) && switches === 0) {
    return {loop: 'blocked', evidence: `its event loop is blocked (in ${last.waitsIn}): ${numbers}`}
  }
  const ready = samples.filter((sample) => sample.state === 'R').length / samples.length
  const isOneRun = cpuMs > 0 && cpuMs >= switches * SPINNING_MS_A_SWITCH
  if (ready >= SPINNING_SHARE && isOneRun)
    return {loop: 'spinning', evidence: `its event loop spins without waiting for events: ${numbers}`}
  return {loop: 'unknown', evidence: `its event loop was not seen waiting for events: ${numbers}`}
}

/** macOS tells a thread's wait channel, if at all, without the name of what it waits for. */
function showsNoLoops(host: Door): boolean {
  return host.platform === 'darwin'
}

/** The kernel's functions behind epoll_wait(2), poll(2) and select(2), by the names of various kernels. */
function isEventWait(waitsIn: string | undefined): boolean {
  return waitsIn !== undefined && /^(do_)?(ep_poll|epoll_p?wait|poll_schedule_timeout|sys_poll|select)/.test(waitsIn)
}
