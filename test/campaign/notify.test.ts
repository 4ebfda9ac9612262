import {expect, it} from 'vitest'
import {DELIVERY_DEADLINE_MS} from '../../src/notify/event.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {Receiver} from '../support/receiver.js'
import {TestService} from '../support/test-service.js'

// Messages sent against messages due, over a long time, with faults of the gateways and of the receiver at random. HERMES_SVC_MINUTES: how long; HERMES_SVC_SEED: another night.

const MINUTES = Number(process.env.HERMES_SVC_MINUTES ?? 20)
const PROFILES = 3
/** How long a fault lasts before it is mended: more than the two ticks after which it is told, each of which may wait for a receiver that hangs. */
const FAULT_MS = 2 * DELIVERY_DEADLINE_MS + 5000

/** mulberry32: the same numbers for the same seed. */
function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** What is done to a gateway, and the one message that tells of it; others may come before it, where a tick falls between two ends. */
const FAULTS: Readonly<Record<string, {readonly sign?: string; readonly inflict: (service: TestService) => Promise<void>}>> = {
  'exit 78': {sign: 'fatal-config', inflict: (service) => ended(service, {exit_on_start: {code: 78}})},
  'crash loop': {
    sign: 'crash-looping',
    inflict: async (service) => {
      await service.configure({exit_on_start: {code: 1}})
      await service.systemctl('kill', '--signal=SIGKILL', service.unit)
      await waitFor(async () => (await service.status()).failuresInARow >= 3, 'three failures in a row', 120_000)
      await pause(FAULT_MS)
      await service.configure({})
      await service.must('restart')
    },
  },
  frozen: {
    sign: 'wedged',
    inflict: async (service) => {
      const pid = await service.mainPid()
      await service.sh('kill -STOP "$1"', [String(pid)])
      await pause(FAULT_MS + 12_000)
      await service.sh('kill -CONT "$1"', [String(pid)])
    },
  },
  'a stop and a start': {
    inflict: async (service) => {
      await service.must('stop')
      await pause(FAULT_MS)
      await service.must('start')
    },
  },
  'a restart': {inflict: async (service) => void (await service.must('restart'))},
}

async function ended(service: TestService, standIn: StandInConfig): Promise<void> {
  await service.configure(standIn)
  await service.systemctl('kill', '--signal=SIGKILL', service.unit)
  await pause(FAULT_MS)
  await service.configure({})
  await service.must('restart')
}

async function noted(service: TestService): Promise<string[]> {
  const text = (await service.machine.readText(`${service.home}/logs/hermes-svc.jsonl`)) ?? ''
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as {event?: string})
  return lines.flatMap(({event}) => (event === undefined || event === 'end' ? [] : [event]))
}

const ANSWERS = ['200', '200', '500', '503', '307', 'hang', 'away']

await describeOnSystemd('a night of faults', (machine) => {
  it(
    'brings each message that is due once, and no other',
    async () => {
      const random = numbersFrom(Number(process.env.HERMES_SVC_SEED ?? 1))
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
      const user = await machine().addUser('night', {linger: true})
      const receiver = await Receiver.start(machine(), user, 8200)
      const services = await Promise.all(Array.from({length: PROFILES}, () => TestService.make(machine(), user)))
      const flags = ['--heartbeat-interval', '1s', '--watchdog', 'off', '--notify', 'http://127.0.0.1:8200/hook']
      for (const service of services) await service.must('install', flags)
      const signs = new Map(services.map((service) => [service.profile, [] as string[]]))
      const endMs = Date.now() + MINUTES * 60_000

      const trouble = async (service: TestService) => {
        while (Date.now() < endMs) {
          const fault = pick(Object.keys(FAULTS))
          await FAULTS[fault]?.inflict(service)
          const {sign} = FAULTS[fault] ?? {}
          if (sign !== undefined) signs.get(service.profile)?.push(sign)
          // The next one begins when this one is over, and told to be so.
          await waitFor(async () => (await service.status()).actual === 'running', `${service.profile} after ${fault}`, 120_000)
          await pause(20_000)
        }
      }
      const badReceiver = async () => {
        while (Date.now() < endMs) {
          const answer = pick(ANSWERS)
          if (answer === 'away') {
            await receiver.end()
            await pause(Math.min(180_000, Math.max(0, endMs - Date.now())))
            await receiver.answers('200')
            await receiver.run()
          } else {
            await receiver.answers(answer)
          }
          await pause(20_000 + random() * 40_000)
        }
        await receiver.answers('200')
      }
      await Promise.all([badReceiver(), ...services.map(trouble)])

      // Pauses after failures are a quarter of an hour at most.
      const isOver = async () => {
        const lists = await Promise.all(services.map((service) => service.run('notify:list', ['--json'])))
        const waiting = lists.flatMap((list) =>
          list.json<{services: {targets: {waiting: number}[]}[]}>().services.flatMap(({targets}) => targets),
        )
        return waiting.every((target) => target.waiting === 0)
      }
      await waitFor(isOver, 'an empty outbox', 3_600_000)
      const taken = (await receiver.taken()).filter(({answer}) => answer === '200')
      const events = taken.map(({body}) => JSON.parse(body) as {id: string; type: string; subject: string})
      const doubles = events.length - new Set(events.map(({id}) => id)).size
      const told = Object.fromEntries(
        services.map(({profile}) => [
          profile,
          events.filter(({subject}) => subject === profile).map(({type}) => type.replace('hermes-svc.', '')),
        ]),
      )
      // What the ticks have seen begin and end stands in the journals.
      const due = Object.fromEntries(await Promise.all(services.map(async (service) => [service.profile, await noted(service)] as const)))
      console.log(
        `${Object.values(due).flat().length} due on ${PROFILES} profiles in ${MINUTES} min; ${events.length} sent, ${doubles} double`,
      )
      expect(doubles).toBe(0)
      expect(told).toEqual(due)
      const known = Object.values(FAULTS).flatMap(({sign}) => sign ?? [])
      expect(
        Object.fromEntries(Object.entries(told).map(([profile, kinds]) => [profile, kinds.filter((kind) => known.includes(kind))])),
      ).toEqual(Object.fromEntries(signs))
      for (const service of services) await service.must('uninstall')
    },
    MINUTES * 60_000 + 4_000_000,
  )
})
