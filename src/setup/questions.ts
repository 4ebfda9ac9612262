import {isSafeToFix} from '../doctor/finding.js'
import type {TargetFlags} from '../observe/place.js'
import type {DefinitionFlagValues} from './definition-flag-values.js'
import type {Scope} from '../service/service.js'
import {DEFAULT_HEARTBEAT, DEFAULT_WATCHDOG_TICKS} from '../service/settings.js'
import {shownTarget} from '../notify/target.js'
import {shellQuote} from '../text/shell-quote.js'
import type {Found, MachineFound, OwnerFound, ProfileFound, ServiceFound} from './found.js'
import {type Answers, type Choice, type Item, type ItemId, type Question, type Told, UNSAID} from './item.js'

/** The flags by which every question can be answered beforehand. */
export interface SetupFlags extends TargetFlags, DefinitionFlagValues {
  /** Ids of findings, or `all`, `safe` or `none` alone. */
  readonly fix?: readonly string[] | undefined
  /** Targets, which may be secrets. */
  readonly notify?: readonly string[] | undefined
}

/**
 * What is to be told or asked, in this order, as far as it can be known by what was found. What a flag says is not asked, and neither is what
 * has but one possible answer. `answers`: of the items before; a later question may depend on them. Pure.
 */
export function itemsOf(found: Found, flags: SetupFlags, answers: Answers): Item[] {
  const {machine, owner, service} = found
  return [
    managerItem(found, flags),
    ...(machine ? accountItems(machine, flags, answers) : []),
    ...(machine && owner ? [profileItem(owner, flags), scopeItem(machine, owner, flags, answers)] : []),
    ...(service ? serviceItems(service, flags, answers) : []),
  ].filter((item) => item !== undefined)
}

function managerItem({managers}: Found, flags: SetupFlags): Item {
  const head = {id: 'manager', label: 'Manager'} as const
  if (flags.manager !== undefined) return byFlag(head, flags.manager)
  return choose(head, managers[0], {
    message: 'Which service manager?',
    why: 'This machine has several service managers. A gateway must run under only one.',
    choices: managers.map((kind) => ({value: kind, name: kind, about: `the gateway becomes a service of ${kind}`})),
  })
}

function accountItems({isRoot, isOnlyAccount, user, account, accounts}: MachineFound, flags: SetupFlags, answers: Answers): Item[] {
  const head = {id: 'run-as', label: 'Runs as'} as const
  if (flags.runAs !== undefined) return [byFlag(head, flags.runAs)]
  if (!isRoot) return [told(head, user, undefined)]
  if (isOnlyAccount && account !== undefined) return [told(head, account, account)]
  const why = 'The gateway has the permissions of this account, and uses the home of this account.'
  const named: Question = {id: 'run-as-name', label: 'Runs as', kind: 'text', message: 'Name of the account:', why, default: undefined}
  const known = [...new Set([...(account === undefined ? [] : [account]), ...accounts])]
  if (known.length === 0) return [named]
  const choices = [
    ...known.map((name) => ({value: name, name, about: accountAbout(name, accounts)})),
    {value: UNSAID, name: 'another account', about: 'setup then asks for its name'},
  ]
  const select: Question = {...head, kind: 'select', message: 'Which account does the gateway run as?', why, choices, default: account}
  return [select, ...(answers['run-as']?.value === UNSAID ? [named] : [])]
}

function accountAbout(name: string, withHome: readonly string[]): string {
  const home = withHome.includes(name) ? 'has a home of the gateway' : 'has no home of the gateway yet'
  return name === 'root' ? `${home}; root is possible, but not recommended` : home
}

function profileItem({profiles, profile, isOnlyProfile}: OwnerFound, flags: SetupFlags): Item {
  const head = {id: 'profile', label: 'Profile'} as const
  if (flags.profile !== undefined) return byFlag(head, flags.profile)
  const usable = profiles.filter(({refused}) => refused === undefined)
  const [only] = isOnlyProfile || usable.length === 0 ? profiles.filter(({name}) => name === profile) : usable
  if (isOnlyProfile || usable.length < 2) {
    const name = only?.name ?? profile
    const home = only && `${only.home}${only.isNew ? ', new (setup creates it)' : ''}`
    return told(head, home === undefined ? name : `${name}, ${home}`, name === profile ? undefined : name)
  }
  return {
    ...head,
    kind: 'select',
    message: 'Which profile?',
    why: 'Each profile has its own home, gateway and service.',
    choices: profiles.map((one) => ({value: one.name, name: one.name, about: profileAbout(one), refused: one.refused})),
    default: usable.find(({name}) => name === profile)?.name ?? usable[0]?.name,
  }
}

function profileAbout({home, installedIn}: ProfileFound): string {
  return `${home}, ${installedIn.length === 0 ? 'no service yet' : `has a service (scope ${installedIn.join(' and ')})`}`
}

function scopeItem({scopes, isRoot}: MachineFound, owner: OwnerFound, flags: SetupFlags, answers: Answers): Item {
  const head = {id: 'scope', label: 'Scope'} as const
  const {account} = owner
  const [first] = scopes
  if (flags.scope !== undefined) return byFlag(head, flags.scope)
  if (scopes.length === 1 && first) return told(head, 'this service manager has only one scope', first)
  const [installed] = profileOf(owner, flags, answers)?.installedIn ?? []
  if (installed) return told(head, `${installed}, like the installed service`, installed)
  if (!isRoot) return told(head, 'user; for system, type: sudo hermes-svc setup', 'user')
  const choices: readonly (Choice & {value: Scope})[] = [
    {
      value: 'system',
      name: 'the machine (system)',
      short: 'system',
      about: `starts at boot and runs as ${account}; only root can change it`,
    },
    {
      value: 'user',
      name: `${account} (user)`,
      short: 'user',
      about: `runs under the service manager of ${account}; ${account} can change it without root`,
    },
  ]
  const why = 'The answer decides who may change the service, and which service manager runs it.'
  return {...head, kind: 'select', message: 'Whose service is it?', why, choices, default: 'system'}
}

/** The profile that was chosen, as it was found. */
function profileOf({profiles, profile}: OwnerFound, flags: SetupFlags, answers: Answers): ProfileFound | undefined {
  const name = flags.profile ?? answers.profile?.value ?? profile
  return profiles.find((one) => one.name === name)
}

function serviceItems(service: ServiceFound, flags: SetupFlags, answers: Answers): (Item | undefined)[] {
  return [
    told({id: 'service', label: 'Service'}, serviceText(service), undefined),
    fixItem(service, flags),
    commandItem(service, flags),
    lingerItem(service, flags),
    heartbeatItem(service, flags),
    watchdogItem(service, flags, answers),
    notifyItem(service, flags, answers),
  ]
}

function serviceText({name, manager, installed, replacesForeign, isMeantStopped}: ServiceFound): string {
  const head = `${name}, ${manager}: `
  if (installed === 'no') return `${head}not installed yet`
  const stopped = isMeantStopped ? '; it is stopped and stays stopped (to start it, type: hermes-svc start)' : ''
  if (installed === 'own') return `${head}installed${stopped}`
  if (installed === 'adopted') return `${head}installed by another tool, with the restart policy of hermes-svc added${stopped}`
  const becomes = replacesForeign ? 'hermes-svc replaces it' : 'hermes-svc keeps it and adds its own restart policy'
  return `${head}installed by another tool; ${becomes}${stopped}`
}

function fixItem({findings, repairs}: ServiceFound, flags: SetupFlags): Item | undefined {
  const head = {id: 'fix', label: 'Repair'} as const
  const chosen = flags.fix === undefined ? undefined : chosenRepairs({findings, repairs}, flags.fix)
  if (chosen) return repairs.length === 0 ? undefined : byFlag(head, chosen, chosen.join(', ') || 'nothing')
  if (repairs.length === 0) return undefined
  return {
    ...head,
    kind: 'pick',
    message: 'What should setup repair?',
    why: 'The marked repairs do not stop a working gateway, and do not change what you have decided.',
    choices: repairs.map((id) => ({value: id, name: id, about: whatOf(findings, id)})),
    default: chosenRepairs({findings, repairs}, ['safe']),
  }
}

function whatOf(findings: ServiceFound['findings'], id: string): string {
  return findings
    .filter((finding) => finding.id === id)
    .map(({what}) => what)
    .join('; ')
}

/** The repairs that `--fix` means. */
function chosenRepairs({findings, repairs}: Pick<ServiceFound, 'findings' | 'repairs'>, fix: readonly string[]): string[] {
  return repairs.filter((id) => fix.includes(id) || fix.includes('all') || (fix.includes('safe') && isSafeToFix(findings, id)))
}

function commandItem({keptCommand, gateways, root}: ServiceFound, flags: SetupFlags): Item {
  const head = {id: 'command', label: 'Gateway'} as const
  if (flags.command !== undefined) return byFlag(head, flags.command)
  if (keptCommand !== undefined) return told(head, `${keptCommand}, as before`, undefined)
  const [first, ...others] = gateways
  if (!first) {
    const why = `hermes-svc found no gateway under ${root} and no hermes on PATH.`
    return {...head, kind: 'text', message: "Path of the gateway's program:", why, default: undefined}
  }
  // The one that is found by itself needs no flag, and is found again when it has moved.
  if (others.length === 0) return told(head, `${first.argv.join(' ')} (${first.source})`, undefined)
  return {
    ...head,
    kind: 'select',
    message: 'Which gateway?',
    why: 'hermes-svc found more than one gateway. A service runs only one.',
    choices: gateways.map(({argv, source}, index) => ({
      value: index === 0 ? UNSAID : commandFlag(argv),
      name: argv.join(' '),
      about: source,
    })),
    default: UNSAID,
  }
}

/** A command as `--command` takes it: a path alone needs no quotes. */
function commandFlag(argv: readonly string[]): string {
  return argv.length === 1 ? (argv[0] ?? '') : argv.map(shellQuote).join(' ')
}

function lingerItem({canLinger, startsAtBoot, settings, account}: ServiceFound, flags: SetupFlags): Item {
  const head = {id: 'linger', label: 'Starts'} as const
  if (flags.linger !== undefined) return byFlag(head, flags.linger ? 'boot' : 'login')
  if (startsAtBoot) return told(head, 'at boot', undefined)
  if (!canLinger) return told(head, `when ${account} logs in`, undefined)
  return {
    ...head,
    kind: 'select',
    message: 'When should the gateway run?',
    why: `Without lingering, the gateway stops when ${account} logs out of the last session.`,
    choices: [
      {
        value: 'boot',
        name: 'always, from boot',
        short: 'always',
        about: `also while ${account} is not logged in; setup turns lingering on`,
      },
      {value: 'login', name: `while ${account} is logged in`, short: 'while logged in', about: 'from login to logout; lingering stays off'},
    ],
    default: settings?.linger === false ? 'login' : 'boot',
  }
}

function heartbeatItem({settings}: ServiceFound, flags: SetupFlags): Item {
  const head = {id: 'heartbeat', label: 'Heartbeat'} as const
  if (flags.heartbeat !== undefined) return byFlag(head, flags.heartbeat)
  const needsIt = flags.watchdog !== undefined && flags.watchdog !== 'off'
  if (needsIt) return told(head, 'on, because the watchdog needs it', 'on')
  return {
    ...head,
    kind: 'confirm',
    message: 'Use the heartbeat?',
    why: 'Monitors report a gateway as dead when its timestamp is older than 120 s, and an idle gateway does not refresh its timestamp. The heartbeat does this while the gateway is alive.',
    yes: 'on',
    no: 'off',
    default: (settings?.heartbeat ?? DEFAULT_HEARTBEAT).enabled ? 'on' : 'off',
  }
}

function watchdogItem({settings}: ServiceFound, flags: SetupFlags, answers: Answers): Item {
  const head = {id: 'watchdog', label: 'Watchdog'} as const
  if (flags.watchdog !== undefined) return byFlag(head, flags.watchdog)
  const heartbeat = flags.heartbeat ?? answers.heartbeat?.value
  if (heartbeat === 'off') return told(head, 'off, because the heartbeat is off', undefined)
  const ticks = (settings?.heartbeat ?? DEFAULT_HEARTBEAT).watchdogTicks
  const on = String(ticks ?? DEFAULT_WATCHDOG_TICKS)
  return {
    ...head,
    kind: 'confirm',
    message: 'Use the watchdog?',
    why: `The watchdog restarts a gateway whose event loop does not respond for ${on} heartbeats in a row. The current work of that gateway is lost.`,
    yes: on,
    no: 'off',
    default: ticks === null ? 'off' : on,
  }
}

function notifyItem({told: already}: ServiceFound, flags: SetupFlags, answers: Answers): Item {
  const head = {id: 'notify', label: 'Notifies'} as const
  if (flags.notify !== undefined && flags.notify.length > 0) return byFlag(head, flags.notify.map(shownTarget).join(', '))
  if (already !== undefined) return told(head, `${already}, as before`, undefined)
  if ((flags.heartbeat ?? answers.heartbeat?.value) === 'off') return told(head, 'nobody, because the heartbeat is off', undefined)
  return {
    ...head,
    kind: 'secret',
    message: 'Whom should hermes-svc notify about problems? (Enter: nobody)',
    why: 'Type one target: a command (exec:/path ARG ...), an https:// address, ntfy://HOST/TOPIC, slack://, discord://, telegram:// or gotify://. The input is hidden, because a target can be a secret. To add more later, type: hermes-svc notify add TARGET',
    default: UNSAID,
  }
}

function told(head: {id: ItemId; label: string}, text: string, value: string | undefined): Told {
  return {...head, kind: 'told', text, value, by: 'only'}
}

function byFlag(head: {id: ItemId; label: string}, value: string | readonly string[], text = String(value)): Told {
  return {...head, kind: 'told', text, value, by: 'flag'}
}

/** A question, unless there is only one choice. */
function choose(
  head: {id: ItemId; label: string},
  fallback: string | undefined,
  question: {message: string; why: string; choices: readonly Choice[]},
): Item {
  const [first, ...others] = question.choices
  if (first && others.length === 0) return told(head, first.name, first.value)
  return {...head, kind: 'select', ...question, default: fallback}
}
