import {checkModules, loadChecks} from '../doctor/checks/index.js'
import type {Host} from '../host/host.js'
import {isFirstHomeOf} from '../lifecycle/first-home.js'
import {resolveManaged, type Target} from '../observe/where.js'
import {managersHere} from '../managers/index.js'
import {requireUsableHome} from '../service/home-check.js'
import {withAnswers} from './answers.js'
import {findMachine, findOwner, findService, ownerOf} from './find.js'
import type {Found, ServiceFound} from './found.js'
import type {Answer, Answers, Item} from './item.js'
import {itemsOf, type SetupFlags} from './questions.js'

/** Tells and asks. */
export interface Interviewer {
  readonly answer: (item: Item) => Promise<Answer>
  /** Told what was found of the service, before anything is asked about it. */
  readonly onService: (service: ServiceFound) => void
}

/** All that is known before anything is planned. */
export interface Settled {
  readonly target: Target
  readonly service: ServiceFound
  /** The flags that were given, and for what was answered the flags that say the same. */
  readonly flags: SetupFlags
  readonly answers: Answers
}

/**
 * Looks and asks in turn, until nothing is open. Reads only. Throws exit 4 where there is no manager, usage errors for a home that can carry
 * no service, and what `interviewer` throws.
 */
export async function settle(host: Host, given: SetupFlags, interviewer: Interviewer): Promise<Settled> {
  let found: Found = {managers: await managersHere(host)}
  let answers: Answers = {}
  for (;;) {
    const item = itemsOf(found, given, answers).find(({id}) => !(id in answers))
    if (item) {
      answers = {...answers, [item.id]: await interviewer.answer(item)}
      continue
    }
    const flags = withAnswers(given, answers)
    if (!found.machine) {
      found = {...found, machine: await findMachine(host, flags)}
    } else if (!found.owner) {
      found = {...found, owner: await findOwner(host, ownerOf(host, flags.runAs), flags, found.machine.scopes)}
    } else {
      const target = await resolveManaged(host, flags, 'change')
      if (found.service) return {target, service: found.service, flags, answers}
      const service = await look(target)
      interviewer.onService(service)
      found = {...found, service}
    }
  }
}

async function look(target: Target): Promise<ServiceFound> {
  const {profile, account} = target.service
  // Before anything more is asked about a service that cannot be.
  if (!isFirstHomeOf(target)) requireUsableHome(target.host, profile, account, target.homeFlag)
  // That there is none yet is what setup is for.
  return findService(target, await loadChecks(Object.keys(checkModules).filter((id) => id !== 'not-installed')))
}
