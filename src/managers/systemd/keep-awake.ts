import type {Host} from '../../host/host.js'
import {OWN_PREFIX} from '../../service/naming.js'
import type {Scope, Service} from '../../service/service.js'
import {toolPath} from '../../service/service-helper.js'
import {execWord} from './escape.js'
import {stemOf} from './paths.js'

/**
 * sh: begins a unit of its own for each gateway, by the pid of its main process. Around the gateway itself systemd-inhibit(1) would be that main process, to
 * which signals go and whose exit status counts; beside it in its unit it would be a process that is left over.
 */
const BEGIN = 'unit=$1; shift; exec "$0" --unit="$unit-$MAINPID" "$@" "$MAINPID"'
/** sh: holds the machine awake until that process has ended. A user without a session of the machine's own seat may keep it from idling alone (polkit). */
const HOLD =
  'name=$0 inhibit=$1 sleep=$2 pid=$3; hold() { "$inhibit" --what="$1" --mode=block --who="$name" --why="its gateway runs (--keep-awake)" /bin/sh -c "while kill -0 $pid 2>/dev/null; do \\"$sleep\\" 2; done"; }; hold sleep:idle 2>/dev/null || hold idle'

/** What a drop-in runs once the gateway is started, so that the machine stays awake while it runs: the value of ExecStartPost=. Throws where a tool is missing. */
export function awakeCommand(host: Host, scope: Scope, service: Service): string {
  const words = [
    ...[BEGIN, toolPath(host, 'systemd-run'), `${OWN_PREFIX}awake-${stemOf(service.name)}`],
    ...(scope === 'user' ? ['--user'] : []),
    ...['--quiet', '--collect', `--description=Keeps the machine awake while ${service.name} runs`],
    ...['/bin/sh', '-c', HOLD, service.name, toolPath(host, 'systemd-inhibit'), toolPath(host, 'sleep')],
  ]
  // "+": only root may begin a unit of the machine's. "-": a gateway runs as well where the machine may sleep.
  return `-${scope === 'system' ? '+' : ''}:/bin/sh -c ${words.map(execWord).join(' ')}`
}
