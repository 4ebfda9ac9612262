import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, whyNoMachine} from '../../src/smoke/machine.js'
import type {LaunchdEvent, LaunchdSwitches} from '../fakes/launchd/double.js'
import {describeUnless} from './describe-unless.js'
import {LocalMachine, whyNotHere} from './local-machine.js'
import {MacMachine, macJobs, turnIntoMac} from './mac-machine.js'
import {bootTestMachine, testHost, waitFor} from './machines.js'

const SOURCE = fileURLToPath(new URL('../fakes', import.meta.url))
/** Where the machine has the doubles, and where that of launchd keeps its state. */
const INSIDE = '/opt/fakes'
const STATE = '/run/launchd-double'

/**
 * A throw-away machine on which the launchd double runs as root, with `launchctl` where a Mac's user finds it: users, ids, files and
 * processes are real, only launchd is not. Our program takes it for a Mac: see MacMachine. Or a Mac of CI, with its own launchd and one user.
 */
export class LaunchdMachine {
  private readonly uids: {readonly gui: number[]; readonly user: number[]} = {gui: [], user: [0]}
  /** Users are added one after the other: each message has all of them, and the last one stands. */
  private adding: Promise<unknown> = Promise.resolve()
  private boots = 0

  private constructor(
    readonly machine: Machine,
    /** False on a Mac: there are no switches then, and nobody notes what launchctl was asked. */
    readonly isDouble: boolean,
  ) {}

  /** This very Mac. */
  static here(): LaunchdMachine {
    return new LaunchdMachine(new LocalMachine(), false)
  }

  static async boot(): Promise<LaunchdMachine> {
    const machine = await bootTestMachine({binds: [{source: SOURCE, target: INSIDE}]})
    try {
      const there = new LaunchdMachine(new MacMachine(machine), true)
      await there.sh(turnIntoMac(`${INSIDE}/mac`))
      await there.sh(START, [STATE, `${INSIDE}/launchd`])
      await waitFor(async () => (await there.launchctl('managername')).code === 0, 'the launchd double')
      await there.config({extraEnvironment: macJobs})
      return there
    } catch (error) {
      await machine.down()
      throw error
    }
  }

  /** Adds a user, who has a session at the desktop unless told otherwise. */
  addUser(name: string, {desktop = true}: {readonly desktop?: boolean} = {}): Promise<Account> {
    const added = this.adding.then(async () => {
      const user = await this.machine.addUser(name, {linger: false})
      if (!this.isDouble) return user
      this.uids.user.push(user.uid)
      if (desktop) this.uids.gui.push(user.uid)
      await this.config({guiUids: this.uids.gui, userUids: this.uids.user})
      return user
    })
    this.adding = added.catch(() => undefined)
    return added
  }

  /** Changes switches; resolves with what they were. */
  async config(switches: Partial<LaunchdSwitches>): Promise<Partial<LaunchdSwitches>> {
    const {was = {}} = await this.control({control: 'configure', switches})
    return was
  }

  async control(message: object): Promise<{was?: Partial<LaunchdSwitches>}> {
    const reply = JSON.parse(await this.sh(CONTROL, [STATE, JSON.stringify(message)])) as {error?: string; was?: Partial<LaunchdSwitches>}
    if (reply.error !== undefined) throw new Error(reply.error)
    return reply
  }

  /** All that a shutdown and a boot are to launchd's jobs, with these users logged in afterwards. */
  async reboot(...users: readonly Account[]): Promise<void> {
    const agentFolders = Object.fromEntries(users.map(({uid, home}) => [String(uid), [`${home}/Library/LaunchAgents`]]))
    await this.config({agentFolders, daemonFolders: ['/Library/LaunchDaemons']})
    await this.control({control: 'reboot'})
    await this.machine.writeText('/run/boot-session', `${(this.boots += 1)}\n`)
    for (const {uid} of users) await this.control({control: 'login', uid})
  }

  launchctl(...words: string[]) {
    return this.machine.exec(['launchctl', ...words])
  }

  /** What happened, oldest first; nothing on a Mac. */
  async log(): Promise<LaunchdEvent[]> {
    if (!this.isDouble) return []
    const text = (await this.machine.readText(`${STATE}/log.jsonl`)) ?? ''
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LaunchdEvent)
  }

  /** sh program, as root, that must succeed; its stdout. */
  async sh(program: string, args: readonly string[] = []): Promise<string> {
    const result = await this.machine.exec(['sh', '-c', program, 'sh', ...args])
    if (result.code !== 0) throw new Error(`${program}: exit ${result.failure ?? result.code}\n${result.stdout}\n${result.stderr}`)
    return result.stdout
  }

  /** Ends the machine. Rejects if the code under test did what it must never do, such as `load`. */
  async down(): Promise<void> {
    const violations = (await this.log()).flatMap((one) => (one.event === 'violation' ? [one.text] : []))
    await this.machine.down()
    if (violations.length > 0) throw new Error(violations.join('\n'))
  }
}

/**
 * A suite on a machine with the launchd double, and, if `onMacs`, on a Mac of CI with its own launchd. See describeUnless for where there
 * can be none.
 */
export function describeOnLaunchd(
  name: string,
  body: (there: () => LaunchdMachine) => void,
  {onMacs = false}: {readonly onMacs?: boolean} = {},
): void {
  const isMac = onMacs && process.platform === 'darwin'
  const reason = isMac ? whyNotHere() : whyNoMachine(testHost)
  describeUnless(reason, `${name} [${isMac ? 'launchd of this Mac' : 'launchd double'}]`, () => {
    let there: LaunchdMachine | undefined
    beforeAll(async () => {
      there = isMac ? LaunchdMachine.here() : await LaunchdMachine.boot()
    })
    afterAll(async () => {
      await there?.down()
    })
    body(() => {
      if (!there) throw new Error('the machine is there in tests and hooks only')
      return there
    })
  })
}

/** sh program. $1: state folder. $2: the double. Its standard input is its life line. */
const START = `set -e
mkdir -p "$1/bin"
chmod 755 "$1"
printf '{"guiUids": [], "userUids": [0]}' >"$1/switches.json"
install -m 755 "$2/launchctl" "$1/bin/launchctl"
ln -s "$1/bin/launchctl" /usr/local/bin/launchctl
chmod 755 /usr/local/bin/launchctl
systemd-run --quiet --unit=launchd-double --property=KillMode=process sh -c 'sleep infinity | exec /usr/bin/python3 -IS "$2/launchd" "$1"' sh "$1" "$2"
`

/** sh program. $1: state folder. $2: message. */
const CONTROL = `exec /usr/bin/python3 -IS -c '
import _socket, sys  # socket takes as long to load as Python takes to start
connection = _socket.socket(_socket.AF_UNIX)
connection.connect(sys.argv[1] + "/socket")
connection.sendall(sys.argv[2].encode() + b"\\n")
print(b"".join(iter(lambda: connection.recv(65536), b"")).decode())
' "$@"
`
