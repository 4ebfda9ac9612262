import {type CheckDefinition, defineCheck} from '../../../doctor/check.js'
import type {Account, FileStat} from '../../../host/host.js'
import type {Step} from '../../../plan/plan.js'
import type {Manager, Service} from '../../manager.js'
import {isLoaded} from '../evidence.js'
import {whyInsecure} from '../failures.js'
import {launchctlEnvironment} from '../launchctl.js'

interface Evidence {
  readonly plist: string
  readonly stat: FileStat | undefined
  /** What is wrong with it, and what a person types to mend it. */
  readonly fault: {readonly what: string; readonly next: readonly string[]} | undefined
}

/** launchd takes only a property list of the job's owner (root for daemons) that nobody else can write (launchctl(1), load). */
export const definition: CheckDefinition<Evidence> = {
  id: 'plist-permissions',
  title: 'a property list that launchd does not take, because others own it or can write it',
  why: 'launchd refuses it at the next login or boot; a bootstrap ends with 122 or with an error 5 that does not say why.',
  needsService: true,
  needsManager: false,
  managers: ['launchd'],
  look: ({target: {host, manager, service}}) => {
    const plist = manager.ownFiles(service).find(({role}) => role === 'definition')?.path ?? ''
    const stat = host.lstat(plist)
    return {plist, stat, fault: stat && whyInsecure(plist, stat, ownerOf(manager, service))}
  },
  diagnose: ({seen, target: {host, manager, service}}, {stat, fault}) => {
    if (!stat || !fault) return []
    // Only root may give it away, and what is no file cannot be made one.
    const mayMend = stat.kind === 'file' && (stat.uid === ownerOf(manager, service).uid || host.account.uid === 0)
    return [
      {
        kind: stat.kind === 'file' ? 'access' : 'no-file',
        severity: isLoaded(seen.manager) ? 'warning' : 'error',
        what: fault.what,
        evidence: [isLoaded(seen.manager) ? 'launchd has it loaded still, from before' : 'launchd has not loaded it'],
        explains: ['definition-drift', 'file-access', 'not-loaded', 'desired-state'],
        ...(mayMend ? {} : {isFixable: false, cure: fault.next}),
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: ({target: {manager, service, host}}, {plist}) => {
      const owner = ownerOf(manager, service)
      const run = (why: string, ...argv: string[]): Step => ({kind: 'run', why, argv, env: launchctlEnvironment()})
      return {
        title: `let launchd take ${plist}`,
        steps: [
          ...(host.account.uid === 0 ? [run(`give ${plist} to ${owner.name}`, 'chown', '-h', String(owner.uid), plist)] : []),
          run(`let only its owner write ${plist}`, 'chmod', '644', plist),
        ],
        outcome: `${plist} is as launchd takes it`,
      }
    },
  },
}

function ownerOf(manager: Manager, service: Service): Pick<Account, 'uid' | 'name'> {
  return manager.owner(service) ?? {uid: 0, name: 'root'}
}

export const check = defineCheck(definition)
