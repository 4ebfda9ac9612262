import path from 'node:path'
import {redact, redactLines, redactValue} from '../../src/service/redact.js'
import {definition as platforms} from '../../src/doctor/checks/platforms.js'
import {configSection} from '../../src/gateway/config-file.js'
import {isMirrorDue} from '../../src/lifecycle/desired-mirror.js'
import {configuredDrain} from '../../src/gateway/drain.js'
import {readGatewayState} from '../../src/gateway/records.js'
import {pythonInt, timestampMicros} from '../../src/gateway/python-values.js'
import {planRefresh, topLevelValue} from '../../src/gateway/state-timestamp.js'
import {readDesired} from '../../src/service/desired-state.js'
import {parseSettings} from '../../src/service/settings.js'
import {parseEnvironment} from '../../src/managers/s6/environment-file.js'
import {wantedDirectives} from '../../src/managers/systemd/directives.js'
import {accountOfUnit} from '../../src/managers/systemd/unit-file.js'
import {parseEnvironmentFile} from '../../src/managers/systemd/escape.js'
import {execStartOf, valuesOf} from '../../src/managers/systemd/unit-file.js'
import {gatewayDefinitions} from '../../src/managers/systemd/rivals.js'
import {parseShow, splitEntries} from '../../src/managers/systemd/show.js'
import {isEdited, parsePlist} from '../../src/managers/launchd/plist.js'
import {parseDisabled, parseList, parsePrint} from '../../src/managers/launchd/print.js'
import {recentEntries} from '../../src/plan/journal.js'
import {fileDiff} from '../../src/ui/plan-text.js'
import {table, wrapped} from '../../src/text/layout.js'
import {visible, writable} from '../../src/text/visible.js'
import {onlineOf} from '../../src/observe/online.js'
import {FakeHost, USER} from '../fakes/fake-host.js'
import {SETTINGS} from '../fakes/settings.js'
import type {Scene} from '../../src/doctor/scene.js'
import {mirror} from './mirror.js'

/**
 * A program that gives each function which reads text of others the text that is worst for it, in the size of its argument. In time that grows
 * with the square of it none of them would end within minutes. Prints the names of all, and then each as it is done, with what it took of the processor, in
 * ms.
 */
const SIZE = Number(process.argv[2])
const HOME = '/home/user/.hermes'
const UNITS = '/home/user/.config/systemd/user'

const fill = (unit: string, length = SIZE) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
/** Runs of what expressions repeat, without what they wait for. */
const RUNS = [
  ' ',
  '\t',
  '\n',
  'a',
  '0',
  '-',
  '_',
  '.',
  '"',
  "'",
  '\\',
  '\\"',
  '=',
  '[',
  '{',
  '<',
  '<!--',
  '&#',
  'a ',
  'a.',
  'a-',
  ' \n',
  '"a": ',
  '\u001b[',
  '::',
  '##a',
  '😀',
]
/** What the names and forms of secrets begin with. */
const SECRETS = [
  'token',
  'token ',
  'token=',
  '--token',
  'eyJ',
  'eyJ-',
  'a@',
  '@a',
  '1234567:',
  '+123456',
  'xoxb-',
  '://',
  '://a',
  'sk-',
  'Basic ',
  '-----BEGIN',
  'auth',
  '1.',
  'chat ',
]

const inHome = (name: string, text: string) => new FakeHost({files: {[`${HOME}/${name}`]: text}})
const inUnits = (text: string) => new FakeHost({files: {[`${UNITS}/a.service`]: text}})

const CASES: Readonly<Record<string, () => unknown>> = {
  redact: () =>
    [...RUNS, ...SECRETS].forEach((unit) => redact(fill(unit, SIZE / 4), {accounts: [USER], values: ['swordfish'], machine: 'box'})),
  'redact, 20 lines of the longest that is looked at': () =>
    [...RUNS.filter((unit) => !unit.includes('\n')), ...SECRETS].forEach((unit) =>
      redactLines(
        Array.from({length: 20}, () => fill(unit, 4096)),
        {accounts: [USER], machine: 'box'},
      ),
    ),
  'redact, a long name': () => redactValue({[fill('token', 60_000)]: 'x', [fill('a', 60_000)]: 'y'}, {accounts: [USER]}),
  platforms: () => {
    const said = {
      name: fill('a', 60_000),
      state: 'fatal',
      word: 'fatal',
      errorCode: fill('token'),
      errorMessage: fill(' '),
      needsAttention: false,
    }
    const state = {kind: 'present', value: {process: {pid: 5}, platforms: Array.from({length: 20_000}, () => said)}}
    const service = {name: 'a', account: USER, profile: {name: 'default', home: HOME, root: HOME}}
    const target = {host: new FakeHost(), userHost: new FakeHost(), service, homeFlag: 'home', manager: {scope: 'user'}}
    const scene = {seen: {verdict: {state: 'alive', pid: 5}, gateway: {state}}, target, nowMs: 0} as unknown as Scene
    const failed = onlineOf(scene.seen, {nowMs: 0, ageMs: 0}).platforms
    return platforms.diagnose(scene, {failed, secrets: ['swordfish']})
  },
  'the mirror of the desired state': () => {
    for (const text of [`{"a":1${fill(' ')}}`, `{"a":1}${fill(' ')}`, `{"a":1${fill('\n')}}${fill('\n')}`, fill('{'), fill(' ')]) {
      const host = inHome('gateway_state.json', text)
      isMirrorDue(host, HOME, 'running', false)
      mirror({host, userHost: host}, HOME, 'running', false)
    }
  },
  'the timestamp of the state': () => {
    for (const text of [`{"pid":5,"updated_at":1${fill(' ')}}`, `{${fill('"a":1,')}"pid":5,"updated_at":""}`, `{"a":"${fill('\\"')}"}`]) {
      planRefresh(Buffer.from(text), {pid: 5, startTime: 1, startSlack: 0}, 0, true)
      topLevelValue(Buffer.from(text), 'updated_at')
    }
  },
  'the state and the record': () => {
    for (const unit of RUNS) {
      readGatewayState(inHome('gateway_state.json', `{"exit_reason":${JSON.stringify(fill(unit))}}`), HOME)
      readDesired(inHome('.hermes-svc.json', JSON.stringify({desiredState: 'running', by: fill(unit)})), HOME)
      parseSettings(fill(unit))
    }
  },
  'numbers and times': () =>
    [...RUNS, '1_', '+'].forEach((unit) => [pythonInt(fill(unit)), timestampMicros(`2026-01-01T00:00:00.${fill(unit)}`)]),
  'the journal': () => RUNS.forEach((unit) => recentEntries(inHome('logs/hermes-svc.jsonl', fill(unit)), HOME)),
  'variables of a service': () =>
    [...RUNS, 'A="', "export A='", "\\'", 'A="\n', "export A=''"].forEach((unit) => {
      parseEnvironmentFile(`A="${fill(unit)}`)
      parseEnvironment(`export A='${fill(unit)}`)
    }),
  'a unit': () => {
    for (const unit of [...RUNS, 'ExecStart=', '\nExecStart=/x', '\nEnvironment=HERMES_HOME=', '\\\n']) {
      const text = `ExecStart=/x gateway${fill(unit)}y\nUser=${fill(unit)}y\nEnvironment=${fill(unit)}\n`
      execStartOf([text])
      valuesOf(text, 'ExecStart')
      accountOfUnit(new FakeHost(), text, {scope: 'system', account: USER, name: 'hermes-gateway.service'})
      for (const {pattern} of Object.values(wantedDirectives(SETTINGS))) pattern.test(text)
      gatewayDefinitions(inUnits(text), 'user', USER)
    }
  },
  'what systemctl shows': () => RUNS.forEach((unit) => [parseShow(`A=${fill(unit)}`), splitEntries(fill(unit))]),
  'a property list': () => {
    const around = (text: string) => `<plist version="1.0"><dict><key>a</key>${text}`
    for (const unit of [...RUNS, '<a', '<array>', '<dict><key>a</key>', '<?', '<!D', '&amp', '&#99999999999;', '<string>', '<!-- -->']) {
      parsePlist(around(fill(unit)))
      parsePlist(fill(unit))
      isEdited(fill(unit))
    }
  },
  'what launchctl prints': () => {
    for (const unit of [...RUNS, '\t', ' => ', 'disabled services = {\n', '" => ', '\ta = {\n']) {
      for (const text of [
        fill(unit),
        `gui/501/a = {\n${fill(unit)}`,
        `disabled services = {\n${fill(unit)}`,
        `PID\tStatus\tLabel\n${fill(unit)}`,
      ]) {
        for (const parse of [parsePrint, parseDisabled, parseList]) parse(text)
      }
    }
  },
  config: async () => {
    const keys = Array.from({length: 20_000}, (_, index) => `k${index}: 1\n`).join('')
    for (const text of [
      `${keys}agent: {restart_drain_timeout: 5}\n`,
      `drain_timeout${fill('\n')}`,
      fill('- '),
      fill('['),
      fill('a: &a\n'),
      fill('"'),
    ]) {
      await configuredDrain(inHome('config.yaml', text), HOME)
    }
    for (const unit of [...RUNS, 'a:\n', '? ', '- ', '# x\n', '&a ', '|\n']) configSection(`agent:\n${fill(unit)}`, 'agent')
  },
  'lines for people': () =>
    [...RUNS, ' a'].forEach((unit) => {
      const text = fill(unit, SIZE / 8)
      return [
        visible(text),
        writable(text),
        wrapped(text, 80),
        table(
          [
            ['a', 'b'],
            [fill(unit, 10_000), text],
          ],
          80,
        ),
      ]
    }),
  'a difference': async () => {
    const text = Array.from({length: 100_000}, (_, index) => `${index}\n`).join('')
    const wanted = Array.from({length: 500}, (_, index) => `line ${index}\n`).join('')
    await fileDiff(inHome('x', text), {path: path.join(HOME, 'x'), text: wanted, mode: 0o644})
  },
}

async function main(): Promise<void> {
  process.stdout.write(`${JSON.stringify(Object.keys(CASES))}\n`)
  for (const [name, run] of Object.entries(CASES)) {
    const before = process.cpuUsage()
    await run()
    const {user, system} = process.cpuUsage(before)
    process.stdout.write(`${Math.round((user + system) / 1000)} ${name}\n`)
  }
}

void main()
