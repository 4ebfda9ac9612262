# Takes files away in which failures are counted. $1: slot. $2...: files. A service that is down and to come up again has its finish script at work, which may be
# about to count the end of its gateway: that is waited for.
slot=$1
shift
tries=0
while [ "$(s6-svstat -o up,wantedup "$slot" 2>/dev/null)" = 'false true' ] && [ $((tries += 1)) -le 200 ]; do
  sleep 0.05
done
exec rm -f -- "$@"
