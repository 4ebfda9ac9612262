import {afterAll, describe, expect, it} from 'vitest'
import type {EndLine} from '../../src/service/end-line.js'
import {itInCampaign} from '../support/campaign.js'
import {describeOnAnotherKernel} from '../support/describe-unless.js'
import {Home, Namespace, whyNoNamespace} from '../support/foreground.js'
import {waitFor} from '../support/machines.js'
import {MemoryGroup, whyNoMemoryGroup} from '../support/memory-group.js'
import {S6Container, Volumes, whyNoContainer} from '../support/s6-container.js'

// In a container the kernel kills for the container's own limit of memory, and no manager is told: the count of its control group is all there is.

/** What comes up in it: a gateway, its supervisor, a tick, and a command of ours. */
const LIMIT_MB = 400
const reason = whyNoMemoryGroup() ?? whyNoContainer() ?? whyNoNamespace()

const lastEnd = (journal: string | undefined): EndLine | undefined =>
  (journal ?? '')
    .split('\n')
    .filter((line) => line.includes('"event":"end"'))
    .map((line) => JSON.parse(line) as EndLine)
    .at(-1)

if (reason !== undefined) describeOnAnotherKernel(reason, 'a container whose memory runs out')
else
  describe('a container whose memory runs out', () => {
    const ends: (() => Promise<unknown> | void)[] = []
    afterAll(async () => {
      for (const end of ends.reverse()) await end()
    })
    const limited = (): MemoryGroup => {
      const group = MemoryGroup.make(LIMIT_MB)
      ends.push(() => waitFor(() => group.isEmpty, 'the end of all that ran in the group').then(() => group.remove()))
      return group
    }

    // That the helper knows a kill by that count, whatever the manager says: helper-memory.test.ts, by a real kernel; what is said of such an end:
    // doctor-memory-suite.ts.
    itInCampaign('under s6: history, status and doctor say of which end that was the reason, and of which not', async () => {
      const group = limited()
      const volumes = await Volumes.make()
      ends.push(() => volumes.drop())
      const volume = volumes.volume()
      volume.profile('default')
      const container = await S6Container.boot(volume, group)
      ends.push(() => container.kill())
      await container.must(['boot'])
      await container.must(['install', '--restart-delay', '1s', '--restart-delay-max', '2s'])
      const first = await container.comesUp()
      await container.exec(['kill', '-KILL', String(first)])
      const second = await container.comesUp('default', first)
      expect(lastEnd(volume.read('logs/hermes-svc.jsonl'))).toMatchObject({code: 'killed', status: 'KILL', result: ''})
      group.eatInsteadOf(second)
      await container.comesUp('default', second)
      expect(lastEnd(volume.read('logs/hermes-svc.jsonl'))).toMatchObject({code: 'killed', status: 'KILL', result: 'oom-kill'})
      const status = await container.must(['status'])
      expect(status.stdout).toMatch(/last end +killed by the kernel for lack of memory, \d+ s ago/)
      const history = (await container.must(['history', '--json'])).json<{histories: {entries: {kind: string; reason?: object}[]}[]}>()
      const told = history.histories[0]?.entries.filter(({kind}) => kind === 'end').map((end) => end.reason)
      // What was before is the installation's.
      expect(told?.slice(-2)).toEqual([{kind: 'signal', signal: 'KILL', isDumped: false}, {kind: 'oom'}])
      const doctor = await container.hermesSvc(['doctor', '--only', 'memory', '--json'])
      expect(doctor.json<{services: {findings: object[]}[]}>().services[0]?.findings).toMatchObject([
        {id: 'memory', kind: 'gateway-killed'},
      ])
    })

    it('under `run`: the journal says so', async () => {
      const group = limited()
      const home = new Home()
      home.configure({})
      ends.push(() => home.drop())
      const namespace = Namespace.run(home, ['--restart-delay', '200ms'], 'tini', group)
      ends.push(() => namespace.kill())
      const first = await home.runs()
      await namespace.exec(['kill', '-KILL', String(first)])
      const second = await home.runs(2)
      const journal = () => (home.exists('logs/hermes-svc.jsonl') ? home.text('logs/hermes-svc.jsonl') : undefined)
      expect(lastEnd(journal())).toMatchObject({code: 'killed', status: 'KILL', result: ''})
      group.eatInsteadOf(second)
      await home.runs(3)
      expect(lastEnd(journal())).toMatchObject({code: 'killed', status: 'KILL', result: 'oom-kill'})
    }, 60_000)
  })
