# Tells the gateway that the end it is about to be sent is meant; one that is not let go yet needs no telling. $1: scan directory. $2: slot. $3: helpers.
# $4: memory. $5: home.
started=
[ -f "$4/started" ] && IFS= read -r started <"$4/started"
[ -n "$started" ] && [ -f "$2/supervise/status" ] || exit 0
MAINPID=$(s6-svstat -o pid "$2" 2>/dev/null) || exit 0
export MAINPID
[ ! -r "$3/service-helper.sh" ] || exec /bin/sh "$3/service-helper.sh" before-stop "home=$5" "state=$4"
# A slot that an earlier hermes-svc made, until the next install or boot.
[ ! -r "$3/before-stop.sh" ] || exec /bin/sh "$3/before-stop.sh" "$4"
