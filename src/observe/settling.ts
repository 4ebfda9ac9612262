/** For so many ticks after a boot, and after a sleep, everything comes up, and nobody has to be told of it. */
const SETTLING_TICKS = 3

/** True while the machine has been up, or awake, for so short a time that what is not well yet is about to be. `tickEveryMs`: how often it is looked at. Pure. */
export function isSettling(upMs: number, tickEveryMs: number): boolean {
  return upMs < SETTLING_TICKS * tickEveryMs
}
