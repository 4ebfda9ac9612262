import path from 'node:path'
import {DEFAULT_PROFILE, GatewayVariable, STANDARD_ROOT} from '../gateway/contract.js'
import type {Account, Host} from '../host/host.js'
import {shellWord} from '../text/shell-quote.js'
import type {Profile} from './profile.js'

/** What it is called on PATH. */
const PROGRAM = 'hermes'

/**
 * A command of upstream's about one profile's home, as it is typed in a shell by whoever `host` is, e.g. `hermes -p work gateway setup`. `command`: its
 * program, where that has another name.
 */
export function upstreamCommand(
  host: Pick<Host, 'account'>,
  profile: Pick<Profile, 'name' | 'root'>,
  account: Account,
  words: string,
  command: readonly string[] = [PROGRAM],
): string {
  const isOther = host.account.uid !== account.uid
  const isUsual = profile.root === path.join(account.home, STANDARD_ROOT)
  // env: sudo takes variables of its own line only where its policy lets it.
  const where = isUsual ? [] : [...(isOther ? ['env'] : []), `${GatewayVariable.home}=${shellWord(profile.root)}`]
  const program = command.length === 1 && path.basename(command[0] ?? '') === PROGRAM ? PROGRAM : command.map(shellWord).join(' ')
  const flag = profile.name === DEFAULT_PROFILE ? [] : ['-p', profile.name]
  return [...(isOther ? ['sudo', '-iu', shellWord(account.name)] : []), ...where, program, ...flag, words].join(' ')
}
