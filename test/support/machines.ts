import {execFileSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll} from 'vitest'
import type {Host} from '../../src/host/host.js'
import {createNodeHost} from '../../src/host/node-host.js'
import {
  bootMachine,
  execDefaults,
  type Machine,
  type MachineExecOptions,
  type MachineOptions,
  whyNoMachine,
} from '../../src/smoke/machine.js'
import {describeUnless} from './describe-unless.js'
import {Runner, RUNNER_LIMIT_MS} from './runner.js'
import {systemd257Root} from './systemd-257-root.js'

export {type CommandResult, hermesSvc, waitFor} from './hermes-svc.js'

/** The machine that the tests run on. */
export const testHost: Host = createNodeHost(fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, ''))

/** `host`: the systemd of this machine's own Debian. `257`: that of a Debian 13 beside it. */
export type SystemdVersion = 'host' | '257'

export interface OnSystemdOptions {
  /** Default: `host` alone. */
  readonly versions?: readonly SystemdVersion[]
  readonly binds?: NonNullable<MachineOptions['binds']>
  /** Whether what starts programs inside is itself inside, as it is unless told otherwise, or they are let in one by one, as `smoke --isolated` does it. */
  readonly door?: 'runner' | 'own'
}

let machines = 0

/**
 * A suite on a throw-away machine, once for each version of systemd: booted before the first test and taken down after the last one. The
 * body gets a function that returns the machine, for use within tests and hooks. To be awaited at the top of a test file: a Debian 13 is
 * built if there is none yet. Where a machine cannot be booted the suite is skipped or fails: see describeUnless.
 */
export async function describeOnSystemd(
  name: string,
  body: (machine: () => Machine) => void,
  options: OnSystemdOptions = {},
): Promise<void> {
  for (const version of options.versions ?? ['host']) {
    const {root, reason, label} = await systemdRoot(version)
    describeUnless(reason, `${name} [${label}]`, () => {
      let machine: Machine | undefined
      beforeAll(async () => {
        machine = await bootTestMachine({root, ...(options.binds ? {binds: options.binds} : {})}, options.door)
      })
      afterAll(async () => {
        await machine?.down()
      })
      body(() => {
        if (!machine) throw new Error('the machine is there in tests and hooks only')
        return machine
      })
    })
  }
}

/**
 * sh program. What systemd runs again at each reload and nobody looks at here is masked (systemd.generator(7)): more than half of the time of a reload,
 * of which an installation has four. What is in fstab and in a user's environment.d stays.
 */
const MASK_GENERATORS = `for kind in system-generators user-generators user-environment-generators; do
  mkdir -p "/etc/systemd/$kind"
  for file in /usr/lib/systemd/$kind/*; do
    [ -e "$file" ] || continue
    case $file in
      */systemd-fstab-generator | */30-systemd-environment-d-generator) ;;
      *) ln -sf /dev/null "/etc/systemd/$kind/\${file##*/}" ;;
    esac
  done
done
`

/** Boots a machine under a name that no other test of this process has. */
export async function bootTestMachine(
  options: Partial<MachineOptions> = {},
  door: NonNullable<OnSystemdOptions['door']> = 'runner',
): Promise<Machine> {
  const machine = await bootMachine(testHost, {name: `test-${(machines += 1)}`, ...options})
  const masked = await machine.exec(['sh', '-c', MASK_GENERATORS])
  if (masked.code !== 0) throw new Error(masked.stderr)
  if (door === 'own') return machine
  const runner = await Runner.start((argv) => machine.exec(argv, {timeoutMs: RUNNER_LIMIT_MS}), `/proc/${machine.leaderPid}/root`)
  return withRunner(machine, runner)
}

/** The same machine, whose programs are started inside it; where that one is gone, by itself, behind a prefix. */
function withRunner(machine: Machine, runner: Runner, prefix: readonly string[] = []): Machine {
  const exec = (argv: readonly string[], options: MachineExecOptions = {}) =>
    runner.isThere
      ? runner.run({argv, ...execDefaults(options), ...(options.input === undefined ? {} : {input: options.input})})
      : machine.exec([...prefix, ...argv], options)
  return Object.create(machine, {exec: {value: exec}}) as Machine
}

/**
 * A machine as those see it whom `prefix` starts, such as `unshare --mount sh -c '… && exec "$@"' sh`. One process stands behind it, and starts them all, so that
 * they share what is shared in a machine (see runner.ts). `name`: a word that no other one of this machine has.
 */
export async function machineBehind(machine: Machine, prefix: readonly string[], name: string): Promise<Machine> {
  const start = (argv: readonly string[]) => machine.exec([...prefix, ...argv], {timeoutMs: RUNNER_LIMIT_MS})
  return withRunner(machine, await Runner.start(start, `/proc/${machine.leaderPid}/root`, `test-runner-${name}`), prefix)
}

async function systemdRoot(version: SystemdVersion): Promise<{root: string; reason: string | undefined; label: string}> {
  if (version === 'host') {
    const reason = whyNoMachine(testHost)
    const number = reason ? '' : ` ${/^systemd (\d+)/.exec(execFileSync('systemctl', ['--version'], {encoding: 'utf8'}))?.[1]}`
    return {root: '/', reason, label: `systemd${number} of this host`}
  }
  const label = 'systemd 257'
  const built = await systemd257Root()
  return 'root' in built ? {root: built.root, reason: whyNoMachine(testHost, built.root), label} : {root: '/', reason: built.reason, label}
}
