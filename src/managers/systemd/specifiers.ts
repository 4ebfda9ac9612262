import type {Scope} from '../../service/service.js'
import type {Account} from '../../host/host.js'

/** Where a unit is read, which is what its specifiers are about. */
export interface UnitPlace {
  readonly scope: Scope
  /** Whose user manager reads it; without a meaning in system scope, where that is root's. */
  readonly account: Account
  /** With the instance, if it is one: `hermes@u.service`. */
  readonly name: string
}

const ROOT: Pick<Account, 'uid' | 'gid' | 'name' | 'home'> = {uid: 0, gid: 0, name: 'root', home: '/root'}

/**
 * A text of a unit with its specifiers replaced (systemd.unit(5), "Specifiers"); undefined if it has one whose value cannot be told here, such
 * as %b. `%h` and `%u` are about who runs the manager, whatever User= says.
 */
export function withoutSpecifiers(text: string, place: UnitPlace): string | undefined {
  const values = valuesOf(place)
  let isTold = true
  const replaced = text.replace(/%(.)/g, (_, specifier: string) => {
    const value = values.get(specifier)
    if (value === undefined) isTold = false
    return value ?? ''
  })
  return isTold ? replaced : undefined
}

function valuesOf({scope, account, name}: UnitPlace): ReadonlyMap<string, string> {
  const isUsers = scope === 'user'
  const {uid, gid, name: user, home} = isUsers ? account : ROOT
  const stem = name.replace(/\.[a-z]+$/, '')
  const at = stem.indexOf('@')
  const instance = at < 0 ? '' : stem.slice(at + 1)
  return new Map([
    ['%', '%'],
    ['h', home],
    ['u', user],
    ['U', String(uid)],
    ['G', String(gid)],
    ['n', name],
    ['N', stem],
    ['p', at < 0 ? stem : stem.slice(0, at)],
    ['i', instance],
    ['I', unescaped(instance)],
    ['t', isUsers ? `/run/user/${uid}` : '/run'],
    ['C', isUsers ? `${home}/.cache` : '/var/cache'],
    ['E', isUsers ? `${home}/.config` : '/etc'],
    ['T', '/tmp'],
    ['V', '/var/tmp'],
    // A user's are elsewhere from version 254 on.
    ...(isUsers ? [] : ([['S', '/var/lib'] as const, ['L', '/var/log'] as const] as const)),
  ])
}

/** As systemd-escape(1) --unescape. */
function unescaped(text: string): string {
  const bytes = text.replaceAll('-', '/').replace(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
