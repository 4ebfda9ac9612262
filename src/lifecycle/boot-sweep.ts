import {lookAtHome} from '../observe/look.js'
import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import {readLock} from '../gateway/lock.js'
import {lockFile, pidFile} from '../gateway/records.js'
import type {Doors} from '../host/host.js'
import {whyFailed} from '../managers/container.js'

/** What names processes of the container that is gone. */
const NAMES = [HomeFile.pid, HomeFile.toolProcesses, HomeFile.lock]
const SWEEP_TIMEOUT_MS = 60_000
const HELD = 75

/**
 * $1…: homes. For each one line: what was removed, or `held`, or `unreadable`. The files go while their lock is held: no gateway can start
 * in between, and one that lives anywhere, be it in another container, keeps all of them. That no such process is seen from here would prove
 * nothing: /proc/locks leaves out what other PID namespaces hold.
 */
const SWEEP = `for home; do
  there=
  for name in ${NAMES.join(' ')}; do
    if [ -f "$home/$name" ] || [ -L "$home/$name" ]; then there="$there $name"; fi
  done
  said=unreadable
  if [ -f "$home/${HomeFile.lock}" ]; then
    {
      flock -n -E ${HELD} 9
      case $? in
        0) (cd -- "$home" && rm -f -- $there) && said="swept$there" ;;
        ${HELD}) said=held ;;
      esac
    } 9<"$home/${HomeFile.lock}"
  elif [ -z "$there" ]; then
    said=swept
  else
    (cd -- "$home" && rm -f -- $there) && said="swept$there"
  fi
  echo "$said"
done 2>/dev/null
`

/** Why nothing is swept where a gateway holds the lock that cannot be seen from here. */
export const HELD_ELSEWHERE = `a process elsewhere holds ${HomeFile.lock}`

/** What became of the files of one home. `held`: a gateway lives somewhere, or may; nothing was touched. */
export interface Swept {
  readonly removed: readonly string[]
  readonly kept: string | undefined
}

/**
 * Removes from homes the files that name processes of a container that is gone, with the ids of their owner; `dryRun`: only says what it would. Its
 * lock is tried here, and only here: no gateway of this container runs before its boot, and one elsewhere that starts at this very moment is
 * started again by its manager. Never throws for what it finds.
 */
export async function sweepHomes(doors: Doors, homes: readonly string[], dryRun: boolean): Promise<Map<string, Swept>> {
  const found = new Map<string, Swept>()
  const candidates: string[] = []
  for (const home of homes) {
    const kept = whyKept(doors, home)
    if (kept === undefined && !dryRun) candidates.push(home)
    else found.set(home, {removed: kept === undefined ? present(doors, home) : [], kept})
  }
  if (candidates.length === 0) return found
  const result = await doors.userHost.run(['/bin/sh', '-c', SWEEP, 'hermes-svc', ...candidates], {
    env: {PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C.UTF-8'},
    timeoutMs: SWEEP_TIMEOUT_MS,
  })
  const lines = result.stdout.split('\n')
  for (const [index, home] of candidates.entries()) {
    const [word, ...removed] = (lines[index] ?? '').split(' ')
    if (word === 'swept') found.set(home, {removed, kept: undefined})
    else found.set(home, {removed: [], kept: word === 'held' ? HELD_ELSEWHERE : `hermes-svc cannot test ${HomeFile.lock}`})
  }
  return found
}

/** Why there may be a gateway, from what can be seen without touching anything. */
function whyKept(doors: Doors, home: string): string | undefined {
  const {userHost: host} = doors
  try {
    if (host.stat(home)?.kind !== 'folder') return 'the home does not exist'
    const {gateway, verdict} = lookAtHome(doors, home)
    if (gateway.lock.kind === 'held') return `${HomeFile.lock} is held`
    if (host.lstat(lockFile(home)) !== undefined) return undefined
    // The oldest gateways have no lock: their record is all there is to go by.
    return host.lstat(pidFile(home)) === undefined || verdict.state === 'dead' ? undefined : `the gateway is ${verdict.state}`
  } catch (error) {
    return whyFailed(error)
  }
}

function present(doors: Doors, home: string): string[] {
  const {kind} = readLock(doors, home, [])
  return kind === 'held' ? [] : NAMES.filter((name) => doors.userHost.lstat(path.join(home, name)) !== undefined)
}
