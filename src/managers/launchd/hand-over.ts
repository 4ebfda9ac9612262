import type {Account, Door} from '../../host/host.js'
import type {Step} from '../../plan/plan.js'
import {launchctlEnvironment} from './launchctl.js'

/** Gives a file or folder of root's to the account whose job writes there. */
export function giveStep(file: string, {uid, gid, name}: Account): Step {
  return {kind: 'run', why: `give ${file} to ${name}`, argv: ['chown', '-h', `${uid}:${gid}`, file], env: launchctlEnvironment()}
}

/** Makes a job's log in a folder of root's: launchd may open it with the job's ids, which may not make a file there. */
export function logSteps(host: Door, log: string, account: Account): Step[] {
  const makeLog: Step = {
    kind: 'write-file',
    why: `make ${log}`,
    path: log,
    text: '',
    mode: 0o600,
    onlyIf: {when: 'there is none', holds: () => host.lstat(log) === undefined},
  }
  return [makeLog, giveStep(log, account)]
}
