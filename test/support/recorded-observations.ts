import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import type {ManagerObservation} from '../../src/managers/manager.js'

const FOLDER = fileURLToPath(new URL('../fixtures/observations', import.meta.url))

export const RECORDED_MANAGERS = ['systemd', 's6', 'launchd'] as const
export type RecordedManager = (typeof RECORDED_MANAGERS)[number]
export const RECORDED_STATES = ['running', 'stopped'] as const
export type RecordedState = (typeof RECORDED_STATES)[number]

const fileOf = (manager: RecordedManager, state: RecordedState) => path.join(FOLDER, `${manager}.${state}.json`)

/** What a manager said of a service of ours that runs, or that was stopped by us: systemd 252, s6 2.11, the double of launchd. */
export function recordedObservation(manager: RecordedManager, state: RecordedState): ManagerObservation {
  return JSON.parse(fs.readFileSync(fileOf(manager, state), 'utf8')) as ManagerObservation
}

export function recordObservation(manager: RecordedManager, state: RecordedState, observation: ManagerObservation): void {
  fs.mkdirSync(FOLDER, {recursive: true})
  fs.writeFileSync(fileOf(manager, state), `${JSON.stringify(observation, null, 2)}\n`)
}

/** What is another number at each look. */
const VOLATILE = ['mainPid', 'launcherPid', 'startedAtMs', 'changedAtMs']

/** An observation without what differs from one service, or one machine, to the next: numbers that count up, names, places, the version that wrote it. */
export function lastingPart(observation: ManagerObservation): unknown {
  const told = {
    ...observation,
    service: undefined,
    settings: undefined,
    // systemd's own text has times and pids in it.
    directives: Object.keys(observation.directives),
    environment: observation.environment.map((word) => word.split('=')[0]),
  }
  const text = JSON.stringify(told, (key, value: unknown) => (VOLATILE.includes(key) ? typeof value : value))
  return JSON.parse(
    text
      .replaceAll(observation.service.profile.home, 'HOME')
      .replaceAll(observation.service.name, 'NAME')
      .replaceAll(/test-\d+/g, 'PROFILE'),
  )
}
