# Ends when each slot has a supervisor, whose end of the control FIFO is what opening ours waits for. Not a process is started for it. Arguments: slots.
for slot; do
  : >"$slot/supervise/control" || exit
done
