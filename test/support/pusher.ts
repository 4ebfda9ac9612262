import {fileURLToPath} from 'node:url'

/** The program that pushes characters into every terminal it can reach; it says itself how. */
export const PUSHER = fileURLToPath(new URL('push-at-terminal.py', import.meta.url))
/** The characters. */
export const PUSHED = 'PUSHED'
/** Where it notes each of its starts; anybody must be able to write there. */
export const SEEN = '/opt/push/seen'

interface Seen {
  readonly program: string
  /** Terminals that it could reach, and into how many of them it could push characters. */
  readonly reached: number
  readonly pushed: number
  /** Of what had stayed behind when the program that root's command had started had ended. */
  readonly isLate: boolean
}

/** sh, as root. $@: a program, whose terminal is there until what it has started, and has stayed behind, has pushed. */
export const UNTIL_PUSHED = `"$@"
while pgrep -f '^/usr/bin/python3 -IS /' >/dev/null; do sleep 0.1; done`

/** The starts that it has noted. */
export function pushersSeen(text: string | undefined): Seen[] {
  const lines = (text ?? '').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as Seen)
}

/** sh, as root, where it may mount. $1: the program. $2: uid. Others: programs in whose places it is put. */
export const TAKE_PLACES = `set -e
program=$1
mkdir -p /opt/push/real
echo "$2" >/opt/push/order
shift 2
{ echo '#!/usr/bin/python3 -IS'; cat "$program"; } >/opt/push/program
chmod 755 /opt/push/program /opt/push /opt/push/real
for name; do
  place=$(readlink -f "$(command -v "$name" | grep / || echo "/usr/bin/$name")")
  [ -e "$place" ] || continue
  cp -a "$place" "/opt/push/real/$name"
  mount --bind /opt/push/program "$place"
done
`
