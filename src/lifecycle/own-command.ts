import {shellWord} from '../text/shell-quote.js'
import {withGivenFlags} from '../observe/place.js'
import type {Target} from '../observe/where.js'

/** A command of ours about one service, as it is typed in a shell, e.g. `hermes-svc logs -p work`. */
export function ownCommand({service, manager, host, homeFlag, given}: Target, words: string): string {
  const {name, home} = service.profile
  const flags = [
    ...(homeFlag === '--home' ? [`--home ${shellWord(home)}`] : name === 'default' ? [] : [`-p ${name}`]),
    ...(manager.scope === (host.account.uid === 0 ? 'system' : 'user') ? [] : [`--scope ${manager.scope}`]),
  ]
  const {manager: kind, runAs} = given ?? {}
  return withGivenFlags(['hermes-svc', words, ...flags].join(' '), {manager: kind, runAs})
}
