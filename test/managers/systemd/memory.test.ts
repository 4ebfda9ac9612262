import {describe, expect, it} from 'vitest'
import {memoryOf} from '../../../src/managers/systemd/memory.js'
import {FakeHost} from '../../fakes/fake-host.js'

const MB = 1024 ** 2
const GROUP = '/system.slice/hermes-gateway.service'
const of = (files: Record<string, string>) =>
  memoryOf(new FakeHost({files: Object.fromEntries(Object.entries(files).map(([name, text]) => [`/sys/fs/cgroup${name}`, {text}]))}), GROUP)

describe('the memory of a service', () => {
  it('is what its control group has, without what the kernel can take back, and the limits are those of all groups around it', () => {
    expect(
      of({
        [`${GROUP}/memory.current`]: `${100 * MB}\n`,
        [`${GROUP}/memory.stat`]: `anon 1\ninactive_anon 3\ninactive_file ${40 * MB}\nactive_file 7\n`,
        [`${GROUP}/memory.events`]: 'low 0\nhigh 0\nmax 75\noom 1\noom_kill 2\noom_group_kill 0\n',
        [`${GROUP}/memory.max`]: 'max\n',
        [`${GROUP}/memory.high`]: `${96 * MB}\n`,
        '/system.slice/memory.current': `${300 * MB}\n`,
        '/system.slice/memory.max': `${512 * MB}\n`,
      }),
    ).toEqual({
      usedBytes: 60 * MB,
      kills: 2,
      limits: [
        {
          kind: 'high',
          setting: 'MemoryHigh=',
          shownBy: 'systemctl status -- hermes-gateway.service',
          place: GROUP,
          isOwn: true,
          bytes: 96 * MB,
          usedBytes: 60 * MB,
        },
        {
          kind: 'max',
          setting: 'MemoryMax=',
          shownBy: 'systemctl status -- system.slice',
          place: '/system.slice',
          isOwn: false,
          bytes: 512 * MB,
          usedBytes: 300 * MB,
        },
      ],
    })
  })

  it('is not known where nothing counts it', () => {
    expect(of({})).toBeUndefined()
    expect(of({[`${GROUP}/memory.current`]: 'nonsense\n'})).toBeUndefined()
  })
})
