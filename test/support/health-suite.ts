import {beforeAll, describe, expect, it} from 'vitest'
import type {HealthPayload} from '../../src/observe/health-payload.js'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE, type MachineExecOptions} from '../../src/smoke/machine.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {inCampaign, isCampaign} from './campaign.js'
import {describeUnless} from './describe-unless.js'
import {type CommandResult, hermesSvc, waitFor} from './machines.js'
import {noPromtool, promtoolComplaints} from './promtool.js'
import {STAND_IN, TestService} from './test-service.js'

/** What `health` says: exit status, `alive`, `state`, `reason`. */
type Answer = readonly [exit: number, alive: boolean | null, state: string, reason: string | undefined]

const ALIVE: Answer = [0, true, 'alive', undefined]
const DOWN: Answer = [1, false, 'down', 'gateway_not_running']
const BY_FRESH_FILE: Answer = [0, true, 'alive', 'cross_container_freshness']
const NOT_CONFIGURED: Answer = [4, null, 'unknown', 'gateway_not_configured']

interface Situation {
  readonly name: string
  readonly standIn: StandInConfig
  readonly install?: readonly string[]
  /** What is done to the gateway once it is installed. */
  readonly harm?: (service: TestService) => Promise<unknown>
  /** What systemd says, or the state of the process (proc(5)), once it is done. */
  readonly settled?: string
  readonly answer: Answer
  readonly gatewayState: string
  /** Exit statuses of the two probes. */
  readonly liveness: number
  readonly readiness: number
}

const signal = (name: string) => async (service: TestService) => service.sh('kill -s "$1" "$2"', [name, String(await service.mainPid())])
const working = {answer: ALIVE, gatewayState: 'running', liveness: 0, readiness: 0} as const
const broken = {answer: DOWN, gatewayState: 'running', liveness: 1, readiness: 1} as const

const situations: readonly Situation[] = [
  {name: 'running, gateway 0.10', standIn: {version: '0.10'}, ...working},
  {name: 'running, gateway 0.16', standIn: {version: '0.16'}, ...working},
  {name: 'running, gateway 0.21', standIn: {version: '0.21'}, ...working},
  {
    name: 'running, its timestamp an hour old',
    standIn: {},
    harm: (service) => changeState(service, {updated_at: isoTime(-3_600_000)}),
    ...working,
  },
  {
    name: 'stopped by its operator',
    standIn: {},
    harm: (service) => service.must('stop'),
    settled: 'inactive',
    answer: DOWN,
    gatewayState: 'stopped',
    liveness: 0,
    readiness: 1,
  },
  {name: 'stopped by SIGSTOP', standIn: {}, harm: signal('STOP'), settled: 'T', ...broken},
  {name: 'blocked in its event loop', standIn: {freeze_after_ms: 300, freeze: 'block'}, harm: frozen, ...broken},
  {name: 'spinning in its event loop', standIn: {freeze_after_ms: 300, freeze: 'spin'}, harm: frozen, ...broken},
  {
    name: 'killed, and started again only in a while',
    standIn: {},
    install: ['--restart-delay', '60s'],
    harm: signal('KILL'),
    settled: 'activating',
    ...broken,
  },
  {
    name: 'crashed, and failed for good',
    standIn: {sequence: [{}, {exit_on_start: {code: 78}}]},
    install: ['--restart-delay-max', '1s'],
    harm: signal('SEGV'),
    settled: 'failed',
    ...broken,
    gatewayState: 'startup_failed',
  },
]

/** What is another verdict on the same gateway (verdict-live.test.ts), of which the payload is made in one way (health-payload.test.ts), is for a campaign. */
const SEEN = new Set([
  'running, gateway 0.16',
  'stopped by SIGSTOP',
  'killed, and started again only in a while',
  'stopped by its operator',
])
const seen = inCampaign(
  situations,
  situations.filter(({name}) => SEEN.has(name)),
)

/** ISO 8601 with microseconds and a zone, so many ms from now. */
const isoTime = (ms = 0) => new Date(Date.now() + ms).toISOString().replace('Z', '000+00:00')

async function changeState(service: TestService, fields: object): Promise<void> {
  const file = `${service.home}/gateway_state.json`
  const state = JSON.parse((await service.machine.readText(file)) ?? '{}') as object
  await service.machine.writeText(file, JSON.stringify({...state, ...fields}), {user: service.user, mode: 0o600})
}

function frozen(service: TestService): Promise<boolean> {
  return waitFor(async () => (await service.events()).some(({event}) => event === 'freeze'), 'the freeze')
}

function answerOf(result: CommandResult): Answer {
  const {alive, details} = result.json<HealthPayload>()
  expect([result.stdout.split('\n').length, result.stderr]).toEqual([2, ''])
  return [result.code ?? -1, alive, details.state, details.reason]
}

/** Tests of a suite on a machine, with two users that it has. `ofOther`: who has no service yet. */
export function describeHealth(machine: () => Machine, ofWhom: () => Account, ofOther: () => Account): void {
  describe('health', () => {
    let hal: Account
    let ivy: Account

    beforeAll(() => {
      hal = ofWhom()
      ivy = ofOther()
    })

    const installed = async (options: {profile?: string; standIn?: StandInConfig; flags?: readonly string[]; user?: Account} = {}) => {
      const service = await TestService.make(machine(), options.user ?? hal, options)
      // What ticks is nothing that is looked at.
      await service.must('install', ['--heartbeat', 'off', ...(options.flags ?? [])])
      return service
    }

    /** Exit statuses of liveness and readiness. */
    const probes = (ask: (args: readonly string[]) => Promise<CommandResult>) =>
      Promise.all(['liveness', 'readiness'].map(async (probe) => (await ask(['--probe', probe])).code))

    // Outside of a campaign the states of one service, in the order in which one follows from the other: an install costs more than all that is asked of it.
    let one: TestService | undefined
    const serviceWith = async ({standIn, install}: Situation) => {
      if (isCampaign) return installed({standIn, ...(install ? {flags: install} : {})})
      one ??= await installed({standIn, flags: ['--restart-delay', '60s']})
      if ((await one.show('ActiveState'))[0] === 'inactive') await one.must('start')
      return one
    }
    const describeThem = isCampaign ? describe.concurrent : describe

    describeThem('of a service of this machine', () => {
      it.each(seen)('$name', async (situation) => {
        const {harm, settled, answer, gatewayState, liveness, readiness} = situation
        const service = await serviceWith(situation)
        const pid = await service.mainPid()
        await harm?.(service)
        if (settled?.length === 1) {
          await waitFor(async () => (await service.sh('cut -d" " -f3 "/proc/$1/stat"', [String(pid)])).trim() === settled, settled)
        } else if (settled !== undefined) {
          await waitFor(async () => (await service.show('ActiveState'))[0] === settled, settled)
        }
        const ask = (args: readonly string[] = []) => service.run('health', ['--wedge-window', '2s', ...args])

        const result = await ask(['--json'])

        expect(answerOf(result)).toEqual(answer)
        expect(result.json<HealthPayload>().details.gateway_state).toBe(gatewayState)
        expect(await probes(ask)).toEqual([liveness, readiness])
      })

      it('that was never installed', async () => {
        const service = await TestService.make(machine(), hal)
        expect(answerOf(await service.run('health'))).toEqual(NOT_CONFIGURED)
        expect(await probes((args) => service.run('health', args))).toEqual([0, 1])
      })
    })

    it('holds nothing but what the WebUI shows', async () => {
      const standIn: StandInConfig = {
        version: '0.21',
        state_fields: {
          platforms: {telegram: {state: 'connected', token: 'bot-token'}, slack: {state: 'connected'}, irc: {}},
          token: 'bot-token',
          env: {SECRET: 'bot-token'},
          exit_reason: `${hal.home}/secret`,
        },
        active_work: 2,
      }
      const service = await installed({standIn, flags: ['--env', 'BOT_TOKEN=bot-token']})
      const {stdout} = await service.run('health', ['--json'])
      const moment = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/) as string
      expect(JSON.parse(stdout)).toEqual({
        alive: true,
        checked_at: moment,
        details: {
          state: 'alive',
          gateway_state: 'running',
          updated_at: moment,
          active_agents: 2,
          platform_count: 3,
          platform_states: {connected: 2},
        },
      })
      // The raw file has all that a payload must not have.
      const raw = (await machine().readText(`${service.home}/gateway_state.json`)) ?? ''
      for (const kept of ['"pid"', '"argv"', 'bot-token', hal.home])
        expect([raw.includes(kept), stdout.includes(kept)]).toEqual([true, false])
    })

    describe('where the process cannot be seen', () => {
      let service: TestService

      /** health, in a PID namespace of its own, for a profile that has no service. */
      const ask = async (args: readonly string[] = []): Promise<CommandResult> => {
        const apart = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', 'setpriv', `--reuid=${hal.uid}`, `--regid=${hal.gid}`]
        const command = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...service.argv('health', args)]
        const env = {HOME: hal.home, USER: hal.name, XDG_RUNTIME_DIR: `/run/user/${hal.uid}`}
        const {code, stdout, stderr} = await machine().exec([...apart, '--init-groups', '--', ...command], {env})
        return {code, stdout, stderr, json: <T>() => JSON.parse(stdout) as T}
      }
      const askOutside = () => service.run('health')

      beforeAll(async () => {
        service = await TestService.make(machine(), hal)
        const run = 'HERMES_HOME=$1 setsid /usr/bin/python3 "$2" gateway run >/dev/null 2>&1 </dev/null &'
        await service.sh(run, [service.home, STAND_IN], {user: hal})
        await waitFor(async () => (await service.events()).some(({event}) => event === 'running'), 'the gateway')
      })

      it('it is seen where its process is', async () => {
        expect(answerOf(await askOutside())).toEqual(ALIVE)
      })

      const files: [string, (() => object) | string, Answer, number, number][] = [
        ['a fresh timestamp', () => ({updated_at: isoTime(-110_000)}), BY_FRESH_FILE, 0, 0],
        ['a timestamp of a clock that is a minute ahead', () => ({updated_at: isoTime(60_000)}), BY_FRESH_FILE, 0, 0],
        ['a stale timestamp', () => ({updated_at: isoTime(-150_000)}), DOWN, 0, 1],
        ['a fresh timestamp without a zone', () => ({updated_at: isoTime().slice(0, 26)}), DOWN, 0, 1],
        ['a fresh timestamp that is a number', () => ({updated_at: Math.floor(Date.now() / 1000)}), DOWN, 0, 1],
        ['no timestamp', () => ({}), DOWN, 0, 1],
        ['a fresh "draining"', () => ({updated_at: isoTime(), gateway_state: 'draining'}), DOWN, 0, 1],
        ['a fresh "stopped"', () => ({updated_at: isoTime(), gateway_state: 'stopped'}), DOWN, 0, 1],
        [
          'an old "stopped"',
          () => ({updated_at: isoTime(-3_600_000), gateway_state: 'stopped'}),
          [4, null, 'unknown', 'gateway_stale_stopped_state'],
          0,
          1,
        ],
        ['an old "stopped" without a zone', () => ({updated_at: '2026-01-01T00:00:00', gateway_state: 'stopped'}), DOWN, 0, 1],
        ['half a file', '{"gateway_state": "run', NOT_CONFIGURED, 0, 1],
        ['a file that is no object', '["running"]', NOT_CONFIGURED, 0, 1],
      ]
      // What a file means: health-payload.test.ts.
      it.each(inCampaign(files, files.slice(0, 1)))('%s', async (_, state, answer, liveness, readiness) => {
        const file = `${service.home}/gateway_state.json`
        const text = typeof state === 'string' ? state : JSON.stringify({gateway_state: 'running', ...state()})
        await machine().writeText(file, text, {user: hal, mode: 0o600})
        expect(answerOf(await ask())).toEqual(answer)
        expect(await probes(ask)).toEqual([liveness, readiness])
      })
    })

    it('cannot tell where none of the files may be looked at', async () => {
      await machine().exec(['chmod', '700', hal.home])
      const ask = (args: readonly string[]) => hermesSvc(machine(), ['health', '--home', `${hal.home}/.hermes`, ...args], {user: ivy})
      const result = await ask([])
      expect(answerOf(result)).toEqual([4, null, 'unknown', 'gateway_status_unavailable'])
      expect(result.json<HealthPayload>().details).toMatchObject({error: 'PermissionError'})
      expect(await probes(ask)).toEqual([0, 1])
    })

    describe('of a user with two profiles', () => {
      const ask = (args: readonly string[], options: MachineExecOptions = {}) =>
        hermesSvc(machine(), ['health', ...args], {user: ivy, ...options})

      beforeAll(async () => {
        const platforms = {telegram: {state: 'connected'}, 'we"ird\n': {state: 'a "quoted" \\ state'}}
        await installed({user: ivy, profile: 'default', standIn: {state_fields: {platforms}}})
        const work = await installed({user: ivy, profile: 'work'})
        await work.must('stop')
      })

      it('is that of the root home without -p, though HERMES_HOME names a profile', async () => {
        for (const home of [`${ivy.home}/.hermes/profiles/work`, `${ivy.home}/.hermes`]) {
          const inProfile = {env: {HERMES_HOME: home}}
          expect(answerOf(await ask([], inProfile))).toEqual(ALIVE)
          expect(answerOf(await ask(['-p', 'work'], inProfile))).toEqual(DOWN)
          expect(answerOf(await ask(['-p', 'default'], inProfile))).toEqual(ALIVE)
        }
      })

      describeUnless(noPromtool, 'for node_exporter', () => {
        it('is a text that promtool has nothing to say against', async () => {
          const {code, stdout, stderr} = await ask(['--prometheus'])
          expect({code, stderr}).toEqual({code: 0, stderr: ''})
          expect(promtoolComplaints(stdout)).toBe('')
          expect(stdout.match(/^hermes_gateway_(up|desired_up)\{.*$/gm)).toEqual([
            'hermes_gateway_up{user="ivy",profile="default"} 1',
            'hermes_gateway_up{user="ivy",profile="work"} 0',
            'hermes_gateway_desired_up{user="ivy",profile="default"} 1',
            'hermes_gateway_desired_up{user="ivy",profile="work"} 0',
          ])
          expect(stdout).toContain('hermes_gateway_platforms{user="ivy",profile="default",state="connected"} 1\n')
          expect(stdout).toContain('state="a \\"quoted\\" \\\\ state"} 1\n')
        })
      })
    })
  })
}
