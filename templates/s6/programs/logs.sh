# Prints what s6-log has written. $1: its folder. $2: lines, -1 for all. $3: since, or empty. $4: 1 to follow. $5: 1 for JSON Lines.
cd "$1" 2>/dev/null && [ -e current ] || exit 0
show() {
  if [ "$5" = 1 ]; then
    tr -d '\000-\010\013-\037' | sed -e 's/[\\"]/\\&/g' -e 's/\t/\\t/g' -e 's/.*/{"MESSAGE":"&"}/'
  else
    cat
  fi
}
since=
if [ -n "$3" ]; then since=$(date -d "$3" '+%Y-%m-%d %H:%M:%S') || exit; fi
past() {
  # Old files are named by their time, so they are in order; each line begins with its own.
  cat -- @*.s current 2>/dev/null | if [ -n "$since" ]; then awk -v since="$since" 'substr($0, 1, 19) >= since'; else cat; fi |
    if [ "$2" -ge 0 ]; then tail -n "$2"; else cat; fi
}
past "$@" | show "$@"
[ "$4" = 1 ] || exit 0
if [ "$5" = 1 ]; then
  tail -n 0 -F current | while IFS= read -r line; do printf '%s\n' "$line" | show "$@"; done
else
  exec tail -n 0 -F current
fi
