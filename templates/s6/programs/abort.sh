# Kills a service and waits for its end. $1: scan directory. $2: slot. -D: down, and its finish script done (s6-svwait), which puts a FIFO of its own into the
# slot to be told. Only root may, so its user waits for the end of the gateway alone.
s6-svok "$2" 2>/dev/null || exit 0
s6-svc -d "$2" || exit
s6-svc -k "$2" || exit
[ ! -w "$2/event" ] || exec s6-svwait -D -t 10000 "$2"
tries=0
until [ "$(s6-svstat -o up "$2")" = false ]; do
  [ $((tries += 1)) -le 200 ] || { echo "$2 does not end" >&2; exit 1; }
  sleep 0.05
done
