import type {Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {MemoryLimit, MemoryUse} from '../manager.js'

/** Where control groups of the second version count memory (cgroups(7)): beside those of the first, they do not. */
const MOUNT = '/sys/fs/cgroup'

/** systemd.resource-control(5). */
const SETTING = {max: 'MemoryMax=', high: 'MemoryHigh='} as const

/** See Observer.memoryOf: by the files of the service's control group and of those that it is in (Control Group v2, "Memory", of the kernel's documentation). */
export function memoryOf(host: Host, controlGroup: string): MemoryUse | undefined {
  const read = (group: string, file: string) => readIfAllowed(host, `${MOUNT}${group}/${file}`)
  const used = (group: string): number | undefined => {
    const current = whole(read(group, 'memory.current'))
    // Of files, and for long not asked for: taken back before anything is killed.
    const idle = field(read(group, 'memory.stat'), 'inactive_file') ?? 0
    return current === undefined ? undefined : Math.max(0, current - idle)
  }
  const usedBytes = used(controlGroup)
  if (usedBytes === undefined) return undefined
  const limits = [controlGroup, ...above(controlGroup)].flatMap((group): MemoryLimit[] => {
    const ofGroup = group === controlGroup ? usedBytes : used(group)
    if (ofGroup === undefined) return []
    return (['max', 'high'] as const).flatMap((kind) => {
      // "max" is none.
      const bytes = whole(read(group, `memory.${kind}`))
      if (bytes === undefined) return []
      const [setting, shownBy] = [SETTING[kind], `systemctl status -- ${unitOf(group)}`]
      return [{kind, setting, shownBy, place: group || '/', isOwn: group === controlGroup, bytes, usedBytes: ofGroup}]
    })
  })
  return {usedBytes, kills: field(read(controlGroup, 'memory.events'), 'oom_kill'), limits}
}

/** The groups that one is in, from the inside out; the last is that of the whole mount, `''`. */
function above(group: string): string[] {
  const parts = group.split('/').slice(1, -1)
  return parts.map((_, index) => `/${parts.slice(0, parts.length - index).join('/')}`).concat('')
}

/** The unit of a control group; that of the whole mount is of the root slice. */
const unitOf = (group: string): string => group.split('/').findLast((part) => part !== '') ?? '-.slice'

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}\n?$/.test(text) ? Number(text) : undefined
}

function field(text: string | undefined, name: string): number | undefined {
  return whole(
    text
      ?.split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1),
  )
}
