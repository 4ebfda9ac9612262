import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/config.js'
import {keepGoodConfig, PROVEN_AFTER_MS} from '../../../src/service/last-good.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'
import {examined, fix, installed, kinds} from '../../fakes/scene.js'

const HOME = '/home/user/.hermes'
const CONFIG = `${HOME}/config.yaml`

/** A machine whose gateway has worked with a configuration that was then broken. */
async function broken(text = 'model: [\n'): Promise<FakeSystemd> {
  const machine = await installed()
  machine.host.put(CONFIG, {text: 'model: good\n', mode: 0o640, modifiedMs: machine.host.nowMs() - PROVEN_AFTER_MS})
  await keepGoodConfig(machine.host, HOME, PROVEN_AFTER_MS)
  machine.host.put(CONFIG, {text, mode: 0o640})
  return machine
}

describe('config', () => {
  it('says nothing of a home without one, or with one that can be read', async () => {
    const machine = await installed()
    expect(await kinds(machine, check)).toEqual([])
    machine.host.put(CONFIG, 'model: x\n')
    expect(await kinds(machine, check)).toEqual([])
  })

  it('finds one that cannot be read, and puts the last good one in its place, with the broken one beside it', async () => {
    const machine = await broken()
    const {findings, plan} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'unparsable', severity: 'error', isFixable: true, isSafe: false}])
    expect(findings[0]?.what).toMatch(/config\.yaml:\d+:\d+: /)
    expect(findings[0]?.cure).toEqual([`\${EDITOR:-nano} ${CONFIG}`, expect.stringContaining('hermes-svc fix config ')])
    expect((await plan?.({}))?.steps).toMatchObject([
      {kind: 'write-file', secret: true},
      {kind: 'write-file', path: CONFIG, text: 'model: good\n'},
    ])
    await fix(machine, check)
    expect(await kinds(machine, check)).toEqual([])
    expect([machine.host.texts()[CONFIG], machine.host.lstat(CONFIG)?.mode]).toEqual(['model: good\n', 0o640])
    const [aside = ''] = Object.keys(machine.host.texts()).filter((file) => file.startsWith(`${CONFIG}.broken-`))
    expect([machine.host.texts()[aside], machine.host.lstat(aside)?.mode]).toEqual(['model: [\n', 0o600])
  })

  it('touches none that somebody has changed meanwhile', async () => {
    const machine = await broken()
    const {plan} = await examined(machine, check)
    const [aside, restore] = (await plan?.({}))?.steps ?? []
    expect([aside?.onlyIf?.holds([]), restore?.onlyIf?.holds([])]).toEqual([true, true])
    machine.host.put(CONFIG, 'model: mended\n')
    expect([aside?.onlyIf?.holds([]), restore?.onlyIf?.holds([])]).toEqual([false, false])
  })

  it('leaves it to a person where none was kept, and where it is a link', async () => {
    const machine = await installed({[CONFIG]: '- a\n'})
    expect((await examined(machine, check)).findings).toMatchObject([
      {kind: 'wrong-type', isFixable: false, cure: [`\${EDITOR:-nano} ${CONFIG}`]},
    ])
    const linked = await broken()
    linked.host.put('/home/user/dotfiles/config.yaml', 'a: [\n')
    linked.host.drop(CONFIG)
    linked.host.put(CONFIG, {link: '/home/user/dotfiles/config.yaml'})
    expect((await examined(linked, check)).findings).toMatchObject([{kind: 'unparsable', isFixable: false}])
  })

  it('finds files that the gateway cannot read', async () => {
    const machine = await installed({[`${HOME}/.env`]: {text: 'A=1\n', uid: 0, gid: 0, mode: 0o600}})
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'unreadable', severity: 'error', isFixable: false}])
  })

  it('finds an update that was cut off', async () => {
    const checkout = `${HOME}/hermes-agent`
    const machine = await installed({[`${checkout}/pyproject.toml`]: '', [`${checkout}/.update-incomplete`]: 'started=1\npid=4242\n'})
    expect((await examined(machine, check)).findings).toMatchObject([
      {
        kind: 'update-cut-off',
        severity: 'warning',
        isFixable: false,
        cure: [expect.stringContaining('hermes update   # finishes the update')],
      },
    ])
  })
})
