import {spawnSync} from 'node:child_process'
import {mkdirSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, describe, expect, it} from 'vitest'
import {kernelKills} from '../../src/host/kernel-kills.js'
import {recentEnds} from '../../src/plan/journal.js'
import {FakeHost} from '../fakes/fake-host.js'
import {describeOnAnotherKernel, describeUnless} from '../support/describe-unless.js'
import {
  atEnd,
  cleanUp,
  helperCall,
  type HelperService,
  helperService,
  HOST,
  lacks,
  PYTHON,
  read,
  SHELLS,
  tellAsKernel,
} from '../support/helper-scripts.js'
import {MemoryGroup, whyNoMemoryGroup} from '../support/memory-group.js'

// How an end by the kernel, for lack of memory, is told from another SIGKILL: by the count of the control group, at the start and at the end.

afterEach(cleanUp)

const GROUP = '/system.slice/hermes-gateway.service'

/** Where the count is, by the lines of /proc/self/cgroup. */
const LAYOUTS: readonly (readonly [name: string, groups: string, file: string])[] = [
  ['the second version', `0::${GROUP}\n`, `${GROUP}/memory.events`],
  ['a container of it that sees its own group as the top', '0::/\n', '/memory.events'],
  ['a container of it that sees the name that its group has outside', '0::/docker/abc\n', '/memory.events'],
  ['the first version', `4:memory:${GROUP}\n1:name=systemd:/x\n0::${GROUP}\n`, `/memory${GROUP}/memory.oom_control`],
  ['a container of it', '4:memory:/docker/abc\n0::/\n', '/memory/memory.oom_control'],
]
const count = (file: string, kills: number): string =>
  file.endsWith('events')
    ? `low 0\nhigh 0\nmax 75\noom 9\noom_kill ${kills}\noom_group_kill 0\n`
    : `oom_kill_disable 0\nunder_oom 0\noom_kill ${kills}\n`

it.each(LAYOUTS)('`run` reads the count of %s', (_, groups, file) => {
  const files = {'/proc/self/cgroup': groups, [`/sys/fs/cgroup${file}`]: count(file, 3)}
  expect(kernelKills(new FakeHost({files}))).toBe(3)
  expect(kernelKills(new FakeHost({files: {'/proc/self/cgroup': groups}}))).toBe(0)
  expect(kernelKills(new FakeHost({files: {...files, [`/sys/fs/cgroup${file}`]: 'oom_kill many\n'}}))).toBe(0)
})

const KILLED = {EXIT_CODE: 'killed', EXIT_STATUS: 'KILL', SERVICE_RESULT: 'signal'}

/** What the journal says came of an end, where `meanwhile` happens between the start and the end of a gateway; `within` makes what runs the helper. */
function resultOf(
  made: HelperService,
  shell: readonly string[],
  meanwhile: () => void,
  ended: Record<string, string> = KILLED,
  within = (argv: readonly string[]): readonly string[] => argv,
): string | undefined {
  const run = (verb: 'before-start' | 'after-exit', env: Record<string, string>) => {
    const [program = '', ...args] = within([...shell, ...helperCall(made, verb)])
    const {status, stderr} = spawnSync(program, args, {env: {PATH: '/usr/bin:/bin', ...env}, encoding: 'utf8'})
    if (status !== 0) throw new Error(`${verb} ended with ${status}: ${stderr}`)
  }
  mkdirSync(join(made.home, 'logs'))
  run('before-start', {})
  meanwhile()
  run('after-exit', ended)
  return recentEnds(HOST.as(HOST.account), made.home).at(-1)?.result
}

for (const [shellName, shell] of Object.entries(SHELLS)) {
  describeUnless(lacks(shell[0] ?? ''), `the helper under ${shellName}`, () => {
    it.each(LAYOUTS)('reads the count of %s', (_, groups, file) => {
      const made = helperService({kernel: {'/proc/self/cgroup': groups, [`/sys/fs/cgroup${file}`]: count(file, 3)}})
      const another = () => {
        expect(read(made.state, 'oom')).toBe('3')
        tellAsKernel(made, `/sys/fs/cgroup${file}`, count(file, 4))
      }
      expect(resultOf(made, shell, another)).toBe('oom-kill')
    })
  })
}

const whyNot = whyNoMemoryGroup() ?? lacks('dash', PYTHON)
if (whyNot !== undefined) describeOnAnotherKernel(whyNot, 'the helper, in a control group whose memory runs out')
else
  describe('the helper, in a control group whose memory runs out', () => {
    it.each<[string, string, (group: MemoryGroup) => void, Record<string, string>, string]>([
      ['killed by a real kernel', 'a manager that calls it a signal', (group) => group.eat(), KILLED, 'oom-kill'],
      ['killed by a real kernel', 'a manager that tells nothing', (group) => group.eat(), {...KILLED, SERVICE_RESULT: ''}, 'oom-kill'],
      ['killed by somebody else', 'a manager that calls it a signal', () => undefined, KILLED, 'signal'],
      [
        'ended by itself after a child was killed',
        'a manager',
        (group) => group.eat(),
        {EXIT_CODE: 'exited', EXIT_STATUS: '1', SERVICE_RESULT: 'exit-code'},
        'exit-code',
      ],
    ])('%s, under %s', (_how, _manager, meanwhile, ended, result) => {
      const group = MemoryGroup.make(40)
      atEnd(() => group.remove())
      // Of before its start.
      group.eat()
      const within = (argv: readonly string[]) => group.within(argv)
      expect(resultOf(helperService(), SHELLS.dash ?? [], () => meanwhile(group), ended, within)).toBe(result)
    })
  })
