import fs from 'node:fs'
import http from 'node:http'
import type {AddressInfo} from 'node:net'
import os from 'node:os'
import path from 'node:path'
import {afterEach, describe, expect, it} from 'vitest'
import {createNodeHost} from '../../src/host/node-host.js'
import {deliverAll} from '../../src/notify/deliver-all.js'
import {type DeliveryTime, deliveryTime, type NotifyEvent} from '../../src/notify/event.js'
import {NO_NOTIFY} from '../../src/notify/notify-file.js'
import {EMPTY_STATE, type NotifyState, notifyStateFile, readNotifyState} from '../../src/notify/notify-state.js'
import {targetKey} from '../../src/notify/target-key.js'

const HOST = createNodeHost(path.join(import.meta.dirname, '../..'))
const USER = HOST.as(HOST.account)
const EVENT: NotifyEvent = {
  ...{id: 'abc', kind: 'down', atMs: 2000, sinceMs: 1000, machine: 'box', service: 'hermes-gateway.service', profile: 'default'},
  ...{what: 'is down', lines: [], next: 'hermes-svc doctor', isReminder: false},
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A real server, which answers only where `answers`; what it took by path. */
async function receiver(answers: () => boolean): Promise<{port: number; taken: string[]}> {
  const taken: string[] = []
  const server = http.createServer((request, response) => {
    taken.push(request.url ?? '')
    if (answers()) response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return {port: (server.address() as AddressInfo).port, taken}
}

/** Faults whose pause is over. */
const isOver = (faults: NotifyState['outbox']['faults'] = {}) =>
  Object.fromEntries(Object.entries(faults).map(([key, fault]) => [key, {...fault, untilMs: 0}]))

describe('a receiver that hangs', () => {
  const home = () => {
    const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'deliver-')))
    cleanups.push(() => fs.rmSync(folder, {recursive: true, force: true}))
    return folder
  }
  /** One event that waits for one target, and a ping. */
  const deliverTo = async (port: number, time: DeliveryTime, before?: NotifyState) => {
    const target = `http://127.0.0.1:${port}/told`
    const outbox = {waiting: [{event: EVENT, targets: [targetKey(target)]}], faults: isOver(before?.outbox.faults)}
    const folder = home()
    const lines = await deliverAll(
      USER,
      {
        settings: {...NO_NOTIFY, targets: [target]},
        state: {...EMPTY_STATE, outbox},
        files: [notifyStateFile(folder)],
        pinged: `http://127.0.0.1:${port}/ping`,
      },
      time,
    )
    return {lines, after: readNotifyState(USER, [notifyStateFile(folder)])}
  }

  it('has no more of the time between two ticks than what keeps the next one from waiting', async () => {
    const {port, taken} = await receiver(() => false)
    const time = deliveryTime(1000)
    const {lines, after} = await deliverTo(port, time)
    expect(taken.sort()).toEqual(['/ping', '/told'])
    expect(lines).toEqual([
      `cannot notify cloudevents 127.0.0.1:${port}: no answer in time`,
      'cannot fetch the ping address: no answer in time',
    ])
    expect(after.outbox.waiting).toMatchObject([{event: {id: 'abc'}}])
    expect(time.whole.aborted).toBe(false)
  })

  it('has all of it once it has failed, so that one which is slow is told; a ping, which is fetched at each tick, has not', async () => {
    let hangs = true
    const {port} = await receiver(() => !hangs)
    const whole = new AbortController().signal
    const failed = await deliverTo(port, {whole, prompt: AbortSignal.timeout(200)})
    hangs = false
    // As if the prompt time were over before it answers.
    const {after, lines} = await deliverTo(port, {whole, prompt: AbortSignal.abort()}, failed.after)
    expect(after.outbox).toEqual({waiting: [], faults: {}})
    expect(lines).toEqual(['cannot fetch the ping address: no answer in time'])
  })
})

describe('the time of a tick', () => {
  it('is whole for each of them where ticks are rare', () => {
    const {whole, prompt} = deliveryTime(60_000)
    expect(prompt).toBe(whole)
  })

  it('ends for both with what has the ticks', () => {
    const over = new AbortController()
    const {whole, prompt} = deliveryTime(4000, over.signal)
    expect([whole.aborted, prompt.aborted]).toEqual([false, false])
    over.abort()
    expect([whole.aborted, prompt.aborted]).toEqual([true, true])
  })
})

describe('a target that cannot be read, in a file that was edited by hand', () => {
  it('keeps nobody else from being told, and is named as such without its secret', async () => {
    const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'deliver-')))
    cleanups.push(() => fs.rmSync(folder, {recursive: true, force: true}))
    const {port, taken} = await receiver(() => true)
    const targets = ['ntfy://ann:100%secret@127.0.0.1/topic', `http://127.0.0.1:${port}/told`]
    const state = {...EMPTY_STATE, outbox: {waiting: [{event: EVENT, targets: targets.map(targetKey)}], faults: {}}}
    const settings = {...NO_NOTIFY, targets}
    const lines = await deliverAll(USER, {settings, state, files: [notifyStateFile(folder)], pinged: undefined}, deliveryTime(60_000))
    expect(taken).toEqual(['/told'])
    expect(lines).toEqual([expect.stringMatching(/^cannot notify an invalid target: the target has a "%" in its user or password/)])
    expect(lines.join('')).not.toContain('secret')
  })
})
