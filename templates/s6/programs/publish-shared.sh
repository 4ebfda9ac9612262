# Puts the slot in place that all services share. $1: where it was built. $2: its place. Another command may have put its own there meanwhile; then its files are
# replaced, each at once.
if [ -d "$2" ]; then
  for file in "$1"/*; do mv -f -- "$file" "$2/" || exit; done
  exec rm -rf -- "$1"
fi
exec mv -- "$1" "$2"
