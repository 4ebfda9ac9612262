import type {ChatSetup} from '../gateway/chat-setup.js'
import {CHATS, HomeFile, PlatformWord} from '../gateway/contract.js'
import type {Online} from './online.js'

/** What keeps people from a gateway, and is nobody's fault: it was never set up. */
export interface ChatAdvice {
  readonly kind: 'none-configured' | 'not-taken-up' | 'nobody-allowed' | 'not-installed'
  /** One sentence without a full stop, about "it". */
  readonly what: string
  readonly evidence: string
  /** What to type, in its order. */
  readonly next: readonly string[]
}

/** What to type for it. */
export interface ChatCommands {
  /** Upstream's own, which sets a platform up and asks who may talk to it. */
  readonly setUp: string
  readonly restart: string
  readonly logs: string
}

/** What is to be said of it, if anything. Pure. */
export function chatAdvice({state, platforms}: Online, setup: ChatSetup, {setUp, restart, logs}: ChatCommands): ChatAdvice | undefined {
  const again = `${restart}   # the gateway reads its platforms when it starts`
  if (state === 'none-configured') {
    const {platformVariables: names} = setup
    return names.length === 0
      ? {
          kind: 'none-configured',
          what: 'no chat platform is set up, so nobody can talk to it',
          evidence: `${HomeFile.state} names no platform`,
          next: [setUp, again],
        }
      : {
          kind: 'not-taken-up',
          what: 'a chat platform is set up, but the gateway does not use it yet, so nobody can talk to it',
          evidence: `${names.join(', ')} is set, but ${HomeFile.state} names no platform`,
          next: [again, `${logs}   # if the gateway still has no platform`],
        }
  }
  // Those of other profiles (`work:telegram`) go by the settings of those.
  const isOpen = platforms.some(({said: {name}, word}) => word === PlatformWord.connected && CHATS.has(name))
  if (!isOpen || setup.isAnybodyAllowed !== false) return undefined
  return {
    kind: 'nobody-allowed',
    what: 'nobody is allowed to talk to it yet',
    evidence: 'no variable of the gateway allows a user or everybody, and no user has paired with a code',
    next: [`${setUp}   # asks who may talk to the gateway`, again],
  }
}
