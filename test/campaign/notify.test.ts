import {expect, it} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {Receiver} from '../support/receiver.js'
import {TestService} from '../support/test-service.js'

// Messages sent against messages due, over a long time, with faults of the gateways and of the receiver at random. HERMES_SVC_MINUTES: how long; HERMES_SVC_SEED: another night.

const MINUTES = Number(process.env.HERMES_SVC_MINUTES ?? 20)
const PROFILES = 3
/** How long a fault lasts before it is mended: more than the two ticks after which it is told. */
const FAULT_MS = 8000

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

/** What is done to a gateway, and which messages that must bring. */
const FAULTS: Readonly<Record<string, {readonly due: readonly string[]; readonly inflict: (service: TestService) => Promise<void>}>> = {
  'exit 78': {
    due: ['fatal-config', 'recovered'],
    inflict: (service) => ended(service, {exit_on_start: {code: 78}}),
  },
  'crash loop': {
    due: ['down', 'crash-looping', 'recovered'],
    inflict: (service) => ended(service, {exit_on_start: {code: 1}}),
  },
  frozen: {
    due: ['wedged', 'recovered'],
    inflict: async (service) => {
      const pid = await service.mainPid()
      await service.sh('kill -STOP "$1"', [String(pid)])
      await pause(FAULT_MS + 12_000)
      await service.sh('kill -CONT "$1"', [String(pid)])
    },
  },
  'a stop and a start': {
    due: [],
    inflict: async (service) => {
      await service.must('stop')
      await pause(FAULT_MS)
      await service.must('start')
    },
  },
  'a restart': {due: [], inflict: async (service) => void (await service.must('restart'))},
}

async function ended(service: TestService, standIn: StandInConfig): Promise<void> {
  await service.configure(standIn)
  await service.systemctl('kill', '--signal=SIGKILL', service.unit)
  await pause(FAULT_MS)
  await service.configure({})
  await service.must('restart')
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
      const due = new Map(services.map((service) => [service.profile, [] as string[]]))
      const endMs = Date.now() + MINUTES * 60_000

      const trouble = async (service: TestService) => {
        while (Date.now() < endMs) {
          const fault = pick(Object.keys(FAULTS))
          await FAULTS[fault]?.inflict(service)
          due.get(service.profile)?.push(...(FAULTS[fault]?.due ?? []))
          // The next one begins when this one is over, and told to be so.
          await waitFor(async () => (await service.status()).actual === 'running', `${service.profile} after ${fault}`, 120_000)
          await pause(10_000)
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

      // Pauses after failures are an hour at most; of so short a night some minutes.
      const isOver = async () => {
        const {services: told} = (await services[0]?.must('notify:list', ['--all', '--json']))?.json<{
          services: {targets: {waiting: number}[]}[]
        }>() ?? {services: []}
        return told.every(({targets}) => targets.every(({waiting}) => waiting === 0))
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
      const all = [...due.values()].flat().length
      console.log(`${all} messages due on ${PROFILES} profiles in ${MINUTES} min; ${events.length} sent, ${doubles} double`)
      expect(doubles).toBe(0)
      expect(told).toEqual(Object.fromEntries(due))
      for (const service of services) await service.must('uninstall')
    },
    MINUTES * 60_000 + 4_000_000,
  )
})
