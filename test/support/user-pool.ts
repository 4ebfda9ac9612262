import type {Account} from '../../src/host/host.js'

/** Users of one machine for tests that run side by side and must not share what is one for a user: its manager, its tick, its locks. */
export class UserPool {
  private readonly free: Account[] = []
  private readonly waiting: ((user: Account) => void)[] = []

  /** Adds users with these names, and returns them. */
  async fill(machine: {addUser(name: string): Promise<Account>}, names: readonly string[]): Promise<readonly Account[]> {
    const users: Account[] = []
    for (const name of names) users.push(await machine.addUser(name))
    for (const user of users) this.give(user)
    return users
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
