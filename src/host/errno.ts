/** The code of a system call's error, e.g. ENOENT; EUNKNOWN for one without. */
export function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
}

/** An error as a system call's would be. */
export function errnoError(code: string): Error {
  return Object.assign(new Error(), {code})
}

/** True for a write that failed since the disk takes none: it is full, mounted read-only, or broken. */
export function takesNothing(error: {readonly code: string}): boolean {
  return isFull(error) || error.code === 'EROFS' || error.code === 'EIO'
}

/** True for a write that failed since a disk is full, or since an account may have no more of it. */
export function isFull({code}: {readonly code: string}): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT'
}
