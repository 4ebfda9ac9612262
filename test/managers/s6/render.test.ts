import {spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, describe, expect, it} from 'vitest'
import type {ServiceSettings} from '../../../src/service/settings.js'
import {HELPER_NAME} from '../../../src/service/service-helper.js'
import {describeUnless} from '../../support/describe-unless.js'
import {lacks} from '../../support/helper-scripts.js'
import {FakeHost} from '../../fakes/fake-host.js'
import {s6Manager} from '../../fakes/managers.js'
import {HERMES, ROOT, S6_SERVICE, S6_SETTINGS, s6Files, SLOT} from '../../fakes/s6.js'

async function render(
  options: {settings?: Partial<ServiceSettings>; files?: Record<string, string | {mode: number}>; environment?: [string, string][]} = {},
) {
  const host = new FakeHost({account: ROOT, accounts: [HERMES], files: {...s6Files(), ...options.files}})
  const files = await s6Manager(host).definition.render(S6_SERVICE, {...S6_SETTINGS, ...options.settings}, new Map(options.environment))
  return new Map(files.map((file) => [file.path, file]))
}

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, {recursive: true, force: true})
})

describe('the definition of a slot', () => {
  it('is root’s, but for what the operator chose, which is in the home', async () => {
    const files = await render({environment: [['TOKEN', 'secret']]})
    const inHome = [...files.values()].filter((file) => file.as !== undefined)
    expect(inHome.map((file) => [file.path, file.mode, file.as?.name, file.secret])).toEqual([
      ['/opt/data/.hermes-svc/settings.json', 0o600, 'hermes', false],
      ['/opt/data/.hermes-svc/gateway.env', 0o600, 'hermes', true],
    ])
    for (const [place, file] of files) if (!inHome.includes(file)) expect(place.startsWith(`${SLOT}/`)).toBe(true)
  })

  it('waits for nothing of the user’s without an end: a limit, or it is what the script becomes', async () => {
    const files = await render()
    const calls = (name: string, program: RegExp) =>
      (files.get(`${SLOT}/${name}`)?.text ?? '').split('\n').filter((line) => program.test(line) && !line.startsWith('#'))
    const found = [...calls('log/run', /\$as_user ['/]/), ...calls('finish', /head' /)]
    expect(found.length).toBe(6)
    for (const line of found)
      expect(line.trim()).toMatch(/^(exec |case \$\()?('\/usr\/bin\/timeout' (-s KILL (10|5)|300) |\$as_user '\/command\/s6-log' 1 n10)/)
  })

  it('holds no value of the environment', async () => {
    for (const [place, {text}] of await render({environment: [['TOKEN', 'secret']]})) {
      if (!place.endsWith('gateway.env')) expect(text).not.toContain('secret')
    }
  })

  it("has the container's variables where s6-overlay gives them", async () => {
    expect((await render()).get(`${SLOT}/run`)?.text).toMatch(/^#!\/bin\/sh\n# Written by hermes-svc/)
    const files = {'/command/with-contenv': {mode: 0o755}, '/run/s6/container_environment/PATH': '/opt/hermes/bin:/usr/bin'}
    const rendered = await render({files})
    expect(rendered.get(`${SLOT}/run`)?.text).toMatch(/^#!\/command\/with-contenv sh\n# Written by hermes-svc/)
    expect(rendered.get(`${SLOT}/helpers/start.sh`)?.text).toMatch(/^export PATH='\/opt\/hermes\/bin:\/usr\/bin:/m)
  })

  it('runs the gateway as its own user, and gives it the time that its drain takes', async () => {
    const files = await render({settings: {drainSec: 180}})
    expect(files.get(`${SLOT}/run`)?.text).toContain(
      "exec '/command/s6-setuidgid' 'hermes' /bin/sh '/run/service/gateway-default/helpers/start.sh'",
    )
    expect(files.get(`${SLOT}/helpers/start.sh`)?.text).toMatch(
      /\nexec '\/opt\/hermes\/bin\/hermes' 'gateway' 'run' '--profile=default'\n$/,
    )
    expect(files.get(`${SLOT}/timeout-kill`)?.text).toBe('250000\n')
  })

  it('has the gateway stand back for the CPU, and refuses what s6 cannot do, with what to do instead', async () => {
    const start = async (nice: number) => (await render({settings: {resources: {nice}}})).get(`${SLOT}/helpers/start.sh`)
    expect(await start(5)).toMatchObject({
      text: expect.stringMatching(/\nexec '\/usr\/bin\/nice' '-n' '5' '\/opt\/hermes\/bin\/hermes' /) as string,
      needsRestart: true,
    })
    // Somebody has edited the record.
    expect((await start(-5))?.text).not.toContain('nice')
    const refused = s6Manager(new FakeHost({account: ROOT, accounts: [HERMES], files: s6Files()})).definition.refusedResources
    expect([{memoryMax: '1G'}, {memoryHigh: '1G'}, {cpuWeight: 50}, {nice: -1}].map((resources) => refused?.(resources))).toEqual([
      expect.stringMatching(/^--memory-max: .* docker run --memory 1g$/),
      expect.stringMatching(/^--memory-high: /),
      expect.stringMatching(/^--cpu-weight: /),
      expect.stringMatching(/^--nice: /),
    ])
    expect(refused?.({keepAwake: true})).toMatch(/^--keep-awake: .* Keep the machine itself awake$/)
    expect(refused?.({nice: 5})).toBeUndefined()
  })
})

describeUnless(lacks('shellcheck'), 'shellcheck', () => {
  it('finds nothing in the programs that act on slots', () => {
    const folder = path.join(import.meta.dirname, '../../../templates/s6/programs')
    const files = readdirSync(folder).map((name) => path.join(folder, name))
    // skeleton.sh has lists split at newlines, meant so.
    const result = spawnSync('shellcheck', ['-s', 'sh', '-e', 'SC2086', ...files], {encoding: 'utf8'})
    expect([files.length > 10, result.stdout]).toEqual([true, ''])
  })

  it('finds nothing in the scripts of a slot', async () => {
    const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'slot-')))
    folders.push(folder)
    // The helper is the same for all managers: test/service/service-helper.test.ts.
    const isOwn = (file: {path: string; mode: number}) => file.mode === 0o755 && path.basename(file.path) !== HELPER_NAME
    const scripts = [...(await render({environment: [['A', 'b']]})).values()].filter(isOwn)
    expect(scripts.length).toBeGreaterThan(2)
    const names = scripts.map((file, index) => {
      const name = path.join(folder, `${index}-${path.basename(file.path)}`)
      mkdirSync(folder, {recursive: true})
      writeFileSync(name, file.text)
      return name
    })
    const result = spawnSync('shellcheck', ['-s', 'sh', '-e', 'SC1091', ...names], {encoding: 'utf8'})
    expect(result.stdout).toBe('')
  })
})
