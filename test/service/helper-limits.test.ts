import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {HELPER_NAMES, type HelperName} from '../../src/service/helpers.js'
import {describeUnless} from '../support/describe-unless.js'
import {
  cleanUp,
  helperService,
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

/** A limit that a test can wait for. */
function shorten(file: string): void {
  const text = readFileSync(file, 'utf8')
  const shorter = text.replace(/(sleep'?) 5 >/, '$1 0.3 >')
  if (shorter === text) throw new Error(`${file} has no limit for its programs`)
  writeFileSync(file, shorter)
}

/** Runs a helper one of whose programs hangs. Returns how it ended, and the pids of what hung. */
async function hang(
  shell: readonly string[],
  helper: HelperName,
  tool: string,
  platform: NodeJS.Platform,
): Promise<{readonly code: number | null; readonly stderr: string; readonly hung: readonly number[]}> {
  const made = await helperService({platform, tools: {[tool]: HANGING}})
  shorten(join(made.folder, helper))
  put(made.home, 'gateway.pid', record(await startAnything()))
  put(made.home, 'gateway.lock', '')
  put(made.home, 'gateway_state.json', {gateway_state: 'running', pid: NO_PROCESS})
  put(made.state, 'started', '1')
  const file = join(made.root, 'hangs')
  const ended = {MAINPID: String(await startAnything()), EXIT_CODE: 'exited', EXIT_STATUS: '75', SERVICE_RESULT: 'exit-code'}
  const {code, stderr} = runHelper(shell, made, helper, {HANGS: file, ...ended})
  const hung = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
  return {code, stderr, hung}
}

/** Each program that a helper runs in these situations, with its helper and its platform. */
const HANGS: readonly (readonly [helper: HelperName, tool: string, platform: NodeJS.Platform])[] = [
  ['before-start.sh', 'head', 'linux'],
  ['before-start.sh', 'ls', 'linux'],
  ['before-start.sh', 'lsof', 'darwin'],
  ['before-start.sh', 'ps', 'darwin'],
  ['before-start.sh', 'date', 'darwin'],
  ['before-stop.sh', 'date', 'linux'],
  ['before-stop.sh', 'mv', 'linux'],
  ['after-exit.sh', 'head', 'linux'],
  ['after-exit.sh', 'rm', 'linux'],
]

for (const [shellName, shell] of Object.entries(SHELLS)) {
  describeUnless(lacks(shell[0] ?? '', PYTHON), `a helper, under ${shellName}`, () => {
    it.each(HANGS)('%s ends well though %s hangs, and leaves nothing behind (%s)', async (helper, tool, platform) => {
      const {code, stderr, hung} = await hang(shell, helper, tool, platform)
      expect({code, stderr}).toEqual({code: 0, stderr: expect.not.stringMatching(/Killed|Terminated/)})
      expect(hung.length).toBeGreaterThan(0)
      for (const pid of hung) expect(existsSync(`/proc/${pid}`)).toBe(false)
    })
  })
}

it.each(['linux', 'darwin'] as const)('no program of a helper but its delays runs without a limit (%s)', async (platform) => {
  const made = await helperService({platform})
  for (const helper of HELPER_NAMES) {
    const text = readFileSync(join(made.folder, helper), 'utf8')
    const programs = text
      .split('\n')
      .flatMap((line) => (line.startsWith('#') ? [] : [...line.matchAll(/(limited )?'?(\/(?:usr\/)?s?bin\/(\w+))'?/g)]))
    const unlimited = programs.filter(([, limited, , name]) => limited === undefined && name !== 'sleep')
    // Called by its variable, with a limit.
    expect(unlimited.map(([whole]) => whole.trim())).toEqual(
      helper === 'before-start.sh' && platform === 'linux' ? [expect.stringMatching(/flock/)] : [],
    )
    expect(programs.length).toBeGreaterThan(1)
  }
})
