import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {MACHINE_PACKAGE, whyNoMachine} from '../../src/smoke/machine.js'
import {inCampaign, isCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {schemaErrors} from '../support/json-schemas.js'
import {describeOnSystemd, testHost} from '../support/machines.js'
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
    it('tells its version, and that it runs on this node', () => {
      const {code, stdout, stderr} = runOn(node, '--version')
      const nodeVersion = /^hermes-svc\/\S+ linux-\S+ node-v(\S+)\n$/.exec(stdout)?.[1]
      expect({code, stderr}).toEqual({code: 0, stderr: ''})
      expect(`${nodeVersion}.`.slice(0, version.length + 1)).toBe(`${version}.`)
    })

    it('shows help, prepared and made on the spot', () => {
      expect(runOn(node, '--help')).toEqual({code: 0, stdout: HELP, stderr: ''})
      const {code, stdout, stderr} = runOn(node, 'status', '--json', '--help')
      expect({code, stderr}).toEqual({code: 0, stderr: ''})
      expect(stdout).toContain('$ hermes-svc status')
    })

    it('fails as it should', () => {
      const text = runOn(node, 'status', '--banana')
      expect(text).toEqual({code: 2, stdout: '', stderr: 'hermes-svc: unknown flag: --banana\nNext: hermes-svc status --help\n'})
      const json = runOn(node, 'start', '--timeout', 'soon', '--json')
      expect({code: json.code, stderr: json.stderr}).toEqual({code: 2, stderr: ''})
      expect(schemaErrors('failure', JSON.parse(json.stdout))).toEqual([])
    })
  })

  // Half a minute each, of which node itself has hardly a part: outside of a campaign on the oldest one, which has least.
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
        'killed,missing-heartbeat,stop,nothing-left',
      )
      expect({code, stdout, stderr}).toMatchObject({code: 0, stderr: ''})
      const document = JSON.parse(stdout) as {ok: boolean; isolated: boolean; steps: {id: string}[]}
      expect(schemaErrors('smoke', document)).toEqual([])
      expect(document).toMatchObject({ok: true, isolated: true})
      expect(document.steps.map(({id}) => id)).toEqual([
        'boot',
        'install',
        'alive',
        'killed',
        'missing-heartbeat',
        'stop',
        'uninstall',
        'nothing-left',
      ])
    })
  })
}

const inside = (version: string) => `/opt/node-${version}`

await describeOnSystemd(
  'the code cache',
  (machine) => {
    let ann: Account
    beforeAll(async () => {
      ann = await machine().addUser('ann')
      await machine().exec(['install', '-D', `${MACHINE_PACKAGE}/dist/stand-in/hermes`, '.hermes/bin/hermes'], {user: ann})
    })

    const run = async (version: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> => {
      const argv = [inside(version), `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, ...args]
      const {code, stdout, stderr} = await machine().exec(argv, {user: ann, env})
      return {code, stdout, stderr}
    }
    /** Files of the cache that this node made for a command, each with what changes when it is written anew. */
    const cached = async (version: string, command: string) => {
      const node = (await machine().exec([inside(version), '--version'])).stdout.trim()
      const {stdout} = await machine().exec(['sh', '-c', 'stat -c "%n %i %y" .cache/hermes-svc/*.bin'], {user: ann})
      return stdout.split('\n').filter((line) => line.includes(`-${node}-`) && line.includes(`-${command}.bin `))
    }

    for (const {version, reason} of builds) {
      describeUnless(reason, `on Node ${version}`, () => {
        // render loads a vendored package; list is of our own code alone, and stands for what is loaded in one way.
        it.each(inCampaign(['list', 'render'], ['render']))(
          'changes nothing that %s prints, and is taken the second time',
          async (command) => {
            const argv = [command, '--json']
            const without = await run(version, argv, {HERMES_SVC_NO_CACHE: '1'})
            expect({code: without.code, stderr: without.stderr}).toEqual({code: 0, stderr: ''})
            expect(await cached(version, command)).toEqual([])
            expect(await run(version, argv)).toEqual(without)
            const written = await cached(version, command)
            expect(written).toHaveLength(1)
            expect(await run(version, argv)).toEqual(without)
            expect(await cached(version, command)).toEqual(written)
          },
        )

        it('changes nothing for a command that fails', async () => {
          const argv = ['render', '--banana']
          expect(await cached(version, 'render')).toHaveLength(1)
          const result = await run(version, argv)
          expect(result).toMatchObject({code: 2, stdout: ''})
          expect(await run(version, argv, {HERMES_SVC_NO_CACHE: '1'})).toEqual(result)
        })
      })
    }
  },
  {binds: builds.filter(({reason}) => !reason).map(({version, node}) => ({source: node, target: inside(version)}))},
)
