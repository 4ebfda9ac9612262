import {waitFor} from './machines.js'
import {readInside} from './read-inside.js'
import type {ServiceOnMachine} from './service-on-machine.js'
import type {TestService} from './test-service.js'

/** Fields of gateway_state.json. */
export interface GatewayState {
  readonly pid: number
  readonly updated_at: string
  readonly gateway_state: string
}

/** The timer that ticks the services of one user in one scope, as seen from one of them. */
export class HeartbeatTimer {
  readonly timer: string
  /** The unit of one tick. */
  readonly tick: string
  /** The program that a tick runs. In system scope it is that of all users. */
  readonly entry: string

  constructor(private readonly service: TestService) {
    const name = `hermes-svc-heartbeat${service.scope === 'system' ? `-${service.user.name}` : ''}`
    this.timer = `${name}.timer`
    this.tick = `${name}.service`
    this.entry = `${service.support.replace(/\/[^/]*$/, '')}/heartbeat.cjs`
  }

  /** Properties of one of the two units, in the order asked for. */
  async show(unit: string, ...properties: string[]): Promise<string[]> {
    const {stdout} = await this.service.systemctl('show', `--property=${properties.join(',')}`, unit)
    const values = new Map(stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
    return properties.map((property) => values.get(property) ?? '')
  }

  /** How often it ticks, in systemd's words. */
  async interval(): Promise<string | undefined> {
    const {stdout} = await this.service.systemctl('show', '--property=TimersMonotonic', this.timer)
    return /OnUnitActiveUSec=(.+?) ;/.exec(stdout)?.[1]
  }

  /** Waits for the end of the first tick, if it is not over yet. */
  async hasTicked(): Promise<void> {
    await waitFor(async () => (await this.show(this.tick, 'ExecMainExitTimestampMonotonic'))[0] !== '0', 'the first tick')
  }

  /** When the last tick began, by the wall clock, to the second below; in ms. */
  async begunAtMs(): Promise<number> {
    const {stdout} = await this.service.systemctl('show', '--timestamp=unix', '--property=ExecMainStartTimestamp', '--value', this.tick)
    return Number(stdout.trim().slice(1)) * 1000
  }

  /** Waits until a tick begins; the one before it has ended by then. */
  async begins(): Promise<number> {
    const former = await this.begun()
    return waitFor(async () => {
      const now = await this.begun()
      return now !== former && now > 0 && now
    }, `a tick of ${this.timer}`)
  }

  /** Waits for so many whole ticks, the first of which has not begun yet; whatever they come to. */
  async ticks(count: number): Promise<void> {
    let begun = 0
    for (let seen = 0; seen < count; seen++) begun = await this.begins()
    const ended = async () => Number((await this.show(this.tick, 'ExecMainExitTimestampMonotonic'))[0]) >= begun
    await waitFor(ended, `the end of a tick of ${this.timer}`)
  }

  /** Ends the ticks of a test that has seen enough of them, as its machine goes on. */
  async rests(): Promise<void> {
    await this.service.systemctl('stop', this.timer)
  }

  /** What there is of it: its files, one a line, and what systemd knows. The program too where it is this user's alone. */
  async traces(): Promise<string[]> {
    const {service, timer, tick, entry} = this
    const units = [timer, tick, `timers.target.wants/${timer}`].map((name) => `${service.units}/${name}`)
    const files = await service.sh('ls -d "$@" 2>/dev/null || :', service.scope === 'user' ? [...units, entry] : units)
    return [files.trim(), ...(await this.show(timer, 'LoadState', 'ActiveState')), ...(await this.show(tick, 'LoadState'))]
  }

  /** When the last tick began, in microseconds on the monotonic clock; 0: never. */
  private async begun(): Promise<number> {
    return Number((await this.show(this.tick, 'ExecMainStartTimestampMonotonic'))[0])
  }
}

/** The `traces` of a timer that is not installed. */
export const NO_TRACES = ['', 'not-found', 'inactive', 'not-found']

export async function gatewayState(service: ServiceOnMachine): Promise<GatewayState> {
  return JSON.parse((await readInside(service.machine, `${service.home}/gateway_state.json`)) ?? '{}') as GatewayState
}

/** Lines of the machine's journal that match. */
export function journalLines(service: TestService, pattern: string): Promise<string> {
  return service.sh('journalctl --sync; journalctl --no-pager -o cat | grep -- "$1" || :', [pattern])
}
