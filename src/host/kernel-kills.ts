import type {Host} from './host.js'
import {readIfAllowed} from './tolerant-read.js'

const MOUNT = '/sys/fs/cgroup'

/**
 * How many processes the kernel has killed for lack of memory in the control group of this one, as the helper kernel_kills of templates/service-helper.sh counts
 * them: by cgroups(7) of either version; in a container its own group can be the top of what is seen. 0 where nothing counts them.
 */
export function kernelKills(host: Host): number {
  const own = (readIfAllowed(host, '/proc/self/cgroup') ?? '').split('\n').flatMap((line) => {
    const [, number, names, group] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (number === '0' && names === '') return [`${group}/memory.events`]
    return names === 'memory' ? [`/memory${group}/memory.oom_control`] : []
  })
  for (const file of [...own, '/memory.events', '/memory/memory.oom_control']) {
    const count = /^oom_kill (\d{1,15})$/m.exec(readIfAllowed(host, `${MOUNT}${file}`) ?? '')?.[1]
    if (count !== undefined) return Number(count)
  }
  return 0
}
