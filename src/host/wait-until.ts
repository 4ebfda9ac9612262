import type {Host} from './host.js'

export interface WaitOptions {
  /** How long it may take at most, in ms; Infinity for as long as it takes. */
  readonly limitMs: number
  readonly everyMs?: number
  /** Called before each pause, with the time that is left in ms. */
  readonly onWait?: (leftMs: number) => void
  /** Ends the wait with its reason, as `throwIfAborted` throws it. */
  readonly signal?: AbortSignal | undefined
}

const EVERY_MS = 100

/**
 * Asks again and again until there is an answer, which is anything but undefined and false; undefined if there is none in that time. It is asked once at
 * least, and once more when the time is over.
 */
export async function waitUntil<T>(
  host: Pick<Host, 'monotonicMs' | 'sleep'>,
  {limitMs, everyMs = EVERY_MS, onWait, signal}: WaitOptions,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T | undefined> {
  const endMs = host.monotonicMs() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    const leftMs = endMs - host.monotonicMs()
    if (leftMs <= 0) return undefined
    onWait?.(leftMs)
    await host.sleep(everyMs, signal)
    signal?.throwIfAborted()
  }
}
