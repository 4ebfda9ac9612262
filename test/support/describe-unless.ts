import {describe, it} from 'vitest'

/**
 * A suite that needs something which not every machine has. `reason` says what is missing here, undefined if nothing is. The suite is then
 * shown as skipped, with the reason in its name and on stderr; with HERMES_SVC_NO_SKIP=1 it fails, unless it is for another platform.
 */
export function describeUnless(reason: string | undefined, name: string, body: () => void, platform: NodeJS.Platform = 'linux'): void {
  if (reason === undefined) {
    describe(name, body)
    return
  }
  const title = titleOf(name, reason)
  if (process.env.HERMES_SVC_NO_SKIP !== '1' || process.platform !== platform) {
    skip(title)
    return
  }
  describe(title, () => {
    it('must not be skipped', () => {
      throw new Error(reason)
    })
  })
}

/**
 * A suite for another kernel than this machine's, which no package and no setting makes another: it is shown as skipped with HERMES_SVC_NO_SKIP=1 too.
 * What it proves is to be proved here by other means as well, as far as that can be.
 */
export function describeOnAnotherKernel(reason: string, name: string): void {
  skip(titleOf(name, reason))
}

const titleOf = (name: string, reason: string): string => `${name} (cannot run here: ${reason})`

function skip(title: string): void {
  // The default reporter names no suite of a file that is skipped as a whole.
  console.warn(`skipped: ${title}`)
  describe.skip(title, () => it.todo('is for another machine'))
}
