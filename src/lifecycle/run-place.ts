import {UpstreamCommand} from '../gateway/contract.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {isUnseen, proveHome} from '../observe/look.js'
import type {Place} from '../observe/place.js'
import {readRun} from '../service/run-record.js'
import {findGatewayCommand} from '../service/gateway-command.js'
import {servedBy} from '../observe/served.js'

/** Throws a ServiceError where there is no home to run a gateway of. */
export function requireHome(place: Place): void {
  const {userHost, profile} = place
  const server = servedBy({userHost, service: {...place, name: profile.name}})
  if (server !== undefined)
    throw usageError(`the gateway of profile ${server} serves profile ${profile.name}, which has no gateway of its own`)
  if (userHost.stat(profile.home)?.kind === 'folder') return
  throw new ServiceError(`${profile.home} does not exist or is not a folder: the gateway would create an empty home there`, {
    code: 'no-home',
    exitStatus: ExitStatus.failed,
    next: [
      `hermes ${UpstreamCommand.setup}   # makes it`,
      `hermes ${UpstreamCommand.chats}   # connects the gateway to a chat`,
      'hermes-svc run --home FOLDER   # if the home is somewhere else',
    ],
  })
}

/** The gateway's own command. Throws a ServiceError that names the flag for it where there is none. */
export function findProgram({host, profile, account}: Place): readonly string[] {
  try {
    return findGatewayCommand(host, profile.root, account, host.env.PATH).argv
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    const {code, exitStatus, evidence, next} = error
    // The last one is about an installation.
    const here = 'hermes-svc run --command /path/to/hermes   # if hermes is somewhere else'
    throw new ServiceError(error.message, {code, exitStatus, evidence, next: [...next.slice(0, -1), here]})
  }
}

/** A second gateway beside one that runs would fail again and again. */
export async function requireAlone({host, userHost, profile}: Place): Promise<void> {
  const run = readRun({host, userHost}, profile.home)
  if (run) {
    throw new ServiceError(`hermes-svc run (pid ${run.pid}) already keeps a gateway of ${profile.home} running`, {
      code: 'already-running',
      exitStatus: ExitStatus.failed,
      next: ['hermes-svc status', `kill ${run.pid}   # ends that hermes-svc run and its gateway; then run the same command again`],
    })
  }
  const seen = await proveHome({host, userHost}, profile.home, 0)
  const {pid, evidence} = seen.verdict
  if (pid === undefined && !isUnseen(seen)) return
  const where = pid === undefined ? 'where hermes-svc cannot see it from here, probably in another container' : `as pid ${pid}`
  throw new ServiceError(`A gateway of ${profile.home} is already running ${where}`, {
    code: 'already-running',
    exitStatus: ExitStatus.failed,
    evidence,
    next: [pid === undefined ? 'stop the gateway in that container' : `kill ${pid}   # then run the same command again`],
  })
}
