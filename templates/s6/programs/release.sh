# Lets slots go that were kept down until all have a supervisor. "u" is what s6-svc -u writes, whose fifty processes would have to vie with the gateways
# that start. One without a supervisor comes up with it, if its down file is gone. Arguments: slots.
for slot; do
  printf u 1<>"$slot/supervise/control"
done
