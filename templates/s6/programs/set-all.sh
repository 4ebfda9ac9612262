# Arguments in twos: -u or -d, and a slot that s6-svscan has been told of. One that its supervisor does not hear of yet is waited for, or stays down by its
# down file.
while [ "$#" -ge 2 ]; do
  tries=0
  until s6-svc "$1" "$2" 2>/dev/null; do
    [ "$1" = -u ] || break
    [ $((tries += 1)) -le 200 ] || { echo "s6-svscan does not take up $2" >&2; exit 1; }
    sleep 0.05
  done
  shift 2
done
