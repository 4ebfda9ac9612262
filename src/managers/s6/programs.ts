import type {Account, Host} from '../../host/host.js'
import type {RunStep} from '../../plan/plan.js'
import {HELPER_NAME} from '../../service/service-helper.js'

/** s6-overlay keeps the programs of s6 here, which is not always on PATH. */
const TOOLS_FOLDER = '/command'
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/run/current-system/sw/bin'
export const S6_PATH = `${TOOLS_FOLDER}:${SYSTEM_PATH}`

/** The environment in which the programs of s6 are run. */
export const S6_ENVIRONMENT: Readonly<Record<string, string>> = {PATH: S6_PATH, LC_ALL: 'C.UTF-8'}

const CHANGE_TIMEOUT_MS = 60_000

/** Where a program of s6 is; undefined if it is nowhere. */
export function s6Tool(host: Host, tool: string): string | undefined {
  return host.which(tool, S6_PATH)
}

/** The argv of an sh program with its arguments $1, $2, …. */
export function shell(program: string, ...args: readonly string[]): string[] {
  return ['/bin/sh', '-c', program, 'hermes-svc', ...args]
}

/** One call of s6's programs, or of a standard tool, that changes something. */
export function changeStep(why: string, argv: readonly string[], as?: Account): RunStep {
  return {kind: 'run', why, argv, env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS, ...(as ? {as} : {})}
}

/**
 * $1…: slots. For each the fields of `s6-svstat -o`, then what `s6-svdt` has of its last ends, then a line of dashes. `none`: no supervisor;
 * `hidden`: this user may not look.
 */
export const LOOK = `for slot; do
  if [ -d "$slot/supervise" ] && [ ! -x "$slot/supervise" ]; then
    echo hidden
  elif [ ! -f "$slot/supervise/status" ]; then
    # Of a slot that is its user's this can be a FIFO, which would hold the look at all the others.
    echo none
  else
    s6-svstat -o up,wantedup,pid,exitcode,signum,updownfor "$slot" 2>/dev/null || echo none
    [ ! -f "$slot/supervise/death_tally" ] || s6-svdt -S "$slot" 2>/dev/null
  fi
  echo --
done
`

/** Has s6-svscan take a slot up that it does not supervise yet. In all that follows $1: scan directory. $2: slot. */
const SCANNED = `fresh=
s6-svok "$2" 2>/dev/null || {
  fresh=1
  s6-svscanctl -a "$1" || exit
  tries=0
  until s6-svok "$2" 2>/dev/null; do
    [ $((tries += 1)) -le 200 ] || { echo "s6-svscan does not take up $2" >&2; exit 1; }
    sleep 0.05
  done
}
`

/** -u is "up, and to be kept up", also for a service that its finish script took down for good (s6-svc). */
export const START = `${SCANNED}s6-svdt-clear "$2" 2>/dev/null
exec s6-svc -u "$2"
`

/** $1…: slots. Ends when each has a supervisor, whose end of the control FIFO is what opening ours waits for. Not a process is started for it. */
export const SUPERVISED = `for slot; do
  : >"$slot/supervise/control" || exit
done
`

/**
 * $1…: slots that were kept down until all have a supervisor. "u" is what s6-svc -u writes, whose fifty processes would have to vie with the
 * gateways that start. One without a supervisor comes up with it, if its down file is gone.
 */
export const RELEASE = `for slot; do
  printf u 1<>"$slot/supervise/control"
done
`

/**
 * Arguments in twos: -u or -d, and a slot that s6-svscan has been told of. One that its supervisor does not hear of yet is waited for, or stays down
 * by its down file.
 */
export const SET_ALL = `while [ "$#" -ge 2 ]; do
  tries=0
  until s6-svc "$1" "$2" 2>/dev/null; do
    [ "$1" = -u ] || break
    [ $((tries += 1)) -le 200 ] || { echo "s6-svscan does not take up $2" >&2; exit 1; }
    sleep 0.05
  done
  shift 2
done
`

/** A service that is up, or waits for its next start, is ended and started anew; -t alone does nothing to one that is down (s6-svc). */
export const RESTART = `${SCANNED}[ -f "$2/supervise/status" ] || exit
up=$(s6-svstat -o up "$2") || exit
s6-svdt-clear "$2" 2>/dev/null
s6-svc -u "$2" || exit
[ "$up" != true ] || [ -n "$fresh" ] || exec s6-svc -t "$2"
`

/** A slot without a supervisor is down. */
export const STOP = `s6-svok "$2" 2>/dev/null || exit 0
exec s6-svc -d "$2"
`

/**
 * -D: down, and its finish script done (s6-svwait), which puts a FIFO of its own into the slot to be told. Only root may, so its user waits for the
 * end of the gateway alone.
 */
export const ABORT = `s6-svok "$2" 2>/dev/null || exit 0
s6-svc -d "$2" || exit
s6-svc -k "$2" || exit
[ ! -w "$2/event" ] || exec s6-svwait -D -t 10000 "$2"
tries=0
until [ "$(s6-svstat -o up "$2")" = false ]; do
  [ $((tries += 1)) -le 200 ] || { echo "$2 does not end" >&2; exit 1; }
  sleep 0.05
done
`

/** $3: helpers. $4: memory. $5: home. Tells the gateway that the end it is about to be sent is meant; one that is not let go yet needs no telling. */
export const ANNOUNCE = `started=
[ -f "$4/started" ] && IFS= read -r started <"$4/started"
[ -n "$started" ] && [ -f "$2/supervise/status" ] || exit 0
MAINPID=$(s6-svstat -o pid "$2" 2>/dev/null) || exit 0
export MAINPID
[ ! -r "$3/${HELPER_NAME}" ] || exec /bin/sh "$3/${HELPER_NAME}" before-stop "home=$5" "state=$4"
# A slot that an earlier hermes-svc made, until the next install or boot.
[ ! -r "$3/before-stop.sh" ] || exec /bin/sh "$3/before-stop.sh" "$4"
`

/**
 * $1: scan directory. $2: name of the slot. $3: its memory, or empty. Ends the supervisor and takes the slot away. Root takes it back from its user
 * first, a folder before what is in it, and looks at no supervisor through a link.
 */
export const REMOVE = `aside=$1/.$2.removed
is_supervised() {
  [ ! -L "$1/supervise" ] && [ ! -L "$1/supervise/control" ] && [ -p "$1/supervise/control" ] && s6-svok "$1" 2>/dev/null
}
rm -rf -- "$aside" "$1/.$2.hermes-svc" || exit
if [ -d "$1/$2" ]; then
  mv -- "$1/$2" "$aside" || exit
  if [ "$(id -u)" = 0 ] && [ ! -L "$aside" ]; then
    for at in "$aside" "$aside/supervise" "$aside/log" "$aside/log/supervise"; do
      if [ -d "$at" ] && [ ! -L "$at" ]; then chown -h -- 0:0 "$at" || exit; fi
    done
  fi
  # -n: supervisors whose slot is gone end (s6-svscanctl); without s6-svscan there are none.
  s6-svscanctl -an "$1" 2>/dev/null
  tries=0
  # The logger ends a moment after what it logs.
  while is_supervised "$aside" || is_supervised "$aside/log"; do
    [ $((tries += 1)) -le 200 ] || { echo "the supervisor of $2 does not end" >&2; exit 1; }
    sleep 0.05
  done
fi
rm -rf -- "$aside" \${3:+"$3"}
`

/**
 * $1: uid:gid. $2…: slots, in which nobody but who runs this can change anything. s6-supervise keeps what is there: of the FIFO its user has what it
 * takes to control its gateway, and all else stays with root, who opens it by name (as s6-svperms does it). Modes of fifodirs: s6-mkfifodir. What is
 * given away is root's until its mode is set: that of another's takes a further capability. Each program is run once, however many slots
 * there are.
 */
export const SKELETON = `owner=$1
shift
newline='
'
supervise='' events='' fifos='' missing=''
for slot; do
  for at in "$slot" "$slot/log"; do
    supervise=$supervise$newline$at/supervise
    events=$events$newline$at/event$newline$at/supervise/event
    fifos=$fifos$newline$at/supervise/control
    [ -p "$at/supervise/control" ] || missing=$missing$newline$at/supervise/control
  done
done
set -f
IFS=$newline
mkdir -p -- $events || exit
[ -z "$missing" ] || mkfifo -- $missing || exit
[ "$(id -u)" != 0 ] || chown -h -- 0:0 $fifos || exit
chmod -- 0755 $supervise && chmod -- 3730 $events && chmod -- 0660 $fifos && chown -h -- "$owner" $fifos
`

/** Arguments in twos: where a slot was built, and its place, where none may be. rename(2) within one folder is atomic. */
export const PUBLISH = `while [ "$#" -ge 2 ]; do
  if [ -d "$1" ]; then
    [ ! -e "$2" ] || { echo "$2 is there already" >&2; exit 1; }
    mv -- "$1" "$2" || exit
  fi
  shift 2
done
`

/**
 * $1: where the slot that all services share was built. $2: its place. Another command may have put its own there meanwhile; then its files are
 * replaced, each at once.
 */
export const PUBLISH_SHARED = `if [ -d "$2" ]; then
  for file in "$1"/*; do mv -f -- "$file" "$2/" || exit; done
  exec rm -rf -- "$1"
fi
exec mv -- "$1" "$2"
`

/** $1: folder of s6-log. $2: lines, -1 for all. $3: since, or empty. $4: 1 to follow. $5: 1 for JSON Lines. */
export const LOGS = `cd "$1" 2>/dev/null && [ -e current ] || exit 0
show() {
  if [ "$5" = 1 ]; then
    tr -d '\\000-\\010\\013-\\037' | sed -e 's/[\\\\"]/\\\\&/g' -e 's/\\t/\\\\t/g' -e 's/.*/{"MESSAGE":"&"}/'
  else
    cat
  fi
}
since=
if [ -n "$3" ]; then since=$(date -d "$3" '+%Y-%m-%d %H:%M:%S') || exit; fi
past() {
  # Old files are named by their time, so they are in order; each line begins with its own.
  cat -- @*.s current 2>/dev/null | if [ -n "$since" ]; then awk -v since="$since" 'substr($0, 1, 19) >= since'; else cat; fi |
    if [ "$2" -ge 0 ]; then tail -n "$2"; else cat; fi
}
past "$@" | show "$@"
[ "$4" = 1 ] || exit 0
if [ "$5" = 1 ]; then
  tail -n 0 -F current | while IFS= read -r line; do printf '%s\\n' "$line" | show "$@"; done
else
  exec tail -n 0 -F current
fi
`
