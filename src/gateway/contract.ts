/**
 * Upstream's words, in one place: whatever its gateway and we must agree on, and nothing of ours. A new version of the gateway is an edit of
 * this file, and of the readers of what it says anew. Each entry says where it is from: `@holds`, the first version in which it was seen (what
 * older ones have was not looked at where that is 0.16 and docs/contract.md does not tell), to the last if it ended, and upstream's own file; or `none`.
 * test/structure/contract.test.ts keeps these words out of all other files.
 */

/** Files of a home, by their paths below it. */
export const HomeFile = {
  /** Who runs, written before the gateway answers anybody; a bare number in the oldest. @holds 0.10 gateway/status.py */
  pid: 'gateway.pid',
  /** The same record, held with flock(2) as long as the gateway lives. @holds 0.14 gateway/status.py */
  lock: 'gateway.lock',
  /** What it last said of itself, and `desired_state`. @holds 0.10 gateway/status.py */
  state: 'gateway_state.json',
  /** Answers `identify`. @holds 0.21 gateway/control_socket.py */
  controlSocket: 'gateway.sock',
  /** Names the socket's place where the home's path is too long for one. @holds 0.21 gateway/control_socket.py */
  controlSocketPlace: 'gateway.sock.path',
  /** Folder of the next two. @holds 0.18 gateway/shutdown_watchdog.py */
  stateFolder: 'state',
  /** Its own heartbeat. @holds 0.18 gateway/shutdown_watchdog.py */
  heartbeat: 'state/gateway.heartbeat',
  /** Which way it ended; the next one overwrites it. @holds 0.19 gateway/lifecycle_ledger.py */
  lifecycle: 'state/gateway.lifecycle.json',
  /** The ledger of starts by which it holds itself back: one number a line, seconds since the epoch. @holds 0.18 gateway/status.py */
  starts: 'gateway-starts.log',
  /** The stop that is about to come is meant. @holds 0.14 gateway/status.py */
  plannedStop: '.gateway-planned-stop.json',
  /** Another gateway is about to take its place (`--replace`). @holds 0.16 gateway/status.py */
  takeover: '.gateway-takeover.json',
  /** It is to finish its work and take no more; it goes on living, and takes work again once this is gone. @holds 0.17 gateway/drain_control.py */
  drainRequest: '.drain_request.json',
  /** A restart was requested; the next gateway removes it. @holds 0.16 gateway/run.py */
  restartPending: '.restart_pending.json',
  /** Processes of its tools. @holds 0.16 tools/process_registry.py */
  toolProcesses: 'processes.json',
  /** @holds 0.10 hermes_cli/config.py */
  config: 'config.yaml',
  /** Its variables, tokens among them. @holds 0.10 hermes_cli/config.py */
  environment: '.env',
  /** Of a root home: the profile that `hermes profile use` picked. @holds 0.10 hermes_cli/profiles.py */
  activeProfile: 'active_profile',
  /** Of a root home: the folder of the other profiles' homes. @holds 0.10 hermes_constants.py */
  profiles: 'profiles',
  /** What makes a folder there a real profile. @holds 0.16 hermes_cli/container_boot.py */
  profileMark: 'SOUL.md',
  /** Folder of the logs. @holds 0.10 hermes_cli/logs.py */
  logFolder: 'logs',
  /** @holds 0.14 hermes_cli/logs.py */
  log: 'logs/gateway.log',
  /** @holds 0.10 hermes_cli/logs.py */
  agentLog: 'logs/agent.log',
  /** @holds 0.10 hermes_cli/logs.py */
  errorsLog: 'logs/errors.log',
  /** Folder of the logs of gateways under s6, one each. @holds 0.16 hermes_cli/service_manager.py */
  s6Logs: 'logs/gateways',
  /** @holds 0.14 hermes_cli/gateway.py */
  exitLog: 'logs/gateway-exit-diag.log',
  /** Of a root home: an update is at work; its pid, and when it began, in seconds since the epoch. @holds 0.20 hermes_cli/update_lock.py */
  updateLock: '.hermes-update-in-progress',
} as const

/** Files of upstream's checkout, by their paths below it. */
export const CheckoutFile = {
  /** Where it is below a root home, unless it was put elsewhere. @holds 0.10 hermes_cli/main.py */
  usual: 'hermes-agent',
  /** Its code is new, and its packages are not known to be: there from before an update installs them until they are seen to be whole. @holds 0.16 hermes_cli/main.py */
  halfInstalled: '.update-incomplete',
  /** Without it the mark says nothing. @holds 0.16 hermes_cli/main.py */
  project: 'pyproject.toml',
  /** Says which version it is. @holds 0.10 hermes_cli/__init__.py */
  version: 'hermes_cli/__init__.py',
  /** What a process of it is started with, where that is no launcher. @holds 0.10 hermes_cli/gateway.py */
  programs: ['hermes_cli/main.py', 'gateway/run.py'],
  /** Its name in the `bin` of a virtual environment. @holds 0.10 pyproject.toml */
  launcher: 'hermes',
} as const

/** What it is called among Python's packages. @holds 0.10 pyproject.toml */
export const PACKAGE_NAME = 'hermes-agent'

/** Where a loop answers from itself, below a home. @holds 0.21 gateway/shutdown_watchdog.py */
export const tickSocket = (pid: number): string => `${HomeFile.stateFolder}/gateway.loop-tick.${pid}.sock`

/** The usual root home, below the account's home directory. @holds 0.10 hermes_constants.py */
export const STANDARD_ROOT = '.hermes'

/** How the name begins of the transient unit that restarts a service after its gateway's end; that one's pid follows. @holds 0.16 gateway/run.py */
export const plannedRestartUnit = (service: string): string => `${service}-planned-restart-`.replaceAll('.', '-')

/** Fields of the state file that are found in its bytes, or named to people. */
export const StateField = {
  /** A `StateWord`. @holds 0.10 gateway/status.py */
  state: 'gateway_state',
  /** When it last wrote the file: no sign of life, though others take it for one. @holds 0.10 gateway/status.py */
  updatedAt: 'updated_at',
  /** The commit of the code that it runs. @holds 0.21 gateway/status.py */
  codeSha: 'code_sha',
  /** The version of that. @holds 0.21 gateway/status.py */
  codeVersion: 'code_version',
  /** What the operator wants; upstream's own commands write it under s6 alone. @holds 0.16 hermes_cli/service_manager.py */
  desired: 'desired_state',
} as const

/** What an operator can want of a gateway. @holds 0.16 hermes_cli/service_manager.py */
export const DESIRED_STATES = ['running', 'stopped'] as const
export type DesiredState = (typeof DESIRED_STATES)[number]

/** The value of `desired_state`, or of our own record of it; undefined for anything else. */
export function desiredStateOf(value: unknown): DesiredState | undefined {
  return DESIRED_STATES.find((word) => word === value)
}

/**
 * What a gateway says of itself in its state file. An enum, so that a comparison with a bare 'running' is
 * refused (no-unsafe-enum-comparison): a manager's activity and an operator's wish are called so too, and mean something else.
 */
export enum StateWord {
  /** Its platforms are being connected. @holds 0.10 gateway/status.py */
  starting = 'starting',
  /** @holds 0.10 gateway/run.py */
  running = 'running',
  /** It works, and some of its platforms fail; also what the watchdog of its loop leaves behind. @holds 0.16 gateway/run.py */
  degraded = 'degraded',
  /** It finishes its work, and takes no more. @holds 0.10 gateway/run.py */
  draining = 'draining',
  /** It ended as it was told to, a planned restart included. @holds 0.10 gateway/run.py */
  stopped = 'stopped',
  /** @holds 0.10 gateway/run.py */
  startupFailed = 'startup_failed',
  /** In no version that was looked at; containers' boots are told to heed it. @holds none */
  interrupted = 'interrupted',
  /** As the one before. @holds none */
  crashed = 'crashed',
}

/** What a state file says: one of the words, or one that is not known. */
export type SaidState = StateWord | 'unknown'

/** What a word says of the gateway that wrote it. */
interface StateTraits {
  /** That it is there, that it has ended by itself, or that it was cut off. */
  readonly process: 'lives' | 'rests' | 'was-cut-off'
  /** That it works. */
  readonly isUp: boolean
  /** That it got as far as `running`; undefined if it does not tell. */
  readonly hasRun: boolean | undefined
}

/** The compiler asks for a row for each word; the sets below, by which decisions are made, follow from it. */
const STATES: Readonly<Record<StateWord, StateTraits>> = {
  [StateWord.starting]: {process: 'lives', isUp: false, hasRun: false},
  [StateWord.running]: {process: 'lives', isUp: true, hasRun: true},
  [StateWord.degraded]: {process: 'lives', isUp: true, hasRun: true},
  [StateWord.draining]: {process: 'lives', isUp: false, hasRun: true},
  [StateWord.stopped]: {process: 'rests', isUp: false, hasRun: true},
  [StateWord.startupFailed]: {process: 'rests', isUp: false, hasRun: false},
  [StateWord.interrupted]: {process: 'was-cut-off', isUp: false, hasRun: undefined},
  [StateWord.crashed]: {process: 'was-cut-off', isUp: false, hasRun: undefined},
}

type States = ReadonlySet<SaidState | undefined>

function statesWhere(is: (traits: StateTraits) => boolean): States {
  return new Set(Object.values(StateWord).filter((word) => is(STATES[word])))
}

/** It says that it is there: of a home without a gateway that is a claim which is not so. */
export const LIVING_STATES = statesWhere(({process}) => process === 'lives')
/** It says that it has ended: that must not look like news. */
export const RESTING_STATES = statesWhere(({process}) => process === 'rests')
/** It did not end by itself: what caught it there, such as the end of its container, was no stop. */
export const CUT_OFF_STATES = statesWhere(({process}) => process !== 'rests')
/** It says that it works. */
export const UP_STATES = statesWhere(({isUp}) => isUp)
/** What a gateway that ran writes last. */
export const RAN_STATES = statesWhere(({hasRun}) => hasRun === true)
/** What one writes last that never came up. */
export const UNSTARTED_STATES = statesWhere(({hasRun}) => hasRun === false)

/** The word that the value of `gateway_state` is; undefined where it is no text, or an empty one. */
export function stateWordOf(value: unknown): SaidState | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  return Object.values(StateWord).find((word) => String(word) === value) ?? 'unknown'
}

/** What a gateway says of one of its platforms. */
export enum PlatformWord {
  /** @holds 0.16 gateway/run.py */
  connecting = 'connecting',
  /** @holds 0.16 gateway/run.py */
  connected = 'connected',
  /** It failed, and is tried again for ever. @holds 0.16 gateway/run.py */
  retrying = 'retrying',
  /** It failed in a way that no further try mends. @holds 0.16 gateway/run.py */
  fatal = 'fatal',
  /** @holds 0.16 gateway/platforms/base.py */
  disconnected = 'disconnected',
  /** Somebody paused it in a chat. @holds 0.16 gateway/run.py */
  paused = 'paused',
}

/** What a platform's entry says: one of the words, or one that is not known. */
export type PlatformWordSaid = PlatformWord | 'unknown'

/** The word that the value of a platform's `state` is; undefined where it is no text, or an empty one. */
export function platformWordOf(value: unknown): PlatformWordSaid | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  return Object.values(PlatformWord).find((word) => String(word) === value) ?? 'unknown'
}

/** What a gateway ends with; 1 is any other failure. */
export const GatewayExit = {
  /** As it was told to. Up to 0.17 also a restart under systemd (GatewayHabit). @holds 0.10 gateway/run.py */
  stopped: 0,
  /** It wants to be started again: a planned restart, or its loop did not answer; newer ones also where they cannot start. @holds 0.16 gateway/restart.py */
  restart: 75,
  /** A configuration with which no start can succeed. @holds 0.20 gateway/restart.py */
  fatalConfiguration: 78,
} as const

/** The reason of an end with 75 in its lifecycle file that is no restart: its event loop did not answer its own watchdog. @holds 0.19 gateway/shutdown_watchdog.py */
export const LOOP_WATCHDOG = 'loop_liveness_watchdog'

/** What an entry of `HomeFile.exitLog` is, by its `tag`: one line of JSON each, with `ts` and `pid`. */
export const ExitTag = {
  /** @holds 0.16 hermes_cli/gateway.py */
  started: 'gateway.start',
  /** It ends with the status in `code`. @holds 0.16 hermes_cli/gateway.py */
  exits: 'asyncio.run.SystemExit',
  /** It fails, and ends with 1. @holds 0.16 hermes_cli/gateway.py */
  fails: 'asyncio.run.exception',
  /** It ends with 0 on SIGINT. @holds 0.16 hermes_cli/gateway.py */
  interrupted: 'asyncio.run.KeyboardInterrupt',
  /** It ends with 1. @holds 0.16 hermes_cli/gateway.py */
  exitsWithFailure: 'gateway.exit_nonzero',
  /** It ends with 0. @holds 0.16 hermes_cli/gateway.py */
  exitsClean: 'gateway.exit_clean',
  /** The gateway before it, `prior_pid`, ended without a word; `suspected_oom`: memory was short. @holds 0.19 gateway/lifecycle_ledger.py */
  foundUnclean: 'gateway.previous_unclean_exit',
} as const

/** Environment variables that a gateway heeds or sets. */
export const GatewayVariable = {
  /** Names its home. @holds 0.10 hermes_constants.py */
  home: 'HERMES_HOME',
  /** It has a supervisor: a second start beside it is refused, and a restart is an end with `GatewayExit.restart`. @holds 0.21 hermes_cli/gateway.py */
  supervisedChild: 'HERMES_SUPERVISED_CHILD',
  /** The same of the image's own slots, whose gateways follow no `HomeFile.activeProfile` either. @holds 0.16 hermes_cli/gateway.py */
  s6SupervisedChild: 'HERMES_S6_SUPERVISED_CHILD',
  /** Set for whatever it runs itself. @holds 0.16 gateway/run.py */
  insideGateway: '_HERMES_GATEWAY',
  /** Folder of the locks of tokens. @holds 0.16 gateway/status.py */
  tokenLocks: 'HERMES_GATEWAY_LOCK_DIR',
  /** Seconds for the work in hand at a stop. @holds 0.16 gateway/run.py */
  drainTimeout: 'HERMES_RESTART_DRAIN_TIMEOUT',
  /** Seconds for cron turns at a stop. @holds 0.20 gateway/run.py */
  cronDrainTimeout: 'HERMES_CRON_DRAIN_TIMEOUT',
  /** Seconds that a planned restart waits for the turns in hand. @holds 0.20 gateway/run.py */
  afterTurnTimeout: 'HERMES_RESTART_AFTER_TURN_TIMEOUT',
  /** More starts than that, and it sleeps. @holds 0.20 hermes_cli/gateway.py */
  maxStarts: 'HERMES_GATEWAY_MAX_STARTS',
  /** Seconds within which they count. @holds 0.20 hermes_cli/gateway.py */
  startWindow: 'HERMES_GATEWAY_START_WINDOW_S',
  /** The root home's gateway serves the profiles too. @holds 0.20 gateway/config.py */
  multiplex: 'GATEWAY_MULTIPLEX_PROFILES',
} as const

/**
 * The variables that set a chat platform up: whoever has them all has it. Others are set up in `HomeFile.config`, and plugins add more, so that
 * their absence does not prove that there is none. @holds 0.16 gateway/config.py */
export const CHAT_VARIABLES: ReadonlyMap<string, readonly string[]> = new Map([
  ['telegram', ['TELEGRAM_BOT_TOKEN']],
  ['discord', ['DISCORD_BOT_TOKEN']],
  ['slack', ['SLACK_BOT_TOKEN']],
  ['whatsapp', ['WHATSAPP_ENABLED']],
  ['whatsapp_cloud', ['WHATSAPP_CLOUD_PHONE_NUMBER_ID', 'WHATSAPP_CLOUD_ACCESS_TOKEN']],
  ['signal', ['SIGNAL_HTTP_URL', 'SIGNAL_ACCOUNT']],
  ['matrix', ['MATRIX_HOMESERVER', 'MATRIX_ACCESS_TOKEN']],
  ['mattermost', ['MATTERMOST_URL', 'MATTERMOST_TOKEN']],
  ['email', ['EMAIL_ADDRESS', 'EMAIL_PASSWORD', 'EMAIL_IMAP_HOST', 'EMAIL_SMTP_HOST']],
  ['sms', ['TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN']],
  ['dingtalk', ['DINGTALK_CLIENT_ID', 'DINGTALK_CLIENT_SECRET']],
  ['feishu', ['FEISHU_APP_ID', 'FEISHU_APP_SECRET']],
  ['wecom', ['WECOM_BOT_ID', 'WECOM_SECRET']],
  ['weixin', ['WEIXIN_TOKEN', 'WEIXIN_ACCOUNT_ID']],
  ['bluebubbles', ['BLUEBUBBLES_SERVER_URL', 'BLUEBUBBLES_PASSWORD']],
  ['qqbot', ['QQ_APP_ID', 'QQ_CLIENT_SECRET']],
  ['yuanbao', ['YUANBAO_APP_ID', 'YUANBAO_APP_SECRET']],
])

/**
 * Platforms on which nobody is heard who is not allowed to be; on those that are not here (webhooks, an API with a key) that is no question.
 * @holds 0.16 gateway/run.py */
export const CHATS: ReadonlySet<string> = new Set([
  ...CHAT_VARIABLES.keys(),
  ...['wecom_callback', 'irc', 'teams', 'ntfy', 'google_chat', 'photon', 'line', 'simplex'],
])

/** Names of variables that allow people to talk to it, by what they are to it. @holds 0.16 gateway/run.py */
export const ALLOWING_VARIABLE = /_(?:ALLOWED_[A-Z_]+|ALLOW_FROM)$/
/** Names of variables that allow everybody, with a value that means yes. @holds 0.16 gateway/run.py */
export const ALLOWING_ALL_VARIABLE = /_ALLOW_ALL_USERS$/
/** Those values. @holds 0.16 gateway/run.py */
export const YES_VALUES: ReadonlySet<string> = new Set(['true', '1', 'yes'])
/** Keys that do the same in `HomeFile.config`, in a platform's section. @holds 0.16 gateway/config.py */
export const ALLOWING_KEY = /^[ \t]*["']?(?:\w+_)?(?:allow_from|allowed_(?:users|chats|channels|rooms|roles|groups))["']?[ \t]*:/m
/** Folders of who was let in by a code, of a home: the older place is used where it is. @holds 0.16 gateway/pairing.py */
export const PAIRING_FOLDERS = ['pairing', 'platforms/pairing'] as const
/** How the name of a file there ends that has those who were. @holds 0.16 gateway/pairing.py */
export const APPROVED_SUFFIX = '-approved.json'

/** What a person types to upstream's own program. */
export const UpstreamCommand = {
  /** Makes a home, and asks for a model's key. @holds 0.10 hermes_cli/setup.py */
  setup: 'setup',
  /** Connects it to chats, and asks who may talk to it. @holds 0.16 hermes_cli/subcommands/gateway.py */
  chats: 'gateway setup',
  /** Runs it in the terminal. @holds 0.10 hermes_cli/subcommands/gateway.py */
  run: 'gateway run',
  /** Brings its own code and packages up to date. @holds 0.10 hermes_cli/main.py */
  update: 'update',
  /** Makes the home of a profile; its name follows. @holds 0.16 hermes_cli/profiles.py */
  newProfile: 'profile create',
} as const

/** What a gateway does when it gets a signal. */
export const GatewaySignal = {
  /** Finishes what `drainTimeout` allows for and ends; in good order only with a marker of the stop. @holds 0.10 gateway/run.py */
  stop: 'SIGTERM',
  /** Finishes the turns in hand, then ends with `GatewayExit.restart`. @holds 0.10 gateway/run.py */
  restart: 'SIGUSR1',
} as const

/**
 * What a gateway does, in words: habits that decisions of ours rest on, and that no name or number above tells. `npm run contract` sees whether they are so.
 */
export const GatewayHabit = {
  /** @holds 0.14 gateway/run.py */
  pidFirst: 'writes its pid record before its state file',
  /** @holds 0.19 gateway/status.py */
  namesHome: 'names its home in the record',
  /** Stops by a planned-stop marker alone, as on Windows. @holds 0.16 gateway/run.py */
  watchesMarker: 'stops by a planned-stop marker alone, without a signal',
  /** So that it comes back with its container. @holds 0.16 gateway/run.py */
  runningAfterTerm: 'goes on saying running after a SIGTERM that nobody announced',
  /** In place of `GatewayExit.restart`; only its files tell then that it was one. @holds 0.16 to 0.17 gateway/run.py */
  restartEndsCleanUnderSystemd: 'ends with 0 when it is to be restarted under systemd',
  /** SIGINT, as from a terminal. @holds 0.14 gateway/run.py */
  interruptIsPlanned: 'ends with 0 on SIGINT',
  /** So whoever only asks for its version has changed the home. @holds 0.10 to 0.19 hermes_cli/main.py */
  versionWritesLogs: 'writes logs/agent.log into the home for --version alone',
  /** Though nobody has asked for one; before that its state file stays as it was. @holds 0.21 gateway/shutdown_watchdog.py */
  degradedByWatchdog: 'says degraded with restart_requested true when it ended itself since its loop did not answer',
  /** Before it a turn of a chat is counted only when something else is written: `active_agents` is 0 while it works. @holds 0.17 gateway/run.py */
  countsTurns: 'writes active_agents at the begin and at the end of each turn',
  /** At other times a cron job is counted only when something else is written, and is left in the count when it is done. @holds 0.18 gateway/run.py */
  countsAllWhileDraining: 'counts cron jobs and runs of its API in active_agents once it is asked to drain',
  /** @holds 0.14 hermes_cli/gateway.py */
  rewritesUnit: 'rewrites its unit when it starts',
} as const

/** Upstream's own times and counts. */
export const GatewayLimit = {
  /** Between two of its heartbeats. @holds 0.18 gateway/shutdown_watchdog.py */
  heartbeatEverySec: 30,
  /** A heartbeat that is older is late: three of them. @holds 0.18 hermes_cli/gateway.py */
  heartbeatFreshSec: 90,
  /** A state file that is older says nothing of a process that is not seen; the WebUI's limit too. @holds 0.20 gateway/status.py */
  stateFreshSec: 120,
  /** How long a marker of a stop or a takeover is heeded. @holds 0.16 gateway/status.py */
  markerSec: 60,
  /** How long a request to drain is. @holds 0.20 gateway/drain_control.py */
  drainRequestSec: 3600,
  /** How long a client waits for the control socket. @holds 0.21 gateway/control_socket.py */
  controlAnswerSec: 2,
  /** The longest default so far for the work in hand at a stop: it changed from 60 over this to 0. @holds 0.16 to 0.16 hermes_cli/config.py */
  longestDrainSec: 180,
  /** Default for cron turns at a stop. @holds 0.20 hermes_cli/config_defaults.py */
  cronDrainSec: 30,
  /** Default for the turns in hand before a planned restart. @holds 0.20 hermes_cli/config_defaults.py */
  afterTurnSec: 1800,
  /** How long the lock of an update is heeded. @holds 0.20 hermes_cli/update_lock.py */
  updateLockSec: 1200,
  /** What its own restart waits on top of both. @holds 0.20 hermes_cli/gateway.py */
  askMarginSec: 15,
  /** Default: more starts than that within `startWindowSec`, and it sleeps. @holds 0.18 gateway/status.py */
  maxStarts: 5,
  /** @holds 0.18 gateway/status.py */
  startWindowSec: 120,
  /** Its first such sleep; each further start doubles it. @holds 0.18 gateway/status.py */
  brakeFirstSec: 10,
  /** Its longest. @holds 0.18 gateway/status.py */
  brakeLongestSec: 300,
} as const

/** The name of the profile that is the root home itself. @holds 0.10 hermes_cli/profiles.py */
export const DEFAULT_PROFILE = 'default'
