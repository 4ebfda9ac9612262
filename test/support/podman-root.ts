import {execFile} from 'node:child_process'
import {createHash} from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import {systemd257Root} from './systemd-257-root.js'

const BUILD_TIMEOUT_MS = 10 * 60_000

/**
 * sh program. $1: root of a Debian 13. $2: folder for what Debian's podman consists of. The root stays as it is: a temporary layer is over it.
 * In a mount namespace of its own, so that whatever ends it leaves nothing mounted.
 */
const BUILD = `set -eu
[ ! -d "$2" ] || exit 0
rm -rf --one-file-system "$2.tmp"
work=$(mktemp -d)
mount -t tmpfs none "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/upper,workdir=$work/work" "$work/root"
cp -L /etc/resolv.conf /etc/hosts "$work/root/etc"
mount -t proc proc "$work/root/proc"
chroot "$work/root" sh -c 'cd /tmp && apt-get -q update && apt-get -q -o APT::Sandbox::User=root download podman && dpkg-deb -x podman_*.deb /podman'
cp -a "$work/root/podman" "$2.tmp"
mv "$2.tmp" "$2"
`

/**
 * The folder with the files of Debian 13's package podman (`usr/libexec/podman/quadlet`, `usr/bin/podman`), or the reason why there is none. They are fetched
 * once (network, 25 MB) into the folder where the root of that Debian is.
 */
export async function podmanRoot(): Promise<{readonly root: string} | {readonly reason: string}> {
  const debian = await systemd257Root()
  if ('reason' in debian) return debian
  const recipe = createHash('sha256')
    .update(JSON.stringify([debian.root, BUILD]))
    .digest('hex')
    .slice(0, 8)
  const root = path.join(path.dirname(debian.root), `podman-${recipe}`)
  if (fs.existsSync(root)) return {root}
  const build = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', BUILD, 'build', debian.root, root]
  const output = await new Promise<string | undefined>((resolve) => {
    execFile('flock', [`${root}.lock`, ...build], {timeout: BUILD_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024}, (error, stdout, stderr) => {
      resolve(error ? stdout + stderr || error.message : undefined)
    })
  })
  return output === undefined ? {root} : {reason: `Debian's podman cannot be fetched: ${output.trim().split('\n').at(-1)}`}
}
