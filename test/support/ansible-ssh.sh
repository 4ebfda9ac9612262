#!/bin/sh
# In the place of ssh: ssh [option…] HOST COMMAND runs the command in the throw-away machine HOST, as root or as the account of -o User=. $ANSIBLE_TEST_MACHINES is a
# folder with one file for each machine, which contains the pid of its PID 1. As with ssh, the exit status is 255 if the machine cannot be reached.
# A run of the role comes here a hundred times, so what the shell can do itself is no process of its own.
user=root
while :; do
  case $1 in
    -o)
      case $2 in User=*) user=${2#User=} user=${user#\"} user=${user%\"} ;; esac
      shift 2
      ;;
    -p | -l | -i | -F) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
host=$1
shift
leader=
{ read -r leader <"$ANSIBLE_TEST_MACHINES/$host"; } 2>/dev/null
if [ -z "$leader" ] || [ ! -d "/proc/$leader/ns" ]; then
  echo "ssh: connect to host $host port 22: No route to host" >&2
  exit 255
fi
# The cgroup of the machine's PID 1, as systemd-nspawn sees it: logind refuses callers whose cgroup it cannot see.
while read -r name value; do [ "$name" != PPid: ] || keeper=$value; done <"/proc/$leader/status"
while read -r line; do case $line in 0::*) group=${line#0::} ;; esac done <"/proc/$leader/cgroup"
echo $$ >"/proc/$keeper/root/sys/fs/cgroup$group/cgroup.procs" || exit 255
# The command gets what a login would give it.
# shellcheck disable=SC2016 # the inner shell expands it
exec nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup -- env -i sh -c '
  IFS=: read -r name _ uid gid _ home _ <<END
$(getent passwd "$1")
END
  cd "$home" || exit 255
  export HOME="$home" USER="$name" LOGNAME="$name" SHELL=/bin/sh LANG=C.UTF-8 XDG_RUNTIME_DIR="/run/user/$uid"
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  exec setpriv --reuid="$uid" --regid="$gid" --init-groups sh -c "$2"
' sh "$user" "$*"
