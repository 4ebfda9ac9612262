/**
 * Upstream's words, in one place: whatever its gateway and we must agree on, and nothing of ours. A new version of the gateway is an edit of this file,
 * and of the readers of what it says anew. Each entry says where it is from: `@holds`, the first version in which it was seen (what older ones have
 * was not looked at where that is 0.16), to the last if it ended, and upstream's own file. test/structure/contract.test.ts keeps these words out of
 * all other files.
 */

/** Files of a home, by their paths below it. */
export const HomeFile = {
  /** Who runs, written before the gateway answers anybody; a bare number in the oldest. @holds 0.10 gateway/status.py */
  pid: 'gateway.pid',
  /** The same record, held with flock(2) as long as the gateway lives. @holds 0.16 gateway/status.py */
  lock: 'gateway.lock',
  /** What it last said of itself, and `desired_state`. @holds 0.10 gateway/status.py */
  state: 'gateway_state.json',
  /** Answers `identify`. @holds 0.21 gateway/control_socket.py */
  controlSocket: 'gateway.sock',
  /** Names the socket's place where the home's path is too long for one. @holds 0.21 gateway/control_socket.py */
  controlSocketPlace: 'gateway.sock.path',
  /** Folder of the next three. @holds 0.17 gateway/lifecycle_ledger.py */
  stateFolder: 'state',
  /** Its own heartbeat. @holds 0.18 gateway/shutdown_watchdog.py */
  heartbeat: 'state/gateway.heartbeat',
  /** Which way it ended; the next one overwrites it. @holds 0.17 gateway/lifecycle_ledger.py */
  lifecycle: 'state/gateway.lifecycle.json',
  /** The ledger of starts by which it holds itself back: one number a line, seconds since the epoch. @holds 0.17 gateway/status.py */
  starts: 'gateway-starts.log',
  /** The stop that is about to come is meant. @holds 0.16 gateway/status.py */
  plannedStop: '.gateway-planned-stop.json',
  /** Another gateway is about to take its place (`--replace`). @holds 0.16 gateway/status.py */
  takeover: '.gateway-takeover.json',
  /** It is to finish its work and take no more. @holds 0.20 gateway/drain_control.py */
  drainRequest: '.drain_request.json',
  /** A restart was requested; the next gateway removes it. @holds 0.16 gateway/run.py */
  restartPending: '.restart_pending.json',
  /** Processes of its tools. @holds 0.16 tools/process_registry.py */
  toolProcesses: 'processes.json',
  /** @holds 0.10 hermes_cli/config.py */
  config: 'config.yaml',
  /** Its variables, tokens among them. @holds 0.10 hermes_cli/config.py */
  environment: '.env',
  /** Of a root home: the profile that `hermes profile use` picked. @holds 0.16 hermes_cli/profiles.py */
  activeProfile: 'active_profile',
  /** Of a root home: the folder of the other profiles' homes. @holds 0.10 hermes_constants.py */
  profiles: 'profiles',
  /** What makes a folder there a real profile. @holds 0.16 hermes_cli/container_boot.py */
  profileMark: 'SOUL.md',
  /** Folder of the logs. @holds 0.10 hermes_cli/logs.py */
  logFolder: 'logs',
  /** @holds 0.10 hermes_cli/logs.py */
  log: 'logs/gateway.log',
  /** @holds 0.10 hermes_cli/logs.py */
  agentLog: 'logs/agent.log',
  /** @holds 0.10 hermes_cli/logs.py */
  errorsLog: 'logs/errors.log',
  /** Folder of the logs of gateways under s6, one each. @holds 0.16 hermes_cli/service_manager.py */
  s6Logs: 'logs/gateways',
  /** @holds 0.16 hermes_cli/gateway.py */
  exitLog: 'logs/gateway-exit-diag.log',
} as const

/** Where a loop answers from itself, below a home. @holds 0.21 gateway/shutdown_watchdog.py */
export const tickSocket = (pid: number): string => `${HomeFile.stateFolder}/gateway.loop-tick.${pid}.sock`

/** The usual root home, below the account's home directory. @holds 0.10 hermes_constants.py */
export const STANDARD_ROOT = '.hermes'
