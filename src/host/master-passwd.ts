import type {Account} from './host.js'

/**
 * Parses a line of master.passwd(5), as `id -P` prints it for an account of any user database:
 * name:password:uid:gid:class:change:expire:gecos:home:shell.
 */
export function parseMasterPasswd(text: string): Account | undefined {
  const [name, , uid, gid, , , , , home] = text.trim().split(':')
  if (!name || !home || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return undefined
  return {name, uid: Number(uid), gid: Number(gid), home}
}
