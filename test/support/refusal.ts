import {ServiceError} from '../../src/errors.js'

/** The error with which a piece of work is refused; fails if it is done. */
export async function refusal(work: () => unknown): Promise<ServiceError> {
  try {
    await work()
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
  throw new Error('it was not refused')
}
