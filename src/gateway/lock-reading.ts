/** Who holds the lock on gateway.lock, as far as it can be told without touching it. */
export type LockReading =
  | {
      readonly kind: 'held'
      /** 0: held from a PID namespace that cannot be seen from here. */
      readonly pid: number
      /** The locked file has been deleted since; a second gateway could lock a new one beside it. */
      readonly unlinked: boolean
    }
  | {readonly kind: 'free'}
  | {readonly kind: 'absent'}
  | {readonly kind: 'unreadable'; readonly why: string}
