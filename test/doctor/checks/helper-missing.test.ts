import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/helper-missing.js'
import {examined, fix, foreign, installed, kinds, SUPPORT} from '../../fakes/scene.js'

describe('helper-missing', () => {
  it('says nothing where all is there, and where none of ours is called', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
    expect(await kinds(foreign(), check)).toEqual([])
  })

  it.each([
    ['the helper', `${SUPPORT}/service-helper.sh`],
    ["the heartbeat's program", '/home/user/.config/hermes-svc/heartbeat.cjs'],
    ['the node that runs it', '/usr/bin/node'],
  ])('finds that %s is gone', async (_name, file) => {
    const machine = await installed()
    machine.host.drop(file)
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'missing', severity: 'warning', isSafe: true}])
    expect(findings[0]?.what).toContain(`${file} is gone`)
  })

  it('finds one that may not be read, and writes it again', async () => {
    const machine = await installed()
    machine.host.put(`${SUPPORT}/service-helper.sh`, {text: 'x', mode: 0o200})
    expect((await examined(machine, check)).findings[0]?.what).toContain('service-helper.sh cannot be read by user (mode 200)')
    await fix(machine, check)
    expect(await kinds(machine, check)).toEqual([])
  })

  const TICK_TIMER = '/home/user/.config/systemd/user/hermes-svc-heartbeat.timer'
  it.each([
    ['the helper', 'is empty', `${SUPPORT}/service-helper.sh`, () => ''],
    ['the helper', 'is cut off', `${SUPPORT}/service-helper.sh`, (text: string) => text.slice(0, text.length / 2)],
    ['the helper', 'is not what hermes-svc wrote', `${SUPPORT}/service-helper.sh`, (text: string) => `${text}exit 0\n`],
    ["the heartbeat's program", 'is empty', '/home/user/.config/hermes-svc/heartbeat.cjs', () => ''],
    ["the heartbeat's timer", 'is empty', TICK_TIMER, () => '\n'],
    ["the heartbeat's service", 'is empty', '/home/user/.config/systemd/user/hermes-svc-heartbeat.service', () => ''],
  ])('finds that %s %s, and writes it again', async (_name, fault, file, change) => {
    const machine = await installed()
    const text = machine.host.texts()[file] ?? ''
    machine.host.put(file, change(text))
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'altered', severity: 'warning', isSafe: true}])
    expect(findings[0]?.what).toBe(`hermes-gateway.service differs from what hermes-svc installed: ${file} ${fault}`)
    await fix(machine, check)
    expect(machine.host.texts()[file]).toBe(text)
    expect(await kinds(machine, check)).toEqual([])
  })

  it('says nothing of contents where one is missing: the cure of that writes all of them', async () => {
    const machine = await installed()
    machine.host.put(`${SUPPORT}/service-helper.sh`, '')
    machine.host.drop('/home/user/.config/hermes-svc/heartbeat.cjs')
    expect(await kinds(machine, check)).toEqual(['missing warning'])
  })

  it("finds that the heartbeat's timer is gone", async () => {
    const machine = await installed()
    machine.host.drop(TICK_TIMER)
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'tick-gone', isSafe: true}])
    await fix(machine, check)
    expect(await kinds(machine, check)).toEqual([])
  })

  it('leaves an edit by hand, and the tick of the version that another service is of', async () => {
    const machine = await installed()
    machine.host.put(TICK_TIMER, `${machine.host.texts()[TICK_TIMER] ?? ''}# mine\n`)
    const entry = '/home/user/.config/hermes-svc/heartbeat.cjs'
    machine.host.put(entry, '// The heartbeat tick of hermes-svc 9.9.9\n')
    expect(await kinds(machine, check)).toEqual([])
  })

  it.each([
    ['is too old', {stdout: 'v18.20.4\n'}, 'is too old (v18.20.4; 20.17 or newer is needed)'],
    ['does not run here', {stdout: '', failure: 'ENOEXEC'}, 'does not print its version (ENOEXEC)'],
  ])('asks a node other than its own for its version, and finds that it %s', async (_name, answer, fault) => {
    const machine = await installed({'/opt/node/bin/node': {text: '', mode: 0o755}})
    const file = '/home/user/.config/systemd/user/hermes-svc-heartbeat.service'
    machine.host.put(file, (machine.host.texts()[file] ?? '').replace('"/usr/bin/node"', '"/opt/node/bin/node"'))
    const read = machine.host.read.bind(machine.host)
    machine.host.read = (argv, options) =>
      argv.join(' ') === '/opt/node/bin/node --version' ? {argv, code: 0, signal: null, stderr: '', ...answer} : read(argv, options)
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'missing', isSafe: true}])
    expect(findings[0]?.what).toContain(`/opt/node/bin/node ${fault}`)
  })

  it('does not ask for the tick of a service that wants none', async () => {
    const machine = await installed()
    const file = `${SUPPORT}/settings.json`
    machine.host.put(file, (machine.host.texts()[file] ?? '').replace('"enabled": true', '"enabled": false'))
    machine.host.drop('/home/user/.config/hermes-svc/heartbeat.cjs')
    expect(await kinds(machine, check)).toEqual([])
  })
})
