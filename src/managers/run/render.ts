import type {Definition} from '../manager.js'
import {evidence} from './evidence.js'

/** See Definition: it consists of no file, and the gateway has the environment in which it is run. */
export const definition: Definition = {
  noun: 'command',
  render: () => Promise.resolve([]),
  readEnvironment: () => new Map(),
  unitEnvironment: () => ({}),
  evidence,
  ownFiles: () => [],
}
