#!/bin/sh
# Written by hermes-svc, the same for all services. The service manager runs this as the gateway's user. It never keeps a gateway from starting or stopping.
#   service-helper.sh VERB NAME=VALUE…
#     before-start   waits after failures, and removes the pid record of a gateway that has ended
#     before-stop    tells the gateway of the process MAINPID that this stop is planned, and after-exit that somebody asked for it
#     reload         asks the gateway of the process MAINPID to restart when its work is done
#     after-exit     counts failures; EXIT_CODE, EXIT_STATUS and SERVICE_RESULT are those of systemd.exec(5)
#   home=, state= are folders. first-ms=, cap-ms=: the wait after a failure, doubled by each in a row, and the longest. forget-ms=: up that long,
#   earlier failures are forgotten. planned-ms=: up that long, exit 75 is a planned restart where no file tells.
# The state folder has `failures`, in a row; `started`, when the gateway was let go, until its end is noted; `began`, when its process was made, if
# that was earlier; `stopping`, while a stop is under way. Times are ticks of 1/100 s, since boot or, on a Mac, the epoch.
# shellcheck disable=SC2086,SC3013
umask 077 && set -f -C && trap '' PIPE
export PATH="/usr/bin:/bin:/usr/sbin:/run/current-system/sw/bin:$PATH" LC_ALL=C
home='' state='' first=1000 cap=120000 forget=300000 planned=30000
for word; do name=${word%%=*} value=${word#*=}
  case $name in home | state | first-ms | cap-ms | forget-ms | planned-ms) eval "${name%-ms}=\$value" ;; esac
done; newline='
'
[ -d "$state" ] || state=/dev/null # then each file in it is one that cannot be
uncounted=5000 && [ "$cap" -ge 5000 ] || uncounted=$cap # the wait where failures cannot be counted
case $(uname) in Darwin) mac=1 slack=200 ;; *) mac='' slack=0 ;; esac # slack: ticks by which two start times of one process may differ
marker=$home/.gateway-planned-stop.json record=$home/gateway.pid
note() { printf 'hermes-svc: %s\n' "$1" >&2; } && is_number() { case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac; }
seconds() { if [ $(($1 % 1000)) = 0 ]; then echo $(($1 / 1000)); else printf '%d.%03d\n' $(($1 / 1000)) $(($1 % 1000)); fi; } # MS
# put NAME TEXT, number NAME: a file of the state folder. A link is replaced, not followed. clear NAME: a program is run only where there is something.
clear() { { [ ! -e "$state/$1" ] && [ ! -L "$state/$1" ]; } || rm -f "$state/$1"; }
put() { clear "$1" && printf '%s\n' "$2" >"$state/$1"; } 2>/dev/null
number() { number='' && [ -f "$state/$1" ] && { IFS= read -r number <"$state/$1" || :; } && is_number "$number" || ! number=''; } 2>/dev/null
# limited PROGRAM ARGS: killed after 5 s, since a disk or a network may be gone.
limited() {
  { "$@" 2>&4 4>&- & program=$!
    alarm=$({ sleep 5 >/dev/null & echo "$!"; exec >/dev/null; wait "$!" && kill -KILL "$program"; } 9<&- 4>&- &)
    wait "$program"; set -- $?; kill "$alarm"; return "$1"; } 4>&2 2>/dev/null
}
# members FILE 'NAME|NAME': reads what upstream's JSON has of these names. field NAME: the first of that name, quotes aside, into `value`.
read_text() { text='' && [ -f "$1" ] && text=$(limited head -c 1048576 "$1"); } 2>/dev/null
members() { found='' && read_text "$1" && { found=$(printf '%s\n' "$text" | grep -oE "\"($2)\": *\"?[A-Za-z0-9_]*") || :; }; }
field() { value='' IFS="$newline"; for word in $found; do case $word in "\"$1\":"*) value=${word##*[\": ]} && break ;; esac; done; unset IFS; }
# read_record: `pid` of gateway.pid, if it names one, and its start into `value`. The oldest gateways wrote a bare number.
read_record() { members "$record" 'pid|start_time'; set -- $?; field pid; pid=${value:-$text}
  is_number "$pid" && [ "$pid" != 0 ] || pid=''; field start_time; return "$1"; }
# read_process PID: phase (Z: a zombie), parent, and start, which a Mac does not tell.
read_process() {
  if [ -n "$mac" ]; then fields=$(limited ps -o state= -o ppid= -p "$1"); else fields=$(cat "/proc/$1/stat") && fields=${fields##*)}; fi || return 1
  set -- $fields && [ $# -gt 1 ] && phase=$1 parent=$2 start=${20-}
} 2>/dev/null
now() { if [ -n "$mac" ]; then now=$(date +%s)00; else read_process self && now=$start; fi; } # a new process's start is a clock that never jumps
# has_ended PID START: sets `why` if the process is gone, is a zombie, or its number went to a later one.
has_ended() {
  if ! read_process "$1"; then case $(kill -0 "$1" 2>&1) in *ermitted*) return 1 ;; esac; why="process $1 is gone" && return; fi
  case $phase in Z* | X) why="process $1 is a zombie" && return ;; esac
  is_number "$2" && [ -n "$start" ] && [ "$2" != "$start" ] && why="process $1 started later than the record says"
}
# judge: sets `why` if gateway.pid, as it was read, is a dead gateway's, else `doubt`. The lock is taken shared and let go at once: while this runs, no
# gateway of the home should. On a Mac whoever holds it has it open; lsof ends with 1 where that is nobody, and says something where it fails.
judge() {
  lock=$home/gateway.lock said='' words='' doubt='hermes-svc cannot tell who holds gateway.lock'
  if [ -f "$lock" ] && [ -r "$lock" ]; then
    if [ -n "$mac" ]; then said=$(limited lsof -w -F p -- "$lock" 2>&1); else limited flock -s -n 9 9<"$lock" 2>/dev/null; fi
    case $mac:$?:$said in
      :0: | 1:1:) { [ -n "$pid" ] && has_ended "$pid" "$value"; } || why='gateway.lock is free' ;;
      :1: | 1:0:p[0-9]*) doubt='gateway.lock is held, so a gateway of this home runs' ;;
    esac
  elif [ -e "$lock" ] || [ -L "$lock" ]; then return
  elif [ -z "$pid" ]; then doubt='it names no process'
  elif ! has_ended "$pid" "$value"; then
    if [ -n "$mac" ]; then words=$(limited ps -ww -o command= -p "$pid"); else words=$(tr '\000' ' ' <"/proc/$pid/cmdline"); fi 2>/dev/null
    case $words in '' | *hermes*gateway* | *gateway/run.py*) doubt="process $pid may be a gateway of this home" ;; *) why="process $pid is not a gateway" ;; esac
  fi
}
delay_after() { # FAILURES: ms before the next start, into `delay`
  delay=$cap; if [ "$1" = 0 ]; then delay=0; elif [ "$1" -le 31 ] && [ "$((first << ($1 - 1)))" -lt "$cap" ]; then delay=$((first << ($1 - 1))); fi
}
# find_gateway: into `target`: the gateway of the pid record if MAINPID started it, as a wrapper does, else MAINPID itself.
find_gateway() {
  is_number "${MAINPID-}" && ! has_ended "$MAINPID" '' || return 1
  read_record; target=$MAINPID at=$pid depth=0
  [ -n "$pid" ] && ! has_ended "$pid" "$value" || return 0
  until [ "$at" = "$MAINPID" ]; do [ "$((depth += 1))" -lt 64 ] && [ "$at" -gt 1 ] && read_process "$at" && at=$parent || return 0; done
  target=$pid; }
of_run() { [ -n "$started" ] && [ -f "$1" ] && [ "$1" -nt "$state/started" ]; } # FILE: it was written since the gateway was let go
# is_planned: the rule of service/after-end.ts, by what the run that has just ended has left. `stuck`: its event loop did not respond to its own watchdog.
is_planned() {
  file=$home/gateway_state.json lifecycle=$home/state/gateway.lifecycle.json said='' requested=''
  members "$file" 'start_time|restart_requested|gateway_state'; field start_time # a state of an earlier run is none, and so is one from before a reboot
  if is_number "$value"; then [ -n "$started" ] && [ $((value + slack)) -ge "$began" ] && [ "$value" -le $((now + slack)) ]; else of_run "$file"; fi &&
    field restart_requested && requested=$value && field gateway_state && said=${value:-nothing}
  [ "$end" = 'exited 75' ] && of_run "$lifecycle" && members "$lifecycle" exit_reason && field exit_reason && [ "$value" = loop_liveness_watchdog ] && stuck=1
  case $stuck$said in 1* | starting | startup_failed) return 1 ;; esac
  [ "$requested" != true ] && [ -z "$marked" ] && ! of_run "$home/.restart_pending.json" || return 0
  [ "$end" = 'exited 75' ] || return 1
  case $said in running | draining | degraded | stopped) ;; '') [ "$uptime" -ge "$planned" ] ;; *) return 1 ;; esac
}
kernel_kills() { # into `value`: for lack of memory, as this control group counts them, of either version; that of a container can be the top
  set -- && while IFS=: read -r number name group; do
    case $number:$name in 0:) set -- "$@" "$group/memory.events" ;; *:memory) set -- "$@" "/memory$group/memory.oom_control" ;; esac
  done </proc/self/cgroup
  for file in "$@" /memory.events /memory/memory.oom_control; do
    while read -r name value; do [ "$name" != oom_kill ] || ! is_number "$value" || return 0; done <"/sys/fs/cgroup$file"
  done; value=0; } 2>/dev/null
case ${1-} in
  before-start)
    # Somebody wishes a stop or a restart: that ends the wait, and earlier failures no longer count.
    trap 'trap "" TERM INT HUP; [ -z "$waiting" ] || kill $!; put failures 0; note "the start was called off"; exit 0' TERM INT HUP
    waiting='' why='' delay=$uncounted; if put started ''; then [ -e "$state/failures" ] || delay=0; ! number failures || delay_after "$number"; fi
    # In the background, since a shell runs a trap only when a program in the foreground has ended.
    if [ "$delay" != 0 ]; then waiting=1; sleep "$(seconds "$delay")" & wait "$!"; waiting=''; fi
    if [ -e "$record" ] || [ -L "$record" ]; then
      if read_record; then judged=$text && judge; else doubt='it cannot be read'; fi
      if [ -z "$why" ]; then note "gateway.pid stays as it is: $doubt"
      elif read_text "$record" && [ "$text" = "$judged" ]; then limited rm -f "$record" && note "gateway.pid was cleared: $why"; fi
    fi
    clear stopping; kernel_kills; put oom "$value"; now; put started "$now" ;;
  before-stop)
    find_gateway || exit 0; put stopping "$MAINPID"; read_process "$target" # gateways up to 0.14 heed no marker without its start
    { [ ! -d "$marker" ] && limited rm -f "$marker.$$" && printf '{"target_pid": %s, "target_start_time": %s, "stopper_pid": %s, "written_at": "%s"}\n' \
      "$target" "${start:-null}" $$ "$(date -u +%Y-%m-%dT%H:%M:%S+00:00)" >"$marker.$$" && limited mv -f "$marker.$$" "$marker"; } 2>/dev/null && exit 0
    limited rm -f "$marker.$$"; note 'could not write the planned-stop marker, so the gateway takes this stop for an accident' ;;
  reload) ! find_gateway || kill -s USR1 "$target" || exit ;;
  after-exit)
    end="${EXIT_CODE-} ${EXIT_STATUS-}" uptime=0 stuck='' marked='' what="gateway could not be started (${SERVICE_RESULT-})"
    now; number failures; failures=${number:-0}; number started; started=$number; number began; began=${number:-$started}
    if [ -n "$started" ] && [ "$now" -ge "$started" ]; then uptime=$(((now - started) * 10)); else started=''; fi
    kernel_kills; number oom; [ "${end%KILL} ${SERVICE_RESULT:-signal}" != 'killed  signal' ] || [ "$value" -le "${number:-$value}" ] || [ -e "$state/stopping" ] || SERVICE_RESULT=oom-kill # systemd calls it a signal where OOMPolicy=continue, and s6 tells nothing
    members "$marker" 'target_pid|target_start_time'; field target_pid; pid=$value; field target_start_time # nobody has read it: of an earlier run, or of this one
    if is_number "$pid" && has_ended "$pid" "$value"; then ! of_run "$marker" || marked=1; limited rm -f "$marker"; fi
    case $end in exited*) what="gateway exited with $EXIT_STATUS" ;; killed* | dumped*) what="gateway was killed by SIG${EXIT_STATUS#SIG}" ;; esac
    [ "$end" = ' ' ] || [ -z "$started" ] || what="$what after $(seconds "$uptime") s"
    reason=called-off delay=0 # a start that was called off; by a signal where what was being run does not hear it, as this helper in its first moments.
    if [ "$end" = ' ' ] && case ${SERVICE_RESULT:-success} in success) ;; signal) failures=0 ;; *) false ;; esac; then :
    elif [ -e "$state/stopping" ]; then reason=stop failures=0 && note "$what; this stop was requested"
    elif [ "$end" = 'exited 78' ]; then reason=config && note "$what: its configuration is wrong, so it stays down until somebody fixes it"
    elif is_planned; then reason=planned failures=0 && note "$what: a planned restart, so it starts again at once"
    else reason=${stuck:+loop} && reason=${reason:-failure} && [ "$uptime" -lt "$forget" ] || failures=0
      [ "$failures" -ge 1000000 ] || failures=$((failures + 1))
      delay_after "$failures" # noted once: whoever wishes a start then may have it forgotten before this ends
      if put failures "$failures"; then counted="failure $failures in a row"; else counted='not counted' delay=$uncounted; fi
      note "$what${stuck:+, because its event loop did not respond to its own watchdog}; $counted, the next start waits $(seconds "$delay") s"
    fi
    case $reason in failure | loop) ;; *) put failures "$failures" ;; esac
    # The end as a line of the home's journal (service/end-line.ts): fixed words and numbers alone, in one write, and apart from half a line before it.
    case ${EXIT_CODE-}${EXIT_STATUS-}${SERVICE_RESULT-} in *[!A-Za-z0-9+-]*) EXIT_CODE='' EXIT_STATUS='' SERVICE_RESULT='' ;; esac
    journal=$home/logs/hermes-svc.jsonl begin='' signal=${EXIT_STATUS-}; [ -n "$started" ] || uptime=null
    [ ! -f "$journal" ] || [ -z "$(limited find "$journal" -size +4194304c)" ] || limited mv -f "$journal" "$journal.1"
    if [ -f "$journal" ]; then [ -z "$(limited tail -c 1 "$journal")" ] || begin='\n'; fi
    { [ -f "$journal" ] || [ ! -e "$journal" ]; } && { printf "$begin"'{"time":"%s","event":"end","code":"%s","status":"%s","result":"%s","uptimeMs":%s,"reason":"%s","failures":%s,"delayMs":%s}\n' \
      "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${EXIT_CODE-}" "${signal#SIG}" "${SERVICE_RESULT-}" "$uptime" "$reason" "$failures" "$delay" >>"$journal"; } 2>/dev/null
    rm -f "$state/stopping" "$state/started" "$state/began" "$state/oom" 2>/dev/null ;; # last: until `started` is gone the end is not told whole
esac || :
