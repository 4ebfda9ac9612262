import {appendFileSync, mkdirSync, readdirSync, symlinkSync, truncateSync, utimesSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {JOURNAL_BYTES} from '../../src/plan/journal.js'
import {recentEnds} from '../../src/plan/journal.js'
import {parseEndLine} from '../../src/service/end-line.js'
import {isCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {
  cleanUp,
  HANGS_MS,
  helperCall,
  type HelperService,
  helperService,
  HOST,
  type Json,
  lacks,
  NO_PROCESS,
  nowTicks,
  put,
  read,
  runHelper,
  SHELLS,
  startTime,
} from '../support/helper-scripts.js'
import {withoutReader} from '../support/python.js'

afterEach(cleanUp)

/** How a gateway ended, and what stood in its files. */
interface End {
  readonly code?: string
  readonly status?: string
  readonly result?: string
  /** Failures in a row before. */
  readonly failures?: number
  /** Seconds between the start and the end; undefined: no start is on record. */
  readonly up?: number
  readonly stopping?: boolean
  /** Ticks by which the process that became the gateway is older than its start, as under a manager that starts it before the wait. */
  readonly began?: number
  /** gateway_state.json as fields (`startsAfter`: its start time in ticks after the start of this run), or as text. */
  readonly stateFile?: Json | string
  readonly pretty?: boolean
}

/** A state file with what else stands in a real one, in the order in which gateways write it. */
function stateText({startsAfter, ...fields}: Json, started: number, pretty: boolean): string {
  const error_message = 'he said "restart_requested": true, "start_time": 7 \\'
  return JSON.stringify(
    {
      ...{pid: 12, kind: 'hermes-gateway', argv: ['/x/hermes', 'gateway']},
      ...(typeof startsAfter === 'number' ? {start_time: started + startsAfter} : {}),
      ...fields,
      platforms: {'ops:telegram': {state: 'running', error_message, writer_pid: 9, writer_start_time: 1}},
      active_work: [{kind: 'chat', id: 9}, [], {}],
    },
    null,
    pretty ? 2 : 0,
  )
}

const endsOf = ({home}: HelperService) => recentEnds(HOST.as(HOST.account), home)

for (const [shellName, shell] of Object.entries(SHELLS)) {
  describeUnless(lacks(shell[0] ?? ''), `after-exit.sh under ${shellName}`, () => {
    const ends = async (end: End): Promise<{failures: string | undefined; said: string}> => {
      const made = helperService()
      const up = end.up ?? 0
      const started = nowTicks() - up * 100
      if (end.up !== undefined) {
        put(made.state, 'started', started)
        utimesSync(join(made.state, 'started'), Date.now() / 1000 - up, Date.now() / 1000 - up)
      }
      if (end.failures !== undefined) put(made.state, 'failures', end.failures)
      if (end.began !== undefined) put(made.state, 'began', started - end.began)
      if (end.stopping) put(made.state, 'stopping', 1)
      const {stateFile} = end
      if (stateFile !== undefined) {
        put(made.home, 'gateway_state.json', typeof stateFile === 'string' ? stateFile : stateText(stateFile, started, end.pretty ?? false))
      }
      const {code, stderr} = runHelper(shell, made, 'after-exit', {
        ...(end.code === undefined ? {} : {EXIT_CODE: end.code}),
        ...(end.status === undefined ? {} : {EXIT_STATUS: end.status}),
        ...(end.result === undefined ? {} : {SERVICE_RESULT: end.result}),
      })
      expect(code).toBe(0)
      expect(readdirSync(made.state)).toEqual(['failures'])
      return {failures: read(made.state, 'failures'), said: stderr}
    }
    /** The count after exit 75 two seconds after the start, with five failures before. */
    const after75 = async (stateFile: Json | string, more: End = {}) =>
      (await ends({code: 'exited', status: '75', up: 2, failures: 5, stateFile, ...more})).failures

    it('says how it ended and what comes next', async () => {
      const says = async (end: End) => (await ends(end)).said
      expect(await says({code: 'exited', status: '1', up: 4, failures: 3})).toMatch(
        /^hermes-svc: gateway exited with 1 after 4(\.\d+)? s; failure 4 in a row, the next start waits 8 s\n$/,
      )
      expect(await says({code: 'killed', status: 'KILL'})).toBe(
        'hermes-svc: gateway was killed by SIGKILL; failure 1 in a row, the next start waits 1 s\n',
      )
      expect(await says({result: 'timeout', failures: 199})).toBe(
        'hermes-svc: gateway could not be started (timeout); failure 200 in a row, the next start waits 120 s\n',
      )
      expect(await says({code: 'exited', status: '0', stopping: true})).toBe('hermes-svc: gateway exited with 0; this stop was requested\n')
      expect(await says({code: 'exited', status: '75', up: 31})).toMatch(
        /^hermes-svc: gateway exited with 75 after 31(\.\d+)? s: a planned restart, so it starts again at once\n$/,
      )
    })

    it.each([
      ['brackets', '['.repeat(100_000)],
      ['objects in arrays', '{"a":' + '[{"b":'.repeat(16_000)],
      ['backslashes', `{"${'\\'.repeat(100_001)}`],
      ['escaped quotes', `{"${'\\"'.repeat(50_000)}`],
      ['quotes', '"'.repeat(100_000)],
      ['more than 1 MiB', `{"x":"${'x'.repeat(1_048_576)}","gateway_state":"running"}`],
    ])(
      'ends on a state file full of %s',
      async (_, stateFile) => {
        expect(await after75(stateFile)).toBe('6')
      },
      HANGS_MS,
    )

    /** What the journal has of an end, a second after the start; `before`: what stands there already. */
    const noted = (
      env: Record<string, string>,
      {files = {}, before = ''}: {files?: Record<string, Json | string | number>; before?: string} = {},
    ) => {
      const made = helperService()
      mkdirSync(join(made.home, 'logs'))
      if (before !== '') put(made.home, 'logs/hermes-svc.jsonl', before)
      put(made.state, 'started', nowTicks() - 100)
      put(made.home, 'gateway_state.json', {gateway_state: 'running', start_time: nowTicks()})
      for (const [name, content] of Object.entries(files)) put(made.state, name, content)
      const {code} = runHelper(shell, made, 'after-exit', env)
      expect(code).toBe(0)
      return {made, lines: (read(made.home, 'logs/hermes-svc.jsonl') ?? '').split('\n')}
    }

    it.each<[string, Record<string, string>, Record<string, string | number>, Json]>([
      [
        'an error',
        {EXIT_CODE: 'exited', EXIT_STATUS: '1', SERVICE_RESULT: 'exit-code'},
        {failures: 2},
        {code: 'exited', status: '1', result: 'exit-code', reason: 'failure', failures: 3, delayMs: 4000},
      ],
      [
        'a signal',
        {EXIT_CODE: 'killed', EXIT_STATUS: 'SIGKILL', SERVICE_RESULT: 'oom-kill'},
        {},
        {code: 'killed', status: 'KILL', result: 'oom-kill', reason: 'failure', failures: 1, delayMs: 1000},
      ],
      [
        'a core dump',
        {EXIT_CODE: 'dumped', EXIT_STATUS: 'RTMIN+3', SERVICE_RESULT: 'core-dump'},
        {},
        {code: 'dumped', status: 'RTMIN+3', reason: 'failure'},
      ],
      [
        'a stop',
        {EXIT_CODE: 'exited', EXIT_STATUS: '0', SERVICE_RESULT: 'success'},
        {stopping: 1, failures: 3},
        {reason: 'stop', failures: 0, delayMs: 0},
      ],
      [
        'a planned restart',
        {EXIT_CODE: 'exited', EXIT_STATUS: '75'},
        {failures: 3},
        {result: '', reason: 'planned', failures: 0, delayMs: 0},
      ],
      ['a fatal configuration', {EXIT_CODE: 'exited', EXIT_STATUS: '78'}, {failures: 3}, {reason: 'config', failures: 3, delayMs: 0}],
      [
        'a start that failed',
        {SERVICE_RESULT: 'timeout'},
        {started: ''},
        {code: '', status: '', result: 'timeout', uptimeMs: null, reason: 'failure'},
      ],
      [
        'a start that was called off',
        {SERVICE_RESULT: 'success'},
        {started: ''},
        {code: '', uptimeMs: null, reason: 'called-off', delayMs: 0},
      ],
      [
        'a start that was called off by a signal',
        {SERVICE_RESULT: 'signal'},
        {started: '', failures: 3},
        {code: '', result: 'signal', uptimeMs: null, reason: 'called-off', failures: 0, delayMs: 0},
      ],
    ])('notes %s in the journal, in a line that end-line.ts reads', (_, env, files, expected) => {
      const {lines} = noted(env, {files})
      expect(lines).toHaveLength(1)
      const line = parseEndLine(JSON.parse(lines[0] ?? ''))
      expect(line).toMatchObject(expected)
      if (line?.uptimeMs !== null) expect(line?.uptimeMs).toBeGreaterThanOrEqual(1000)
      expect(Math.abs(Date.parse(line?.time ?? '') - Date.now())).toBeLessThan(HANGS_MS)
    })

    it('writes fixed words alone, whatever it is told', () => {
      for (const nasty of ['"', '\\', 'a b', '%s', '$(id)', '\n{"event":"end"}', 'é']) {
        const {lines} = noted({EXIT_CODE: 'exited', EXIT_STATUS: nasty, SERVICE_RESULT: nasty})
        expect(lines.map((line) => parseEndLine(JSON.parse(line)))).toMatchObject([{code: '', status: '', result: '', reason: 'failure'}])
      }
    })

    it('ends with 0 when nobody reads what it says', async () => {
      const made = helperService()
      const env = {PATH: '/usr/bin:/bin', EXIT_CODE: 'exited', EXIT_STATUS: '1'}
      const command = [...shell, ...helperCall(made, 'after-exit')]
      expect(withoutReader(command, {env, timeout: HANGS_MS})).toMatchObject({status: 0})
      expect(read(made.state, 'failures')).toBe('1')
    })

    it('is not misled by variables of the environment that are called like its own', async () => {
      const made = helperService({policy: {firstMs: 10}})
      const env: Record<string, string> = {IFS: '7', EXIT_CODE: 'exited', EXIT_STATUS: '1'}
      for (const name of readdirSync(made.folder)) {
        for (const [, variable] of (read(made.folder, name) ?? '').matchAll(/\b([a-z_]+)=/g)) env[variable ?? ''] = 'nothing'
      }
      expect(Object.keys(env).length).toBeGreaterThan(30)
      expect(runHelper(shell, made, 'after-exit', env).stderr).toBe(
        'hermes-svc: gateway exited with 1; failure 1 in a row, the next start waits 0.010 s\n',
      )
      put(made.home, 'gateway.pid', NO_PROCESS)
      expect(runHelper(shell, made, 'before-start', env).stderr).toBe(
        `hermes-svc: gateway.pid was cleared: process ${NO_PROCESS} is gone\n`,
      )
    })

    // The rule itself is asked of one shell, and of each by helper-rule.test.ts: outside of a campaign the others have what asks the most of a shell.
    if (shellName !== 'dash' && !isCampaign) return

    it.each<[string, End, string]>([
      ['an error', {code: 'exited', status: '1', up: 0}, '1'],
      ['success that nobody asked for', {code: 'exited', status: '0', up: 0}, '1'],
      ['a signal', {code: 'killed', status: 'KILL', up: 0, failures: 2}, '3'],
      ['a core dump', {code: 'dumped', status: 'SEGV', up: 0, failures: 200}, '201'],
      ['an end whose start is not on record', {code: 'exited', status: '1', failures: 4}, '5'],
      ['a start that failed', {result: 'exit-code', failures: 1}, '2'],
      ['a start that failed after before-start', {result: 'exit-code', up: 0, failures: 1}, '2'],
      ['an error after less than the time that forgives', {code: 'exited', status: '1', up: 290, failures: 7}, '8'],
      ['an error after the time that forgives', {code: 'exited', status: '1', up: 310, failures: 7}, '1'],
    ])('counts %s as a failure', async (_, end, failures) => {
      expect((await ends(end)).failures).toBe(failures)
    })

    it.each([
      ['exited', '0'],
      ['exited', '1'],
      ['exited', '75'],
      ['exited', '78'],
      ['killed', 'TERM'],
      ['killed', 'KILL'],
    ])('does not count a stop that was asked for (%s %s), and forgets earlier failures', async (code, status) => {
      expect((await ends({code, status, up: 3, failures: 5, stopping: true})).failures).toBe('0')
    })

    it('takes a process that is older than its wait for the gateway of this run, and an older one not', async () => {
      const stateFile = {gateway_state: 'stopped', restart_requested: true, startsAfter: -50}
      expect(await after75(stateFile, {began: 50})).toBe('0')
      expect(await after75(stateFile, {began: 49})).toBe('6')
      expect(await after75(stateFile)).toBe('6')
    })

    it('forgets earlier failures where a program before the gateway was ended by the signal that calls a start off', async () => {
      expect(await ends({result: 'signal', failures: 5})).toEqual({failures: '0', said: ''})
      expect(await ends({result: 'signal', failures: 5, up: 1})).toEqual({failures: '0', said: ''})
    })

    it('leaves the count as it is after a start that was called off', async () => {
      expect(await ends({result: 'success', failures: 5})).toEqual({failures: '5', said: ''})
      expect(await ends({failures: 5})).toEqual({failures: '5', said: ''})
    })

    it('leaves the count as it is after exit 78, and says that it will not be started', async () => {
      const {failures, said} = await ends({code: 'exited', status: '78', up: 0, failures: 5})
      expect(failures).toBe('5')
      expect(said).toMatch(/exited with 78 after 0(\.\d+)? s: its configuration is wrong, so it stays down until somebody fixes it/)
    })

    it.each<[string, Json]>([
      ['running', {gateway_state: 'running', restart_requested: false, startsAfter: 2}],
      ['draining', {gateway_state: 'draining', startsAfter: 2}],
      ['degraded', {gateway_state: 'degraded', startsAfter: 2}],
      ['stopped', {gateway_state: 'stopped', restart_requested: false, startsAfter: 2}],
      ['stopped on request', {gateway_state: 'stopped', restart_requested: true, startsAfter: 0}],
      ['in a state of a later version, on request', {gateway_state: 'resting', restart_requested: true, startsAfter: 5}],
    ])('takes exit 75 of a gateway that was %s for a planned restart', async (_, stateFile) => {
      expect(await after75(stateFile)).toBe('0')
      expect(await after75(stateFile, {pretty: true})).toBe('0')
    })

    it.each<[string, Json | string]>([
      ['starting', {gateway_state: 'starting', restart_requested: true, startsAfter: 1}],
      ['failing to start', {gateway_state: 'startup_failed', restart_requested: true, startsAfter: 1}],
      ['in a state of a later version', {gateway_state: 'resting', startsAfter: 1}],
      ['running, but an earlier one', {gateway_state: 'running', startsAfter: -1}],
      ['running, but before a reboot', {gateway_state: 'running', startsAfter: 1_000_000}],
      ['writing nothing', ''],
    ])('takes exit 75 of a gateway that was %s for a failure', async (_, stateFile) => {
      expect(await after75(stateFile)).toBe('6')
    })

    it('takes an end with any status for planned if a restart was requested', async () => {
      const stateFile = {gateway_state: 'stopped', restart_requested: true, startsAfter: 0}
      for (const [code, status] of [
        ['exited', '0'],
        ['exited', '1'],
        ['killed', 'KILL'],
      ] as const) {
        expect(await ends({code, status, up: 2, failures: 5, stateFile})).toMatchObject({
          failures: '0',
          said: expect.stringMatching(/ after 2(\.\d+)? s: a planned restart, so it starts again at once\n$/) as string,
        })
        // What an earlier run has left counts for nothing.
        expect((await ends({code, status, up: 2, failures: 5, stateFile: {...stateFile, startsAfter: -1}})).failures).toBe('6')
      }
      expect((await ends({code: 'exited', status: '78', up: 2, failures: 5, stateFile})).failures).toBe('5')
    })

    /** The count after an end two seconds after the start, with another file in the home that is so many seconds old. */
    const withFile = async (name: string, content: Json | string, age: number, status: string) => {
      const made = helperService()
      mkdirSync(join(made.home, 'state'))
      mkdirSync(join(made.home, 'logs'))
      put(made.state, 'failures', 5)
      put(made.state, 'started', nowTicks() - 200)
      utimesSync(join(made.state, 'started'), Date.now() / 1000 - 2, Date.now() / 1000 - 2)
      put(made.home, name, content)
      utimesSync(join(made.home, name), Date.now() / 1000 - age, Date.now() / 1000 - age)
      put(made.home, 'gateway_state.json', {gateway_state: 'running', start_time: nowTicks() - 200, restart_requested: false})
      const {stderr} = runHelper(shell, made, 'after-exit', {EXIT_CODE: 'exited', EXIT_STATUS: status})
      return {failures: read(made.state, 'failures'), said: stderr, made}
    }

    it("goes by upstream's note of a restart, if it is of this run", async () => {
      const note = {requested_at: 1, via_service: true, detached: false}
      expect((await withFile('.restart_pending.json', note, 1, '0')).failures).toBe('0')
      expect((await withFile('.restart_pending.json', note, 3, '0')).failures).toBe('6')
    })

    it('removes the planned-stop marker of a gateway that has ended, and goes by it if it is of this run', async () => {
      const marker = '.gateway-planned-stop.json'
      const dead = {target_pid: NO_PROCESS, target_start_time: 5, stopper_pid: 1, written_at: 'x'}
      for (const [age, failures] of [
        [1, '0'],
        [3, '6'],
      ] as const) {
        const ended = await withFile(marker, dead, age, '1')
        expect([ended.failures, read(ended.made.home, marker)]).toEqual([failures, undefined])
      }
      const recycled = await withFile(marker, {...dead, target_pid: process.pid}, 1, '1')
      expect([recycled.failures, read(recycled.made.home, marker)]).toEqual(['0', undefined])
    })

    it.each<[string, Json | string]>([
      ['a living process', {target_pid: process.pid, target_start_time: startTime(process.pid)}],
      ['a living process, and not since when', {target_pid: process.pid, target_start_time: null}],
      ['nobody', {}],
    ])('leaves a planned-stop marker of %s alone', async (_, content) => {
      const {failures, made} = await withFile('.gateway-planned-stop.json', content, 1, '1')
      expect(failures).toBe('6')
      expect(read(made.home, '.gateway-planned-stop.json')).toBeDefined()
    })

    it("takes exit 75 of the gateway's own loop watchdog for a failure, and notes it in the journal", async () => {
      const lifecycle = (exit_reason: string) => ({phase: 'exited', pid: 12, exit_code: 75, exit_reason, exited_at: 'x'})
      const blocked = await withFile('state/gateway.lifecycle.json', lifecycle('loop_liveness_watchdog'), 1, '75')
      expect(blocked.failures).toBe('6')
      expect(blocked.said).toMatch(
        /exited with 75 after 2(\.\d+)? s, because its event loop did not respond to its own watchdog; failure 6 in a row/,
      )
      expect(endsOf(blocked.made)).toMatchObject([{reason: 'loop', failures: 6}])

      for (const [reason, age] of [
        ['graceful_shutdown', 1],
        ['loop_liveness_watchdog', 3],
      ] as const) {
        const planned = await withFile('state/gateway.lifecycle.json', lifecycle(reason), age, '75')
        expect([planned.failures, endsOf(planned.made).map((line) => line.reason)]).toEqual(['0', ['planned']])
      }
    })

    it('takes exit 75 without a state file for planned only after a while', async () => {
      expect((await ends({code: 'exited', status: '75', up: 29, failures: 5})).failures).toBe('6')
      expect((await ends({code: 'exited', status: '75', up: 31, failures: 5})).failures).toBe('0')
    })

    it('judges a state file without a start time by its age', async () => {
      const stateFile = {gateway_state: 'running', start_time: null}
      expect(await after75(stateFile)).toBe('0')
      const made = helperService()
      put(made.state, 'failures', 5)
      put(made.state, 'started', nowTicks())
      put(made.home, 'gateway_state.json', stateFile)
      utimesSync(join(made.home, 'gateway_state.json'), 1000, 1000)
      runHelper(shell, made, 'after-exit', {EXIT_CODE: 'exited', EXIT_STATUS: '75'})
      expect(read(made.state, 'failures')).toBe('6')
    })

    it('reads the large state file of a gateway that serves many profiles', async () => {
      const one = {state: 'connected', writer_pid: 1, note: 'a "b" \\ c'}
      const platforms = Object.fromEntries(Array.from({length: 1500}, (_, index) => [`p${index}:telegram`, one]))
      expect(await after75({platforms, gateway_state: 'running', startsAfter: 1})).toBe('0')
    })

    it.each<[string, number | undefined, number | undefined, Record<string, string>, string]>([
      ['the kernel killed it', 1, 2, {}, 'oom-kill'],
      ['a command of ours killed it', 1, 2, {STOPPING: '1'}, 'signal'],
      ['the kernel had killed a child before it was started', 2, 2, {}, 'signal'],
      ['it was killed by something else than SIGKILL', 0, 1, {EXIT_STATUS: 'TERM'}, 'signal'],
      ['its manager knows better', 0, 1, {SERVICE_RESULT: 'timeout'}, 'timeout'],
      ['nothing counts such kills', undefined, undefined, {}, 'signal'],
      ['it was started before there was a count', undefined, 1, {}, 'signal'],
    ])('an end has result oom-kill only if the kernel has killed since the start: %s', (_, before, after, env, result) => {
      const made = helperService({kernel: after === undefined ? {} : {'/sys/fs/cgroup/memory.events': `oom 9\noom_kill ${after}\n`}})
      mkdirSync(join(made.home, 'logs'))
      put(made.state, 'started', nowTicks() - 100)
      if (before !== undefined) put(made.state, 'oom', before)
      if (env.STOPPING) put(made.state, 'stopping', 1)
      const {code} = runHelper(shell, made, 'after-exit', {EXIT_CODE: 'killed', EXIT_STATUS: 'KILL', SERVICE_RESULT: 'signal', ...env})
      expect({code, ends: endsOf(made).map((end) => end.result)}).toEqual({code: 0, ends: [result]})
    })

    it('keeps apart from half a line, and leaves what stands there', () => {
      const env = {EXIT_CODE: 'exited', EXIT_STATUS: '1'}
      expect(noted(env, {before: '{"time":"2026-'}).lines).toEqual(['{"time":"2026-', expect.stringContaining('"event":"end"')])
      expect(noted(env, {before: '{"old":1}\n'}).lines).toEqual(['{"old":1}', expect.stringContaining('"event":"end"')])
    })

    it('begins a journal of 4 MiB anew, and keeps the former one', () => {
      const {made} = noted({EXIT_CODE: 'exited', EXIT_STATUS: '1'}, {before: '{"old":1}\n'})
      const file = join(made.home, 'logs/hermes-svc.jsonl')
      truncateSync(file, JOURNAL_BYTES + 1)
      appendFileSync(file, '\n')
      runHelper(shell, made, 'after-exit', {EXIT_CODE: 'exited', EXIT_STATUS: '2'})
      expect(endsOf(made)).toMatchObject([{status: '2'}])
      expect(readdirSync(join(made.home, 'logs')).sort()).toEqual(['hermes-svc.jsonl', 'hermes-svc.jsonl.1'])
    })

    it('says nothing, and keeps nothing from starting, where there is no place for it', () => {
      const made = helperService()
      const env = {EXIT_CODE: 'exited', EXIT_STATUS: '1'}
      const calm = {code: 0, stderr: expect.stringMatching(/^hermes-svc: gateway exited with 1; failure \d in a row, [^\n]*\n$/) as string}
      expect(runHelper(shell, made, 'after-exit', env)).toEqual(calm)
      expect(readdirSync(made.home)).toEqual([])
      mkdirSync(join(made.home, 'logs', 'hermes-svc.jsonl'), {recursive: true})
      expect(runHelper(shell, made, 'after-exit', env)).toEqual(calm)
      const other = helperService()
      symlinkSync('/nowhere/at/all', join(other.home, 'logs'))
      expect(runHelper(shell, other, 'after-exit', env)).toEqual(calm)
    })

    it('stops counting at a million', async () => {
      expect((await ends({code: 'exited', status: '1', failures: 1_000_000})).failures).toBe('1000000')
    })

    it('says so if it cannot count, and ends', async () => {
      const made = helperService()
      expect(runHelper(shell, made, 'after-exit', {EXIT_CODE: 'exited', EXIT_STATUS: '1'}, '/nowhere/at/all')).toEqual({
        code: 0,
        stderr: 'hermes-svc: gateway exited with 1; not counted, the next start waits 5 s\n',
      })
    })
  })
}
