# Takes files away in which failures are counted. $1: slot. $2...: files. The finish script may be about to count the end of the gateway, and to note it for
# `history`: that is waited for. It is at work in a service that is down and to come up again, and at first in one that is to stay down.
slot=$1
shift
tries=0
[ "$(s6-svstat -o wantedup "$slot" 2>/dev/null)" != false ] || s6-svwait -D -t 10000 "$slot" 2>/dev/null || :
while [ "$(s6-svstat -o up,wantedup "$slot" 2>/dev/null)" = 'false true' ] && [ $((tries += 1)) -le 200 ]; do
  sleep 0.05
done
exec rm -f -- "$@"
