import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {expect, it} from 'vitest'
import {whyNoMachine} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {schemaErrors} from '../support/json-schemas.js'
import {testHost} from '../support/machines.js'
import {nodeOfVersion} from '../support/node-versions.js'

const OLDEST = '20.17.0'
/** The oldest that package.json asks for, and the newest of each line that is supported; what both ends of them do is done by those between them, which a campaign asks. */
const VERSIONS = inCampaign([OLDEST, '20', '22', '24'], [OLDEST, '24'])
const ENTRY = path.join(testHost.packageRoot, 'bin', 'hermes-svc.cjs')
const HELP = fs.readFileSync(path.join(testHost.packageRoot, 'dist', 'help.txt'), 'utf8')
const SMOKE_TIMEOUT_MS = 300_000

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the built program on a node, on this machine, without its code cache and without what changes how node starts. */
function runOn(node: string, ...args: string[]): Ended {
  const neutral = {NODE_OPTIONS: undefined, NODE_COMPILE_CACHE: undefined, NODE_EXTRA_CA_CERTS: undefined}
  const env = {...process.env, ...neutral, HERMES_SVC_NO_CACHE: '1'}
  const {status, stdout, stderr, error} = spawnSync(node, [ENTRY, ...args], {encoding: 'utf8', env, timeout: SMOKE_TIMEOUT_MS})
  if (error) throw error
  return {code: status, stdout, stderr}
}

const builds = await Promise.all(
  VERSIONS.map(async (version) => {
    const {node = '', reason} = await nodeOfVersion(version)
    return {version, node, reason}
  }),
)

for (const {version, node, reason} of builds) {
  describeUnless(reason, `hermes-svc on Node ${version}`, () => {
    it('tells that it runs on this node, shows help that is made on the spot, and fails as it should', () => {
      const {code, stdout, stderr} = runOn(node, '--version')
      const nodeVersion = /^hermes-svc\/\S+ linux-\S+ node-v(\S+)\n$/.exec(stdout)?.[1]
      expect({code, stderr}).toEqual({code: 0, stderr: ''})
      expect(`${nodeVersion}.`.slice(0, version.length + 1)).toBe(`${version}.`)

      const help = runOn(node, 'status', '--json', '--help')
      expect({...help, stdout: ''}).toEqual({code: 0, stdout: '', stderr: ''})
      expect(help.stdout).toContain('$ hermes-svc status')

      const json = runOn(node, 'start', '--timeout', 'soon', '--json')
      expect({code: json.code, stderr: json.stderr}).toEqual({code: 2, stderr: ''})
      expect(schemaErrors('failure', JSON.parse(json.stdout))).toEqual([])
    })

    // A text of a file, and the words of what fails, are the same on each: test/bin/entry.test.ts, test/integration/screens.test.ts.
    itInCampaign('shows the help that is prepared, and says in words what is wrong', () => {
      expect(runOn(node, '--help')).toEqual({code: 0, stdout: HELP, stderr: ''})
      const text = runOn(node, 'status', '--banana')
      expect(text).toEqual({code: 2, stdout: '', stderr: 'hermes-svc: unknown flag: --banana\nNext: hermes-svc status --help\n'})
    })
  })

  // Half a minute each, of which node itself has hardly a part: outside of a campaign on the oldest one, which has least. In the return of a killed gateway
  // it has none.
  if (!isCampaign && version !== OLDEST) continue
  describeUnless(reason ?? whyNoMachine(testHost), `the self-test on Node ${version}`, () => {
    it('passes in a throw-away machine', {timeout: SMOKE_TIMEOUT_MS}, () => {
      const {code, stdout, stderr} = runOn(
        node,
        'smoke',
        '--isolated',
        '--json',
        '--scope',
        'user',
        '--only',
        inCampaign('killed,', '') + 'missing-heartbeat,stop,nothing-left',
      )
      expect({code, stdout, stderr}).toMatchObject({code: 0, stderr: ''})
      const document = JSON.parse(stdout) as {ok: boolean; isolated: boolean; steps: {id: string}[]}
      expect(schemaErrors('smoke', document)).toEqual([])
      expect(document).toMatchObject({ok: true, isolated: true})
      expect(document.steps.map(({id}) => id)).toEqual([
        'boot',
        'install',
        'alive',
        ...inCampaign(['killed'], []),
        'missing-heartbeat',
        'stop',
        'uninstall',
        'nothing-left',
      ])
    })
  })
}

/** Runs a command without the code cache of root, then three times with it, the last time with a flag that is none: `$@`. What came of each is left in `$0`. */
const THREE_TIMES = `mount -t tmpfs -o mode=0755 tmpfs /var/cache || exit
see() {
  name=$1
  shift
  "$@" >"$0/$name.stdout" 2>"$0/$name.stderr"
  echo "$?" >"$0/$name.code"
  # Each file with what changes when it is written anew.
  find /var/cache -type f -printf '%f %i %T@\\n' >"$0/$name.cached"
}
HERMES_SVC_NO_CACHE=1 see without "$@"
see written "$@"
see taken "$@"
see refused "$@" --banana
`
const isRoot = process.getuid?.() === 0

for (const {version, node, reason} of builds) {
  describeUnless(
    reason ?? (isRoot ? undefined : 'root alone can have a /var/cache of its own'),
    `the code cache on Node ${version}`,
    () => {
      // render loads a vendored package; list is of our own code alone, and stands for what is loaded in one way. Whose cache it is: test/bin/code-cache.test.ts.
      it.each(inCampaign(['list', 'render'], ['render']))(
        'changes nothing that %s prints, is taken the second time, and changes nothing for a command that fails',
        (command) => {
          const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-node-'))
          try {
            const gateway = path.join(folder, 'bin/hermes')
            fs.mkdirSync(path.dirname(gateway))
            fs.copyFileSync(path.join(testHost.packageRoot, 'dist/stand-in/hermes'), gateway)
            fs.chmodSync(gateway, 0o755)
            const argv = [node, ENTRY, command, '--json', '--manager', 's6', '--home', folder]
            const {status, stderr} = spawnSync('unshare', ['--mount', 'sh', '-c', THREE_TIMES, folder, ...argv], {
              ...{encoding: 'utf8', env: {PATH: process.env.PATH, HOME: folder}},
            })
            expect({status, stderr}).toEqual({status: 0, stderr: ''})
            const seen = (name: string) => {
              const [stdout, err, code, cached] = ['stdout', 'stderr', 'code', 'cached'].map((part) =>
                fs.readFileSync(path.join(folder, `${name}.${part}`), 'utf8'),
              )
              return {ended: {stdout, stderr: err, code}, cached}
            }
            const without = seen('without')
            expect(without).toMatchObject({ended: {stderr: '', code: '0\n'}, cached: ''})
            expect(seen('written').ended).toEqual(without.ended)
            expect(seen('written').cached).toMatch(new RegExp(`^\\S+-v${version}[.-]\\S*-${command}\\.bin \\d+ \\S+\\n$`))
            expect(seen('taken')).toEqual({ended: without.ended, cached: seen('written').cached})
            const {stdout, code} = seen('refused').ended
            expect({code, failure: JSON.parse(stdout ?? '') as object}).toMatchObject({
              ...{code: '2\n', failure: {ok: false, error: {message: 'unknown flag: --banana'}}},
            })
            expect(seen('refused').cached).toBe(seen('written').cached)
          } finally {
            fs.rmSync(folder, {recursive: true})
          }
        },
      )
    },
  )
}
