import {GatewayVariable} from '../gateway/contract.js'
import {refusedText} from './text-check.js'

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** Variables that the definition itself decides on. */
const DECIDED = [GatewayVariable.home, GatewayVariable.supervisedChild, 'HOME', 'USER', 'LOGNAME']
/**
 * Variables by which a manager tells a process and our helpers about the service (systemd.exec(5)). Those of an environment file would
 * hide them: with another MAINPID the wrong process would be told of a stop.
 */
const MANAGERS_OWN = [
  ...['MAINPID', 'RUNTIME_DIRECTORY', 'SERVICE_RESULT', 'EXIT_CODE', 'EXIT_STATUS', 'INVOCATION_ID', 'JOURNAL_STREAM', 'SYSTEMD_EXEC_PID'],
  ...['MANAGERPID', 'NOTIFY_SOCKET', 'WATCHDOG_PID', 'WATCHDOG_USEC', 'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'],
]

/** Why a definition cannot set a variable of this name for the gateway; undefined if it can. */
export function refusedVariableName(name: string): string | undefined {
  if (!NAME.test(name)) return 'not the name of a variable (letters, digits and "_")'
  if (DECIDED.includes(name)) return 'the service sets this variable itself (--home, --run-as)'
  if (MANAGERS_OWN.includes(name)) return 'the service manager sets this variable to tell the gateway about its service'
  return undefined
}

/**
 * Why a value cannot be that of a variable; undefined if it can. What one manager refuses is refused for all: systemd takes tab and newline,
 * and no other control character (env-util.c, env_value_is_valid).
 */
export function refusedVariableValue(value: string): string | undefined {
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(value))
    return 'contains a control character other than tab and newline, which systemd refuses'
  return refusedText(value)
}
