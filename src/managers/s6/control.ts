import path from 'node:path'
import type {RunStep} from '../../plan/plan.js'
import type {Service} from '../../service/service.js'
import type {Control} from '../manager.js'
import {observer} from './observe.js'
import {controlAccount, type S6, slotsAccount} from './ownership.js'
import {slotPaths} from './paths.js'
import {changeStep, type SlotProgram, slotProgram} from './programs.js'

/** See Control. */
export function control(s6: S6): Control {
  const {host, scan} = s6
  const paths = (service: Service) => slotPaths(scan, service)
  /** Has programs of s6 act on a slot, with ids that nothing in it can lead astray. */
  const act = (service: Service, why: string, program: SlotProgram, ...args: string[]): RunStep => {
    const {slot} = paths(service)
    return changeStep(why, slotProgram(host, program, scan, slot, ...args), controlAccount(host, slot, service.account))
  }
  /** The script that is to become the gateway waits, or is to come up. */
  const isOnItsWay = (service: Service) =>
    observer(s6)
      .observe([service])
      .some(({activity}) => activity === 'waiting' || activity === 'starting')
  /** Tells the gateway that the end that it is about to be sent is meant. */
  const announce = (service: Service): RunStep => {
    const {slot, helpers, memory} = paths(service)
    const argv = slotProgram(host, 'announce', scan, slot, helpers, memory, service.profile.home)
    return {...changeStep('tell the gateway that this stop is planned', argv, service.account), mayFail: true}
  }
  const settle = (service: Service): RunStep[] => {
    const {memory, slot} = paths(service)
    const files = ['failures', 'failed'].map((name) => path.join(memory, name))
    return [{...changeStep('reset the count of failures', slotProgram(host, 'forget', slot, ...files), service.account), mayFail: true}]
  }
  /** The files of a slot are not its user's to change: root runs them. What that user wants, the record in the home says at the next boot. */
  const down = (service: Service, why: string, ...argv: string[]): RunStep[] => {
    const {uid} = host.account
    const rules = uid === 0 || host.lstat(paths(service).slot)?.uid === uid
    return rules ? [changeStep(why, [...argv, '--', paths(service).down], slotsAccount(host, scan, service.account))] : []
  }
  return {
    enable: (service) => down(service, 'let the service start when s6 reads its slot', 'rm', '-f'),
    disable: (service) => down(service, 'keep the service stopped when s6 reads its slot', 'touch'),
    start: (service) => [...settle(service), act(service, 'start the gateway', 'start')],
    stop: (service) => [announce(service), act(service, 'stop the gateway', 'stop')],
    restart: (service) =>
      isOnItsWay(service)
        ? // It may have become the gateway by the time that its end is asked for, which nobody has announced: what is counted then is forgotten.
          [
            announce(service),
            act(service, 'end the wait for the next start', 'stop'),
            ...settle(service),
            act(service, 'start the gateway', 'start'),
          ]
        : [announce(service), ...settle(service), act(service, 'restart the gateway', 'start', 'restart')],
    abort: (service) => [act(service, 'stop the gateway, and kill its remaining processes', 'abort'), ...settle(service)],
    settle,
  }
}
