import {ExitStatus, ServiceError} from '../errors.js'
import {type ChatSetup, readChatSetup} from '../gateway/chat-setup.js'
import {UpstreamCommand} from '../gateway/contract.js'
import {environmentOf} from '../gateway/process.js'
import {HostError} from '../host/host.js'
import {waitUntil} from '../host/wait-until.js'
import {type ChatAdvice, chatAdvice, type ChatCommands} from '../observe/chat-advice.js'
import {momentOf, type Online, onlineOf} from '../observe/online.js'
import {type OnlineReport, onlineReport} from '../observe/report.js'
import {type Observation, observe, type SeenGateway} from '../observe/look.js'
import {servedBy} from '../observe/served.js'
import type {Target} from '../observe/where.js'
import {howToBegin} from './first-contact.js'
import {upstreamCommand} from '../service/upstream-command.js'
import {ownCommand} from './own-command.js'

/** A platform of a gateway that has just come up is waited for that long. */
const FIRST_PLATFORM_MS = 20_000
const LOOK_EVERY_MS = 500

/** Whether people reach a service's gateway that was just seen, with what to type if that was never set up. Reads only. */
export function seeOnline(target: Target, seen: Observation): {readonly online: Online; readonly shown: OnlineReport} {
  const online = onlineOf(seen, momentOf(target.host, seen))
  return {online, shown: onlineReport(online, beginning(target, seen) ?? adviceFor(target, seen, online))}
}

/**
 * Waits for the first platform of a gateway that has just come up, and says what is known by then; undefined if that can no longer be told. Ends before
 * `deadlineMs` on the monotonic clock, and at once where there is nothing to wait for. Throws what `signal` was aborted with.
 */
export async function awaitOnline(
  target: Target,
  {deadlineMs, signal}: {deadlineMs: number; signal: AbortSignal},
): Promise<{readonly seen: Observation; readonly shown: OnlineReport} | undefined> {
  const {host} = target
  try {
    let seen!: Observation
    const isSettled = () => {
      seen = observe(target)
      return onlineOf(seen, momentOf(host, seen)).state !== 'connecting'
    }
    const limitMs = Math.min(FIRST_PLATFORM_MS, deadlineMs - host.monotonicMs())
    // It is asked once at least.
    await waitUntil(host, {limitMs, everyMs: LOOK_EVERY_MS, signal}, isSettled)
    return {seen, shown: seeOnline(target, seen).shown}
  } catch (error) {
    // What was to be done is done, and was seen: this is said beside it.
    if (error instanceof ServiceError && error.exitStatus !== ExitStatus.cancelled) return undefined
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** What is to be said where there is nothing yet. */
function beginning(target: Target, {manager: {installed, broken}, verdict}: Observation): ChatAdvice | undefined {
  const isNothing = installed === 'no' && broken === undefined && verdict.pid === undefined && servedBy(target) === undefined
  if (!isNothing) return undefined
  return {kind: 'not-installed', what: 'no service is installed', evidence: `${target.manager.title} has none`, next: howToBegin(target)}
}

/** What is to be said of a gateway that was seen and that nobody reaches. Reads only, and never throws for what it finds. */
export function adviceFor(target: Target, seen: SeenGateway, online: Online): ChatAdvice | undefined {
  // Nothing is read for one of which nothing will be said.
  if (online.platforms.length === 0 && online.state !== 'none-configured') return undefined
  return chatAdvice(online, chatSetupOf(target, seen), chatCommands(target))
}

/** Who reaches the gateway that was seen, by its home and by the environment that its process was given. Names alone. Never throws for what it finds. */
function chatSetupOf({userHost, service}: Target, {verdict: {pid}}: SeenGateway): ChatSetup {
  const entries = pid === undefined ? [] : environmentOf(userHost, pid)
  const setup = readChatSetup(userHost, service.profile.home, new Map(entries.flatMap(variableOf)))
  // Where the gateway's environment is not shown, somebody may be allowed there.
  return entries.length === 0 && setup.isAnybodyAllowed === false ? {...setup, isAnybodyAllowed: undefined} : setup
}

function variableOf(entry: string): [string, string][] {
  const equals = entry.indexOf('=')
  return equals > 0 ? [[entry.slice(0, equals), entry.slice(equals + 1)]] : []
}

function chatCommands(target: Target): ChatCommands {
  const {host, service} = target
  return {
    setUp: upstreamCommand(host, service.profile, service.account, UpstreamCommand.chats),
    restart: ownCommand(target, 'restart'),
    logs: ownCommand(target, 'logs'),
  }
}
