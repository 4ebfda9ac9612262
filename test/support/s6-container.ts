import type {ServiceReport} from '../../src/observe/report.js'
import {type ChildProcess, spawn} from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type {StandInConfig, StandInEvent} from '../../src/smoke/stand-in/config.js'
import {describeUnless} from './describe-unless.js'
import {testHost, waitFor} from './machines.js'
import type {MemoryGroup} from './memory-group.js'
import {CONTAINER_NODE, Runner} from './runner.js'

/** uid and gid of the image's own user. */
export const HERMES_ID = 10_000
/** Where the volume is inside, as in upstream's image. */
export const HOME = '/opt/data'
const PACKAGE = '/opt/hermes-svc'
export const STAND_IN = `${PACKAGE}/dist/stand-in/hermes`
/** How hermes-svc is run inside. */
export const CONTAINER_PROGRAM = [CONTAINER_NODE, `${PACKAGE}/bin/hermes-svc.cjs`] as const

/** What of s6-overlay's /command is made of the programs that Debian has. */
const S6_PROGRAMS = fs.existsSync('/usr/bin') ? fs.readdirSync('/usr/bin').filter((name) => /^s6-|^execlineb$/.test(name)) : []

/**
 * Why no container can be booted here; undefined if one can.
 * @public The benchmark asks it too.
 */
export function whyNoContainer(): string | undefined {
  if (process.platform !== 'linux') return 'a container needs Linux'
  if (process.getuid?.() !== 0) return 'a container needs root'
  const missing = ['s6-svscan', 'execlineb', 'unshare', 'nsenter', 'setpriv', 'flock', 'python3'].filter(
    (program) => !testHost.which(program),
  )
  return missing.length > 0 ? `not installed: ${missing.join(', ')} (Debian packages s6, execline, util-linux, python3)` : undefined
}

/** A suite that needs containers. */
export function describeInContainer(name: string, body: () => void): void {
  describeUnless(whyNoContainer(), name, body)
}

/**
 * sh program that keeps a mount namespace with volumes in memory, as one folder each below /mnt. It dies with the test, and with it the
 * namespace and all that is in it: nothing is ever written to this machine's own files.
 */
const KEEP = `set -eu
mount -n -t tmpfs -o mode=0755 hermes-svc-test /mnt
mkdir /mnt/volumes
echo ready
exec sleep infinity
`

/** $1: package. $2: node. $3: volume. $4: name of the container's root. $5: folder of its control group, if it has one that it can see, and $6: where. Makes what a container of upstream's image has, then becomes its PID 1. */
const BOOT = `set -eu
umask 022
package=$1 node=$2 volume=$3 root=/mnt/$4 group=$5 seen=$6
mkdir -p "$root"
mount -n -t tmpfs -o mode=0755 container "$root"
cd "$root"
mkdir -p proc dev etc tmp run root home opt/data opt/hermes-svc usr command var/tmp run/service run/s6/basedir run/s6/container_environment
chmod 1777 tmp var/tmp
for link in bin sbin lib lib32 lib64 libx32; do if [ -L "/$link" ]; then cp -P "/$link" "$link"; elif [ -d "/$link" ]; then mkdir "$link" && mount -n --bind "/$link" "$link"; fi; done
mount -n --rbind /usr usr
mount -n --rbind /dev dev
cp -a /etc/ld.so.cache /etc/nsswitch.conf /etc/alternatives etc/ 2>/dev/null || :
printf '%s\\n' 'root:x:0:0:root:/root:/bin/sh' 'hermes:x:${HERMES_ID}:${HERMES_ID}:hermes:/opt/data:/bin/sh' >etc/passwd
printf '%s\\n' 'root:x:0:' 'hermes:x:${HERMES_ID}:' >etc/group
: >opt/node
mount -n --bind "$node" opt/node
mkdir opt/hermes-svc/bin opt/hermes-svc/dist opt/hermes-svc/templates
for part in bin dist templates; do mount -n --bind "$package/$part" "opt/hermes-svc/$part"; done
cp "$package/package.json" opt/hermes-svc/
mount -n --bind "$volume" opt/data
ln -s ${S6_PROGRAMS.map((name) => `/usr/bin/${name}`).join(' ')} command/
cat >command/with-contenv <<'END'
#!/bin/sh
# As s6-overlay's: the variables that the container was started with, then the program.
exec /command/s6-envdir -fn -- /run/s6/container_environment "$@"
END
chmod 755 command/with-contenv
printf '%s' /opt/data >run/s6/container_environment/HERMES_HOME
printf '%s' /opt/hermes/bin:/command:/usr/local/bin:/usr/bin:/bin >run/s6/container_environment/PATH
printf '%s' 300000 >run/s6/container_environment/S6_KILL_GRACETIME
printf '%s' from-the-container >run/s6/container_environment/CONTAINER_VARIABLE
if [ -n "$group" ]; then
  mkdir -p ".$seen"
  mount -n --bind "$group" ".$seen"
  echo 0 >"$group/cgroup.procs"
fi
mkdir -p opt/hermes/bin
ln -s ${STAND_IN} opt/hermes/bin/hermes
mkdir -p .old
pivot_root . .old
mount -n -t proc proc /proc
umount -n -l /.old
rmdir /.old
cd /
exec env -i PATH=/command:/usr/bin:/bin s6-svscan -d 3 /run/service 3>/run/s6/ready
`

/** What Docker gives root in a container unless told otherwise: no CAP_SYS_PTRACE. For setpriv(1). */
export const DOCKER_CAPABILITIES =
  '+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap'

/** A program's end within a container. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** stdout as JSON. Throws, with all the output, if it is none. */
  json<T = Record<string, unknown>>(): T
}

export interface ExecOptions {
  /** Default 0. */
  readonly uid?: number
  /** What root may do, for setpriv(1); default: everything. */
  readonly capabilities?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutSec?: number
}

let containers = 0

/** Volumes that containers mount; they last as long as the test, however it ends. */
export class Volumes {
  private constructor(private readonly keeper: ChildProcess) {}

  static async make(): Promise<Volumes> {
    // A worker of vitest may outlive the process that runs it; with it all containers end.
    process.once('disconnect', () => process.exit(1))
    const keeper = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private', 'sh', '-c', KEEP], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise<void>((resolve, reject) => {
      keeper.stdout.once('data', () => resolve())
      keeper.once('exit', (code) => reject(new Error(`the volumes could not be made: exit ${code}`)))
    })
    return new Volumes(keeper)
  }

  get pid(): number {
    return this.keeper.pid ?? 0
  }

  /** A new volume, owned by the image's user. */
  volume(): Volume {
    const name = `volume-${(containers += 1)}`
    const folder = `/proc/${this.pid}/root/mnt/volumes/${name}`
    fs.mkdirSync(folder)
    fs.chownSync(folder, HERMES_ID, HERMES_ID)
    return new Volume(this, `/mnt/volumes/${name}`, folder)
  }

  async drop(): Promise<void> {
    const ended = new Promise((resolve) => this.keeper.once('exit', resolve))
    if (this.keeper.exitCode !== null || this.keeper.signalCode !== null) return
    this.keeper.kill('SIGKILL')
    await ended
  }
}

/** A volume with homes, as it is seen from outside: all paths are relative to it. */
export class Volume {
  constructor(
    readonly volumes: Volumes,
    /** As the keeper's namespace has it. */
    readonly source: string,
    private readonly folder: string,
  ) {}

  path(...names: string[]): string {
    return path.join(this.folder, ...names)
  }

  /** Writes a file, and the folders above it, as the image's user. */
  write(name: string, content: string | object, uid = HERMES_ID): void {
    let place = this.folder
    for (const part of path.dirname(name).split('/')) {
      place = path.join(place, part)
      if (fs.existsSync(place)) continue
      fs.mkdirSync(place)
      fs.chownSync(place, HERMES_ID, HERMES_ID)
    }
    const file = this.path(name)
    fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
    fs.chownSync(file, uid, uid)
  }

  read(name: string): string | undefined {
    return fs.existsSync(this.path(name)) ? fs.readFileSync(this.path(name), 'utf8') : undefined
  }

  json<T = Record<string, unknown>>(name: string): T {
    return JSON.parse(this.read(name) ?? 'null') as T
  }

  remove(name: string): void {
    fs.rmSync(this.path(name), {force: true, recursive: true})
  }

  exists(name: string): boolean {
    return fs.existsSync(this.path(name))
  }

  /** The home of a profile, relative to the volume; made, with what makes it a real one, if it is not there. */
  profile(name: string, standIn: StandInConfig = {}): string {
    const home = name === 'default' ? '.' : `profiles/${name}`
    if (name !== 'default') this.write(`${home}/SOUL.md`, 'a soul\n')
    this.write(`${home}/stand-in.json`, standIn)
    return home
  }

  /** What a profile's stand-in has noted, whole lines only. */
  events(home: string): StandInEvent[] {
    const lines = (this.read(`${home}/stand-in.starts`) ?? '').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as StandInEvent)
  }
}

/** A container with a real s6-svscan as PID 1 of its own PID and mount namespaces. */
export class S6Container {
  private constructor(
    private readonly child: ChildProcess,
    /** As this machine sees it. */
    readonly initPid: number,
    readonly volume: Volume,
    private readonly runner: Runner,
    private readonly output: () => string,
  ) {}

  /** Boots one on a volume, up to a s6-svscan that listens; nothing is in its scan directory yet. `group`: its limit of memory. */
  static async boot(volume: Volume, group?: MemoryGroup): Promise<S6Container> {
    const root = `container-${(containers += 1)}`
    const argv = ['--mount', '--target', String(volume.volumes.pid), '--', 'setpriv', '--pdeathsig', 'KILL', 'unshare', '--pid', '--mount']
    const more = [
      '--fork',
      '--kill-child=KILL',
      'sh',
      '-c',
      BOOT,
      'boot',
      testHost.packageRoot,
      fs.realpathSync(process.execPath),
      volume.source,
      root,
      group?.folder ?? '',
      group?.hierarchy.seenInside ?? '',
    ]
    const child = spawn('nsenter', [...argv, ...more], {stdio: ['ignore', 'pipe', 'pipe']})
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const initPid = await waitFor(() => {
      if (child.exitCode !== null) throw new Error(`the container ended: ${output}`)
      const init = childOf(child.pid ?? 0)
      return init !== undefined && fs.existsSync(`/proc/${init}/root/run/service/.s6-svscan/control`) && comm(init) === 's6-svscan' && init
    }, 's6-svscan as PID 1')
    const runner = await Runner.start((argv) => entered(initPid, argv), `/proc/${initPid}/root`)
    const container = new S6Container(child, initPid, volume, runner, () => output)
    await waitFor(() => container.sh('s6-svscanctl -a /run/service').then(({code}) => code === 0), 's6-svscan to listen')
    return container
  }

  /** What all services printed. */
  get log(): string {
    return this.output()
  }

  /** A file inside, as a path from outside. */
  path(inside: string): string {
    return `/proc/${this.initPid}/root${inside}`
  }

  /** Runs a program inside, with the container's environment, as `docker exec` does. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<Ended> {
    const uid = options.uid ?? 0
    const env = {
      PATH: '/opt/hermes/bin:/command:/usr/local/bin:/usr/bin:/bin',
      HOME: uid === 0 ? '/root' : HOME,
      HERMES_HOME: HOME,
      LC_ALL: 'C.UTF-8',
      ...options.env,
    }
    const {capabilities, timeoutSec = 60} = options
    const limited = capabilities === undefined ? argv : ['setpriv', '--inh-caps=-all', `--bounding-set=-all,${capabilities}`, '--', ...argv]
    const {code, stdout, stderr} = await this.runner.run({argv: limited, uid, gid: uid, cwd: '/', env, timeoutMs: timeoutSec * 1000})
    return {code, stdout, stderr, json: <T>() => parseJson<T>(stdout, `${argv.join(' ')}: exit ${code}\n${stdout}\n${stderr}`)}
  }

  sh(program: string, options: ExecOptions = {}): Promise<Ended> {
    return this.exec(['sh', '-c', program], options)
  }

  /** Runs hermes-svc inside, as root unless told otherwise. */
  hermesSvc(args: readonly string[], options: ExecOptions = {}): Promise<Ended> {
    return this.exec([...CONTAINER_PROGRAM, ...args], options)
  }

  /** Runs a command that must succeed. */
  async must(args: readonly string[], options: ExecOptions = {}): Promise<Ended> {
    const result = await this.hermesSvc(args, options)
    if (result.code !== 0) throw new Error(`hermes-svc ${args.join(' ')} ended with ${result.code}:\n${result.stdout}\n${result.stderr}`)
    return result
  }

  async status(profile = 'default', options: ExecOptions = {}): Promise<ServiceReport & {readonly exit: number | null}> {
    const result = await this.hermesSvc(['status', '-p', profile, '--json'], options)
    return {...result.json<ServiceReport>(), exit: result.code}
  }

  /** Fields of `s6-svstat -o` of a profile's slot; empty if it has no supervisor. */
  async svstat(fields: string, profile = 'default'): Promise<string[]> {
    const {stdout} = await this.exec(['s6-svstat', '-o', fields, `/run/service/gateway-${profile}`])
    return stdout.trim().split(' ').filter(Boolean)
  }

  /** The pid inside of the gateway that says that it runs, once it is another one than `formerPid`. */
  async comesUp(profile = 'default', formerPid = 0): Promise<number> {
    const what = () => `a gateway of ${profile} other than ${formerPid}; the container says: ${this.log}`
    // What it notes itself is cheaper to ask for than a whole status.
    const home = profile === 'default' ? '.' : `profiles/${profile}`
    await waitFor(() => this.volume.events(home).some(({event, pid}) => event === 'running' && pid !== formerPid), what())
    return waitFor(async () => {
      const {actual, verdict} = await this.status(profile)
      return actual === 'running' && verdict.pid !== null && verdict.pid !== formerPid && verdict.pid
    }, what())
  }

  /** What `docker stop` does: SIGTERM to PID 1, and SIGKILL to all if that is not enough within the time. */
  async stop(withinMs = 10_000): Promise<void> {
    this.signal('SIGTERM')
    const limit = setTimeout(() => void this.kill(), withinMs)
    await this.ended()
    clearTimeout(limit)
  }

  /** What a crash of the machine does: everything ends at once. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
  }

  /** A new container on the same volume. */
  async restart(how: 'stop' | 'kill' = 'stop'): Promise<S6Container> {
    await this[how]()
    return S6Container.boot(this.volume)
  }

  private signal(signal: NodeJS.Signals): void {
    if (childOf(this.child.pid ?? 0) === this.initPid) process.kill(this.initPid, signal)
  }

  private async ended(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    await new Promise((resolve) => this.child.once('exit', resolve))
  }
}

/** Runs a program in the namespaces of a process. Resolves when it has ended. */
function entered(pid: number, argv: readonly string[]): Promise<{stderr: string}> {
  const child = spawn('nsenter', ['--target', String(pid), '--mount', '--pid', '--', ...argv], {
    env: {PATH: '/usr/bin:/bin'},
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve({stderr}))
  })
}

/** The first child of a process, as this machine sees it. */
function childOf(pid: number): number | undefined {
  const file = `/proc/${pid}/task/${pid}/children`
  const child = fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8').split(' ')[0]) : 0
  return child > 0 ? child : undefined
}

function comm(pid: number): string | undefined {
  return fs.existsSync(`/proc/${pid}/comm`) ? fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : undefined
}

function parseJson<T>(text: string, what: string): T {
  try {
    return JSON.parse(text) as T
  } catch {
    throw new Error(`no JSON on stdout: ${what}`)
  }
}
