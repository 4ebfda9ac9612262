import path from 'node:path'
import {accountDoor} from '../../host/account-door.js'
import type {Host} from '../../host/host.js'
import {readRun, type RunRecord, runRecordFile} from '../../service/run-record.js'
import type {Service} from '../../service/service.js'
import type {ServicePlaces} from '../manager.js'

/** The record of the `hermes-svc run` that keeps a service now; undefined if none does. */
export function recordOf(host: Host, service: Pick<Service, 'account' | 'profile'>): RunRecord | undefined {
  return readRun({host, userHost: accountDoor(host, service.account)}, service.profile.home)
}

export function placesOf(host: Host, service: Service): ServicePlaces {
  const settings = runRecordFile(service.profile.home)
  // Nothing is ever there where none lives.
  const memory = recordOf(host, service)?.memory ?? settings.replace(/\.json$/, '')
  return {settings, restartDue: path.join(memory, 'restart-due'), memory}
}
