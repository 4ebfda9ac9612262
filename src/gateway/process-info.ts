/** One process as the kernel shows it. */
export interface ProcessInfo {
  readonly pid: number
  /** One letter, proc(5): R running, S sleeping, D disk sleep, T stopped, t traced, Z zombie, X dead, I idle. Of ps(1): R, S, I, T, U, Z. */
  readonly state: string
  readonly parentPid: number
  /** In units of 10 ms, as gateways record it: on Linux clock ticks since boot (field 22 of /proc/<pid>/stat), on macOS since the epoch. */
  readonly startTime: number
  /** How far the start time that the process itself has recorded may be from this one; absent where the two are equal. */
  readonly startSlack?: number
  readonly uid: number | undefined
  /** Its words; macOS tells them with blanks between them, so there one with blanks is several. */
  readonly argv: readonly string[]
  /** HERMES_HOME in its environment, links resolved; undefined if unset or blank, or if the environment may not be read. */
  readonly home: string | undefined
  /** Whether HERMES_HOME is set could not be seen for certain. Told on macOS only, where that happens with one's own processes. */
  readonly isHomeHidden?: boolean
  /** Control group path (cgroups(7), v2), undefined if it cannot be read, or where there are none. */
  readonly cgroup: string | undefined
}

/** The little that is known of every process. */
export type ProcessEntry = Pick<ProcessInfo, 'pid' | 'state' | 'parentPid' | 'startTime' | 'startSlack'>
