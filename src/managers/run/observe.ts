import type {Host} from '../../host/host.js'
import type {RunRecord} from '../../service/run-record.js'
import type {Service} from '../../service/service.js'
import type {ManagerObservation, Observer} from '../manager.js'
import {recordOf} from './paths.js'

/** See Observer: what the record of a living `hermes-svc run` says. Of a dead one it says nothing. */
export function observer(host: Host): Observer {
  return {
    observe: (services) => services.map((service) => observation(service, recordOf(host, service))),
    isOnDisk: (service) => recordOf(host, service) !== undefined,
    notInstalled: (service) => observation(service, undefined),
  }
}

function observation(service: Service, run: RunRecord | undefined): ManagerObservation {
  return {
    service,
    installed: run ? 'run' : 'no',
    isForeground: true,
    broken: undefined,
    enabled: undefined,
    activity: run?.activity ?? 'stopped',
    mainPid: run?.gatewayPid,
    ...(run?.gatewayPid === undefined ? {} : {launcherPid: run.gatewayPid}),
    startedAtMs: run?.startedAtMs,
    changedAtMs: run?.changedAtMs,
    restarts: run?.restarts ?? 0,
    lastExit: run?.lastExit,
    failuresInARow: run?.failuresInARow ?? 0,
    controlGroup: undefined,
    home: run?.settings.home,
    environment: [],
    accountName: run?.settings.account,
    definitionPaths: [],
    needsReload: false,
    settings: run?.settings,
    directives: {},
  }
}
