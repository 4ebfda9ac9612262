import {ExitStatus, ServiceError} from '../errors.js'
import {notifyOf} from '../lifecycle/notify-change.js'
import {ownCommand} from '../lifecycle/own-command.js'
import type {Delivery} from '../notify/deliver.js'
import {tell} from '../notify/dispatch.js'
import {DELIVERY_DEADLINE_MS, type NotifyEvent} from '../notify/event.js'
import {eventId} from '../notify/event-id.js'
import {nextCommand} from '../notify/next-command.js'
import {ping, pingUrl, shownPing} from '../notify/ping.js'
import {shownTarget} from '../notify/target.js'
import type {Target} from '../observe/where.js'
import {machineName} from '../service/machine-name.js'
import type {CommandResult} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class NotifyTest extends ServiceCommand<typeof NotifyTest> {
  static override summary = 'Send a test message to every notification target, and show the answers'
  static override description =
    `Also fetches the ping address, as if the gateway were alive. The test changes neither the service nor the records of hermes-svc.
All deliveries together may take ${DELIVERY_DEADLINE_MS / 1000} s. Ends with 1 if a delivery fails.`
  static override examples = ['<%= config.bin %> notify test', '<%= config.bin %> notify test -p work --json']

  protected async execute(): Promise<CommandResult> {
    const target = await this.target('read')
    const settings = notifyOf(target)
    if (settings.targets.length === 0 && settings.ping === undefined) {
      throw new ServiceError('This gateway has no notification targets, so there is nothing to test', {
        ...{code: 'not-told', exitStatus: ExitStatus.failed, next: [ownCommand(target, 'notify add TARGET')]},
      })
    }
    const event = testEvent(target)
    const {userHost} = target
    const signal = AbortSignal.any([AbortSignal.timeout(DELIVERY_DEADLINE_MS), this.cancelSignal])
    const answers = await this.during('wait for the answers', () =>
      Promise.all([
        ...settings.targets.map(async (text) => answerOf(shownTarget(text), await tell(userHost, text, event, signal))),
        ...(settings.ping === undefined ? [] : [pinged(target, settings.ping, signal)]),
      ]),
    )
    for (const {name, ok, answer} of answers) this.print(`${name}: ${ok ? 'told' : 'NOT told'} (${answer})`)
    const isOk = answers.every(({ok}) => ok)
    const {name: service, profile} = target.service
    return {exitStatus: isOk ? ExitStatus.ok : ExitStatus.failed, json: {ok: isOk, service, profile: profile.name, answers}}
  }
}

interface Answer {
  /** What may be shown of the target. */
  readonly name: string
  readonly ok: boolean
  readonly answer: string
}

function answerOf(name: string, delivery: Delivery): Answer {
  return delivery.kind === 'told' ? {name, ok: true, answer: delivery.answer} : {name, ok: false, answer: delivery.why}
}

async function pinged({userHost}: Target, address: string, signal: AbortSignal): Promise<Answer> {
  const name = `ping ${shownPing(address)}`
  const url = pingUrl(address, true)
  const why = url === undefined ? 'no address' : await ping(userHost, url, signal)
  return why === undefined ? {name, ok: true, answer: 'taken'} : {name, ok: false, answer: why}
}

function testEvent({host, service, manager}: Target): NotifyEvent {
  const {profile, name, account} = service
  const nowMs = host.nowMs()
  const machine = machineName(host)
  return {
    id: eventId(machine, profile.home, 'test', nowMs, host.pid),
    ...{kind: 'test', atMs: nowMs, sinceMs: nowMs, machine, service: name, profile: profile.name, isReminder: false},
    what: 'sends you this test message; nothing is wrong',
    lines: [],
    next: nextCommand('test', {scope: manager.scope, profile: profile.name, home: profile.home, accountHome: account.home}),
  }
}
