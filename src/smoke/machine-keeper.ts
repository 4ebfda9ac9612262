/** What the state folder, the cgroup and the scope of a throw-away machine begin with; the machine's name follows. */
export const STATE_PREFIX = '/run/hermes-svc-machine-'

/**
 * Shows all of cgroup2 at /sys/fs/cgroup, writable. For a mount namespace of one's own: a host without systemd may have mounted cgroup2
 * elsewhere (beside v1 controllers), read-only or not at all.
 */
const MOUNT_CGROUP2 = `umount -n -R -l /sys/fs/cgroup 2>/dev/null || :
mount -n -t cgroup2 cgroup2 /sys/fs/cgroup
`

/** sh program in a mount namespace of its own. $1: state folder. Kills what is left in the machine's cgroup and removes it. */
const SWEEP = `${MOUNT_CGROUP2}
group=/sys/fs/cgroup/\${1##*/}
tries=0
while [ -d "$group" ] && [ $((tries += 1)) -le 100 ]; do
  echo 1 >"$group/cgroup.kill" || :
  find "$group" -depth -type d -exec rmdir {} + && break
  sleep 0.05
done 2>/dev/null
[ ! -d "$group" ]
`

/**
 * sh program (util-linux) that keeps one machine: starts it, waits for the end of stdin or of the machine, then removes every trace.
 * $1: sweep program. $2: starter program. $3: state folder. $4...: further arguments of the starter.
 *
 * The state folder is locked (flock(1)) for as long as the keeper lives: one that nobody holds was left by a keeper that was killed, and
 * is swept by the next one that starts. Mounts need no removal: they are in the machine's own namespace. The machine is in a pid
 * namespace whose first process the kernel kills when the keeper dies (PR_SET_PDEATHSIG, prctl(2)), and with it all that is inside;
 * systemd-nspawn's own death alone would leave the machine running. Exit status: 0 when the machine has ended (by itself: the end of its
 * console on stdout), 73 when the name is taken, 70 when something is left.
 */
const KEEP = `set -u
sweep=$1 starter=$2 state=$3
sweep() {
  # as the host's PID 1, systemd made the machine's cgroup (a scope) and removes it itself
  [ -d /run/systemd/system ] || unshare --mount --propagation private sh -c "$sweep" sweep "$1" || return
  rm -rf -- "$1"
}
for old in ${STATE_PREFIX}*; do
  [ -d "$old" ] && (exec 9<"$old" && flock -n 9 && sweep "$old") 2>/dev/null
done
while :; do
  mkdir -p -m 0700 "$state" || exit
  command exec 9<"$state" || continue
  flock -w 2 9 || exit 73
  [ "$state" -ef /proc/self/fd/9 ] && break
done

stopping=
trap 'stopping=1' USR1 INT TERM HUP
exec 3<&0 4>&1 0</dev/null >"$state/console" 2>&1
setpriv --pdeathsig KILL sh -c 'read -r _; kill -USR1 "$1"' watch $$ 0<&3 3<&- 4>&- 9<&- &
watch=$!
exec 3<&-
shift 2
set -- unshare --mount --propagation slave --pid --fork --kill-child=KILL --mount-proc sh -c "$starter" start "$@"
[ ! -d /run/systemd/system ] || set -- systemd-run --scope --quiet --collect --property=Delegate=yes \\
  --unit="\${state##*/}" --description='Throw-away machine of hermes-svc' -- "$@"
setpriv --pdeathsig KILL "$@" 4>&- 9<&- &
machine=$!
child() { grep -lsx "PPid:[[:space:]]*$machine" /proc/[0-9]*/status | tr -dc 0-9; }

# a signal that is trapped ends wait(1) early
[ "$stopping" ] || wait "$machine"
if [ "$stopping" ]; then
  # the first process of the pid namespace, so that unshare ends when all of them are gone
  kill -KILL "$(child)" 2>/dev/null || kill -KILL "$machine" 2>/dev/null
  wait "$machine"
else
  # it ended by itself: the last words, for an owner who may be gone
  trap '' PIPE
  tail -n 15 "$state/console" >&4 2>/dev/null
fi
kill -KILL "$watch" 2>/dev/null
sweep "$state" || exit 70
exit 0
`

/**
 * sh program that becomes the machine's systemd-nspawn(1), in mount and pid namespaces of its own. $1: state folder. $2: root of the
 * machine. $3: machine name. Then three arguments an item: "copy" or "bind", a path on the host, a path below the private folder; then
 * "--" and further options of systemd-nspawn, in which the private folder is /run.
 *
 * The machine boots none of the services, timers, jobs, mounts and lingering users of the host whose root it sees: /etc/systemd/system,
 * /home and the like are empty, and its target asks for the bus and logind alone. It has a network of its own, that leads nowhere.
 */
const START = `set -eu
umask 022
state=$1 root=$2 name=$3
shift 3
if [ ! -d /run/systemd/system ]; then
  ${MOUNT_CGROUP2}
  mkdir "/sys/fs/cgroup/\${state##*/}"
  echo $$ >"/sys/fs/cgroup/\${state##*/}/cgroup.procs"
fi
mount -n -t tmpfs -o mode=0755 hermes-svc "$state"
cd "$state"
mkdir root package units
mount -n --bind "$root" root
while [ "$1" != -- ]; do
  mkdir -p "$(dirname "$3")"
  case $1 in
    copy) cp -RL -- "$2" "$3" ;;
    bind) if [ -d "$2" ]; then mkdir -p "$3"; else : >"$3"; fi && mount -n --bind "$2" "$3" ;;
  esac
  shift 3
done
shift
chown -R 0:0 package
chmod -R a+rX,go-w package
cat >units/default.target <<'END'
[Unit]
Description=Throw-away machine of hermes-svc
Requires=sysinit.target
Wants=dbus.socket systemd-logind.service systemd-user-sessions.service
After=sysinit.target
AllowIsolate=yes
END
: >empty
[ ! -e root/etc/fstab ] || set -- --bind-ro=/run/empty:/etc/fstab "$@"
# nspawn leaves locks and mount points in both when it is killed
mount -n -t tmpfs -o mode=1777 hermes-svc /tmp
mount -n --move "$state" /run
exec env -i PATH="$PATH" SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --register=no --keep-unit --settings=no \\
  --directory=/run/root --volatile=overlay --machine="$name" --private-network --link-journal=no --resolv-conf=off --timezone=off \\
  --bind=/run/units:/etc/systemd/system --tmpfs=/etc/systemd/user --tmpfs=/home --tmpfs=/root:mode=0700 \\
  --tmpfs=/var/lib/systemd/linger --tmpfs=/var/log/journal "$@" --boot
`

/** The command line of the keeper. `starterArgs`: those of START from $2 on. */
export function keeperArgv(state: string, starterArgs: readonly string[]): readonly string[] {
  return ['sh', '-c', KEEP, 'hermes-svc-machine', SWEEP, START, state, ...starterArgs]
}
