# $1: scan directory. $2: slot. A slot without a supervisor is down.
s6-svok "$2" 2>/dev/null || exit 0
exec s6-svc -d "$2"
