import type {Host} from '../../host/host.js'
import type {Step} from '../../plan/plan.js'
import {type RunWish, runWishFile} from '../../service/run-record.js'
import type {Service} from '../../service/service.js'
import type {Control} from '../manager.js'
import {recordOf} from './paths.js'

/** What is wished of it, for people. */
const WHY: Readonly<Record<RunWish, string>> = {
  start: 'start the gateway now',
  restart: 'restart the gateway',
  stop: 'stop the gateway and end itself',
}

/**
 * See Control. A wish is left in its folder, where `hermes-svc run` looks: it may be another account's process, root's say, which nobody but that may
 * signal. Nothing starts it at a boot, so there is nothing to enable, and it forgets failures by itself.
 */
export function control(host: Host): Control {
  const wish = (service: Service, what: RunWish): Step[] => {
    const run = recordOf(host, service)
    if (!run) return []
    const why = `tell hermes-svc run (pid ${run.pid}) to ${WHY[what]}`
    return [{kind: 'write-file', why, path: runWishFile(run.memory), text: `${what}\n`, mode: 0o600, as: service.account}]
  }
  return {
    enable: () => [],
    disable: () => [],
    start: (service) => wish(service, 'start'),
    stop: (service) => wish(service, 'stop'),
    restart: (service) => wish(service, 'restart'),
    abort: (service) => wish(service, 'stop'),
    settle: () => [],
  }
}
