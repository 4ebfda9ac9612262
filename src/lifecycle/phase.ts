import type {Manager} from '../managers/manager.js'

/** The phases of a change, as people see them while it runs: one line each, in the imperative. */
export const Phase = {
  write: ({definition}: Pick<Manager, 'definition'>) => `Write the ${definition.noun} and its restart policy`,
  remove: ({definition}: Pick<Manager, 'definition'>) => `Remove the ${definition.noun} and its files`,
  record: (desired: 'running' | 'stopped') => `Record that the gateway should be ${desired}`,
  recordUntilBoot: 'Record that the gateway should stay stopped until the next boot',
  prepare: 'Prepare the home',
  heartbeat: 'Set up the heartbeat',
  noHeartbeat: 'Remove the heartbeat',
  enable: 'Enable the start at boot',
  disable: 'Disable the start at boot',
  start: 'Start the gateway',
  restart: 'Restart the gateway',
  stop: 'Stop the gateway',
  tidy: 'Remove what is no longer needed',
  companions: 'End the processes that the former gateway left running',
  up: 'Wait until the gateway answers',
  down: 'Wait until the gateway is gone',
} as const
