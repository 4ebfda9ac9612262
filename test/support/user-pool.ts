import type {Account} from '../../src/host/host.js'

/** Users of one machine for tests that run side by side and must not share what is one for a user: its manager, its tick, its locks. */
export class UserPool {
  private readonly free: Account[] = []
  private readonly waiting: ((user: Account) => void)[] = []

  /** Adds users with these names. */
  async fill(machine: {addUser(name: string): Promise<Account>}, names: readonly string[]): Promise<void> {
    for (const name of names) this.give(await machine.addUser(name))
  }

  /** Runs a test with a user of its own, once there is one. */
  async with<T>(test: (user: Account) => Promise<T>): Promise<T> {
    const user = this.free.pop() ?? (await new Promise<Account>((take) => this.waiting.push(take)))
    try {
      return await test(user)
    } finally {
      this.give(user)
    }
  }

  private give(user: Account): void {
    const next = this.waiting.shift()
    if (next) next(user)
    else this.free.push(user)
  }
}
