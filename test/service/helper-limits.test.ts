import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {helperText, type HelperVerb} from '../../src/service/service-helper.js'
import {describeUnless} from '../support/describe-unless.js'
import {
  askedUnder,
  cleanUp,
  helperService,
  HOST,
  lacks,
  NO_PROCESS,
  put,
  PYTHON,
  record,
  runHelper,
  SHELLS,
  startAnything,
} from '../support/helper-scripts.js'

// A program that a helper runs may hang, on a disk or a network that is gone; the gateway must start and stop all the same. Each stand-in
// notes its pid and hangs; that it was killed, and that the helper ended well, is what counts.

afterEach(cleanUp)

const HANGING = 'echo "$$" >>"$HANGS"; exec /bin/sleep 1000'

/** A limit that a test can wait for, and that begins once the program that hangs has said so. */
function shorten(file: string): void {
  const text = readFileSync(file, 'utf8')
  const shorter = text.replace('{ sleep 5 >', '{ { until [ -s "$HANGS" ]; do /bin/sleep 0.05; done; sleep 0.3; } >')
  if (shorter === text) throw new Error(`${file} has no limit for its programs`)
  writeFileSync(file, shorter)
}

/** Runs a helper one of whose programs hangs. Returns how it ended, and the pids of what hung. */
async function hang(
  shell: readonly string[],
  helper: HelperVerb,
  tool: string,
  platform: NodeJS.Platform,
): Promise<{readonly code: number | null; readonly stderr: string; readonly hung: readonly number[]}> {
  const made = helperService({platform, tools: {[tool]: HANGING}})
  shorten(made.file)
  put(made.home, 'gateway.pid', record(await startAnything()))
  if (tool !== 'ps') put(made.home, 'gateway.lock', '')
  put(made.home, 'gateway_state.json', {gateway_state: 'running', pid: NO_PROCESS})
  put(made.state, 'started', '1')
  const file = join(made.root, 'hangs')
  const ended = {MAINPID: String(await startAnything()), EXIT_CODE: 'exited', EXIT_STATUS: '75', SERVICE_RESULT: 'exit-code'}
  const {code, stderr} = runHelper(shell, made, helper, {HANGS: file, ...ended})
  const hung = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
  return {code, stderr, hung}
}

/** Each program that a helper runs in these situations, with its helper and its platform. */
const HANGS: readonly (readonly [helper: HelperVerb, tool: string, platform: NodeJS.Platform])[] = [
  // One of each verb.
  ['before-start', 'flock', 'linux'],
  ['before-stop', 'mv', 'linux'],
  ['after-exit', 'head', 'linux'],
  ['before-start', 'head', 'linux'],
  ['before-start', 'lsof', 'darwin'],
  ['before-start', 'ps', 'darwin'],
  ['before-stop', 'head', 'linux'],
]

for (const [shellName, shell] of Object.entries(SHELLS)) {
  describeUnless(lacks(shell[0] ?? '', PYTHON), `a helper, under ${shellName}`, () => {
    it.each(askedUnder(shellName).rowsOf(HANGS, 3))(
      '%s ends well though %s hangs, and leaves nothing behind (%s)',
      async (helper, tool, platform) => {
        const {code, stderr, hung} = await hang(shell, helper, tool, platform)
        expect({code, stderr}).toEqual({code: 0, stderr: expect.not.stringMatching(/Killed|Terminated/)})
        expect(hung.length).toBeGreaterThan(0)
        for (const pid of hung) expect(existsSync(`/proc/${pid}`)).toBe(false)
      },
    )
  })
}

it('no program of the helper that looks into the home, or at other processes, runs without a limit', () => {
  const code = helperText(HOST)
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
  const calls = [...code.matchAll(/(limited )?\b(head -c|flock|lsof|ps -|mv|rm -f "\$(?!state))/g)]
  expect(calls.length).toBeGreaterThan(7)
  expect(calls.filter(([, limited]) => limited === undefined).map(([call]) => call)).toEqual([])
})
