# Ends the supervisor and takes the slot away. $1: scan directory. $2: name of the slot. $3: its memory, or empty. Root takes it back from its user first, a
# folder before what is in it, and looks at no supervisor through a link.
aside=$1/.$2.removed
is_supervised() {
  [ ! -L "$1/supervise" ] && [ ! -L "$1/supervise/control" ] && [ -p "$1/supervise/control" ] && s6-svok "$1" 2>/dev/null
}
rm -rf -- "$aside" "$1/.$2.hermes-svc" || exit
if [ -d "$1/$2" ]; then
  mv -- "$1/$2" "$aside" || exit
  if [ "$(id -u)" = 0 ] && [ ! -L "$aside" ]; then
    for at in "$aside" "$aside/supervise" "$aside/log" "$aside/log/supervise"; do
      if [ -d "$at" ] && [ ! -L "$at" ]; then chown -h -- 0:0 "$at" || exit; fi
    done
  fi
  # -n: supervisors whose slot is gone end (s6-svscanctl); without s6-svscan there are none.
  s6-svscanctl -an "$1" 2>/dev/null
  tries=0
  # The logger ends a moment after what it logs.
  while is_supervised "$aside" || is_supervised "$aside/log"; do
    [ $((tries += 1)) -le 200 ] || { echo "the supervisor of $2 does not end" >&2; exit 1; }
    sleep 0.05
  done
fi
rm -rf -- "$aside" ${3:+"$3"}
