import type {FakeCommand} from './fake-host.js'

/** What launchctl prints (facts from captures), and the calls of it that are expected. */

type Fields = Readonly<Record<string, string | undefined>>

/** `launchctl print` of a running job, fields replaced or (undefined) left out. */
export function printed(fields: Fields = {}, environment: Fields = {}, target = 'gui/501/ai.hermes.gateway'): string {
  const line = (name: string, text: string): string[] => {
    const value = name in fields ? fields[name] : text
    return value === undefined ? [] : [`\t${name} = ${value}`]
  }
  const known = ['state', 'path', 'pid', 'runs', 'last exit code', 'properties', 'exit timeout', 'minimum runtime']
  const variables = {HERMES_HOME: '/Users/me/.hermes', XPC_SERVICE_NAME: 'ai.hermes.gateway', ...environment}
  const coalition = (name: string) => [`\t${name} coalition = {`, '\t\tID = 1234', '\t\tstate = active', '\t\tactive count = 1', '\t}', '']
  return [
    `${target} = {`,
    '\tactive count = 1',
    ...line('path', '/Users/me/Library/LaunchAgents/ai.hermes.gateway.plist'),
    '\ttype = LaunchAgent',
    ...line('state', 'running'),
    '',
    '\tprogram = /usr/local/bin/hermes',
    '\targuments = {',
    '\t\t/usr/local/bin/hermes',
    '\t\tgateway',
    '\t\trun',
    '\t}',
    '',
    '\tdefault environment = {',
    '\t\tPATH => /usr/bin:/bin:/usr/sbin:/sbin',
    '\t}',
    '',
    '\tenvironment = {',
    ...Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [`\t\t${name} => ${value}`])),
    '\t}',
    '',
    '\tdomain = gui/501 [100002]',
    ...line('minimum runtime', '10'),
    ...line('exit timeout', '5'),
    ...line('runs', '2'),
    ...line('pid', '16090'),
    '\timmediate reason = speculative',
    ...line('last exit code', '0'),
    ...Object.entries(fields).flatMap(([name, value]) => (known.includes(name) || value === undefined ? [] : [`\t${name} = ${value}`])),
    '',
    ...coalition('resource'),
    ...coalition('jetsam'),
    '\tjob state = running',
    ...line('properties', 'keepalive | runatload | inferred program'),
    '}',
    '',
  ].join('\n')
}

/** A job that launchd does not know, as `print` says it. */
export function unknownJob(target: string): Pick<FakeCommand, 'argv' | 'code' | 'stderr' | 'via'> {
  const label = target.slice(target.lastIndexOf('/') + 1)
  return {
    argv: ['launchctl', 'print', target],
    via: 'read',
    code: 113,
    stderr: `Bad request.\nCould not find service "${label}" in domain for user gui: 501\n`,
  }
}
