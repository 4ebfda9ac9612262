import {execFile} from 'node:child_process'
import {createHash} from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const SUITE = 'trixie'
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'libpam-systemd', 'dbus-user-session', 'python3', 'sudo', 'procps', 'polkitd']
const BUILD_TIMEOUT_MS = 15 * 60_000

/**
 * sh program. $1: folder of the finished root. $2: packages. $3: suite. $4: mirror, or nothing for debootstrap's own choice.
 * In a mount namespace of its own, so that a debootstrap that is killed leaves nothing mounted on the host.
 */
const BUILD = `set -eu
[ ! -d "$1" ] || exit 0
rm -rf --one-file-system "$1.tmp"
debootstrap --variant=minbase --include="$2" "$3" "$1.tmp" $4
rm -rf "$1.tmp"/var/cache/apt/archives/*.deb "$1.tmp"/var/lib/apt/lists/*
mv "$1.tmp" "$1"
`

/**
 * Root folder of a Debian 13 with systemd 257, to boot machines over, or the reason why there is none. It is built once (network, about
 * 35 s) into the user's cache folder; of several processes that ask at the same time one builds and the others wait.
 */
export async function systemd257Root(): Promise<{readonly root: string} | {readonly reason: string}> {
  if (process.platform !== 'linux') return {reason: 'needs Linux'}
  const recipe = createHash('sha256')
    .update(JSON.stringify([SUITE, PACKAGES, BUILD]))
    .digest('hex')
    .slice(0, 8)
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'hermes-svc-tests')
  const root = path.join(cache, `${SUITE}-${recipe}`)
  if (fs.existsSync(root)) return {root}
  if (process.geteuid?.() !== 0) return {reason: 'needs root, to build a Debian 13 with debootstrap'}
  if (!fs.existsSync('/usr/sbin/debootstrap')) return {reason: 'needs debootstrap: apt-get install -y debootstrap'}
  fs.mkdirSync(cache, {recursive: true})
  const build = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', BUILD, 'build']
  const argv = [`${root}.lock`, ...build, root, PACKAGES.join(','), SUITE, debianMirror(readAptSources()) ?? '']
  const output = await new Promise<string | undefined>((resolve) => {
    execFile('flock', argv, {timeout: BUILD_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024}, (error, stdout, stderr) => {
      resolve(error ? stdout + stderr || error.message : undefined)
    })
  })
  if (output === undefined) return {root}
  const lines = output.trim().split('\n')
  return {reason: `debootstrap of Debian 13 failed: ${lines.findLast((line) => line.startsWith('E:')) ?? lines.at(-1)}`}
}

interface AptSources {
  /** Contents of the files in the one-line style of sources.list(5). */
  readonly oneLine: readonly string[]
  /** Contents of the files in its deb822 style. */
  readonly deb822: readonly string[]
  /** Code name of the Debian release that runs here; undefined if it is another distribution. */
  readonly codename: string | undefined
}

function readAptSources(): AptSources {
  const read = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '')
  const folder = '/etc/apt/sources.list.d'
  const parts = fs.existsSync(folder) ? fs.readdirSync(folder).map((name) => path.join(folder, name)) : []
  const release = read('/etc/os-release')
  return {
    oneLine: ['/etc/apt/sources.list', ...parts.filter((file) => file.endsWith('.list'))].map(read),
    deb822: parts.filter((file) => file.endsWith('.sources')).map(read),
    codename: /^ID=debian$/m.test(release) ? /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1] : undefined,
  }
}

/** The http(s) mirror from which this Debian gets its own packages; undefined where its sources name none. See sources.list(5). */
export function debianMirror({oneLine, deb822, codename}: AptSources): string | undefined {
  if (codename === undefined) return undefined
  const entries = [
    ...oneLine
      .flatMap((text) => text.split('\n'))
      .map((line) => {
        const [type, uri, suite, ...components] = line
          .replace(/\[.*?\]/, ' ')
          .trim()
          .split(/\s+/)
        return {types: [type], uris: [uri], suites: [suite], components, enabled: true}
      }),
    ...deb822
      .flatMap((text) => text.replace(/^#.*\n?/gm, '').split(/\n\s*\n/))
      .map((stanza) => {
        const words = (field: string) => (new RegExp(`^${field}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1] ?? '').trim().split(/\s+/)
        return {
          types: words('Types'),
          uris: words('URIs'),
          suites: words('Suites'),
          components: words('Components'),
          enabled: !/^enabled:\s*no\s*$/im.test(stanza),
        }
      }),
  ]
  return entries
    .filter((entry) => entry.enabled && entry.types.includes('deb') && entry.suites.includes(codename) && entry.components.includes('main'))
    .flatMap((entry) => entry.uris)
    .find((uri) => uri !== undefined && /^https?:/.test(uri))
}
