import {onlineReport, report, type ServiceReport} from '../observe/report.js'
import {onlineOfScene} from './situation.js'
import {ExitStatus} from '../errors.js'
import type {Diagnosis} from './examine.js'
import type {Finding} from './finding.js'

/** The exit status of DESIGN's contract: 1 for findings, 4 if all that is left is what cannot be told, 0 if clean or only information. */
export function exitStatusOf(findings: readonly Finding[]): ExitStatus {
  if (findings.some(({severity}) => severity === 'error' || severity === 'warning')) return ExitStatus.failed
  return findings.some(({severity}) => severity === 'unknown') ? ExitStatus.cannotTell : ExitStatus.ok
}

/** One service as `doctor --json` shows it (src/schemas/doctor.schema.json). */
export interface DiagnosisReport {
  readonly service: string
  readonly manager: string
  readonly scope: string
  readonly profile: string
  readonly home: string
  readonly desired: ServiceReport['desired']
  readonly actual: ServiceReport['actual']
  /** Whether it starts at boot; null if that cannot be told. */
  readonly enabled: boolean | null
  readonly checks: readonly string[]
  readonly findings: readonly Finding[]
}

export function diagnosisReport({scene, examined, findings}: Diagnosis): DiagnosisReport {
  const {service, manager} = scene.target
  const {desired, actual, enabled} = report(scene.seen, manager, scene.monotonicMs, scene.servedBy, onlineReport(onlineOfScene(scene)))
  const {profile} = service
  return {
    service: service.name,
    manager: manager.kind,
    scope: manager.scope,
    profile: profile.name,
    home: profile.home,
    desired,
    actual,
    enabled,
    checks: examined,
    findings,
  }
}
