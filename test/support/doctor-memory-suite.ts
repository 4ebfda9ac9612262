import {beforeAll, describe, expect, it} from 'vitest'
import type {Account, RunResult} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {itInCampaign} from './campaign.js'
import {memoryRows} from './doctor-memory-rows.js'
import type {DoctorRows} from './doctor-row.js'
import {describeOnAnotherKernel} from './describe-unless.js'
import {testHost, waitFor} from './machines.js'
import {TestService} from './test-service.js'

const controllers = testHost.readText('/sys/fs/cgroup/cgroup.controllers')?.trim().split(' ') ?? []
const reason = controllers.includes('memory') ? undefined : 'control groups of the second version do not count memory on this machine'

/** Tests of a suite on a machine, with the services of its users and one of them. */
export function describeMemory(machine: () => Machine, services: DoctorRows, ofWhom: () => Account): void {
  if (reason !== undefined) describeOnAnotherKernel(reason, 'doctor and memory')
  else describeRealMemory(machine, services)
  describeToldMemory(machine, ofWhom)
}

function describeRealMemory(machine: () => Machine, services: DoctorRows): void {
  describe('doctor and memory', () => {
    const users: Account[] = []
    beforeAll(async () => {
      for (const row of memoryRows) users.push(await machine().addUser(`u-${row.kind}`))
    })

    it.for(memoryRows.map((row, index) => ({...row, index})))('$id $kind: $how', async ({index}, {skip}) => {
      const [row, user] = [memoryRows[index], users[index]]
      // What holds the machine on this host has to hand that on to it.
      const inside = (await machine().readText('/sys/fs/cgroup/cgroup.controllers')) ?? ''
      skip(!inside.split(/\s/).includes('memory'), 'the control groups of a throw-away machine do not count memory on this host')
      if (row && user) await services.see(row, user)
    })
  })
}

/** The same on any kernel: what its control groups would say stands in files, which the service and the doctor are shown in their place. */
function describeToldMemory(machine: () => Machine, ofWhom: () => Account): void {
  describe('memory, by what control groups say', () => {
    const MB = 1024 ** 2
    const GROUPS = '/srv/groups'
    const HIDDEN = 'mount --bind "$0" /sys/fs/cgroup && exec "$@"'
    let service: TestService
    let group: string

    /** What the group of the service has from now on. */
    const says = async ({kills, usedMb = 20}: {kills: number; usedMb?: number}) => {
      const files = {
        'memory.current': usedMb * MB,
        'memory.stat': 'inactive_file 0',
        'memory.max': 150 * MB,
        'memory.high': 'max',
        'memory.events': `max 9\noom 1\noom_kill ${kills}`,
      }
      for (const [name, text] of Object.entries(files)) await machine().writeText(`${GROUPS}${group}/${name}`, `${text}\n`)
    }
    /** hermes-svc, which sees those files. */
    const run = (command: string, ...args: string[]): Promise<RunResult> => {
      const program = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...service.argv(command, args)]
      return machine().exec(['unshare', '--mount', 'sh', '-c', HIDDEN, GROUPS, ...program])
    }
    const findings = async () => {
      const {stdout} = await run('doctor', '--only', 'memory', '--json')
      return (JSON.parse(stdout) as {services: {findings: {kind: string; severity: string; what: string}[]}[]}).services[0]?.findings
    }

    beforeAll(async () => {
      service = await TestService.make(machine(), ofWhom(), {scope: 'system'})
      await machine().writeText('/usr/local/bin/tell', '#!/bin/sh\nprintf "%s\\n" "$HERMES_SVC_TITLE" >>~/told\n', {mode: 0o755})
      await service.must('install', ['--restart-delay', '100ms', '--notify', 'exec:/usr/local/bin/tell'])
      ;[group = ''] = await service.show('ControlGroup')
      await service.sh('mkdir -p "$1$2" && printf "[Service]\\nBindReadOnlyPaths=%s:/sys/fs/cgroup\\n" "$1" >"$3.d/90-groups.conf"', [
        GROUPS,
        group,
        service.unitFile,
      ])
      await says({kills: 0})
      await service.systemctl('daemon-reload')
      await service.systemctl('restart', service.unit)
      await service.comesUp()
    })

    describe('of a service', () => {
      // Judged in test/doctor/checks/memory.test.ts, by the same files as the kill below.
      itInCampaign('that has enough there is nothing to find; that has nearly all it may have: a warning', async () => {
        expect(await findings()).toEqual([])
        await says({kills: 0, usedMb: 140})
        expect(await findings()).toMatchObject([{kind: 'near-limit', severity: 'warning'}])
        await says({kills: 0})
        expect(await findings()).toEqual([])
      })

      itInCampaign('one of whose children was killed: a warning, and the gateway lives', async () => {
        const pid = await service.mainPid()
        await says({kills: 1})
        expect(await findings()).toMatchObject([{kind: 'child-killed', severity: 'warning'}])
        expect(await service.mainPid()).toBe(pid)
      })

      it('whose gateway was killed: an error; status and history say so, and of a later kill by somebody else they do not', async () => {
        let pid = await service.mainPid()
        await says({kills: 2})
        await service.kill('KILL')
        await service.comesUp(pid)
        expect(await findings()).toMatchObject([{kind: 'gateway-killed', severity: 'error'}])
        expect((await run('status')).stdout).toMatch(/last end +killed by the kernel for lack of memory, \d+ s ago/)
        const reasons = async () => {
          const {stdout} = await run('history', '--since', '1h', '--json')
          const {histories} = JSON.parse(stdout) as {histories: {entries: {kind: string; reason?: {kind: string}}[]}[]}
          return histories[0]?.entries.flatMap(({reason: why}) => why?.kind ?? [])
        }
        expect((await reasons())?.at(-1)).toBe('oom')
        pid = await service.mainPid()
        await service.kill('KILL')
        await service.comesUp(pid)
        expect((await reasons())?.slice(-2)).toEqual(['oom', 'signal'])
        expect((await findings())?.map(({kind}) => kind)).toEqual(['child-killed'])
      })

      it('whose gateway was killed, and does not come back: whoever is told is told why', async () => {
        await service.must('config:set', ['restart-delay=1h', 'restart-delay-max=1h', 'heartbeat-interval=1s'])
        await says({kills: 3})
        await service.kill('KILL')
        const told = () => machine().readText(`${service.user.home}/told`)
        // By now it has failed so often that it is told as a crash loop.
        await waitFor(async () => (await told())?.endsWith('; it was killed by the kernel for lack of memory\n'), 'the message', 60_000)
        expect((await told())?.startsWith(`${service.unit} on `)).toBe(true)
      })
    })
  })
}
