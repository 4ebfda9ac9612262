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
    why: 'There are several here, and a gateway must run under one alone.',
    choices: managers.map((kind) => ({value: kind, name: kind, about: `the gateway becomes a service of ${kind}`})),
  })
}

function accountItems({isRoot, isOnlyAccount, user, account, accounts}: MachineFound, flags: SetupFlags, answers: Answers): Item[] {
  const head = {id: 'run-as', label: 'Runs as'} as const
  if (flags.runAs !== undefined) return [byFlag(head, flags.runAs)]
  if (!isRoot) return [told(head, user, undefined)]
  if (isOnlyAccount && account !== undefined) return [told(head, account, account)]
  const why = 'A gateway works with the rights of its account, and on the home of that account.'
  const named: Question = {id: 'run-as-name', label: 'Runs as', kind: 'text', message: 'Name of the account:', why, default: undefined}
  const known = [...new Set([...(account === undefined ? [] : [account]), ...accounts])]
  if (known.length === 0) return [named]
  const choices = [
    ...known.map((name) => ({value: name, name, about: accountAbout(name, accounts)})),
    {value: UNSAID, name: 'another account', about: 'you are asked for its name'},
  ]
  const select: Question = {...head, kind: 'select', message: 'Which account does the gateway run as?', why, choices, default: account}
  return [select, ...(answers['run-as']?.value === UNSAID ? [named] : [])]
}

function accountAbout(name: string, withHome: readonly string[]): string {
  const home = withHome.includes(name) ? "has a gateway's home" : "has no gateway's home yet"
  return name === 'root' ? `${home}; root is possible, and not advised` : home
}

function profileItem({profiles, profile, isOnlyProfile}: OwnerFound, flags: SetupFlags): Item {
  const head = {id: 'profile', label: 'Profile'} as const
  if (flags.profile !== undefined) return byFlag(head, flags.profile)
  const usable = profiles.filter(({refused}) => refused === undefined)
  const [only] = isOnlyProfile || usable.length === 0 ? profiles.filter(({name}) => name === profile) : usable
  if (isOnlyProfile || usable.length < 2) {
    const name = only?.name ?? profile
    const home = only && `${only.home}${only.isNew ? ', which is made now' : ''}`
    return told(head, home === undefined ? name : `${name}, ${home}`, name === profile ? undefined : name)
  }
  return {
    ...head,
    kind: 'select',
    message: 'Which profile?',
    why: 'Each profile has a home, a gateway and a service of its own.',
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
  if (scopes.length === 1 && first) return told(head, 'the manager has only one', first)
  const [installed] = profileOf(owner, flags, answers)?.installedIn ?? []
  if (installed) return told(head, `${installed}, where its service is`, installed)
  if (!isRoot) return told(head, 'user; a service of the machine needs root (sudo hermes-svc setup)', 'user')
  const choices: readonly (Choice & {value: Scope})[] = [
    {
      value: 'system',
      name: 'of the machine (system)',
      short: 'system',
      about: `starts at boot and runs as ${account}; only root can change it`,
    },
    {
      value: 'user',
      name: `of ${account} (user)`,
      short: 'user',
      about: `a service of ${account}'s own manager; ${account} can change it without root`,
    },
  ]
  const why = 'It decides who may change the service, and which manager keeps it.'
  return {...head, kind: 'select', message: 'Whose service is it to be?', why, choices, default: 'system'}
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
  const stopped = isMeantStopped ? '; it was stopped, and stays so (hermes-svc start)' : ''
  if (installed === 'own') return `${head}installed${stopped}`
  if (installed === 'adopted') return `${head}of another tool, with our policy added${stopped}`
  const becomes = replacesForeign ? 'ours is put in its place' : 'it is kept, and our policy added to it'
  return `${head}of another tool; ${becomes}${stopped}`
}

function fixItem({findings, repairs}: ServiceFound, flags: SetupFlags): Item | undefined {
  const head = {id: 'fix', label: 'Repair'} as const
  const chosen = flags.fix === undefined ? undefined : chosenRepairs({findings, repairs}, flags.fix)
  if (chosen) return repairs.length === 0 ? undefined : byFlag(head, chosen, chosen.join(', ') || 'nothing')
  if (repairs.length === 0) return undefined
  return {
    ...head,
    kind: 'pick',
    message: 'What is to be repaired?',
    why: 'What is marked ends nothing that works, and decides nothing that is yours to decide.',
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
  const isSafe = (id: string) => findings.every((finding) => finding.id !== id || finding.isSafe)
  return repairs.filter((id) => fix.includes(id) || fix.includes('all') || (fix.includes('safe') && isSafe(id)))
}

function commandItem({keptCommand, gateways, root}: ServiceFound, flags: SetupFlags): Item {
  const head = {id: 'command', label: 'Gateway'} as const
  if (flags.command !== undefined) return byFlag(head, flags.command)
  if (keptCommand !== undefined) return told(head, `${keptCommand}, as before`, undefined)
  const [first, ...others] = gateways
  if (!first) {
    const why = `None was found under ${root}, and no hermes on PATH.`
    return {...head, kind: 'text', message: "Path of the gateway's program:", why, default: undefined}
  }
  // The one that is found by itself needs no flag, and is found again when it has moved.
  if (others.length === 0) return told(head, `${first.argv.join(' ')} (${first.source})`, undefined)
  return {
    ...head,
    kind: 'select',
    message: 'Which gateway?',
    why: 'Several were found, and a service runs one.',
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
    message: 'When is it to run?',
    why: `Unless ${account} lingers, the gateway ends with the last session of ${account}.`,
    choices: [
      {
        value: 'boot',
        name: 'always, from boot on',
        short: 'always',
        about: `whether ${account} is logged in or not; lingering is turned on`,
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
  if (needsIt) return told(head, 'on, as the watchdog needs it', 'on')
  return {
    ...head,
    kind: 'confirm',
    message: 'Keep a heartbeat?',
    why: 'Monitors take a gateway for dead whose timestamp is 120 s old, and an idle one writes none: a tick keeps it fresh while it is proved alive.',
    yes: 'on',
    no: 'off',
    default: (settings?.heartbeat ?? DEFAULT_HEARTBEAT).enabled ? 'on' : 'off',
  }
}

function watchdogItem({settings}: ServiceFound, flags: SetupFlags, answers: Answers): Item {
  const head = {id: 'watchdog', label: 'Watchdog'} as const
  if (flags.watchdog !== undefined) return byFlag(head, flags.watchdog)
  const heartbeat = flags.heartbeat ?? answers.heartbeat?.value
  if (heartbeat === 'off') return told(head, 'off, as the heartbeat is', undefined)
  const ticks = (settings?.heartbeat ?? DEFAULT_HEARTBEAT).watchdogTicks
  const on = String(ticks ?? DEFAULT_WATCHDOG_TICKS)
  return {
    ...head,
    kind: 'confirm',
    message: 'Keep a watchdog?',
    why: `It restarts a gateway that ${on} ticks in a row have proved to hang; what that was doing is lost.`,
    yes: on,
    no: 'off',
    default: ticks === null ? 'off' : on,
  }
}

function notifyItem({told: already}: ServiceFound, flags: SetupFlags, answers: Answers): Item {
  const head = {id: 'notify', label: 'Told'} as const
  if (flags.notify !== undefined && flags.notify.length > 0) return byFlag(head, flags.notify.map(shownTarget).join(', '))
  if (already !== undefined) return told(head, `${already}, as before`, undefined)
  if ((flags.heartbeat ?? answers.heartbeat?.value) === 'off') return told(head, 'nobody, as the heartbeat is off', undefined)
  return {
    ...head,
    kind: 'secret',
    message: 'Who is to be told when it is down? (Enter: nobody)',
    why: 'One target: a command (exec:/path ARG ...), an https:// address, ntfy://HOST/TOPIC, slack://, discord://, telegram:// or gotify://. It is kept secret, and not shown here; later: hermes-svc notify add.',
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
