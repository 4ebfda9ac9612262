import fs from 'node:fs'
import path from 'node:path'
import {build} from 'esbuild'
import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import type {Report} from '../contract/main.js'
import {inCampaign} from '../support/campaign.js'
import {describeOnSystemd} from '../support/machines.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const PROGRAM = '/var/tmp/contract.mjs'
const LIMIT_MS = 240_000

await describeOnSystemd('contract: the stand-in keeps every claim about a service of systemd', (machine) => {
  let user: Account
  beforeAll(async () => {
    const entryPoints = [path.join(ROOT, 'test/contract/main.ts')]
    const banner = {js: "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url);"}
    const {outputFiles} = await build({entryPoints, bundle: true, write: false, platform: 'node', format: 'esm', logLevel: 'error', banner})
    await machine().writeText(PROGRAM, outputFiles[0]?.text ?? '')
    user = await machine().addUser('con')
  })

  // 0.16 is the stand-in of all other suites; what each does without systemd: test/contract/stand-in.test.ts.
  it.each(inCampaign(['0.16', '0.21'] as const, ['0.21'] as const))('of a gateway %s', async (version) => {
    const folder = `/var/tmp/contract-${version}`
    await machine().exec(['mkdir', folder], {user})
    await machine().exec(['rm', '-rf', `${user.home}/.hermes`], {user})
    const contract = fs.readFileSync(path.join(ROOT, 'src/gateway/contract.ts'), 'utf8')
    const command = [`${MACHINE_PACKAGE}/dist/stand-in/hermes`]
    const request = {command, contract, folder, withSlow: false, only: ['systemd'], standIn: version}
    await machine().writeText(`${folder}/request.json`, JSON.stringify(request), {user})
    const {code, stdout, stderr} = await machine().exec([MACHINE_NODE, PROGRAM, `${folder}/request.json`], {user, timeoutMs: LIMIT_MS})
    expect({code, stderr}).toMatchObject({code: 0})
    const {outcomes} = JSON.parse(stdout) as Report
    // It installs nothing, so it has no text of a unit that it could write: tests do that in its stead.
    expect(outcomes.filter(({id, kind}) => kind !== 'holds' && id !== 'systemd.rewrites')).toEqual([])
    expect(outcomes.length).toBeGreaterThan(5)
  })
})
