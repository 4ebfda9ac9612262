import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/path.js'
import {examined, foreign, installed, kinds, SYSTEM_PATH} from '../../fakes/scene.js'

const withPath = (path: string) => ({Environment: `PATH=${path} HERMES_HOME=/home/user/.hermes`})

describe('path', () => {
  it('says nothing of a PATH with all that there is, or of a unit without one', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
    expect(await kinds(foreign({Environment: 'HERMES_HOME=/home/user/.hermes'}), check)).toEqual([])
  })

  it('finds that the tools of the system itself are not found', async () => {
    const {findings} = await examined(foreign(withPath('/usr/local/bin:/opt/venv/bin')), check)
    expect(findings).toMatchObject([{kind: 'required', severity: 'error', isFixable: false}])
    expect(findings[0]?.what).toContain('cannot find sh, env, ls, node, git in its PATH')
    expect(findings[0]?.cure).toEqual([`hermes-svc install --env 'PATH=${SYSTEM_PATH}'`])
    expect(findings[0]?.evidence).toContain('/opt/venv/bin does not exist')
  })

  it('misses an optional tool only where a service of ours would find it', async () => {
    const machine = await installed()
    machine.host.put('/opt/tools/uvx', {text: '', mode: 0o755})
    expect(await kinds(machine, check)).toEqual([])
    machine.host.put('/home/user/.local/bin/uvx', {text: '', mode: 0o755})
    expect((await examined(machine, check)).findings).toMatchObject([
      {kind: 'optional', severity: 'warning', isFixable: true, isSafe: false},
    ])
  })

  it('finds a folder of our own PATH that is gone, and not one that another tool wrote', async () => {
    const shown = withPath(`/opt/venv/bin:${SYSTEM_PATH}`)
    const machine = await installed()
    Object.assign(machine.shown, shown)
    expect(await kinds(machine, check)).toEqual(['folder-gone warning'])
    expect(await kinds(foreign(shown), check)).toEqual([])
  })

  it('leaves a PATH that the operator has given to the operator', async () => {
    const machine = await installed()
    machine.host.put('/home/user/.config/hermes-svc/hermes-gateway/gateway.env', 'PATH="/opt/venv/bin"\n')
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'required', isFixable: false}])
  })
})
