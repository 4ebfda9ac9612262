import {onlineReport, report as statusOf} from '../observe/report.js'
import {onlineOfScene} from './situation.js'
import {usageError} from '../errors.js'
import type {Host} from '../host/host.js'
import {logTail} from '../lifecycle/log-tail.js'
import {knownSecrets} from '../lifecycle/known-secrets.js'
import {machineName} from '../service/machine-name.js'
import {redactValue} from '../service/redact.js'
import type {Diagnosis} from './examine.js'
import {diagnosisReport} from './summary.js'

const LOG_LINES = 100
const MODE = 0o600

/**
 * Writes what was seen of some services to a new file, for a bug report: the findings, the status, the merged definition, the gateway's
 * state file and the end of its log, as JSON with secrets and names taken out. Throws a usage error if the file is there already.
 */
export function writeReport(host: Host, file: string, diagnoses: readonly Diagnosis[]): void {
  if (host.lstat(file)) throw usageError(`--report ${file}: this file exists, and hermes-svc does not overwrite it`)
  const services = diagnoses.map((diagnosis) => {
    const {target, seen, unreachable, monotonicMs, servedBy} = diagnosis.scene
    return {
      ...diagnosisReport(diagnosis),
      status: statusOf(seen, target.manager, monotonicMs, servedBy, onlineReport(onlineOfScene(diagnosis.scene))),
      unreachable: unreachable?.message ?? null,
      definition: {files: seen.manager.definitionPaths, directives: seen.manager.directives, settings: seen.manager.settings ?? null},
      gateway: {state: seen.gateway.state, pidRecord: seen.gateway.pidRecord, lock: seen.gateway.lock},
      log: unreachable ? [] : logTail(target, LOG_LINES),
    }
  })
  const machine = {platform: host.platform, node: process.version, kernel: host.readText('/proc/version')?.trim() ?? null}
  const targets = diagnoses.map(({scene}) => scene.target)
  const about = {
    accounts: [...new Set(targets.map(({service}) => service.account))],
    values: [...new Set(targets.flatMap(knownSecrets))],
    machine: machineName(host),
  }
  const report = redactValue({schemaVersion: 1, machine, services}, about)
  host.writeAtomic(file, `${JSON.stringify(report, null, 2)}\n`, MODE)
}
