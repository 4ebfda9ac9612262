# Makes what s6-supervise makes of slots, in which nobody but who runs this can change anything. $1: uid:gid. $2...: slots. s6-supervise keeps what is there:
# of the FIFO its user has what it takes to control its gateway, and all else stays with root, who opens it by name (as s6-svperms does it). Modes of
# fifodirs: s6-mkfifodir. What is given away is root's until its mode is set: that of another's takes a further capability. Each program is run once, however
# many slots there are.
owner=$1
shift
newline='
'
supervise='' events='' fifos='' missing=''
for slot; do
  for at in "$slot" "$slot/log"; do
    supervise=$supervise$newline$at/supervise
    events=$events$newline$at/event$newline$at/supervise/event
    fifos=$fifos$newline$at/supervise/control
    [ -p "$at/supervise/control" ] || missing=$missing$newline$at/supervise/control
  done
done
set -f
IFS=$newline
mkdir -p -- $events || exit
[ -z "$missing" ] || mkfifo -- $missing || exit
[ "$(id -u)" != 0 ] || chown -h -- 0:0 $fifos || exit
chmod -- 0755 $supervise && chmod -- 3730 $events && chmod -- 0660 $fifos && chown -h -- "$owner" $fifos
