import type {Service} from '../../../service/service.js'
import {type CheckDefinition, defineCheck} from '../../../doctor/check.js'
import type {Account, FileStat} from '../../../host/host.js'
import type {Step} from '../../../plan/plan.js'
import type {Manager} from '../../manager.js'
import {isLoaded} from '../observe.js'
import {whyInsecure} from '../failures.js'

interface Evidence {
  readonly plist: string
  readonly stat: FileStat | undefined
  /** What is wrong with it, and what a person types to mend it. */
  readonly fault: {readonly what: string; readonly next: readonly string[]} | undefined
}

/** launchd takes only a property list of the job's owner (root for daemons) that nobody else can write (launchctl(1), load). */
export const definition: CheckDefinition<Evidence> = {
  id: 'plist-permissions',
  title: 'a property list that launchd refuses because somebody else owns it or can write to it',
  why: 'launchd does not load it at the next login or boot. launchctl bootstrap fails with error 122, or with error 5, which gives no reason.',
  seeByHand: [
    ['ls -l ~/Library/LaunchAgents/ai.hermes.gateway.plist', 'an agent: it should belong to you, with the mode -rw-r--r--'],
    ['ls -l /Library/LaunchDaemons/ai.hermes.gateway.plist', 'a daemon: it should belong to root, with the same mode'],
  ],
  whatTheFixDoes:
    'The fix gives the property list back to its owner and lets only the owner write to it. If only root can do that, the finding shows the command.',
  ifItComesBack:
    'A command with sudo or a restored backup changes the owner of the file, or a umask of 000 lets others write to it. Run such commands as the user of the gateway, with the umask 022.',
  needsService: true,
  needsManager: false,
  managers: ['launchd'],
  look: ({target: {host, manager, service}}) => {
    const plist = manager.definition.ownFiles(service).find(({role}) => role === 'definition')?.path ?? ''
    const stat = host.lstat(plist)
    return {plist, stat, fault: stat && whyInsecure(plist, stat, ownerOf(manager, service))}
  },
  diagnose: ({seen, target: {host, manager, service}}, {stat, fault}) => {
    if (!stat || !fault) return []
    // Only root may give it away, and in a user's folder only what is root's; what is no file cannot be made one.
    const owner = ownerOf(manager, service).uid
    const mayGive = host.account.uid === 0 && (owner === 0 || stat.uid === 0)
    const mayMend = stat.kind === 'file' && (stat.uid === owner || mayGive)
    return [
      {
        kind: stat.kind === 'file' ? 'access' : 'no-file',
        severity: isLoaded(seen.manager) ? 'warning' : 'error',
        what: fault.what,
        evidence: [isLoaded(seen.manager) ? 'launchd still has the job loaded from before' : 'launchd has not loaded the job'],
        explains: ['definition-drift', 'file-access', 'not-loaded', 'desired-state'],
        ...(mayMend ? {} : {isFixable: false, cure: fault.next}),
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: ({target: {manager, service, host}}, {plist, stat}) => {
      const owner = manager.placement.owner(service)
      const rightful = owner ?? host.accountOf(0)
      const isForeign = rightful !== undefined && stat?.uid !== rightful.uid
      // Only root gives it away, and sets nothing else in a user's folder: what is there by then is for the user's own ids.
      const give: Step[] = isForeign ? [{kind: 'set-access', why: `give ${plist} to ${rightful.name}`, path: plist, owner: rightful}] : []
      const close: Step = {kind: 'set-access', why: `let only its owner write ${plist}`, path: plist, mode: 0o644, as: owner}
      return {
        title: `correct the owner and the mode of ${plist}`,
        steps: [...give, close],
        outcome: `${plist} has the owner and the mode that launchd requires`,
      }
    },
  },
}

function ownerOf(manager: Manager, service: Service): Pick<Account, 'uid' | 'name'> {
  return manager.placement.owner(service) ?? {uid: 0, name: 'root'}
}

export const check = defineCheck(definition)
