import {type CheckDefinition, commandLine, defineCheck} from '../../../doctor/check.js'
import {shouldRun} from '../../../doctor/reinstall.js'
import {enableLingerCommand, lingerFile} from '../bus.js'

/** Lingering (loginctl(1), enable-linger): without it a user's services run only while that user is logged in. */
export const definition: CheckDefinition<boolean> = {
  id: 'linger',
  title: 'lingering that is off for the user of a gateway',
  why: 'The gateway ends when its user logs out, and it does not start at boot.',
  seeByHand: [
    ['loginctl show-user $(id -un) -p Linger', '"Linger=no": the services end with the last session of the user'],
    ['ls /var/lib/systemd/linger', 'all users for whom lingering is on'],
  ],
  whatTheFixDoes: 'The fix turns lingering on, as "loginctl enable-linger" does.',
  unsafe: 'for a service of another tool',
  ifItComesBack:
    'Something turns lingering off: an administrator, or a tool that manages the machine. If you want it off, type "hermes-svc config set linger=off".',
  needsService: true,
  needsManager: true,
  managers: ['systemd'],
  look: ({target: {manager, service}}) => manager.linger?.isOn(service) === true,
  diagnose: (scene, isLingering) => {
    const {seen, target} = scene
    const {settings, service, installed} = seen.manager
    if (isLingering || settings?.linger === false || !shouldRun(seen)) return []
    const {account} = service
    return [
      {
        kind: 'off',
        severity: 'warning',
        what: `lingering is off for ${account.name}, the user that runs ${service.name}`,
        ...(target.manager.scope === 'system'
          ? {
              why: 'The scheduled workers of the gateway need the bus of its user, which exists only while that user is logged in or lingers.',
            }
          : {}),
        evidence: [`${lingerFile(account)} does not exist`],
        cure: [commandLine(scene, 'fix linger'), `${enableLingerCommand(account)}   # if that is refused`],
        isSafe: installed !== 'foreign',
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: ({target: {manager, service}}) => ({
      title: `turn on lingering for ${service.account.name}`,
      steps: manager.installer?.prerequisites?.(service, {linger: true}) ?? [],
      outcome: `${service.name} runs without a login`,
    }),
  },
}

export const check = defineCheck(definition)
