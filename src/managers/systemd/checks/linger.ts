import {type CheckDefinition, commandLine, defineCheck} from '../../../doctor/check.js'
import {shouldRun} from '../../../doctor/reinstall.js'
import {enableLingerCommand, lingerFile} from '../bus.js'

/** Lingering (loginctl(1), enable-linger): without it a user's services run only while that user is logged in. */
export const definition: CheckDefinition<boolean> = {
  id: 'linger',
  title: "a user's gateway that ends at logout, because its user does not linger",
  why: 'The gateway ends when its user logs out, and does not start at boot.',
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
        what: `${account.name}, as whom ${service.name} runs, does not linger`,
        ...(target.manager.scope === 'system'
          ? {why: "The gateway's scheduled workers need its user's own bus, which is there only at a login."}
          : {}),
        evidence: [`there is no ${lingerFile(account)}`],
        cure: [commandLine(scene, 'fix linger'), `${enableLingerCommand(account)}   # if that is refused`],
        isSafe: installed !== 'foreign',
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: ({target: {manager, service}}) => ({
      title: `let ${service.account.name} linger`,
      steps: manager.installer?.prerequisites?.(service, {linger: true}) ?? [],
      outcome: `${service.name} runs without a login`,
    }),
  },
}

export const check = defineCheck(definition)
