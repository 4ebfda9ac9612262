# Takes files away in which failures are counted. $1: slot. $2...: files. The end of the gateway may be about to come, or to be counted by the finish script and
# noted for `history`: that is waited for.
slot=$1
shift
tries=0
while [ $((tries += 1)) -le 200 ]; do
  case $(s6-svstat "$slot" 2>/dev/null) in
    up*', want down'* | down*', want up'*) ;;
    # `ready` is one that is down with its finish script done.
    up* | *', ready '* | '') break ;;
  esac
  sleep 0.05
done
exec rm -f -- "$@"
