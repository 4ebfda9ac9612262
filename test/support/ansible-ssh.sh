#!/bin/sh
# In the place of ssh: ssh [option…] HOST COMMAND runs the command in the throw-away machine HOST, as root or as the account of -o User=. $ANSIBLE_TEST_MACHINES is a
# folder with one file for each machine, which contains the pid of its PID 1. As with ssh, the exit status is 255 if the machine cannot be reached.
user=root
while :; do
  case $1 in
    -o)
      case $2 in User=*) user=$(printf %s "${2#User=}" | tr -d '"') ;; esac
      shift 2
      ;;
    -p | -l | -i | -F) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
host=$1
shift
leader=$(cat "$ANSIBLE_TEST_MACHINES/$host" 2>/dev/null)
if [ -z "$leader" ] || [ ! -d "/proc/$leader/ns" ]; then
  echo "ssh: connect to host $host port 22: No route to host" >&2
  exit 255
fi
# The cgroup of the machine's PID 1, as systemd-nspawn sees it: logind refuses callers whose cgroup it cannot see.
keeper=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$leader/status")
group=$(sed -n 's/^0:://p' "/proc/$leader/cgroup")
echo $$ >"/proc/$keeper/root/sys/fs/cgroup$group/cgroup.procs" || exit 255
# The command gets what a login would give it.
# shellcheck disable=SC2016 # the inner shell expands it
exec nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup -- env -i sh -c '
  IFS=: read -r name _ uid gid _ home _ <<END
$(getent passwd "$1")
END
  cd "$home" || exit 255
  path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  exec setpriv --reuid="$uid" --regid="$gid" --init-groups env HOME="$home" USER="$name" LOGNAME="$name" SHELL=/bin/sh LANG=C.UTF-8 PATH="$path" \
    XDG_RUNTIME_DIR="/run/user/$uid" sh -c "$2"
' sh "$user" "$*"
