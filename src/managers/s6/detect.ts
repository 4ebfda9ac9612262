import type {Host} from '../../host/host.js'

/** The name of the first process of a container with s6-overlay. */
export const S6_INIT = 's6-svscan'
/** s6-overlay's own folder; other uses of s6 have none, and no scan directory that we know. */
const S6_OVERLAY = '/run/s6/basedir'

/** `isNamed`: the operator says so. s6 can be laid out in more ways than can be told by looking. */
export function isHere(host: Host, isNamed: boolean): boolean {
  return isNamed || (host.readText('/proc/1/comm')?.trim() === S6_INIT && host.stat(S6_OVERLAY)?.kind === 'folder')
}
