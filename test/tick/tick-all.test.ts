import {describe, expect, it} from 'vitest'
import {tickAll} from '../../src/tick/tick-all.js'
import {tickPlaces} from '../../src/managers/systemd/paths.js'
import {DEFAULT_HEARTBEAT, formatSettings, type HeartbeatSettings} from '../../src/service/settings.js'
import {type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'
import {SETTINGS} from '../fakes/settings.js'

const SUPPORT = '/home/user/.config/hermes-svc'
const HOME = '/home/user/.hermes'
const OLD = '2025-12-31T23:00:00.123456+00:00'
const PID = 777
const ENTRY = `${SUPPORT}/heartbeat.cjs`

interface Options {
  readonly account?: string
  readonly heartbeat?: HeartbeatSettings
}

const settings = ({account = USER.name, heartbeat = DEFAULT_HEARTBEAT}: Options = {}) => formatSettings({...SETTINGS, account, heartbeat})

/** A machine with a living gateway that waits for events, and these files beside the tick. */
function machine(files: Readonly<Record<string, string | FakeFile>>): FakeHost {
  const record = {pid: PID, start_time: 5000, argv: ['hermes', 'gateway', 'run']}
  const stat = `${PID} (hermes) S 1 ${'0 '.repeat(17)}5000 0\n`
  return new FakeHost({
    pids: [PID],
    files: {
      [ENTRY]: '// the tick',
      [`${HOME}/gateway.pid`]: JSON.stringify(record),
      [`${HOME}/gateway_state.json`]: JSON.stringify({...record, gateway_state: 'running', updated_at: OLD}),
      '/proc/locks': '',
      [`/proc/${PID}`]: {folder: true, uid: USER.uid},
      [`/proc/${PID}/stat`]: stat,
      [`/proc/${PID}/cmdline`]: 'hermes\0gateway\0run\0',
      [`/proc/${PID}/environ`]: `HERMES_HOME=${HOME}\0`,
      [`/proc/${PID}/task/${PID}/stat`]: stat,
      [`/proc/${PID}/task/${PID}/wchan`]: 'ep_poll',
      ...files,
    },
  })
}

const tickOn = (host: FakeHost) => tickAll(host, tickPlaces(host, SUPPORT))
const isTicked = (host: FakeHost) => !host.texts()[`${HOME}/gateway_state.json`]?.includes(OLD)

describe('a run of the tick', () => {
  it('ticks the services whose folders lie beside it, and has nothing to say about it', async () => {
    const host = machine({[`${SUPPORT}/hermes-gateway/settings.json`]: settings()})
    expect(await tickOn(host)).toEqual([])
    expect(isTicked(host)).toBe(true)
    expect(host.changes.map(({kind}) => kind)).toEqual(['overwrite'])
  })

  it.each<[string, Record<string, string>]>([
    ['wants none', {[`${SUPPORT}/hermes-gateway/settings.json`]: settings({heartbeat: {...DEFAULT_HEARTBEAT, enabled: false}})}],
    ['is another account’s', {[`${SUPPORT}/hermes-gateway/settings.json`]: settings({account: 'somebody'})}],
    ['has settings that are damaged', {[`${SUPPORT}/hermes-gateway/settings.json`]: '{'}],
    ['has no settings yet', {[`${SUPPORT}/hermes-gateway/service-helper.sh`]: ''}],
  ])('passes over a service that %s', async (_, files) => {
    const host = machine(files)
    expect(await tickOn(host)).toEqual([])
    expect(isTicked(host)).toBe(false)
  })

  it('keeps the configuration of a gateway that has worked with it for five minutes, once', async () => {
    const host = machine({[`${SUPPORT}/hermes-gateway/settings.json`]: settings()})
    host.put('/proc/uptime', '1000.00 1.00\n')
    host.put(`${HOME}/config.yaml`, {text: 'model: x\n', modifiedMs: host.nowMs() - 600_000})
    expect([await tickOn(host), await tickOn(host)]).toEqual([[], []])
    const written = host.changes.flatMap((change) => (change.kind === 'writeAtomic' ? [change] : []))
    expect(written.map(({path, text}) => [path.replace(/\d{17}/, 'TIME'), text])).toEqual([
      [`${HOME}/.hermes-svc/last-good/config-TIME.yaml`, 'model: x\n'],
      [`${HOME}/.hermes-svc/last-good/seen`, expect.stringMatching(/^\d+ 9\n$/)],
    ])
  })

  it('ticks also where nothing can be kept', async () => {
    const host = machine({[`${SUPPORT}/hermes-gateway/settings.json`]: settings()})
    host.put('/proc/uptime', '1000.00 1.00\n')
    host.put(`${HOME}/config.yaml`, {text: 'model: x\n', modifiedMs: host.nowMs() - 600_000})
    host.put(`${HOME}/.hermes-svc`, 'no folder')
    expect(await tickOn(host)).toEqual([])
    expect(isTicked(host)).toBe(true)
  })

  it('says nothing of a gateway that is down', async () => {
    const host = machine({[`${SUPPORT}/hermes-gateway/settings.json`]: settings()})
    host.drop(`/proc/${PID}`)
    expect(await tickOn(host)).toEqual([])
    expect(isTicked(host)).toBe(false)
  })

  it.each([
    ['lost', undefined, 'gateway_state.json does not exist'],
    ['empty', '', 'gateway_state.json is damaged'],
    ['half', '{"pid": 777, "gatew', 'gateway_state.json is damaged'],
  ])('says that the state file of a gateway that lives is %s, and invents none', async (_, text, why) => {
    const host = machine({[`${SUPPORT}/hermes-gateway/settings.json`]: settings()})
    host.drop(`${HOME}/gateway_state.json`)
    if (text !== undefined) host.put(`${HOME}/gateway_state.json`, text)
    expect(await tickOn(host)).toEqual([
      {
        failed: false,
        text: `hermes-gateway.service: the gateway (pid 777) is alive, but hermes-svc cannot refresh the timestamp: ${why}. Monitors report the gateway as dead until you type: hermes-svc restart`,
      },
    ])
    expect(host.changes).toEqual([])
  })

  it('tells its own failures, and goes on with the others', async () => {
    const host = machine({
      [`${SUPPORT}/hermes-gateway/settings.json`]: settings(),
      [`${SUPPORT}/hermes-gateway-secret/settings.json`]: {text: settings(), uid: 0, mode: 0o600},
    })
    expect(await tickOn(host)).toEqual([{failed: true, text: expect.stringMatching(/^hermes-gateway-secret\.service: .*EACCES/)}])
    expect(isTicked(host)).toBe(true)

    const readOnly = machine({[`${SUPPORT}/hermes-gateway/settings.json`]: settings()})
    readOnly.put(`${HOME}/gateway_state.json`, {text: readOnly.texts()[`${HOME}/gateway_state.json`] ?? '', mode: 0o444})
    expect(await tickOn(readOnly)).toEqual([{failed: true, text: expect.stringMatching(/^hermes-gateway\.service: .*EACCES/)}])

    const hidden = machine({})
    hidden.put(SUPPORT, {folder: true, uid: 0, mode: 0o700})
    expect(await tickOn(hidden)).toEqual([{failed: true, text: expect.stringContaining('EACCES')}])
  })

  it('has the watchdog look where its service asks for it', async () => {
    const watched = settings({heartbeat: {...DEFAULT_HEARTBEAT, watchdogTicks: 2}})
    const host = machine({
      [`${SUPPORT}/hermes-gateway/settings.json`]: watched,
      '/run/user/1000/hermes-svc-hermes-gateway': {folder: true, uid: USER.uid},
      '/proc/uptime': '100000.00 1.00\n',
    })
    host.put(`/proc/${PID}/stat`, `${PID} (hermes) T 1 ${'0 '.repeat(17)}5000 0\n`)
    host.put(`/proc/${PID}/task/${PID}/stat`, `${PID} (hermes) T 1 ${'0 '.repeat(17)}5000 0\n`)
    expect(await tickOn(host)).toEqual([])
    expect(host.texts()['/run/user/1000/hermes-svc-hermes-gateway/watchdog']).toContain('"wedgedTicks":1')
    expect(await tickOn(host)).toEqual([{failed: false, text: expect.stringContaining('runs outside its service')}])
    expect(isTicked(host)).toBe(false)
  })
})
