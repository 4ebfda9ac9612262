import type {Account, RunResult} from '../../src/host/host.js'
import type {Machine, MachineExecOptions} from '../../src/smoke/machine.js'

/** Where a machine has test/fakes/mac. */
const INSIDE = '/opt/mac'
const PRELOAD = `--require=${INSIDE}/preload.cjs`

/** What the jobs of launchd have in their environment so that node there takes the machine for a Mac. */
export const macJobs: Readonly<Record<string, string>> = {NODE_OPTIONS: PRELOAD}

/**
 * A throw-away Linux machine that node takes for a Mac: ps, lsof, id, uname and sysctl stand where a Mac has them and print what they print there,
 * and of /proc and systemd nothing is seen (test/fakes/mac). Whatever else runs there sees a Linux.
 */
export class MacMachine implements Machine {
  readonly name: string
  readonly leaderPid: number

  constructor(private readonly linux: Machine) {
    this.name = linux.name
    this.leaderPid = linux.leaderPid
  }

  exec(argv: readonly string[], options: MachineExecOptions = {}): Promise<RunResult> {
    const env = {...options.env, NODE_OPTIONS: [PRELOAD, options.env?.NODE_OPTIONS].filter(Boolean).join(' ')}
    return this.linux.exec(argv, {...options, env})
  }

  /** Nobody lingers on a Mac. */
  addUser(name: string): Promise<Account> {
    return this.linux.addUser(name, {linger: false})
  }

  readText(path: string): Promise<string | undefined> {
    return this.linux.readText(path)
  }

  writeText(path: string, text: string, options?: Parameters<Machine['writeText']>[2]): Promise<void> {
    return this.linux.writeText(path, text, options)
  }

  down(): Promise<void> {
    return this.linux.down()
  }
}

/** sh program that root runs once; `source`: where the machine has test/fakes/mac. */
export function turnIntoMac(source: string): string {
  return `set -e
ln -s '${source}' ${INSIDE}
mkdir /opt/linux
for tool in ps id uname lsof flock; do mv "/usr/bin/$tool" /opt/linux/; done
for tool in ps id uname; do install -m 755 "${INSIDE}/$tool" "/usr/bin/$tool"; done
for tool in lsof sysctl; do install -m 755 "${INSIDE}/$tool" "/usr/sbin/$tool"; done
`
}
