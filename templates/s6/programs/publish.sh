# Puts slots in place. Arguments in twos: where a slot was built, and its place, where none may be. rename(2) within one folder is atomic.
while [ "$#" -ge 2 ]; do
  if [ -d "$1" ]; then
    [ ! -e "$2" ] || { echo "$2 is there already" >&2; exit 1; }
    mv -- "$1" "$2" || exit
  fi
  shift 2
done
