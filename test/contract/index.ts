import {ends} from './ends.js'
import {beats, files} from './files.js'
import {brake, loop, watchdog} from './loop.js'
import {drain, neighbours, profiles} from './neighbours.js'
import {systemd} from './systemd.js'
import type {ClaimGroup} from './claim.js'

/** Each with a record of its own, so the compiler cannot know all of them at once. */
export const GROUPS = [
  files,
  ends,
  neighbours,
  profiles,
  drain,
  loop,
  brake,
  systemd,
  beats,
  watchdog,
] as readonly unknown[] as readonly ClaimGroup<unknown>[]
