import {readFileSync} from 'node:fs'
import path from 'node:path'
import type {Service} from '../../src/service/service.js'
import type {Account} from '../../src/host/host.js'
import {S6_ENVIRONMENT, type SlotProgram} from '../../src/managers/s6/programs.js'
import {DEFAULT_RESTART_POLICY} from '../../src/service/restart-policy.js'
import {DEFAULT_HEARTBEAT, type ServiceSettings} from '../../src/service/settings.js'
import type {FakeCommand, FakeFile} from './fake-host.js'
import {packageFiles} from './package-files.js'

const PROGRAMS = path.join(import.meta.dirname, '../../templates/s6/programs')

/** The argv of one of the sh programs of s6 with its arguments. */
export function slotArgv(program: SlotProgram, ...args: readonly string[]): string[] {
  return ['/bin/sh', '-c', readFileSync(path.join(PROGRAMS, `${program}.sh`), 'utf8'), 'hermes-svc', ...args]
}

export const ROOT: Account = {uid: 0, gid: 0, name: 'root', home: '/root'}
export const HERMES: Account = {uid: 10_000, gid: 10_000, name: 'hermes', home: '/opt/data'}
export const SLOT = '/run/service/gateway-default'
export const MEMORY = '/run/hermes-svc/gateway-default'

export const S6_SERVICE: Service = {
  profile: {name: 'default', home: '/opt/data', root: '/opt/data'},
  name: 'gateway-default',
  account: HERMES,
}

export const S6_SETTINGS: ServiceSettings = {
  ...{schemaVersion: 1, scope: 'system', profile: 'default', home: '/opt/data', account: 'hermes', command: ['/opt/hermes/bin/hermes']},
  ...{commandIsGiven: false, createdDefinition: true, linger: true, turnedLingerOn: false, policy: DEFAULT_RESTART_POLICY},
  ...{drainSec: 0, cronDrainSec: 30, heartbeat: DEFAULT_HEARTBEAT},
}

/** What a container with s6-overlay has. */
export function s6Files(): Record<string, FakeFile | string> {
  const tools = ['s6-svstat', 's6-setuidgid', 's6-log'].map((tool): [string, FakeFile] => [`/command/${tool}`, {mode: 0o755}])
  const standard = ['chmod', 'chown', 'head', 'mkdir', 'rm', 'sleep', 'stat', 'timeout'].map((tool): [string, FakeFile] => [
    `/usr/bin/${tool}`,
    {mode: 0o755},
  ])
  return {
    ...packageFiles(),
    ...Object.fromEntries([...tools, ...standard]),
    '/usr/bin/node': {mode: 0o755},
    '/proc/1/comm': 's6-svscan\n',
    '/run/s6/basedir': {folder: true},
    '/run/s6/container_environment/HERMES_HOME': '/opt/data\n',
    '/run/service': {folder: true},
    '/opt/data': {folder: true, uid: HERMES.uid, gid: HERMES.gid},
  }
}

/** The one look that is taken at slots, and what s6 answers for each. */
export function lookCommand(services: readonly Service[], answers: readonly string[]): FakeCommand {
  const argv = slotArgv('look', ...services.map(({name}) => `/run/service/${name}`))
  return {argv, via: 'read', env: S6_ENVIRONMENT, stdout: answers.map((answer) => `${answer}\n--\n`).join('')}
}
