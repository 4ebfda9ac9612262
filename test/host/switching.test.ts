import {afterEach, describe, expect, it, vi} from 'vitest'
import {ServiceError} from '../../src/errors.js'
import {requireSwitching} from '../../src/host/switching.js'

const ANN = {name: 'ann', uid: 1001, gid: 1001, home: '/home/ann'}

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

/** As Debian 13's own node 20.19.2, with the libuv of the system, says it. */
function refuse() {
  const message = 'setegid() disabled: io_uring may be enabled. See CVE-2024-22017.'
  vi.spyOn(process, 'setegid').mockImplementation(() => {
    throw Object.assign(new Error(message), {code: 'ERR_INVALID_STATE'})
  })
}

function errorOf(work: () => void): ServiceError | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
}

describe('acting as another account', () => {
  it('is said to need another Node where this one refuses it, with what to do', () => {
    vi.stubEnv('UV_USE_IO_URING', undefined)
    refuse()
    const error = errorOf(() => requireSwitching(ANN))
    expect(error).toMatchObject({code: 'needs-other-node', exitStatus: 1})
    expect(error?.message).toContain(
      `act as user ann here, but this Node does not let root do that: ${process.execPath} (${process.version}`,
    )
    expect(error?.evidence).toEqual(['setegid() disabled: io_uring may be enabled. See CVE-2024-22017.'])
    expect(error?.next[0]).toMatch(/nodejs\.org/)
    expect(error?.next[1]).toContain('sudo -iu ann')
  })

  it('needs no other Node where it is refused for a variable alone', () => {
    vi.stubEnv('UV_USE_IO_URING', '1')
    refuse()
    expect(errorOf(() => requireSwitching(ANN))?.next).toEqual(['unset UV_USE_IO_URING'])
  })

  it('says nothing where this Node lets it', () => {
    vi.spyOn(process, 'setegid').mockImplementation(() => undefined)
    expect(errorOf(() => requireSwitching(ANN))).toBeUndefined()
  })
})
