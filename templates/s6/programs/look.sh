# Says of slots what s6 says of them. Arguments: slots. For each the fields of `s6-svstat -o`, then what `s6-svdt` has of its last ends, then a line of
# dashes. `none`: no supervisor; `hidden`: this user may not look.
for slot; do
  if [ -d "$slot/supervise" ] && [ ! -x "$slot/supervise" ]; then
    echo hidden
  elif [ ! -f "$slot/supervise/status" ]; then
    # Of a slot that is its user's this can be a FIFO, which would hold the look at all the others.
    echo none
  else
    s6-svstat -o up,wantedup,pid,exitcode,signum,updownfor "$slot" 2>/dev/null || echo none
    [ ! -f "$slot/supervise/death_tally" ] || s6-svdt -S "$slot" 2>/dev/null
  fi
  echo --
done
