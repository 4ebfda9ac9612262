import {describe, expect, it} from 'vitest'
import {readGatewayState} from '../../src/gateway/records.js'
import type {SeenGateway} from '../../src/observe/look.js'
import {onlineOf} from '../../src/observe/online.js'
import {onlineReport} from '../../src/observe/report.js'
import {onlineSentence, platformsCell, type Wish} from '../../src/ui/online-text.js'
import {FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const NOW_MS = Date.parse('2026-11-29T12:00:00Z')
const MIN_MS = 60_000
const ago = (minutes: number) => new Date(NOW_MS - minutes * MIN_MS).toISOString()

/** A gateway, pid 468, that has been up for an hour and wrote this into its state file; `verdict`: what was proved of it. */
function seen(file: object | undefined, verdict: Partial<SeenGateway['verdict']> = {}, loop?: SeenGateway['loop']): SeenGateway {
  const host = new FakeHost({files: file === undefined ? {} : {[`${HOME}/gateway_state.json`]: JSON.stringify(file)}})
  return {
    gateway: {state: readGatewayState(host, HOME)},
    verdict: {state: 'alive', pid: 468, evidence: [], ...verdict},
    ...(loop && {loop}),
  } as unknown as SeenGateway
}

const running = (platforms: object | undefined, more: object = {}) => ({
  ...{pid: 468, start_time: 1, gateway_state: 'running', updated_at: ago(1)},
  ...(platforms && {platforms}),
  ...more,
})

const summed = (file: object | undefined, ageMs: number | null = 60 * MIN_MS) =>
  onlineOf(seen(file), {nowMs: NOW_MS, ageMs: ageMs ?? undefined}).state

describe('onlineOf', () => {
  const connected = {state: 'connected', updated_at: ago(50)}
  it.each<[string, object, string]>([
    ['all are connected', {telegram: connected, discord: connected}, 'online'],
    ['one is connected and another one reconnects', {telegram: connected, discord: {state: 'retrying', retrying_since: ago(4)}}, 'online'],
    ['one is connected and another one was paused', {telegram: connected, discord: {state: 'paused'}}, 'online'],
    ['one is connected and another one gave up', {telegram: connected, discord: {state: 'fatal'}}, 'partly'],
    [
      'one is connected and another one retries for long',
      {telegram: connected, discord: {state: 'retrying', retrying_since: ago(30)}},
      'partly',
    ],
    [
      'one is connected, and has needed attention for long',
      {telegram: {...connected, needs_attention: true, updated_at: ago(20)}},
      'partly',
    ],
    ['one connects', {telegram: {state: 'connecting'}}, 'connecting'],
    ['one reconnects and another one gave up', {telegram: {state: 'retrying'}, discord: {state: 'fatal'}}, 'connecting'],
    ['all gave up', {telegram: {state: 'fatal'}}, 'offline'],
    ['the only one retries for long', {telegram: {state: 'retrying', retrying_since: ago(30)}}, 'offline'],
    ['the only one is disconnected', {telegram: {state: 'disconnected'}}, 'offline'],
    ['none is there', {}, 'none-configured'],
    ['the only one says what is not known', {telegram: {state: 'dreaming'}}, 'unknown'],
    ['the only one says nothing', {telegram: {}}, 'unknown'],
    ["those that are connected were a former gateway's", {telegram: {...connected, writer_pid: 77}}, 'none-configured'],
    ['those that are connected were there before it was', {telegram: {state: 'connected', updated_at: ago(90)}}, 'none-configured'],
  ])('where %s', (_, platforms, expected) => {
    expect(summed(running(platforms))).toBe(expected)
  })

  it('does not go by the time of an entry where the clock was set after all of the file', () => {
    const platforms = {telegram: {state: 'connected', updated_at: ago(90)}}
    expect(summed(running(platforms, {updated_at: ago(89)}))).toBe('online')
    expect(summed(running(platforms), null)).toBe('online')
  })

  it('cannot tell of a file that names no platforms at all, or is not there', () => {
    expect([summed(running(undefined)), summed(undefined)]).toEqual(['unknown', 'unknown'])
  })

  it("takes a young gateway for one that connects, whose file is still the former one's or says that it starts", () => {
    const old = running({telegram: connected}, {pid: 77})
    expect(summed(old, 2 * MIN_MS)).toBe('connecting')
    expect(summed(old)).toBe('unknown')
    expect(summed(running({}, {gateway_state: 'starting'}))).toBe('connecting')
    expect(summed(running(undefined, {gateway_state: 'starting'}))).toBe('connecting')
  })

  it('knows a gateway in a PID namespace of its own by the number it has there', () => {
    const inside = seen(running({telegram: connected}, {pid: 7}), {}, {ownPid: 7})
    expect(onlineOf(inside, {nowMs: NOW_MS, ageMs: 60 * MIN_MS}).state).toBe('online')
  })

  it.each(['dead', 'wedged', 'unknown'] as const)('says nothing of the platforms of one that is %s', (state) => {
    const online = onlineOf(seen(running({telegram: connected}), {state}), {nowMs: NOW_MS, ageMs: 60 * MIN_MS})
    expect(online).toEqual({state: state === 'unknown' ? 'unknown' : 'offline', platforms: []})
  })

  it('is offline once it has said that it stopped, and looks at no more platforms than can be', () => {
    expect(summed(running({telegram: connected}, {gateway_state: 'stopped'}))).toBe('offline')
    const many = Object.fromEntries(Array.from({length: 500}, (_, index) => [`p${index}`, connected]))
    expect(onlineOf(seen(running(many)), {nowMs: NOW_MS, ageMs: 60 * MIN_MS}).platforms).toHaveLength(200)
  })
})

describe('what is said of it', () => {
  const said = (platforms: object, actual = 'running', desired?: Wish | null) => {
    const online = onlineReport(onlineOf(seen(running(platforms)), {nowMs: NOW_MS, ageMs: 60 * MIN_MS}))
    return onlineSentence({
      service: 'hermes-gateway.service',
      actual: actual as never,
      online,
      servedBy: null,
      ...(desired === undefined ? {} : {desired}),
    })
  }
  it.each<[object, string, string]>([
    [
      {telegram: {state: 'connected'}, discord: {state: 'retrying', retrying_since: ago(4)}},
      'running',
      'hermes-gateway is running and online (telegram connected, discord retrying for 4 min)',
    ],
    [
      {telegram: {state: 'connected'}, discord: {state: 'fatal', updated_at: ago(30)}},
      'running',
      'hermes-gateway is running and partly online (telegram connected, discord gave up 30 min ago)',
    ],
    [{telegram: {state: 'connecting'}}, 'starting', 'hermes-gateway is starting and not online yet (telegram connecting)'],
    [{telegram: {state: 'fatal'}}, 'running', 'hermes-gateway is running but offline (telegram gave up)'],
    [{}, 'running', 'hermes-gateway is running, but no chat platform is set up'],
    [
      {'a b\n': {state: 'odd word'}},
      'running',
      'hermes-gateway is running; hermes-svc cannot tell whether it is online ("a b\\n" says "odd word")',
    ],
    [{}, 'stopped', 'hermes-gateway is stopped'],
    [{}, 'wedged', 'hermes-gateway is wedged (its process exists but does not respond)'],
    [{}, 'not-installed', 'hermes-gateway is not installed'],
    [{}, 'unknown', 'hermes-svc cannot tell whether hermes-gateway is running'],
  ])('%j, %s: %s', (platforms, actual, sentence) => {
    expect(said(platforms, actual)).toBe(sentence)
  })

  it.each<[string, Wish | null, string]>([
    ['running', 'running', 'hermes-gateway is running, as it should be, and online (telegram connected)'],
    ['running', 'stopped', 'hermes-gateway is running, but it should be stopped; it is online (telegram connected)'],
    ['running', null, 'hermes-gateway is running; no desired state is recorded; it is online (telegram connected)'],
    ['starting', 'running', 'hermes-gateway is starting, as it should be, and online (telegram connected)'],
    [
      'draining',
      'running',
      'hermes-gateway is draining (it finishes its work first) and should be running again afterwards; it is online (telegram connected)',
    ],
    ['draining', 'stopped', 'hermes-gateway is draining (it finishes its work first), as it should be, and online (telegram connected)'],
    ['stopping', 'running', 'hermes-gateway is stopping and should be running again afterwards'],
    ['stopped', 'running', 'hermes-gateway is stopped, but it should be running'],
    ['stopped', 'stopped', 'hermes-gateway is stopped, as it should be'],
    ['stopped', 'until-boot', 'hermes-gateway is stopped, as it should be until the next boot'],
    ['failed', 'running', 'hermes-gateway has failed, but it should be running'],
    ['failed', 'stopped', 'hermes-gateway has failed; it should be stopped'],
    ['waiting', 'running', 'hermes-gateway is down and waits for its next start, but it should be running'],
    ['crash-looping', 'running', 'hermes-gateway is crash-looping (it ends soon after each start), but it should be running'],
    ['wedged', 'running', 'hermes-gateway is wedged (its process exists but does not respond), but it should be running'],
    ['wedged', 'stopped', 'hermes-gateway is wedged (its process exists but does not respond), but it should be stopped'],
    [
      'orphaned',
      'running',
      'hermes-gateway is running outside its service, but it should be running in its service; it is online (telegram connected)',
    ],
    ['unknown', 'running', 'hermes-svc cannot tell whether hermes-gateway is running; it should be running'],
    ['not-installed', null, 'hermes-gateway is not installed'],
  ])('says whether it should be so: %s, %s: %s', (actual, desired, sentence) => {
    expect(said({telegram: {state: 'connected'}}, actual, desired)).toBe(sentence)
  })

  it('joins what is said of its platforms to what was asked for', () => {
    const wishes = ['running', 'stopped'] as const
    expect(wishes.map((wish) => said({}, 'running', wish))).toEqual([
      'hermes-gateway is running, as it should be, but no chat platform is set up',
      'hermes-gateway is running, but it should be stopped; no chat platform is set up',
    ])
    expect(wishes.map((wish) => said({telegram: {state: 'fatal'}}, 'running', wish))).toEqual([
      'hermes-gateway is running, as it should be, but offline (telegram gave up)',
      'hermes-gateway is running, but it should be stopped; it is offline (telegram gave up)',
    ])
  })

  it('names those that are connected alone in a table, and of others how they are', () => {
    const cell = (platforms: object) => platformsCell(onlineReport(onlineOf(seen(running(platforms)), {nowMs: NOW_MS, ageMs: 60 * MIN_MS})))
    expect(cell({telegram: {state: 'connected'}, discord: {state: 'retrying', retrying_since: ago(4)}})).toBe(
      'telegram, discord (retrying for 4 min)',
    )
    expect([cell({}), cell({telegram: {}})]).toEqual(['none', 'telegram (says nothing)'])
  })
})
