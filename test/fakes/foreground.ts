import {formatRun, type RunRecord, runRecordFile} from '../../src/service/run-record.js'
import {type FakeFile, USER} from './fake-host.js'
import {type FakeProcess, processFiles} from './fake-process.js'
import {SETTINGS} from './settings.js'

/** A `hermes-svc run` of USER's default home in a container, and its record. */
const KEEPER: FakeProcess = {pid: 25, startTime: 4711, argv: ['/usr/bin/node', '/usr/bin/hermes-svc', 'run']}
export const RUN: RunRecord = {
  ...{schemaVersion: 1, pid: 25, startTime: 4711, boot: 'b007 3', namespace: 'pid:[4026532275]', activity: 'waiting', changedAtMs: 12},
  ...{restarts: 2, failuresInARow: 1, lastExit: {how: 'killed', status: 9}, memory: '/tmp/.hermes-svc-run-25-0', settings: SETTINGS},
}

/** A container without a service manager. */
export const CONTAINER: Record<string, FakeFile | string> = {
  ...{'/proc/1/comm': 'tini\n', '/proc/sys/kernel/random/boot_id': 'b007\n', '/proc/locks': ''},
  '/proc/self/ns/pid': {link: 'pid:[4026532275]'},
  ...processFiles({pid: 1, uid: 0, startTime: 3, argv: ['tini']}),
  '/home/user/.hermes': {folder: true, mode: 0o700, uid: USER.uid, gid: USER.gid},
}

/** The files of a record of it; `process`: the one of its pid, undefined if there is none. */
export function runFiles(record: unknown, process: Partial<FakeProcess> | undefined): Record<string, FakeFile | string> {
  const text = typeof record === 'string' ? record : JSON.stringify(record)
  return {
    ...(process === undefined ? {} : processFiles({...KEEPER, ...process})),
    [runRecordFile(SETTINGS.home)]: {text, uid: USER.uid, gid: USER.gid},
  }
}

/** All of a container in which it lives. */
export const runningIn = (record: Partial<RunRecord> = {}): Record<string, FakeFile | string> => ({
  ...CONTAINER,
  [RUN.memory]: {folder: true, mode: 0o700, uid: USER.uid, gid: USER.gid},
  ...runFiles(formatRun({...RUN, ...record}), {}),
})
