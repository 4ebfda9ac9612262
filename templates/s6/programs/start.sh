# Has s6-svscan take up a slot that it does not supervise yet, and starts its service. $1: scan directory. $2: slot. $3: `restart` where one that is up, or
# waits for its next start, is to be ended and started anew; s6-svc -t alone does nothing to one that is down.
fresh=
s6-svok "$2" 2>/dev/null || {
  fresh=1
  s6-svscanctl -a "$1" || exit
  tries=0
  until s6-svok "$2" 2>/dev/null; do
    [ $((tries += 1)) -le 200 ] || { echo "s6-svscan does not take up $2" >&2; exit 1; }
    sleep 0.05
  done
}
up=
if [ "${3-}" = restart ]; then
  [ -f "$2/supervise/status" ] || exit
  up=$(s6-svstat -o up "$2") || exit
fi
s6-svdt-clear "$2" 2>/dev/null
s6-svc -u "$2" || exit
[ "$up" != true ] || [ -n "$fresh" ] || exec s6-svc -t "$2"
