import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {FakeFile} from './fake-host.js'
import {type Properties, parseShow} from '../../src/managers/systemd/show.js'

const ROOT = join(import.meta.dirname, '../fixtures/captures/hermes-0.16.0-systemd-252')

/** The home of the gateway in the captures. */
export const CAPTURED_HOME = '/home/hermes/.hermes'

/** The names of all captured situations. */
export const SITUATIONS = readdirSync(ROOT, {withFileTypes: true})
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

/** What `systemctl show` said in a situation. */
export function capturedShow(situation: string): Properties {
  return parseShow(captured(situation, 'systemctl-show.txt') ?? '')[0] ?? {}
}

/** Text of a captured file; undefined if it did not exist. */
export function captured(situation: string, name: string): string | undefined {
  const file = join(ROOT, situation, name)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** The unit as upstream's own `gateway install` wrote it. */
export function upstreamUnit(): string {
  return readFileSync(join(ROOT, 'unit-as-upstream-0.16.0-writes-it.service'), 'utf8')
}

/** The files of a situation for a FakeHost: the home's, and of the main process those below /proc. The table of locks: `capturedLocks`. */
export function capturedFiles(situation: string): Record<string, FakeFile> {
  const files: Record<string, FakeFile> = {[CAPTURED_HOME]: {folder: true}}
  for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) {
    const text = captured(situation, name)
    if (text !== undefined) files[`${CAPTURED_HOME}/${name}`] = {text}
  }
  const stat = captured(situation, 'proc-stat.txt')
  if (stat === undefined) return files
  const folder = `/proc/${stat.split(' ')[0]}`
  files[`${folder}/stat`] = {text: stat, uid: 1001, gid: 1001}
  // Captured one word a line.
  files[`${folder}/cmdline`] = {
    text: (captured(situation, 'proc-cmdline.txt') ?? '')
      .trim()
      .split('\n')
      .map((word) => `${word}\0`)
      .join(''),
  }
  files[`${folder}/cgroup`] = {text: `0::${capturedShow(situation).ControlGroup ?? ''}\n`}
  return files
}

/** The captured lines of /proc/locks, with the inode number that gateway.lock has in the fake machine. */
export function capturedLocks(situation: string, inode: number): string {
  return (captured(situation, 'proc-locks.txt') ?? '').replace(/:\d+ 0 EOF/g, `:${inode} 0 EOF`)
}
