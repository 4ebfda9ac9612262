import {beforeAll, describe, expect, it} from 'vitest'
import type {Finding} from '../../src/doctor/finding.js'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import type {Scope} from '../../src/service/service.js'
import {inCampaign, isCampaign} from './campaign.js'
import {doctor, type DoctorRows} from './doctor-row.js'
import {HeartbeatTimer} from './heartbeat-timer.js'
import {hermesSvc, testHost, waitFor} from './machines.js'
import {TestService} from './test-service.js'

const CLEAN = {exit: 0, findings: []}
/** A gateway whose timestamp is older than monitors allow must be older itself. */
const OLD_MS = 125_000
/** Beside those of its user that rows are done with. */
const PROFILES = inCampaign(10, 2)
/** Between two looks at what changes for some seconds. */
const LOOK_MS = inCampaign(0, 1000)

/** Sets the clocks of one process, and nothing else: that of the wall, and the one that does not jump. A module for node --require. */
const SHIFTED_CLOCK = `const now = Date.now
Date.now = () => now() + Number(process.env.CLOCK_SHIFT_MS)
const sinceBoot = process.hrtime.bigint
process.hrtime.bigint = () => sinceBoot() + BigInt(process.env.LATER_MS) * 1_000_000n
`

/** Looks again and again for some seconds; every answer. */
async function overSeconds(service: TestService, seconds: number): Promise<object[]> {
  const answers: object[] = []
  const endMs = testHost.monotonicMs() + seconds * 1000
  while (testHost.monotonicMs() < endMs) {
    answers.push(await doctor(service))
    await testHost.sleep(LOOK_MS)
  }
  return answers
}

/**
 * What doctor finds nothing wrong with: tests of a suite on a machine, with a user of it and the services that the user has already, and the one service of
 * another user, which ticks.
 */
export function describeQuiet(machine: () => Machine, services: DoctorRows, ofWhom: () => Account, ofTicked: () => TestService): void {
  describe('doctor', () => {
    let ann: Account
    /** It grows older beside the first rows. */
    let ticked: TestService
    beforeAll(async () => {
      await machine().writeText('/run/shifted-clock.cjs', SHIFTED_CLOCK)
      ann = ofWhom()
      ticked = ofTicked()
    })

    const isClean = async (service: TestService) => {
      expect(await doctor(service)).toEqual(CLEAN)
    }
    /** What doctor says if the clock is set ahead, or back, and so much later. */
    const withClock = async (service: TestService, shift: string, laterMs = 0) => {
      const hours = shift.endsWith('ahead') ? 1 : -1
      const env = {
        ...{NODE_OPTIONS: '--require=/run/shifted-clock.cjs', LATER_MS: String(laterMs)},
        CLOCK_SHIFT_MS: String(hours * 3_600_000 + laterMs),
      }
      const result = await service.run('doctor', ['--json'], {env})
      const {services} = result.json<{services: {findings: Finding[]}[]}>()
      return {exit: result.code, findings: services.flatMap(({findings}) => findings)}
    }

    describe('finds nothing wrong with', () => {
      let service: TestService
      /** What doctor says in these seconds, each answer once. */
      const seenOver = async (seconds: number) => {
        const answers = (await overSeconds(service, seconds)).map((answer) => JSON.stringify(answer))
        return [...new Set(answers)].map((answer) => JSON.parse(answer) as object)
      }

      // That of a user is looked at by itself in each row of doctor-state.test.ts too.
      it.each(inCampaign<readonly Scope[]>(['user', 'system'], ['system']))(
        'a service in %s scope, whoever asks, and has a note alone once it is uninstalled',
        async (scope) => {
          const service = await services.take(ann, scope)
          await isClean(service)
          // The user finds the service of the machine without a flag, and nothing wrong with it either.
          const asUser = await hermesSvc(machine(), ['doctor', '--profile', service.profile, '--json'], {user: ann})
          expect(asUser.json()).toMatchObject({ok: true, services: [{scope, findings: []}]})
          await service.must('uninstall')
          const {exit, findings} = await doctor(service)
          expect({exit, found: findings.map(({id, severity}) => [id, severity])}).toEqual({exit: 0, found: [['not-installed', 'info']]})
        },
      )

      it('a gateway in its first seconds, while it is restarted by whom ever, and one that was killed once, and comes up again', async () => {
        service = await services.take(ann)
        await service.must('restart')
        expect(await seenOver(4)).toEqual([CLEAN])
        await service.systemctl('--no-block', 'restart', service.unit)
        expect(await seenOver(4)).toEqual([CLEAN])
        await service.systemctl('kill', '--signal=SIGKILL', service.unit)
        expect(await seenOver(5)).toEqual([CLEAN])
      })

      it('a gateway that is stopped and should be, with the clock an hour ahead or behind', async () => {
        await service.must('stop')
        expect(await seenOver(4)).toEqual([CLEAN])
        expect(await withClock(service, 'ahead')).toEqual(CLEAN)
        expect(await withClock(service, 'behind')).toEqual(CLEAN)
      })

      it('a gateway that drains', async () => {
        await service.configure({active_work: 2, drain_ms: 120_000})
        await service.must('start')
        await testHost.sleep(3500)
        await service.systemctl('kill', '--kill-who=main', '--signal=SIGUSR1', service.unit)
        await waitFor(async () => (await service.status()).actual === 'draining', 'a drain')
        await isClean(service)
        await testHost.sleep(3000)
        expect((await service.status()).actual).toBe('draining')
        await isClean(service)
        await service.systemctl('kill', '--signal=SIGKILL', service.unit)
        await service.must('uninstall')
      })

      it('several profiles side by side, and a root that was stopped long ago', async () => {
        const installed: TestService[] = []
        for (let index = 0; index < PROFILES; index++) installed.push(await TestService.make(machine(), ann, {profile: `side-${index}`}))
        for (const one of installed) await one.must('install')
        const stopped = {
          pid: 4,
          kind: 'hermes-gateway',
          start_time: 5,
          gateway_state: 'stopped',
          updated_at: '2026-01-01T00:00:00.000000+00:00',
        }
        await machine().writeText(`${ann.home}/.hermes/gateway_state.json`, JSON.stringify(stopped), {user: ann})
        await machine().writeText(`${ann.home}/.hermes/gateway.lock`, JSON.stringify({pid: 4, start_time: 5}), {user: ann})
        const all = await hermesSvc(machine(), ['doctor', '--all', '--json'], {user: ann})
        const {services: seen} = all.json<{services: {profile: string; findings: object[]}[]}>()
        const side = seen.filter(({profile}) => profile === 'default' || profile.startsWith('side-'))
        // The services of the tests beside this one are its user's too.
        const isClean = seen.every(({findings}) => findings.length === 0)
        expect([all.code === 0 || !isClean, side.length, side.flatMap(({findings}) => findings)]).toEqual([true, PROFILES + 1, []])
      })
    })

    describe('of a gateway that is ticked', () => {
      // That of the others is the campaign's: they wait for as long.
      it('finds nothing wrong if the clock is an hour ahead, and the gateway is, by the one that does not jump, older than monitors allow a timestamp to be, but stale if its last tick is that long ago', async () => {
        const laterMs = 100_000
        const pid = await ticked.mainPid()
        await waitFor(
          async () => Number(await ticked.sh('ps -o etimes= -p "$1"', [String(pid)])) * 1000 + laterMs > OLD_MS,
          'its age',
          60_000,
        )
        // While a tick runs, systemd tells no end of any.
        await new HeartbeatTimer(ticked).ticks(1)
        expect(await withClock(ticked, 'ahead', laterMs)).toEqual(CLEAN)
        // That tick is too long ago then.
        expect((await withClock(ticked, 'ahead', 2 * laterMs)).findings).toMatchObject([{id: 'missing-heartbeat', kind: 'stale'}])
      })

      it('finds that the tick was stopped, whatever the clock says, starts it, and ticks at once', async () => {
        await ticked.systemctl('stop', 'hermes-svc-heartbeat.timer')
        expect((await doctor(ticked)).findings).toMatchObject([
          {
            ...{id: 'missing-heartbeat', kind: 'off', severity: 'warning'},
            what: expect.stringMatching(/ does not run: hermes-svc-heartbeat\.timer is not active$/) as string,
          },
        ])
        expect((await withClock(ticked, 'ahead')).findings).toMatchObject([{kind: 'off'}])
        expect((await ticked.must('fix:missing-heartbeat', ['--yes'])).stdout).toMatch(/^Fixed/)
        await isClean(ticked)
        expect((await ticked.systemctl('is-active', 'hermes-svc-heartbeat.timer')).stdout.trim()).toBe('active')
      })
    })

    // Judged, and the heartbeat of another one removed, in test/doctor/checks/missing-heartbeat.test.ts; how a gateway is restarted, and its tick turned
    // on, is the same as ever.
    if (isCampaign)
      describe('of a gateway that has been there for two minutes', () => {
        const old = new Map<string, TestService>()
        const oldOne = (name: string) => old.get(name) ?? expect.unreachable()
        beforeAll(async () => {
          for (const name of ['idle', 'off', 'foreign', 'late']) {
            const standIn = name === 'late' ? {version: '0.21' as const, heartbeat_ms: 3_600_000, loop_tick_socket: false} : {}
            const service = await TestService.make(machine(), ann, {profile: name, standIn})
            await service.must('install', name === 'off' ? ['--heartbeat', 'off'] : [])
            old.set(name, service)
          }
          await testHost.sleep(OLD_MS)
        }, OLD_MS + 60_000)

        it('finds nothing wrong if it is idle and has its tick', () => isClean(oldOne('idle')))

        it.each(['an hour ahead', 'an hour behind'])('finds nothing wrong if the clock is %s', async (shift) => {
          // While a tick runs, systemd tells no end of any.
          await new HeartbeatTimer(oldOne('idle')).hasTicked()
          expect(await withClock(oldOne('idle'), shift.replace('an hour ', ''))).toEqual(CLEAN)
        })

        const finds = async (name: string) => {
          const {findings} = await doctor(oldOne(name))
          return findings.map(({id, kind, severity, what}) => `${id} (${kind}) ${severity}: ${what}`)
        }

        it('finds it stale where the tick was turned off, which stays as it is, and says what turns it on', async () => {
          const service = oldOne('off')
          expect(await finds('off')).toEqual([expect.stringMatching(/^missing-heartbeat \(stale\) warning/)])
          const {code, stderr} = await service.run('fix:missing-heartbeat', ['--yes'])
          expect([code, stderr]).toEqual([1, expect.stringContaining('install --heartbeat on')])
          await service.must('install', ['--heartbeat', 'on'])
          await waitFor(async () => (await doctor(service)).findings.length === 0, 'a fresh timestamp')
        })

        it('finds the heartbeat of another one that is gone, and removes it', async () => {
          const service = oldOne('foreign')
          await isClean(service)
          await service.sh(
            `mkdir -p "$1/state"; sleep 0 & wait $!; printf '{"pid": %d, "updated_at": "2026-01-01T00:00:00+00:00"}' $! >"$1/state/gateway.heartbeat"`,
            [service.home],
            {user: service.user},
          )
          expect(await finds('foreign')).toEqual([expect.stringMatching(/^missing-heartbeat \(foreign\) warning/)])
          await service.must('fix:missing-heartbeat', ['--yes'])
          await isClean(service)
        })

        it('finds that it has ceased to write its own, and restarts it only if it is told to', async () => {
          const service = oldOne('late')
          expect(await finds('late')).toEqual([expect.stringMatching(/^missing-heartbeat \(late\) warning/)])
          const before = await service.mainPid()
          await service.run('doctor', ['--fix'])
          expect(await service.mainPid()).toBe(before)
          await service.must('fix:missing-heartbeat', ['--yes'])
          expect(await service.mainPid()).not.toBe(before)
          await isClean(service)
        })
      })
  })
}
