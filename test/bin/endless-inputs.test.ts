import {type ChildProcess, spawn, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, expect, it} from 'vitest'
import {inCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {ENTRY} from '../support/built.js'
import {lacks, PYTHON} from '../support/helper-scripts.js'

/** What never ends is seen by it; what ends takes a few seconds. */
const LIMIT_MS = 60_000
/** A run on an empty home has some 60 MB. */
const MOST_MB = 200
/** Runs a command and says last how much memory it had at most, in kB (getrusage(2)). */
const MEASURE =
  'import resource,subprocess,sys\nend=subprocess.run(sys.argv[1:]).returncode\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(end)'

describeUnless(lacks(PYTHON), 'what has no end in a home', () => {
  let folder: string
  let home: string
  const servers: ChildProcess[] = []
  beforeEach(() => {
    // Short, since the path of a socket has 107 bytes at most.
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hs-'))
    home = path.join(folder, '.hermes')
    fs.mkdirSync(home)
  })
  afterEach(() => {
    for (const server of servers.splice(0)) server.kill('SIGKILL')
    fs.rmSync(folder, {recursive: true})
  })

  const inHome = (name: string) => path.join(home, name)
  async function serve(kind: 'drip' | 'flood'): Promise<void> {
    const server = spawn(PYTHON, [path.join(import.meta.dirname, '../support/endless-socket.py'), inHome('gateway.sock'), kind])
    servers.push(server)
    await new Promise((resolve) => server.stdout.once('data', resolve))
  }
  function huge(name: string): void {
    fs.writeFileSync(inHome(name), '{"gateway_state":"running"')
    fs.truncateSync(inHome(name), 400 * 1024 * 1024)
  }

  const FILES = ['gateway_state.json', 'gateway.pid', 'gateway.lock', '.hermes-svc.json', 'gateway.sock.path']
  it.each<[string, () => unknown]>([
    ['a socket that drips', () => serve('drip')],
    ['a socket that floods', () => serve('flood')],
    // The others are without an end together, below.
    ...inCampaign(FILES, FILES.slice(-1)).map((name): [string, () => unknown] => [
      `${name} is /dev/zero`,
      () => fs.symlinkSync('/dev/zero', inHome(name)),
    ]),
    // All of them are read by one door, up to its limit: test/host/node-host.test.ts.
    ...inCampaign(FILES, FILES.slice(0, 2)).map((name): [string, () => unknown] => [`${name} has 400 MB`, () => huge(name)]),
    ['all of them', async () => [...FILES.slice(0, -1).map((name) => fs.symlinkSync('/dev/zero', inHome(name))), await serve('flood')]],
  ])('is no reason not to answer, nor to take memory: %s', async (_, prepare) => {
    await prepare()
    const env = {PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, LC_ALL: 'C.UTF-8'}
    const {signal, stdout, stderr} = spawnSync(PYTHON, ['-c', MEASURE, process.execPath, ENTRY, 'health', '--home', home], {
      ...{env, encoding: 'utf8', timeout: LIMIT_MS},
    })
    expect({signal, stderr}).toEqual({signal: null, stderr: ''})
    const [payload = '', kB = ''] = stdout.trim().split('\n')
    expect(JSON.parse(payload)).toMatchObject({details: {state: expect.stringMatching(/^(down|unknown)$/) as string}})
    expect(Number(kB) / 1024).toBeLessThan(MOST_MB)
  })
})
