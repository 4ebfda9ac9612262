import {expect} from 'vitest'
import type {DoctorRow} from './doctor-row.js'
import {waitFor} from './machines.js'
import type {TestService} from './test-service.js'

/**
 * Python program. Joins the control group $1 and takes memory: `hold $3`: so many MB, until it is ended; `killed`: until it is killed; `instead $3`: the
 * kernel kills that process first. It can be killed itself: else a full group, whose manager may not end a process of root's, would stay full for ever.
 */
const EATER = `import os, sys, time
group, mode, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open('/sys/fs/cgroup' + group + '/cgroup.procs', 'w') as file: file.write(str(os.getpid()))
if mode == 'instead':
    with open('/proc/%d/oom_score_adj' % number, 'w') as file: file.write('1000')
taken = []
while mode != 'hold' or len(taken) < number:
    taken.append(b'x' * (1 << 20))
    if mode == 'instead' and not os.path.exists('/proc/%d' % number): sys.exit()
while True: time.sleep(1)
`
const MEMORY_MAX = '150M'
const NEARLY_MB = 135

async function eat(service: TestService, mode: 'hold' | 'killed' | 'instead', number: number): Promise<void> {
  const [group = ''] = await service.show('ControlGroup')
  const program = mode === 'hold' ? 'setsid python3 -c "$@" >/dev/null 2>&1 & echo $! >/run/eater' : 'python3 -c "$@" || :'
  await service.sh(program, [EATER, group, mode, String(number)])
  if (mode !== 'hold') return
  const isThere = async () => Number(await service.sh('cat "/sys/fs/cgroup$1/memory.current"', [group])) > NEARLY_MB * 1024 ** 2
  await waitFor(isThere, 'a group that is nearly full')
}

export const memoryRows: readonly DoctorRow[] = [
  {
    id: 'memory',
    kind: 'child-killed',
    severity: 'warning',
    how: 'a child of the gateway takes more memory than the service may have',
    what: /^the kernel killed a process of .* for lack of memory$/,
    install: ['--memory-max', MEMORY_MAX],
    break: async (service) => {
      const pid = await service.mainPid()
      await eat(service, 'killed', 0)
      // OOMPolicy=continue.
      expect(await service.mainPid()).toBe(pid)
    },
    fix: null,
    cureByHand: async (service) => {
      await service.must('restart')
    },
  },
  {
    id: 'memory',
    kind: 'gateway-killed',
    severity: 'error',
    how: 'the kernel kills the gateway itself for lack of memory',
    what: /^the kernel killed the gateway of .* for lack of memory$/,
    install: ['--memory-max', MEMORY_MAX],
    break: async (service) => {
      const pid = await service.mainPid()
      await eat(service, 'instead', pid)
      await service.comesUp(pid)
      expect((await service.run('history', ['--json'])).stdout).toContain('"oom"')
    },
    fix: null,
    cureByHand: async (service) => {
      await service.must('restart')
    },
  },
  {
    id: 'memory',
    kind: 'near-limit',
    severity: 'warning',
    how: 'a gateway with nearly all the memory that it may have',
    what: /^.* is within 10 % of a memory limit; above the limit, the kernel kills processes$/,
    install: ['--memory-max', MEMORY_MAX],
    break: (service) => eat(service, 'hold', NEARLY_MB),
    fix: null,
    cureByHand: async (service) => {
      await service.sh('kill -KILL "$(cat /run/eater)"; while kill -0 "$(cat /run/eater)" 2>/dev/null; do sleep 0.1; done')
    },
  },
]
